"""What is recorded of a run beside its configuration: versions, the commit, the machine, the model's size."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import dougong

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "omegaconf", "tokenizers", "numpy")


def run_facts(model: nn.Module, precision: str) -> dict[str, Any]:
    """Plain values for the run's records."""
    return {
        "dougong": dougong.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": git_commit(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "cpu",
        "threads": torch.get_num_threads(),
        "precision": precision,
        "parameters": count(model),
        "main_metric": getattr(model, "main_metric", None),
        "higher_is_better": getattr(model, "higher_is_better", None),
    }


def count(model: nn.Module) -> int:
    """Trainable numbers of a model, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def git_commit(folder: Path | None = None) -> str | None:
    """The commit of the working directory's repository, with `-dirty` where files differ from it; None without one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
