"""Two files whose lines belong together, well-formed and hostile."""

from pathlib import Path

import pytest

from dougong.data.records import SourceTarget
from dougong.errors import UserError
from dougong_plugins.data.parallel_text import ParallelText


def data(folder: Path, source: bytes, target: bytes, **settings) -> ParallelText:
    (folder / "train.source").write_bytes(source)
    (folder / "train.target").write_bytes(target)
    return ParallelText(str(folder), valid=None, test=None, **settings)


def read(reader: ParallelText) -> list[tuple[str, str]]:
    return [(record.text, record.target) for record in reader.records("train", SourceTarget)]


def test_lines_are_paired_in_order_without_marks_and_line_ends(tmp_path):
    reader = data(tmp_path, "\ufeff甲\r\n乙 丙\n".encode(), "a\n\u2028b".encode())
    assert read(reader) == [("甲", "a"), ("乙 丙", "\u2028b")]
    sources = [record.source for record in reader.records("train", SourceTarget)]
    assert sources == [f"{tmp_path / 'train.source'}:{line}" for line in (1, 2)]


@pytest.mark.parametrize(("source", "target", "file"), [("甲\n乙\n", "a\n", "target"), ("甲", "a\nb", "source")])
def test_files_that_are_not_equally_long_are_an_error_that_names_the_line(tmp_path, source, target, file):
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, source.encode(), target.encode()))
    assert ":2: " in str(caught.value)
    assert f"train.{file} has no line that belongs to it" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("甲\n \n".encode(), b"a\nb\n", "train.source:2: the line is empty."),
        ("甲\n乙\n".encode(), b"a\n\n", "train.target:2: the line is empty."),
        (b"a\n\xff\n", b"a\nb\n", "train.source:2: not UTF-8 at byte 1 (0xff)."),
    ],
)
def test_a_bad_line_is_an_error_or_left_out_with_its_pair(tmp_path, source, target, message):
    with pytest.raises(UserError) as caught:
        read(data(tmp_path, source, target))
    assert message in str(caught.value)
    skipping = data(tmp_path, source, target, on_bad_row="skip")
    assert [text for _, text in read(skipping)] == ["a"]
    assert skipping.bad_rows == 1


def test_pairs_of_empty_lines_are_no_texts(tmp_path):
    assert read(data(tmp_path, "甲\n\n乙\n".encode(), b"a\n\nb\n")) == [("甲", "a"), ("乙", "b")]


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "train.source").write_text("甲")
    with pytest.raises(UserError) as caught:
        read(ParallelText(str(tmp_path)))
    assert "train.target does not exist" in str(caught.value)


def test_two_endings_that_are_the_same_are_refused():
    with pytest.raises(ValueError, match="target: must differ from source"):
        ParallelText(".", source=".txt", target=".txt")


def test_a_line_of_a_megabyte_is_read(tmp_path):
    text = "字" * 350_000
    assert read(data(tmp_path, text.encode(), b"a")) == [(text, "a")]
