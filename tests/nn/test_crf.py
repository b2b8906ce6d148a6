"""The CRF equals going through all sequences of tags one by one."""

import itertools

import pytest
import torch
from torch import Tensor

from dougong.nn.crf import CRF
from dougong.nn.crf.chain import chain_of
from dougong.nn.crf.likelihood import passes_of
from dougong.nn.crf.log_space import LogPasses, log_passes
from dougong.nn.crf.scaled import ScaledPasses, scaled_passes

LENGTHS = [4, 1, 0, 3, 4]


def case(seed: int = 0, tags: int = 3, scale: float = 1.0, constrained: bool = False) -> tuple[CRF, Tensor, Tensor]:
    """A CRF, emissions and a padding mask for `LENGTHS`, in float64."""
    draw = torch.Generator().manual_seed(seed)
    masks = {}
    if constrained:
        masks = {
            "allowed": torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 1]], dtype=torch.bool),
            "allowed_first": torch.tensor([True, True, False]),
            "allowed_last": torch.tensor([False, True, True]),
        }
    crf = CRF(tags, **masks).double()
    with torch.no_grad():
        for scores in crf.parameters():
            scores.copy_(scale * torch.randn(scores.shape, generator=draw, dtype=torch.float64))
    emissions = scale * torch.randn(len(LENGTHS), max(LENGTHS), tags, generator=draw, dtype=torch.float64)
    padding = torch.arange(max(LENGTHS)) >= torch.tensor(LENGTHS)[:, None]
    emissions[padding] = torch.nan  # nothing may depend on it
    return crf, emissions, padding


def score(crf: CRF, emissions: Tensor, tags: tuple[int, ...]) -> Tensor:
    """The score of one sequence, by its definition."""
    start, end, between = crf.start.clone(), crf.end.clone(), crf.transitions.clone()
    for scores, name in ((start, "start"), (end, "end"), (between, "transitions")):
        forbidden = getattr(crf, f"forbidden_{name}")
        if forbidden is not None:
            scores[forbidden] = -torch.inf
    total = start[tags[0]] + end[tags[-1]]
    for position, tag in enumerate(tags):
        total = total + emissions[position, tag]
    for before, after in itertools.pairwise(tags):
        total = total + between[before, after]
    return total


def all_scores(crf: CRF, emissions: Tensor, length: int) -> dict[tuple[int, ...], Tensor]:
    """The scores of all sequences of tags."""
    sequences = itertools.product(range(len(crf.start)), repeat=length)
    return {tags: score(crf, emissions, tags) for tags in sequences}


def brute_force(crf: CRF, emissions: Tensor, tags: Tensor) -> Tensor:
    """Log-likelihoods from the scores of all sequences."""
    found = []
    for row, true_tags, length in zip(emissions, tags.tolist(), LENGTHS, strict=True):
        scores = all_scores(crf, row, length) if length else {(): torch.zeros((), dtype=torch.float64)}
        found.append(scores[tuple(true_tags[:length])] - torch.stack(list(scores.values())).logsumexp(0))
    return torch.stack(found)


