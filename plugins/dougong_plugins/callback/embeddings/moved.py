"""Weights that stand elsewhere for a while."""

import math
from collections.abc import Sequence
from types import TracebackType

import torch
from torch import Tensor

from dougong.contracts.task import Task
from dougong.errors import UserError
from dougong_plugins.callback.embeddings.tables import token_tables


class Moved:
    """While entered, weights that are moved; then they are, bit for bit, what they were.

    Args:
        weights: what is moved, as one long vector.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self.weights = weights
        self._before: list[Tensor] = []

    def __enter__(self) -> "Moved":
        self._before = [weight.detach().clone() for weight in self.weights]
        return self

    @torch.no_grad()
    def along(self, directions: Sequence[Tensor | None], distance: float) -> bool:
        """Move by a distance; whether there is a direction to move in.

        Args:
            directions: one a weight, dense or sparse, of any length together; None for a weight that stays.
        """
        pairs = [
            (weight, item.coalesce() if item.is_sparse else item)
            for weight, item in zip(self.weights, directions, strict=True)
            if item is not None
        ]
        norm = _norm([item.values() if item.is_sparse else item for _, item in pairs])
        # In fp16 infinite gradients are part of finding the scale; such an update will be skipped.
        if not 0 < norm < math.inf:
            return False
        for weight, item in pairs:
            weight.add_(item, alpha=distance / norm)
        return True

    @torch.no_grad()
    def within(self, radius: float) -> None:
        """Come back to the ball of this radius around where they were, if they are outside."""
        pairs = list(zip(self.weights, self._before, strict=True))
        distance = _norm([weight - before for weight, before in pairs])
        if distance > radius:
            shrink = radius / distance
            for weight, before in pairs:
                weight.copy_(before + (weight - before) * shrink)

    @torch.no_grad()
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for weight, before in zip(self.weights, self._before, strict=True):
            weight.copy_(before)
        self._before = []


def _norm(parts: Sequence[Tensor]) -> float:
    """Of all together."""
    norms = (torch.linalg.vector_norm(part, dtype=torch.promote_types(part.dtype, torch.float32)) for part in parts)
    return math.hypot(*(norm.item() for norm in norms))


def trained_weights(task: Task, pattern: str | None, key: str) -> list[Tensor]:
    """The weights of the tables that a pattern takes.

    Raises:
        UserError: there is none, or one is frozen, so that it has no gradient to follow.
    """
    tables = token_tables(task, pattern, key)
    for name, table in tables.items():
        if not table.weight.requires_grad:
            raise UserError(f"{key}: {name} is frozen, and has no gradient to follow; name other tables or train it.")
    return [table.weight for table in tables.values()]
