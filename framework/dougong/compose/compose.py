"""Composing a configuration outside a Hydra job: for the Python API, for checks, for messages."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from dougong.compose.check import Config, check, check_presets
from dougong.compose.complete import Said, complete
from dougong.compose.conf_folder import conf_folder, presets, use_config_folders
from dougong.compose.config_source import blanks, current_catalogue, install, use_config_dir, use_plugin_folders
from dougong.compose.hydra_errors import HYDRA_ERRORS, Translator
from dougong.compose.run_folder import register_run_folder
from dougong.compose.settings import RunSettings
from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS

VERSION_BASE = "1.3"
ROOT = "train"
GROUPS = ("experiment", "trainer", "sweep")  # those that hold no plugins
OF_EVERY_RUN = frozenset(item.name for item in fields(RunSettings))
NOT_OF_RUN = ("hydra", "defaults", "sweep")


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Config:
    """The checked configuration that these command-line words compose.

    Raises:
        UserError: a word is wrong; one line.
    """
    try:
        overrides = prepare(overrides, config_dir)
        return check(completed(compose_unchecked(overrides), overrides), current_catalogue())
    except HYDRA_ERRORS as error:
        raise translator(overrides).translate(error) from error


def with_hydra(overrides: Sequence[str]) -> DictConfig:
    """What prepared overrides compose, Hydra's own part included."""
    with _hydra():
        return hydra_compose(ROOT, overrides=list(overrides), return_hydra_config=True)


def run_folder_of(overrides: Sequence[str]) -> str:
    """Where prepared overrides put a run, as it is said: `${run_folder:outputs}` for a new folder below `outputs`."""
    with _hydra():
        config = hydra_compose(ROOT, overrides=list(overrides), return_hydra_config=True)
    container = OmegaConf.to_container(config.hydra.run, resolve=False)
    assert isinstance(container, dict)
    return str(container["dir"])


def compose_unchecked(overrides: Sequence[str]) -> Config:
    """What prepared overrides compose, as plain containers, whether it makes sense or not."""
    return to_plain(_compose(overrides))


def completed(config: Config, overrides: Sequence[str]) -> Config:
    """What prepared overrides composed, with what pretrained weights say where nobody else does.

    Raises:
        UserError: the weights and what was said contradict each other.
    """

    def compose_said() -> Config:
        with blanks():
            container = OmegaConf.to_container(_compose(overrides))
        assert isinstance(container, dict)
        return {str(key): value for key, value in container.items()}

    return complete(config, Said(compose_said), current_catalogue())


def as_hydra_says(word: str) -> str:
    """A choice for a slot not called as its kind, `decoder_attention=local`, with the kind, as Hydra asks for."""
    if word.startswith("+experiment="):
        return word.removeprefix("+")
    slot, equals, value = word.partition("=")
    name = slot.lstrip("+")
    kind = name.rpartition("_")[2]
    if not equals or kind not in KINDS or name in OF_EVERY_RUN or name == kind or not name.isidentifier():
        return word
    return f"{slot[: -len(name)]}{kind}@{name}={value}"


def prepare(overrides: Iterable[str], config_dir: str | None = None) -> list[str]:
    """Makes Hydra ready for these overrides: the registry, the folders that they name, presets checked."""
    words = [as_hydra_says(word) for word in overrides]
    install()
    register_run_folder()
    use_plugin_folders(_listed("plugin_path", words))
    use_config_dir(config_dir)
    use_config_folders([*([config_dir] if config_dir else []), *_search_path(words)])
    check_presets(current_catalogue())
    for word in words:
        _check_group(word)
    return words


def translator(overrides: Sequence[str]) -> Translator:
    """What turns Hydra's errors about these overrides into ours."""

    def compose_without(word: str) -> dict[str, Any]:
        return compose_unchecked([item for item in overrides if item != word])

    return Translator(current_catalogue(), [as_hydra_says(word) for word in overrides], compose_without)


def to_plain(config: DictConfig) -> Config:
    """A composed configuration as plain containers, without what is not the run's own: Hydra's part, the sweep's."""
    container = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    assert isinstance(container, dict)
    found: Config = {str(key): value for key, value in container.items() if key not in NOT_OF_RUN}
    if isinstance(found.get("plugin_path"), str):  # plugin_path=DIR is plugin_path=[DIR]
        found["plugin_path"] = list(filter(None, [found["plugin_path"]]))
    return found


def _compose(overrides: Sequence[str]) -> DictConfig:
    with _hydra():
        return hydra_compose(ROOT, overrides=list(overrides))


@contextmanager
def _hydra() -> Iterator[None]:
    """An instance of Hydra's own for composing; that of a job that is running is there again afterwards."""
    holder = GlobalHydra.instance()
    outer, holder.hydra = holder.hydra, None
    try:
        with initialize_config_dir(str(conf_folder()), version_base=VERSION_BASE):
            yield
    finally:
        holder.hydra = outer


def _listed(key: str, overrides: Iterable[str]) -> list[str]:
    """The folders that a key names; read before anything is composed, since they decide what there is to compose."""
    words = [word for word in overrides if word.lstrip("+").startswith(f"{key}=")]
    folders: list[str] = []
    for override in OverridesParser.create().parse_overrides(words):
        value = override.value()
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: it is the same for all jobs; say {key}=[A,B] for several folders.")
        folders = [str(item) for item in (value if isinstance(value, list) else [value]) if item]
    return folders


def _search_path(overrides: Iterable[str]) -> Iterator[Path]:
    """The folders of `hydra.searchpath`; Hydra itself would only warn of one that does not exist."""
    for address in _listed("hydra.searchpath", overrides):
        scheme, _, path = address.rpartition("://")
        if scheme not in ("", "file"):
            continue
        if not Path(path).is_dir():
            raise UserError(f"hydra.searchpath: {path} is not a folder.")
        yield Path(path)


def _check_group(word: str) -> None:
    """Hydra lets no group be null or a number, and says so badly."""
    group, _, written = word.partition("=")
    kind = group.lstrip("+").partition("@")[0]
    if kind not in (*KINDS, *GROUPS):
        return
    override = OverridesParser.create().parse_overrides([word])[0]
    value = override.value()
    if isinstance(value, list) and kind in KINDS:
        for name in value:
            if value.count(name) > 1:  # each is configured under its own name, so Hydra would drop one
                raise UserError(f"{word}: {name} is there twice; say it once.")
    if override.is_sweep_override() or isinstance(value, list | dict) or (value and isinstance(value, str)):
        return
    if kind in GROUPS:
        raise UserError(f"{word}: there is no such {kind}. {suggestion(written, presets(kind))}")
    if value is None and KINDS[kind].several:
        raise UserError(f"{word}: to have none, say {group}=[].")
    raise UserError(f"{word}: there is no such {kind}. {suggestion(written, current_catalogue().names(kind))}")
