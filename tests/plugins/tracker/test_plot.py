"""Tracker `plot` draws what was measured."""

import pytest
from runs import resume, train

pytest.importorskip("matplotlib")

WORDS = ("tracker=[csv,plot]", "trainer.log_every=2")


def test_a_run_has_its_curves_as_pictures(tmp_path):
    result = train(tmp_path / "run", *WORDS)
    picture = (result.folder / "curves.svg").read_text(encoding="utf-8")
    assert all(name in picture for name in ("train/loss", "valid/loss", "valid/accuracy", "valid/macro_f1"))
    assert (result.folder / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert f"plot: {result.folder / 'curves.png'}" in result.notes


def test_what_was_measured_before_resuming_is_drawn_as_well(tmp_path):
    train(tmp_path / "a", *WORDS, "trainer.max_epochs=1")
    config = tmp_path / "a" / "config.yaml"
    config.write_text(config.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    resume(tmp_path / "a")
    points = (tmp_path / "a" / "curves.svg").read_text(encoding="utf-8")
    train(tmp_path / "b", *WORDS, "trainer.max_epochs=1")
    assert len(points) > len((tmp_path / "b" / "curves.svg").read_text(encoding="utf-8"))


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = train(tmp_path / "run", *WORDS, "trainer.max_updates=2")
    assert any("pip install dougong[plots]" in line for line in result.notes)
