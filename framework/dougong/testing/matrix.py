"""Trying combinations of all that is installed: few that hold every pair, or all of them."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

from dougong.compose.matrix import Matrix
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import Plugin
from dougong.testing.configuration import run_configuration

TRIED = tuple(kind for kind in KINDS if kind != "tracker")
"""The kinds whose pairs are tried; a tracker meets nothing but numbers."""

Combination = Mapping[str, Plugin]
PairOfPlugins = frozenset[str]


def name_of(combination: Combination) -> str:
    """`task=classification attention=local ...`"""
    return " ".join(f"{kind}={plugin.name}" for kind, plugin in combination.items())


def pairwise(matrix: Matrix, kinds: Iterable[str] = TRIED) -> list[Combination]:
    """Few combinations that can be run, in which all plugins meet that go together, two by two.

    Each begins with a pair that none before it holds; of what can be added, that is taken which makes most new pairs.
    """
    search = _Search(matrix, [kind for kind in kinds if kind in matrix.plugins])
    found: list[Combination] = []
    for pair in list(search.open):
        if pair in search.open and (combination := search.around(pair)):
            found.append(combination)
            for met in pairs_in(combination):
                search.open.pop(met, None)
    return found


def pair_of(one: Plugin, other: Plugin) -> PairOfPlugins:
    """A pair, by the plugins' keys."""
    return frozenset((one.key, other.key))


def pairs_in(combination: Combination) -> set[PairOfPlugins]:
    """The pairs that meet in a combination."""
    return {pair_of(*pair) for pair in itertools.combinations(combination.values(), 2)}


class _Search:
    """Completes pairs to combinations that can be run; `open` holds the pairs that are in none yet, in their order."""

    def __init__(self, matrix: Matrix, kinds: list[str]) -> None:
        self.plugins = {kind: matrix.plugins[kind] for kind in kinds}
        self.apart: set[PairOfPlugins] = set()
        self.open: dict[PairOfPlugins, tuple[Plugin, Plugin]] = {}
        for one, other in itertools.combinations(kinds, 2):
            for pair in matrix.pairs(one, other):
                key = pair_of(pair.one, pair.other)
                if pair.reason is None:
                    self.open[key] = (pair.one, pair.other)
                else:
                    self.apart.add(key)

    def around(self, pair: PairOfPlugins) -> Combination | None:
        """A combination that holds the pair; None where no others go with both."""
        chosen = {plugin.kind: plugin for plugin in self.open[pair]}
        found = self._completed(chosen, [kind for kind in self.plugins if kind not in chosen])
        return found and {kind: found[kind] for kind in self.plugins if kind in found}

    def _completed(self, chosen: dict[str, Plugin], missing: list[str]) -> dict[str, Plugin] | None:
        if not missing:
            return chosen
        kind, *rest = missing
        fitting = [plugin for plugin in self.plugins[kind] if not self._pairs(plugin, chosen) & self.apart]
        fitting.sort(key=lambda plugin: -sum(pair in self.open for pair in self._pairs(plugin, chosen)))
        for plugin in fitting:
            if found := self._completed({**chosen, kind: plugin}, rest):
                return found
        # An encoder without attention, say: the others do without.
        return self._completed(chosen, rest) if not fitting and kind not in ("task", "encoder", "data") else None

    @staticmethod
    def _pairs(plugin: Plugin, chosen: Combination) -> set[PairOfPlugins]:
        return {pair_of(plugin, other) for other in chosen.values()}


def try_combination(combination: Combination, catalogue: Catalogue, folder: Path) -> dict[str, float]:
    """Train one update, validate, save, load and answer a record.

    Returns:
        what was measured.

    Raises:
        UserError: the plugins don't go together.
    """
    from dougong.inference.model import load
    from dougong.testing.runs import small_run
    from dougong.testing.task_trial import record_of
    from dougong.training.run import run

    config = run_configuration(combination.values(), catalogue, folder / "files", small_run(max_updates=1))
    result = run(config, folder / "run")
    assert result.checkpoint is not None, "the run left no checkpoint"
    assert result.metrics, "nothing was measured"
    model = load(result.checkpoint)
    answers = list(model.predict([record_of(model.task.accepts, "斗拱是中国古代建筑的构件。")]))
    assert len(answers) == 1, f"{len(answers)} answers for one record"
    return result.metrics
