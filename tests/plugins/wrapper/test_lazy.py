"""lazy moves the rows that were seen and no other: as if each row were a parameter of its own, or as the article."""

import pytest
import torch
from descents import CORES, ROWS, Tagger, batch, descend, through_a_file, weights
from torch import nn
from torch.optim import AdamW

from dougong.optim.stack import Stack
from dougong_plugins.optimizer.adax import AdaX
from dougong_plugins.wrapper.lazy import Lazy
from dougong_plugins.wrapper.rows import update

UPDATES = range(40)
CLOSE = {"rtol": 1e-11, "atol": 1e-12}


def gradients(model, number):
    """The dense gradients of a batch, and which rows it looks up."""
    found = torch.autograd.grad(model(batch(number)).square().mean(), list(model.parameters()))
    return found, torch.unique(batch(number))


def rows_apart(core) -> list[torch.Tensor]:
    """The reference of mode rows: each row is a parameter of its own, which has a gradient where it is seen."""
    model = Tagger()
    rows = [nn.Parameter(row.clone()) for row in model.word.weight.detach()]
    optimizer = core([*rows, *model.output.parameters()])
    for number in UPDATES:
        (table, *others), seen = gradients(model, number)
        for index, row in enumerate(rows):
            row.grad = table[index].clone() if index in seen else None
        for parameter, gradient in zip(model.output.parameters(), others, strict=True):
            parameter.grad = gradient
        optimizer.step()
        model.word.weight.data = torch.stack([row.detach() for row in rows])
    return weights(model)


def masked(core) -> list[torch.Tensor]:
    """The reference of mode mask, as in the article: an ordinary update, taken back where nothing was seen."""
    model = Tagger()
    optimizer = core(model.parameters())
    for number in UPDATES:
        found, seen = gradients(model, number)
        for parameter, gradient in zip(model.parameters(), found, strict=True):
            parameter.grad = gradient
        before = model.word.weight.detach().clone()
        optimizer.step()
        unseen = torch.ones(ROWS, dtype=torch.bool)
        unseen[seen] = False
        model.word.weight.data[unseen] = before[unseen]
    return weights(model)


def lazily(core, mode, sparse=False) -> list[torch.Tensor]:
    model = Tagger(sparse)
    descend(model, Lazy(mode).wrap(core(model.parameters()), model), UPDATES)
    return weights(model)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(("mode", "reference"), [("rows", rows_apart), ("mask", masked)])
