"""Readers take patterns, several files, compressed files and object stores, and say what is wrong with one."""

import bz2
import gzip
import lzma
import sys

import fsspec
import pytest
import zstandard

from dougong.data.files import DataFile
from dougong.data.records import LabelledText, PlainText, RelationText, SourceTarget, SpanQuestion, TaggedText
from dougong.errors import UserError
from dougong_plugins.data.duie_json import DuieJson
from dougong_plugins.data.entity_json import EntityJson
from dougong_plugins.data.parallel_text import ParallelText
from dougong_plugins.data.squad_json import SquadJson
from dougong_plugins.data.tag_columns import TagColumns
from dougong_plugins.data.text_file import TextFile
from dougong_plugins.data.text_table import TextTable
from dougong_plugins.data.triple_json import TripleJson
from dougong_plugins.data.web_qa import WebQa

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: zstandard.ZstdCompressor(write_checksum=True).compress(content),
}
TABLE = "text\tlabel\n" + "".join(f"text {number}\t{number % 2}\n" for number in range(300))


def table(path, **settings) -> TextTable:
    return TextTable(str(path), **{"valid": None, "test": None} | settings)


def texts(data, split="train", record=LabelledText) -> list[str]:
    return [item.text for item in data.records(split, record)]


@pytest.fixture
def store():
    """An object store in memory."""
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True) if system.exists("/") else None


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_reads_as_what_it_holds_with_the_lines_it_has_there(tmp_path, ending):
    (tmp_path / "train.tsv").write_bytes(TABLE.encode())
    (tmp_path / f"packed.tsv{ending}").write_bytes(COMPRESS[ending](TABLE.encode()))
    plain = list(table(tmp_path).records("train", LabelledText))
    packed = list(table(tmp_path, train=f"packed.tsv{ending}").records("train", LabelledText))
    assert packed == plain
    assert packed[7].source == f"{tmp_path}/packed.tsv{ending}:9"


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_compressed_file_is_an_error_and_never_a_shorter_data_set(tmp_path, ending, damage):
    whole = COMPRESS[ending](TABLE.encode())
    middle = len(whole) // 2
    broken = whole[:-10] if damage == "truncated" else whole[:middle] + bytes(64) + whole[middle + 64 :]
    (tmp_path / f"train.tsv{ending}").write_bytes(broken)
    with pytest.raises(UserError, match=rf"train.tsv{ending}: damaged"):
        texts(table(tmp_path, train=f"train.tsv{ending}", on_bad_row="skip"))


def test_the_frames_of_a_concatenated_file_are_all_read(tmp_path):
    for ending in COMPRESS:
        (tmp_path / f"text.txt{ending}").write_bytes(COMPRESS[ending](b"one\n") + COMPRESS[ending](b"two\n"))
        assert DataFile(str(tmp_path / f"text.txt{ending}")).read_bytes() == b"one\ntwo\n"


def test_without_zstandard_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "train.tsv.zst").write_bytes(COMPRESS[".zst"](TABLE.encode()))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UserError, match=r"train.tsv.zst: zstandard reads it.*pip install dougong\[zstd\]"):
        texts(table(tmp_path, train="train.tsv.zst"))


def test_files_of_a_pattern_come_in_order_of_their_names_each_with_its_header(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / f"part-{number:02}.csv").write_text(f"label,text\na,{number}\n")
    (tmp_path / "part-03.csv.gz").write_bytes(gzip.compress(b"text,label\n3,b\n"))
    assert texts(table(tmp_path, train="part-*")) == ["1", "2", "3", "10"]
    assert texts(table(tmp_path, train=["part-10.csv", "part-0?.csv"])) == ["10", "1", "2"]
    assert texts(table(tmp_path, train=["part-10.csv", "part-1*.csv"])) == ["10"], "a file is not read twice"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "a[1].tsv").write_text("text\tlabel\nx\ty\n")
    (tmp_path / "a1.tsv").write_text("text\tlabel\nother\ty\n")
    assert texts(table(tmp_path, train="a[1].tsv")) == ["x"]


def test_a_pattern_that_matches_nothing_is_an_error_with_its_key(tmp_path):
    with pytest.raises(UserError, match=r"^data.train: no file matches .*/part-\*.tsv.$"):
        texts(table(tmp_path, train="part-*.tsv"))


