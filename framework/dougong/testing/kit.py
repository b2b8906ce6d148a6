"""Running the checks of a plugin: all at once with a report, or one by one for pytest."""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dougong.compose.config_source import current_catalogue, plugin_folders, use_plugin_folders
from dougong.errors import UserError, suggestion
from dougong.testing.check import CheckFunction, SkipCheck, checks_in, one_line, promise
from dougong.testing.quiet import quiet
from dougong.testing.report import Report, Result
from dougong.testing.subject import Subject


def check_plugin(
    kind: str,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    known_failures: Mapping[str, str] | None = None,
    plugin_path: Sequence[str] = (),
) -> Report:
    """Run all checks of a plugin's kind on it.

    Args:
        kind, name: as in `dougong plugins`.
        settings: of the plugin; what is not given is as its `trial_settings` say, else its default.
        known_failures: names of checks that are known to fail, with the reason; the plugin's class may declare some
            as `known_failures`, too. A check that is declared so and passes is a failure.
        plugin_path: folders or files of local plugins, beside those that are known already.

    Raises:
        UserError: there is no such plugin or check, it does not import, or a setting is wrong or missing.
    """
    found = checks(kind, name, settings=settings, known_failures=known_failures, plugin_path=plugin_path)
    return Report(f"{kind}/{name}", tuple(item.result() for item in found))


def checks(
    kind: str,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    known_failures: Mapping[str, str] | None = None,
    plugin_path: Sequence[str] = (),
) -> list["BoundCheck"]:
    """The checks of a plugin, each to be called by itself; arguments and errors as of `check_plugin`."""
    if plugin_path:
        use_plugin_folders(dict.fromkeys([*plugin_folders(), *plugin_path]))
    folders, catalogue = plugin_folders(), current_catalogue()
    plugin = catalogue.get(kind, name)
    known = {**getattr(plugin.load(), "known_failures", {}), **(known_failures or {})}
    with TemporaryDirectory(prefix="dougong-check-") as folder:
        Subject(plugin, catalogue, Path(folder), settings or {}).configuration()  # may be refused
    functions = checks_of(kind)
    names = [function.__name__ for function in functions]
    for declared in known:
        if declared not in names:
            raise UserError(f"known_failures: there is no check `{declared}`. {suggestion(declared, names, 'Checks')}")
    given = dict(settings or {})
    return [BoundCheck(kind, name, function, given, known.get(function.__name__), folders) for function in functions]


def checks_of(kind: str) -> list[CheckFunction]:
    """What is checked of a kind: what holds for every plugin, then what holds for this kind."""
    modules = ["general", kind] if util.find_spec(f"{__package__}.{kind}") else ["general"]
    return [item for module in modules for item in checks_in(import_module(f"{__package__}.{module}"))]


@dataclass(frozen=True)
class BoundCheck:
    """One check of one plugin."""

    kind: str
    plugin: str
    function: CheckFunction
    settings: Mapping[str, Any]
    known_failure: str | None = None
    folders: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.function.__name__

    def result(self) -> Result:
        """Run it, and tell how it ended."""
        name, promised, known = self.function.__name__, promise(self.function), self.known_failure
        try:
            self._run()
        except SkipCheck as reason:
            return Result(name, promised, "skipped", str(reason))
        except Exception as error:
            return Result(name, promised, "known failure" if known else "failed", known or one_line(error))
        if known:
            return Result(name, promised, "failed", f"declared as a known failure ({known}), and it passes")
        return Result(name, promised, "passed")

    def __call__(self) -> None:
        """Run it in a test of pytest, which sees it pass, be skipped, fail as expected, or fail.

        Raises:
            AssertionError: the promise is broken; one line.
        """
        result = self.result()
        if result.outcome in ("skipped", "known failure"):
            import pytest

            (pytest.skip if result.outcome == "skipped" else pytest.xfail)(result.reason)
        if result.outcome == "failed":
            raise AssertionError(f"{self.kind}/{self.plugin} {result.name}: {result.reason}")

    def _run(self) -> None:
        with _plugin_folders(self.folders), TemporaryDirectory(prefix="dougong-check-") as folder, quiet():
            _seed()
            catalogue = current_catalogue()
            self.function(Subject(catalogue.get(self.kind, self.plugin), catalogue, Path(folder), self.settings))


@contextmanager
def _plugin_folders(folders: Sequence[str]) -> Iterator[None]:
    """Search these folders: between two tests others may have been."""
    before = plugin_folders()
    use_plugin_folders(folders)
    try:
        yield
    finally:
        use_plugin_folders(before)


def _seed() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
