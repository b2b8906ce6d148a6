"""Callback: adversarial training by one step on the vectors of the tokens."""

from typing import Annotated, ClassVar

import pytorch_lightning
from annotated_types import Gt
from torch import Tensor

from dougong import register
from dougong.contracts.callback import GradientCallback, Window
from dougong_plugins.callback.embeddings.moved import Moved, trained_weights


@register("callback", "fgm")
class FastGradientMethod(GradientCallback):
    """Trains on the texts as they are, and on the worst that can be made of them within a small distance.

    The vectors of the tokens are moved by epsilon g / |g|, g being the gradient of an update's whole window; the
    gradients there are added, and the vectors put back. An update costs two passes.

    Source: Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification", 2016,
    https://arxiv.org/abs/1605.07725; on the table instead of each text's vectors: https://kexue.fm/archives/7234.

    Args:
        epsilon: how far the vectors are moved, all together.
        tables: pattern of the names of embeddings that are moved; null for the one with a row a token.
    """

    needs: ClassVar = frozenset()
    takes_shards: ClassVar = False

    def __init__(self, epsilon: Annotated[float, Gt(0)] = 1.0, tables: str | None = None) -> None:
        self.epsilon = epsilon
        self.tables = tables
        self._weights: list[Tensor] = []

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Find the tables."""
        self._weights = trained_weights(pl_module.task, self.tables, "callback.fgm")  # type: ignore[arg-type]

    def add_gradients(self, window: Window) -> None:
        """Add those of the moved vectors."""
        with Moved(self._weights) as moved:
            if moved.along([weight.grad for weight in self._weights], self.epsilon):
                window.backward()
