"""`dougong completion bash`: completion of commands, plugins, settings and their values, without importing torch."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Union, get_args, get_origin

from dougong.benchmark.settings import AttentionSettings
from dougong.command_line import options, plugins_new
from dougong.compose.check import used_slots
from dougong.compose.compose import GROUPS, as_hydra_says, compose_unchecked, prepare
from dougong.compose.conf_folder import presets
from dougong.compose.config_source import current_catalogue, defaults_of
from dougong.compose.hydra_errors import HYDRA_ERRORS
from dougong.compose.settings import RunSettings
from dougong.errors import UserError
from dougong.export.formats import FORMATS
from dougong.kinds import KINDS
from dougong.registry.plugin import class_signature
from dougong.registry.signature import Signature, strip
from dougong.serving.settings import ServeSettings

USAGE = 'usage: eval "$(dougong completion bash)"   (in ~/.bashrc, to have it always)'

# Readline cuts words at "=", ":" and "@", so only what follows the last of them is to be replaced.
BASH = r"""_dougong_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut candidate
    word="${line##* }"
    cut="${word%"${word##*[${COMP_WORDBREAKS:-=:@}]}"}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        [ -n "$candidate" ] && COMPREPLY+=("${candidate#"$cut"}")
    done < <("${line%% *}" completion query "$line" 2>/dev/null)
    case "${COMPREPLY[0]}" in
        *=|*.|*/|\[*) compopt -o nospace 2>/dev/null ;;
    esac
}
complete -o default -F _dougong_complete dougong"""


def run(arguments: list[str]) -> int:
    """Print the script, or answer it."""
    if arguments == ["bash"]:
        print(BASH)
        return 0
    if len(arguments) == 2 and arguments[0] == "query":
        sys.stdout.write("".join(f"{item}\n" for item in candidates(arguments[1])))
        return 0
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    raise UserError(f"dougong completion: takes the name of a shell; known: bash. {USAGE}")


def candidates(line: str) -> list[str]:
    """What the last word of a command line may become."""
    words = line.split(" ")[1:]
    *before, word = words or [""]
    before = [item for item in before if item]
    if not before:
        from dougong.command_line.main import COMMANDS

        return _matching(COMMANDS, word)
    if before[0] == "plugins":
        return _matching(_plugin_words(before[1:]), word)
    if before == ["data"]:
        return _matching(["describe"], word)
    if before[0] in ("train", "data"):
        return sorted(set(_train_words(before[1 if before[0] == "train" else 2 :], word)))
    if before[0] == "benchmark":
        return _matching(["attention"], word) if not before[1:] else sorted(set(_benchmark_words(before[2:], word)))
    if before[0] in ("runs", "compare", "report", "dashboard"):
        of = {"runs": ("--json",), "compare": (), "report": ("output=", "examples="), "dashboard": ("port=",)}
        return _matching(of[before[0]], word)
    keys = {
        "completion": ("bash",),
        "export": ("checkpoint=", *(f"to={name}" for name in FORMATS), "output=", "quantize=int8", "plugin_path="),
        "evaluate": ("checkpoint=", "split=", "data.path="),
        "predict": ("checkpoint=", "input=", "output=", "text="),
        "serve": _serve_words(word),
    }
    return _matching(keys.get(before[0], ()), word)


def _plugin_words(before: list[str]) -> list[str]:
    prepare([])
    if before in (["show"], ["check"]):
        return [plugin.key for plugin in current_catalogue()]
    if before[:1] == ["show"] and len(before) == 2:
        return ["--json", *(["--plot"] if before[1].startswith("attention/") else [])]
    if before[:1] == ["new"]:
        return _new_words(before[1:])
    return ["show", "new", "check", "matrix", "--json", *KINDS] if not before else []


def _new_words(before: list[str]) -> list[str]:
    """What may follow `plugins new`; what follows --into is left to the shell, which completes folders."""
    if before and before[-1] in plugins_new.OPTIONS:
        return []
    options = [] if set(plugins_new.OPTIONS) & set(before) else list(plugins_new.OPTIONS)
    return options + ([] if any("/" in word for word in before) else [f"{kind}/" for kind in KINDS])


def _serve_words(word: str) -> list[str]:
    settings = class_signature(ServeSettings)
    key, equals, _ = word.partition("=")
    setting = settings.setting(key) if equals else None
    if setting is not None:
        return [f"{key}={item}" for item in _allowed(setting.type)]
    return ["checkpoint=", *(f"{item.name}=" for item in settings.settings)]


def _train_words(before: list[str], word: str) -> Iterator[str]:
    option = options.SHORT.get(before[-1], before[-1]) if before else ""
    if word.startswith("-") or option in options.VALUES:
        yield from _matching(options.VALUES.get(option, (*options.FLAGS, *options.VALUES)), word)
        return
    config = _compose(before)
    key, equals, value = word.partition("=")
    group = as_hydra_says(f"{key}=").lstrip("+").partition("=")[0].partition("@")[0]
    if not equals:
        slots = used_slots(config, current_catalogue()).items()
        groups = [f"{name}=" if name.endswith(kind) else f"{kind}@{name}=" for name, kind in slots]
        groups += [f"{name}=" for name in GROUPS]
        yield from _matching([*groups, *_keys(config, "", key)], word)
    elif group in KINDS or group in GROUPS:
        yield from _chosen(key, value, _names(group))
    else:
        yield from _matching((f"{key}={item}" for item in _values(config, key)), word)


def _benchmark_words(before: list[str], word: str) -> Iterator[str]:
    prepare([item for item in before if item.startswith("plugin_path=")])
    config: dict[str, Any] = {setting.name: None for setting in class_signature(AttentionSettings).settings}
    plugins = {name: current_catalogue().get("attention", name) for name in _names("attention")}
    *path, last = word.partition("=")[0].split(".")
    known = plugins.get(path[1]) if len(path) > 1 else None  # the one that is being set; others need no reading
    nodes = {
        name: {"name": name, **(defaults_of(plugin.signature) if plugin is known else {})}
        for name, plugin in plugins.items()
    }
    key, equals, value = word.partition("=")
    if not equals:
        yield from _matching([f"{name}=" for name in config], word)
        yield from _matching(_keys({"attention": nodes}, "", key), word)
    elif key == "attention":
        yield from _chosen(key, value, list(plugins))
    else:
        signature = known.signature if known else class_signature(AttentionSettings)
        setting = signature.setting(last)
        yield from _matching((f"{key}={item}" for item in (_allowed(setting.type) if setting else [])), word)


def _chosen(key: str, value: str, names: list[str]) -> list[str]:
    """A choice, or one more of a list; what is in the list already is not offered again."""
    start = value[: max(value.rfind(","), value.rfind("[")) + 1]
    chosen = start.strip("[,").split(",")
    return _matching((f"{key}={start}{name}" for name in names if name not in chosen), f"{key}={value}")


def _compose(before: list[str]) -> dict[str, Any]:
    try:
        words = options.parse(before)
        return compose_unchecked(prepare(words.overrides, words.config_dir))
    except (UserError, *HYDRA_ERRORS):  # what is written so far does not hold; what is known without it still helps
        return compose_unchecked(prepare([]))


def _names(group: str) -> list[str]:
    """What can be chosen of a group; what is known to be broken can't."""
    plugins = [plugin.name for plugin in current_catalogue() if plugin.kind == group and not plugin.problem]
    return [*plugins, *presets(group)]


