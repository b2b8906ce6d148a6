"""Checkpoint files are whole, and loading one runs nothing."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from dougong.checkpoint import file
from dougong.errors import UserError


def content(number: int = 0) -> dict:
    parts = dict.fromkeys(file.PARTS)
    return {file.KEY: {"format": file.FORMAT, **parts, "number": number}, "weight": torch.full((300,), float(number))}


@pytest.fixture
def saved(tmp_path) -> Path:
    file.save(content(7), tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def refusal(path: Path) -> str:
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(UserError) as caught:
        file.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_what_is_saved_is_loaded(saved):
    assert file.load(saved)["weight"].equal(torch.full((300,), 7.0))
    assert [path.name for path in saved.parent.iterdir()] == ["a.ckpt"]


class Malicious:
    """Unpickling it leaves a mark."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("place", ["value", "key", "weights"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, place):
    bad = Malicious(tmp_path / "marker")
    held = {"value": content() | {"x": bad}, "key": bad, "weights": {**content(), "weight": [bad]}}[place]
    torch.save(held, tmp_path / "bad.ckpt")
    assert "could run code" in refusal(tmp_path / "bad.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(held))
    refusal(tmp_path / "plain.ckpt")
    torch.save(held, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    refusal(tmp_path / "old.ckpt")
    assert not (tmp_path / "marker").exists()


def test_a_file_cut_short_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    for length in {0, 1, 4, 100, *range(0, len(whole), 97), *range(len(whole) - 30, len(whole))}:
        saved.write_bytes(whole[:length])
        refusal(saved)


def test_a_flipped_bit_is_noticed_or_harmless(saved):
    """Bits that no reader looks at (zip time stamps, alignment) may be anything; the content may not."""
    whole, right = saved.read_bytes(), content(7)
    draw = random.Random(0)
    noticed = 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        saved.write_bytes(damaged)
        try:
            found = file.load(saved)
        except UserError:
            refusal(saved)
            noticed += 1
        else:
            assert found[file.KEY] == right[file.KEY]
            assert found["weight"].equal(right["weight"])
    assert noticed > 100


FOREIGN = {
    "text": b"this is not a checkpoint\n" * 50,
    "nothing": b"",
    "zeros": bytes(5000),
    "a pickle": pickle.dumps({"a": 1}),
    "half a zip": b"PK\x03\x04" + bytes(200),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_refused(tmp_path, name):
    (tmp_path / "a.ckpt").write_bytes(FOREIGN[name])
    refusal(tmp_path / "a.ckpt")


def test_another_zip_and_another_torch_file_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ckpt", "w") as archive:
        archive.writestr("hello.txt", "hello")
    refusal(tmp_path / "a.ckpt")
    for held in ({"state_dict": {}}, [1, 2], torch.zeros(3), {file.KEY: 3}, {file.KEY: {"format": 999}}):
        torch.save(held, tmp_path / "a.ckpt")
        refusal(tmp_path / "a.ckpt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.ckpt")
    assert "could run code" in refusal(tmp_path / "a.ckpt")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "there is no such checkpoint" in refusal(tmp_path / "none.ckpt")
    assert "there is no such checkpoint" in refusal(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(saved, monkeypatch):
    def full(held, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        file.save(content(8), saved)
    assert file.load(saved)[file.KEY]["number"] == 7
    assert [path.name for path in saved.parent.iterdir()] == ["a.ckpt"]


def test_the_best_stays_when_the_last_is_written_anew(saved):
    best = saved.with_name("best.ckpt")
    file.link(saved, best)
    file.save(content(8), saved)
    assert file.load(best)[file.KEY]["number"] == 7
    assert file.load(saved)[file.KEY]["number"] == 8
    file.link(saved, best)
    assert file.load(best)[file.KEY]["number"] == 8


def test_a_file_system_without_links_gets_a_copy(saved, monkeypatch):
    def refuse(*paths):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file.link(saved, saved.with_name("best.ckpt"))
    assert file.load(saved.with_name("best.ckpt"))[file.KEY]["number"] == 7


SAVING = """
import sys, torch
from pathlib import Path
from dougong.checkpoint import file
path = Path(sys.argv[1])
for number in range(10**6):
    weight = torch.full((200_000,), float(number))
    described = {"format": file.FORMAT, **dict.fromkeys(file.PARTS), "number": number}
    file.save({file.KEY: described, "weight": weight}, path)
    if number == 0:
        print("saving", flush=True)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    draw = random.Random(0)
    path = tmp_path / "a.ckpt"
    numbers = set()
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "saving\n"
        time.sleep(draw.uniform(0.01, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = file.load(path)
        assert found["weight"].equal(torch.full((200_000,), float(found[file.KEY]["number"])))
        numbers.add(found[file.KEY]["number"])
    assert max(numbers) > 0
