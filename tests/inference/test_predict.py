"""Answers of a trained model, from Python and from the command line."""

import io
import json
import sys

import pytest
from runs import train

import dougong
from dougong.command_line.main import main
from dougong.data.records import LabelledText
from dougong.errors import UserError

TEXTS = [f"{'这家店很好吃' * (number % 5)}{number}" for number in range(40)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        overrides = ("optimizer.lr=5e-3", "test=false", "loader.batch_size=7")
        return train(tmp_path_factory.mktemp("run"), *overrides).checkpoint


@pytest.fixture(scope="module")
def model(path):
    return dougong.load(path)


def labels(answers) -> list[str]:
    return [answer["label"] for answer in answers]


def test_texts_mappings_and_records_are_answered_alike(model):
    as_texts = list(model.predict(TEXTS))
    assert list(model.predict({"text": text, "label": "ignored", "other": 3} for text in TEXTS)) == as_texts
    assert labels(model.predict(LabelledText(text) for text in TEXTS)) == labels(as_texts)


def test_answers_keep_the_order_and_equal_those_of_each_text_alone(model):
    """They are computed in order of length."""
    answers = list(model.predict(TEXTS))
    assert [answer["text"] for answer in answers] == TEXTS
    for text, answer in zip(TEXTS, answers, strict=True):
        (alone,) = model.predict([text])
        assert alone["label"] == answer["label"]
        assert alone["score"] == pytest.approx(answer["score"], abs=1e-5)


def test_more_texts_than_fit_a_chunk_are_answered_as_they_come(model, monkeypatch):
    monkeypatch.setattr("dougong.inference.model.CHUNK", 8)
    taken = []

    def given():
        for text in TEXTS:
            taken.append(text)
            yield text

    answers = model.predict(given())
    first = next(answers)
    assert len(taken) == 8
    assert [first, *answers] == [pytest.approx(answer, abs=1e-5) for answer in model.predict(TEXTS)]


def test_nothing_gets_no_answers_and_an_empty_text_gets_one(model):
    assert list(model.predict([])) == []
    assert len(list(model.predict(["", " ", "x" * 10_000]))) == 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"txt": "a"}, "record 2: `text` is missing. Did you mean `txt`?"),
        ({"text": 3}, "record 2: `text` is not a text."),
        (["a"], "record 2: not an object with text, label."),
        ({"text": "\ud800"}, "record 2: `text` is not Unicode text"),
        ("\udfff", "record 2: `text` is not Unicode text"),
    ],
)
def test_a_bad_record_is_named_after_what_came_before_it_was_answered(model, given, reason):
    answers = model.predict(["a", given, "b"])
    assert next(answers)["text"] == "a"
    with pytest.raises(UserError) as caught:
        next(answers)
    assert str(caught.value).startswith(reason)


def predict(capsys, *words) -> tuple[int, list[dict], str]:
    code = main(["predict", *map(str, words)])
    captured = capsys.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_one_text_on_the_command_line(path, model, capsys):
    assert predict(capsys, f"checkpoint={path}", "text=很好=吃") == (0, list(model.predict(["很好=吃"])), "")


def test_a_file_of_records_to_a_file_of_answers(path, model, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"text": text}) for text in TEXTS]
    (tmp_path / "in.jsonl").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    assert predict(capsys, f"checkpoint={path}", "input=in.jsonl", "output=out.jsonl") == (0, [], "")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert found == list(model.predict(TEXTS))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("content", ["好\n{不是 JSON\n\n坏", '{"text": "好"}\n{不是 JSON\n\n{"text": "坏"}\n'])
def test_plain_texts_on_standard_input_keep_their_places(path, capsys, monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    code, answers, _ = predict(capsys, f"checkpoint={path}")
    assert (code, [answer["text"] for answer in answers]) == (0, ["好", "{不是 JSON", "", "坏"])


BAD_LINES = {
    "not JSON": (b'{"text": ', "not JSON"),
    "deep JSON": (b"[" * 100_000, "not JSON"),
    "not UTF-8": (b'{"text": "\xff"}', "not UTF-8 at byte 11"),
    "no text": (b'{"label": "a"}', "`text` is missing"),
    "a number": (b"3", "not an object with text"),
    "a surrogate": (b'{"text": "\\ud800"}', "not Unicode text"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_named_and_what_was_answered_before_it_is_kept_beside_the_output(path, capsys, tmp_path, case):
    line, reason = BAD_LINES[case]
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "a"}\n{"text": "b"}\n' + line + b'\n{"text": "c"}\n')
    (tmp_path / "out.jsonl").write_text("what was there before")
    words = (f"checkpoint={path}", f"input={tmp_path}/in.jsonl", f"output={tmp_path}/out.jsonl")
    code, _, error = predict(capsys, *words)
    assert code == 2
    assert error.startswith(f"{tmp_path}/in.jsonl:3: ")
    assert reason in error
    assert error.count("\n") == 1
    kept = (tmp_path / "out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    assert [json.loads(answer)["text"] for answer in kept] == ["a", "b"]
    assert str(tmp_path / "out.jsonl.partial") in error
    assert (tmp_path / "out.jsonl").read_text() == "what was there before"


def test_standard_input_that_is_not_utf_8_is_an_error_in_one_line(path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("好\n".encode() + b"\xff\n")))
    code, answers, error = predict(capsys, f"checkpoint={path}")
    assert (code, len(answers)) == (2, 1)
    assert error.startswith("standard input:2: not UTF-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["input=none.jsonl"], "input: none.jsonl does not exist."),
        (["text=a", "output=none/out.jsonl"], "output: the folder none does not exist."),
        (["txt=a"], "txt: there is no such setting. Did you mean `text`?"),
        (["text=a", "input=a"], "text and input"),
    ],
)
def test_wrong_words_are_named(path, capsys, tmp_path, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("a")
    code, _, error = predict(capsys, f"checkpoint={path}", *words)
    assert code == 2
    assert error.startswith(reason)


def test_a_checkpoint_has_to_be_given_and_to_be_there(capsys, tmp_path):
    assert predict(capsys, "text=a")[2].startswith("checkpoint: has to be given.")
    error = predict(capsys, f"checkpoint={tmp_path}/a.ckpt", "text=a")[2]
    assert error.startswith(f"checkpoint: {tmp_path}/a.ckpt does not exist")