def some_tags(crf: CRF, emissions: Tensor, seed: int = 0) -> Tensor:
    """Sequences that are not forbidden."""
    draw = torch.Generator().manual_seed(seed)
    tags = torch.full(emissions.shape[:2], 10**6)
    for row, emission, length in zip(tags, emissions, LENGTHS, strict=True):
        if length:
            possible = [key for key, value in all_scores(crf, emission, length).items() if value > -torch.inf]
            row[:length] = torch.tensor(possible[int(torch.randint(len(possible), (), generator=draw))])
    return tags


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0, 400.0, 1e5])
def test_likelihood_and_gradients_equal_brute_force(constrained, scale):
    for seed in range(3):
        crf, emissions, padding = case(seed, scale=scale, constrained=constrained)
        tags = some_tags(crf, emissions, seed)
        weights = torch.tensor([1.0, -2.0, 0.7, 3.0, 0.0], dtype=torch.float64)
        inputs = [emissions.requires_grad_(), *crf.parameters()]
        expected = brute_force(crf, emissions, tags)
        found = crf(emissions, tags, padding)
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)
        expected_gradients = torch.autograd.grad((expected * weights).sum(), inputs)
        gradients = torch.autograd.grad((found * weights).sum(), inputs)
        for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
            assert torch.allclose(gradient, expected_gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("constrained", [False, True])
def test_viterbi_equals_brute_force(constrained):
    for seed in range(10):
        crf, emissions, padding = case(seed, constrained=constrained)
        for row, emission, length in zip(crf.decode(emissions, padding).tolist(), emissions, LENGTHS, strict=True):
            assert row[length:] == [0] * (max(LENGTHS) - length)
            if length:
                scores = all_scores(crf, emission, length)
                assert tuple(row[:length]) == max(scores, key=lambda tags: scores[tags].item())


@pytest.mark.parametrize("form", [scaled_passes, log_passes])
def test_gradients_pass_gradcheck(form, monkeypatch):
    monkeypatch.setattr("dougong.nn.crf.likelihood.passes_of", form)
    crf, emissions, padding = case(constrained=True)
    tags = some_tags(crf, emissions)
    parameters = tuple(crf.parameters())
    names = [name for name, _ in crf.named_parameters()]

    def likelihood(emissions: Tensor, *scores: Tensor) -> Tensor:
        return torch.func.functional_call(crf, dict(zip(names, scores, strict=True)), (emissions, tags, padding))

    clean = emissions.nan_to_num().requires_grad_()
    assert torch.autograd.gradcheck(likelihood, (clean, *parameters))


def test_the_gradient_is_that_of_the_mean_negative_likelihood_too():
    crf, emissions, padding = case()
    tags = some_tags(crf, emissions)
    (-crf(emissions, tags, padding).mean()).backward()
    mean = {name: item.grad.clone() for name, item in crf.named_parameters()}
    crf.zero_grad()
    (-brute_force(crf, emissions, tags).mean()).backward()
    for name, item in crf.named_parameters():
        assert torch.allclose(mean[name], item.grad)


def chain(scale: float, dtype: torch.dtype, tags: int = 3):
    crf, emissions, padding = case(scale=scale, tags=tags)
    scores = (emissions, crf.start.detach(), crf.end.detach(), crf.transitions.detach())
    return chain_of(*(item.to(dtype) for item in scores), (~padding).sum(1))


@pytest.mark.parametrize(
    ("scale", "kind", "dtype"),
    [
        (3.0, ScaledPasses, torch.float32),
        (60.0, ScaledPasses, torch.float64),
        (1e5, LogPasses, torch.float64),
    ],
)
def test_the_precision_is_what_the_scores_ask_for(scale, kind, dtype):
    passes = passes_of(chain(scale, torch.float32))
    assert type(passes) is kind
    assert passes.forward.dtype == dtype


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_probability_space_equals_log_space_wherever_it_says_that_it_is_exact(scale):
    tried = [(scaled_passes(chain(scale * step, torch.float64, tags=5)), step) for step in (0.1, 0.5, 1, 2, 5, 20)]
    accepted = [(passes, step) for passes, step in tried if passes is not None]
    assert accepted
    for passes, step in accepted:
        there = chain(scale * step, torch.float64, tags=5)
        slow = log_passes(there)
        some = there.lengths > 0
        assert torch.allclose(passes.log_partition[some], slow.log_partition[some], rtol=1e-12)
        assert torch.allclose(passes.marginals(), slow.marginals(), atol=1e-9)
        weights = some.double()
        assert torch.allclose(passes.transition_counts(weights), slow.transition_counts(weights), atol=1e-9)


def test_slowly_growing_differences_do_not_go_unnoticed():
    # A tag that loses a thousandfold against another at the first position wins it back bit by bit over a long text:
    # no single position looks extreme, yet in float32 the tag would be lost for good.
    crf = CRF(2, allowed=torch.eye(2, dtype=torch.bool)).double()
    with torch.no_grad():
        for scores in crf.parameters():
            scores.zero_()
    emissions = torch.zeros(1, 41, 2, dtype=torch.float64)
    emissions[0, 0, 1] = -100.0
    emissions[0, 1:, 0] = -5.0
    tags = torch.ones(1, 41, dtype=torch.long)
    in_single = crf.float()(emissions.float().requires_grad_(), tags)
    assert in_single.item() == pytest.approx(0.0, abs=1e-6)  # exp(-200) against exp(-100)


def test_constraints_that_are_as_good_as_certain_keep_their_gradient():
    crf, emissions, padding = case(scale=500.0, constrained=True)
    tags = some_tags(crf, emissions, seed=1)
    single = crf.float()
    loss = -single(emissions.float(), tags, padding).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(item.grad).all() for item in single.parameters())
    assert (single.transitions.grad[single.forbidden_transitions] == 0).all()


