"""A callback for tests: something happens to one of several processes."""

import os
import signal
import time
from typing import Literal

from pytorch_lightning import Callback

from dougong import register


@register("callback", "fault")
class Fault(Callback):
    """At the beginning of update `at`, process `rank` raises, is killed, hangs, or the one that started it is told to
    stop; and every process writes down what it is, draws and holds, in the run's folder."""

    def __init__(
        self,
        what: Literal["nothing", "raise", "kill", "interrupt", "terminate"] = "nothing",
        at: int = 3,
        rank: int = 1,
    ) -> None:
        self.what, self.at, self.rank = what, at, rank

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        import torch

        if trainer.global_step == 1:
            noise = torch.nn.functional.dropout(torch.ones(64)).tolist()
            path = os.path.join(trainer.default_root_dir, f"seen.{trainer.global_rank}")
            with open(path, "a") as file:
                print([trainer.global_rank, trainer.world_size, noise], file=file)
        if (trainer.global_step, trainer.global_rank) != (self.at, self.rank):
            return
        with open(os.path.join(trainer.default_root_dir, "died"), "w") as file:
            print(time.time(), file=file)
        if self.what == "raise":
            raise ZeroDivisionError("a fault for a test")
        if self.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "interrupt":
            os.kill(os.getppid(), signal.SIGINT)
        if self.what == "terminate":
            os.kill(os.getppid(), signal.SIGTERM)
