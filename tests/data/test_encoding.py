"""Examples in files are those in memory, in the order of their records, whoever encodes them; caches are never half."""

import os
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from faults import exit_code_of_fork

from dougong.contracts.task import Task
from dougong.data import encoding
from dougong.data.cache import Cache
from dougong.data.encoding import RecordEncoder
from dougong.data.example_store import INDEX
from dougong.data.processes import ordered_map
from dougong.data.records import PlainText
from dougong.errors import UserError

NOISY = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


class Letters(Task):
    """An example a record or a word, of its letters; records with a digit can't be used, those with an x are noted."""

    def __init__(self, windows: bool = False) -> None:
        super().__init__()
        self.windows = windows
        self.encoded = 0

    def problem(self, record):
        return "it has a digit." if any(map(str.isdigit, record.text)) else None

    def encode(self, records):
        self.encoded += len(records)
        self.noted["x"] += sum("x" in record.text for record in records)
        rows = []
        for number, record in enumerate(records):
            for word in record.text.split() if self.windows else [record.text]:
                row = {"tokens": [ord(letter) for letter in word], "spans": [5] * (len(word) // 4), "size": len(word)}
                rows.append({**row, "record": number} if self.windows else row)
        return rows

    forward = loss = predict = score = None


TEXTS = [f"{'abx'[number % 3] * (number % 5 + 1)} {'word' * (number % 2)}" for number in range(50)]
TEXTS[7], TEXTS[49] = "a 1", "2"


def plain(texts=TEXTS):
    return [PlainText(text, source=f"text:{number}") for number, text in enumerate(texts)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(encoding, "CHUNK", 4)


def rows(examples):
    return [
        {name: column.row(number).tolist() for name, column in examples.columns.items()}
        for number in range(len(examples))
    ]


def encoded(folder=None, task=None, processes=1, texts=TEXTS, identity="data", about=None):
    told = []
    encoder = RecordEncoder(task or Letters(), lambda *what: told.append(what), processes)
    records = plain(texts)
    found = encoder.in_memory(records) if folder is None else encoder.in_files(records, Cache(folder, identity), about)
    return found, told


@NOISY
@pytest.mark.parametrize("windows", [False, True])
def test_examples_in_files_and_from_processes_are_those_in_memory_in_order(tmp_path, windows):
    reference = Letters(windows)
    expected, told = encoded(task=reference)
    assert [what for _, what in told] == ["it has a digit."] * 2
    assert [where for where, _ in told] == ["text:7", "text:49"]
    assert expected.left_out == [7, 49]
    for processes, folder in ((1, tmp_path / "one"), (3, tmp_path / "three"), (2, None)):
        task = Letters(windows)
        found, told_again = encoded(folder, task, processes)
        assert rows(found.examples) == rows(expected.examples)
        assert (found.records, found.left_out, told_again) == (50, [7, 49], told)
        assert task.noted == reference.noted == Counter(x=16)
        assert found.examples.lengths.tolist() == expected.examples.lengths.tolist()
    if windows:
        assert expected.examples.columns["record"].values.tolist() == sorted(expected.examples.columns["record"].values)


def test_examples_of_a_file_lie_in_the_file(tmp_path):
    found, _ = encoded(tmp_path)
    values = found.examples.columns["tokens"].values
    while not isinstance(values, np.memmap):
        assert values.base is not None, "they are in memory"
        values = values.base


def test_what_was_encoded_is_taken_again_unless_what_it_depends_on_changed(tmp_path):
    first, again = Letters(), Letters()
    encoded(tmp_path, first)
    found, _ = encoded(tmp_path, again)
    assert (first.encoded, again.encoded) == (48, 0)
    assert rows(found.examples) == rows(encoded()[0].examples)
    assert again.noted == first.noted
    assert found.left_out == [7, 49]
    for change in ({"identity": "other data"}, {"about": "another tokenizer"}):
        task = Letters()
        encoded(tmp_path, task, **change)
        assert task.encoded == 48


def damage_truncated(kept: Path) -> None:
    path = kept / "0.values"
    path.write_bytes(path.read_bytes()[:-4])


def damage_overwritten(kept: Path) -> None:
    path = kept / "0.values"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def damage_missing(kept: Path) -> None:
    (kept / "0.ends").unlink()


def damage_index(kept: Path) -> None:
    (kept / INDEX).write_text((kept / INDEX).read_text()[:50])


@pytest.mark.parametrize("damage", [damage_truncated, damage_overwritten, damage_missing, damage_index])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    expected = rows(encoded(tmp_path)[0].examples)
    (kept,) = tmp_path.iterdir()
    damage(kept)
    task = Letters()
    found, _ = encoded(tmp_path, task)
    assert task.encoded == 48
    assert rows(found.examples) == expected
    task = Letters()
    encoded(tmp_path, task)
    assert not task.encoded


def test_a_run_killed_while_it_writes_leaves_nothing_that_is_taken_and_is_cleaned_up_after(tmp_path):
    def killed() -> None:
        task = Letters()
        task.encode = lambda records: os.kill(os.getpid(), 9) if len(records) < 4 else Letters().encode(records)
        encoded(tmp_path, task)

    assert exit_code_of_fork(killed) == -9
    assert any(path.name.endswith(".partial") for path in tmp_path.iterdir())
    task = Letters()
    encoded(tmp_path, task)
    assert task.encoded == 48
    assert len(list(tmp_path.iterdir())) == 1


def test_of_two_runs_at_once_one_encodes_and_the_other_takes_it(tmp_path):
    begun = tmp_path / "begun"
    child = os.fork()
    if not child:
        try:
            task = Letters()

            def encode(records):
                begun.touch()
                time.sleep(0.03)
                return Letters().encode(records)

            task.encode = encode
            encoded(tmp_path / "cache", task)
            os._exit(0)
        finally:  # whatever happens, it must not go on with the other tests
            os._exit(1)
    while not begun.exists():
        time.sleep(0.01)
    task = Letters()
    found, _ = encoded(tmp_path / "cache", task)
    assert os.waitpid(child, 0)[1] == 0
    assert not task.encoded
    assert rows(found.examples) == rows(encoded()[0].examples)


def test_a_cache_that_can_not_be_written_is_told_of_in_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dougong.data.encoding.write_columns", full)
    with pytest.raises(UserError, match=r"encoded data can't be written there \(No space left on device\)"):
        encoded(tmp_path)
    assert not list(tmp_path.iterdir())


@NOISY
def test_a_process_that_dies_ends_the_encoding_with_a_reason():
    def die(item):
        os._exit(1) if item == 5 else None
        return item

    with pytest.raises(UserError, match=r"loader.encode_processes: a process that encodes died"):
        list(ordered_map(die, range(20), 2))


@NOISY
def test_an_error_of_a_process_is_that_of_the_function_and_few_items_are_taken_ahead():
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    def fail(item):
        if item == 3:
            raise UserError("text:3: is wrong.")
        return item

    with pytest.raises(UserError, match=r"^text:3: is wrong.$"):
        list(ordered_map(fail, items(), 2))
    assert len(taken) < 20


def test_a_split_of_which_nothing_can_be_used_has_no_examples(tmp_path):
    for folder in (None, tmp_path):
        found, told = encoded(folder, texts=["1", "2"])
        assert len(found.examples) == 0
        assert len(told) == 2


class Numbers(Letters):
    """An example a record, of 200 tokens."""

    def problem(self, record):
        return None

    def encode(self, records):
        return [{"tokens": np.arange(200), "label": 1} for _ in records]


def test_memory_does_not_grow_with_what_is_encoded_into_files(tmp_path):
    def peak(count, folder):
        texts = RecordEncoder(Numbers(), lambda *_: None)
        records = (PlainText("x" * 50) for _ in range(count))
        tracemalloc.start()
        found = texts.in_memory(records) if folder is None else texts.in_files(records, Cache(folder, count), None)
        tokens = sum(int(found.examples.columns["tokens"].row(number)[-1]) for number in range(count))
        assert tokens == 199 * count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size / 2**20

    small, large = peak(1000, tmp_path), peak(8000, tmp_path)
    assert peak(8000, None) > 6, "8,000 examples of 200 numbers of 4 bytes take 6 MiB"
    assert large < small + 0.5
