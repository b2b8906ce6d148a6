"""What attention/my_attention promises."""

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
    checks("attention", "my_attention", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_with_no_window_each_position_sees_itself_alone() -> None:
    attention = dougong.create(
        "attention",
        "my_attention",
        window=0,
    )
    query, key, value = torch.randn(3, 2, 2, 7, 4).unbind(0)
    torch.testing.assert_close(attention(query, key, value), value)
