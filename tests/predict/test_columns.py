"""What grows batch by batch is what is joined at once."""

import numpy as np
import pytest

from partpose.predict.columns import Columns


@pytest.mark.parametrize("batches", [[1], [3, 3, 3], [32] * 20 + [5], [1, 100, 2]])
def test_columns_are_the_batches_one_after_the_other(batches):
    rng = np.random.default_rng(0)
    parts = [{"a": rng.normal(size=(n, 2, 3)).astype(np.float32), "b": rng.integers(0, 9, n)} for n in batches]
    columns = Columns()
    for one in parts:
        columns.add(one)
    found = columns.arrays()
    assert len(columns) == sum(batches)
    for name, kind in (("a", np.float64), ("b", np.int64)):
        np.testing.assert_array_equal(found[name], np.concatenate([one[name] for one in parts]))
        assert found[name].dtype == kind


def test_what_was_given_before_stays_as_it_was():
    columns = Columns()
    columns.add({"a": np.arange(10.0), "b": np.array(["x"] * 10, object)})
    before = columns.arrays()
    for _ in range(5):
        columns.add({"a": -np.arange(7.0), "b": np.array(["y"] * 7, object)})
    np.testing.assert_array_equal(before["a"], np.arange(10))
    assert set(before["b"]) == {"x"}
    with pytest.raises(ValueError, match="read-only"):
        before["a"][0] = 1


def test_nothing_was_added():
    assert not Columns()
    assert Columns().arrays() == {}
