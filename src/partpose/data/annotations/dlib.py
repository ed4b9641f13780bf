"""dlib's imglab: XML with pictures, boxes in them and named parts in those. Pixels count from 0."""

from pathlib import Path
from xml.etree import ElementTree

from partpose.data.annotations.files import candidates, peek, root_of
from partpose.data.annotations.names import IBUG_68, flip_pairs_of, split_of
from partpose.data.annotations.rows import Parts, landmarks_of, located, rows_of
from partpose.data.cut import Box
from partpose.data.landmarks import Landmarks, in_words
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

NAME = "dlib-xml"


def find(path: Path) -> list[Path]:
    """The XML files with parts; one that was named itself also without any, so that `read` can refuse it."""
    ours = [(file, text) for file in candidates(path, ".xml") for text in [peek(file)] if _is_imglab(text)]
    return [file for file, text in ours if "<part" in text or file == path]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of these files, `train` and `test` by their names; a box with parts is a row, if not to be ignored.

    A picture without such a box is a row without landmarks. Raises PartposeError where a file is broken or has no parts.
    """
    root = root_of(path)
    objects: list[Parts] = []
    skipped: list[Skipped] = []
    for file in found:
        for image in _images(file):
            objects += _objects(image, split_of(file, root), file, skipped)
    rows, names = rows_of(objects)
    if not names:
        raise PartposeError(f"{readable(found[0])} has boxes without parts: expected landmarks")
    pairs = IBUG_68 if len(names) == 68 and names[0] in ("0", "00") else flip_pairs_of(names)
    return landmarks_of(root, located(rows, root), names, flip_pairs=pairs, format=NAME, skipped=tuple(skipped))


def _is_imglab(text: str) -> bool:
    return all(tag in text for tag in ("<dataset", "<images", "<image "))


def _images(file: Path) -> list[ElementTree.Element]:
    try:
        with in_words(file):
            images = ElementTree.parse(file).findall("./images/image")
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PartposeError(f"{readable(file)} is not XML: {error}") from error
    if not all(image.get("file", "").strip() for image in images):
        raise PartposeError(f"{readable(file)}: each <image> must name its file")
    return images


def _objects(image: ElementTree.Element, split: str, file: Path, skipped: list[Skipped]) -> list[Parts]:
    """The boxes of a picture that have parts; the picture alone where there is none. Broken ones are added to `skipped`."""
    name = image.attrib["file"]
    objects = []
    for box in image.findall("box"):
        if box.get("ignore") == "1" or box.find("part") is None:
            continue
        try:
            edges = Box(*(float(box.attrib[key]) for key in ("left", "top", "width", "height")))
            parts = {p.attrib["name"]: (float(p.attrib["x"]), float(p.attrib["y"])) for p in box.findall("part")}
            objects.append(Parts(name, split, parts, edges))
        except (KeyError, ValueError) as error:
            skipped.append(Skipped(f"{readable(file)}: a box of {name}", f"has a broken part or edge: {error}"))
    return objects or [Parts(name, split, {})]
