"""`dougong benchmark attention [KEY=VALUE ...]`: what each attention costs, in time and memory, on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dougong.benchmark.settings import AttentionSettings, Contender, contenders
from dougong.command_line.words import parse, value_of
from dougong.compose.run_folder import make_run_folder
from dougong.errors import UserError, suggestion
from dougong.registry.catalogue import catalogue
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill

BENCHMARKS = ("attention",)
USAGE = "usage: dougong benchmark attention [KEY=VALUE ...]"
SETTINGS = class_signature(AttentionSettings)
LISTS = ("lengths", "attention", "plugin_path")
"""One value stands for a list of it."""


def run(arguments: list[str]) -> int:
    """Measure."""
    if {"-h", "--help"} & set(arguments) or not arguments:
        print(help_text())
        return 0
    what, *words = arguments
    if what not in BENCHMARKS:
        raise UserError(f"dougong benchmark {what}: there is no such benchmark. {suggestion(what, BENCHMARKS)}")
    settings, found = read(words)
    from dougong.benchmark.attention import AttentionBenchmark
    from dougong.benchmark.progress import shown
    from dougong.benchmark.report import report

    with shown(len(set(settings.lengths)) * len(found)) as progress:
        benchmark = AttentionBenchmark(settings, found, progress)
        rows = benchmark.run()
    report(rows, settings, benchmark.device, Path(settings.output or make_run_folder("outputs")))
    if benchmark.interrupted:
        return 130
    return 0 if any(row.status == "measured" for row in rows) else 1


def help_text() -> str:
    """What `dougong benchmark --help` prints."""
    lines = [f"  {item.name:<13}{item.help}{_default(item.default)}\n" for item in SETTINGS.settings]
    return (
        "dougong benchmark attention: time and memory of every registered attention, against `full`\n\n"
        f"{USAGE}\n\n{''.join(lines)}"
        "  attention.NAME.KEY   a setting of an attention, as attention.local.window=64\n\n"
        "Prints a table with ratios to `full` and exponents of growth, and writes attention.csv, attention.png and\n"
        "attention.svg. What would exceed the budget of time or memory is left out, and named.\n"
    )


def _default(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f" ([{','.join(map(str, value))}])"
    return f" ({value:g})" if isinstance(value, float) else f" ({str(value).lower()})"


def read(words: Sequence[str]) -> tuple[AttentionSettings, list[Contender]]:
    """The settings that the words make, and the attentions to measure. Nothing of this imports torch.

    Raises:
        UserError: a word is wrong; one line.
    """
    names = [setting.name for setting in SETTINGS.settings]
    given = {key: value_of(value) for key, value in parse(words, (*names, "attention."), USAGE).items()}
    plain = {key: _listed(key, value) for key, value in given.items() if key in names}
    settings = AttentionSettings(**fill(SETTINGS, plain, ""))
    for key in ("lengths", "attention"):
        if getattr(settings, key) == ():
            raise UserError(f"{key}: must name at least one.")
    for folder in settings.plugin_path:
        if not Path(folder).expanduser().exists():
            raise UserError(f"plugin_path: {folder} does not exist.")
    if settings.output and Path(settings.output).exists() and not Path(settings.output).is_dir():
        raise UserError(f"output: {settings.output} is not a folder.")
    nested = _nested({key.split(".", 1)[1]: value for key, value in given.items() if key not in names})
    found = contenders(settings.attention, nested, settings.causal, catalogue(settings.plugin_path))
    return settings, found


def _listed(key: str, value: Any) -> Any:
    return [value] if key in LISTS and value is not None and not isinstance(value, list) else value


def _nested(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"local.window": 64}` as `{"local": {"window": 64}}`."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in given.items():
        *path, last = key.split(".")
        if not path:
            raise UserError(f"attention.{key}: not a setting; say attention.{key or 'NAME'}.KEY=VALUE.")
        node: dict[str, Any] = found
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise UserError(f"attention.{key}: attention.{part} is given a value and settings.")
        node[last] = value
    return found
