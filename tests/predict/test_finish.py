"""What is asked for is done, in order, and what does not fit is refused before any work."""

from dataclasses import replace

import numpy as np
import pytest
from test_filtering import poses

from partpose.errors import PartposeError
from partpose.predict.files import WRITERS
from partpose.predict.finish import FORMATS, Finish, among


def test_nothing_asked_for_is_nothing_done():
    given = poses([1.0, 2.0, 3.0])
    assert Finish()(given) is given


@pytest.mark.parametrize(
    ("how", "done"),
    [
        ({"smooth": "median"}, "median_filter(window=5)"),
        ({"smooth": "median", "window": 3}, "median_filter(window=3)"),
        ({"smooth": "savgol"}, "savgol_filter(window=9, degree=2, max_gap=0)"),
        ({"smooth": "savgol", "window": 5, "degree": 4}, "savgol_filter(window=5, degree=4, max_gap=0)"),
        ({"smooth": "kalman"}, "kalman_smooth(noise='from second differences')"),
        ({"min_confidence": 0.5}, "mask_low_confidence(threshold=0.5)"),
        ({"max_gap": 2}, "interpolate_gaps(max_gap=2)"),
    ],
)
def test_each_filter_with_its_parameters(how, done):
    assert Finish(**how)(poses(np.arange(20.0))).history == (done,)


def test_an_unsure_wild_frame_is_left_out_smoothed_around_and_filled():
    path = np.arange(9.0)
    path[4] = 90
    given = poses(path)
    sure = given.confidence.copy()
    sure[4] = 0.1
    found = Finish(min_confidence=0.3, smooth="savgol", max_gap=1)(replace(given, confidence=sure))
    np.testing.assert_allclose(found.mean[:, 0, 0], np.arange(9.0), atol=1e-9)
    assert [one.split("(")[0] for one in found.history] == ["mask_low_confidence", "savgol_filter", "interpolate_gaps"]
    np.testing.assert_array_equal(found.raw, given.mean)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"smooth": "median", "window": 4}, "--window must be an odd number of frames, got 4"),
        ({"smooth": "kalman", "window": 5}, "--window is for --smooth median and savgol"),
        ({"window": 5}, "--window is for --smooth median and savgol"),
        ({"smooth": "savgol", "window": 3, "degree": 3}, r"--degree must be from 0 to 2 \(of a window of 3\), got 3"),
        ({"min_confidence": 1.5}, "--min-confidence must lie between 0 and 1, got 1.5"),
        ({"max_gap": -1}, "--max-gap must be a number of frames, 0 or more, got -1"),
        ({"format": "h5,xls"}, "--format expects some of h5, csv, coco, npz, separated by commas, got 'xls'"),
    ],
)
def test_what_does_not_fit_is_refused(how, message):
    with pytest.raises(PartposeError, match=message):
        Finish(**how)


def test_words_are_read_once_each_in_order():
    assert among(FORMATS, "npz, h5,npz", "--format") == ("npz", "h5")
    assert among(FORMATS, "", "--with") == ()


def test_every_format_has_its_writer():
    assert tuple(WRITERS) == FORMATS
