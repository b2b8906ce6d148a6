"""What goes together runs: one update, one validation, one answer; what does not is refused before training."""

import itertools
from pathlib import Path

import pytest

from dougong.compose.matrix import AXES, Matrix
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue, catalogue
from dougong.registry.plugin import Plugin
from dougong.testing.configuration import run_configuration
from dougong.testing.matrix import Combination, name_of, pairwise, try_combination
from dougong.testing.quiet import quiet

MATRIX = Matrix(Catalogue())
PAIRWISE = pairwise(MATRIX)
AXES_HERE = [kind for kind in AXES if kind in MATRIX.plugins]
BY_SETTINGS = ("can't be differentiated twice", "a tied output layer", "is trained.")
"""What is refused in one line for settings of the plugins, `task.head` or `task.tie_output`, not for the plugins."""
APART = [pair for two in MATRIX.tables for pair in MATRIX.pairs(*two) if pair.reason is not None]


def everything() -> list[dict[str, Plugin]]:
    """The full product of the axes."""
    product = itertools.product(*(MATRIX.plugins[kind] for kind in AXES_HERE))
    return [dict(zip(AXES_HERE, plugins, strict=True)) for plugins in product]


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.mark.parametrize("combination", PAIRWISE, ids=name_of)
def test_every_two_that_go_together_run_together(combination: Combination, tmp_path: Path):
    try:
        with quiet():
            metrics = try_combination(combination, catalogue(), tmp_path)
    except UserError as error:
        if not any(words in str(error) for words in BY_SETTINGS):
            raise
        pytest.skip(str(error))
    assert any(name.startswith("valid/") for name in metrics)


@pytest.mark.parametrize("pair", APART, ids=lambda pair: f"{pair.one.key}-{pair.other.key}")
def test_every_two_that_do_not_go_together_are_refused_with_the_reason(pair, tmp_path: Path):
    with pytest.raises(UserError) as refused:
        run_configuration([pair.one, pair.other], catalogue(), tmp_path)
    assert str(refused.value).startswith(pair.reason.rstrip("."))


@pytest.mark.matrix
@pytest.mark.parametrize("combination", everything(), ids=name_of)
def test_every_combination_runs_or_is_refused_with_the_reason(combination: Combination, tmp_path: Path):
    reasons = {MATRIX.reason(*pair) for pair in itertools.combinations(combination.values(), 2)} - {None}
    if reasons:
        with pytest.raises(UserError) as refused:
            run_configuration(combination.values(), catalogue(), tmp_path)
        assert any(str(refused.value).startswith(str(reason).rstrip(".")) for reason in reasons)
        return
    with quiet():
        assert try_combination(combination, catalogue(), tmp_path)
