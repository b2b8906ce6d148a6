"""Tracker: Weights & Biases."""

import io
import netrc
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from annotated_types import Gt

from dougong import register
from dougong.contracts.background import BackgroundTracker, from_here
from dougong.contracts.drawing import Drawing, PrecisionRecall
from dougong.contracts.tracker import RunInformation
from dougong.pictures import as_png, can_draw

LONGEST_NAME = 128
"""What the service takes."""


@register("tracker", "wandb")
class WandbTracker(BackgroundTracker):
    """Weights & Biases (wandb.ai), offline unless you are logged in or say otherwise.

    All of it happens in a thread of its own: neither a slow network nor a dead service holds up the training.
    Confusion matrices and precision-recall curves are its own charts. Attention patterns are images, for which
    `pip install dougong[plots]` is needed; without it they are left out.

    Args:
        project: the project that the run belongs to.
        entity: the user or team; null for your default one.
        mode: "auto" is online when you are logged in, else offline. `WANDB_MODE` goes before it.
        log_model: keep the best checkpoint, as an artifact with the alias `best`.
        timeout: seconds to wait at the end for what is still to be written.
    """

    service = "wandb"

    def __init__(
        self,
        project: str = "dougong",
        entity: str | None = None,
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        log_model: bool = False,
        timeout: Annotated[float, Gt(0)] = 30.0,
    ) -> None:
        super().__init__(timeout, log_model)
        self.project = project
        self.entity = entity
        self.mode = mode
        self._run: Any = None

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Nothing is sent."""
        return {"mode": "offline"}

    def resolve_mode(self) -> str:
        """The mode that "auto" stands for."""
        chosen = os.environ.get("WANDB_MODE") or self.mode
        return chosen if chosen != "auto" else ("online" if is_logged_in() else "offline")

    def open(self, run: RunInformation) -> None:
        """Begin a run of wandb's, or go on with it."""
        import wandb

        commit = str(run.facts.get("git_commit") or "")
        self._run = wandb.init(
            project=self.project,
            entity=self.entity,
            group=run.group,
            name=run.name[:LONGEST_NAME],
            id=run.identity,
            resume="allow",
            dir=str(run.folder),
            config=run.fields,
            mode=self.resolve_mode(),  # type: ignore[arg-type]
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=self.timeout,
                disable_git=True,  # it would keep the address of the repository with a password, and the diff as it is
                git_commit=commit.removesuffix("-dirty") or None,
            ),
        )
        self._define(run)
        if run.diff and not self._run.disabled:
            path = Path(self._run.dir) / "diff.patch"
            path.write_text(run.diff, encoding="utf-8")
            self._run.save(str(path), base_path=str(path.parent), policy="now")

    def send_metrics(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """One entry, with the values that charts are drawn over."""
        self._run.log({**metrics, "update": update, "epoch": epoch})

    def send_table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """A table of wandb's."""
        import wandb

        columns: list[str | int] = [str(cell) for cell in rows[0]]
        table = wandb.Table(columns=columns, data=rows[1:], allow_mixed_types=True)
        self._run.log({name: table, "update": update})

    def send_drawing(self, name: str, drawing: Drawing, update: int) -> None:
        """A chart of wandb's where there is one, else an image."""
        import wandb

        shown: Any
        if isinstance(drawing, PrecisionRecall):
            curves = drawing.classes.values()
            shown = wandb.plot.line_series(
                [counts.recall.tolist() for counts in curves],
                [counts.precision.tolist() for counts in curves],
                keys=list(drawing.classes),
                title=name,
                xname="recall",
            )
        elif drawing.counts:
            (panel,) = drawing.panels.values()
            cells = [
                [row, column, int(panel[i, j])]
                for i, row in enumerate(drawing.rows)
                for j, column in enumerate(drawing.columns)
            ]
            table = wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=cells)
            fields = {column: column for column in ("Actual", "Predicted", "nPredictions")}
            shown = wandb.plot_table("wandb/confusion_matrix/v1", table, fields, {"title": name})
        elif can_draw():
            from PIL import Image

            image = Image.open(io.BytesIO(as_png(drawing, name)))
            shown = wandb.Image(image, caption=" ".join(drawing.columns))
        else:
            return
        self._run.log({name: shown, "update": update})

    def send_checkpoint(self, path: Path, metrics: Mapping[str, float]) -> None:
        """An artifact of the type `model`."""
        import wandb

        if self._run.disabled:
            return
        artifact = wandb.Artifact(f"model-{self.information.identity}", type="model", metadata=dict(metrics))
        artifact.add_file(str(path), name=path.name)
        self._run.log_artifact(artifact, aliases=["best"])

    def close(self, status: str) -> None:
        """End it, as a success only where the run finished."""
        self._run.finish(exit_code=0 if status == "finished" else 1)

    def where(self) -> str | None:
        """The page of the run, or what uploads it: all parts of a run that was resumed, in their order."""
        if self._run is None or self._run.disabled:
            return None
        if self._run.offline:
            return f"wandb: recorded offline; upload it with: wandb sync {from_here(Path(self._run.dir).parent.parent)}"
        return f"wandb: {self._run.url}"

    def abandon(self, error: BaseException) -> None:
        """Where wandb's process is gone: otherwise wandb asks it to end when the program does, and prints a trace."""
        if isinstance(error, ConnectionError) or type(error).__name__ == "HandleAbandonedError":
            import wandb

            with suppress(Exception):
                wandb.teardown()

    def _define(self, run: RunInformation) -> None:
        """Let all charts be drawn over updates (`epoch` can be chosen), and summaries keep the best of a validation."""
        self._run.define_metric("update", hidden=True)
        self._run.define_metric("epoch", step_metric="update", hidden=True)
        self._run.define_metric("*", step_metric="update")
        goals = {"loss": "min"}
        if main := run.facts.get("main_metric"):
            goals[str(main)] = "max" if run.facts.get("higher_is_better") else "min"
        for name, goal in goals.items():
            self._run.define_metric(f"valid/{name}", step_metric="update", summary=f"{goal},last")


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
