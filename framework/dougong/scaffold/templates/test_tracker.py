"""What tracker/my_tracker promises."""

import json
from collections.abc import Callable
from pathlib import Path

import dougong
import pytest
from dougong.contracts.tracker import RunInformation
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("tracker", "my_tracker", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def test_a_resumed_run_measures_no_update_twice(tmp_path: Path) -> None:
    for resumed, update in ((False, 0), (True, 2)):
        tracker = dougong.create(
            "tracker",
            "my_tracker",
            file="it.jsonl",
        )
        run = RunInformation(tmp_path, "run", "1", {}, {}, resumed, update)
        tracker.start(run)
        for number in range(update + 1, update + 4):
            tracker.log({"train/loss": 1.0 / number}, number, 0)
        tracker.finish("finished")
    lines = (tmp_path / "it.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["update"] for line in lines] == [1, 2, 3, 4, 5]
