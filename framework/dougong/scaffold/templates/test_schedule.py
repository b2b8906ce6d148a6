"""What schedule/my_schedule promises."""

from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("schedule", "my_schedule", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_the_way_down_is_a_straight_line() -> None:
    schedule = dougong.create(
        "schedule",
        "my_schedule",
        final=0.5,
    )
    factors = [schedule.factor(update, 4) for update in range(5)]
    assert factors == pytest.approx([1.0, 0.875, 0.75, 0.625, 0.5])
