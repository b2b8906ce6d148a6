"""Accuracy and F1 of short answers, as the evaluation of the SogouQA contest measures them.

The definition is that of its script (`evaluate_tool` of github.com/bojone/dgcnn_for_reading_comprehension): full-width
forms become half-width, case is ignored, and punctuation and spaces are left out.
"""

import re
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = re.compile(
    "["
    + re.escape(
        """`^~<=>|_-,;:!?/.'"()[]{}@$*\\&#%+"""
        "…‰※•—‖‘’“”№←↑→↓∴∨∵∶∩∈∑√∞≯≡≮≤≥≈≌⊥⊙⌒□◆◇◎●★☆♀♂¨°·§¤±、。〃々〈〉《》「」『』【】〓〔〕〖〗÷×′▲″△∠≠■ˇˉ"
        "￣￥＿！＄（），．：；？～﹑￠"
    )
    + "]"
)
_HALF_WIDTH = {ord("\u3000"): " "} | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}


def normalised(text: str) -> str:
    """A text as it is compared."""
    return "".join(_PUNCTUATION.sub(" ", text.translate(_HALF_WIDTH).lower()).split())


def is_right(prediction: str, accepted: Sequence[str]) -> bool:
    """Whether an answer is one of those accepted, or has the parts of the first of them in any order.

    Parts are what spaces and punctuation separate. A question without accepted answers wants none.
    """
    if not prediction.strip() or not accepted:
        return not prediction.strip() and not accepted
    wanted = {*accepted, *map(normalised, accepted)}
    return normalised(prediction) in wanted or _parts(prediction) == _parts(accepted[0])


def character_f1(prediction: str, accepted: Sequence[str]) -> float:
    """F1 of the characters that an answer shares with the accepted one that it is most like, in any order."""
    if not prediction.strip() or not accepted:
        return float(not prediction.strip() and not accepted)
    given = Counter(normalised(prediction))
    return max(_f1(given, Counter(normalised(answer))) for answer in accepted)


def _parts(text: str) -> set[str]:
    return {normalised(part) for part in _PUNCTUATION.sub(" ", text).lower().split(" ")}


def _f1(one: Counter[str], other: Counter[str]) -> float:
    shared = (one & other).total()
    return 2 * shared / (one.total() + other.total()) if shared else 0.0
