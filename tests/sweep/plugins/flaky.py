"""A callback that ends its run in several ways, once."""

import os
import signal
from pathlib import Path
from typing import Literal

from pytorch_lightning import Callback

from dougong import register


@register("callback", "flaky")
class Flaky(Callback):
    """Ends the run after an update, unless it has done so before.

    Args:
        how: in which way.
        after: updates.
        marks: folder where it notes that it did.
    """

    def __init__(
        self, how: Literal["not", "error", "ctrl_c", "kill"] = "not", after: int = 3, marks: str = "marks"
    ) -> None:
        self.how = how
        self.after = after
        self.mark = Path(marks) / how

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.how == "not" or trainer.global_step < self.after or self.mark.exists():
            return
        self.mark.parent.mkdir(exist_ok=True)
        self.mark.touch()
        if self.how == "error":
            raise RuntimeError("it is broken")
        os.kill(os.getpid(), signal.SIGINT if self.how == "ctrl_c" else signal.SIGKILL)
