"""Callback: say here in one line what this is."""

import time
from typing import Annotated, Any

from annotated_types import Gt
from dougong import register
from pytorch_lightning import Callback, LightningModule, Trainer


@register("callback", "my_callback")
class MyCallback(Callback):
    """Ends the training, saved, when it has taken `minutes` in all.

    The first line above is what `dougong plugins` lists. The settings are the
    parameters of `__init__`: give each a type, bounds, a default, and a line under
    Args. What can be overridden is what Lightning calls: `on_train_batch_end`,
    `on_validation_end` and so on; `pl_module.task` is the task.

    Args:
        minutes: how long; what a resumed run took before counts.
    """

    def __init__(self, minutes: Annotated[float, Gt(0)] = 60.0) -> None:
        self.minutes = minutes
        self.seconds = 0.0
        self._last = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count."""
        self._last = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count, and stop when the time is up."""
        now = time.monotonic()
        self.seconds += now - self._last
        self._last = now
        if self.seconds > 60 * self.minutes:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self.seconds = state_dict["seconds"]
