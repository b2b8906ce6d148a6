"""Records that are read anew: the same each time, with bad rows counted once, and in a list only where they are few."""

import pytest

from dougong.data.records import LabelledText
from dougong.data.stream import Chosen, RecordStream, held
from dougong_plugins.data.text_table import TextTable


@pytest.fixture
def data(tmp_path):
    rows = "".join(f"text {number}\t{number % 2}\n" if number % 10 else "bad\n" for number in range(100))
    (tmp_path / "train.tsv").write_text(f"text\tlabel\n{rows}")
    return TextTable(str(tmp_path), valid=None, test=None, on_bad_row="skip")


def test_bad_rows_are_counted_once_however_often_and_far_a_stream_is_read(data):
    stream = RecordStream(data, "train", LabelledText)
    first = list(stream)
    assert (data.bad_rows, stream.count, len(first)) == (10, 90, 90)
    assert bool(stream)
    assert list(stream) == first
    next(iter(stream))
    assert list(stream) == first
    assert data.bad_rows == 10


@pytest.mark.parametrize(("most", "listed"), [(90, True), (1000, True), (89, False), (0, False)])
def test_records_are_in_a_list_where_they_are_no_more_than_so_many(data, most, listed):
    found = held(RecordStream(data, "train", LabelledText), most)
    assert isinstance(found, list) == listed
    assert len(list(found)) == 90
    assert data.bad_rows == 10


def test_a_watch_sees_each_pass_and_how_many_records_there_were(data):
    totals = []

    def watch(records, total):
        totals.append(total)
        yield from records

    stream = RecordStream(data, "train", LabelledText)
    stream.watch = watch
    assert list(stream) == list(stream)
    assert totals == [None, 90]


def test_chosen_records_are_all_but_those_left_out_in_order(data):
    stream = RecordStream(data, "train", LabelledText)
    everything = list(stream)
    chosen = Chosen(stream, [0, 5, 89], 87)
    assert list(chosen) == list(chosen) == [item for n, item in enumerate(everything) if n not in (0, 5, 89)]
    assert len(chosen) == 87
    assert everything[1] in chosen
    assert everything[5] not in chosen
