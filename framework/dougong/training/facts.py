"""What is recorded of a run beside its configuration: versions, the commit, the machine, the model's size."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

import dougong
from dougong.compose.check import chosen, used_slots
from dougong.contracts.task import Task
from dougong.registry.catalogue import Catalogue
from dougong.registry.discovery import BUILT_IN
from dougong.training.assemble import Config
from dougong.training.repository import git_commit

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "omegaconf", "tokenizers", "numpy")
MOST_FILES = 100
"""Files of the data that are named one by one."""


def run_facts(
    model: Task, precision: str, config: Config, catalogue: Catalogue, fingerprint: Mapping[str, str]
) -> dict[str, Any]:
    """Plain values for the run's records.

    Args:
        fingerprint: of the data.
    """
    return {
        "dougong": dougong.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": _plugins(config, catalogue),
        "data": _data(fingerprint),
        "git_commit": git_commit(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "cpu",
        "threads": torch.get_num_threads(),
        "precision": precision,
        "parameters": count(model),
        "main_metric": model.main_metric,
        "higher_is_better": model.higher_is_better,
    }


def count(model: nn.Module) -> int:
    """Trainable numbers of a model, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _plugins(config: Config, catalogue: Catalogue) -> dict[str, str]:
    """Where each chosen plugin comes from, by `kind/name`: with the version of its package, or a digest of its file."""
    found = {}
    for name, kind in used_slots(config, catalogue).items():
        for plugin in chosen(config, name, kind, catalogue):
            path = plugin.source.path if plugin.source and not plugin.module else None
            digest = f" {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}" if path else ""
            version = f" {dougong.__version__}" if plugin.origin == BUILT_IN else ""
            found[plugin.key] = f"{plugin.origin}{version}{digest}"
    return found


def _data(fingerprint: Mapping[str, str]) -> dict[str, str]:
    """Of many files one digest."""
    if len(fingerprint) <= MOST_FILES:
        return dict(fingerprint)
    whole = hashlib.sha256(repr(sorted(fingerprint.items())).encode()).hexdigest()
    return {f"{len(fingerprint):,} files": whole}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
