"""Checks commands of a page that take too long to run: whatever can be known of them without running is checked.

A `dougong train` must compose, and each value of a `-m`; the settings of other commands must be in their help; plugins,
experiments, programs of this checkout, make targets and extras must exist. A command that is shown to fail must fail
so. A word `...` stands for others, and a model that is not at hand for one that is.
"""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pages

import dougong
from dougong.benchmark.settings import AttentionSettings
from dougong.command_line.main import COMMANDS
from dougong.command_line.options import parse
from dougong.compose.compose import compose, prepare
from dougong.compose.config_source import current_catalogue
from dougong.compose.sweep import jobs_of
from dougong.errors import UserError
from dougong.kinds import KINDS

CHECKOUT = Path(__file__).parents[2]
OF_THE_SHELL = {
    "cat",
    "cd",
    "curl",
    "echo",
    "eval",
    "git",
    "head",
    "ls",
    "mkdir",
    "tail",
    "mike",
    "mkdocs",
    "pytest",
    "torchrun",
    ".",
}
ABSENT = "is no folder or file here, and can't be fetched"
# What a search draws from: its lower end stands for it.
RANGE = re.compile(r"=(?:tag\(\w+, ?)?(?:interval|range)\(([^,]+),.*")


def check_block(block: pages.Block, folder: Path) -> None:
    """Check a block, in a folder that is the working directory; files are written there.

    Raises:
        AssertionError: it could not work.
    """
    if block.language == "console":
        for command, printed in pages.commands(block.text):
            check_command(command, printed)
    elif block.language == "sh":
        for line in block.text.splitlines():
            check_command(line, [])
    elif block.title and block.language != "diff":
        pages.write(block, folder)
        if block.language == "python":
            compile(block.text, block.title, "exec")
    elif block.language == "python":
        _python(block.text)


def check_command(command: str, printed: list[str]) -> None:
    """Check one command line: each program of a pipe."""
    words: list[str] = []
    problem = None
    for word in [*shlex.split(command, comments=True), "|"]:
        if word not in ("|", "&&", ";"):
            words.append(word)
            continue
        problem = problem or _problem([item for item in words if not re.fullmatch(r"[A-Z_]+=.*", item)])
        words = []
    if problem and ABSENT not in problem:
        said = " ".join(" ".join(printed).split())
        assert said == problem, f"$ {command}\nshould say\n{said}\nand says\n{problem}"


def _problem(words: list[str]) -> str | None:
    """The error that a program ends with."""
    try:
        _program([word for word in words if not word.endswith("...")])
    except UserError as error:
        return " ".join(str(error).split())
    return None


def _program(words: list[str]) -> None:
    words = words[: words.index(">")] if ">" in words else words
    program, *rest = words
    if program == "dougong":
        _dougong(rest)
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        _exists([word for word in rest if "=" not in word], targets, "make target")
    elif program in ("python", "python3"):
        path = next((word for word in rest if word.endswith(".py")), None)
        assert path is None or (CHECKOUT / path).is_file() or Path(path).is_file(), f"there is no {path}"
    elif program == "pip":
        text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
        named = [name for word in rest for name in re.sub(r".*\[(.*)\].*|.*", r"\1", word).split(",") if name]
        _exists(named, re.findall(r"^([\w-]+) = \[", text, re.MULTILINE), "extra")
    else:
        _exists([program], OF_THE_SHELL, "program that this test knows")


def _exists(names: list[str], known: object, what: str) -> None:
    for name in names:
        assert name in known, f"{name}: there is no such {what}"  # type: ignore[operator]


def _dougong(words: list[str]) -> None:
    command, *rest = words
    if command == "train":
        _train(rest)
    elif command == "plugins":
        _plugins(rest)
    elif command not in ("--help", "--version"):
        _exists([command], COMMANDS, "command")
        if "--help" not in rest:
            _keys(import_module(COMMANDS[command][1]), rest)


def _train(arguments: list[str]) -> None:
    words = parse(arguments)
    if "--help" in words.options or any("resume=" in word for word in words.overrides):
        return
    given = [RANGE.sub(r"=\1", word) for word in words.overrides]
    seen: set[str] = set()
    for job in jobs_of(prepare(given, words.config_dir)) if words.many and given else [given]:
        if set(job) - seen or not job:  # each value of a sweep once
            compose(job, words.config_dir)
        seen.update(job)


def _plugins(words: list[str]) -> None:
    if words[:1] == ["show"]:
        kind, name = words[1].split("/")
        assert current_catalogue().get(kind, name).problem is None
    elif words[:1] not in (["new"], ["check"], ["matrix"]):
        _exists([word for word in words if not word.startswith("--") and "=" not in word], KINDS, "kind")


def _keys(module: object, words: list[str]) -> None:
    """Each KEY of KEY=VALUE is one that the command's help names, or a setting of some plugin."""
    text = getattr(module, "HELP", "") + getattr(module, "USAGE", "") + str(AttentionSettings.__doc__)
    for word in words:
        key, equals, _ = word.partition("=")
        kind, _, setting = key.partition(".")
        if not equals or re.search(rf"\b{re.escape(key)}\b", text):
            continue
        settings = {
            item.name for plugin in current_catalogue() if plugin.kind == kind for item in plugin.schema.settings
        }
        assert setting.rpartition(".")[2] in settings, f"{word}: no such setting"


def _python(text: str) -> None:
    """Imports are made, plugins created, and what is to be trained is composed."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = import_module(node.module)
            assert all(hasattr(module, item.name) for item in node.names), ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dougong.train" and node.args:
            compose(ast.literal_eval(node.args[0]))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dougong.create":
            _create(node)


def _create(node: ast.Call) -> None:
    plain = {item.arg: item.value for item in node.keywords if item.arg}
    if all(isinstance(value, ast.Constant) for value in plain.values()):
        found = {name: ast.literal_eval(value) for name, value in plain.items()}
        dougong.create(*map(ast.literal_eval, node.args), **found)
