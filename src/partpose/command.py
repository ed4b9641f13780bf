"""What lies around every command: a user's mistake becomes one line, a signal an exit code."""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from partpose.errors import PartposeError


@contextmanager
def command(name: str) -> Generator[None]:
    """Run the body as the command `name`.

    A PartposeError ends it with one line and exit code 2, SIGINT and SIGTERM with 130 and 143, so that files that are
    half written are removed, and a reader of its output that has gone away with 141.
    """
    before = _exit_on_sigterm()
    try:
        yield
    except PartposeError as error:
        if error.alone or os.environ.get("LOCAL_RANK", "0") == "0":  # all processes of torchrun see a wrong command
            print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain when it flushes
        sys.exit(141)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _exit_on_sigterm() -> Any:
    """Handle SIGTERM like SIGINT; None outside the main thread, where Python allows no handlers."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
