"""Checkpoints in parts give back any rows of their tensors, and nothing that is missing, damaged or made up."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from dougong.checkpoint import archive, file, parts
from dougong.checkpoint.parts import part_path
from dougong.checkpoint.spread import SpreadTensor
from dougong.errors import UserError

WEIGHT = torch.arange(21.0).view(7, 3)
STATE = torch.arange(7, dtype=torch.int64)
CUTS = {"2 parts": (4, 3), "5 parts, one without rows": (2, 2, 2, 1, 0), "1 part": (7,)}
NAME = "parts-4-0123abcd"


def write(folder: Path, cut: tuple[int, ...] = (4, 3), name: str = NAME, path: str = "last.ckpt") -> Path:
    """A checkpoint whose tensors are cut into rows for as many processes."""
    rows = []
    for part, held in enumerate(zip(WEIGHT.split(cut), STATE.split(cut), strict=True)):
        parts.write_part([item.clone() for item in held], folder / name, part)
        rows.append([len(item) for item in held])
    described = dict.fromkeys(file.PARTS) | {"format": file.FORMAT, parts.KEY: parts.description(name, rows)}
    held = {"state_dict": {"weight": WEIGHT.to("meta"), "buffer": torch.ones(2)}, "states": [{0: STATE.to("meta")}]}
    file.save({file.KEY: described, **held}, folder / path)
    return folder / path


def rewrite(path: Path, **changes: object) -> None:
    """Let a checkpoint say something else of its parts."""
    content = archive.read(path)
    content[file.KEY][parts.KEY] |= changes
    archive.write(content, path)


def refusal(path: Path) -> str:
    """The one line with which a checkpoint is refused, whole, mapped and checked; it names the file."""
    for read in (file.load, lambda path: file.load_mapped(path, check=True)):
        with pytest.raises(UserError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_tensors_are_put_together(tmp_path, cut):
    content = file.load(write(tmp_path, cut))
    assert content["state_dict"]["weight"].equal(WEIGHT)
    assert content["state_dict"]["buffer"].equal(torch.ones(2))
    assert content["states"][0][0].equal(STATE)
    assert content["states"][0][0].dtype == STATE.dtype


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_any_rows_can_be_asked_for(tmp_path, cut):
    found = file.load_mapped(write(tmp_path, cut))["state_dict"]["weight"]
    assert isinstance(found, SpreadTensor)
    for start in range(8):
        for stop in range(start, 8):
            assert found.rows(start, stop).equal(WEIGHT[start:stop]), (start, stop)


def test_only_parts_with_these_rows_are_opened(tmp_path):
    path = write(tmp_path)
    part_path(tmp_path / NAME, 1).unlink()
    weight = file.load_mapped(path)["state_dict"]["weight"]
    assert weight.rows(0, 4).equal(WEIGHT[:4])
    with pytest.raises(UserError, match=r"1\.pt is missing"):
        weight.rows(0, 5)


def test_what_was_read_is_not_changed_with_the_file(tmp_path):
    path = write(tmp_path)
    rows = file.load_mapped(path)["state_dict"]["weight"].rows(0, 4)
    rows.zero_()
    assert file.load(path)["state_dict"]["weight"].equal(WEIGHT)


def test_a_checkpoint_moved_without_its_parts_says_how_to_move_it(tmp_path):
    path = write(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = Path(shutil.copy(path, tmp_path / "elsewhere"))
    assert "not complete without the folder of its parts" in refusal(moved)
    assert "dougong export" in refusal(moved)


def test_a_missing_part_is_named(tmp_path):
    path = write(tmp_path)
    part_path(tmp_path / NAME, 1).unlink()
    assert "parts-4-0123abcd/1.pt is missing" in refusal(path)


def test_a_damaged_part_is_named(tmp_path):
    path = write(tmp_path)
    part = part_path(tmp_path / NAME, 1)
    whole = part.read_bytes()
    start = whole.index(WEIGHT[4:].numpy().tobytes())
    part.write_bytes(whole[:start] + b"\x01" + whole[start + 1 :])
    assert "parts-4-0123abcd/1.pt: damaged" in refusal(path)
    part.write_bytes(whole[: len(whole) // 2])
    assert "parts-4-0123abcd/1.pt: not a checkpoint, or cut short" in refusal(path)


OTHERS = {
    "fewer rows": [WEIGHT[4:6], STATE[4:6]],
    "another type": [WEIGHT[4:].double(), STATE[4:]],
    "another shape": [WEIGHT[4:, :2], STATE[4:]],
    "fewer tensors": [WEIGHT[4:]],
    "no tensors": ["weight", 3],
    "no list": {"weight": WEIGHT[4:]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_part_of_something_else_is_refused(tmp_path, name):
    path = write(tmp_path)
    archive.write(OTHERS[name], part_path(tmp_path / NAME, 1))
    assert "does not hold what it should" in refusal(path)


class Malicious:
    """Unpickling it leaves a mark."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_code_in_a_part_is_refused_and_not_run(tmp_path):
    path = write(tmp_path)
    torch.save([Malicious(tmp_path / "marker"), STATE[4:]], part_path(tmp_path / NAME, 1))
    assert "could run code" in refusal(path)
    assert not (tmp_path / "marker").exists()


