"""What the attention of a model looks at, as pictures: of the first example of an evaluation."""

# Shapes: H heads, N query length, M key length, D head dimension.

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dougong.contracts.attention import Attention
from dougong.contracts.drawing import Drawing, HeatMap
from dougong.contracts.task import Batch, Task

MOST_LAYERS, MOST_HEADS, MOST_TOKENS = 3, 4, 32
LONGEST = 1024
"""Tokens of an example whose weights are computed: patterns are drawn densely."""


@dataclass
class AttentionWatch:
    """Notes queries and keys of the first example of the first batch, in each attention of a task."""

    task: Task
    _seen: dict[Attention, tuple[Tensor, Tensor, bool]] = field(default_factory=dict)
    _padding: Tensor | None = None
    _tokens: Tensor | None = None

    @contextmanager
    def watching(self, batch: Batch) -> Iterator[None]:
        """While entered, the attentions are watched; a compiled model has no place to watch from."""
        self._seen.clear()
        self._padding, self._tokens = None, batch.get("tokens")
        compiled = getattr(self.task, "_compiled_call_impl", None) is not None
        parts = [] if compiled else [item for item in self.task.modules() if isinstance(item, Attention)]
        hooks = [part.register_forward_pre_hook(self._note, with_kwargs=True) for part in parts]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def drawings(self) -> dict[str, Drawing]:
        """A picture of each of some layers, evenly chosen, with the first heads side by side."""
        layers = list(self._seen.items())
        chosen = sorted({round(number) for number in np.linspace(0, len(layers) - 1, min(MOST_LAYERS, len(layers)))})
        found = {f"attention/layer_{number + 1}": self._drawing(*layers[number]) for number in chosen}
        self._seen.clear()
        return {name: drawing for name, drawing in found.items() if drawing is not None}

    def _note(self, part: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        query, key = (
            named.get(name, given[at] if at < len(given) else None) for at, name in ((0, "query"), (1, "key"))
        )
        if part in self._seen or query is None or key is None or max(query.shape[-2], key.shape[-2]) > LONGEST:
            return
        padding = named.get("key_padding_mask")
        if padding is not None and self._padding is None:
            self._padding = padding[0].detach()
        self._seen[part] = query[0].detach(), key[0].detach(), bool(named.get("causal", False))

    def _drawing(self, part: Attention, seen: tuple[Tensor, Tensor, bool]) -> HeatMap | None:
        query, key, causal = seen
        mask = part.mask(query.shape[-2], key.shape[-2], causal=causal, device=query.device)
        if mask is None:
            return None
        if self._padding is not None and self._padding.numel() == key.shape[-2]:
            mask = mask & ~self._padding
        shown = weights(query[:MOST_HEADS], key[:MOST_HEADS], mask).cpu().numpy()
        names = self._names(key.shape[-2])
        rows = names[: shown.shape[1]] if query.shape[-2] == key.shape[-2] else list(map(str, range(shown.shape[1])))
        panels = {f"head {number + 1}": head[: len(rows), : len(names)] for number, head in enumerate(shown)}
        return HeatMap(panels, rows, names, "query", "key")

    def _names(self, length: int) -> list[str]:
        """The tokens that are no padding, as far as they are drawn; numbers where the keys are none of the batch's."""
        if self._tokens is None or self._tokens.shape[-1] != length:
            return list(map(str, range(min(length, MOST_TOKENS))))
        tokenizer = self.task.encoder.tokenizer
        tokens = self._tokens.reshape(-1, length)[0].tolist()
        last = max((at for at, token in enumerate(tokens) if token != tokenizer.padding_id), default=0)
        return [tokenizer.core.id_to_token(token) or str(token) for token in tokens[: min(last + 1, MOST_TOKENS)]]


def weights(query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
    """(H, N, M) weights of masked softmax attention, for the first queries; zeros where a query sees no key."""
    shown = query[:, :MOST_TOKENS].float()
    scores = shown @ key.float().transpose(-1, -2) / math.sqrt(query.shape[-1])
    hidden = ~mask[:MOST_TOKENS]
    return torch.nan_to_num(scores.masked_fill(hidden, -torch.inf).softmax(-1))
