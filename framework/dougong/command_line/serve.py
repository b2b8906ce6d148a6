"""`dougong serve checkpoint=FILE [KEY=VALUE ...]`: a model that answers over HTTP."""

import ipaddress
import sys
from importlib.util import find_spec
from typing import Any

from dougong.command_line.words import checkpoint_of, parse, value_of
from dougong.errors import UserError
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill
from dougong.serving.settings import ServeSettings

SETTINGS = class_signature(ServeSettings)
NAMES = tuple(setting.name for setting in SETTINGS.settings)
LISTS = ("allowed_hosts", "plugin_path")
"""One value stands for a list of it."""
NEEDED = ("fastapi", "uvicorn")
USAGE = "usage: dougong serve checkpoint=FILE [KEY=VALUE ...] [task.KEY=VALUE ...]"


def run(arguments: list[str]) -> int:
    """Serve."""
    if {"-h", "--help"} & set(arguments):
        print(help_text())
        return 0
    words = parse(arguments, ("checkpoint", *NAMES, "task."), USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    settings = read(words)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        needs = " and ".join(missing)
        raise UserError(f"dougong serve: needs {needs}, not installed here; pip install dougong[serve] brings it.")
    changed = {key.removeprefix("task."): value_of(value) for key, value in words.items() if key.startswith("task.")}
    return _serve(checkpoint, settings, changed)


def help_text() -> str:
    """What `dougong serve --help` prints."""
    lines = [f"  {item.name:<16}{item.help}{_default(item.default)}\n" for item in SETTINGS.settings]
    return (
        "dougong serve: a model that answers over HTTP\n\n"
        f"{USAGE}\n\n  {'checkpoint':<16}the file that `dougong train` names at its end\n{''.join(lines)}"
        f"  {'task.KEY':<16}a setting of the task that says how to answer: task.temperature=0, say\n\n"
        "POST /predict takes a record, or a list of them, as JSON. / is a page to try the model, /docs says what\n"
        "there is, /health whether it is well. SIGTERM lets it answer what it has taken, and ends it.\n"
    )


def _default(value: Any) -> str:
    return "" if value == () else f" ({value:g})" if isinstance(value, float) else f" ({value})"


def read(words: dict[str, Any]) -> ServeSettings:
    """The settings among the words, checked. Nothing of this imports torch.

    Raises:
        UserError: one is wrong.
    """
    given = {key: value_of(value) for key, value in words.items() if key in NAMES}
    for key in LISTS:
        if key in given and not isinstance(given[key], list):
            given[key] = [given[key]]
    return ServeSettings(**fill(SETTINGS, given, ""))


def _serve(checkpoint: str, settings: ServeSettings, changed: dict[str, Any]) -> int:
    from dougong.serving.server import address_of, listen, run_until_stopped

    # Before the model is loaded: a port that is taken is known at once.
    with listen(settings.host, settings.port) as listening:
        from dougong.inference.model import load
        from dougong.serving.start import start

        model = load(checkpoint, settings.plugin_path, changed, settings.device)
        server = start(model, settings)
        name, address = model.config["task"]["name"], address_of(listening)
        if not is_loopback(listening.getsockname()[0]):
            print(f"host={settings.host}: all who can reach this machine can ask the model.", file=sys.stderr)
        print(f"{name} on {model.device} at {address}: a page to try it; POST /predict; {address}/docs", flush=True)
        code = run_until_stopped(server, listening)
    print(f"stopped: {server.service.batcher.answered:,} records answered.")
    return code


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return ipaddress.ip_address(address).is_loopback