MADE_UP = {
    "a folder above": {"folder": "../parts-4-0123abcd"},
    "a folder of the system": {"folder": "/etc"},
    "no name": {"folder": 3},
    "a line break": {"folder": "parts-4-0123abcd\n"},
    "rows that are not there": {"rows": [[4, 10**12], [4, 3]]},
    "fewer rows than nothing": {"rows": [[8, -1], [4, 3]]},
    "rows of one tensor": {"rows": [[4, 3]]},
    "rows that are no numbers": {"rows": [["4", 3], [4, 3]]},
    "too few parts": {"count": 1},
    "no parts": {"count": 0, "rows": [[], []]},
    "nothing": {"rows": None},
}


@pytest.mark.parametrize("name", MADE_UP)
def test_what_can_not_be_true_of_parts_is_refused(tmp_path, name):
    path = write(tmp_path / "a")
    write(tmp_path)
    rewrite(path, **MADE_UP[name])
    assert "what it says of its parts can't be" in refusal(path)


def test_a_checkpoint_that_is_nested_without_end_is_refused(tmp_path):
    path = write(tmp_path)
    nested: list = []
    for _ in range(2000):
        nested = [nested]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20 * limit)
    archive.write({**archive.read(path), "states": nested}, path)
    sys.setrecursionlimit(limit)
    assert "nested too deeply" in refusal(path)


def test_parts_that_no_checkpoint_names_are_swept_and_no_others(tmp_path):
    write(tmp_path)
    write(tmp_path, name="parts-2-00000000", path="best.ckpt")
    file.link(tmp_path / "best.ckpt", tmp_path / "mine.ckpt")
    (tmp_path / "best.ckpt").unlink()
    write(tmp_path, name="parts-1-00000000").replace(tmp_path / "last.ckpt.damaged")
    (tmp_path / "last-2.ckpt.damaged").write_bytes(b"PK\x03\x04half")
    write(tmp_path)
    (tmp_path / "parts-of-mine").mkdir()
    parts.write_part([WEIGHT], tmp_path / "parts-9-00000000", 0)
    parts.sweep(tmp_path)
    kept = ("parts-2-00000000", "parts-1-00000000")
    assert {path.name for path in tmp_path.glob("parts-*")} == {NAME, *kept, "parts-of-mine"}


def test_nothing_is_swept_while_a_checkpoint_can_not_be_read(tmp_path):
    write(tmp_path)
    parts.write_part([WEIGHT], tmp_path / "parts-9-00000000", 0)
    (tmp_path / "best.ckpt").write_bytes(b"PK\x03\x04half")
    parts.sweep(tmp_path)
    assert (tmp_path / "parts-9-00000000").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what is mapped")
def test_a_part_is_mapped_and_not_in_memory(tmp_path):
    weight = file.load_mapped(write(tmp_path))["state_dict"]["weight"]
    weight.rows(0, 1)
    mapped = Path("/proc/self/maps").read_text()
    assert str(part_path(tmp_path / NAME, 0)) in mapped
    assert str(part_path(tmp_path / NAME, 1)) not in mapped
