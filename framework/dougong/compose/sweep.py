"""The jobs of one command with `-m`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from dougong.compose.compose import GROUPS, translator, with_hydra
from dougong.compose.hydra_errors import HYDRA_ERRORS
from dougong.compose.hydra_part import check_hydra
from dougong.errors import UserError
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill
from dougong.secrets import hide_word
from dougong.sweep.settings import SweepSettings


@dataclass(frozen=True)
class Plan:
    """What a command asks of its jobs together.

    Args:
        overrides: all of them, those included that a file asks for (`hydra.sweeper.params`).
        settings: of the sweep.
        hydra: what all jobs share, composed, with Hydra's part.
    """

    overrides: list[Override]
    settings: SweepSettings
    hydra: DictConfig

    def label(self, words: Sequence[str]) -> str:
        """Those of a job's words that tell it from the others."""
        keys = tuple(f"{item.get_key_element()}=" for item in self.overrides if item.is_sweep_override())
        return " ".join(hide_word(word) for word in words if word.startswith(keys))


def asks_for_many(overrides: Sequence[str]) -> bool:
    """Whether prepared overrides without -m, or a file that they choose, set `hydra.mode` to MULTIRUN.

    Raises:
        UserError: Hydra's part would run code.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    mode = _compose([str(item.input_line) for item in _steady(parsed)]).hydra.mode
    return "hydra.mode=RUN" not in overrides and str(mode).endswith("MULTIRUN")


def plan_of(overrides: Sequence[str]) -> Plan:
    """What these prepared overrides ask for.

    Raises:
        UserError: a setting of the sweep, or of Hydra's, is wrong.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    if swept := [item.input_line for item in parsed if item.is_sweep_override() and _is_of_sweep(item)]:
        raise UserError(f"{swept[0]}: it is the same for all jobs; give one value.")
    composed = _compose(_shared(parsed))
    if OmegaConf.select(composed, "hydra.sweeper.max_batch_size") is not None:
        raise UserError(
            "hydra.sweeper.max_batch_size: say sweep.at_once, the number of jobs that run at the same time."
        )
    asked = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
    node: Any = OmegaConf.to_container(composed.sweep, resolve=True)
    settings = SweepSettings(**fill(class_signature(SweepSettings), node, "sweep"))
    return Plan(OverridesParser.create().parse_overrides(asked) + parsed, settings, composed)


def combinations(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The words of each job, where every combination is one.

    Raises:
        UserError: a setting is to be taken from a range, which only a search can do.
    """
    for item in overrides:
        if item.is_sweep_override() and not item.is_discrete_sweep():
            raise UserError(f"{item.input_line}: a range has no end of values; say sweep=optuna to search it.")
    # As they were typed: Hydra would quote and escape them.
    typed = {f"{item.get_key_element()}={item.get_value_element_as_str()}": item for item in _steady(overrides)}
    for batch in BasicSweeper.split_arguments(list(overrides), None):
        for words in batch:
            yield for_job([str(typed[word].input_line) if word in typed else word for word in words])


def jobs_of(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The words of each job of prepared overrides, where every combination is one."""
    yield from combinations(plan_of(overrides).overrides)


def for_job(words: Sequence[str]) -> list[str]:
    """Those of a job's words that are about itself."""
    return [word for word in words if not word.lstrip("+").startswith(("sweep.", "hydra.sweep", "hydra.mode="))]


def _compose(shared: list[str]) -> DictConfig:
    try:
        composed = with_hydra(shared)
    except HYDRA_ERRORS as error:
        raise translator(shared).translate(error) from error
    check_hydra(composed)
    return composed


def _shared(overrides: Sequence[Override]) -> list[str]:
    """What has to be known for all jobs: a file that may ask for a sweep, or how Hydra and the sweep themselves run."""
    return [str(item.input_line) for item in _steady(overrides) if item.key_or_group in GROUPS or _is_of_sweep(item)]


def _steady(overrides: Sequence[Override]) -> list[Override]:
    return [item for item in overrides if not item.is_sweep_override()]


def _is_of_sweep(override: Override) -> bool:
    key = override.key_or_group
    return override.is_hydra_override() or key == "sweep" or key.startswith("sweep.")
