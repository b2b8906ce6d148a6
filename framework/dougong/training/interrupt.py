"""Ctrl-C: the first ends the run between two updates, saved; the second at once."""

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

from dougong.training.processes import group


class InterruptedRunError(Exception):
    """The user asked to stop, and the state is saved."""


class Interrupt:
    """While entered, turns the first SIGINT into a request that the training loop honours when its state is whole."""

    def __init__(self) -> None:
        self.requested = False
        self._process = os.getpid()
        self._previous: Any = None

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def check(self) -> None:
        """Stop here if it was asked for.

        Raises:
            InterruptedRunError: it was.
        """
        if group.any_of(self.requested):
            raise InterruptedRunError

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a worker that makes batches: ctrl-C reaches it too, and the training process will end it
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print("\nstopping after this update, and saving; press ctrl-C again to stop at once", file=sys.stderr)
