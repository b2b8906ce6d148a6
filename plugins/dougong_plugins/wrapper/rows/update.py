"""An optimizer's update of some rows of a table, each with its own clock."""

# Shapes: V rows of a table, N rows seen, R rows at a time, ... the shape of a row.

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dougong.optim.core import update_apart
from dougong_plugins.wrapper.rows.adam import Coefficients, adam_, coefficients, everywhere, part_of
from dougong_plugins.wrapper.rows.moving import local, put, take

CHUNK = 256  # rows at a time: what stays in the cache while it is worked on
FEW_CLOCKS = 8  # up to so many, rows of one clock each are updated by the optimizer's own kernel
WHOLE_ABOVE = 0.15  # share of the rows above which they are not taken out any more, but updated where they are

State = dict[str, Any]


class RowUpdate:
    """Updates rows of one table and nothing else: weights, moments and clocks of all other rows stay as they are.

    The state is the optimizer's own, with one change: `step` is (V,), one clock a row, counting the row's updates.

    Args:
        core: the optimizer; what it does to a row does not depend on other rows.
        weight: (V, ...).
    """

    def __init__(self, core: Optimizer, weight: Tensor) -> None:
        self.core = core
        self.weight = weight
        self.template: State | None = None

    def apply(self, group: State, state: State, rows: Tensor, gradients: Tensor | None, whole: Tensor) -> None:
        """Update.

        Args:
            group: the settings.
            state: of the table; filled at the first update.
            rows: (N,) in rising order, numbered from the first that this process has.
            gradients: (N, ...), or None to take them from `whole`.
            whole: the gradient of all rows of this process, sparse or dense.

        Raises:
            ValueError: the optimizer keeps something that does not belong to single rows.
        """
        names = self._prepare(group, state)
        if not len(rows):
            return
        counts = local(state["step"])[rows] if names else torch.zeros(len(rows))
        clocks, lengths = torch.unique(counts, return_counts=True)
        if len(clocks) > FEW_CLOCKS and set(names) == {"exp_avg", "exp_avg_sq"}:
            by = coefficients(self.core, group, counts.double().add_(1).unsqueeze(1))
            if by is not None:
                self._adam(state, rows, gradients, whole, by)
                local(state["step"]).index_add_(0, rows, torch.ones_like(counts))
                return
        order = counts.argsort(stable=True) if len(clocks) > 1 else None
        gradients = take(whole, rows) if gradients is None else gradients
        for clock, part in zip(clocks.tolist(), _split(len(rows), order, lengths.tolist()), strict=True):
            self._by_core(group, state, names, int(clock), rows[part], take(gradients, part))
        if names:
            local(state["step"]).index_add_(0, rows, torch.ones_like(counts))

    def _prepare(self, group: State, state: State) -> list[str]:
        """Find out what the optimizer keeps of a row, and make room for it; the names of what has a row's shape."""
        if self.template is None:
            row = local(self.weight).new_zeros(1, *self.weight.shape[1:])
            row.grad = torch.zeros_like(row)
            (self.template,) = update_apart(self.core, group, [row], [{}])
            for name, value in self.template.items():
                if name != "step" and value is not None and getattr(value, "shape", None) != row.shape:
                    raise ValueError(
                        f"lazy: {type(self.core).__name__} keeps `{name}`, which belongs to no single row."
                    )
        names = [name for name, value in self.template.items() if name != "step" and value is not None]
        for name in names:
            if name not in state:
                state[name] = torch.zeros_like(self.weight, memory_format=torch.preserve_format)
        if names and getattr(state.get("step"), "shape", None) != (len(self.weight),):
            # Of a training that was not lazy until now, all rows have the one clock.
            before = float(state.get("step", 0))
            first_column = self.weight.detach().flatten(1)[:, 0]  # sharded as the table is
            state["step"] = torch.full_like(first_column, before, dtype=torch.float32)
        return names

    def _by_core(self, group: State, state: State, names: list[str], clock: int, rows: Tensor, grads: Tensor) -> None:
        """Let the optimizer itself update rows that have all been updated `clock` times."""
        chunks = torch.split(rows, CHUNK)
        tensors = [take(local(self.weight), chunk) for chunk in chunks]
        for tensor, gradient in zip(tensors, torch.split(grads, CHUNK), strict=True):
            tensor.grad = gradient
        states = [self._rows_of(state, names, clock, chunk) for chunk in chunks]
        for chunk, tensor, after in zip(chunks, tensors, update_apart(self.core, group, tensors, states), strict=True):
            put(local(self.weight), chunk, tensor)
            for name in names:
                put(local(state[name]), chunk, after[name])

    def _rows_of(self, state: State, names: list[str], clock: int, rows: Tensor) -> State:
        """The optimizer's state of some rows; empty for those that it has never updated."""
        if not clock:
            return {}
        found: State = {name: take(local(state[name]), rows) for name in names}
        assert self.template is not None
        if "step" in self.template:
            step = self.template["step"]
            found["step"] = torch.full_like(step, clock) if isinstance(step, Tensor) else type(step)(clock)
        return found

    def _adam(self, state: State, rows: Tensor, gradients: Tensor | None, whole: Tensor, by: Coefficients) -> None:
        """Update rows of any clocks, a chunk at a time: taken out, or where they are if they are many."""
        tables = tuple(local(table) for table in (self.weight, state["exp_avg"], state["exp_avg_sq"]))
        count = len(tables[0])
        if gradients is None and by.eps > 0 and len(rows) > WHOLE_ABOVE * count:
            for part, piece in _chunked(everywhere(by, rows, count), count):
                weights, first, second = (table[part] for table in tables)
                adam_(weights, whole[part], first, second, piece)
            return
        for part, piece in _chunked(by, len(rows)):
            chunk = rows[part]
            weights, first, second = (take(table, chunk) for table in tables)
            adam_(weights, take(whole, chunk) if gradients is None else gradients[part], first, second, piece)
            for table, values in zip(tables, (weights, first, second), strict=True):
                put(table, chunk, values)


def _split(count: int, order: Tensor | None, lengths: list[int]) -> list[Tensor]:
    """Positions of the rows of each clock."""
    return [torch.arange(count)] if order is None else list(torch.split(order, lengths))


def _chunked(by: Coefficients, count: int) -> Iterator[tuple[slice, Coefficients]]:
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        yield part, part_of(by, part)
