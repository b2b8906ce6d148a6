"""What answers are worth."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from dougong.contracts.task import Prediction, Scores
from dougong.data.records import SpanQuestion
from dougong.metrics.answers import Units, answer_f1, exact_match, units_of
from dougong.metrics.wrong import wrong_table


def score_answers(
    predictions: Sequence[Prediction], records: Sequence[SpanQuestion], units: Literal["auto", "characters", "words"]
) -> Scores:
    """Exact match and F1, averaged over the questions; of those with and without an answer, where there are both.

    Where predictions have a `candidate` although they may not give it, `best_threshold` is the one that would be best
    for F1 here, as in the script of SQuAD 2.0.
    """
    texts = [_text(prediction["answers"][:1]) for prediction in predictions]
    references = [[answer.text for answer in record.answers] for record in records]
    compared = [_units(record, units) for record in records]
    cases = list(zip(texts, references, compared, strict=True))
    exact = np.array([exact_match(*case) for case in cases])
    f1 = np.array([answer_f1(*case) for case in cases])
    metrics = {"exact_match": _mean(exact), "f1": _mean(f1)}
    empty = np.array([not answers for answers in references], bool)
    if empty.any() and not empty.all():
        metrics |= {"answerable_f1": _mean(f1[~empty]), "unanswerable_accuracy": _mean(exact[empty])}
    if empty.any() and any("candidate" in prediction for prediction in predictions):
        metrics["best_threshold"] = _best_threshold(predictions, references, compared)
    wrong = (
        (record.question, expected or ["(no answer)"], [text or "(no answer)"])
        for record, text, expected, right in zip(records, texts, references, exact, strict=True)
        if not right
    )
    return Scores(metrics, {"wrong": wrong_table(wrong)})


def _best_threshold(
    predictions: Sequence[Prediction], references: Sequence[Sequence[str]], compared: Sequence[Units]
) -> float:
    """The `threshold` of most F1: every question that is below it gets its candidate, the others nothing."""
    rows = [row for row in zip(predictions, references, compared, strict=True) if "candidate" in row[0]]
    margins = np.array([prediction["no_answer"] for prediction, _, _ in rows])
    gains = np.array(
        [answer_f1(item["candidate"]["text"], known, unit) - (not known) for item, known, unit in rows], np.float64
    )
    order = np.argsort(margins, kind="stable")
    best = int(np.argmax(np.concatenate([[0.0], np.cumsum(gains[order])])))
    return float(margins[order[best - 1]] if best else margins[order[0]] - 1.0)


def _units(record: SpanQuestion, units: Literal["auto", "characters", "words"]) -> Units:
    return units_of(record.question, *(answer.text for answer in record.answers)) if units == "auto" else units


def _text(answers: Sequence[dict[str, str]]) -> str:
    return answers[0]["text"] if answers else ""


def _mean(values: "np.typing.NDArray[np.float64]") -> float:
    return float(values.mean()) if values.size else 0.0
