"""Plain text of any size becomes documents, and nothing of it is lost, doubled or shared between splits."""

import random

import pytest

from dougong.data.records import PlainText
from dougong.errors import UserError
from dougong_plugins.data import text_file
from dougong_plugins.data.plain_text import spans
from dougong_plugins.data.text_file import TextFile

POEM = "一\n二 three\n\nfour\r\n\r\n  \nfünf\nsix\n"


def documents(data: TextFile, split="train") -> list[str]:
    """The documents with their pieces joined."""
    found: list[str] = []
    for record in data.records(split, PlainText):
        if record.continues:
            found[-1] += record.text
        else:
            found.append(record.text)
    return found


def whole(path, **settings) -> TextFile:
    return TextFile(str(path), valid_share=0.0, test_share=0.0, **settings)


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes(POEM.encode())
    return path


def test_a_file_a_paragraph_or_a_line_is_a_document(poem):
    assert documents(whole(poem)) == [POEM]
    assert documents(whole(poem, documents="empty_line")) == ["一\n二 three", "four", "fünf\nsix"]
    assert documents(whole(poem, documents="line")) == ["一", "二 three", "four", "fünf", "six"]


@pytest.mark.parametrize("kind", ["file", "empty_line", "line"])
@pytest.mark.parametrize("chunk", [4, 5, 7, 64])
def test_documents_do_not_depend_on_how_a_file_is_read(tmp_path, monkeypatch, kind, chunk):
    random.seed(chunk)
    text = "".join(random.choices("ab  \n\n好👍é", k=3000))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8", newline="")
    expected = documents(whole(tmp_path / "text.txt", documents=kind))
    monkeypatch.setattr(text_file, "PIECE", chunk)
    monkeypatch.setattr(spans, "CHUNK", 1 << 12)  # lines are whole
    assert documents(whole(tmp_path / "text.txt", documents=kind)) == expected
    if kind == "file":  # lines are not
        monkeypatch.setattr(spans, "CHUNK", chunk)
        assert documents(whole(tmp_path / "text.txt")) == expected == [text]


def test_a_long_document_comes_in_pieces(tmp_path):
    text = "x" * 300_000 + "\n" + "好" * 100_000
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    for kind in ("file", "line"):
        data = whole(tmp_path / "text.txt", documents=kind)
        pieces = list(data.records("train", PlainText))
        assert max(len(piece.text) for piece in pieces) < 200_000
        assert documents(data) == ([text] if kind == "file" else text.split("\n"))


@pytest.mark.parametrize("kind", ["file", "empty_line", "line"])
def test_splits_cut_off_one_file_are_all_of_it_and_share_nothing(tmp_path, kind):
    lines = [f"line {number} " + "x" * (number % 13) + ("\n" if number % 5 else "\n\n") for number in range(400)]
    (tmp_path / "text.txt").write_text("".join(lines), encoding="utf-8")
    data = TextFile(str(tmp_path), valid_share=0.1, test_share=0.2, documents=kind)
    parts = {split: documents(data, split) for split in ("train", "valid", "test")}
    everything = documents(whole(tmp_path, documents=kind))
    joined = [document for part in parts.values() for document in part]
    assert "".join(joined) == "".join(everything) if kind == "file" else joined == everything
    sizes = {split: sum(map(len, part)) / sum(map(len, everything)) for split, part in parts.items()}
    assert sizes == pytest.approx({"train": 0.7, "valid": 0.1, "test": 0.2}, abs=0.03)


@pytest.mark.parametrize("text", ["word " * 9000, "好" * 9000])
def test_a_file_of_one_line_can_be_split(tmp_path, text):
    (tmp_path / "text8").write_text(text, encoding="utf-8")
    data = TextFile(str(tmp_path / "text8"), test_share=0.0)
    parts = [documents(data, split) for split in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [1, 1, 0]
    assert parts[0][0] + parts[1][0] == text


def test_files_of_a_folder_by_name_or_all_that_no_split_names(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n", encoding="utf-8")
    data = TextFile(str(tmp_path), valid="c.txt", test_share=0.0)
    assert documents(data) == ["a\n", "b\n"]
    assert documents(data, "valid") == ["c\n"]
    assert documents(data, "test") == []
    assert documents(TextFile(str(tmp_path), train=["b.txt"], valid=["c.txt"], test_share=0.0)) == ["b\n"]


def test_the_byte_order_mark_is_no_text_and_sources_name_the_line(tmp_path):
    (tmp_path / "text.txt").write_bytes("\ufeffa\nb\n\nc\n".encode())
    records = list(whole(tmp_path, documents="line").records("train", PlainText))
    assert [record.text for record in records] == ["a", "b", "c"]
    assert [record.source.rpartition(":")[2] for record in records] == ["1", "2", "4"]


def test_a_line_that_is_not_utf8_is_told_of_with_its_place(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"good\nb\xff\nfine\n")
    with pytest.raises(UserError, match=r"text.txt:2: not UTF-8 at byte 2 \(0xff\)"):
        documents(whole(tmp_path))
    data = whole(tmp_path, on_bad_row="skip")
    assert documents(data) == ["good\nfine\n"]
    assert data.bad_rows == 1


MISTAKES = {
    "no such path": ({"path": "nowhere"}, "data.path: .*nowhere does not exist"),
    "no such file": ({"valid": "vaild.txt"}, "data.valid: .*vaild.txt does not exist. Did you mean `valid.txt`"),
    "nothing left": ({"train": None, "valid": ["valid.txt", "train.txt"]}, "has no other .txt files"),
    "a file has no files": ({"path": "train.txt", "valid": "valid.txt"}, "data.valid: names files in a folder"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_path_that_is_wrong_is_told_of_by_its_key(tmp_path, case):
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_text("x\n")
    settings, message = MISTAKES[case]
    data = TextFile(**(settings | {"path": str(tmp_path / settings.get("path", ""))}))
    with pytest.raises(UserError, match=message):
        list(data.records("train", PlainText))


def test_settings_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"valid_share: data.valid names files"):
        TextFile(str(tmp_path), valid="x.txt", valid_share=0.1)
    with pytest.raises(ValueError, match="leave nothing for training"):
        TextFile(str(tmp_path), valid_share=0.5, test_share=0.5)


def test_the_fingerprint_follows_the_content_and_the_cut(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a\n" * 100)
    first = TextFile(str(path)).fingerprint()
    assert TextFile(str(path)).fingerprint() == first
    assert TextFile(str(path), valid_share=0.3).fingerprint() != first
    path.write_text("b\n" * 100)
    assert TextFile(str(path)).fingerprint() != first
