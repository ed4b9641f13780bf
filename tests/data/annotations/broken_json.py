"""A JSON document with its values replaced, one at a time, by what should not be there."""

import json
from collections.abc import Iterator
from typing import Any

WRONG = (None, True, -1, 1e999, "", "x", [1], ["x", None], {})


def mutants(data: Any) -> Iterator[Any]:
    """Copies of a document, each with one value that is wrong, or without it."""
    for at in _places(data):
        for wrong in WRONG:
            yield _replaced(data, at, lambda inner, key, wrong=wrong: inner.__setitem__(key, wrong))
        yield _replaced(data, at, lambda inner, key: inner.__delitem__(key))


def _replaced(data: Any, at: tuple, change) -> Any:
    copy = json.loads(json.dumps(data))
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    change(inner, at[-1])
    return copy


def _places(data: Any, at: tuple = ()) -> Iterator[tuple]:
    """The way to every value in a document, of a list to the first three."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data[:3]) if isinstance(data, list) else ():
        yield (*at, key)
        yield from _places(value, (*at, key))
