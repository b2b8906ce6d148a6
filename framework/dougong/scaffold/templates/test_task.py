"""What task/my_task promises."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dougong
import pytest
from dougong.data.records import LabelledText
from dougong.testing import checks

FOLDER = str(Path(__file__).parent)
RECORDS = [LabelledText("one", "a"), LabelledText("two", "b"), LabelledText("3", "b")]


@pytest.fixture(autouse=True)
def plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUGONG_PLUGINS", FOLDER)


@pytest.mark.parametrize(
    "check",
    checks("task", "my_task", plugin_path=[FOLDER]),
    ids=str,
)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def made() -> Any:
    tokenizer = dougong.create("tokenizer", "character", min_count=1)
    tokenizer.fit(record.text for record in RECORDS)
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8)
    encoder = dougong.create(
        "encoder",
        "transformer",
        embedding=embedding,
        attention=lambda layer: dougong.create("attention", "full"),
        layers=1,
    )
    task_class: Any = dougong.plugins("task")["my_task"].load()
    facts = task_class.study(RECORDS)
    return dougong.create(
        "task",
        "my_task",
        encoder=encoder,
        facts=facts,
    )


def test_accuracy_is_the_share_of_right_answers() -> None:
    answers = [{"label": label} for label in ("a", "a", "b")]
    assert made().score(answers, RECORDS).metrics == {"accuracy": pytest.approx(2 / 3)}


def test_a_label_that_training_never_saw_is_a_problem() -> None:
    task = made()
    assert task.problem(RECORDS[0]) is None
    assert "which is no class" in task.problem(LabelledText("four", "c"))
