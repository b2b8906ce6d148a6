"""What task/prototypes promises."""

from collections.abc import Callable
from typing import Any

import dougong
import pytest
import torch
from dougong import UserError
from dougong.data.records import LabelledText
from dougong.testing import checks


@pytest.mark.parametrize("check", checks("task", "prototypes"), ids=str)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


class NoEncoder(torch.nn.Module):
    dim, max_length = 2, None


def made(**settings: Any) -> Any:
    return dougong.create("task", "prototypes", encoder=NoEncoder(), facts={"classes": ["a", "b", "c"]}, **settings)


def test_scores_of_a_case_made_by_hand() -> None:
    answers = [{"label": label} for label in ("a", "b", None, "c", None)]
    records = [LabelledText("", label) for label in ("a", "a", "b", "c", "c")]
    assert made().score(answers, records).metrics == {
        "accuracy": 2 / 5,
        "answered": 3 / 5,
        "accuracy_of_answered": 2 / 3,
    }


def test_a_text_that_is_near_to_no_prototype_is_left_unanswered() -> None:
    cosines = torch.tensor([[0.9, 0.1, -0.3], [0.2, 0.4, 0.3]])
    assert [item["label"] for item in made(threshold=0.5).predict(cosines, {})] == ["a", None]
    assert [item["label"] for item in made().predict(cosines, {})] == ["a", "b"]


def test_the_loss_is_a_softmax_of_scaled_cosines_in_which_the_right_one_lacks_the_margin() -> None:
    cosines = torch.tensor([[0.9, 0.1, -0.3], [0.2, 0.4, 0.3]], dtype=torch.float64)
    loss = made(margin=0.25, scale=4.0).loss(cosines, {"label": torch.tensor([0, 2])})
    expected = 0.0
    for row, label in zip(cosines.tolist(), (0, 2), strict=True):
        scaled = torch.tensor([4.0 * (x - (0.25 if i == label else 0)) for i, x in enumerate(row)], dtype=torch.float64)
        expected -= float(scaled.log_softmax(0)[label])
    assert float(loss.total) == pytest.approx(expected, rel=1e-12)
    assert float(loss.weight) == 2


def test_one_class_is_too_few_and_a_new_one_is_a_problem() -> None:
    task: Any = type(made())
    with pytest.raises(UserError, match="two classes or more"):
        task.study([LabelledText("x", "a")])
    assert made().problem(LabelledText("x", "d")) == "`label` is 'd'; expected one of: a, b, c."
