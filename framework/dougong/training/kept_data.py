"""What encoded data depends on, and where it is kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dougong
from dougong.compose.settings import LoaderSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Facts, Task
from dougong.data.stream import Records, RecordStream
from dougong.data.token_file import TokenStore
from dougong.registry.catalogue import Catalogue
from dougong.training.assemble import Assembly


def stores(
    assembly: Assembly, task: Task, data: Data, records: Mapping[Split, Records], folder: Path, loader: LoaderSettings
) -> dict[Split, TokenStore | None]:
    """Where the examples of each split are kept; None where they are held in memory.

    Args:
        folder: where, unless `loader.cache` says otherwise.
    """
    kept = [
        split
        for split, rows in records.items()
        if task.streams or loader.cache is not None or isinstance(rows, RecordStream)
    ]
    identity = _data_identity(assembly, data) if kept else None
    return {
        split: TokenStore(
            folder,
            None if identity is None else [identity, split, task.accepts.__name__],
            loader.encode_processes,
        ).within(loader.cache)
        if split in kept
        else None
        for split in records
    }


def _data_identity(assembly: Assembly, data: Data) -> dict[str, Any] | None:
    """What the records depend on: not where the files lie; None where the data can't tell."""
    fingerprint = data.fingerprint()
    if not fingerprint:
        return None
    node = assembly.config["data"]
    settings = {name: value for name, value in node.items() if name != "path"}
    code = _code(assembly.catalogue, "data", node["name"])
    return {"settings": settings, "files": fingerprint, "code": code, "dougong": dougong.__version__}


def encoding_identity(assembly: Assembly, task: Task, facts: Facts) -> dict[str, Any]:
    """What examples depend on beside the records."""
    node = assembly.config["task"]
    names = set(node) if task.encodes_by is None else {"name", *task.encodes_by}
    tokenizer = task.encoder.tokenizer
    chosen = assembly.config.get("tokenizer") or {}
    return {
        "task": {name: value for name, value in node.items() if name in names},
        "code": _code(assembly.catalogue, "task", node["name"]),
        "facts": facts,
        "tokenizer": tokenizer.state(),
        "tokenizer settings": {name: value for name, value in chosen.items() if name != "pretrained"},
        "max_length": task.encoder.max_length,
    }


def _code(catalogue: Catalogue, kind: str, name: str) -> str | None:
    """The digest of a plugin's file: who works on it must not be given what it made before."""
    plugin = catalogue.get(kind, name)
    return hashlib.sha256(plugin.source.path.read_bytes()).hexdigest() if plugin.source else None
