"""Callbacks that take part in the gradients do what their papers say, and leave k batches the one large batch."""

from types import SimpleNamespace

import pytest
import torch
import windows
from pytorch_lightning import Callback
from pytorch_lightning.plugins import MixedPrecision
from torch import nn
from torch.nn import functional
from windows import CLASSES, EXAMPLES, LARGE, LEVELS, SMALL, VOCABULARY, Ragged, batches

import dougong
from dougong.contracts.callback import GradientCallback
from dougong.errors import UserError
from dougong_plugins.callback.embeddings.moved import Moved
from dougong_plugins.callback.embeddings.tables import token_tables
from dougong_plugins.callback.r_drop import divergence

MAKERS = {
    "fgm": lambda: [dougong.create("callback", "fgm", epsilon=0.7)],
    "pgd": lambda: [dougong.create("callback", "pgd", epsilon=0.5, step_size=0.4, steps=3)],
    "r_drop": lambda: [dougong.create("callback", "r_drop", alpha=2.0)],
    "gradient_penalty": lambda: [dougong.create("callback", "gradient_penalty", epsilon=3.0)],
}
MAKERS["all"] = lambda: [callback for name in ("gradient_penalty", "fgm", "r_drop") for callback in MAKERS[name]()]


class Noisy(Ragged):
    """As `Ragged`, and its own encoder, with noise in the place of dropout that is another one at each second pass.

    The noise of a text is a function of its number, so that it is the same whatever batch the text is in.
    """

    tokenizer = SimpleNamespace(size=VOCABULARY)
    encoder = property(lambda self: self)

    def __init__(self, level):
        super().__init__(level)
        self.passes = torch.zeros(EXAMPLES, dtype=torch.long)

    def forward(self, batch):
        logits = super().forward(batch)
        if self.training:
            self.passes[batch["index"]] += 1
        angle = batch["index"] + 100 * (self.passes[batch["index"]] % 2)
        noise = 1 + torch.sin(angle.to(logits.dtype)).view(-1, *[1] * (logits.dim() - 1)) / 2
        return logits * noise

    def distributions(self, outputs, batch):
        return [outputs if self.level == "example" else outputs[~batch["padding_mask"]]]


class Look(Callback):
    """Keeps the gradients and the weights of the first update: as summed, and as the optimizer has them."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.weights = copied(pl_module.task)

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.gradients = {name: item.grad.clone() for name, item in pl_module.task.named_parameters()}


def copied(task):
    return {name: item.detach().clone() for name, item in task.named_parameters()}


def first_update(callbacks, level, size, window):
    """What the optimizer is given in the first update, and the weights then."""
    look = Look()
    words = {"clip_norm": None, "make_task": Noisy, "callbacks": [*callbacks, look], "max_steps": 1}
    windows.train(("adamw", "", level, "float64"), batches(size), window, **words)
    return look


def close(found, expected):
    for name, item in expected.items():
        torch.testing.assert_close(found[name], item, rtol=1e-9, atol=1e-12, msg=name)


def mean_loss(task, batch):
    loss = task.loss(task(batch), batch)
    return loss.total / loss.weight


def gradients(task, batch, move=None):
    """Of the mean loss, where the tokens' vectors have been moved."""
    task.zero_grad()
    with torch.no_grad():
        task.token.weight.add_(0 if move is None else move)
    mean_loss(task, batch).backward()
    with torch.no_grad():
        task.token.weight.sub_(0 if move is None else move)
    return {name: item.grad.clone() for name, item in task.named_parameters()}


def reference(level):
    (batch, *_), task = batches(LARGE), Noisy(level).double()
    return task.eval(), batch


# --- what each is


@pytest.fixture
def without_noise(monkeypatch):
    monkeypatch.setattr(Noisy, "forward", Ragged.forward)


@pytest.mark.parametrize("level", LEVELS)
def test_fgm_adds_the_gradient_at_epsilon_along_the_normalised_gradient(level, without_noise):
    task, batch = reference(level)
    clean = gradients(task, batch)
    step = 0.7 * clean["token.weight"] / clean["token.weight"].norm()
    hostile = gradients(task, batch, step)
    look = first_update(MAKERS["fgm"](), level, LARGE, 1)
    close(look.gradients, {name: clean[name] + hostile[name] for name in clean})
    with torch.no_grad():
        task.token.weight.add_(step)
    assert mean_loss(task, batch) > mean_loss(Noisy(level).double().eval(), batch)


@pytest.mark.parametrize(("epsilon", "size", "steps"), [(10.0, 0.3, 3), (0.5, 0.4, 4), (0.5, 2.0, 1)])
def test_pgd_adds_the_gradient_where_steps_within_the_ball_lead(epsilon, size, steps, without_noise):
    task, batch = reference("token")
    clean = gradients(task, batch)
    moved, direction = torch.zeros_like(clean["token.weight"]), clean["token.weight"]
    for step in range(steps):
        if step:
            direction = gradients(task, batch, moved)["token.weight"]
        moved = moved + size * direction / direction.norm()
        moved = moved * min(1.0, epsilon / float(moved.norm()))
    hostile = gradients(task, batch, moved)
    callback = dougong.create("callback", "pgd", epsilon=epsilon, step_size=size, steps=steps)
    look = first_update([callback], "token", LARGE, 1)
    close(look.gradients, {name: clean[name] + hostile[name] for name in clean})
    assert moved.norm() <= epsilon + 1e-12