def test_it_equals_the_reference_for_every_row_separable_optimizer(name, sparse, mode, reference):
    for one, other in zip(lazily(CORES[name], mode, sparse), reference(CORES[name]), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def adax(params) -> torch.optim.Optimizer:
    return AdaX(params, lr=0.01, weight_decay=0.1)


@pytest.mark.parametrize("core", [CORES["adamw"], CORES["fused adamw"], adax], ids=["adamw", "fused adamw", "adax"])
@pytest.mark.parametrize("clocks", [0, 1000], ids=["its own kernel", "the optimizer's"])
@pytest.mark.parametrize("chunk", [1, 3, 256])
@pytest.mark.parametrize("whole", [0.0, 2.0], ids=["where they are", "taken out"])
def test_however_rows_are_worked_on_the_result_is_the_same(monkeypatch, core, clocks, chunk, whole):
    monkeypatch.setattr(update, "FEW_CLOCKS", clocks)
    monkeypatch.setattr(update, "CHUNK", chunk)
    monkeypatch.setattr(update, "CORE_CHUNK", chunk)
    monkeypatch.setattr(update, "WHOLE_ABOVE", whole)
    for one, other in zip(lazily(core, "rows"), rows_apart(core), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("setting", [{"maximize": True}, {"decoupled": False}, {"eps_placement": "official"}])
def test_every_setting_of_adax_is_kept_to(monkeypatch, setting):
    monkeypatch.setattr(update, "FEW_CLOCKS", 0)

    def core(params):
        return AdaX(params, lr=0.01, weight_decay=0.1, **setting)

    for one, other in zip(lazily(core, "rows"), rows_apart(core), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("clocks", [0, 1000])
def test_moments_of_16_bit_rows_are_kept_as_the_optimizer_keeps_them(monkeypatch, clocks):
    monkeypatch.setattr(update, "FEW_CLOCKS", clocks)
    table = nn.Embedding(9, 4, dtype=torch.bfloat16)
    optimizer = Lazy().wrap(AdaX(table.parameters()), table)
    for _ in range(2):
        optimizer.zero_grad()
        table(torch.tensor([1, 2])).sum().backward()
        optimizer.step()
    state = optimizer.state[table.weight]
    assert (state["exp_avg"].dtype, state["exp_avg_sq"].dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(state["exp_avg"][1], torch.full((4,), 0.19))


@pytest.mark.parametrize("mode", ["rows", "mask"])
@pytest.mark.parametrize("sparse", [False, True])
def test_rows_never_seen_are_bit_for_bit_as_they_were_also_under_weight_decay(mode, sparse):
    model = Tagger(sparse)
    before = model.word.weight.detach().clone()
    optimizer = Lazy(mode).wrap(AdamW(model.parameters(), lr=0.1, weight_decay=0.5, fused=True), model)
    descend(model, optimizer, range(5))
    seen = torch.unique(torch.cat([batch(number).flatten() for number in range(5)]))
    moved = (model.word.weight != before).any(1).nonzero().flatten()
    assert 0 < len(seen) < ROWS
    assert moved.equal(seen)


def test_the_first_update_of_a_row_is_no_longer_late_than_early():
    """In mode rows a row's clock starts when it is first seen; Adam's first update moves by lr, whatever the time."""
    table = nn.Embedding(3, 4, dtype=torch.float64)
    optimizer = Lazy("rows").wrap(AdamW(table.parameters(), lr=0.01, weight_decay=0.0), table)
    for row in [*[0] * 500, 1]:
        before = table.weight.detach().clone()
        optimizer.zero_grad()
        (1e-3 * table(torch.tensor([row]))).sum().backward()
        optimizer.step()
    moved = (table.weight - before)[1].abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=1e-4, atol=0)


def test_the_modes_differ():
    one, other = (lazily(CORES["adamw"], mode)[0] for mode in ("rows", "mask"))
    assert (one - other).abs().max() > 0.01


@pytest.mark.parametrize("mode", ["rows", "mask"])
@pytest.mark.parametrize("sparse", [False, True])
def test_accumulated_batches_count_as_one_update_of_all_their_rows(mode, sparse):
    """Two halves of a batch move what the whole moves, and clocks count updates."""
    whole, halves = Tagger(sparse), Tagger(sparse)
    optimizers = [Lazy(mode).wrap(CORES["adamw"](model.parameters()), model) for model in (whole, halves)]
    for number in UPDATES:
        for optimizer in optimizers:
            optimizer.zero_grad()
        whole(batch(number)).square().mean().backward()
        for half in batch(number).split(1):
            (halves(half).square().mean() / 2).backward()
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(weights(whole), weights(halves), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_looking_up_without_a_gradient_moves_nothing():
    model = Tagger()
    optimizer = Lazy().wrap(CORES["adamw"](model.parameters()), model)
    with torch.no_grad():
        model(torch.arange(ROWS))
    descend(model, optimizer, [0])
    assert optimizer.state[model.word.weight]["step"].sum() == len(torch.unique(batch(0)))


def test_the_padding_row_is_not_seen():
    table = nn.Embedding(5, 2, padding_idx=0)
    optimizer = Lazy().wrap(AdamW(table.parameters(), lr=0.1), table)
    table(torch.tensor([0, 1])).sum().backward()
    optimizer.step()
    assert optimizer.state[table.weight]["step"].tolist() == [0, 1, 0, 0, 0]


def test_without_a_model_it_takes_the_parameters_whose_gradients_are_sparse():
    one, other = Tagger(sparse=True), Tagger(sparse=True)
    descend(one, Lazy().wrap(CORES["adamw"](one.parameters())), UPDATES)
    descend(other, Lazy().wrap(CORES["adamw"](other.parameters()), other), UPDATES)
    for left, right in zip(weights(one), weights(other), strict=True):
        assert left.equal(right)


def test_a_setting_makes_the_embeddings_gradients_sparse():
    model = Tagger()
    optimizer = Lazy(sparse_gradients=True).wrap(CORES["adamw"](model.parameters()), model)
    model(batch(0)).sum().backward()
    assert model.word.weight.grad.is_sparse
    optimizer.step()
    assert model.word.weight.grad.is_sparse


def test_it_goes_on_with_a_training_that_was_not_lazy():
    model = Tagger()
    plain = CORES["adamw"](model.parameters())
    descend(model, plain, range(3))
    optimizer = Lazy().wrap(CORES["adamw"](model.parameters()), model)
    optimizer.load_state_dict(through_a_file(plain.state_dict()))
    descend(model, optimizer, [3])
    clocks = optimizer.state[model.word.weight]["step"]
    assert clocks.shape == (ROWS,)
    assert sorted(set(clocks.tolist())) == [3, 4]


class Tied(nn.Module):
    def __init__(self, module=True):
        super().__init__()
        self.word = nn.Embedding(ROWS, 4)
        if module:
            self.output = nn.Linear(4, ROWS, bias=False)
            self.output.weight = self.word.weight

    def forward(self, tokens):
        return self.word(tokens) @ self.word.weight.T


def test_a_tied_output_layer_is_refused_with_the_reason():
    model = Tied()
    with pytest.raises(ValueError, match=r"word shares its weight with output \(a tied output layer\)"):
        Lazy().wrap(AdamW(model.parameters()), model)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_weight_that_is_used_past_its_embedding_is_refused_at_the_first_update(sparse):
    model = Tied(module=False)
    optimizer = Lazy(sparse_gradients=sparse).wrap(AdamW(model.parameters()), model)
    model(batch(0)).logsumexp(-1).sum().backward()
    before = model.word.weight.detach().clone()
    with pytest.raises(ValueError, match="rows of word that were not looked up have a gradient"):
        optimizer.step()
    assert before.equal(model.word.weight)
    assert model.word.weight.grad is not None


class Mixing(AdamW):
    row_separable = False


class Silent(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})


@pytest.mark.parametrize(
    ("core", "reason"),
    [
        (Mixing, "what Mixing does to a row depends on the other rows"),
        (Silent, "Silent does not say whether its rows are independent"),
        (lambda params: torch.optim.Adafactor(params), "Adafactor does not say"),
        (lambda params: torch.optim.Muon(params), "Muon does not say"),
    ],
)
def test_an_optimizer_whose_rows_depend_on_each_other_is_refused_with_the_reason(core, reason):
    table = nn.Embedding(9, 4)
    with pytest.raises(ValueError, match=reason):
        Stack(core(table.parameters()), [Lazy()], table)


class Counting(AdamW):
    """Keeps what belongs to no row, and does not say so."""

    row_separable = True

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for item in group["params"]:
                self.state[item]["norm"] = item.norm()


def test_state_that_belongs_to_no_row_is_refused():
    model = Tagger()
    optimizer = Lazy().wrap(Counting(model.parameters()), model)
    with pytest.raises(ValueError, match="Counting keeps `norm`, which belongs to no single row"):
        descend(model, optimizer, [0])


@pytest.mark.parametrize(
    ("settings", "model", "message"),
    [
        ({"embeddings": ["wrod"]}, Tagger(), "no embedding fits 'wrod'; there are: word"),
        ({}, nn.Linear(2, 2), "the model has none"),
        ({"sparse_gradients": True}, None, "sparse_gradients: needs the model"),
        ({"mode": "row"}, None, "mode: must be rows or mask, got 'row'"),
    ],
)
def test_what_can_not_be_is_refused(settings, model, message):
    parameters = (model or Tagger()).parameters()
    with pytest.raises(ValueError, match=message):
        Lazy(**settings).wrap(AdamW(parameters), model)


def test_a_frozen_embedding_is_left_and_a_model_with_no_other_refused():
    model = Tagger()
    model.word.requires_grad_(False)
    with pytest.raises(ValueError, match="none of the embeddings word is trained"):
        Lazy().wrap(AdamW(model.output.parameters()), model)


def test_only_the_embeddings_that_are_named_are_lazy():
    model = nn.ModuleDict({"one": nn.Embedding(4, 2), "two": nn.Embedding(4, 2)})
    optimizer = Lazy(embeddings=["o*"]).wrap(AdamW(model.parameters()), model)
    sum(table(torch.tensor([1])).sum() for table in model.values()).backward()
    optimizer.step()
    assert optimizer.state[model["one"].weight]["step"].shape == (4,)
    assert optimizer.state[model["two"].weight]["step"].shape == ()
