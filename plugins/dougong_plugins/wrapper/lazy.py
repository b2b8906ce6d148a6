"""Wrapper: lazy updates of embeddings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from dougong import register
from dougong.contracts.wrapper import Place, Wrapper
from dougong.optim.core import update_apart
from dougong.optim.stack import Stack
from dougong_plugins.wrapper.rows.moving import local, put, take
from dougong_plugins.wrapper.rows.tables import Table, find_tables
from dougong_plugins.wrapper.rows.update import RowUpdate


@register("wrapper", "lazy")
class Lazy(Wrapper):
    """Moves only those rows of embeddings that were seen since the last update (kexue.fm/archives/6869).

    An ordinary optimizer goes on moving a word long after it was seen, by its momentum and by weight decay.
    It finds the embeddings of the model; without a model it takes the parameters whose gradients are sparse.

    Args:
        mode: "rows" leaves all of an unseen row as it is: weights, moments and the clock of its bias correction, so
            that its first update is like the first of any weight; "mask" is the article's: moments of all rows decay
            at each update, and only the rows seen move. They train differently.
        sparse_gradients: let the embeddings give sparse gradients, which saves the time to fill and read dense ones.
        embeddings: names of the embeddings in the model, with * for any part of a name.
    """

    place: ClassVar[Place] = "rows"
    needs_row_separable: ClassVar[bool] = True

    def __init__(
        self,
        mode: Literal["rows", "mask"] = "rows",
        sparse_gradients: bool = False,
        embeddings: tuple[str, ...] = ("*",),
    ) -> None:
        if mode not in ("rows", "mask"):
            raise ValueError(f"mode: must be rows or mask, got {mode!r}.")
        self.mode = mode
        self.sparse_gradients = sparse_gradients
        self.embeddings = list(embeddings)
        self.tables: dict[Tensor, Table] = {}
        self.updates: dict[Tensor, RowUpdate] = {}
        self.finds_by_itself = False

    def attach(self, stack: Stack, model: nn.Module | None) -> None:
        """Find the tables, and watch what is looked up in them."""
        self.finds_by_itself = model is None
        if model is not None:
            trained = [item for group in stack.param_groups for item in group["params"]]
            found = find_tables(model, self.embeddings, trained, self.sparse_gradients)
            self.tables = {table.weight: table for table in found}
        elif self.sparse_gradients:
            raise ValueError("sparse_gradients: needs the model; or make the embeddings with sparse=True.")

    @contextmanager
    def around(self, stack: Stack) -> Iterator[None]:
        """Update the rows, and keep the tables' gradients from the optimizer meanwhile."""
        gradients = {}
        try:
            for group in stack.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None and self._is_table(weight):
                        gradients[weight] = weight.grad
                        self._update(stack, group, weight)
                        weight.grad = None
            yield
        finally:
            for weight, gradient in gradients.items():
                weight.grad = gradient

    def _is_table(self, weight: Tensor) -> bool:
        if self.finds_by_itself and weight.grad is not None and weight.grad.is_sparse and weight not in self.tables:
            self.tables[weight] = Table(weight, ["a parameter with a sparse gradient"])
        return weight in self.tables

    def _update(self, stack: Stack, group: dict[str, Any], weight: Tensor) -> None:
        whole = weight.grad
        assert whole is not None
        rows, gradients = self.tables[weight].rows(local(whole))
        if self.mode == "rows":
            if weight not in self.updates:
                self.updates[weight] = RowUpdate(stack.core, weight)
            self.updates[weight].apply(group, stack.state[weight], rows, gradients, local(whole))
        else:
            moved = weight.detach().clone()
            moved.grad = whole.to_dense() if whole.is_sparse else whole
            update_apart(stack.core, group, [moved], [stack.state[weight]])
            put(local(weight), rows, take(local(moved), rows))
