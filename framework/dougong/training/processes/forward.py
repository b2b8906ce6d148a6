"""Signals that this process gets, handed on to those that it started."""

import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Forward:
    """While entered, ctrl-C and termination are for these processes to answer."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.processes = processes
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Forward":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._hand_on) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)
