"""SIGINT and SIGTERM as something that a training can answer."""

import signal
import threading
from types import FrameType


class Stopped(BaseException):
    """A signal came where there was nothing to save."""


class Signals:
    """A context in which SIGINT and SIGTERM do not kill; a second one does, as usual, unless `again` says otherwise.

    `received` is the signal that came, or None. Until `patient` is set it raises `Stopped` at once, afterwards whoever
    trains looks at `received` between steps. Outside the main thread, where Python allows no handlers, nothing changes.
    """

    def __init__(self, again: signal.Handlers = signal.SIG_DFL) -> None:
        self.again = again
        self.received: int | None = None
        self.patient = False
        self._before: dict = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        signal.signal(number, self.again)
        if not self.patient:
            raise Stopped
