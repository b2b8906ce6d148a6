"""Exact attention over a pattern in tiles, forward and backward.

A union of disjoint key sets is one softmax: each set gives its own output and log-sum-exp, and the outputs are averaged
with the weights that the log-sum-exps give. The gradients of each set then come from the *merged* output and
log-sum-exp, so the log-sum-exp itself needs no gradient. Tiles are small enough for the caches, and memory grows as
the length: beside inputs, output and gradients there is one number a query and head, and the buffers of one tile.
"""

# Shapes: B batch, N length, H heads, D head dimension; I items, C groups, G = I * C, Q queries and K keys of a group.

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dougong_plugins.attention.kernels.bias import padding_bias, tile_bias
from dougong_plugins.attention.kernels.flash import FlashTile, flash_works
from dougong_plugins.attention.kernels.matmul import MatmulTile
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.precision import product_dtype, score_dtype
from dougong_plugins.attention.kernels.products import LONGEST_ROW, NARROWEST_WINDOW, ProductTile
from dougong_plugins.attention.kernels.tiles import Rows, Tile, longest_row, parts

NUMBERS_A_THREAD = 1 << 18
"""How much of the queries a tile holds for each thread: a megabyte in float32, about as much as a core caches."""


Engine = FlashTile | MatmulTile | ProductTile


