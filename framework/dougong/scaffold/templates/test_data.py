"""What data/my_data promises."""

from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
from dougong import UserError
from dougong.data.records import LabelledText
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("data", "my_data", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("b\tone\na\ttwo\twords\n", encoding="utf-8")
    data = dougong.create("data", "my_data", path=str(tmp_path))
    found = list(data.records("train", LabelledText))
    assert found == [LabelledText("one", "b"), LabelledText("two\twords", "a")]
    assert found[1].source == "train.tsv:2"
    assert not list(data.records("valid", LabelledText))


def test_a_bad_line_is_named_or_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tone\nnothing\n", encoding="utf-8")
    strict = dougong.create("data", "my_data", path=str(tmp_path))
    with pytest.raises(UserError, match=r"train\.tsv:2: must be"):
        list(strict.records("train", LabelledText))
    lenient = dougong.create(
        "data",
        "my_data",
        path=str(tmp_path),
        on_bad_row="skip",
    )
    assert list(lenient.records("train", LabelledText)) == [LabelledText("one", "a")]
    assert lenient.bad_rows == 1
