"""What partpose tells a user whose input it cannot use."""

from typing import NamedTuple


class PartposeError(Exception):
    """A mistake that the user can mend; its text says what was expected, what came and what to do.

    The command line prints the text alone, without a traceback, and leaves with exit code 2.
    """

    alone = False
    """Whether, of several processes, the one that raises it is the one to say it."""


class Skipped(NamedTuple):
    """One file that was passed over, and why; a run goes on without it."""

    path: str
    reason: str
