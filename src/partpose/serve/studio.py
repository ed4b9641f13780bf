"""What the page can do, one request at a time: all of it runs in the network's thread."""

import io
import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from partpose.data.images import read_image
from partpose.edit.names import keypoint_names, named, read_names, write_names
from partpose.geometry import Square
from partpose.predict.artist import Artist
from partpose.predict.draw import palette
from partpose.predict.formats import write_dlc_csv, write_hdf5
from partpose.predict.overlay import draw_overlay
from partpose.predict.poses import Poses
from partpose.predict.predictor import Predictor
from partpose.predict.style import Style
from partpose.serve.limits import Limits
from partpose.serve.messages import Frame, Model, Part, Picture, Rebuild
from partpose.serve.scene import ORIGINAL, read_scene
from partpose.serve.shelf import Shelf

TABLES = {"csv": write_dlc_csv, "h5": write_hdf5}


class Studio:
    """A model, the folder that keeps the names of its parts, and what was put on the page.

    folder: for everything that is uploaded, one folder a file.
    """

    def __init__(self, predictor: Predictor, run: Path, folder: Path, limits: Limits) -> None:
        self.predictor, self.run, self.folder, self.limits = predictor, run, folder, limits
        self.shelf = Shelf(limits)
        self.parts = predictor.settings.model.parts

    def about(self) -> Model:
        """The model and the names of its parts."""
        given = read_names(self.run)
        names = list(keypoint_names(given, self.parts))
        taken = {name: getattr(self.limits, name) for name in ("upload", "pixels", "frames", "idle")}
        colours = [f"#{bytes(colour).hex()}" for colour in palette(self.parts)]
        name, side = Path(self.predictor.name).name or self.predictor.name, self.predictor.side
        return Model(name=name, side=side, names=names, given=given, colours=colours, limits=taken)

    def rename(self, names: dict[int, str]) -> Model:
        """Save names in the run. Raises PartposeError for what can be no name."""
        write_names(self.run, names)
        return self.about()

    def add(self, folder: Path, name: str) -> Picture:
        """Find the parts in the file `folder/original`, and hold it."""
        scene = read_scene(self.predictor, folder, name, self.limits)
        frames = [_frame(scene.poses, row) for row in range(len(scene.poses))]
        kind = "video" if scene.source.kind == "video" else "picture"
        return Picture(id=self.shelf.put(scene), name=scene.label, kind=kind, frames=frames)

    def preview(self, key: str, row: int) -> tuple[bytes, str]:
        """A picture to be shown, and its media type."""
        file = self.shelf.get(key).preview(row)
        return file.read_bytes(), "image/png" if file.suffix == ".png" else "image/jpeg"

    def maps(self, key: str, row: int) -> bytes:
        """The part maps as one grey PNG, one above the other, each relative to its own peak."""
        scene = self.shelf.get(key)
        with torch.inference_mode():
            images = self.predictor.tensor(scene.canvases[scene.check(row)][None])
            maps = self.predictor.network.part_maps(images)[0].float()
        relative = maps / maps.amax((1, 2), keepdim=True).clamp_min(1e-12)
        return png((relative.flatten(0, 1) * 255).round().byte().cpu().numpy())

    def rebuilt(self, key: str, row: int, changes: Rebuild) -> bytes:
        """A PNG of what the generator makes of a picture with some parts moved, and some in other looks."""
        scene = self.shelf.get(key)
        square = Square(*scene.poses.squares[scene.check(row)])
        with torch.inference_mode():
            encoding = scene.encoding(self.predictor, row)
            for look in changes.looks:
                other = self.shelf.get(look.picture).encoding(self.predictor, look.frame)
                encoding = encoding.replace(other, look.parts)
            for part, moved in changes.moved.items():
                encoding = encoding.move(part, moved.mean, moved.covariance, square)
        return png(_visible(self.predictor.decode(encoding)[0]))

    def table(self, key: str, form: str) -> tuple[bytes, str]:
        """The keypoints as the model found them, as a file of this form, and what to call it."""
        scene = self.shelf.get(key)
        path = scene.folder / f"keypoints.{form}"
        TABLES[form](named(scene.poses, read_names(self.run)), path)
        return _taken(path), f"{scene.source.stem}.{form}"

    def overlay(self, key: str, draw: str) -> tuple[bytes, str]:
        """The original with its parts drawn in, a PNG or an MP4, and what to call it."""
        scene, style = self.shelf.get(key), Style(draw=draw)
        poses = named(scene.poses, read_names(self.run))
        if scene.source.kind == "pictures":
            artist = Artist(poses, style)
            drawn = artist.draw(read_image(scene.folder / ORIGINAL).pixels, [artist.marks(0)])
            return png(drawn), f"{scene.source.stem}_parts.png"
        (path,) = draw_overlay(poses, scene.source, scene.folder / "overlay", style)
        return _taken(path), f"{scene.source.stem}_parts.mp4"

    def remove(self, key: str) -> None:
        """Let go of a picture and its files."""
        self.shelf.drop(key)

    def tidy(self) -> None:
        """Let go of what was not used for long."""
        self.shelf.tidy()


def discard(folder: Path) -> None:
    """Remove the folder of an upload that came to nothing."""
    shutil.rmtree(folder, ignore_errors=True)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """uint8 (H, W) or (H, W, 3) as a PNG, quickly."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _visible(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey or RGB of a picture of any channels, without its alpha."""
    return np.ascontiguousarray(pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., 0])


def _taken(path: Path) -> bytes:
    try:
        return path.read_bytes()
    finally:
        path.unlink()


def _frame(poses: Poses, row: int) -> Frame:
    columns = poses.mean[row].tolist(), poses.covariance[row].tolist(), poses.confidence[row].tolist()
    parts = [Part(mean=mean, covariance=cov, confidence=sure) for mean, cov, sure in zip(*columns, strict=True)]
    width, height = poses.sizes[row].tolist()
    time = float(poses.time_stamp[row])
    about = {"index": int(poses.frame_index[row]), "time": None if np.isnan(time) else time}
    return Frame(**about, width=width, height=height, square=tuple(poses.squares[row].tolist()), parts=parts)
