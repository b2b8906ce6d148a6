"""Passes over many records say how far they are, where that takes long, and change nothing."""

import pytest

from dougong.training import pass_report
from dougong.training.pass_report import PassReport


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a tenth of a second whenever somebody looks."""
    now = iter(number / 10 for number in range(100_000))
    monkeypatch.setattr(pass_report.time, "monotonic", lambda: next(now))


@pytest.mark.parametrize("mode", ["lines", "bar", "none", "auto"])
def test_the_records_are_the_same_in_every_mode(mode, clock):
    assert list(PassReport(mode, "train")(range(10_000), 10_000)) == list(range(10_000))


def test_a_line_now_and_then_says_how_far_it_is_and_how_fast(clock, capsys):
    list(PassReport("lines", "train")(range(15_000), 30_000))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "reading train: 6,336 of 30,000 records, 634 a second",
        "reading train: 12,736 of 30,000 records, 637 a second",
    ]


def test_what_is_done_at_once_shows_nothing(capsys):
    for mode in ("lines", "bar"):
        list(PassReport(mode, "train")(range(1000), None))
    assert not capsys.readouterr().out
