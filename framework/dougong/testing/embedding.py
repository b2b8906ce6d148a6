"""What an embedding promises."""

import torch

from dougong.contracts.embedding import Inputs
from dougong.testing.check import check
from dougong.testing.sequences import (
    autocast,
    batch_invariance,
    compilation,
    determinism,
    gradients,
    longest_input,
    network,
    padding_invariance,
    positions,
    save_and_load,
    shape,
    untouched_inputs,
)
from dougong.testing.subject import Subject

__all__ = [
    "autocast",
    "batch_invariance",
    "compilation",
    "determinism",
    "gradients",
    "longest_input",
    "padding_invariance",
    "positions",
    "save_and_load",
    "shape",
    "tokens",
    "untouched_inputs",
]


@check
def tokens(subject: Subject) -> None:
    """Different tokens get different vectors."""
    made = network(subject)
    size = made.tokenizer.size
    one, other = made(Inputs(torch.tensor([[size - 1], [size - 2]])))
    assert not torch.allclose(one, other), "two tokens get one vector"
