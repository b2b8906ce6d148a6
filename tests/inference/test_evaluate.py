"""Scoring a checkpoint, on the data of its training and on other data."""

import json

import pytest
from runs import TINY, train

import dougong
from dougong.command_line.main import main

ROWS = [("好吃", "pos"), ("难吃", "neg"), ("喜欢这家", "pos"), ("讨厌这家", "neg")] * 8


def write(folder, name: str, rows) -> None:
    folder.mkdir(exist_ok=True)
    lines = ["text\tlabel", *("\t".join(row) for row in rows)]
    (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a small table without a test split."""
    folder = tmp_path_factory.mktemp("table")
    for name in ("train", "valid"):
        write(folder / "data", name, ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        words = [word for word in TINY if not word.startswith("data.")]
        words += ["data=text_table", f"data.path={folder / 'data'}", "data.test=null", "optimizer.lr=1e-2"]
        return dougong.train([*words, "trainer.max_epochs=6"], folder=folder / "run")


def evaluate(capsys, run, *words) -> tuple[int, str, str]:
    code = main(["evaluate", f"checkpoint={run.checkpoint}", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_without_a_test_split_it_scores_the_validation_split_as_the_training_did(run, capsys):
    code, output, _ = evaluate(capsys, run)
    found = json.loads(output)
    assert (code, found["split"], found["records"], found["bad_rows"]) == (0, "valid", 32, 0)
    for name in ("loss", "accuracy", "macro_f1"):
        assert found[name] == pytest.approx(run.metrics[f"valid/{name}"], rel=1e-5)


def test_other_data_is_scored_from_any_folder(run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "other", "test", ROWS[:3])
    code, output, _ = evaluate(capsys, run, "data.path=other", "data.test=test.tsv")
    assert code == 0
    found = json.loads(output)
    assert (found["split"], found["records"]) == ("test", 3)
    assert found["accuracy"] == run.metrics["valid/accuracy"] == 1.0


def test_labels_that_training_never_saw_are_named_or_left_out_and_counted(run, capsys, tmp_path):
    write(tmp_path, "test", [*ROWS[:3], ("一般", "neutral")])
    words = (f"data.path={tmp_path}", "data.test=test.tsv")
    code, _, error = evaluate(capsys, run, *words)
    assert code == 2
    assert error.startswith(f"{tmp_path}/test.tsv:5: `label` is 'neutral'; expected one of: neg, pos.")
    code, output, _ = evaluate(capsys, run, *words, "data.on_bad_row=skip")
    assert (code, json.loads(output)["records"], json.loads(output)["bad_rows"]) == (0, 3, 1)


def test_rows_that_can_not_be_read_are_counted_once(run, capsys, tmp_path):
    write(tmp_path, "test", [("一般",), *ROWS[:3]])
    code, output, _ = evaluate(capsys, run, f"data.path={tmp_path}", "data.test=test.tsv", "data.on_bad_row=skip")
    assert (code, json.loads(output)["bad_rows"]) == (0, 1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["split=tset"], "split: must be one of train, valid, test, got 'tset'."),
        (["split=test"], "split=test: the data has no records there."),
        (["data.pth=x"], "data.pth: there is no such setting. Did you mean `path`?"),
        (["data.path=nowhere"], "data.path: nowhere is not a folder."),
        (["data.on_bad_row=maybe"], "data.on_bad_row: must be"),
    ],
)
def test_wrong_words_are_named(run, capsys, words, reason):
    code, _, error = evaluate(capsys, run, *words)
    assert code == 2
    assert error.startswith(reason)


def test_another_data_plugin_can_be_taken(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    result = train(tmp_path / "run", "trainer.max_epochs=1")
    rows = [(f"好{number}", "科技") for number in range(3)]
    write(tmp_path, "test", rows)
    words = ("data=text_table", f"data.path={tmp_path}", "split=test")
    code, _, error = evaluate(capsys, result, *words)
    assert code == 2
    assert error.startswith(f"{tmp_path}/test.tsv:2: `label` is '科技'; expected one of:")