@dataclass(frozen=True)
class Job:
    """One call: the pattern at its length, and what goes with the scores."""

    pattern: Pattern
    causal: bool
    dropout: float
    seed: int
    padding: Tensor | None

    def engine(self, like: Tensor) -> Engine:
        """What computes a tile; both passes must take one each, anew."""
        if like.device.type == "cpu" and not self.dropout and flash_works():
            halves = (self.pattern.window, self.pattern.rate)
            return ProductTile(alone=None in halves) if self._suits_products(like) else FlashTile()
        generator = torch.Generator(like.device).manual_seed(self.seed) if self.dropout else None
        return MatmulTile(self.dropout, generator)

    def _suits_products(self, like: Tensor) -> bool:
        # A causal mask halves the work of the flash kernel, and with padding a row may be empty.
        if self.causal or self.padding is not None or _computing(like) != score_dtype(like.dtype):
            return False
        if self.pattern.window is not None and self.pattern.window < NARROWEST_WINDOW:
            return False
        return longest_row(self.pattern, like.shape[1]) <= LONGEST_ROW

    def cuts(self, like: Tensor) -> Iterator[tuple[slice, "Job"]]:
        """Which items are computed at once, each with its job: short ones together, long ones alone."""
        at_once = max(1, min(like.shape[0], _rows_of_a_tile(like) // max(1, like.shape[1])))
        for first in range(0, like.shape[0], at_once):
            items = slice(first, first + at_once)
            yield items, replace(self, padding=None if self.padding is None else self.padding[items])

    def tiles(self, like: Tensor) -> Iterator[tuple[int, Tile, Tensor | None, bool]]:
        """Each tile of a cut, with the half of the pattern it is of, its bias, and whether it is causal."""
        rows = _rows_of_a_tile(like) // like.shape[0]
        for half, tiles in enumerate(parts(self.pattern, like.shape[1], self.causal, rows)):
            for tile in tiles:
                bias = tile_bias(tile, self.padding, score_dtype(like.dtype), like.device)
                yield half, tile, bias, self.causal and tile.band is None


def _rows_of_a_tile(like: Tensor) -> int:
    threads = torch.get_num_threads() if like.device.type == "cpu" else 16
    # What is widened is held twice, so tiles are smaller: this took the peak of sparse in bf16 from 57 to 35 MiB.
    numbers = NUMBERS_A_THREAD if _computing(like) == like.dtype else NUMBERS_A_THREAD // 4
    return max(256, threads * numbers // max(1, like.shape[2] * like.shape[3]))


def job(
    pattern: Pattern, like: Tensor, causal: bool, dropout: float, seed: int, key_padding_mask: Tensor | None
) -> Job:
    """The job for a (B, N, H, D) tensor."""
    padding = None if key_padding_mask is None else padding_bias(key_padding_mask, score_dtype(like.dtype))
    return Job(pattern.at(like.shape[1]), causal, dropout, seed, padding)


def attend(job: Job, query: Tensor, key: Tensor, value: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The output (B, N, H, D) and a finite log-sum-exp (B, N, H), of three (B, N, H, D)."""
    query, key, value = (_readable(tensor) for tensor in (query, key, value))
    engine = job.engine(query)
    output, lse = query.new_empty(query.shape), query.new_empty(query.shape[:-1], dtype=score_dtype(query.dtype))
    for items, cut in job.cuts(query):
        inputs = (query[items], key[items], value[items])
        part = output[items]
        total = _total(part, several=job.pattern.halves > 1)
        _attend_cut(cut, engine, *inputs, total, lse[items], scale)
        _finish(part, total)
    # A finite number where no key is seen makes the weights of the backward pass exp(-inf - 0) = 0, not NaN.
    return output, lse.masked_fill_(lse == -torch.inf, 0.0)


def _attend_cut(
    job: Job, engine: Engine, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, scale: float
) -> None:
    """Write `output` and `lse` of one cut."""
    for half, tile, bias, causal in job.tiles(query):
        (queries,), (keys, values) = _rows((query,), tile.queries), _rows((key, value), tile.keys)
        partial, partial_lse = engine.forward(queries, keys, values, bias, causal, scale)
        output_rows, lse_rows = tile.queries.of(output), tile.queries.of(lse)
        partial, partial_lse = partial.transpose(1, 2), partial_lse.transpose(1, 2)
        merge = _merge if half else _store
        merge(output_rows, lse_rows, partial.reshape(output_rows.shape), partial_lse.reshape(lse_rows.shape))


def gradients(
    job: Job, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value, each (B, N, H, D)."""
    grad, query, key, value = (_readable(tensor) for tensor in (grad, query, key, value))
    engine = job.engine(query)
    results = [query.new_empty(query.shape) for _ in range(3)]
    banded = job.pattern.window is not None
    for items, cut in job.cuts(query):
        inputs = (grad[items], query[items], key[items], value[items], output[items], lse[items])
        slices = [result[items] for result in results]
        several = (job.pattern.halves > 1, banded, banded)
        totals = [_total(part, summed) for part, summed in zip(slices, several, strict=True)]
        _differentiate_cut(cut, engine, *inputs, totals, scale)
        for part, total in zip(slices, totals, strict=True):
            _finish(part, total)
    grad_query, grad_key, grad_value = results
    return grad_query, grad_key, grad_value


def _differentiate_cut(
    job: Job,
    engine: Engine,
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    lse: Tensor,
    totals: list[Tensor],
    scale: float,
) -> None:
    """Write the gradients of one cut to `totals`: of query, key and value."""
    if job.pattern.rate is None:  # else the classes come first, and write every key before a band adds to it
        for total in totals[1:]:
            total.zero_()
    for half, tile, bias, causal in job.tiles(query):
        grads, queries, outputs = _rows((grad, query, output), tile.queries)
        keys, values = _rows((key, value), tile.keys)
        lses = tile.queries.of(lse).flatten(0, 1).transpose(1, 2)
        partial = engine.backward(grads, queries, keys, values, outputs, lses, bias, causal, scale)
        put_key = _add if tile.band else _put
        (_add if half else _put)(totals[0], tile.queries, partial[0])
        put_key(totals[1], tile.keys, partial[1])
        put_key(totals[2], tile.keys, partial[2])


def _total(result: Tensor, several: bool) -> Tensor:
    """Where a result is gathered: 16 bits would round each of several parts that meet in one place, so in float32."""
    dtype = score_dtype(result.dtype) if several else result.dtype
    return result if dtype == result.dtype else torch.empty(result.shape, dtype=dtype, device=result.device)


def _finish(result: Tensor, total: Tensor) -> None:
    if total is not result:
        result.copy_(total)


def _computing(like: Tensor) -> torch.dtype:
    return product_dtype(like.dtype, like.device)


def _readable(tensor: Tensor) -> Tensor:
    """`tensor` if matrix products can read its rows in place, as they can of a projection's views; else a copy."""
    *_, row, _, number = tensor.stride()
    in_place = number == 1 and row >= tensor.shape[-1]
    return tensor if in_place else tensor.contiguous()


def _rows(tensors: tuple[Tensor, ...], rows: Rows) -> tuple[Tensor, ...]:
    """Each as (G, H, L, D), in the precision of the products.

    A copy only where a tile holds several items, which then are short, or where 16 bits are widened.
    """
    views = (rows.of(tensor).transpose(2, 3) for tensor in tensors)
    dtype = _computing(tensors[0])
    return tuple(
        (view if view.dtype == dtype else view.to(dtype, memory_format=torch.contiguous_format)).flatten(0, 1)
        for view in views
    )


def _store(output: Tensor, lse: Tensor, partial: Tensor, partial_lse: Tensor) -> None:
    output.copy_(partial)
    lse.copy_(partial_lse)


def _merge(output: Tensor, lse: Tensor, partial: Tensor, partial_lse: Tensor) -> None:
    """Average what is there with a disjoint key set, by their log-sum-exps, in place."""
    merged = torch.logaddexp(lse, partial_lse)
    safe = merged.masked_fill(merged == -torch.inf, 0.0)
    before, now = (torch.exp(part - safe)[..., None] for part in (lse, partial_lse))
    output.mul_(before).addcmul_(partial, now)
    lse.copy_(merged)


def _put(total: Tensor, rows: Rows, partial: Tensor) -> None:
    """Write (G, H, L, D) to the rows of (B, N, H, D) that they belong to."""
    target = rows.of(total)
    target.copy_(partial.transpose(1, 2).view(target.shape))


def _add(total: Tensor, rows: Rows, partial: Tensor) -> None:
    """Add (G, H, L, D) to the rows of (B, N, H, D) that they belong to; a row may belong to several groups."""
    partial = partial.transpose(1, 2)
    groups = partial.reshape(-1, rows.groups, *partial.shape[1:])
    for cut, target in rows.slabs():
        target.of(total).add_(groups[:, :, cut])
