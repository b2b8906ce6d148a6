"""What answers are worth."""

from collections.abc import Sequence

from dougong.contracts.task import Prediction, Scores
from dougong.data.records import SpanQuestion
from dougong.metrics.sogou_qa import character_f1, is_right
from dougong.metrics.wrong import wrong_table
from dougong_plugins.task.reading import scores as reading


def score_answers(predictions: Sequence[Prediction], records: Sequence[SpanQuestion]) -> Scores:
    """`accuracy`, `f1` and their `mean` of SogouQA, and as `exact_match` and `overlap` what reading comprehension calls
    exact match and F1."""
    texts = [prediction["answers"][0]["text"] if prediction["answers"] else "" for prediction in predictions]
    wanted = [record.accepted or tuple(dict.fromkeys(item.text for item in record.answers)) for record in records]
    right = [is_right(*case) for case in zip(texts, wanted, strict=True)]
    f1 = [character_f1(*case) for case in zip(texts, wanted, strict=True)]
    accuracy, mean_f1 = _mean(right), _mean(f1)
    metrics = {"accuracy": accuracy, "f1": mean_f1, "mean": (accuracy + mean_f1) / 2}
    other = reading.score_answers(predictions, records, "auto").metrics
    metrics |= {"exact_match": other["exact_match"], "overlap": other["f1"], "answered": _mean(list(map(bool, texts)))}
    wrong = (
        (record.question, accepted or ["(no answer)"], [text or "(no answer)"])
        for record, text, accepted, good in zip(records, texts, wanted, right, strict=True)
        if not good
    )
    return Scores(metrics, {"wrong": wrong_table(wrong)})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
