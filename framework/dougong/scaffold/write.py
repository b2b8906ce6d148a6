"""Writing a new plugin, into a folder or as a distribution of its own."""

import tomllib
from pathlib import Path
from typing import Any

from dougong import __version__
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue
from dougong.registry.discovery import ENTRY_POINTS
from dougong.scaffold import render
from dougong.scaffold.names import package_of, refuse_module

Files = dict[Path, str]


def into_folder(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a plugin and its test into a folder.

    Returns:
        The files that were written.

    Raises:
        UserError: the name is taken, or a file exists already; nothing is written then.
    """
    if folder.is_file():
        raise UserError(f"--into: {folder} is a file; name a folder.")
    _refuse_taken(kind, name, folder)
    refuse_module(name, f"{kind}/{name}")
    return _write(
        {folder / f"{name}.py": render.plugin(kind, name), folder / f"test_{name}.py": render.test(kind, name, True)}
    )


def as_distribution(kind: str, name: str, distribution: str) -> list[Path]:
    """Write a plugin and its test as a distribution, in a new folder of its name, or add them to one that is there.

    Returns:
        The files that were written.

    Raises:
        UserError: as `into_folder`; or the folder holds something else.
    """
    root, package = Path(distribution), package_of(distribution)
    project = root / "pyproject.toml"
    files: Files = {}
    if project.exists():
        package = _package_of_project(project)
    else:
        refuse_module(package, f"--package {distribution}")
        files = _frame(root, distribution, package, kind, name)
    _refuse_taken(kind, name, root / "src")
    files[root / "src" / package / f"{name}.py"] = render.plugin(kind, name)
    files[root / "tests" / f"test_{name}.py"] = render.test(kind, name, False)
    return _write(files)


def _frame(root: Path, distribution: str, package: str, kind: str, name: str) -> Files:
    """All that makes a distribution of a plugin."""
    values = {
        "distribution": distribution,
        "package": package,
        "kind": kind,
        "name": name,
        "version": __version__,
        "group": ENTRY_POINTS,
    }
    return {
        root / "pyproject.toml": render.package_file("pyproject.toml", **values),
        root / "README.md": render.package_file("README.md", **values),
        root / ".gitignore": render.package_file("gitignore", **values),
        root / ".github" / "workflows" / "test.yml": render.package_file("test.yml", **values),
        root / "src" / package / "__init__.py": f'"""Plugins for Dougong: {distribution}."""\n',
        root / "src" / package / "py.typed": "",
    }


def _package_of_project(project: Path) -> str:
    """The package in which a distribution that is there has its plugins."""
    try:
        content: dict[str, Any] = tomllib.loads(project.read_text(encoding="utf-8"))
        package = next(iter(content["project"]["entry-points"][ENTRY_POINTS].values()))
    except (KeyError, StopIteration, AttributeError, TypeError, ValueError, OSError):
        package = None
    if not isinstance(package, str) or not (project.parent / "src" / package).is_dir():
        raise UserError(f"{project}: it has no package below src/ as an entry point in the group {ENTRY_POINTS}.")
    return package


def _refuse_taken(kind: str, name: str, folder: Path) -> None:
    found = Catalogue([folder] if folder.is_dir() else []).find(kind, name)
    if found is not None:
        raise UserError(f"{kind}/{name}: the name is taken by {found.location}; choose another.")


def _write(files: Files) -> list[Path]:
    for path in files:
        if path.exists() or path.is_symlink():
            raise UserError(f"{path} exists already; nothing was written.")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise UserError(f"{error.filename or path} can't be written: {error.strerror or error}.") from error
    return list(files)
