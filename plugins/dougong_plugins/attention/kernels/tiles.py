"""Cuts a pattern into tiles: groups of queries, each with the keys that it may see, of which all have one shape."""

# Shapes: B batch, N length, H heads, D head dimension; I items of a tile, C groups of a tile, L rows of a group.

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from dougong_plugins.attention.kernels.pattern import Pattern


@dataclass(frozen=True)
class Rows:
    """Rows of a sequence in groups: row i of group c is at `start + c * step + i * stride`. Groups may overlap."""

    start: int
    groups: int
    step: int
    length: int
    stride: int = 1

    def of(self, tensor: Tensor, items: slice) -> Tensor:
        """A view of these rows of a (B, N, H, D) or (B, N, H) tensor: (I, C, L, H, D) or (I, C, L, H)."""
        part = tensor[items]
        item, row, *rest = part.stride()
        return part.as_strided(
            (part.shape[0], self.groups, self.length, *part.shape[2:]),
            (item, self.step * row, self.stride * row, *rest),
            part.storage_offset() + self.start * row,
        )

    def slabs(self) -> Iterator[tuple[slice, "Rows"]]:
        """These rows cut so that no two groups of a cut overlap: what to add into, and which rows of a group go there."""
        width = self.length if self.groups == 1 or self.stride > 1 else self.step
        for first in range(0, self.length, width):
            length = min(width, self.length - first)
            cut = Rows(self.start + first * self.stride, self.groups, self.step, length, self.stride)
            yield slice(first, first + length), cut


@dataclass(frozen=True)
class Band:
    """What a query sees in its own stretch of keys: |distance| <= `window`, and no multiple of `skipped`.

    `offset` is the position of the first query less that of the first key.
    """

    offset: int
    window: int
    skipped: int | None
    causal: bool


@dataclass(frozen=True)
class Tile:
    """Groups of queries and the keys that each may see; with no `band` they see them all, or all that are not later."""

    queries: Rows
    keys: Rows
    band: Band | None = None


def block_of(window: int) -> int:
    """How many neighbouring queries share a stretch of keys.

    A block of c queries computes c + 2 * window scores a query where 2 * window + 1 are wanted, so small blocks waste
    less; below 32 the kernel's own blocks are not filled. Wide windows afford the wider blocks that its matrix products
    like better. Measured on CPU for windows of 16 to 4,096.
    """
    if window < 48:
        return 32
    return 64 if window < 512 else 256


@lru_cache(maxsize=256)
def parts(pattern: Pattern, length: int, causal: bool, rows: int) -> tuple[tuple[Tile, ...], ...]:
    """The disjoint halves of a pattern (already `at` the length), each of which covers every query once.

    Args:
        rows: about how many queries a tile should hold.
    """
    halves = []
    if pattern.window is not None:
        halves.append(tuple(_local_tiles(pattern.window, pattern.rate, length, causal, rows)))
    if pattern.rate is not None:
        halves.append(tuple(_class_tiles(pattern.rate, length, rows)))
    return tuple(halves)


def _local_tiles(window: int, skipped: int | None, length: int, causal: bool, rows: int) -> Iterator[Tile]:
    """Blocks of queries against the stretch of keys around each; blocks near an end have a shorter stretch."""
    block = block_of(window)
    after = 0 if causal else window
    whole = (length - after) // block  # blocks before this one have all their later keys
    first_whole = min(-(-window // block), whole)
    at_once = max(1, rows // block)
    starts = [(index, 1) for index in range(first_whole)]
    starts += [(index, min(at_once, whole - index)) for index in range(first_whole, whole, at_once)]
    starts += [(index, 1) for index in range(whole, -(-length // block))]
    for index, count in starts:
        start = index * block
        key_start = max(0, start - window)
        queries = min(block, length - start)
        keys = min(length, start + queries + after) - key_start
        band = Band(start - key_start, window, skipped, causal)
        yield Tile(Rows(start, count, block, queries), Rows(key_start, count, block, keys), band)


def _class_tiles(rate: int, length: int, rows: int) -> Iterator[Tile]:
    """The classes of positions that leave one remainder by `rate`; the first ones may have one position more."""
    members, longer = divmod(length, rate)
    for first, last, size in ((0, longer, members + 1), (longer, rate, members)):
        at_once = max(1, rows // max(1, size))
        for start in range(first, last if size else first, at_once):
            group = Rows(start, min(at_once, last - start), 1, size, rate)
            yield Tile(group, group)
