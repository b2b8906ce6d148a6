"""What encoded data depends on, and where it is kept."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dougong
from dougong.compose.settings import LoaderSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.stream import Records, RecordStream
from dougong.data.token_file import TokenStore
from dougong.pretrained.ours import tokenizer_state
from dougong.registry.catalogue import Catalogue
from dougong.training.assemble import Assembly

Stores = dict[Split, TokenStore | None]
FACTS = "facts.json"


def stores(
    assembly: Assembly,
    task: type[Task],
    data: Data,
    records: Mapping[Split, Records],
    folder: Path,
    loader: LoaderSettings,
) -> Stores:
    """Where the examples of each split are kept; None where they are held in memory.

    Args:
        folder: where, unless `loader.cache` says otherwise.
    """
    kept = [
        split
        for split, rows in records.items()
        if task.streams
        or loader.cache is not None
        or (isinstance(rows, RecordStream) and (split != "train" or loader.shuffle_buffer is None))
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


def learn(
    assembly: Assembly, task: type[Task], records: Records, store: TokenStore | None
) -> tuple[Tokenizer | None, Facts]:
    """The tokenizer, having learnt, and what the task has to know, of the training records or from a cache.

    Raises:
        UserError: the task can't be trained on these records.
    """
    chosen = assembly.config.get("tokenizer") or {}
    # What a file holds that the tokenizer is told of may change, and only the tokenizer knows how it reads it.
    told = any(isinstance(value, str) and Path(value).expanduser().exists() for value in chosen.values())
    if store is None or told or assembly.config["loader"]["cache"] is None:
        return fit_tokenizer(assembly, task, records), task.study(records)

    def write(folder: Path) -> None:
        tokenizer = fit_tokenizer(assembly, task, records)
        found = {"tokenizer": tokenizer and tokenizer.state(), "facts": task.study(records)}
        (folder / FACTS).write_text(json.dumps(found), encoding="utf-8")

    names = {kind: assembly.config[kind]["name"] for kind in ("task", "tokenizer") if assembly.config.get(kind)}
    code = {kind: _code(assembly.catalogue, kind, name) for kind, name in names.items()}
    found = store.get(["facts", names["task"], chosen, code], write, _load_facts)
    tokenizer: Tokenizer | None = assembly.make("tokenizer")
    if tokenizer is not None:
        tokenizer.restore(found["tokenizer"])
    return tokenizer, found["facts"]


def _load_facts(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return found if found.keys() == {"tokenizer", "facts"} else None
    except (OSError, ValueError, AttributeError):
        return None


def fit_tokenizer(assembly: Assembly, task_class: type[Task], records: Iterable[Any]) -> Tokenizer | None:
    """The tokenizer, having learnt from the training texts or been taken from a checkpoint; None where no part of the
    model asks for one.

    Raises:
        UserError: the checkpoint has none.
    """
    tokenizer: Tokenizer | None = assembly.make("tokenizer")
    if tokenizer is None:
        return None
    named = assembly.config["tokenizer"].get("pretrained")
    if named is not None:
        tokenizer.restore(tokenizer_state(named, "tokenizer.pretrained"))
    else:
        tokenizer.fit(_Texts(task_class, records))
    return tokenizer


@dataclass
class _Texts(Iterable[str]):
    """The texts of records, as often as they are asked for."""

    task_class: type[Task]
    records: Iterable[Any]

    def __iter__(self) -> Iterator[str]:
        return (text for record in self.records for text in self.task_class.texts(record))


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
        "segments": task.encoder.segments,
    }


def _code(catalogue: Catalogue, kind: str, name: str) -> str | None:
    """The digest of a plugin's file: who works on it must not be given what it made before."""
    plugin = catalogue.get(kind, name)
    return hashlib.sha256(plugin.source.path.read_bytes()).hexdigest() if plugin.source else None
