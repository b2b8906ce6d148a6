"""Fixtures of the tests of checkpoints."""

import pytest


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent or written by wandb, whoever is logged in."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
