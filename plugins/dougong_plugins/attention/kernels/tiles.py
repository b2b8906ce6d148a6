"""Cuts a pattern into tiles: groups of queries, each with the keys that it may see, of which all have one shape."""

# Shapes: N length, H heads, D head dimension; I items of a tile, C groups of a tile, L rows of a group.

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

    def of(self, tensor: Tensor) -> Tensor:
        """A view of these rows of an (I, N, H, D) or (I, N, H) tensor: (I, C, L, H, D) or (I, C, L, H)."""
        item, row, *rest = tensor.stride()
        return tensor.as_strided(
            (tensor.shape[0], self.groups, self.length, *tensor.shape[2:]),
            (item, self.step * row, self.stride * row, *rest),
            tensor.storage_offset() + self.start * row,
        )

    def slabs(self) -> Iterator[tuple[slice, "Rows"]]:
        """These rows in cuts in which no two groups overlap: which rows of a group, and where they lie."""
        width = self.length if self.groups == 1 or self.stride > 1 else self.step
        for first in range(0, self.length, width):
            length = min(width, self.length - first)
            cut = Rows(self.start + first * self.stride, self.groups, self.step, length, self.stride)
            yield slice(first, first + length), cut


@dataclass(frozen=True)
class Band:
    """What a query sees of a stretch of keys around its block: |distance| <= `window`, and no multiple of `skipped`."""

    window: int
    skipped: int | None
    causal: bool

    @property
    def after(self) -> int:
        """How far a query sees ahead."""
        return 0 if self.causal else self.window


@dataclass(frozen=True)
class Tile:
    """Groups of queries and the keys that each may see; with no `band` they see them all, or all that are not later."""

    queries: Rows
    keys: Rows
    band: Band | None = None

    @property
    def cut(self) -> int:
        """How many keys of the stretch the start of the sequence cuts off."""
        return 0 if self.band is None else self.band.window - (self.queries.start - self.keys.start)


def block_of(window: int) -> int:
    """How many neighbouring queries share a stretch of keys.

    A block of c queries computes c + 2 * window scores a query where 2 * window + 1 are wanted, so small blocks waste
    less; but the kernel takes queries 32 at a time, and 64 from blocks of 192, and likes long products. Measured on CPU
    for windows of 8 to 1,024: each step is the fastest block, or within the noise of it.
    """
    for widest, block in ((23, 32), (191, 64), (1023, 128)):
        if window <= widest:
            return block
    return 192


def longest_row(pattern: Pattern, length: int) -> int:
    """The most keys that a tile holds for a query; the pattern is already `at` the length."""
    members = 0 if pattern.rate is None else -(-length // pattern.rate)
    stretch = 0 if pattern.window is None else block_of(pattern.window) + 2 * pattern.window
    return max(members, min(stretch, length))


KEY_ROWS = 2
"""How many keys a tile may hold, in queries."""


@lru_cache(maxsize=256)
def parts(pattern: Pattern, length: int, causal: bool, rows: int) -> tuple[tuple[Tile, ...], ...]:
    """The disjoint halves of a pattern (already `at` the length), each of which covers every query once: classes first.

    Args:
        rows: about how many queries a tile should hold.
    """
    halves = []
    if pattern.rate is not None:
        halves.append(tuple(_class_tiles(pattern.rate, length, rows)))
    if pattern.window is not None:
        halves.append(tuple(_local_tiles(Band(pattern.window, pattern.rate, causal), length, rows)))
    return tuple(halves)


def _local_tiles(band: Band, length: int, rows: int) -> Iterator[Tile]:
    """Blocks of queries against the stretch of keys around each; blocks near an end have a shorter stretch."""
    window, block = band.window, block_of(band.window)
    whole = max(0, (length - band.after) // block)  # blocks before this one have all their later keys
    first_whole = min(-(-window // block), whole)
    # The gradients of keys are as long as all stretches together. Where these are large, the allocator hands their
    # memory back to the system after each tile, and getting it again costs more than the calls of smaller tiles.
    at_once = max(1, KEY_ROWS * rows // (block + window + band.after))
    starts = [(index, 1) for index in range(first_whole)]
    starts += [(index, min(at_once, whole - index)) for index in range(first_whole, whole, at_once)]
    starts += [(index, 1) for index in range(whole, -(-length // block))]
    for index, count in starts:
        start = index * block
        key_start = max(0, start - window)
        queries = min(block, length - start)
        keys = min(length, start + queries + band.after) - key_start
        yield Tile(Rows(start, count, block, queries), Rows(key_start, count, block, keys), band)


def _class_tiles(rate: int, length: int, rows: int) -> Iterator[Tile]:
    """The classes of positions that leave one remainder by `rate`; the first ones may have one position more."""
    members, longer = divmod(length, rate)
    for first, last, size in ((0, longer, members + 1), (longer, rate, members)):
        at_once = max(1, rows // max(1, size))
        for start in range(first, last if size else first, at_once):
            group = Rows(start, min(at_once, last - start), 1, size, rate)
            yield Tile(group, group)
