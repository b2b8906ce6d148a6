"""A callback for tests: ends the run where `DOUGONG_TEST_CRASH` says, as in `kill:batch:7`."""

import os
import signal

from pytorch_lightning import Callback

from dougong import register

SIGNALS = {
    "kill": signal.SIGKILL,
    "interrupt": signal.SIGINT,
    "terminate": signal.SIGTERM,
    "notify": signal.SIGUSR1,
}


@register("callback", "crash")
class Crash(Callback):
    """Raises, presses ctrl-C or kills the process at a moment (batch, step, validation, validated) of an update."""

    def __init__(self) -> None:
        """How and when it is said by the environment, so that a resumed run need not crash again."""

    def _at(self, moment, trainer):
        how, *when = os.environ.get("DOUGONG_TEST_CRASH", "").split(":")
        if when != [moment, str(trainer.global_step)]:
            return
        if how == "raise":
            raise ZeroDivisionError("a crash for a test")
        os.kill(os.getpid(), SIGNALS[how])

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._at("batch", trainer)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._at("step", trainer)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self._at("validation", trainer)

    def on_validation_end(self, trainer, pl_module):
        self._at("validated", trainer)
