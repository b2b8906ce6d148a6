"""What optimizer/my_optimizer promises."""

from collections.abc import Callable
from pathlib import Path

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
    checks("optimizer", "my_optimizer", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_it_moves_as_the_formula_says() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = dougong.create(
        "optimizer",
        "my_optimizer",
        params=[weight],
        lr=0.1,
        momentum=0.5,
        weight_decay=0.2,
    )
    value, average = weight.detach().clone(), torch.zeros(2, dtype=torch.float64)
    for gradient in ([1.0, 2.0], [-3.0, 0.5]):
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        average = 0.5 * average + weight.grad
        value = value * (1 - 0.1 * 0.2) - 0.1 * average
    torch.testing.assert_close(weight.detach(), value)
