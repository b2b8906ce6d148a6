"""What callback/my_callback promises."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dougong
import pytest
import torch
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("callback", "my_callback", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(("update", "deviation"), [(0, 0.5), (15, 0.125)])
def test_the_noise_has_the_deviation_of_its_update(
    update: int, deviation: float
) -> None:
    torch.manual_seed(0)
    callback = dougong.create(
        "callback",
        "my_callback",
        deviation=0.5,
        decay=0.5,
    )
    layer = torch.nn.Linear(100, 100, bias=False)
    layer.weight.grad = torch.zeros(100, 100)
    trainer: Any = SimpleNamespace(global_step=update)
    callback.on_before_optimizer_step(trainer, layer, None)
    assert float(layer.weight.grad.std()) == pytest.approx(deviation, rel=0.05)
