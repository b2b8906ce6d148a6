"""What attention is computed in, and what it gives back."""

import torch
from torch import Tensor

from dougong_plugins.attention.kernels.constant import constant_in_graphs


def score_dtype(dtype: torch.dtype) -> torch.dtype:
    """The precision of scores, softmax statistics and sums: never below float32."""
    return torch.promote_types(dtype, torch.float32)


def output_dtype(query: Tensor) -> torch.dtype:
    """What autocast would have PyTorch's own attention give; it does not know ours."""
    device_type = query.device.type
    if query.dtype == torch.float64 or not torch.is_autocast_enabled(device_type):
        return query.dtype
    return torch.get_autocast_dtype(device_type)


def product_dtype(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """What the products of short rows are computed in.

    On a CPU without matrix instructions (AMX) the 16-bit attention kernel is slow at short rows: forward and backward
    took 2.5 times as long as in float32 at length 80, without conversions. See docs/benchmarks/attention.md.
    """
    return score_dtype(dtype) if device.type == "cpu" and not _has_matrix_instructions() else dtype


@constant_in_graphs
def _has_matrix_instructions() -> bool:
    return bool(torch.cpu._is_amx_tile_supported())
