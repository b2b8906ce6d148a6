"""Writes the reference while the site is built: from the registry, the docstrings and the commands' own help.

Nothing of it is kept by hand, and nothing imports torch, so that it takes about two seconds.
"""

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import plugin_pages
from markup import linked
from mkdocs.structure.files import File, Files
from source_pages import class_text, function_text

import dougong
from dougong.command_line.main import COMMANDS, main
from dougong.compose import settings as run_settings
from dougong.compose.conf_folder import presets
from dougong.kinds import KINDS
from dougong.registry.plugin import class_signature
from dougong.registry.signature import strip

FOLDER = "reference"
OF_PLUGINS = ("new", "check", "matrix")


def pages() -> Iterator[tuple[str, str, str]]:
    """(title, path, Markdown) of each page, in the order of the navigation."""
    yield "Overview", f"{FOLDER}/index.md", _index()
    yield "Commands", f"{FOLDER}/commands.md", _commands()
    yield "Settings of a run", f"{FOLDER}/settings.md", _settings()
    yield "Python", f"{FOLDER}/python.md", _python()
    yield "Experiments", f"{FOLDER}/experiments.md", _experiments()
    for kind in KINDS.values():
        yield kind.name, f"{FOLDER}/{kind.name}.md", plugin_pages.kind_page(kind)


def on_config(config: Any) -> Any:
    """Add the reference to the navigation, where the configuration says `Reference: reference/`."""
    made = [{title: path} for title, path, _ in pages()]
    for entry in config.nav:
        if entry.get("Reference") == f"{FOLDER}/":
            entry["Reference"] = made
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages."""
    for _, path, text in pages():
        files.append(File.generated(config, path, content=text))
    return files


def _index() -> str:
    return f"""# Reference

Made from the source of version {dougong.__version__} when this site was built: the same that `dougong plugins` and
`dougong plugins show KIND/NAME` print, which know your own plugins too.

{plugin_pages.kinds_table()}

Besides: [commands](commands.md), [settings of a run](settings.md) that belong to no plugin,
[names for Python](python.md), and the [experiments](experiments.md) that come with Dougong.
"""


def _said(*words: str) -> str:
    with redirect_stdout(io.StringIO()) as output:
        main(words)
    return re.sub(r"[ \t]+$", "", output.getvalue(), flags=re.MULTILINE).strip("\n")


def _commands() -> str:
    names = [(name,) for name in COMMANDS] + [("plugins", name) for name in OF_PLUGINS]
    parts = ["# Commands", f"```text\n{_said('--help')}\n```"]
    for words in sorted(names, key=lambda item: list(COMMANDS).index(item[0])):
        parts.append(f"## dougong {' '.join(words)}\n\n```text\n{_said(*words, '--help')}\n```")
    return "\n\n".join(parts) + "\n"


def _settings() -> str:
    parts = [
        "# Settings of a run",
        "What every run has beside its plugins. `dougong train --cfg job` prints all of them.",
    ]
    top, nested = [], []
    for item in class_signature(run_settings.RunSettings).settings:
        kind = strip(item.type)[0]
        if isinstance(kind, type) and kind.__module__ == run_settings.__name__:
            nested.append((item.name, kind))
        else:
            top.append(item)
    parts += ["## The run", plugin_pages.settings_table(top, "")]
    for name, kind in nested:
        parts += [f"## {name}", linked(str(kind.__doc__).partition("\n")[0])]
        parts.append(plugin_pages.settings_table(class_signature(kind).settings, f"{name}."))
    group = class_signature(run_settings.GroupSettings).settings
    parts += ["## Groups of parameters", linked(str(run_settings.GroupSettings.__doc__).partition("\n")[0])]
    parts.append(plugin_pages.settings_table(group, "optimizer.groups.PATTERN."))
    return "\n\n".join(parts) + "\n"


def _python() -> str:
    parts = ["# Python", "`import dougong` imports no torch; each name below loads what it needs when it is used."]
    for name in ("train", "load", "create", "plugins"):
        parts.append(function_text("dougong.api", name))
    parts.append(function_text("dougong.registry.decorator", "register"))
    parts += ["## What `load` gives", class_text("dougong.inference.model", "Model")]
    parts += ["## What `train` gives", class_text("dougong.training.run", "RunResult")]
    return "\n\n".join(parts) + "\n"


def _experiments() -> str:
    parts = [
        "# Experiments",
        "A recipe is chosen with `dougong train experiment=NAME`; what it sets can be set otherwise.",
    ]
    for name, path in sorted(presets("experiment").items()):
        parts.append(f"## {name}\n\n```yaml\n{path.read_text(encoding='utf-8').strip()}\n```")
    return "\n\n".join(parts) + "\n"
