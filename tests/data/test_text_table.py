"""Tables of texts, well-formed and hostile."""

from pathlib import Path

import pytest
from runs import SHARED_DATA

from dougong.data.records import LabelledText, PlainText
from dougong.errors import UserError
from dougong_plugins.data.text_table import TextTable


def write(folder: Path, content: str | bytes, name: str = "train.tsv") -> Path:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return folder


def table(folder: Path, name: str = "train.tsv", **settings) -> TextTable:
    return TextTable(str(folder), train=name, valid=None, test=None, **settings)


def rows(data: TextTable) -> list[tuple[str, str | None]]:
    return [(item.text, item.label) for item in data.records("train", LabelledText)]


def error(data: TextTable, record: type = LabelledText) -> str:
    with pytest.raises(UserError) as caught:
        list(data.records("train", record))
    return str(caught.value)


GOOD = [("好书", "pos"), ("坏 书", "neg")]


def test_tab_separated_with_named_columns_in_any_order(tmp_path):
    write(tmp_path, "label\tid\ttext\npos\t1\t好书\nneg\t2\t坏 书\n")
    assert rows(table(tmp_path)) == GOOD


def test_tab_separated_with_numbered_columns_has_no_header(tmp_path):
    write(tmp_path, "好书\tpos\n坏 书\tneg\n")
    assert rows(table(tmp_path, text=0, label=1)) == GOOD


@pytest.mark.parametrize(
    "form", ["\ufefftext\tlabel\r\n好书\tpos\r\n坏 书\tneg", "text\tlabel\n\n好书\tpos\n\n坏 书\tneg\n\n"]
)
def test_byte_order_mark_line_ends_of_windows_and_empty_lines_are_no_trouble(tmp_path, form):
    assert rows(table(write(tmp_path, form))) == GOOD


def test_comma_separated_with_quotes_commas_and_line_ends_in_a_cell(tmp_path):
    write(tmp_path, 'text,label\n"a, ""b""\nc",pos\n好书,neg\n', "train.csv")
    assert rows(table(tmp_path, "train.csv")) == [('a, "b"\nc', "pos"), ("好书", "neg")]


def test_quotes_in_a_tab_separated_file_are_ordinary_characters(tmp_path):
    write(tmp_path, 'text\tlabel\n"好\tpos\n书"\tneg\n')
    assert rows(table(tmp_path)) == [('"好', "pos"), ('书"', "neg")]


def test_json_lines_with_named_and_numbered_columns(tmp_path):
    write(tmp_path, '{"label": 1, "text": "好书"}\n\n{"text": "坏 书", "label": false}\n', "train.jsonl")
    assert rows(table(tmp_path, "train.jsonl")) == [("好书", "1"), ("坏 书", "False")]
    write(tmp_path, '["好书", "pos"]\n["坏 书", "neg"]\n', "train.jsonl")
    assert rows(table(tmp_path, "train.jsonl", text=0, label=1)) == GOOD


def test_the_format_can_be_said_whatever_the_name_is(tmp_path):
    write(tmp_path, "text,label\n好书,pos\n", "train.txt")
    assert rows(table(tmp_path, "train.txt", format="csv")) == [("好书", "pos")]


def test_plain_texts_need_no_label(tmp_path):
    data = table(write(tmp_path, "text\n好书\n坏 书\n"))
    assert [item.text for item in data.records("train", PlainText)] == ["好书", "坏 书"]


def test_each_record_says_where_it_was_read(tmp_path):
    write(tmp_path, 'text,label\n"a\nb",pos\n\n好书,neg\n', "train.csv")
    sources = [item.source for item in table(tmp_path, "train.csv").records("train", LabelledText)]
    assert [source.rpartition(":")[2] for source in sources] == ["2", "5"]
    assert sources[0] == f"{tmp_path}/train.csv:2"


