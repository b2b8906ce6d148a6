"""What a decoder promises."""

# Shapes: B batch, N target length, M source length, K paths, D hidden dimension.

from typing import Any

import torch
from torch import Tensor

from dougong.contracts.decoder import Rereading, Source
from dougong.testing.check import check, skip
from dougong.testing.network import assert_compiles, assert_gradients_reach, assert_restores
from dougong.testing.reference import difference
from dougong.testing.sequences import EXACT, assert_slot_is_used, network
from dougong.testing.subject import Subject

TEXTS, LENGTH, SOURCES, PATHS = 3, 6, (5, 7, 2), 3


@check
def shape(subject: Subject) -> None:
    """It gives `dim` finite numbers a token, in the type of its weights."""
    for dtype in (torch.float32, torch.float64):
        made = network(subject, dtype)
        states = made(_tokens(made), _source(made))
        expected = (TEXTS, LENGTH, made.dim)
        assert states.shape == expected, f"{tuple(states.shape)}, expected {expected}"
        assert states.isfinite().all(), "not all numbers are finite"
        assert states.dtype == dtype, f"{states.dtype} from weights in {dtype}"


@check
def context(subject: Subject) -> None:
    """A token's state depends on the tokens before it."""
    made = network(subject)
    tokens = _tokens(made)
    gap = difference([_run(made, _changed(tokens, made, 1))[:, 2]], [_run(made, tokens)[:, 2]])
    assert gap > 0, "the token before it makes no difference"


@check
def causality(subject: Subject) -> None:
    """A token's state does not depend on those after it."""
    made = network(subject)
    tokens = _tokens(made)
    plain = _run(made, tokens)
    for cut in range(1, LENGTH):
        leak = difference([_run(made, _changed(tokens, made, cut))[:, :cut]], [plain[:, :cut]])
        assert leak < EXACT, f"what stands at position {cut} leaks before it, by {leak:.1e}"


@check
def source(subject: Subject) -> None:
    """A token's state depends on every token of the source, and on no padding there."""
    made = network(subject)
    tokens, plain = _tokens(made), _source(made)
    states = made(tokens, plain)
    assert plain.padding_mask is not None
    for place in range(max(SOURCES)):
        moved = plain.states.clone()
        moved[:, place] += 1.0
        gaps = (made(tokens, plain._replace(states=moved)) - states).abs().flatten(1).amax(1)
        for gap, padding in zip(gaps.tolist(), plain.padding_mask[:, place].tolist(), strict=True):
            assert padding or gap > 0, f"token {place} of the source makes no difference"
            assert not padding or gap < EXACT, f"padding of the source makes a difference of {gap:.1e}"


@check
def batch_invariance(subject: Subject) -> None:
    """What a text gets does not depend on the others of its batch, nor on how far their sources go."""
    made = network(subject)
    tokens, seen = _tokens(made), _source(made)
    states = made(tokens, seen)
    for number, length in enumerate(SOURCES):
        alone = made(tokens[number : number + 1], Source(seen.states[number : number + 1, :length]))
        gap = difference([alone[0]], [states[number]])
        assert gap < EXACT, f"alone it differs by {gap:.1e}"


@check
def steps(subject: Subject) -> None:
    """Written token by token, on paths that fork and for sources of which some are dropped, it gives the same."""
    made = network(subject)
    whole = Rereading(_source(made), PATHS)
    writing = made.begin(_source(made), PATHS, LENGTH)
    if isinstance(writing, Rereading):
        skip("it reads all again for each token: it has no `begin` of its own")
    dice = torch.Generator().manual_seed(0)
    sources = TEXTS
    for step in range(LENGTH):
        if step == LENGTH // 2:
            kept = torch.tensor([2, 0])
            sources = len(kept)
            writing.keep(kept)
            whole.keep(kept)
        if step:
            parents = torch.randint(0, PATHS, (sources, PATHS), generator=dice)
            writing.follow(parents)
            whole.follow(parents)
        tokens = torch.randint(0, made.embedding.tokenizer.size, (sources, PATHS), generator=dice)
        with torch.no_grad():
            gap = difference([made.step(tokens, writing)], [whole.step(made, tokens)])
        assert gap < EXACT, f"token {step} is off by {gap:.1e}"