@pytest.mark.parametrize("name", ["fgm", "pgd"])
def test_the_vectors_are_put_back_bit_for_bit(name):
    look = first_update(MAKERS[name](), "token", SMALL, 6)
    before = copied(Noisy("token").double())
    assert all(item.equal(before[name]) for name, item in look.weights.items())


@pytest.mark.parametrize("level", LEVELS)
def test_r_drop_adds_the_symmetric_divergence_of_two_passes(level):
    task, batch = reference(level)
    passes = []
    for number in (1, 0):
        task.passes.fill_(number)
        passes.append(task(batch))
    losses = [task.loss(outputs, batch) for outputs in passes]
    one, other = (task.distributions(outputs, batch)[0].log_softmax(-1) for outputs in passes)
    kl = [functional.kl_div(*pair, reduction="sum", log_target=True) for pair in ((one, other), (other, one))]
    # The paper's objective is twice this: the sum of both losses, and alpha / 2 of both divergences.
    total = (losses[0].total + losses[1].total) / 2 + 2.0 / 4 * (kl[0] + kl[1])
    (total / losses[0].weight).backward()
    assert kl[0] > 1e-3
    look = first_update(MAKERS["r_drop"](), level, LARGE, 1)
    close(look.gradients, {name: item.grad for name, item in task.named_parameters()})


