"""Taking rows out of a matrix, and putting them back."""

# Shapes: V rows of a table, N rows taken, ... the shape of a row.

from torch import Tensor, float64
from torch import complex128 as sixteen_bytes


def take(table: Tensor, rows: Tensor) -> Tensor:
    """(V, ...) and (N,) to (N, ...): a copy of those rows."""
    return table.index_select(0, rows)


def put(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write (N, ...) values over those rows of a (V, ...) table, in place.

    PyTorch moves rows number by number on a CPU; as numbers of 16 bytes that is 3 times as fast.
    """
    if _wide(table) and _wide(values):
        table, values = table.detach().view(sixteen_bytes), values.view(sixteen_bytes)
    table.index_copy_(0, rows, values)


def _wide(tensor: Tensor) -> bool:
    """Whether rows can be seen as numbers of 16 bytes."""
    if tensor.device.type != "cpu" or tensor.ndim < 2 or tensor.dtype.itemsize > float64.itemsize:
        return False
    last, start = (length * tensor.dtype.itemsize for length in (tensor.size(-1), tensor.storage_offset()))
    return tensor.is_contiguous() and last % 16 == 0 and start % 16 == 0