BAD = {
    "not UTF-8": ("train.tsv", b"text\tlabel\n\xce\xd2\tpos\nok\tpos\n", 2, "not UTF-8 at byte 1 (0xce)"),
    "not UTF-8 in CSV": ("train.csv", b"text,label\na\xff,pos\nok,pos\n", 2, "not UTF-8 at byte 2 (0xff)"),
    "a cell too many": ("train.tsv", "text\tlabel\na\tpos\textra\nok\tpos\n", 2, "3 columns where the header has 2"),
    "a cell too few": ("train.csv", "text,label\nok,pos\na\n", 3, "1 columns where the header has 2"),
    "an empty text": ("train.tsv", "text\tlabel\nok\tpos\n \tpos\n", 3, "`text` is empty"),
    "an empty label": ("train.tsv", "text\tlabel\nok\tpos\na\t\n", 3, "`label` is empty"),
    "bad JSON": ("train.jsonl", '{"text": "ok", "label": "pos"}\n{"text": \n', 2, "not JSON"),
    "deep JSON": ("train.jsonl", '{"text": "ok", "label": "pos"}\n' + "[" * 100_000 + "\n", 2, "not JSON"),
    "no object": ("train.jsonl", '{"text": "ok", "label": "pos"}\n"text"\n', 2, "not a JSON object"),
    "a missing key": (
        "train.jsonl",
        '{"text": "ok", "label": "pos"}\n{"txt": "a", "label": "b"}\n',
        2,
        "no column `text`",
    ),
    "null": ("train.jsonl", '{"text": "ok", "label": "pos"}\n{"text": null, "label": "b"}\n', 2, "`text` is null"),
    "no text": (
        "train.jsonl",
        '{"text": "ok", "label": "pos"}\n{"text": [1], "label": "b"}\n',
        2,
        "`text` is not a text",
    ),
    "a lone surrogate": (
        *("train.jsonl", '{"text": "ok", "label": "pos"}\n{"text": "\\ud800", "label": "b"}\n', 2),
        "`text` is not Unicode text",
    ),
    "an open quote": ("train.csv", 'text,label\nok,pos\n"a,pos\n', 3, "not CSV"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named_by_file_and_line_with_the_reason(tmp_path, case):
    name, content, line, reason = BAD[case]
    message = error(table(write(tmp_path, content, name), name))
    assert message.startswith(f"{tmp_path / name}:{line}: ")
    assert reason in message
    assert "data.on_bad_row=skip" in message


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_left_out_and_counted_when_asked_for(tmp_path, case):
    name, content, *_ = BAD[case]
    data = table(write(tmp_path, content, name), name, on_bad_row="skip")
    assert rows(data) == [("ok", "pos")]
    assert data.bad_rows == 1


def test_lines_are_counted_right_after_one_that_was_left_out(tmp_path):
    write(tmp_path, b"text,label\n\xff,pos\nok,pos\n", "train.csv")
    data = table(tmp_path, "train.csv", on_bad_row="skip")
    assert [item.source for item in data.records("train", LabelledText)] == [f"{tmp_path}/train.csv:3"]


def test_a_numbered_column_that_is_not_there_is_named(tmp_path):
    assert "2 columns, and `label` is to be column 5" in error(table(write(tmp_path, "a\tb\n"), text=0, label=5))


@pytest.mark.parametrize("on_bad_row", ["error", "skip"])
@pytest.mark.parametrize("name", ["train.tsv", "train.csv"])
def test_a_column_that_the_header_lacks_is_an_error_however_bad_rows_are_met(tmp_path, on_bad_row, name):
    comma = "," if name.endswith("csv") else "\t"
    write(tmp_path, f"text{comma}lable\na{comma}b\n", name)
    message = error(table(tmp_path, name, on_bad_row=on_bad_row))
    assert message.startswith(f"{tmp_path / name}:1: there is no column `label` (data.label). Did you mean `lable`?")


def test_a_column_that_the_header_has_twice_is_an_error(tmp_path):
    assert "column `text` twice" in error(table(write(tmp_path, "text\ttext\tlabel\na\tb\tc\n")))


def test_a_missing_file_and_a_missing_folder_are_named_with_the_nearest(tmp_path):
    write(tmp_path, "", "trian.tsv")
    message = error(table(tmp_path))
    assert message.startswith(f"data.train: {tmp_path}/train.tsv does not exist. Did you mean `trian.tsv`?")
    assert error(table(tmp_path / "nowhere")) == f"data.path: {tmp_path}/nowhere is not a folder."


def test_the_fingerprint_changes_with_the_content(tmp_path):
    before = table(write(tmp_path, "a")).fingerprint()
    assert table(write(tmp_path, "b")).fingerprint() != before


@pytest.mark.skipif(not (SHARED_DATA / "sentiment").is_dir(), reason="no ../shared/data/sentiment beside the checkout")
def test_the_sentiment_set_is_read_as_published():
    files = {split: f"sentiment.{split}.data" for split in ("train", "valid", "test")}
    data = TextTable(str(SHARED_DATA / "sentiment"), **files, text=0, label=1)
    records = list(data.records("valid", LabelledText))
    assert len(records) > 1000
    assert {record.label for record in records} == {"0", "1"}


def test_sources_and_targets_are_read_by_name_or_number(tmp_path):
    from dougong.data.records import SourceTarget

    (tmp_path / "train.tsv").write_text("标题一\t摘要一\n标题二\t摘要二\n", encoding="utf-8")
    reader = TextTable(str(tmp_path), valid=None, test=None, text=1, target=0)
    assert list(reader.records("train", SourceTarget)) == [
        SourceTarget("摘要一", "标题一"),
        SourceTarget("摘要二", "标题二"),
    ]
    (tmp_path / "train.jsonl").write_text('{"target": "b", "text": "a"}\n', encoding="utf-8")
    named = TextTable(str(tmp_path), train="train.jsonl", valid=None, test=None)
    assert list(named.records("train", SourceTarget)) == [SourceTarget("a", "b")]
    (tmp_path / "train.jsonl").write_text('{"target": 3, "text": "a"}\n', encoding="utf-8")
    with pytest.raises(UserError, match="`target` is not a target"):
        list(named.records("train", SourceTarget))
