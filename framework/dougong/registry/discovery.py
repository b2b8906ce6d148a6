"""Finding plugins: built in, in local folders, and in installed packages. Nothing found here is imported."""

import importlib.util
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from dougong.errors import UserError
from dougong.registry.plugin import Plugin
from dougong.registry.requirements import unmet
from dougong.registry.source import SourceFile

BUILT_IN = "built-in"
BUILT_IN_PACKAGE = "dougong_plugins"
ENTRY_POINTS = "dougong.plugins"


def built_in() -> Iterator[Plugin]:
    """The plugins that come with Dougong."""
    spec = importlib.util.find_spec(BUILT_IN_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield from in_package(Path(folder), BUILT_IN_PACKAGE, BUILT_IN)


def in_folders(folders: Iterable[str | Path], named_by: str = "plugin_path") -> Iterator[Plugin]:
    """The plugins of local folders (or single files), looked for in all folders below them.

    Args:
        named_by: what the user said them with, for the message.

    Raises:
        UserError: a folder does not exist.
    """
    for folder in (Path(folder).expanduser() for folder in folders):
        if not folder.exists():
            raise UserError(f"{named_by}: {folder} does not exist.")
        files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
        for path in files:
            for kind, name, line, source in _declared(path.resolve()):
                yield Plugin(kind, name, str(folder), line, source=source)


def installed() -> Iterator[Plugin]:
    """The plugins of installed packages, by the entry-point group `dougong.plugins`."""
    for entry in entry_points(group=ENTRY_POINTS):
        path = _locate(entry)
        if path is None:
            continue
        origin, problem = _distribution(entry)
        if path.name == "__init__.py":
            found = in_package(path.parent, entry.module, origin)
        else:
            found = _in_module(path, entry.module, origin)
        for plugin in found:
            plugin.unmet = problem
            yield plugin


def _distribution(entry: EntryPoint) -> tuple[str, str | None]:
    """The distribution of an entry point, by name and version, and what it lacks."""
    if entry.dist is None:
        return entry.name, None
    try:
        return f"{entry.dist.name} {entry.dist.version}", unmet(entry.dist)
    except (TypeError, KeyError, ValueError, OSError):  # its metadata is damaged; its plugins need not be
        return entry.name, None


def in_package(folder: Path, package: str, origin: str) -> Iterator[Plugin]:
    """The plugins in every module of a package."""
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        yield from _in_module(path, ".".join((package, *parts)).removesuffix(".__init__"), origin)


def _in_module(path: Path, module: str, origin: str) -> Iterator[Plugin]:
    for kind, name, line, source in _declared(path):
        yield Plugin(kind, name, origin, line, module, source)


def _declared(path: Path) -> Iterator[tuple[str, str, int, SourceFile]]:
    source = SourceFile(path)
    try:
        found = list(source.declared())
    except (OSError, UnicodeDecodeError):  # not a file that Python could import either
        return
    for kind, name, line in found:
        yield kind, name, line, source


def _locate(entry: EntryPoint) -> Path | None:
    """The file of an entry point's module. Only its topmost package is looked up, since looking deeper imports."""
    try:
        top, *rest = entry.module.split(".")
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):  # the last where it names no module
        return None
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.origin and not rest else None
    for folder in map(Path, spec.submodule_search_locations):
        for candidate in (folder.joinpath(*rest, "__init__.py"), folder.joinpath(*rest).with_suffix(".py")):
            if candidate.is_file():
                return candidate
    return None
