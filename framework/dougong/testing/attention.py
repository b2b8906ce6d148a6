"""What an attention promises."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from collections.abc import Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor

from dougong.contracts.attention import Attention
from dougong.testing.check import check, skip
from dougong.testing.network import assert_compiles, assert_gradients_reach, assert_restores
from dougong.testing.reference import difference, drawn, masked_softmax, scattered, with_gradients
from dougong.testing.subject import Subject

LENGTHS = (1, 2, 3, 7, 40, 301)
EXACT = 1e-9


def _attention(subject: Subject, dtype: torch.dtype = torch.float64) -> Attention:
    made: Attention = subject.make()
    return made.to(dtype).eval()


def _ways(subject: Subject, length: int) -> Iterator[tuple[bool, Tensor | None]]:
    """Each (causal, key_padding_mask) that it supports: all of them plain, and with a mask of scattered places."""
    causal = (False, True) if subject.states("supports", "causal") else (False,)
    masks = (None, scattered(2, length)) if subject.states("supports", "padding") else (None,)
    return product(causal, masks)


@check
def any_length(subject: Subject) -> None:
    """It takes any length, and gives finite numbers in the shape of the query."""
    attention = _attention(subject)
    for length in LENGTHS:
        query, key, value = drawn(2, 2, length, 8)
        for causal, mask in _ways(subject, length):
            output = attention(query, key, value, key_padding_mask=mask, causal=causal)
            assert output.shape == query.shape, f"length {length}: {tuple(output.shape)} for {tuple(query.shape)}"
            assert output.isfinite().all(), f"length {length}: not all numbers are finite"


@check
def equals_its_mask(subject: Subject) -> None:
    """It equals softmax attention under the dense mask that it declares, outputs and gradients."""
    attention = _attention(subject)
    if attention.mask(3, 3) is None:
        skip("it declares no mask: `mask` returns None")
    for length in LENGTHS:
        inputs = drawn(2, 2, length, 8)
        for causal, padding in _ways(subject, length):
            mask = attention.mask(length, length, causal=causal)
            assert mask is not None, f"length {length}: it declares no mask here"
            assert mask.shape == (length, length), f"its mask for length {length} has the shape {tuple(mask.shape)}"
            seen = mask if padding is None else mask & ~padding[:, None, None]
            ours = with_gradients(lambda *qkv: attention(*qkv, key_padding_mask=padding, causal=causal), inputs)  # noqa: B023
            theirs = with_gradients(partial(masked_softmax, seen=seen), inputs)
            worst = difference(ours, theirs)
            where = f"length {length}{', causal' if causal else ''}{', padded' if padding is not None else ''}"
            assert worst < EXACT, f"{where}: off by {worst:.1e} from its mask, in float64"


@check
def another_length(subject: Subject) -> None:
    """Queries may look at a sequence of another length, if it supports "cross"."""
    if not subject.states("supports", "cross"):
        skip('it does not support "cross"')
    attention = _attention(subject)
    for length, other in ((5, 9), (40, 1), (1, 40)):
        query, key, value = drawn(2, 2, length, 8)[0], *drawn(2, 2, other, 8)[1:]
        output = attention(query, key, value)
        assert output.shape == query.shape, f"{length} queries, {other} keys: {tuple(output.shape)}"
        mask = attention.mask(length, other)
        worst = 0.0 if mask is None else difference([output], [masked_softmax(query, key, value, mask)])
        assert worst < EXACT, f"{length} queries, {other} keys: off by {worst:.1e} from its mask"


@check
def causality(subject: Subject) -> None:
    """What comes later changes nothing that an earlier query gets, if it is asked to be causal."""
    if not subject.states("supports", "causal"):
        skip('it does not support "causal"')
    attention = _attention(subject)
    for length in (40, 301):
        inputs, others = drawn(2, 2, length, 8), drawn(2, 2, length, 8, seed=1)
        plain = attention(*inputs, causal=True)
        for cut in (1, length // 2, length - 1):
            changed = [torch.cat([one[:, :, :cut], other[:, :, cut:]], 2) for one, other in zip(inputs, others)]  # noqa: B905
            leak = difference([attention(*changed, causal=True)[:, :, :cut]], [plain[:, :, :cut]])
            assert leak < EXACT, f"length {length}: what comes from position {cut} on leaks before it, by {leak:.1e}"


@check
def padding(subject: Subject) -> None:
    """Keys and values at padding change nothing, wherever it lies."""
    _needs_padding(subject)
    attention = _attention(subject)
    for length in (7, 40, 301):
        query, key, value = drawn(2, 2, length, 8)
        for causal, mask in _ways(subject, length):
            if mask is None:
                continue
            hidden = mask[:, None, :, None]
            changed = [torch.where(hidden, 100.0 + tensor, tensor) for tensor in (key, value)]
            plain = attention(query, key, value, key_padding_mask=mask, causal=causal)
            leak = difference([attention(query, *changed, key_padding_mask=mask, causal=causal)], [plain])
            assert leak < EXACT, f"length {length}: what stands at padding leaks, by {leak:.1e}"


@check
def empty_padding_mask(subject: Subject) -> None:
    """A mask that hides nothing changes nothing."""
    _needs_padding(subject)
    attention = _attention(subject)
    inputs = drawn(2, 2, 40, 8)
    for causal, mask in _ways(subject, 40):
        if mask is not None:
            masked = attention(*inputs, key_padding_mask=torch.zeros_like(mask), causal=causal)
            worst = difference([masked], [attention(*inputs, causal=causal)])
            assert worst < EXACT, f"it makes a difference of {worst:.1e}"


@check
def empty_rows(subject: Subject) -> None:
    """A query that sees no key gets zeros, and its gradients are finite."""
    _needs_padding(subject)
    attention = _attention(subject)
    mask = torch.zeros(3, 40, dtype=torch.bool)
    mask[0], mask[1, :13] = True, True
    for causal in (False, True) if subject.states("supports", "causal") else (False,):
        output, *gradients = with_gradients(
            lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=causal),  # noqa: B023
            drawn(3, 2, 40, 8),
        )
        empty = [output[0], *([output[1, :, :13]] if causal else [])]
        assert all(not rows.any() for rows in empty), "a query that sees no key gets something else than zeros"
        assert output.isfinite().all(), "not all outputs are finite"
        assert all(item.isfinite().all() for item in gradients), "not all gradients are finite"


@check
def batch_invariance(subject: Subject) -> None:
    """What an item of a batch gets does not depend on the others."""
    attention = _attention(subject)
    inputs = drawn(2, 2, 40, 8)
    for causal, mask in _ways(subject, 40):
        together = attention(*inputs, key_padding_mask=mask, causal=causal)
        for item in range(2):
            part = slice(item, item + 1)
            alone = attention(
                *(tensor[part] for tensor in inputs),
                key_padding_mask=None if mask is None else mask[part],
                causal=causal,
            )
            worst = difference([together[part]], [alone])
            assert worst < EXACT, f"an item of a batch of two differs by {worst:.1e} from what it gets alone"


@check
def layouts(subject: Subject) -> None:
    """Inputs that are views, as a joint projection of queries, keys and values gives them, change nothing."""
    attention = _attention(subject)
    inputs = drawn(2, 3, 40, 8)
    joint = torch.stack(inputs, 3).transpose(1, 2).contiguous()  # (B, N, H, 3, D)
    views = [joint[..., number, :].transpose(1, 2) for number in range(3)]
    worst = difference([attention(*views)], [attention(*inputs)])
    assert worst < EXACT, f"it makes a difference of {worst:.1e}"


@check
def untouched_inputs(subject: Subject) -> None:
    """It does not change its inputs."""
    attention = _attention(subject)
    for causal, mask in _ways(subject, 40):
        inputs = drawn(2, 2, 40, 8)
        before = [tensor.clone() for tensor in inputs]
        kept = None if mask is None else mask.clone()
        with torch.no_grad():
            attention(*inputs, key_padding_mask=mask, causal=causal)
        names = ("query", "key", "value")
        changed = [name for name, one, other in zip(names, inputs, before, strict=True) if not one.equal(other)]
        assert not changed, f"it changes {', '.join(changed)}"
        assert mask is None or kept is None or mask.equal(kept), "it changes the key_padding_mask"


@check
def determinism(subject: Subject) -> None:
    """The same inputs give the same output in evaluation, and in training under the same seed."""
    attention = _attention(subject)
    inputs = drawn(2, 2, 40, 8)
    assert attention(*inputs).equal(attention(*inputs)), "two calls in evaluation differ"
    attention.train()
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        outputs.append(attention(*inputs))
    assert outputs[0].equal(outputs[1]), "two calls in training with the same seed differ"


@check
def dtype(subject: Subject) -> None:
    """The output has the query's type, and so have the gradients."""
    for kind in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        attention = _attention(subject, kind)
        found = {tensor.dtype for tensor in with_gradients(attention, [item.to(kind) for item in drawn(2, 2, 40, 8)])}
        assert found == {kind}, f"{kind} in, {', '.join(map(str, found))} out"


