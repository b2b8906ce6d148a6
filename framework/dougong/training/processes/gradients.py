"""Adding up the gradients of all processes."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, distributed

from dougong.training.processes.group import world

TOGETHER = 1 << 23
"""Numbers that are sent at once: enough to fill the line, and no second copy of all gradients."""

_DENSE, _SPARSE = 1, 2


def add_up(parameters: Iterable[Tensor], divisor: float = 1.0) -> None:
    """Let each process have the sum of all processes' gradients, divided by `divisor`.

    A parameter that has a gradient anywhere has one everywhere afterwards; one without, as a frozen one, keeps none, so
    that an optimizer treats it as in a single process.
    """
    trained = [item for item in parameters if item.requires_grad]
    kinds = torch.tensor([_kind(item.grad) for item in trained], dtype=torch.uint8)
    distributed.all_reduce(kinds, distributed.ReduceOp.MAX)
    dense = []
    for parameter, kind in zip(trained, kinds.tolist(), strict=True):
        if kind == _SPARSE:
            parameter.grad = _sum_of_sparse(parameter) / divisor
        elif kind == _DENSE:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dense.append(parameter.grad)
    add_up_tensors(dense, divisor)


def add_up_tensors(tensors: Sequence[Tensor], divisor: float = 1.0) -> None:
    """The same, in place, of dense tensors that every process has."""
    for bucket in _buckets(tensors):
        joined = torch.cat([item.reshape(-1) for item in bucket])
        distributed.all_reduce(joined)
        if divisor != 1:
            joined /= divisor
        parts = torch.split(joined, [item.numel() for item in bucket])
        torch._foreach_copy_(bucket, [part.view_as(item) for part, item in zip(parts, bucket, strict=True)])


def _kind(gradient: Tensor | None) -> int:
    return 0 if gradient is None else _SPARSE if gradient.is_sparse else _DENSE


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or size + tensor.numel() > TOGETHER):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket


def _sum_of_sparse(parameter: Tensor) -> Tensor:
    """The rows of all processes; each sends as many as the one with the most has."""
    gradient = _no_rows(parameter) if parameter.grad is None else parameter.grad
    gradient = gradient.coalesce()
    indices, values = gradient.indices(), gradient.values()
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(world())]
    distributed.all_gather(counts, torch.tensor([values.size(0)]))
    most = max(int(count) for count in counts)
    padded_indices = indices.new_zeros((indices.size(0), most))
    padded_values = values.new_zeros((most, *values.shape[1:]))
    padded_indices[:, : values.size(0)], padded_values[: values.size(0)] = indices, values
    all_indices = [torch.empty_like(padded_indices) for _ in counts]
    all_values = [torch.empty_like(padded_values) for _ in counts]
    distributed.all_gather(all_indices, padded_indices)
    distributed.all_gather(all_values, padded_values)
    kept = [int(count) for count in counts]
    joined = torch.cat([item[:, :count] for item, count in zip(all_indices, kept, strict=True)], 1)
    rows = torch.cat([item[:count] for item, count in zip(all_values, kept, strict=True)])
    return torch.sparse_coo_tensor(joined, rows, gradient.shape).coalesce()


def _no_rows(parameter: Tensor) -> Tensor:
    indices = torch.zeros((1, 0), dtype=torch.int64, device=parameter.device)
    return torch.sparse_coo_tensor(indices, parameter.new_zeros((0, *parameter.shape[1:])), parameter.shape)
