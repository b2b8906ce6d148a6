"""Two processes train what one trains, write one run, and go on with each other's."""

from ast import literal_eval
from pathlib import Path

import pytest
import torch
from runs import PLUGINS, TINY, assert_same_training, measurements, train, weights
from two_processes import Job, run_in_two_processes

import dougong
from dougong.compose.compose import compose
from dougong.errors import UserError

STILL = ("encoder.dropout=0", "embedding.dropout=0", "task.dropout=0", "trainer.max_epochs=1")
EXACT = (*STILL, "trainer.precision=64")
CRASHING = (
    f"plugin_path=[{PLUGINS}]",
    "callback=[crash,fault]",
    "trainer.log_every=3",
    "trainer.save_every=4",
    "trainer.max_epochs=1",
)
CASES = {
    "float32": STILL,
    # 57 texts in batches of 8: of the last batch the second process has none.
    "a window that ends with one text": (*EXACT, "data.size=57", "trainer.accumulate_grad_batches=3"),
    "token budget, stopping early": (
        *(*EXACT, "loader.batch_tokens=200", "trainer.validate_every=3", "optimizer.lr=1e-9"),
        *("callback=[early_stopping,ema]", "callback.early_stopping.patience=1", "trainer.max_epochs=9"),
    ),
    "sparse gradients": (*EXACT, "wrapper=[lazy]", "wrapper.lazy.sparse_gradients=true"),
    "adversarial": (*EXACT, "callback=[pgd]", "trainer.accumulate_grad_batches=2"),
    "thawing": (*EXACT, "optimizer.groups.encoder.freeze_until=5"),
    "spread": (*EXACT, "data.size=57", "trainer.accumulate_grad_batches=3", "trainer.gradient_clip_norm=0.1"),
}
SPREAD = (*TINY, *EXACT, *CRASHING, "wrapper=[lookahead]", "wrapper.lookahead.k=3", "trainer.strategy=fsdp")


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """Runs of two processes."""
    base = tmp_path_factory.mktemp("two")
    ddp = (*TINY, "trainer.strategy=ddp")
    jobs = [Job(str(base / name), (*ddp, *words)) for name, words in CASES.items() if name != "spread"]
    jobs.append(Job(str(base / "spread"), (*TINY, *CASES["spread"], "trainer.strategy=fsdp")))
    jobs += [
        Job(str(base / "whole"), (*ddp, *CRASHING)),
        Job(str(base / "stopped"), (*ddp, *CRASHING), "raise:step:5"),
        Job("", (f"resume={base / 'stopped'}",)),
        Job(str(base / "for one"), (*ddp, *EXACT, *CRASHING), "raise:step:5"),
    ]
    jobs.append(Job(str(base / "spread for one"), SPREAD, "raise:step:5"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOUGONG_TEST_CRASH", "raise:step:5")
        with pytest.raises(ZeroDivisionError):
            train(base / "of one", "trainer.strategy=ddp", "trainer.devices=1", *EXACT, *CRASHING)
        with pytest.raises(ZeroDivisionError):
            dougong.train([*SPREAD, "trainer.devices=1"], base / "spread of one")
    jobs += [Job("", (f"resume={base / name}", "trainer.devices=2")) for name in ("of one", "spread of one")]
    run_in_two_processes(jobs, base / "jobs.json")
    return base


def assert_close(one: Path, other: Path, tolerance: float) -> None:
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(other)[name], weight, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_the_weights_and_find_the_metrics_of_one(case, two, tmp_path):
    train(tmp_path, *CASES[case])
    tolerance = 1e-6 if case == "float32" else 1e-12
    assert_close(tmp_path, two / case, tolerance)
    found, expected = measurements(two / case), measurements(tmp_path)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert [row[2] for row in found] == pytest.approx([row[2] for row in expected], rel=tolerance, abs=tolerance)


def test_two_processes_write_the_files_of_one(two, tmp_path):
    train(tmp_path, *CASES["float32"])
    names = [sorted(path.relative_to(base) for path in base.rglob("*")) for base in (tmp_path, two / "float32")]
    assert names[0] == names[1]


def test_every_example_is_counted_once(two):
    tables = sorted((two / "a window that ends with one text" / "tables").glob("*confusion*"))
    assert tables
    for table in tables:
        lines = [line.split(",") for line in table.read_text().splitlines()]
        assert sum(int(cell) for line in lines[1:] for cell in line[1:]) == 20


def test_two_processes_resume_to_what_they_would_have_been(two):
    assert_same_training(two / "whole", two / "stopped")
    assert measurements(two / "stopped") == measurements(two / "whole")


def test_one_process_goes_on_with_the_run_of_two(two, tmp_path):
    with pytest.raises(UserError, match=r"trainer.devices: must be a whole number"):
        dougong.train([f"resume={two / 'for one'}", "trainer.devices=none"])
    dougong.train([f"resume={two / 'for one'}", "trainer.devices=1"])
    train(tmp_path, *EXACT, *CRASHING)
    assert_close(tmp_path, two / "for one", 1e-12)


def test_two_processes_go_on_with_the_run_of_one(two, tmp_path):
    train(tmp_path, *EXACT, *CRASHING)
    assert_close(tmp_path, two / "of one", 1e-12)


def test_a_spread_model_goes_on_in_another_number_of_processes(two, tmp_path):
    dougong.train([f"resume={two / 'spread for one'}", "trainer.devices=1"])
    dougong.train([*SPREAD, "trainer.strategy=single"], tmp_path)
    assert_close(tmp_path, two / "spread for one", 1e-12)
    assert_close(tmp_path, two / "spread of one", 1e-12)


def test_a_checkpoint_of_a_spread_model_is_like_any_other(two):
    model = dougong.load(two / "spread" / "checkpoints" / "best.ckpt")
    assert len(list(model.predict(["a text"]))) == 1


def test_dropout_differs_between_processes(two):
    seen = [literal_eval((two / "whole" / f"seen.{rank}").read_text()) for rank in (0, 1)]
    assert [entry[:2] for entry in seen] == [[0, 2], [1, 2]]
    assert seen[0][2] != seen[1][2]


def test_devices_without_a_strategy_are_refused():
    with pytest.raises(UserError, match=r"trainer.devices: 2 have no effect.*trainer=ddp"):
        train(Path("nowhere"), "trainer.devices=2")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["optimizer=lamb"], "optimizer=lamb can't work on weights that are spread over processes"),
        (["callback=[fgm]"], "callback=fgm can't work on weights that are spread"),
        (["trainer.compile=true"], "trainer.compile: True does not go with trainer.strategy=fsdp"),
    ],
)
def test_what_spread_weights_can_not_have_is_refused_before_training(words, reason):
    with pytest.raises(UserError, match=reason):
        compose(["trainer=fsdp", *words])
