"""Some of many, evenly."""


def spread(total: int, count: int) -> list[int]:
    """At most `count` of so many places, evenly from the first to the last."""
    if count < 2:
        return [0][: min(count, total)]
    return [round(i * (total - 1) / (count - 1)) for i in range(count)] if count < total else list(range(total))
