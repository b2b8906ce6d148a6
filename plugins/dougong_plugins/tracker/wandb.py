"""Tracker: Weights & Biases."""

import netrc
import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from annotated_types import Gt

from dougong import register
from dougong.contracts.tracker import RunInformation, Tracker


@register("tracker", "wandb")
class WandbTracker(Tracker):
    """Weights & Biases (wandb.ai), offline unless you are logged in or say otherwise.

    All of it happens in a thread of its own: neither a slow network nor a dead service holds up the training.

    Args:
        project: the project that the run belongs to.
        entity: the user or team; null for your default one.
        mode: "auto" is online when you are logged in, else offline. `WANDB_MODE` goes before it.
        timeout: seconds to wait at the end for what is still to be written.
    """

    def __init__(
        self,
        project: str = "dougong",
        entity: str | None = None,
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        timeout: Annotated[float, Gt(0)] = 30.0,
    ) -> None:
        self.project = project
        self.entity = entity
        self.mode = mode
        self.timeout = timeout
        self.problem: str | None = None
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._information: RunInformation | None = None
        self._recorded: set[str] = set()
        self._run: Any = None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Nothing is sent."""
        return {"mode": "offline"}

    def start(self, run: RunInformation) -> None:
        """Remember the run; wandb itself is started with the first measurement, when the training is under way."""
        self._information = run
        with suppress(OSError):
            self._recorded = set(self._notes.read_text(encoding="utf-8").splitlines()) if run.resumed else set()

    def log(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """Hand the metrics to the thread."""
        new = {name: value for name, value in metrics.items() if self._note(update, name) not in self._recorded}
        entry = {**new, "update": update, "epoch": epoch}
        if new:
            self._hand_over(lambda: self._send(entry, update, new))

    def table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """Hand the table to the thread."""

        def write() -> None:
            import wandb

            table = wandb.Table(columns=[str(cell) for cell in rows[0]], data=rows[1:])
            self._send({name: table, "update": update}, update, [name])

        if self._note(update, name) not in self._recorded:
            self._hand_over(write)

    def finish(self, status: str) -> str | None:
        """Wait until all is written, but no longer than `timeout`, and say where it is."""
        if self._thread is None:
            return None
        self._calls.put(lambda: self._close(0 if status == "finished" else 1))
        self._calls.put(None)
        self._thread.join(self.timeout)
        if self._thread.is_alive():
            self.problem = f"gave up after {self.timeout:g} s"
        if self.problem:
            return f"wandb: not recorded ({self.problem})."
        return self._where()

    def resolve_mode(self) -> str:
        """The mode that "auto" stands for."""
        chosen = os.environ.get("WANDB_MODE") or self.mode
        return chosen if chosen != "auto" else ("online" if is_logged_in() else "offline")

    @property
    def _notes(self) -> Path:
        """What is recorded already: wandb does not tell, and can't take a measurement back that comes again."""
        assert self._information is not None
        return self._information.folder / "wandb" / "recorded.txt"

    @staticmethod
    def _note(update: int, name: str) -> str:
        return f"{update} {name}"

    def _send(self, entry: dict[str, Any], update: int, names: Iterable[str]) -> None:
        self._run.log(entry)
        # Without it a resumed run records a few measurements twice, which is no reason to stop recording.
        with suppress(OSError), self._notes.open("a", encoding="utf-8") as file:
            file.writelines(f"{self._note(update, name)}\n" for name in names)

    def _hand_over(self, call: Callable[[], None]) -> None:
        if self.problem:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="wandb", daemon=True)
            self._thread.start()
        self._calls.put(call)

    def _work(self) -> None:
        try:
            self._open()
            while (call := self._calls.get()) is not None:
                call()
        except BaseException as error:
            self.problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if isinstance(error, ConnectionError) or type(error).__name__ == "HandleAbandonedError":
                _forget_service()

    def _open(self) -> None:
        import wandb

        run = self._information
        assert run is not None
        self._run = wandb.init(
            project=self.project,
            entity=self.entity,
            name=run.name,
            id=run.identity,
            resume="allow",
            dir=str(run.folder),
            config={**run.config, "run": dict(run.facts)},
            mode=self.resolve_mode(),  # type: ignore[arg-type]
            settings=wandb.Settings(silent=True, console="off", init_timeout=self.timeout),
        )
        self._run.define_metric("update")
        self._run.define_metric("*", step_metric="update")

    def _close(self, exit_code: int) -> None:
        self._run.finish(exit_code=exit_code)

    def _where(self) -> str | None:
        if self._run is None or self._run.disabled:
            return None
        if self._run.offline:
            return f"wandb: recorded offline; upload it with: wandb sync {Path(self._run.dir).parent}"
        return f"wandb: {self._run.url}"


def _forget_service() -> None:
    """Where wandb's process is gone: otherwise wandb asks it to end when the program does, and prints a trace."""
    import wandb

    with suppress(Exception):
        wandb.teardown()


def is_logged_in() -> bool:
    """Whether wandb would find a key, without asking wandb, which would take its time to import."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            if path and netrc.netrc(os.path.expanduser(path)).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