def _keys(node: dict[str, Any], prefix: str, word: str) -> Iterator[str]:
    """The dotted keys below a node, as deep as the word goes: `optimizer.` and, once that is typed, `optimizer.lr=`."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if name == "name" and prefix:
            continue
        if not isinstance(value, dict) or not value:
            yield f"{key}="
        elif word.startswith(f"{key}."):
            yield from _keys(value, f"{key}.", word)
        else:
            yield f"{key}."


def _values(config: dict[str, Any], key: str) -> list[str]:
    """The values that a setting's type allows, where they can be listed."""
    *path, last = key.split(".")
    signature = _signature(config, path)
    setting = signature.setting(last) if signature else None
    return _allowed(setting.type) if setting else []


def _signature(config: dict[str, Any], path: list[str]) -> Signature | None:
    if not path:
        return class_signature(RunSettings)
    run_setting = class_signature(RunSettings).setting(path[0])
    if run_setting is not None:
        return class_signature(run_setting.type) if len(path) == 1 else None
    node: Any = config
    for part in path:
        node = node.get(part, {}) if isinstance(node, dict) else {}
    kind = used_slots(config, current_catalogue()).get(path[0])
    plugin = current_catalogue().find(kind, node["name"]) if kind and "name" in node else None
    return plugin.schema if plugin else None


def _allowed(annotation: Any) -> list[str]:
    inner, _ = strip(annotation)
    if inner is bool:
        return ["true", "false"]
    if get_origin(inner) is Literal:
        return [str(item) for item in get_args(inner)]
    if inner is type(None):
        return ["null"]
    if get_origin(inner) is Union or (hasattr(inner, "__args__") and not isinstance(inner, type)):
        return [value for member in get_args(inner) for value in _allowed(member)]
    return []


def _matching(words: Iterable[str], start: str) -> list[str]:
    return [word for word in words if word.startswith(start)]