def test_a_forbidden_sequence_has_no_likelihood():
    crf, emissions, padding = case(constrained=True)
    tags = some_tags(crf, emissions)
    tags[0] = torch.tensor([0, 2, 2, 2])  # 0 -> 2 is forbidden
    found = crf(emissions, tags, padding)
    assert found[0] == -torch.inf
    assert torch.isfinite(found[1:]).all()


def test_no_best_sequence_is_forbidden():
    crf, emissions, padding = case(constrained=True, scale=100.0)
    assert torch.isfinite(crf(emissions, crf.decode(emissions, padding), padding)).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_it_is_computed_in_float32(dtype):
    crf, emissions, padding = case()
    crf, emissions = crf.float(), emissions.nan_to_num().float()
    tags = some_tags(crf, emissions)
    emissions = emissions.to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        (loss := crf(emissions, tags, padding).sum()).backward()
        decoded = crf.decode(emissions, padding)
    inside = {name: item.grad.clone() for name, item in crf.named_parameters()}
    crf.zero_grad()
    (expected := crf(emissions.float(), tags, padding).sum()).backward()
    assert loss.dtype == torch.float32
    assert loss == expected
    assert all(torch.equal(inside[name], item.grad) for name, item in crf.named_parameters())
    assert torch.equal(decoded, crf.decode(emissions.float(), padding))


def test_padding_and_the_order_of_the_batch_change_nothing():
    crf, emissions, padding = case(seed=4)
    tags = some_tags(crf, emissions)
    whole = crf(emissions, tags, padding)
    best = crf.decode(emissions, padding)
    for number, length in enumerate(LENGTHS):
        alone = (emissions[number : number + 1, :length], tags[number : number + 1, :length])
        assert torch.allclose(crf(*alone), whole[number], atol=1e-12)
        assert torch.equal(crf.decode(alone[0])[0], best[number, :length])


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 3)])
def test_nothing_to_score_scores_nothing(shape):
    crf = CRF(3)
    emissions = torch.zeros(shape, requires_grad=True)
    padding = torch.ones(shape[:2], dtype=torch.bool)
    found = crf(emissions, torch.zeros(shape[:2], dtype=torch.long), padding)
    found.sum().backward()
    assert found.tolist() == [0.0] * shape[0]
    assert not emissions.grad.any()
    assert not crf.transitions.grad.any()
    assert crf.decode(emissions, padding).tolist() == [[0] * shape[1]] * shape[0]


def test_differentiating_twice_is_refused():
    crf, emissions, padding = case()
    found = crf(emissions, some_tags(crf, emissions), padding).sum()
    with pytest.raises(RuntimeError, match="can't be differentiated twice"):
        torch.autograd.grad(found, crf.transitions, create_graph=True)


def test_padding_before_the_end_and_wrong_shapes_are_refused():
    crf, emissions, padding = case()
    tags = some_tags(crf, emissions)
    with pytest.raises(ValueError, match="padding has to stand at the ends"):
        crf(emissions, tags, padding.flip(1))
    with pytest.raises(ValueError, match=r"tags: expected the shape \(5, 4\)"):
        crf(emissions, tags[:, :2], padding)
    with pytest.raises(ValueError, match=r"emissions: expected \(B, N, 3\)"):
        crf.decode(emissions[..., :2], padding)
    with pytest.raises(ValueError, match="allowed transitions"):
        CRF(3, allowed=torch.ones(2, 2, dtype=torch.bool))


def test_a_batch_equals_the_package_pytorch_crf():
    peer = pytest.importorskip("torchcrf").CRF(7, batch_first=True).double()
    crf = CRF(7).double()
    crf.load_state_dict({"start": peer.start_transitions, "end": peer.end_transitions, "transitions": peer.transitions})
    emissions, tags = torch.randn(6, 20, 7, dtype=torch.float64), torch.randint(7, (6, 20))
    lengths = torch.tensor([20, 3, 11, 1, 20, 8])
    padding = torch.arange(20) >= lengths[:, None]
    assert torch.allclose(crf(emissions, tags, padding), peer(emissions, tags, ~padding, reduction="none"))
    decoded = crf.decode(emissions, padding).tolist()
    assert [row[:length] for row, length in zip(decoded, lengths.tolist(), strict=True)] == peer.decode(
        emissions, ~padding
    )