def test_a_store_is_read_as_a_folder_is(tmp_path, store):
    for number in range(3):
        store.pipe(f"/corpus/part-{number}.tsv.gz", gzip.compress(f"text\tlabel\nt{number}\tx\n".encode()))
    data = table("memory://corpus", train="part-*.tsv.gz")
    found = list(data.records("train", LabelledText))
    assert [item.text for item in found] == ["t0", "t1", "t2"]
    assert found[2].source == "memory:///corpus/part-2.tsv.gz:2"
    before = data.fingerprint()
    assert len(before) == 3
    store.pipe("/corpus/part-1.tsv.gz", gzip.compress(b"text\tlabel\nother\tx\n"))
    assert data.fingerprint() != before
    (tmp_path / "train.tsv").write_text("text\tlabel\nlocal\tx\n")
    assert texts(table(f"file://{tmp_path}")) == ["local"]


@pytest.mark.parametrize(
    ("path", "train", "message"),
    [
        ("memory://corpus", "nothing.tsv", "data.train: memory://corpus/nothing.tsv does not exist"),
        ("memory://corpus", "no-*.tsv", r"data.train: no file matches memory://corpus/no-\*.tsv"),
        ("nosuchstore://corpus", "a.tsv", "nosuchstore://corpus/a.tsv: can't be read"),
    ],
)
def test_what_is_wrong_with_a_store_is_told_in_one_line(path, train, message):
    with pytest.raises(UserError, match=message) as told:
        texts(table(path, train=train))
    assert "\n" not in str(told.value)


def test_text_files_come_compressed_and_from_a_store_where_the_splits_are_named(tmp_path, store):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("一\n二".encode()))
    (tmp_path / "b.txt.zst").write_bytes(COMPRESS[".zst"]("三\n".encode() * 2))
    store.pipe("/texts/a.txt", "四\n".encode())
    none = {"valid_share": 0.0, "test_share": 0.0, "documents": "line"}
    assert texts(TextFile(str(tmp_path), train="*.txt.*", **none), record=PlainText) == ["一", "二", "三", "三"]
    named = TextFile(str(tmp_path), train="a.txt.gz", valid="b.txt.zst", test_share=0.0, documents="line")
    assert texts(named, "valid", PlainText) == ["三", "三"]
    assert texts(TextFile(str(tmp_path / "*.gz"), **none), record=PlainText) == ["一", "二"]
    for path in ("memory://texts", "memory://texts/a.txt", "memory://texts/*.txt"):
        assert texts(TextFile(path, **none), record=PlainText) == ["四"]


def test_splits_are_not_cut_off_a_compressed_file(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"x\n" * 100))
    with pytest.raises(UserError, match=r"^data.valid: .*a.txt.gz is compressed or in a store.*valid_share"):
        texts(TextFile(str(tmp_path / "a.txt.gz")), record=PlainText)


def test_a_long_line_at_the_end_of_a_compressed_file_is_one_document(tmp_path):
    text = "好" * 100_000
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(f"短\n{text}".encode()))
    data = TextFile(str(tmp_path / "a.txt.gz"), valid_share=0.0, test_share=0.0, documents="line")
    pieces = list(data.records("train", PlainText))
    assert [piece.continues for piece in pieces[:3]] == [False, False, True]
    assert "".join(piece.text for piece in pieces[1:]) == text


def test_parallel_files_of_a_pattern_go_by_their_names(tmp_path):
    for name in ("p1", "p2"):
        (tmp_path / f"{name}.source").write_text(f"{name} source\n")
        (tmp_path / f"{name}.target").write_text(f"{name} target\n")
    data = ParallelText(str(tmp_path), train="p*", valid=None, test=None)
    assert [item.target for item in data.records("train", SourceTarget)] == ["p1 target", "p2 target"]
    (tmp_path / "p2.target").rename(tmp_path / "p3.target")
    with pytest.raises(UserError, match=r"data.train: p2 is there on one side only"):
        list(data.records("train", SourceTarget))


READERS = {
    EntityJson: TaggedText,
    TagColumns: TaggedText,
    DuieJson: RelationText,
    TripleJson: RelationText,
    SquadJson: SpanQuestion,
    WebQa: SpanQuestion,
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_every_reader_of_a_published_format_takes_them_compressed(tmp_path, reader):
    settings = reader.trial_settings(tmp_path)
    plain = list(reader(**settings).records("train", READERS[reader]))
    (tmp_path / "packed").mkdir()
    for file in list(tmp_path.glob("*.*")):
        (tmp_path / "packed" / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    name = settings.get("train") or next(iter(tmp_path.glob("train.*"))).name
    others = {"valid": None, "test": None}
    packed = reader(**settings | others | {"path": str(tmp_path / "packed"), "train": f"{name}.gz"})
    assert list(packed.records("train", READERS[reader])) == plain
    assert len(plain) > 2
