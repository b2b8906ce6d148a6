"""Callback: train updates of low rank in place of the encoder's weights."""

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Lt
from pytorch_lightning import Callback

from dougong import register
from dougong.contracts.task import Task
from dougong.errors import UserError
from dougong_plugins.callback.low_rank.inject import inject, merge
from dougong_plugins.callback.low_rank.targets import find_targets


@register("callback", "lora")
class Lora(Callback):
    """Freezes the encoder, and trains for each of its matrices W an update BA alpha / rank (LoRA, arXiv 2106.09685).

    The task's head is trained as ever, and so is what `optimizer.groups` says is not to be frozen. A checkpoint holds
    W, A and B; `predict`, `evaluate` and `dougong.load` add them up, which costs no time there. Needs
    `pip install "dougong[huggingface]"`, for peft.

    Args:
        rank: of each update: the columns of B, and the rows of A.
        alpha: the update is BA times alpha / rank; null for twice the rank.
        dropout: probability that an input of the update is zeroed in training; linear layers alone take any.
        targets: patterns of names in the encoder, as [query,value]: one or more whole parts, with `*` and `?`.
    """

    takes_shards: ClassVar = False

    def __init__(
        self,
        rank: Annotated[int, Ge(1)] = 8,
        alpha: Annotated[float, Gt(0)] | None = None,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        targets: tuple[str, ...] = ("*",),
    ) -> None:
        self.rank, self.alpha, self.dropout, self.targets = rank, alpha or 2.0 * rank, dropout, targets
        if not targets:
            raise ValueError("targets: must name one matrix at least, as [query,value].")

    def adapt(self, task: Task) -> list[str]:
        """Change the network, before it is trained or its weights are loaded from a checkpoint.

        Raises:
            UserError: a target is not there, or takes no dropout.
        """
        found = find_targets(task.encoder, self.targets)
        if self.dropout and found.parameters:
            raise UserError(f"callback.lora.dropout: must be 0 for {found.parameters[0]}, which is of no linear layer.")
        before = sum(parameter.numel() for parameter in task.encoder.parameters())
        inject(task.encoder, found, self.rank, self.alpha, self.dropout)
        trained = sum(item.numel() for item in task.encoder.parameters() if item.requires_grad)
        matrices = len(found.layers) + len(found.parameters)
        return [
            f"updates of rank {self.rank} on {matrices} matrices: {trained:,} of the encoder's {before:,} parameters"
        ]

    def merge(self, task: Task) -> None:
        """Add the updates to the weights, once these have been loaded."""
        merge(task.encoder)
