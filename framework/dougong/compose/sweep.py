"""The jobs of one command with `-m`."""

from collections.abc import Iterator, Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from dougong.compose.compose import GROUPS, sweeper_params, translator
from dougong.compose.hydra_errors import HYDRA_ERRORS


def jobs_of(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The overrides of each job, those included that a file asks for (`hydra.sweeper.params`)."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    shared = [str(override.input_line) for override in parsed if _is_shared(override)]
    try:
        asked = [f"{key}={value}" for key, value in sweeper_params(shared).items()]
    except HYDRA_ERRORS as error:
        raise translator(shared).translate(error) from error
    for batch in BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(asked) + parsed, None):
        yield from batch


def for_sweeper(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra's sweeper is to have them.

    Hydra composes first what all jobs share, without what is swept. There `data.path=DIR` would be refused in
    `-m data=a,b data.path=DIR`, since no data that has a path is chosen yet; a choice of one is left for the jobs.
    """
    return [_as_choice(override) for override in OverridesParser.create().parse_overrides(list(overrides))]


def _is_shared(override: Override) -> bool:
    """Whether Hydra has to know it for all jobs: a file that may ask for a sweep, or how Hydra itself runs."""
    steady = not override.is_sweep_override()
    return steady and (override.key_or_group in GROUPS or override.is_hydra_override())


def _as_choice(override: Override) -> str:
    line = str(override.input_line)
    key, _, value = line.partition("=")
    if not value or override.is_sweep_override() or override.is_delete() or _is_shared(override):
        return line
    return f"{key}=choice({value})"
