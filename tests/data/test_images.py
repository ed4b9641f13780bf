import warnings

import numpy as np
import pytest
from drawing import blob, png_header
from PIL import Image

from partpose.data.images import Unreadable, as_channels, read_image, square, stored_size
from partpose.data.walk import IMAGE_SUFFIXES, walk
from partpose.errors import PartposeError
from partpose.geometry import Square


def centre_of(pixels):
    """The centre of mass (x, y) of what is bright."""
    bright = np.where(pixels > 8, pixels.astype(float), 0.0).sum(-1)
    rows, columns = np.mgrid[: bright.shape[0], : bright.shape[1]]
    return np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()


def dot(width, height, x, y, spread):
    rows, columns = np.mgrid[:height, :width]
    bright = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
    return bright.astype(np.uint8)[..., None]


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(640, 480, 80), (479, 641, 96), (50, 33, 128), (33, 50, 128), (101, 101, 64), (20, 20, 80), (401, 300, 160)],
)
def test_a_dot_lands_where_the_geometry_says(width, height, size):
    at = np.array([0.45 * width, 0.6 * height])
    pixels = dot(width, height, *at, spread=max(2.5, max(width, height) / 60))
    inside = Square.around(width, height).from_pixels(at)
    expected = ((inside + 1) * size - 1) / 2
    assert np.abs(centre_of(square(pixels, size)) - expected).max() < 0.03


@pytest.mark.parametrize("bits", [12, 16])
def test_pictures_of_12_bits_in_16_are_as_bright_as_others(tmp_path, bits):
    values = np.linspace(0, 2**bits - 1, 32 * 32).astype(np.uint16).reshape(32, 32)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        pixels = read_image(tmp_path / name).pixels
        np.testing.assert_allclose(pixels[..., 0], values * (255 / (2**bits - 1)), atol=0.6)


def test_dim_pictures_of_16_bits_are_no_bright_ones_of_12(tmp_path):
    for i, most in enumerate((3000, 60000)):
        Image.fromarray(np.full((32, 32), most, np.uint16)).save(tmp_path / f"{i}.png")
    assert read_image(tmp_path / "0.png").pixels.max() == 3000 // 257 + 1


def test_padding_repeats_the_edge_colours():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[0], pixels[-1] = (200, 0, 0), (0, 0, 200)
    result = square(pixels, 60)
    assert (result[:19] == (200, 0, 0)).all()
    assert (result[41:] == (0, 0, 200)).all()


def test_a_square_of_the_right_size_is_left_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    assert np.array_equal(square(pixels, 48), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(31, 50), (50, 31), (40, 40)])
def test_square_keeps_channels_apart(channels, shape):
    pixels = np.broadcast_to(np.arange(channels, dtype=np.uint8) * 60 + 10, (*shape, channels))
    assert (square(pixels, 24) == np.arange(channels) * 60 + 10).all()


def test_a_long_strip_needs_little_memory():
    assert square(np.full((16, 800, 3), 9, np.uint8), 64).shape == (64, 64, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = blob(60, 40, 15, 10)
    # What a camera held so would have stored, from the EXIF standard's table of where row 0 and column 0 are.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {".jpg": {"quality": 98}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"a{suffix}", exif=exif, **options)
    picture = read_image(tmp_path / f"a{suffix}")
    assert (picture.width, picture.height) == (60, 40)
    assert np.abs(picture.pixels.astype(int) - upright).mean() < 4


@pytest.mark.parametrize(("width", "height"), [(1007, 1000), (803, 1211), (640, 480)])
def test_a_reduced_jpeg_keeps_its_geometry(tmp_path, width, height):
    Image.fromarray(blob(width, height, 0.4 * width, 0.6 * height)).save(tmp_path / "a.jpg", quality=95)
    full, reduced = read_image(tmp_path / "a.jpg", 3), read_image(tmp_path / "a.jpg", 3, side=100)
    assert 100 <= min(reduced.pixels.shape[:2]) < min(full.pixels.shape[:2])
    assert (reduced.width, reduced.height) == (width, height)
    difference = full.square(100).astype(int) - reduced.square(100)
    assert (
        np.abs(
            centre_of(np.maximum(full.square(100), 60) - 60) - centre_of(np.maximum(reduced.square(100), 60) - 60)
        ).max()
        < 0.05
    )
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize(
    ("mode", "suffix", "value", "expected"),
    [
        ("L", "png", 100, (100, 100, 100)),
        ("RGB", "png", (10, 20, 30), (10, 20, 30)),
        ("CMYK", "jpg", (255, 255, 0, 0), (0, 0, 255)),
        ("1", "png", 1, (255, 255, 255)),
        ("RGBA", "png", (200, 100, 50, 0), (0, 0, 0)),
        ("RGBA", "png", (200, 100, 50, 128), (100, 50, 25)),
        ("LA", "png", (200, 0), (0, 0, 0)),
    ],
)
def test_every_mode_becomes_the_expected_colour(tmp_path, mode, suffix, value, expected):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (20, 20), value).save(path)
    assert np.abs(read_image(path, 3).pixels.astype(int) - expected).max() <= 2
    luminance = np.dot(expected, [0.299, 0.587, 0.114])
    assert abs(int(read_image(path, 1).pixels[10, 10, 0]) - luminance) <= 2


