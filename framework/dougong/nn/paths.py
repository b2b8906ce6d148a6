"""Texts that grow along several paths, of which some are given up and others fork.

All that was ever written stays where it is; a path is a choice among it. So nothing is copied when paths change, and
what is remembered is read once for all paths of a source.
"""

# Shapes: B sources, K paths, T steps so far, H heads, N queries a source, D head dimension.

import torch
from torch import Tensor

from dougong.contracts.attention import Attention
from dougong.nn.few_queries import attend


class Paths:
    """Which of the K tokens that were written at each step lie on which path.

    Args:
        sources: B.
        paths: K.
        length: steps at most.
    """

    def __init__(self, sources: int, paths: int, length: int, device: torch.device) -> None:
        self.count, self.length, self.steps = paths, length, 0
        self._own = torch.eye(paths, dtype=torch.bool, device=device)
        self._on = torch.zeros(sources, paths, length, paths, dtype=torch.bool, device=device)

    def grow(self) -> None:
        """Each path has got one more token: that of its own number."""
        self._on[:, :, self.steps] = self._own
        self.steps += 1

    def follow(self, parents: Tensor) -> None:
        """Path k goes on from path `parents[b, k]`."""
        used = self._on[:, :, : self.steps]
        used.copy_(used.gather(1, parents[:, :, None, None].expand_as(used)))

    def keep(self, sources: Tensor) -> None:
        """Forget all sources but those of these numbers."""
        self._on = self._on[sources]

    def mask(self) -> Tensor:
        """(B, K, T * K), True where what was written lies on the path."""
        return self._on[:, :, : self.steps].flatten(2)


class PathMemory:
    """Keys and values of all that was written, for queries that each see one path.

    Args:
        paths: the paths, which must have grown by the tokens that are added.
    """

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def add(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Remember (B, H, K, D) keys and values of the last step; (B, H, T * K, D) of all steps."""
        count, steps = self.paths.count, self.paths.steps
        if self.keys is None or self.values is None:
            shape = (*key.shape[:2], self.paths.length * count, key.shape[-1])
            self.keys, self.values = key.new_zeros(shape), value.new_zeros(shape)
        new = slice((steps - 1) * count, steps * count)
        self.keys[:, :, new], self.values[:, :, new] = key, value
        return self.keys[:, :, : steps * count], self.values[:, :, : steps * count]

    def keep(self, sources: Tensor) -> None:
        """Forget all sources but those of these numbers."""
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys[sources], self.values[sources]


class SelfMemory(PathMemory):
    """What one layer of self-attention remembers.

    A new token's attention is one row of the pattern's causal mask, as in `key_values`.

    Args:
        attention: of the layer.
    """

    def __init__(self, paths: Paths, attention: Attention) -> None:
        super().__init__(paths)
        self.attention = attention

    def attend(self, query: Tensor, key: Tensor, value: Tensor, positions: Tensor) -> Tensor:
        """(B, H, K, D) of the new tokens, one a path, to (B, H, K, D)."""
        keys, values = self.add(key, value)
        row = self.attention.mask_rows(positions[0, :1], self.paths.length)
        assert row is not None, "this attention equals no masked softmax"
        seen = self.paths.mask() & row[0, : self.paths.steps].repeat_interleave(self.paths.count)
        return attend(query, keys, values, seen.unsqueeze(1))
