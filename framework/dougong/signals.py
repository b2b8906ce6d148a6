"""Taking signals for a while."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any, TypeVar

Taken = TypeVar("Taken", bound="Signals")


class Signals(ABC):
    """While entered, signals go to `handle`; afterwards to whom they went before. Only the main thread can.

    Args:
        numbers: of the signals.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = tuple(numbers)
        self._previous: dict[int, Any] = {}

    @abstractmethod
    def handle(self, number: int, frame: FrameType | None) -> None:
        """Called with the number of the signal, and where the main thread was."""

    def __enter__(self: Taken) -> Taken:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.getsignal(number) for number in self._numbers}
            self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def install(self) -> None:
        """Take the signals, also from a library that has taken them since."""
        for number in self._previous:
            signal.signal(number, self.handle)
