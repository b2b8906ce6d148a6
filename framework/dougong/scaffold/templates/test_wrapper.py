"""What wrapper/my_wrapper promises."""

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
    checks("wrapper", "my_wrapper", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_no_weight_leaves_the_bounds() -> None:
    weight = torch.nn.Parameter(torch.tensor([0.9, -0.9, 0.0]))
    wrapper = dougong.create(
        "wrapper",
        "my_wrapper",
        bound=1.0,
    )
    optimizer = wrapper.wrap(torch.optim.SGD([weight], lr=0.5))
    weight.grad = torch.tensor([-1.0, 1.0, -1.0])
    optimizer.step()
    assert weight.tolist() == [1.0, -1.0, 0.5]
