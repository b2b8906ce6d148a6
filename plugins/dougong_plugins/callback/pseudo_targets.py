"""Callback: a second stage in which each direction sees what the other would really write."""

from typing import Annotated, Any

import pytorch_lightning
import torch
from annotated_types import Gt
from pytorch_lightning import Callback

from dougong import register
from dougong.compose.settings import LoaderSettings
from dougong.data.batches import evaluation_batches
from dougong.data.loader import BatchMaker, evaluation_loader


@register("callback", "pseudo_targets")
class PseudoTargets(Callback):
    """The second stage of training of `bidirectional_seq2seq` (kexue.fm/archives/6877).

    Taught by the truth alone, each direction learns to read its last words off the other, which has seen them as its
    first. So at the start of an epoch all training sources are decoded; from then on each direction predicts true words
    from its true words, and sees the other direction on what was written.

    Args:
        start: epochs before the second stage; below 1, their share of all epochs.
    """

    needs = frozenset({"directions"})
    takes_shards = False

    def __init__(self, start: Annotated[float, Gt(0)] = 0.5) -> None:
        self.start = start
        self.written: list[list[int]] | None = None

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Go on with what was written before."""
        pl_module.task.pseudo = self.written  # type: ignore[union-attr]

    def on_train_epoch_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Decode the training sources, once."""
        epochs = trainer.max_epochs or 1
        first = round(self.start * epochs) if self.start < 1 else round(self.start)
        if self.written is None and trainer.current_epoch >= first:
            maker: Any = trainer.train_dataloader.dataset  # type: ignore[union-attr]
            self.written = _written(pl_module, maker)
            pl_module.task.pseudo = self.written  # type: ignore[union-attr]

    def state_dict(self) -> dict[str, Any]:
        """What was written, since the weights that wrote it are gone."""
        if self.written is None:
            return {}
        lengths = torch.tensor([len(row) for row in self.written])
        return {"lengths": lengths, "tokens": torch.tensor([token for row in self.written for token in row])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        if state_dict:
            rows = state_dict["tokens"].split(state_dict["lengths"].tolist())
            self.written = [row.tolist() for row in rows]


def _written(pl_module: "pytorch_lightning.LightningModule", maker: BatchMaker) -> list[list[int]]:
    """What the task writes for each example of training."""
    task: Any = pl_module.task
    found: list[list[int]] = [[] for _ in range(len(maker.examples))]
    batches = evaluation_batches(maker.examples.lengths, LoaderSettings())
    task.eval()
    with torch.no_grad():
        for batch in evaluation_loader(maker, batches, 0, False):
            moved = {name: tensor.to(pl_module.device) for name, tensor in batch.items()}
            for index, prediction in zip(batch["index"].tolist(), task.answer(moved, ()), strict=True):
                found[index] = prediction["written"][0]["tokens"]
    task.train()
    return found
