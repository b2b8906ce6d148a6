"""Exact match and F1 of answers that are pieces of a text: by characters as CMRC 2018, by words as SQuAD.

The definitions are those of the official scripts: `cmrc2018_evaluate.py`, version 5, of github.com/ymcui/cmrc2018, and
`evaluate-v2.0.py` of SQuAD (arXiv 1806.03822), which agrees with that of version 1.1 (arXiv 1606.05250) wherever there
is an answer. Both take the reference that a prediction agrees with best.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from dougong.metrics.words import treebank_words

Units = Literal["characters", "words"]

_CHINESE = re.compile("[\u4e00-\u9fa5]")
_CMRC_PUNCTUATION = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_SQUAD_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def units_of(*texts: str) -> Units:
    """Characters where any of the texts has a Chinese one, else words."""
    return "characters" if any(map(_CHINESE.search, texts)) else "words"


def exact_match(prediction: str, references: Sequence[str], units: Units) -> float:
    """1 where the prediction is one of the references, case, punctuation and (in words) articles aside; else 0.

    A question without references has no answer: 1 where the prediction is empty.
    """
    normalise = _without_punctuation if units == "characters" else _normalised
    return float(any(normalise(prediction) == normalise(reference) for reference in references or ("",)))


def answer_f1(prediction: str, references: Sequence[str], units: Units) -> float:
    """What the prediction and the best reference share, between 0 and 1.

    In characters that is the longest run of segments in both: a Chinese character is a segment, and so is a word of
    another script. In words it is all words that are in both, in any order.
    """
    if not references:
        return exact_match(prediction, references, units)
    compare = _f1_of_segments if units == "characters" else _f1_of_words
    return max(compare(prediction, reference) for reference in references)


def _without_punctuation(text: str) -> str:
    return "".join(character for character in text.lower().strip() if character not in _CMRC_PUNCTUATION)


def segments(text: str) -> list[str]:
    """Chinese characters one by one, and the words between them, in lower case and without punctuation.

    As in the official script punctuation is gone before words are cut, so that `a-b` is one.
    """
    found: list[str] = []
    for piece in re.split("([\u4e00-\u9fa5])", _without_punctuation(text)):
        found += [piece] if _CHINESE.match(piece) else treebank_words(piece)
    return found


def _f1_of_segments(prediction: str, reference: str) -> float:
    predicted, expected = segments(prediction), segments(reference)
    return _f1(_longest_common_run(predicted, expected), len(predicted), len(expected))


def _longest_common_run(first: Sequence[str], second: Sequence[str]) -> int:
    # The script calls it the longest common subsequence; what it finds is without gaps.
    longest = 0
    before = [0] * (len(second) + 1)
    for one in first:
        runs = [0] * (len(second) + 1)
        for place, other in enumerate(second):
            if one == other:
                runs[place + 1] = before[place] + 1
        longest, before = max(longest, *runs), runs
    return longest


def _normalised(text: str) -> str:
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_SQUAD_PUNCTUATION)).split())


def _f1_of_words(prediction: str, reference: str) -> float:
    predicted, expected = _normalised(prediction).split(), _normalised(reference).split()
    if not predicted or not expected:
        return float(predicted == expected)
    return _f1(sum((Counter(predicted) & Counter(expected)).values()), len(predicted), len(expected))


def _f1(shared: int, predicted: int, expected: int) -> float:
    return 2 * shared / (predicted + expected) if shared else 0.0
