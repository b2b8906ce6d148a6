"""Files of answers: in order, in constant memory, and gone on with after a real kill."""

import bz2
import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time

import pytest
from untrained import untrained

from dougong.errors import UserError
from dougong.export.formats import export
from dougong.inference import lines as lines_module
from dougong.inference.answer import answer_file, identity
from dougong.inference.answer_file import AnswerFile
from dougong.inference.lines import InputFile

TEXTS = [f"{'这家店很好吃' * (number % 5)}{number}" for number in range(60)]
ASKED = {"checkpoint": "one", "task": {}}


@pytest.fixture(scope="module")
def model():
    return untrained("encoder.layers=1")


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    """Marks and chunks of 8."""
    monkeypatch.setattr(lines_module, "MARK_EVERY", 8)
    monkeypatch.setattr("dougong.inference.model.CHUNK", 8)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), "utf-8")
    return path


def texts(path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]


class Killed(BaseException):
    """What no code of ours catches."""


def killed_after(model, source, output, answers, monkeypatch) -> None:
    """An answering that ends, as by a kill, after so many answers; what was in the buffer may be there or not."""
    original = type(model)._answer

    def answer(self, records):
        for given in original(self, records):
            nonlocal answers
            if answers == 0:
                raise Killed
            answers -= 1
            yield given

    with monkeypatch.context() as patch:
        patch.setattr(type(model), "_answer", answer)
        with pytest.raises(Killed):
            answer_file(model, str(source), output, ASKED)


@pytest.mark.parametrize("moments", [[0], [3], [8], [20], [9, 17], [16, 1, 1, 30]])
def test_however_often_it_is_killed_every_line_is_answered_once_and_as_without(
    model, source, tmp_path, moments, monkeypatch, capsys
):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert answer_file(model, str(source), whole, ASKED) == 60
    for moment in moments:
        killed_after(model, source, output, moment, monkeypatch)
        assert not output.exists()
    capsys.readouterr()
    done = answer_file(model, str(source), output, ASKED)
    assert output.read_bytes() == whole.read_bytes()
    assert (done < 60) == (max(moments) >= 8)
    assert ("going on after" in capsys.readouterr().err) == (done < 60)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "whole.jsonl"]


def change(source) -> None:
    lines = source.read_text("utf-8").splitlines()
    lines[2] = json.dumps({"text": "another"})
    source.write_text("\n".join(lines), "utf-8")


def cut(source) -> None:
    source.write_text("\n".join(source.read_text("utf-8").splitlines()[:9]), "utf-8")


@pytest.mark.parametrize("how", [change, cut])
def test_an_input_that_is_another_than_what_was_answered_is_refused(model, source, tmp_path, how, monkeypatch):
    output = tmp_path / "out.jsonl"
    killed_after(model, source, output, 20, monkeypatch)
    before = (tmp_path / "out.jsonl.partial").read_bytes()
    how(source)
    with pytest.raises(UserError, match=r"^input: its first 16 lines are not those that .*partial answers; to begin"):
        answer_file(model, str(source), output, ASKED)
    assert (tmp_path / "out.jsonl.partial").read_bytes()[: len(before) // 2] == before[: len(before) // 2]


def test_lines_that_come_later_may_change_before_it_is_gone_on(model, source, tmp_path, monkeypatch):
    """So a bad line can be mended, and a file that grows be waited for."""
    output = tmp_path / "out.jsonl"
    killed_after(model, source, output, 20, monkeypatch)
    with source.open("a", encoding="utf-8") as file:
        file.write('{"text": "later"}')
    assert answer_file(model, str(source), output, ASKED) == 61 - 16
    assert texts(output) == [*TEXTS, "later"]


def test_a_bad_line_that_was_mended_costs_only_what_was_not_noted(model, source, tmp_path):
    output = tmp_path / "out.jsonl"
    good = source.read_text("utf-8").splitlines()
    source.write_text("\n".join([*good[:30], "bad", *good[30:]]), "utf-8")
    with pytest.raises(UserError, match=r"in\.jsonl:31: not JSON .* The answers to what came before it are in "):
        answer_file(model, str(source), output, ASKED)
    assert texts(tmp_path / "out.jsonl.partial") == TEXTS[:30]
    source.write_text("\n".join(good), "utf-8")
    assert answer_file(model, str(source), output, ASKED) == 60 - 24
    assert texts(output) == TEXTS


def test_an_input_that_changes_while_it_is_read_is_refused_at_the_end(model, source, tmp_path, monkeypatch):
    original = type(model)._answer

    def answer(self, records):
        os.utime(source, ns=(1, 1))
        return original(self, records)

    monkeypatch.setattr(type(model), "_answer", answer)
    with pytest.raises(UserError, match=r"^input: .* has changed while it was read\. The answers"):
        answer_file(model, str(source), tmp_path / "out.jsonl", ASKED)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("asked", [{**ASKED, "checkpoint": "two"}, {**ASKED, "task": {"temperature": 0}}])
def test_another_checkpoint_or_setting_does_not_go_on_with_it(model, source, tmp_path, asked, monkeypatch):
    killed_after(model, source, tmp_path / "out.jsonl", 20, monkeypatch)
    with pytest.raises(UserError, match="was begun with another checkpoint or other settings; to begin anew, delete"):
        answer_file(model, str(source), tmp_path / "out.jsonl", asked)


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b"\xff", b'{"bytes": "x"}'])
def test_a_note_that_is_damaged_is_named(model, source, tmp_path, note):
    (tmp_path / "out.jsonl.partial").write_text("a\n")
    (tmp_path / "out.jsonl.partial.json").write_bytes(note)
    with pytest.raises(UserError, match=r"out\.jsonl\.partial\.json is damaged; to begin anew, delete"):
        answer_file(model, str(source), tmp_path / "out.jsonl", ASKED)