def test_alpha_is_kept_beside_clean_colours(tmp_path):
    Image.new("RGBA", (20, 20), (200, 100, 50, 128)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", 4).pixels[0, 0].tolist() == [100, 50, 25, 128]
    assert read_image(tmp_path / "a.png", 2).pixels[0, 0, 1] == 128
    Image.new("RGB", (20, 20), (1, 2, 3)).save(tmp_path / "b.png")
    assert read_image(tmp_path / "b.png", 4).pixels[0, 0].tolist() == [1, 2, 3, 255]


@pytest.mark.parametrize(
    ("values", "suffix", "expected"),
    [
        (np.uint16([0, 257, 25700, 65535]), "png", [0, 1, 100, 255]),
        (np.uint16([0, 257, 25700, 65535]), "tif", [0, 1, 100, 255]),
        (np.int32([0, 257, 25700, 65535]), "tif", [0, 1, 100, 255]),
        (np.int32([-1000, 0, 1000, 1550]), "tif", [0, 100, 200, 255]),
        (np.float32([0.0, 0.2, np.nan, 1.0]), "tif", [0, 51, 0, 255]),
        (np.float32([7.0, 7.0, 7.0, 7.0]), "tif", [0, 0, 0, 0]),
    ],
)
def test_deep_pictures_are_scaled_to_8_bits(tmp_path, values, suffix, expected):
    Image.fromarray(np.tile(values, (16, 4))).save(tmp_path / f"a.{suffix}")
    assert read_image(tmp_path / f"a.{suffix}", 1).pixels[0, :4, 0].tolist() == expected


def test_the_first_frame_of_a_moving_picture(tmp_path):
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("#ff0000", "#0000ff"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_image(tmp_path / "a.gif").pixels[0, 0].tolist() == [255, 0, 0]


def test_frames_of_a_video_get_the_same_channels(tmp_path):
    rgb = blob(24, 20, 12, 10)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    for channels in (1, 2, 3, 4):
        assert np.array_equal(as_channels(rgb, channels), read_image(tmp_path / "a.png", channels).pixels)


def test_a_bad_folder_is_read_as_far_as_it_goes(bad_folder):
    found, skipped = walk(bad_folder.path)
    found = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
    read, reasons = [], {line.path: line.reason for line in skipped}
    for path in found:
        try:
            assert read_image(path, side=16).square(16).shape == (16, 16, 3)
            read.append(path.relative_to(bad_folder.path).as_posix())
        except Unreadable as error:
            assert error.skipped.path not in reasons
            reasons[error.skipped.path] = error.skipped.reason
    assert tuple(read) == bad_folder.good
    assert {path.removeprefix(f"{bad_folder.path}/") for path in reasons} == set(bad_folder.bad)
    for name, word in bad_folder.bad.items():
        assert word in reasons[f"{bad_folder.path}/{name}"]


def test_the_bad_folder_makes_no_warning(bad_folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for path in walk(bad_folder.path)[0]:
            try:
                read_image(path)
            except Unreadable:
                continue
    assert not caught


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((12000, 10001), "12000×10001 pixels, more than the 120"),
        ((20000, 30000), "claims 600 megapixels, more than the 120"),
        ((15, 400), "at least 16"),
        ((4000, 20), "50 times"),
        ((0, 5), "not a picture"),
    ],
)
def test_sizes_that_are_refused_from_the_header(tmp_path, size, words):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    with pytest.raises(Unreadable, match=words):
        read_image(tmp_path / "a.png")


def test_the_stored_size_is_read_without_the_pixels(tmp_path):
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    Image.fromarray(blob(200, 160, 90, 80)).save(whole)
    cut.write_bytes(whole.read_bytes()[:900])
    assert stored_size(whole) == stored_size(cut) == (200, 160)
    with pytest.raises(Unreadable, match="does not exist"):
        stored_size(tmp_path / "nowhere.jpg")


def test_reasons_for_what_is_no_file(tmp_path):
    with pytest.raises(Unreadable, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(Unreadable, match="folder"):
        read_image(tmp_path)
    with pytest.raises(PartposeError, match="channels must be 1, 2, 3 or 4, got 5"):
        read_image(tmp_path / "none.png", channels=5)


def test_a_file_without_permission_is_said_to_be_so(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "open", deny)
    with pytest.raises(Unreadable, match="no permission"):
        read_image(tmp_path / "a.png")


def test_a_program_disguised_as_a_picture_is_not_run(tmp_path):
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n")
    with pytest.raises(Unreadable, match="not a picture"):
        read_image(tmp_path / "a.png")
