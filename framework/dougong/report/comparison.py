"""Variants against each other on the test records that they share: what is sure, and what each got wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dougong.runs.bootstrap import DRAWS, compare, resampled_means
from dougong.runs.predictions import Predictions

MOST = 100
"""Variants that are compared pair by pair."""
WORK = 400_000_000
"""Random numbers at most: fewer draws where there are many records."""


def comparison(found: Sequence[Predictions | None], variants: Sequence[Sequence[int]], examples: int) -> dict[str, Any]:
    """What the page needs; `runs` are the places of those that share their test records, most runs of all.

    Args:
        found: what each run saved.
        variants: places of the runs that differ in the seed alone.
        examples: records to show at most.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for place, item in enumerate(found):
        if item is not None and item.identities:
            groups.setdefault((item.metric, item.identities), []).append(place)
    if not groups:
        return {"runs": []}
    (metric, identities), runs = max(groups.items(), key=lambda entry: len(entry[1]))
    shared = {place: item for place in runs if (item := found[place]) is not None}
    others = sum(item is not None for item in found) - len(runs)
    return {
        "metric": metric,
        "records": len(identities),
        "runs": runs,
        "others": others,
        **_pairs(shared, variants),
        **_examples(shared, examples),
    }


def _pairs(shared: dict[int, Predictions], variants: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Scores averaged over seeds, then each pair by `compare`: entry [a][b - a - 1] of `pairs` is b less a."""
    members = {number: [place for place in places if place in shared] for number, places in enumerate(variants)}
    scores = {
        number: np.mean([shared[place].scores for place in places], axis=0)
        for number, places in members.items()
        if places
    }
    kept = list(scores)
    if len(kept) > MOST:
        kept = sorted(sorted(kept, key=lambda number: -scores[number].mean())[:MOST])
    table = np.stack([scores[number] for number in kept])
    draws = min(DRAWS if len(kept) <= 30 else DRAWS // 5, max(1_000, WORK // table.shape[1]))
    means = resampled_means(table, draws) if len(kept) > 1 else np.empty((0, 1))
    pairs = [
        [[_short(value) for value in vars(compare(table, means, first, second)).values()] for second in later]
        for first, later in ((first, range(first + 1, len(kept))) for first in range(len(kept)))
    ]
    return {"variants": kept, "means": [_short(float(row.mean())) for row in table], "pairs": pairs, "draws": draws}


def _examples(shared: dict[int, Predictions], limit: int) -> dict[str, Any]:
    """Records that some got wrong, those first on which the runs disagree most. -1 stands for a right prediction."""
    runs = list(shared)
    places = sorted({place for item in shared.values() for place in item.wrong})
    failed = {place: sum(place in item.wrong for item in shared.values()) / len(runs) for place in places}
    chosen = sorted(places, key=lambda place: (abs(failed[place] - 0.5), place))[:limit]
    words: dict[str, int] = {}
    rows = []
    for place in chosen:
        text, expected, _ = next(item.wrong[place] for item in shared.values() if place in item.wrong)
        given = [shared[run].wrong.get(place) for run in runs]
        answers = [-1 if wrong is None else words.setdefault(wrong[2], len(words)) for wrong in given]
        rows.append([text, expected, answers])
    return {"examples": rows, "words": list(words), "wrong": len(places)}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