def test_the_divergence_of_equal_distributions_is_zero_and_never_less():
    one, other = torch.randn(2, 50, 7, dtype=torch.float64)
    assert divergence(one, one + 3).abs() < 1e-12
    assert divergence(one, other) > 0
    assert divergence(one.bfloat16(), other.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("level", LEVELS)
def test_the_gradient_penalty_is_that_of_each_text_by_itself(level, without_noise):
    task, batch = reference(level)
    total, count = torch.zeros((), dtype=torch.float64), 0
    for row in range(LARGE):
        kept = int((~batch["padding_mask"][row]).sum())
        tokens = batch["tokens"][row, :kept]
        vectors = task.token(tokens)
        states = task.norm(torch.tanh(task.layers[0](vectors)))
        scores = task.classify(states if level == "token" else states.mean(0, keepdim=True))
        targets = tokens % CLASSES if level == "token" else tokens[:1] % CLASSES
        loss = functional.cross_entropy(scores, targets, reduction="sum")
        (slope,) = torch.autograd.grad(loss, vectors, create_graph=True)
        total, count = total + loss + 3.0 / 2 * slope.square().sum(), count + len(targets)
    (total / count).backward()
    look = first_update(MAKERS["gradient_penalty"](), level, LARGE, 1)
    close(look.gradients, {name: item.grad for name, item in task.named_parameters()})


@pytest.mark.parametrize("name", ["fgm", "pgd"])
def test_a_table_that_takes_no_part_stays_and_hinders_no_other(name, monkeypatch):
    expected = first_update(MAKERS[name](), "token", LARGE, 1).gradients

    class Idle(Noisy):
        def __init__(self, level):
            super().__init__(level)
            self.idle = nn.Embedding(VOCABULARY, 2)

    monkeypatch.setattr(f"{__name__}.Noisy", Idle)
    monkeypatch.setattr(Look, "on_train_batch_end", lambda self, trainer, module, *_: setattr(self, "module", module))
    callbacks = MAKERS[name]()
    callbacks[0].tables = "*"
    found = dict(first_update(callbacks, "token", LARGE, 1).module.task.named_parameters())
    assert found["idle.weight"].grad is None
    close({key: found[key].grad for key in expected}, expected)


# --- accumulation, precision


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", MAKERS)
def test_k_batches_equal_the_large_batch(name, level):
    found = {window: first_update(MAKERS[name](), level, LARGE // window, window) for window in (1, 6)}
    close(found[6].gradients, found[1].gradients)
    plain = first_update([], level, LARGE, 1)
    assert any(not item.allclose(found[1].gradients[name]) for name, item in plain.gradients.items())


@pytest.mark.parametrize("name", MAKERS)
def test_whole_trainings_with_short_last_windows_are_equal_too(name):
    case = ("adamw", "", "token", "float64")
    small, large = (
        windows.train(case, batches(size), window, make_task=Noisy, callbacks=MAKERS[name]())
        for size, window in ((SMALL, 5), (5 * SMALL, 1))
    )
    for key, item in windows.weights(large).items():
        torch.testing.assert_close(windows.weights(small)[key], item, rtol=1e-9, atol=1e-10, msg=key)


@pytest.mark.parametrize("name", ["fgm", "pgd", "r_drop"])
def test_scaled_gradients_are_those_without_a_scaler(name):
    class Plain(MixedPrecision):
        """The scaler of fp16 without lower precision, so that the results can be compared."""

        def forward_context(self):
            return torch.enable_grad()

    case, words = ("adamw", "", "token", "float32"), {"make_task": Noisy}
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    plugins = {"precision": None, "plugins": [Plain("16-mixed", "cpu", scaler)]}
    found = windows.train(case, batches(SMALL), 6, callbacks=MAKERS[name](), **words, **plugins)
    expected = windows.train(case, batches(SMALL), 6, callbacks=MAKERS[name](), **words)
    for key, item in windows.weights(expected).items():
        torch.testing.assert_close(windows.weights(found)[key], item, rtol=1e-4, atol=1e-5, msg=key)


def test_a_callback_that_adds_no_gradients_keeps_no_batches():
    class Watch(GradientCallback):
        kept = 0

        def training_pass(self, task, batch, forward):
            self.kept = max(self.kept, len(self.window._batches))
            return forward(batch)

        def on_train_start(self, trainer, pl_module):
            self.window = pl_module._window

    watch = Watch()
    first_update([watch], "token", SMALL, 6)
    assert watch.kept == 0


# --- weights that are moved


@pytest.mark.parametrize("directions", [[None], [torch.zeros(3, 2)], [torch.full((3, 2), torch.inf)]])
def test_without_a_direction_nothing_is_moved(directions):
    weight = nn.Parameter(torch.randn(3, 2))
    before = weight.detach().clone()
    with Moved([weight]) as moved:
        assert not moved.along(directions, 1.0)
        assert weight.equal(before)


def test_weights_are_put_back_after_an_error_too():
    weights = [nn.Parameter(torch.randn(3, 2)) for _ in range(2)]
    before = [weight.detach().clone() for weight in weights]

    def fail():
        with Moved(weights) as moved:
            assert moved.along([torch.ones(3, 2), torch.ones(3, 2)], 2.0)
            apart = torch.stack([weight.detach() - old for weight, old in zip(weights, before, strict=True)])
            assert apart.norm() == pytest.approx(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(weight.equal(old) for weight, old in zip(weights, before, strict=True))


def test_a_sparse_gradient_moves_the_rows_it_has_by_the_distance():
    weight = nn.Parameter(torch.zeros(5, 2))
    rows = torch.sparse_coo_tensor(torch.tensor([[1, 3, 1]]), torch.ones(3, 2), (5, 2), check_invariants=True)
    with Moved([weight]) as moved:
        assert moved.along([rows], 2.0)
        torch.testing.assert_close(weight.norm(), torch.tensor(2.0))
        assert weight[1].equal(2 * weight[3])
        assert not weight[[0, 2, 4]].any()


# --- refusals


def started(name, task, precision="32-true", **settings):
    callback = dougong.create("callback", name, **settings)
    callback.on_train_start(SimpleNamespace(precision=precision), SimpleNamespace(task=task))
    return callback


@pytest.mark.parametrize("name", ["fgm", "pgd"])
def test_frozen_vectors_have_no_gradient_to_follow(name):
    task = Noisy("token")
    task.token.weight.requires_grad_(False)
    with pytest.raises(UserError, match=f"callback.{name}: token is frozen, and has no gradient to follow"):
        started(name, task)


@pytest.mark.parametrize("name", ["fgm", "pgd", "gradient_penalty"])
def test_a_pattern_that_no_table_matches_is_told_with_those_there_are(name):
    expected = rf"^callback\.{name}\.tables: tokn matches no embedding. Did you mean `token`\? There are: token.$"
    with pytest.raises(UserError, match=expected):
        started(name, Noisy("token"), tables="tokn")


def test_where_no_table_has_a_row_a_token_all_are_taken(monkeypatch):
    monkeypatch.setattr(Noisy, "tokenizer", SimpleNamespace(size=VOCABULARY + 1))
    assert list(token_tables(Noisy("token"), None, "callback.fgm")) == ["token"]
    assert list(token_tables(Noisy("token"), "tok*", "callback.fgm")) == ["token"]


def test_gradients_of_gradients_are_refused_in_fp16_and_under_compile():
    with pytest.raises(UserError, match=r"callback\.gradient_penalty: gradients of gradients are too small for fp16"):
        started("gradient_penalty", Noisy("token"), "16-mixed")
    task = Noisy("token")
    task._compiled_call_impl = torch.nn.Module.__call__  # as `compile` leaves it
    with pytest.raises(UserError, match=r"callback\.gradient_penalty: torch\.compile differentiates once"):
        started("gradient_penalty", task)


def test_frozen_vectors_still_count_for_the_gradient_penalty(without_noise):
    task, batch = reference("token")
    task.token.weight.requires_grad_(False)
    callback = started("gradient_penalty", task.train(), epsilon=3.0)
    plain = task.loss(task(batch), batch).total
    passed = callback.training_pass(
        task, batch, lambda item: SimpleNamespace(outputs=None, loss=task.loss(task(item), item))
    )
    assert passed.loss.total > plain
