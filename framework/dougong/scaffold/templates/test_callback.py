"""What callback/my_callback promises."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dougong
import pytest
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


def stops(callback: Any) -> bool:
    trainer: Any = SimpleNamespace(should_stop=False)
    callback.on_train_start(trainer, None)
    callback.on_train_batch_end(trainer, None, None, None, 0)
    return bool(trainer.should_stop)


def test_it_stops_when_the_time_is_up_also_where_it_was_used_up_before() -> None:
    callback = dougong.create(
        "callback",
        "my_callback",
        minutes=1.0,
    )
    assert not stops(callback)
    callback.load_state_dict({"seconds": 61.0})
    assert stops(callback)
