"""The states of the random generators, as plain values."""

import random
from typing import Any

import numpy as np
import torch


def generators() -> dict[str, Any]:
    """The states of all random generators of this process, as plain values and tensors."""
    version, numbers, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)
    return {
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_available() else [],
        "python": [version, list(numbers), gauss],
        "numpy": {"key": numpy_state["state"]["key"].tolist(), "pos": int(numpy_state["state"]["pos"])},
    }


def restore_generators(state: dict[str, Any]) -> None:
    """Put them back."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"][0])  # of the GPU of this process, and not of others'
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    numpy_state: Any = np.random.get_state(legacy=False)
    numpy_state["state"] = {"key": np.array(state["numpy"]["key"], np.uint32), "pos": state["numpy"]["pos"]}
    np.random.set_state(numpy_state)
