"""Which number format to train in, decided by what the hardware says that it gains."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def gains_from_bf16(device_type: str) -> bool:
    """Whether this hardware has instructions for bf16: on a CPU AVX512-BF16 or AMX.

    Asked, not timed: a timing that falls out otherwise on a busy day would make another training of the same seed.
    """
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose(setting: str, device_type: str) -> tuple[str, str]:
    """The precision that a setting means on a device, and why, in words.

    Returns:
        One of "32", "bf16", "16", "64", and a line for the user.
    """
    if setting != "auto":
        return setting, f"{setting} as set"
    if gains_from_bf16(device_type):
        return "bf16", "bf16 (this hardware has instructions for it)"
    return "32", "float32 (this hardware has no instructions for bf16)"


def autocast(precision: str, device_type: str) -> torch.autocast:
    """The context to run a model in."""
    dtype = {"bf16": torch.bfloat16, "16": torch.float16}.get(precision)
    return torch.autocast(device_type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)


@contextmanager
def answering(precision: str, device_type: str) -> Iterator[None]:
    """The context to run a model in that learns nothing from it."""
    # In inference mode weights would be converted for each batch: what is made there is not kept for the next.
    with torch.no_grad(), autocast(precision, device_type):
        yield


LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed", "64": "64-true"}
