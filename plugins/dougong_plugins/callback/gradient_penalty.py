"""Callback: a penalty on how much the loss depends on the vectors of the tokens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any, ClassVar

import pytorch_lightning
import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dougong import register
from dougong.contracts.callback import GradientCallback, Pass
from dougong.contracts.task import Batch, Loss, Task
from dougong.errors import UserError
from dougong_plugins.callback.embeddings.tables import token_tables


@register("callback", "gradient_penalty")
class GradientPenalty(GradientCallback):
    """Adds epsilon / 2 |g|^2 to the loss of each text, g being its gradient by the vectors of the text's tokens.

    It is differentiated as a part of the loss, which takes a model that can be differentiated twice: not under
    torch.compile, not by every kernel. PyTorch's own attention is computed by its plain kernel, which holds all scores.

    Source: Su Jianlin, on adversarial training and gradient penalty in language tasks, 2020,
    https://kexue.fm/archives/7234.

    Args:
        epsilon: weight of the penalty.
        tables: pattern of the names of embeddings whose vectors count; null for the one with a row a token.
    """

    needs: ClassVar = frozenset()
    takes_shards: ClassVar = False

    def __init__(self, epsilon: Annotated[float, Gt(0)] = 1.0, tables: str | None = None) -> None:
        self.epsilon = epsilon
        self.tables = tables
        self._embeddings: list[nn.Embedding] = []
        self._tried: dict[bool, int] = {}

    def on_train_start(
        self, trainer: "pytorch_lightning.Trainer", pl_module: "pytorch_lightning.LightningModule"
    ) -> None:
        """Find the tables.

        Raises:
            UserError: the run can't be differentiated twice.
        """
        task: Any = pl_module.task
        if trainer.precision == "16-mixed":
            raise UserError("callback.gradient_penalty: gradients of gradients are too small for fp16; take bf16.")
        if task._compiled_call_impl is not None:
            raise UserError("callback.gradient_penalty: torch.compile differentiates once; leave trainer.compile out.")
        self._embeddings = list(token_tables(task, self.tables, "callback.gradient_penalty").values())

    def training_pass(self, task: Task, batch: Batch, forward: Callable[[Batch], Pass]) -> Pass:
        """One pass, and the gradient of its loss."""
        vectors: list[Tensor] = []

        def keep(embedding: nn.Module, given: Any, output: Tensor) -> Tensor:
            vectors.append(output if output.requires_grad else output.requires_grad_())
            return vectors[-1]

        with ExitStack() as stack:
            for embedding in self._embeddings:
                stack.callback(embedding.register_forward_hook(keep).remove)
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            passed = forward(batch)
        total, weight = passed.loss
        with _told(batch):
            gradients = torch.autograd.grad(total, vectors, create_graph=True, materialize_grads=True)
        wide = [item if item.dtype == torch.float64 else item.float() for item in gradients]
        penalty = torch.stack([item.square().sum() for item in wide]).sum()
        self._try(batch, penalty, vectors)
        return Pass(passed.outputs, Loss(total + self.epsilon / 2 * penalty, weight))

    def _try(self, batch: Batch, penalty: Tensor, vectors: list[Tensor]) -> None:
        """Differentiate at once where another kernel may have been chosen than before, to tell what can't be."""
        padded, length = "padding_mask" in batch, batch["tokens"].size(1)
        if self._tried.get(padded, 0) < length and penalty.requires_grad:
            self._tried[padded] = length
            with _told(batch):
                torch.autograd.grad(penalty, vectors, retain_graph=True, allow_unused=True)


@contextmanager
def _told(batch: Batch) -> Iterator[None]:
    """Meanwhile what can't be differentiated is the user's to mend."""
    try:
        yield
    except RuntimeError as error:
        (reason, *_) = str(error).splitlines()
        raise UserError(
            f"callback.gradient_penalty: at length {batch['tokens'].size(1)} the model can't be differentiated twice; "
            f"choose attention=full, backend=dense of another attention, or a head without a CRF ({reason})"
        ) from error
