"""What embeddings and encoders both promise."""

# Shapes: B batch, N length, D dimension.

import itertools
from typing import Any

import torch
from torch import Tensor

from dougong.contracts.embedding import Inputs
from dougong.testing.check import check, skip
from dougong.testing.network import assert_compiles, assert_gradients_reach, assert_restores
from dougong.testing.reference import difference
from dougong.testing.subject import Subject, base_class
from dougong.testing.texts import TEXTS
from dougong.training.assemble import Assembly

EXACT = 1e-9


def network(subject: Subject, dtype: torch.dtype = torch.float64) -> Any:
    """The plugin on a tokenizer that has learnt, ready to be evaluated."""
    tokenizer = Assembly(subject.configuration()).make("tokenizer")
    if tokenizer is not None:
        tokenizer.fit(TEXTS * 3)  # often enough for any tokenizer to learn them
    return subject.make(ready={} if tokenizer is None else {"tokenizer": tokenizer}).to(dtype).eval()


def inputs_of(made: Any, texts: tuple[str, ...] = TEXTS, wider: int = 0) -> Inputs:
    """The texts as a batch, padded on the right.

    Args:
        wider: more columns of padding than are needed.
    """
    rows = [encoding.ids for encoding in made.tokenizer.encode(list(texts), made.max_length)]
    width = max(map(len, rows)) + wider
    tokens = torch.full((len(rows), width), made.tokenizer.padding_id)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.tensor(row)
    mask = torch.arange(width) >= torch.tensor([len(row) for row in rows])[:, None]
    return Inputs(tokens, mask if mask.any() else None)


def real(states: Tensor, inputs: Inputs) -> Tensor:
    """The states of what is no padding, one after the other."""
    return states if inputs.padding_mask is None else states[~inputs.padding_mask]


@check
def shape(subject: Subject) -> None:
    """It gives `dim` finite numbers a token, in the type of its weights."""
    for dtype in (torch.float32, torch.float64):
        made = network(subject, dtype)
        inputs = inputs_of(made)
        states = made(inputs)
        expected = (*inputs.tokens.shape, made.dim)
        assert states.shape == expected, f"{tuple(states.shape)}, expected {expected}"
        assert real(states, inputs).isfinite().all(), "not all numbers are finite"
        assert states.dtype == dtype, f"{states.dtype} from weights in {dtype}"


@check
def padding_invariance(subject: Subject) -> None:
    """More padding changes nothing for the tokens."""
    made = network(subject)
    narrow, wide = inputs_of(made), inputs_of(made, wider=5)
    gap = difference([real(made(wide), wide)], [real(made(narrow), narrow)])
    assert gap < EXACT, f"five columns of padding make a difference of {gap:.1e}"


@check
def batch_invariance(subject: Subject) -> None:
    """What a text gets does not depend on the others of its batch."""
    made = network(subject)
    inputs = inputs_of(made)
    states = made(inputs)
    for number in range(len(inputs.tokens)):
        other = (number + 1) % len(inputs.tokens)
        rows = [number if row == other else row for row in range(len(inputs.tokens))]
        rest = [row for row in range(len(inputs.tokens)) if row != other]
        changed, kept = _chosen(inputs, rows), _chosen(inputs, rest)
        gap = difference([real(made(changed)[rest], kept)], [real(states[rest], kept)])
        assert gap < EXACT, f"another text beside it makes a difference of {gap:.1e}"


def _chosen(inputs: Inputs, rows: list[int]) -> Inputs:
    return Inputs(inputs.tokens[rows], None if inputs.padding_mask is None else inputs.padding_mask[rows])


@check
def positions(subject: Subject) -> None:
    """Positions that are given as 0, 1, 2, ... are those that it takes when none are given."""
    made = network(subject)
    inputs = inputs_of(made)
    numbered = inputs._replace(positions=torch.arange(inputs.tokens.size(1)).expand(inputs.tokens.shape))
    gap = difference([real(made(numbered), inputs)], [real(made(inputs), inputs)])
    assert gap < EXACT, f"it makes a difference of {gap:.1e}"


@check
def longest_input(subject: Subject) -> None:
    """It takes an input of one token, and one of `max_length`."""
    made = network(subject)
    for length in (1, made.max_length or 700):
        numbers = itertools.islice(itertools.cycle(range(made.tokenizer.size)), length)
        states = made(Inputs(torch.tensor([list(numbers)])))
        assert states.shape == (1, length, made.dim), f"{tuple(states.shape)} for {length} tokens"
        assert states.isfinite().all(), f"not all numbers are finite for {length} tokens"


@check
def determinism(subject: Subject) -> None:
    """The same inputs give the same output in evaluation, and in training under the same seed."""
    made = network(subject)
    inputs = inputs_of(made)
    assert real(made(inputs), inputs).equal(real(made(inputs), inputs)), "two calls in evaluation differ"
    made.train()
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        outputs.append(real(made(inputs), inputs))
    assert outputs[0].equal(outputs[1]), "two calls in training with the same seed differ"


@check
def untouched_inputs(subject: Subject) -> None:
    """It does not change its inputs."""
    made = network(subject)
    inputs = inputs_of(made)
    before = [None if item is None else item.clone() for item in inputs]
    with torch.no_grad():
        made(inputs)
    for name, one, other in zip(Inputs._fields, inputs, before, strict=True):
        assert one is None or other is None or one.equal(other), f"it changes `{name}`"


@check
def gradients(subject: Subject) -> None:
    """A finite gradient reaches every parameter."""
    made = network(subject)
    inputs = inputs_of(made)
    assert_gradients_reach(made, lambda: real(made(inputs), inputs))


@check
def save_and_load(subject: Subject) -> None:
    """One that loads the state of another gives what that one gives."""
    inputs = inputs_of(network(subject))
    assert_restores(lambda: network(subject), lambda made: real(made(inputs), inputs))


@check
def autocast(subject: Subject) -> None:
    """Under autocast it works, near to what float32 gives."""
    made = network(subject, torch.float32)
    inputs = inputs_of(made)
    plain = real(made(inputs), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        cast = real(made(inputs), inputs)
    gap = difference([cast], [plain])
    assert gap < 0.1, f"off by {gap:.2g}"


@check
def compilation(subject: Subject) -> None:
    """torch.compile takes it as one graph, and gives the same numbers."""
    made = network(subject)
    inputs = inputs_of(made)
    assert_compiles(made, lambda module: real(module(inputs), inputs))


@check
def parts(subject: Subject) -> None:
    """Every part that is chosen for one of its slots is used."""
    slots = [slot for slot in subject.plugin.signature.slots if slot.kind in ("attention", "embedding", "encoder")]
    if not slots:
        skip("it has no slot for another network")
    made = network(subject)
    for slot in slots:
        assert_slot_is_used(made, slot.name, slot.kind, lambda: made(inputs_of(made)))


def assert_slot_is_used(made: Any, slot: str, kind: str, run: Any) -> None:
    """Every module of the kind that fills a slot runs."""
    base = base_class(kind)
    chosen: list[tuple[str, Any]] = [item for item in made.named_modules() if isinstance(item[1], base)]
    assert chosen, f"no {kind} is among its modules: the slot `{slot}` is ignored"
    ran: set[int] = set()
    hooks = [part.register_forward_hook(lambda part, *_: ran.add(id(part))) for _, part in chosen]
    run()
    for hook in hooks:
        hook.remove()
    idle = [path for path, part in chosen if id(part) not in ran]
    assert not idle, f"`{idle[0]}` was made for the slot `{slot}`, and never runs"