@check
def looks(subject: Subject) -> None:
    """How much a state looks at each token of the source is a share, and padding has none."""
    made = network(subject)
    seen = _source(made)
    found = made.looks(_tokens(made), seen)
    expected = (TEXTS, LENGTH, max(SOURCES))
    assert found.shape == expected, f"{tuple(found.shape)}, expected {expected}"
    assert (found >= 0).all(), "some are below 0"
    gap = difference([found.sum(-1)], [torch.ones_like(found[..., 0])])
    assert gap < EXACT, f"they sum to 1 but for {gap:.1e}"
    assert seen.padding_mask is not None
    hidden = found.transpose(1, 2)[seen.padding_mask]
    assert not hidden.any(), "it looks at padding"


@check
def longest_target(subject: Subject) -> None:
    """It takes a target of one token, and one of as many as its embedding can place."""
    made = network(subject)
    for length in (1, made.embedding.max_length or 300):
        tokens = (torch.arange(length) % made.embedding.tokenizer.size).expand(TEXTS, length)
        assert made(tokens, _source(made)).isfinite().all(), f"not all numbers are finite for {length} tokens"


@check
def determinism(subject: Subject) -> None:
    """The same inputs give the same output in evaluation, and in training under the same seed."""
    made = network(subject)
    assert _run(made).equal(_run(made)), "two calls in evaluation differ"
    made.train()
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        outputs.append(_run(made))
    assert outputs[0].equal(outputs[1]), "two calls in training with the same seed differ"


@check
def untouched_inputs(subject: Subject) -> None:
    """It does not change its inputs."""
    made = network(subject)
    tokens, seen = _tokens(made), _source(made)
    assert seen.padding_mask is not None
    inputs = (tokens, seen.states, seen.padding_mask)
    before = [item.clone() for item in inputs]
    with torch.no_grad():
        made(tokens, seen)
        made.looks(tokens, seen)
    assert all(map(torch.equal, before, inputs)), "it changes them"


@check
def gradients(subject: Subject) -> None:
    """A finite gradient reaches every parameter."""
    made = network(subject)
    assert_gradients_reach(made, lambda: _run(made))


@check
def save_and_load(subject: Subject) -> None:
    """One that loads the state of another gives what that one gives."""
    assert_restores(lambda: network(subject), _run)


@check
def autocast(subject: Subject) -> None:
    """Under autocast it works, near to what float32 gives."""
    made = network(subject, torch.float32)
    plain = _run(made)
    with torch.autocast("cpu", torch.bfloat16):
        cast = _run(made)
    gap = difference([cast], [plain])
    assert gap < 0.1, f"off by {gap:.2g}"


@check
def compilation(subject: Subject) -> None:
    """torch.compile takes it as one graph, and gives the same numbers."""
    made = network(subject)
    tokens, seen = _tokens(made), _source(made)
    assert_compiles(made, lambda module: module(tokens, seen))


@check
def parts(subject: Subject) -> None:
    """Every part that is chosen for one of its slots is used."""
    made = network(subject)
    for slot in subject.plugin.signature.slots:
        if slot.kind in ("attention", "embedding"):
            assert_slot_is_used(made, slot.name, slot.kind, lambda: _run(made))


def _tokens(made: Any) -> Tensor:
    """(B, N) token numbers."""
    dice = torch.Generator().manual_seed(1)
    return torch.randint(0, made.embedding.tokenizer.size, (TEXTS, LENGTH), generator=dice)


def _changed(tokens: Tensor, made: Any, place: int) -> Tensor:
    """With another token at a place."""
    changed = tokens.clone()
    changed[:, place] = (tokens[:, place] + 1) % made.embedding.tokenizer.size
    return changed


def _source(made: Any) -> Source:
    dice = torch.Generator().manual_seed(2)
    states = torch.randn(TEXTS, max(SOURCES), made.dim, generator=dice, dtype=torch.float64)
    mask = torch.arange(max(SOURCES)) >= torch.tensor(SOURCES)[:, None]
    return Source(states.to(next(made.parameters()).dtype), mask)


def _run(made: Any, tokens: Tensor | None = None) -> Tensor:
    return made(_tokens(made) if tokens is None else tokens, _source(made))  # type: ignore[no-any-return]
