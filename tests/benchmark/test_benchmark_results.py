"""What follows from rows, and how it is handed over."""

import csv
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dougong.benchmark import plot, report
from dougong.benchmark.results import Row, exponent, fastest, growth, missing, ratio
from dougong.benchmark.settings import AttentionSettings
from dougong.benchmark.table import show

ROWS = [
    Row(512, "full", "measured", 2.0, 8.0, 4.0, 0.01),
    Row(512, "mine", "measured", 4.0, 10.0, 0.0, 0.01),
    Row(1024, "full", "measured", 8.0, 32.0, 8.0, 0.2),
    Row(1024, "mine", "measured", 8.0, 20.0, 2.0, 0.01),
    Row(2048, "full", "left out", reason="would take too [long]"),
    Row(2048, "mine", "failed", reason="ValueError: no"),
]


def test_a_ratio_is_how_many_times_less_than_full_at_the_same_length():
    assert ratio(ROWS, ROWS[3], "forward_backward_ms") == 1.6
    assert ratio(ROWS, ROWS[1], "forward_backward_ms") == 0.8


def test_there_is_no_ratio_to_what_was_not_measured_or_is_nothing():
    assert ratio(ROWS, ROWS[5], "forward_ms") is None
    assert ratio(ROWS, ROWS[1], "extra_mib") is None
    assert ratio(ROWS[1:2], ROWS[1], "forward_ms") is None


def test_the_exponent_is_the_slope_of_the_logarithms():
    assert exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
    assert growth(ROWS, "full", "forward_backward_ms") == pytest.approx(2)
    assert growth(ROWS, "mine", "extra_mib") is None


def test_the_fastest_is_told_where_anything_was_measured():
    assert {length: row.attention for length, row in fastest(ROWS).items()} == {512: "full", 1024: "mine"}


def test_the_fastest_of_one_is_said_to_have_had_no_rival(capsys):
    show(ROWS[:3], Console(width=120))
    printed = capsys.readouterr().out
    assert "at 512: full\n" in printed
    assert "at 1,024: full (nothing else was measured)\n" in printed


def test_what_is_missing_is_told_once_with_all_lengths():
    rows = [*ROWS, Row(4096, "mine", "failed", reason="ValueError: no")]
    assert missing(rows)[("mine", "failed", "ValueError: no")] == [2048, 4096]


def test_a_report_has_a_table_a_csv_and_both_pictures(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    report.report(ROWS, AttentionSettings(), "cpu", tmp_path / "new")
    text = capsys.readouterr().out
    assert "Left out: full at 2,048: would take too [long]" in text
    assert "Other processes took up to 20% of the machine" in text
    lines = list(csv.DictReader((tmp_path / "new" / "attention.csv").open()))
    assert [line["forward_backward_ratio"] for line in lines] == ["1.0", "0.8", "1.0", "1.6", "", ""]
    assert (tmp_path / "new" / "attention.png").read_bytes().startswith(b"\x89PNG")
    words = "".join(ElementTree.parse(tmp_path / "new" / "attention.svg").getroot().itertext())
    assert all(word in words for word in ("full", "mine", "1,024", "milliseconds", "MiB", "forward + backward"))


def test_without_matplotlib_there_is_a_hint_of_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plot, "available", lambda: False)
    report.report(ROWS, AttentionSettings(), "cpu", tmp_path)
    assert capsys.readouterr().out.splitlines()[-1] == plot.HINT
    assert [path.name for path in tmp_path.iterdir()] == ["attention.csv"]
