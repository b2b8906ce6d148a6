"""The contract of a callback that has a part in the gradients; others are plain callbacks of Lightning."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from pytorch_lightning import Callback
from torch import Tensor

from dougong.contracts.task import Batch, Loss, Task


class Pass(NamedTuple):
    """What came of one or more passes over a batch.

    Args:
        outputs: the task's, of one of the passes.
        loss: what is to be differentiated, as a sum with its weight.
    """

    outputs: Any
    loss: Loss


class Window(Protocol):
    """The batches of one update, whose gradients have been added up; what is done with them is done with all of them,
    so that k short batches go on being the one long batch."""

    def backward(self) -> None:
        """Pass over the batches again, with the weights as they are now, and add these gradients to those there are."""

    def gradients(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Pass over the batches again, for the gradients of these alone; those there are stay as they are."""


class GradientCallback(Callback):
    """A callback that has a part in the gradients, by either of two methods.

    `needs` names what it asks of a task: "distributions", to say what its outputs are as distributions. `takes_shards`
    says whether it works on weights that are spread over processes, which no `add_gradients` does.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    takes_shards: ClassVar[bool] = True

    def training_pass(self, task: Task, batch: Batch, forward: Callable[[Batch], Pass]) -> Pass:
        """What is differentiated of a batch in training; `forward` is one pass, to be used once or more.

        A loss has to stay a sum over the targets: the gradients of a window's batches are added.
        """
        return forward(batch)

    def add_gradients(self, window: Window) -> None:
        """Change the gradients of a whole window, once an update, before they are divided by its weight and clipped.

        They are sums, times a constant: of use is their direction, and what `window` adds in kind.
        """