@check
def half_precision(subject: Subject) -> None:
    """In 16 bits it is off by rounding only."""
    exact = _attention(subject)
    for kind, bound in ((torch.bfloat16, 0.05), (torch.float16, 0.01)):
        attention = _attention(subject, kind)
        attention.load_state_dict(exact.state_dict())
        inputs = [item.to(kind) for item in drawn(2, 2, 200, 32)]
        worst = difference([attention(*inputs)], [exact(*(item.double() for item in inputs))])
        assert worst < bound, f"{kind}: off by {worst:.2g}; rounding would give less than {bound}"


@check
def autocast(subject: Subject) -> None:
    """Under autocast it works, near to what float32 gives, and its gradients stay in float32."""
    attention = _attention(subject, torch.float32)
    inputs = [tensor.float() for tensor in drawn(2, 2, 40, 8)]
    plain = with_gradients(attention, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        cast = with_gradients(attention, inputs)
    assert all(tensor.dtype == torch.float32 for tensor in cast[1:]), "its gradients are not in float32"
    worst = difference(cast, plain)
    assert worst < 0.1, f"off by {worst:.2g}"


@check
def large_scores(subject: Subject) -> None:
    """Queries and keys ten times as large as usual overflow nothing in float32."""
    attention = _attention(subject, torch.float32)
    query, key, value = (tensor.float() for tensor in drawn(2, 2, 40, 64))
    for tensor in with_gradients(attention, [10 * query, 10 * key, value]):
        assert tensor.isfinite().all(), "an output or a gradient is not finite"


@check
def gradients(subject: Subject) -> None:
    """Its gradients agree with finite differences, and reach every parameter."""
    attention = _attention(subject)
    for causal, mask in _ways(subject, 5):
        leaves = tuple(tensor.requires_grad_() for tensor in drawn(2, 1, 5, 3))
        agree = torch.autograd.gradcheck(
            lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=causal),  # noqa: B023
            leaves,
            raise_exception=False,
        )
        assert agree, "they don't agree with finite differences"
    assert_gradients_reach(attention, lambda: attention(*drawn(2, 2, 40, 8)))


@check
def save_and_load(subject: Subject) -> None:
    """One that loads the state of another gives what that one gives."""
    inputs = drawn(2, 2, 40, 8)
    assert_restores(lambda: _attention(subject), lambda attention: attention(*inputs))


@check
def compilation(subject: Subject) -> None:
    """torch.compile takes it as one graph, and gives the same numbers."""
    for causal, mask in list(_ways(subject, 40))[-1:]:
        inputs = drawn(2, 2, 40, 8)
        assert_compiles(
            _attention(subject),
            lambda attention: attention(*inputs, key_padding_mask=mask, causal=causal),  # noqa: B023
        )


def _needs_padding(subject: Subject) -> None:
    if not subject.states("supports", "padding"):
        skip('it does not support "padding"')
