"""Taking rows out of a matrix, or out of this process's shard of it, and putting them back."""

# Shapes: V rows of a table, N rows taken, ... the shape of a row.

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def take(table: Tensor, rows: Tensor, room: Tensor | None = None) -> Tensor:
    """(V, ...) and (N,) to (N, ...): a copy of those rows.

    Args:
        room: (N or more, ...) where to put them: memory that is new has to be found page by page.
    """
    if room is None:
        return table.index_select(0, rows)
    return torch.index_select(table.detach(), 0, rows, out=room[: len(rows)])


def put(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write (N, ...) values over those rows of a (V, ...) table, in place.

    PyTorch moves rows number by number on a CPU; as numbers of 16 bytes that is 3 times as fast.
    """
    if _wide(table) and _wide(values):
        table, values = table.detach().view(torch.complex128), values.view(torch.complex128)
    table.index_put_((rows,), values)


def local(tensor: Tensor) -> Tensor:
    """The rows that this process has, as a plain tensor of the same memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def local_range(table: Tensor) -> slice:
    """Which rows of the whole table this process has.

    Raises:
        ValueError: it is cut in another way than into rows.
    """
    if not is_sharded(table):
        return slice(0, len(table))
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    sharded: DTensor = table  # type: ignore[assignment]
    if not all(placement.is_shard(0) or placement.is_replicate() for placement in sharded.placements):
        raise ValueError("lazy: takes tables that are sharded by rows, and this one is cut in another way.")
    shape, start = compute_local_shape_and_global_offset(sharded.shape, sharded.device_mesh, sharded.placements)
    return slice(start[0], start[0] + shape[0])


def is_sharded(tensor: Any) -> bool:
    """Whether a tensor is spread over processes."""
    return hasattr(tensor, "to_local")


def _wide(tensor: Tensor) -> bool:
    """Whether rows can be seen as numbers of 16 bytes."""
    if tensor.device.type != "cpu" or tensor.ndim < 2 or tensor.dtype.itemsize > torch.float64.itemsize:
        return False
    last, start = (length * tensor.dtype.itemsize for length in (tensor.size(-1), tensor.storage_offset()))
    return tensor.is_contiguous() and last % 16 == 0 and start % 16 == 0
