"""Which number format to train in, decided by what the hardware gains."""

import time
from functools import cache

import torch

WORTH_IT = 1.3


@cache
def bf16_gain(device_type: str) -> float:
    """How many times faster a matrix product is in bf16 than in float32 on this hardware.

    On a CPU a product of the size of a small model's is timed, for some ten milliseconds; a GPU's model number says it.
    """
    if device_type == "cuda":
        return 2.0 if torch.cuda.is_bf16_supported(including_emulation=False) else 0.0
    if device_type != "cpu":
        return 0.0
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(512, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
        torch.mm(left, right)
        times[dtype] = min(_seconds(left, right) for _ in range(5))
    return times[torch.float32] / times[torch.bfloat16]


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    start = time.perf_counter()
    torch.mm(left, right)
    return time.perf_counter() - start


def choose(setting: str, device_type: str) -> tuple[str, str]:
    """The precision that a setting means on a device, and why, in words.

    Returns:
        One of "32", "bf16", "16", "64", and a line for the user.
    """
    if setting != "auto":
        return setting, f"{setting} as set"
    gain = bf16_gain(device_type)
    if gain >= WORTH_IT:
        return (
            "bf16",
            "bf16 (this GPU computes it)" if device_type == "cuda" else f"bf16 (measured {gain:.1f}x float32)",
        )
    return "32", f"float32 (bf16 measured {gain:.1f}x)"


def autocast(precision: str, device_type: str) -> torch.autocast:
    """The context to run a model in."""
    dtype = {"bf16": torch.bfloat16, "16": torch.float16}.get(precision)
    return torch.autocast(device_type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)


LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed", "64": "64-true"}
