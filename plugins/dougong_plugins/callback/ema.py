"""Callback: the average of the weights over the training."""

from typing import Annotated, Any, ClassVar

import pytorch_lightning
import torch
from annotated_types import Ge, Gt, Lt
from pytorch_lightning import Callback
from torch import Tensor

from dougong import register


@register("callback", "ema")
class Ema(Callback):
    """Validates, and saves as the model, an exponential moving average of the weights.

    After n entries the average is the sum of decay^(n-i) w_i, divided by the sum of decay^(n-i): the weights that the
    training began with have no share in it, so that it is of use in short runs too. The training itself goes on with
    the weights as they are; a checkpoint keeps both, and `predict` and `evaluate` load the average. Buffers are not
    averaged. Lightning's own WeightAveraging is not used: it copies the whole module with the data that it holds,
    leaves the copy on the CPU, and averages whole numbers.

    Args:
        decay: of an earlier entry's share, from each entry to the next.
        start: updates before the first entry; below 1, their share of all updates.
        every: updates between two entries.
    """

    takes_shards: ClassVar = False

    def __init__(
        self,
        decay: Annotated[float, Gt(0), Lt(1)] = 0.999,
        start: Annotated[float, Ge(0)] = 0.0,
        every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        self.decay = decay
        self.start = start
        self.every = every
        self.entries = 0
        self._averages: dict[str, Tensor] = {}
        self._update = 0
        self._swapped = False

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Find out where the training stands."""
        self._update = trainer.global_step
        # What was loaded was loaded before the model went to its device.
        self._averages = {name: item.to(pl_module.device) for name, item in self._averages.items()}

    def on_train_batch_end(
        self,
        trainer: "pytorch_lightning.Trainer",
        pl_module: "pytorch_lightning.LightningModule",
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take the weights in, once an update."""
        if trainer.global_step == self._update:
            return
        self._update = trainer.global_step
        begin = round(self.start * int(pl_module.updates)) if self.start < 1 else round(self.start)  # type: ignore[arg-type]
        if self._update > begin and (self._update - begin - 1) % self.every == 0:
            self._enter(_trained(pl_module))

    @torch.no_grad()
    def _enter(self, weights: dict[str, Tensor]) -> None:
        self.entries += 1
        if self.entries == 1:
            self._averages = {name: weight.detach().clone() for name, weight in weights.items()}
            return
        share = (1.0 - self.decay) / (1.0 - self.decay**self.entries)
        torch._foreach_lerp_(list(self._averages.values()), list(weights.values()), share)

    def restart(self) -> None:
        """Begin anew, with the weights as they are now: called where a training goes back to earlier ones."""
        self.entries, self._averages = 0, {}

    # An optimizer that evaluates other weights than it trains exchanges them before this hook and after the next.
    def on_validation_epoch_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Validate with the average."""
        if trainer.state.fn == "fit" and self._averages:
            self._swap(pl_module)

    def on_validation_epoch_end(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Train on with the weights as they were."""
        if self._swapped:
            self._swap(pl_module)

    @torch.no_grad()
    def _swap(self, pl_module: "pytorch_lightning.LightningModule") -> None:
        for name, weight in _trained(pl_module).items():
            average = self._averages[name]
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)
        self._swapped = not self._swapped

    def state_dict(self) -> dict[str, Any]:
        """How many entries there are; the averages and the weights are put in when a checkpoint is saved."""
        return {"entries": self.entries}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        self.entries = state_dict["entries"]

    def on_save_checkpoint(
        self,
        trainer: "pytorch_lightning.Trainer",
        pl_module: "pytorch_lightning.LightningModule",
        checkpoint: dict[str, Any],
    ) -> None:
        """Let the average be the model, and keep the weights of the training here."""
        weights = checkpoint["state_dict"]
        checkpoint["callbacks"][self.state_key]["weights"] = {name: weights[name] for name in self._averages}
        first = {parameter: name for name, parameter in _trained(pl_module).items()}
        for name, parameter in pl_module.named_parameters(remove_duplicate=False):
            if first.get(parameter) in self._averages:  # a tied weight has several names there
                weights[name] = self._averages[first[parameter]]

    def on_load_checkpoint(
        self,
        trainer: "pytorch_lightning.Trainer",
        pl_module: "pytorch_lightning.LightningModule",
        checkpoint: dict[str, Any],
    ) -> None:
        """Take both back; the model that has just been loaded is the average."""
        weights = checkpoint["callbacks"][self.state_key]["weights"]
        parameters = dict(pl_module.named_parameters())
        self._averages = {name: checkpoint["state_dict"][name].clone() for name in weights}
        with torch.no_grad():
            for name, weight in weights.items():
                parameters[name].copy_(weight)


def _trained(module: torch.nn.Module) -> dict[str, Tensor]:
    """The parameters that training moves, by name; a tied one once."""
    later = getattr(module, "thaw", ())
    named = module.named_parameters()
    return {name: parameter for name, parameter in named if parameter.requires_grad or parameter in later}
