"""PSNR, SSIM and colours under parts are what their definitions say, and only the object counts where it should."""

import numpy as np
import pytest

from partpose.evaluate.likeness import colour_errors, likeness, ssim_map

RNG = np.random.default_rng(0)
PICTURES = RNG.uniform(size=(3, 32, 28, 3))
ALL = np.ones((3, 32, 28), bool)
MIDDLE = np.zeros((3, 32, 28), bool)
MIDDLE[:, 8:24, 8:20] = True


def test_a_picture_is_like_itself():
    found = likeness(PICTURES, PICTURES, MIDDLE)
    np.testing.assert_allclose(found.psnr, 100)
    np.testing.assert_allclose(found.psnr_object, 100)
    np.testing.assert_allclose(found.ssim, 1)
    np.testing.assert_allclose(found.ssim_object, 1)


def test_psnr_of_a_known_difference():
    """0.1 everywhere is 20 dB; 0.1 on the object alone is less of the picture, and 20 dB of the object."""
    np.testing.assert_allclose(likeness(PICTURES + 0.1, PICTURES, ALL).psnr, 20)
    found = likeness(PICTURES + 0.1 * MIDDLE[..., None], PICTURES, MIDDLE)
    np.testing.assert_allclose(found.psnr_object, 20)
    np.testing.assert_allclose(found.psnr, 20 + 10 * np.log10(32 * 28 / (16 * 12)))


def test_what_is_beside_the_object_does_not_count_for_it():
    other = np.where(MIDDLE[..., None], PICTURES, 1 - PICTURES)
    found = likeness(other, PICTURES, MIDDLE)
    np.testing.assert_allclose(found.psnr_object, 100)
    assert (found.psnr < 12).all()
    inner = np.zeros_like(MIDDLE)
    inner[:, 13:19, 13:15] = True
    np.testing.assert_allclose(likeness(other, PICTURES, inner).ssim_object, 1)
    assert (found.ssim < 0.9).all()


def test_ssim_is_that_of_the_definition():
    """Written once more, with the window of a library."""
    gaussian_filter = pytest.importorskip("scipy.ndimage").gaussian_filter
    x, y = PICTURES[0], RNG.uniform(size=PICTURES[0].shape)

    def blur(values):
        return np.stack([gaussian_filter(values[..., c], 1.5, truncate=3.4) for c in range(3)], -1)[5:-5, 5:-5]

    mx, my = blur(x), blur(y)
    xx, yy, xy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    expected = (2 * mx * my + 1e-4) * (2 * xy + 9e-4) / ((mx**2 + my**2 + 1e-4) * (xx + yy + 9e-4))
    np.testing.assert_allclose(ssim_map(x[None], y[None])[0], expected.mean(-1), atol=1e-10)


def test_colours_are_compared_where_a_part_is_the_nearest():
    """Two parts share the object, left and right; the third has no pixel of it."""
    columns = np.broadcast_to(np.arange(28), (1, 32, 28))
    heats = np.stack([columns < 14, columns >= 14, columns < 4], axis=1) * np.array([1.0, 1.0, 2.0])[:, None, None]
    truth = PICTURES[:1]
    found = truth + np.where(columns < 14, 0.2, -0.1)[..., None] * (1, 1, 0)
    errors = colour_errors(found, truth, MIDDLE[:1], heats)
    np.testing.assert_allclose(errors[0, :2], [0.2 * 2 / 3, 0.1 * 2 / 3])
    assert np.isnan(errors[0, 2])


def test_differences_that_cancel_within_a_part_are_no_difference_of_its_colour():
    noise = np.where(np.indices((32, 28)).sum(0) % 2, 0.1, -0.1)[None, ..., None]
    errors = colour_errors(PICTURES[:1] + noise, PICTURES[:1], MIDDLE[:1], np.ones((1, 1, 32, 28)))
    np.testing.assert_allclose(errors, 0, atol=1e-12)


def test_a_part_with_hardly_any_of_the_object_has_no_colour():
    heats = np.zeros((1, 2, 32, 28))
    heats[:, 0] = 1
    heats[:, 1, 10, 10] = 2
    assert np.isnan(colour_errors(PICTURES[:1], PICTURES[:1], MIDDLE[:1], heats)[0, 1])
