"""The batches of an update, and the callbacks that have a part in their gradients."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dougong.contracts.callback import GradientCallback, Pass
from dougong.contracts.task import Batch, Loss
from dougong.data.batches import is_spare
from dougong.errors import UserError
from dougong.training.processes import group
from dougong.training.processes.gradients import add_up_tensors
from dougong.training.processes.sharding import is_sharded

if TYPE_CHECKING:
    from dougong.training.module import TrainingModule


class AccumulationWindow:
    """The batches between two updates.

    Args:
        module: whose training it is.
    """

    def __init__(self, module: "TrainingModule") -> None:
        self.module = module
        self._batches: list[Batch] = []

    def add(self, batch: Batch) -> Pass:
        """Pass over a further batch, which is kept where a callback may ask for another pass."""
        if self._adding:
            self._batches.append(batch)
        return self._pass(batch)

    def complete(self) -> None:
        """Have the callbacks add to the gradients, which are those of all batches now; then begin anew.

        Raises:
            UserError: they can't, since the weights are spread over processes.
        """
        try:
            for callback in self._adding:
                if is_sharded(self.module.task):
                    raise UserError(
                        f"callback: {type(callback).__name__} adds gradients, which weights that are spread over "
                        "processes (trainer.strategy=fsdp) can't take; take trainer=ddp."
                    )
                # Each process has its share of the sum of all: one direction everywhere, and what a process adds of
                # its own batches is added up later.
                self.module.add_up_gradients(group.world())
                callback.add_gradients(self)
        finally:
            self._batches.clear()

    def backward(self) -> None:
        """Add the gradients at the weights as they are now."""
        for batch in self._batches:
            self._objective(batch).backward()  # type: ignore[no-untyped-call]

    def gradients(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Those of some parameters, at the weights as they are now."""
        total: Sequence[Tensor] | None = None
        for batch in self._batches:
            found = torch.autograd.grad(self._objective(batch), parameters, materialize_grads=True)
            total = found if total is None else [one + other for one, other in zip(total, found, strict=True)]
        gradients = [item.to_dense() if item.is_sparse and group.world() > 1 else item for item in total or ()]
        if group.world() > 1:
            add_up_tensors(gradients)
        return gradients

    def _objective(self, batch: Batch) -> Tensor:
        """What Lightning differentiates of a batch, scaled as it does."""
        trainer = self.module.trainer
        plugin: Any = trainer.precision_plugin
        with plugin.train_step_context():
            loss = self.module.objective(self._pass(batch).loss)
        scaler = getattr(plugin, "scaler", None)
        scaled: Tensor = loss if scaler is None else scaler.scale(loss)
        return scaled / trainer.accumulate_grad_batches

    def _pass(self, batch: Batch) -> Pass:
        forward: Callable[[Batch], Pass] = self._plain
        for callback in self._callbacks:
            forward = partial(callback.training_pass, self.module.task, forward=forward)
        passed = forward(batch)
        if group.world() > 1 and is_spare(batch["index"]):
            return Pass(passed.outputs, Loss(passed.loss.total * 0, passed.loss.weight * 0))
        return passed

    def _plain(self, batch: Batch) -> Pass:
        task = self.module.task
        outputs = task(batch)
        return Pass(outputs, task.loss(outputs, batch))

    @property
    def _callbacks(self) -> list[GradientCallback]:
        callbacks: list[Any] = self.module.trainer.callbacks  # type: ignore[attr-defined]
        return [item for item in callbacks if isinstance(item, GradientCallback)]

    @property
    def _adding(self) -> list[GradientCallback]:
        plain = GradientCallback.add_gradients
        return [item for item in self._callbacks if type(item).add_gradients is not plain]
