"""Classification scores as scikit-learn does, and answers in the classes of its training."""

import random

import pytest
import torch

from dougong.data.records import LabelledText
from dougong.errors import UserError
from dougong_plugins.task.classification import Classification


class NoEncoder(torch.nn.Module):
    dim, max_length = 4, None


def task(*classes: str) -> Classification:
    return Classification(NoEncoder(), {"classes": sorted(classes)})  # type: ignore[arg-type]


def score(made: Classification, predicted: list[str], true: list[str]):
    return made.score([{"label": label} for label in predicted], [LabelledText("", label) for label in true])


@pytest.mark.parametrize("seed", range(5))
def test_metrics_and_confusion_equal_those_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    draw = random.Random(seed)
    classes = [f"class {number}" for number in range(2 + seed)]
    # Some classes are never true, or never predicted, or neither.
    true = draw.choices(classes[: max(2, seed)], k=40)
    predicted = draw.choices(classes[1:], k=40)
    found = score(task(*classes), predicted, true)
    present = sorted({*true, *predicted})
    assert found.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found.metrics["macro_f1"] == pytest.approx(
        metrics.f1_score(true, predicted, labels=present, average="macro", zero_division=0)
    )
    expected = metrics.confusion_matrix(true, predicted, labels=classes)
    assert [row[1:] for row in found.tables["confusion"][1:]] == expected.tolist()
    assert found.tables["confusion"][0][1:] == classes


def test_a_perfect_and_a_hopeless_prediction():
    made = task("a", "b")
    assert score(made, ["a", "b"], ["a", "b"]).metrics == {"accuracy": 1.0, "macro_f1": 1.0}
    assert score(made, ["b", "a"], ["a", "b"]).metrics == {"accuracy": 0.0, "macro_f1": 0.0}


def test_the_answer_is_the_most_probable_class_with_its_probability():
    answers = task("a", "b", "c").predict(torch.tensor([[0.0, 2.0, 0.0], [9.0, -9.0, 0.0]]), {})
    assert [answer["label"] for answer in answers] == ["b", "a"]
    assert answers[0]["score"] == pytest.approx(2.718281828**2 / (2.718281828**2 + 2), abs=1e-6)


def test_the_loss_is_a_sum_with_the_number_of_texts():
    logits = torch.randn(5, 3, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])
    whole = task("a", "b", "c").loss(logits, {"label": labels})
    parts = [task("a", "b", "c").loss(logits[cut], {"label": labels[cut]}) for cut in (slice(2), slice(2, 5))]
    assert whole.total.item() == pytest.approx(sum(part.total.item() for part in parts), rel=1e-14)
    assert whole.weight.item() == sum(part.weight.item() for part in parts) == 5
    assert whole.total.dtype == torch.float64


def test_one_class_is_too_few():
    with pytest.raises(UserError, match="two classes or more"):
        Classification.study([LabelledText("x", "a"), LabelledText("y", "a")])


def test_a_label_that_training_never_saw_is_a_problem():
    assert task("a", "b").problem(LabelledText("x", "c")) == "`label` is 'c'; expected one of: a, b."
    assert task("a", "b").problem(LabelledText("x", "a")) is None


def test_drawings_are_the_confusion_matrix_and_a_curve_of_each_class():
    made = task("a", "b")
    logits = torch.tensor([[4.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    records = [LabelledText("", label) for label in "aab"]
    predictions = made.predict(logits, {})
    found = made.drawings(predictions, records)
    assert found["confusion_matrix"].panels[""].tolist() == [[1, 1], [0, 1]]
    curve = found["precision_recall"].classes["a"]
    probability = logits.softmax(-1)[:, 0]
    assert curve.true_positives[26] == (probability[:2] >= 0.26).sum()
    assert (curve.positives, curve.negatives) == (2, 1)
    assert made.drawings([], []) == {}


def test_of_many_classes_no_probabilities_are_kept_and_nothing_is_drawn():
    made = task(*(f"{number:02}" for number in range(30)))
    (prediction,) = made.predict(torch.zeros(1, 30), {})
    assert set(prediction) == {"label", "score"}
    assert made.drawings([prediction], [LabelledText("", "00")]) == {}


def test_wrong_predictions_are_listed_with_their_texts():
    rows = task("a", "b").score([{"label": "b"}, {"label": "a"}], [LabelledText(text, "a") for text in "xy"]).tables
    assert rows["wrong"] == [["text", "expected", "predicted"], ["x", "a", "b"]]
