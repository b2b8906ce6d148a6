"""Ctrl-C and a scheduler's notice: the run ends between two updates, saved; a second ctrl-C ends it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from dougong.signals import Signals

TRY_AGAIN = 75
"""The exit code after a scheduler's notice: EX_TEMPFAIL of sysexits.h, "temporary failure, try again". The code of a
process that a SIGTERM killed, 143, would not tell a run that has saved from one that has not."""

_INTERRUPTED = 130
STDERR = 2
_CODES = {signal.SIGINT: _INTERRUPTED, signal.SIGTERM: TRY_AGAIN, signal.SIGUSR1: TRY_AGAIN}


class InterruptedRunError(BaseException):
    """The run was asked to stop, and the state is saved. As KeyboardInterrupt, nothing may take it for a failure."""


class Interrupt(Signals):
    """While entered, turns the first SIGINT, SIGTERM or SIGUSR1 into a request to stop.

    Args:
        waits: whether the request is honoured by `check`, called when the state is whole, rather than at once.
    """

    def __init__(self, waits: bool = True) -> None:
        super().__init__(_CODES)
        self.exit_code = 0
        self.waits = waits
        self._process = os.getpid()

    @property
    def requested(self) -> bool:
        """Whether the run is to stop."""
        return self.exit_code != 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within, a request waits for `check`."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def check(self) -> None:
        """Stop here if it was asked for.

        Raises:
            InterruptedRunError: it was.
        """
        from dougong.training.processes import group  # torch comes with it

        if group.any_of(self.requested):
            self.exit_code = max(group.everyone(self.exit_code))  # a signal may have reached another process alone
            raise InterruptedRunError

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the request, or end at once."""
        if os.getpid() != self._process:
            _in_a_child(number)
        elif number == signal.SIGINT and (self.requested or not self.waits):
            raise KeyboardInterrupt
        elif not self.waits:
            self.exit_code = TRY_AGAIN
            raise InterruptedRunError
        elif not self.requested:
            self.exit_code = _CODES[signal.Signals(number)]
            again = "; press ctrl-C again to stop at once" if number == signal.SIGINT else ""
            with suppress(OSError):  # not by print: one that this has interrupted would not bear another
                os.write(STDERR, f"\nstopping after this update, and saving{again}\n".encode())


def _in_a_child(number: int) -> None:
    """What a forked process does, that makes batches, say: ctrl-C reaches it too, and the training will end it."""
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
