"""What an encoder promises."""

# Shapes: B batch, N length, D hidden dimension.

import torch

from dougong.contracts.embedding import Inputs
from dougong.testing.check import check, skip
from dougong.testing.network import assert_gradients_reach
from dougong.testing.reference import difference
from dougong.testing.sequences import (
    EXACT,
    autocast,
    batch_invariance,
    compilation,
    determinism,
    inputs_of,
    longest_input,
    network,
    padding_invariance,
    parts,
    real,
    save_and_load,
    shape,
    untouched_inputs,
)
from dougong.testing.subject import Subject

__all__ = [
    "autocast",
    "batch_invariance",
    "causality",
    "compilation",
    "context",
    "determinism",
    "gradients",
    "longest_input",
    "memory",
    "padding_invariance",
    "parts",
    "pooling",
    "save_and_load",
    "shape",
    "untouched_inputs",
    "vectors",
]


@check
def gradients(subject: Subject) -> None:
    """A finite gradient reaches every parameter, from the states or from the one vector of a text."""
    made = network(subject)
    inputs = inputs_of(made)

    def run() -> torch.Tensor:
        states = made(inputs)
        return torch.cat([real(states, inputs), made.pool(states, inputs.padding_mask)])

    assert_gradients_reach(made, run)


@check
def vectors(subject: Subject) -> None:
    """If it takes vectors in place of tokens, those of its embedding give what the tokens give, and others do not."""
    if not subject.states("supports", "vectors"):
        skip('it does not support "vectors"')
    made = network(subject)
    inputs = inputs_of(made)
    given = made.embedding(inputs)
    outputs = [real(made(inputs._replace(vectors=item)), inputs) for item in (given, -given)]
    gap = difference([outputs[0]], [real(made(inputs), inputs)])
    assert gap < EXACT, f"those of its embedding make a difference of {gap:.1e}"
    assert difference([outputs[1]], [outputs[0]]) > 0, "other vectors make none"


@check
def context(subject: Subject) -> None:
    """A token's state depends on the tokens around it."""
    made = network(subject)
    tokens = inputs_of(made, TEXT).tokens
    changed = tokens.clone()
    changed[:, 3:5] = made.tokenizer.size - 1
    gap = difference([made(Inputs(changed))[:, 2]], [made(Inputs(tokens))[:, 2]])
    assert gap > 0, "the two tokens after it make no difference"


@check
def causality(subject: Subject) -> None:
    """If it is asked to be causal, a token's state does not depend on those after it."""
    _needs_causal(subject)
    made = network(subject)
    tokens = inputs_of(made, TEXT).tokens
    plain = made(Inputs(tokens), causal=True)
    for cut in range(1, tokens.size(1)):
        changed = tokens.clone()
        changed[:, cut:] = tokens[:, :1]
        leak = difference([made(Inputs(changed), causal=True)[:, :cut]], [plain[:, :cut]])
        assert leak < EXACT, f"what comes from position {cut} on leaks before it, by {leak:.1e}"


@check
def memory(subject: Subject) -> None:
    """A text that is read token by token with a memory gets the states that it gets at once."""
    _needs_causal(subject)
    made = network(subject)
    tokens = inputs_of(made, TEXT).tokens
    length = tokens.size(1)
    held = made.memory(length)
    if held is None:
        skip("it keeps no memory with these parts: `memory` returns None")
    states = []
    with torch.no_grad():
        for begin, end in ((0, 3), *((place, place + 1) for place in range(3, length))):
            piece = Inputs(tokens[:, begin:end], positions=torch.arange(begin, end)[None])
            states.append(made(piece, causal=True, memory=held))
        gap = difference([torch.cat(states, 1)], [made(Inputs(tokens), causal=True)])
    assert gap < EXACT, f"off by {gap:.1e}"


@check
def pooling(subject: Subject) -> None:
    """`pool` gives one vector a text, which padding does not change."""
    made = network(subject)
    inputs = inputs_of(made)
    states = made(inputs)
    pooled = made.pool(states, inputs.padding_mask)
    expected = (len(inputs.tokens), made.dim)
    assert pooled.shape == expected, f"{tuple(pooled.shape)}, expected {expected}"
    assert inputs.padding_mask is not None
    spoilt = states.masked_fill(inputs.padding_mask.unsqueeze(-1), 1e3)
    gap = difference([made.pool(spoilt, inputs.padding_mask)], [pooled])
    assert gap < EXACT, f"what stands at padding makes a difference of {gap:.1e}"


TEXT = ("各部分彼此咬合，不用钉子。",)


def _needs_causal(subject: Subject) -> None:
    if not subject.states("supports", "causal"):
        skip('it does not support "causal"')
