"""Signals that this process gets, handed on to those that it started."""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from dougong.signals import Signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Forward(Signals):
    """While entered, ctrl-C and termination are for these processes to answer."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        super().__init__(SIGNALS)
        self.processes = processes

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Hand it on."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)
