"""A tracker that records in a thread of its own, so that a slow network or a dead service holds up no training."""

import importlib.util
import os
import queue
import shlex
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from dougong.contracts.drawing import Drawing
from dougong.contracts.tracker import RunInformation, Tracker
from dougong.errors import UserError


class BackgroundTracker(Tracker):
    """Hands all calls to a thread, records nothing twice where a run is resumed, and gives up after a while.

    A plugin says how to `open` its service, how to send what comes, and how to `close` it; these methods are called in
    the thread, one after the other, and what one of them raises ends the recording alone. `service` is the name of its
    package, by which the user knows it, and of its folder in the run's; `extra` is what installs the package, where
    Dougong does not bring it.

    Args:
        timeout: seconds to wait at the end for what is still to be written.
        log_model: whether the best checkpoint is kept.

    Raises:
        UserError: the package is not installed.
    """

    service: ClassVar[str]
    extra: ClassVar[str | None] = None
    shows_pictures: ClassVar[bool] = True

    def __init__(self, timeout: float, log_model: bool = False) -> None:
        if self.extra and importlib.util.find_spec(self.service) is None:
            raise UserError(f'tracker={self.service}: needs {self.service}; pip install "dougong[{self.extra}]"')
        self.timeout = timeout
        self.log_model = log_model
        self.problem: str | None = None
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._information: RunInformation | None = None
        self._recorded: set[str] = set()

    @abstractmethod
    def open(self, run: RunInformation) -> None:
        """Begin a run, or go on with the one that bears its identity."""

    @abstractmethod
    def send_metrics(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Record metrics."""

    @abstractmethod
    def send_table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Record a table, whose first row is the header."""

    @abstractmethod
    def send_drawing(self, name: str, drawing: Drawing, update: int) -> None:
        """Record a drawing."""

    def send_checkpoint(self, path: Path, metrics: Mapping[str, float]) -> None:
        """Keep a checkpoint; called only with `log_model`."""
        raise NotImplementedError(f"{self.service} keeps no checkpoints")

    @abstractmethod
    def close(self, status: str) -> None:
        """End the run: `status` is "finished", "interrupted" or "failed"."""

    @abstractmethod
    def where(self) -> str | None:
        """A line that says where the run is to be looked at, once all is written."""

    def abandon(self, error: BaseException) -> None:
        """Clear up after an error, so that nothing of the service is heard of later."""

    def start(self, run: RunInformation) -> None:
        """Remember the run; the service itself is started with the first measurement, when the training runs."""
        self._information = run
        with suppress(OSError):
            self._recorded = set(self._notes.read_text(encoding="utf-8").splitlines()) if run.resumed else set()

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Hand metrics to the thread."""
        new = {name: value for name, value in metrics.items() if _note(update, name) not in self._recorded}
        if new:
            self._hand_over(lambda: self.send_metrics(new, update, epoch), update, new)

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Hand a table to the thread."""
        if _note(update, name) not in self._recorded:
            self._hand_over(lambda: self.send_table(name, rows, update), update, [name])

    def draw(self, name: str, drawing: Drawing, update: int) -> None:
        """Hand a drawing to the thread."""
        if _note(update, name) not in self._recorded:
            self._hand_over(lambda: self.send_drawing(name, drawing, update), update, [name])

    def checkpoint(self, path: Path, metrics: Mapping[str, float], update: int) -> None:
        """Hand the best checkpoint to the thread, where it was asked for."""
        if self.log_model and _note(update, "checkpoint") not in self._recorded:
            kept = dict(metrics)
            self._hand_over(lambda: self.send_checkpoint(path, kept), update, ["checkpoint"])

    def finish(self, status: str) -> str | None:
        """Wait until all is written, but no longer than `timeout`, and say where it is."""
        if self._thread is None:
            return None
        self._calls.put(lambda: self.close(status))
        self._calls.put(None)
        self._thread.join(self.timeout)
        if self._thread.is_alive():
            self.problem = f"gave up after {self.timeout:g} s"
        return f"{self.service}: not recorded ({self.problem})." if self.problem else self.where()

    @property
    def information(self) -> RunInformation:
        """The run."""
        assert self._information is not None
        return self._information

    @property
    def folder(self) -> Path:
        """The service's folder in that of the run."""
        return self.information.folder / self.service

    @property
    def _notes(self) -> Path:
        """What is recorded already: a service takes no measurement back that comes again when a run is resumed."""
        return self.folder / "recorded.txt"

    def _hand_over(self, send: Callable[[], None], update: int, names: Iterable[str]) -> None:
        if self.problem:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.service, daemon=True)
            self._thread.start()
        notes = "".join(f"{_note(update, name)}\n" for name in names)

        def send_and_note() -> None:
            send()
            # Without it a resumed run records a few measurements twice, which is no reason to stop recording.
            with suppress(OSError):
                self.folder.mkdir(exist_ok=True)
                with self._notes.open("a", encoding="utf-8") as file:
                    file.write(notes)

        self._calls.put(send_and_note)

    def _work(self) -> None:
        try:
            self.open(self.information)
            while (call := self._calls.get()) is not None:
                call()
        except BaseException as error:
            self.problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self.abandon(error)


def _note(update: int, name: str) -> str:
    return f"{update} {name}"


def from_here(path: Path) -> str:
    """A path as a word of a command: from the working directory, where that is shorter."""
    return shlex.quote(min(os.path.relpath(path), str(path), key=len))
