"""Some of many, evenly."""

import pytest

from partpose.data.spread import spread


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(0, 3, []), (3, 5, [0, 1, 2]), (9, 3, [0, 4, 8]), (10, 1, [0]), (10, 0, []), (4, 4, [0, 1, 2, 3])],
)
def test_places_are_spread_from_the_first_to_the_last(total, count, expected):
    assert spread(total, count) == expected