def test_two_at_once_do_not_write_into_each_others_lines(tmp_path):
    with AnswerFile(tmp_path / "out", {}), pytest.raises(UserError, match="another process writes to"):
        AnswerFile(tmp_path / "out", {})


PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_compressed_input_is_answered_and_gone_on_with(model, source, tmp_path, suffix, monkeypatch):
    packed = tmp_path / f"in.jsonl{suffix}"
    packed.write_bytes(PACKED[suffix](source.read_bytes()))
    killed_after(model, packed, tmp_path / "out.jsonl", 20, monkeypatch)
    answer_file(model, str(packed), tmp_path / "out.jsonl", ASKED)
    assert texts(tmp_path / "out.jsonl") == TEXTS


def test_a_compressed_input_that_is_cut_short_is_named_with_the_line(model, source, tmp_path):
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(source.read_bytes())[:-20])
    with pytest.raises(UserError, match=r"^.*in\.jsonl\.gz: damaged after line \d+"):
        answer_file(model, str(packed), tmp_path / "out.jsonl", ASKED)


def test_lines_are_not_all_held_at_once(tmp_path):
    """The reader is at most a chunk ahead of what has been taken from it."""
    path = tmp_path / "in.txt"
    path.write_text("x" * 1000 + "\n" + ("y" * 1000 + "\n") * 1000)
    given = InputFile(str(path))
    with given.open() as lines:
        next(iter(lines))
        assert given.done <= 64 * 1024 < given.size


def test_checkpoints_are_told_apart_by_what_they_hold(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "c").write_bytes(b"2")
    assert identity(tmp_path / "a") == identity(tmp_path / "b") != identity(tmp_path / "c")


@pytest.mark.slow
def test_after_a_real_kill_the_same_command_goes_on(model, tmp_path, command):
    export(model, "safetensors", tmp_path / "model")
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    given = [f"{'这家店很好吃' * (number % 7)}{number}" for number in range(40_000)]
    source.write_text("\n".join(given), "utf-8")
    words = [f"checkpoint={tmp_path}/model", f"input={source}", f"output={output}"]
    note = tmp_path / "out.jsonl.partial.json"
    for _ in range(2):
        before = note.read_text() if note.exists() else ""
        process = subprocess.Popen([sys.executable, "-m", "dougong", "predict", *words], env=command.environment)
        deadline = time.monotonic() + 120
        while (note.read_text() if note.exists() else "") == before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not output.exists()
    answer = command("predict", *words)
    assert answer.code == 0
    assert answer.err.startswith("going on after ")
    assert texts(output) == given
