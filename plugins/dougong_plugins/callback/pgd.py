"""Callback: adversarial training by several steps on the vectors of the tokens."""

from typing import Annotated, ClassVar

import pytorch_lightning
from annotated_types import Ge, Gt
from torch import Tensor

from dougong import register
from dougong.contracts.callback import GradientCallback, Window
from dougong_plugins.callback.embeddings.moved import Moved, trained_weights


@register("callback", "pgd")
class ProjectedGradientDescent(GradientCallback):
    """As `fgm`, with the worst looked for in several steps within a ball.

    Each step goes `step_size` along the gradient where the vectors of the tokens stand, and back to the ball where it
    left it. The gradients at the last place are added to those of the texts as they are. An update costs
    `steps` + 1 passes, of which `steps` - 1 give the gradient of the vectors alone.

    Source: Madry and others, "Towards Deep Learning Models Resistant to Adversarial Attacks", 2017,
    https://arxiv.org/abs/1706.06083.

    Args:
        epsilon: radius of the ball, for the vectors of all tokens together.
        step_size: how far a step goes.
        steps: how many.
        tables: pattern of the names of embeddings that are moved; null for the one with a row a token.
    """

    needs: ClassVar = frozenset()
    takes_shards: ClassVar = False

    def __init__(
        self,
        epsilon: Annotated[float, Gt(0)] = 1.0,
        step_size: Annotated[float, Gt(0)] = 0.3,
        steps: Annotated[int, Ge(1)] = 3,
        tables: str | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.step_size = step_size
        self.steps = steps
        self.tables = tables
        self._weights: list[Tensor] = []

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Find the tables."""
        self._weights = trained_weights(pl_module.task, self.tables, "callback.pgd")  # type: ignore[arg-type]

    def add_gradients(self, window: Window) -> None:
        """Add those of the moved vectors."""
        trained = [weight for weight in self._weights if weight.grad is not None]
        with Moved(trained) as moved:
            for step in range(self.steps):
                gradients = window.gradients(trained) if step else [weight.grad for weight in trained]
                if not moved.along(gradients, self.step_size):
                    return
                moved.within(self.epsilon)
            window.backward()
