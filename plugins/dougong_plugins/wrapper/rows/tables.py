"""Embedding tables of a model, and which of their rows were seen."""

# Shapes: V rows of a table, B... any shape of token numbers.

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dougong_plugins.wrapper.rows.moving import is_sharded, local_range


class Table:
    """A table that embeddings look rows up in; it remembers which, until the next update.

    Args:
        weight: (V, ...).
        names: of its embeddings, for messages.
    """

    def __init__(self, weight: Tensor, names: Sequence[str]) -> None:
        self.weight = weight
        self.names = list(names)
        self.own = local_range(weight)
        self.seen: Tensor | None = None
        self.checked = False

    def watch(self, embedding: nn.Embedding) -> None:
        """Notice what this embedding looks up from now on."""
        embedding.register_forward_hook(self._look_up, with_kwargs=True)

    def _look_up(self, embedding: nn.Embedding, given: tuple[Any, ...], named: dict[str, Any], output: Tensor) -> None:
        if not (torch.is_grad_enabled() and self.weight.requires_grad):
            return
        numbers: Tensor = given[0] if given else named["input"]
        if self.seen is None or self.seen.device != numbers.device:
            self.seen = torch.zeros(len(self.weight), dtype=torch.bool, device=numbers.device)
        self.seen[numbers.reshape(-1)] = True
        if embedding.padding_idx is not None:  # its gradient is always zero
            self.seen[embedding.padding_idx] = False

    def rows(self, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        """The rows of this process that any has seen since the last update; their gradients where these are at hand.

        Args:
            gradient: of all rows of this process, dense or sparse.
        """
        if gradient.is_sparse:
            self._forget()
            return _distinct(gradient)
        seen = self._seen_anywhere()[self.own]
        if not self.checked:
            self._check(gradient, seen)
        rows = seen.nonzero().view(-1)
        self._forget()
        return rows, None

    def _seen_anywhere(self) -> Tensor:
        found = torch.zeros(len(self.weight), dtype=torch.bool) if self.seen is None else self.seen
        found = found.to(self.weight.device)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            everywhere = found.byte()
            torch.distributed.all_reduce(everywhere, torch.distributed.ReduceOp.MAX)
            found = everywhere.bool()
        return found

    def _forget(self) -> None:
        if self.seen is not None:
            self.seen.zero_()

    def _check(self, gradient: Tensor, seen: Tensor) -> None:
        """Once, since it costs as much as an update: whether all of the gradient is from what was looked up."""
        moved = gradient.flatten(1).ne(0).any(1)
        if (moved & ~seen).any():
            raise ValueError(
                f"lazy: rows of {' and '.join(self.names)} that were not looked up have a gradient, so its weight is "
                "used in another way as well (a tied output layer, a slice of it); leave it out with lazy.embeddings."
            )
        self.checked = bool(moved.any())


def _distinct(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of a sparse gradient, each once, and their gradients, which are only copied if some have to be added."""
    if not gradient.is_coalesced():
        ordered = gradient._indices()[0].sort().values
        if (ordered[1:] == ordered[:-1]).any():
            gradient = gradient.coalesce()
    return gradient._indices()[0], gradient._values()


def find_tables(model: nn.Module, patterns: Sequence[str], trained: Iterable[Tensor], sparse: bool) -> list[Table]:
    """The tables of a model's embeddings whose names fit a pattern, and that are trained.

    Args:
        patterns: of module names, as `encoder.embedding.*`.
        trained: the optimizer's parameters.
        sparse: whether these embeddings are to give sparse gradients.

    Raises:
        ValueError: there is none, a pattern fits none, or an embedding shares its weight with another kind of module.
    """
    embeddings = {name: module for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
    for pattern in patterns:
        if not fnmatch.filter(embeddings, pattern):
            there = f"there are: {', '.join(embeddings)}" if embeddings else "the model has none"
            raise ValueError(f"lazy.embeddings: no embedding fits {pattern!r}; {there}.")
    chosen = {name: item for name, item in embeddings.items() if any(fnmatch.fnmatch(name, one) for one in patterns)}
    known = {id(parameter) for parameter in trained}
    tables: dict[int, Table] = {}
    for name, embedding in chosen.items():
        weight = embedding.weight
        if id(weight) in known:
            _refuse_tied(model, name, weight)
            table = tables.setdefault(id(weight), Table(weight, []))
            table.names.append(name or "the embedding")
            table.watch(embedding)
            if sparse and is_sharded(weight):
                raise ValueError("sparse_gradients: a sharded table has none; leave it out.")
            embedding.sparse = embedding.sparse or sparse
    if not tables:
        raise ValueError(f"lazy: none of the embeddings {', '.join(chosen)} is trained.")
    return list(tables.values())


def _refuse_tied(model: nn.Module, name: str, weight: Tensor) -> None:
    for other, module in model.named_modules():
        if not isinstance(module, nn.Embedding) and any(item is weight for item in module.parameters(recurse=False)):
            raise ValueError(
                f"lazy: {name} shares its weight with {other} (a tied output layer): every batch gives all of its "
                "rows a gradient, so none is unseen; untie them, or leave it out with lazy.embeddings."
            )
