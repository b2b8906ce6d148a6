"""An optimizer's update of some rows of a table, each with its own clock."""

# Shapes: V rows of a table, N rows seen, R rows at a time, ... the shape of a row.

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dougong.optim.core import update_apart
from dougong_plugins.wrapper.rows.adam import (
    Coefficients,
    adam_,
    coefficients,
    everywhere,
    has_kernel,
    kernel_,
    part_of,
)
from dougong_plugins.wrapper.rows.moving import local, put, take

CHUNK = 256  # rows at a time: what stays in the cache while pass after pass goes over it
CORE_CHUNK = 512  # for the optimizer's own kernel, which goes over it once; no less than CHUNK
FEW_CLOCKS = 32  # up to so many, rows of one clock each are updated by the optimizer's own kernel
WHOLE_ABOVE = 0.15  # share of the rows above which they are not taken out any more, but updated where they are

State = dict[str, Any]
Pieces = list[tuple[int, int]]


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
        self.rooms: dict[str, Tensor] = {}

    def apply(self, group: State, state: State, rows: Tensor, gradients: Tensor | None, whole: Tensor) -> None:
        """Update.

        Args:
            group: the settings.
            state: of the table; filled at the first update.
            rows: (N,) all different, numbered from the first that this process has.
            gradients: (N, ...), or None to take them from `whole`.
            whole: the gradient of all rows of this process, sparse or dense.

        Raises:
            ValueError: the optimizer keeps something that does not belong to single rows.
        """
        names = self._prepare(group, state)
        if not len(rows):
            return
        counts = local(state["step"])[rows] if names else torch.zeros(len(rows))
        ordered, order = counts.sort(stable=True)
        clocks, lengths = torch.unique_consecutive(ordered, return_counts=True)
        by = None
        many = len(rows) > WHOLE_ABOVE * len(whole)
        if (many or len(clocks) > FEW_CLOCKS) and self._is_adams(names, state):
            by = coefficients(self.core, group, counts.double().add_(1).unsqueeze(1))
        if by is not None:
            self._adam(state, rows, gradients, whole, by)
        else:
            cuts = _cuts(clocks.tolist(), lengths.tolist())
            for part, pieces in zip(torch.split(order, CORE_CHUNK), cuts, strict=True):
                source, places = (whole, rows[part]) if gradients is None else (gradients, part)
                given = take(source, places, self._room("gradient", source))
                self._by_core(group, state, names, rows[part], given, pieces)
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
                state[name] = torch.zeros_like(self.weight, dtype=self.template[name].dtype)
        if names and getattr(state.get("step"), "shape", None) != (len(self.weight),):
            # Of a training that was not lazy until now, all rows have the one clock.
            before = float(state.get("step", 0))
            first_column = self.weight.detach().flatten(1)[:, 0]  # sharded as the table is
            state["step"] = torch.full_like(first_column, before, dtype=torch.float32)
        return names

    def _is_adams(self, names: list[str], state: State) -> bool:
        """Whether two moments are kept, in the weights' type."""
        return set(names) == {"exp_avg", "exp_avg_sq"} and all(state[name].dtype == self.weight.dtype for name in names)

    def _by_core(
        self, group: State, state: State, names: list[str], rows: Tensor, gradients: Tensor, pieces: Pieces
    ) -> None:
        """Let the optimizer itself update rows, of which those with one clock lie together."""
        clocks, lengths = ([piece[side] for piece in pieces] for side in (0, 1))
        values = {name: take(local(state[name]), rows, self._room(name, local(state[name]))) for name in names}
        weights = take(local(self.weight), rows, self._room("weight", local(self.weight)))
        if has_kernel(self.core, group, weights):
            kernel_(group, (weights, gradients, values["exp_avg"], values["exp_avg_sq"]), clocks, lengths)
        else:
            self._step(group, weights, gradients, values, clocks, lengths)
        put(local(self.weight), rows, weights)
        for name, value in values.items():
            put(local(state[name]), rows, value)

    def _step(
        self,
        group: State,
        weights: Tensor,
        gradients: Tensor,
        values: dict[str, Tensor],
        clocks: list[int],
        lengths: list[int],
    ) -> None:
        """The optimizer's own step, for runs of rows with one clock, taken out of their tables."""
        parts = {name: torch.split(value, lengths) for name, value in values.items()}
        tensors = torch.split(weights, lengths)
        for tensor, gradient in zip(tensors, torch.split(gradients, lengths), strict=True):
            tensor.grad = gradient
        before = [{name: part[i] for name, part in parts.items()} | self._clock(clocks[i]) for i in range(len(clocks))]
        states = [item if clock else {} for item, clock in zip(before, clocks, strict=True)]
        for held, after in zip(before, update_apart(self.core, group, tensors, states), strict=True):
            for name in values:
                if after[name] is not held[name]:
                    held[name].copy_(after[name])

    def _room(self, name: str, table: Tensor) -> Tensor:
        """Memory for a chunk of rows, kept for the next one."""
        room = self.rooms.get(name)
        if room is None or room.dtype != table.dtype or room.device != table.device:
            room = self.rooms[name] = table.new_empty((CORE_CHUNK, *table.shape[1:]))
        return room

    def _clock(self, count: int) -> State:
        """What the optimizer knows of the updates that a row has had."""
        assert self.template is not None
        if "step" not in self.template:
            return {}
        step = self.template["step"]
        return {"step": torch.full_like(step, count) if isinstance(step, Tensor) else type(step)(count)}

    def _adam(self, state: State, rows: Tensor, gradients: Tensor | None, whole: Tensor, by: Coefficients) -> None:
        """Update rows of any clocks, a chunk at a time: taken out, or where they are if they are many."""
        tables = {"weight": self.weight, "exp_avg": state["exp_avg"], "exp_avg_sq": state["exp_avg_sq"]}
        tables = {name: local(table) for name, table in tables.items()}
        count, scratch = len(whole), self._room("scratch", tables["weight"])
        if gradients is None and by.eps > 0 and len(rows) > WHOLE_ABOVE * count:
            for part, piece in _chunked(everywhere(by, rows, count), count):
                weights, first, second = (table[part] for table in tables.values())
                adam_(weights, whole[part], first, second, piece, scratch)
            return
        for part, piece in _chunked(by, len(rows)):
            chunk = rows[part]
            weights, first, second = (take(table, chunk, self._room(name, table)) for name, table in tables.items())
            given = take(whole, chunk, self._room("gradient", whole)) if gradients is None else gradients[part]
            adam_(weights, given, first, second, piece, scratch)
            for table, values in zip(tables.values(), (weights, first, second), strict=True):
                put(table, chunk, values)


def _cuts(clocks: list[float], lengths: list[int]) -> Iterator[Pieces]:
    """Runs of rows with one clock, cut where a chunk ends: (clock, length) of each, a chunk at a time."""
    chunk: Pieces = []
    room = CORE_CHUNK
    for clock, length in zip(clocks, lengths, strict=True):
        while length:
            taken = min(length, room)
            chunk.append((int(clock), taken))
            length, room = length - taken, room - taken
            if not room:
                yield chunk
                chunk, room = [], CORE_CHUNK
    if chunk:
        yield chunk


def _chunked(by: Coefficients, count: int) -> Iterator[tuple[slice, Coefficients]]:
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        yield part, part_of(by, part)
