"""How near a written text is to what was expected: ROUGE and BLEU from the libraries that are known for them."""

import re
from collections.abc import Sequence

_UNIT = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]")
EDGE = 4
ROUGE = ("rouge1", "rouge2", "rougeL")


def units(text: str) -> list[str]:
    """What is compared, in lower case: Chinese characters and marks one by one, and the words between them."""
    return _UNIT.findall(text.lower())


class _Units:
    """A tokenizer for `rouge-score`, whose own knows only Latin letters."""

    def tokenize(self, text: str) -> list[str]:
        return units(text)


def sequence_scores(predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    """Metrics from 0 to 1 over all texts.

    Args:
        predicted, expected: as many texts.

    Returns:
        `rouge_1`, `rouge_2`, `rouge_l`: the mean over the texts of the F1 (Lin, ACL Workshop 2004).
        `bleu`: of the whole corpus, up to four units (Papineni et al., ACL 2002).
        `exact_match`: the share of texts that agree in all units.
        `first_four`, `last_four`: of the first and last four units that were expected, the share that stands in its
            place, as in Zhou et al., TACL 2019.
    """
    if not expected:
        return dict.fromkeys(("rouge_1", "rouge_2", "rouge_l", "bleu", "exact_match", "first_four", "last_four"), 0.0)
    pairs = [(units(one), units(other)) for one, other in zip(predicted, expected, strict=True)]
    return {
        **_rouge(predicted, expected),
        "bleu": _bleu(pairs),
        "exact_match": sum(one == other for one, other in pairs) / len(pairs),
        "first_four": _in_place([(one[:EDGE], other[:EDGE]) for one, other in pairs]),
        "last_four": _in_place([(one[: -EDGE - 1 : -1], other[: -EDGE - 1 : -1]) for one, other in pairs]),
    }


def _rouge(predicted: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    from rouge_score.rouge_scorer import RougeScorer  # takes a second to import

    scorer = RougeScorer(list(ROUGE), tokenizer=_Units())
    found = [scorer.score(other, one) for one, other in zip(predicted, expected, strict=True)]
    names = ("rouge_1", "rouge_2", "rouge_l")
    return {
        name: sum(float(scores[key].fmeasure) for scores in found) / len(found)
        for name, key in zip(names, ROUGE, strict=True)
    }


def _bleu(pairs: Sequence[tuple[list[str], list[str]]]) -> float:
    from sacrebleu.metrics.bleu import BLEU

    lines = [[" ".join(pair[side]) for pair in pairs] for side in (0, 1)]
    return float(BLEU(tokenize="none", force=True).corpus_score(lines[0], [lines[1]]).score) / 100


def _in_place(pairs: Sequence[tuple[list[str], list[str]]]) -> float:
    """Of the units that were expected, the share that stands where it should."""
    right = sum(one == other for pair in pairs for one, other in zip(*pair, strict=False))
    return right / max(1, sum(len(expected) for _, expected in pairs))
