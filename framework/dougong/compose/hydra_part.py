"""What may not be in Hydra's own part of a configuration: whatever would run code."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from dougong.errors import UserError

# Python's logging takes a class, or a function to call, from its configuration.
LOGGING_CLASSES = ("logging.", "dougong.")
LOGGING_OBJECTS = ("ext://sys.stdout", "ext://sys.stderr")

# What our own launchers and searches stand in for: Hydra's own are all there can be.
_BASIC = {
    "launcher": "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "sweeper": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
}


def check_hydra(composed: DictConfig) -> None:
    """Whether Hydra's part says nothing that would run code.

    Raises:
        UserError: it does.
    """
    node: Any = OmegaConf.to_container(composed.hydra, resolve=False)
    for name, basic in _BASIC.items():
        if (node.get(name) or {}).get("_target_") != basic:
            raise UserError(f"hydra/{name}: jobs are run by Dougong itself; say sweep=joblib, submitit, ray or optuna.")
    if node.get("callbacks"):
        name = next(iter(node["callbacks"]))
        raise UserError(
            f"hydra.callbacks.{name}: refused, since it would run code; a callback is a plugin, callback=..."
        )
    if node.get("job", {}).get("env_set"):
        raise UserError("hydra.job.env_set: refused, since what programs run may depend on it; set it in the shell.")
    for name in ("job_logging", "hydra_logging"):
        _check_logging(node.get(name), f"hydra.{name}")


def _check_logging(node: Any, key: str) -> None:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("()", "class", "factory") and not str(value).startswith(LOGGING_CLASSES):
                raise UserError(
                    f"{key}.{name}: refused, since it would run code; classes of Python's logging are known."
                )
            _check_logging(value, f"{key}.{name}")
    elif isinstance(node, list):
        for item in node:
            _check_logging(item, key)
    elif isinstance(node, str) and node.startswith("ext://") and node not in LOGGING_OBJECTS:
        raise UserError(f"{key}: {node} is refused, since it would run code. Known: {', '.join(LOGGING_OBJECTS)}.")
