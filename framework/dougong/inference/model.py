"""A trained model that answers records."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from dougong.checkpoint import file, weights_folder
from dougong.compose.config_source import plugin_folders
from dougong.compose.settings import LoaderSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Prediction, Scores, Task
from dougong.data.batches import evaluation_batches
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker, evaluation_loader
from dougong.data.records import Record, fields_of
from dougong.data.stream import RecordStream, held
from dougong.data.token_file import TokenStore
from dougong.errors import FieldError, UserError, suggestion
from dougong.registry.plugin import reason
from dougong.training.assemble import Assembly, Config
from dougong.training.evaluation import Evaluation, join, places
from dougong.training.fit import task_weights
from dougong.training.kernels import keep_few_kernels
from dougong.training.precision import answering, choose
from dougong.training.prepare import batch_maker, encode, make_task
from dougong.training.processes.sharding import load_weights

CHUNK = 1024


class Model:
    """A task with its weights.

    Args:
        task: with weights loaded.
        config: of the run that trained it.
        settings: batch size and the like.
        precision: "auto" or as in `trainer.precision`.
        description: what its checkpoint says beside the weights.
        source: the checkpoint, where it is of one.
        device: where it computes; "auto" takes a GPU where there is one.
    """

    def __init__(
        self,
        task: Task,
        config: Config,
        settings: LoaderSettings,
        precision: str = "auto",
        description: Mapping[str, Any] | None = None,
        source: Path | None = None,
        device: str = "auto",
    ) -> None:
        keep_few_kernels()
        self.device = _device(device)
        self.task = task.to(self.device).eval()
        self.config = config
        self.settings = settings
        self.description = description or {}
        self.source = source
        self.precision = choose(precision, self.device)[0]

    def predict(self, records: Iterable[Record | Mapping[str, Any] | str]) -> Iterator[dict[str, Any]]:
        """Answer records (or mappings of their fields, or bare texts), in order, a chunk at a time.

        Yields:
            What was given, with the fields that were predicted.

        Raises:
            UserError: a record lacks a field, or has one of the wrong type.
        """
        for record, answer in self.answers(records):
            yield {**fields_of(record), **answer}

    def answers(self, records: Iterable[Record | Mapping[str, Any] | str]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """As `predict`, but each record and what was predicted for it apart."""
        chunk: list[Any] = []
        given = iter(records)
        for number in count(1):
            try:
                chunk.append(self.as_record(next(given), f"record {number}"))
            except StopIteration:
                break
            except UserError:
                yield from self._answer(chunk)  # what came before a bad record is answered all the same
                raise
            if len(chunk) == CHUNK:
                yield from self._answer(chunk)
                chunk = []
        yield from self._answer(chunk)

    def predict_file(self, path: str | Path, output: str | Path) -> int:
        """Answer a file, one record or text a line, in a file of as many lines; how many were answered now.

        The output appears when it is complete. A call that was killed is gone on with by the same call.

        Raises:
            UserError: a line can't be answered, or what is there of the output answers something else.
        """
        from dougong.inference.answer import answer_file, identity

        asked = {"checkpoint": None if self.source is None else identity(self.source), "task": self.config["task"]}
        return answer_file(self, str(path), Path(output), asked)

    def export(self, to: str, output: str | Path, quantize: str | None = None) -> list[str]:
        """Write it to a folder in a format of `dougong export`; lines of what was written.

        Args:
            quantize: "int8" for weights in 8 bits, with `to="onnx"`.

        Raises:
            UserError: it can't be said in that format, or the folder holds something.
        """
        from dougong.export.formats import export

        return export(self, to, Path(output).expanduser(), quantize)

    def as_record(self, given: Any, source: str) -> Record:
        """What was given as a record of the task's type.

        Raises:
            UserError: it can't be.
        """
        record_type = self.task.accepts
        if isinstance(given, record_type):
            return given
        names = [item.name for item in dataclasses.fields(record_type) if item.name != "source"]
        if isinstance(given, str):
            given = {names[0]: given}
        if not isinstance(given, Mapping):
            raise UserError(f"{source}: not an object with {', '.join(names)}.")
        # `identity` is not read by any task, and tells answers apart.
        asked = {
            item.name: item.type
            for item in dataclasses.fields(record_type)
            if item.default is dataclasses.MISSING or (item.name == "identity" and "identity" in given)
        }
        return record_type(**{name: _text(given, name, kind, source) for name, kind in asked.items()}, source=source)

    def evaluate(self, data: Data, split: Split) -> tuple[Scores, int]:
        """The task's metrics on a split of a data plugin, and on how many records.

        Raises:
            UserError: the data can't give what the task takes, or has no such split.
        """
        stream = self.stream(data, split)
        records = stream if self.task.streams else held(stream, self.settings.records_in_memory)
        if not records:
            raise UserError(f"split={split}: the data has no records there.")
        with TemporaryDirectory(prefix="dougong-") as folder:
            store = None if isinstance(records, list) else TokenStore(Path(folder))
            encoded = encode(self.task, data, records, store)
            if not len(encoded.examples):
                raise UserError(f"split={split}: the data has no records there.")
            evaluation = Evaluation(self.task)
            with answering(self.precision, self.device):
                for batch in self._batches(batch_maker(self.task, encoded.examples, self.config["seed"])):
                    evaluation.add(self.task(batch), batch)
        return evaluation.scores(encoded.records), len(encoded)

    def stream(self, data: Data, split: Split) -> RecordStream:
        """The records of a split of a data plugin.

        Raises:
            UserError: the data can't give what the task takes.
        """
        if self.task.accepts not in type(data).yields:
            raise UserError(
                f"this model takes {self.task.accepts.__name__}, which {type(data).__name__} does not give."
            )
        return RecordStream(data, split, self.task.accepts)

    def _answer(self, records: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        if not records:
            return
        found: dict[int, dict[int, Prediction]] = {}
        examples = pack([self.task.encode(records)])
        with answering(self.precision, self.device):
            for batch in self._batches(BatchMaker(examples, self.task.padding_values())):
                numbers = list(places(batch))
                answers = self.task.answer(batch, [records[number] for number, _ in numbers])
                for (number, example), answer in zip(numbers, answers, strict=True):
                    found.setdefault(number, {})[example] = answer
        for number, record in enumerate(records):
            yield record, join(self.task, found[number], record)

    def _batches(self, maker: BatchMaker) -> Iterator[dict[str, torch.Tensor]]:
        batches = evaluation_batches(maker.examples.lengths, self.settings)
        for batch in evaluation_loader(maker, batches, 0, False):
            yield {name: tensor.to(self.device) for name, tensor in batch.items()}


def load(
    path: str | Path,
    plugin_path: Sequence[str] = (),
    task_settings: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Model:
    """The model of a checkpoint; nothing else is needed, and nothing in the file is executed.

    Args:
        task_settings: settings of the task in place of those that it was trained with: how to answer, say.
        device: "cpu", "cuda", or "auto" for a GPU where there is one.

    Raises:
        UserError: the file is missing, damaged or foreign, a plugin that it needs is not installed, or the device is.
    """
    where = Path(path).expanduser()
    # Of a checkpoint the optimizer's state is of no use here.
    content = weights_folder.load(where) if where.is_dir() else file.load_mapped(where)
    description = content[file.KEY]
    if not isinstance(description["config"], Mapping) or not isinstance(description["config"].get("task"), Mapping):
        raise UserError(f"{path}: damaged; it does not say what it was trained with.")
    config = {**description["config"]}
    config["task"] = {**config["task"], **(task_settings or {})}
    # Folders that a file names run no code: only those that were named here, by whoever loads it, are looked into.
    named = config.get("plugin_path") or []
    config["plugin_path"] = list(plugin_path) or [item for item in named if item in plugin_folders()]
    try:
        return _built(path, content, config, device)
    except UserError:
        raise
    except Exception as error:  # what such a file says may be anything
        raise UserError(f"{path}: can't be built into a model ({reason(error)}).") from error


def _built(path: str | Path, content: dict[str, Any], config: Config, device: str) -> Model:
    """The model of a checkpoint's content."""
    description = content[file.KEY]
    assembly = Assembly(config)
    tokenizer = None
    if description["tokenizer"] is not None:
        tokenizer = assembly.make("tokenizer")
        tokenizer.restore(description["tokenizer"])
    task = make_task(assembly, description["facts"], tokenizer)
    adapters = assembly.adapters()
    for adapter in adapters:
        adapter.adapt(task)
    if description["precision"] == "64":
        task = task.double()
    try:
        load_weights(task, task_weights(content))
    except RuntimeError as error:
        raise UserError(f"{path}: its weights don't fit the plugins that it names ({error}).") from error
    for adapter in adapters:
        adapter.merge(task)
    settings, precision = LoaderSettings(**config["loader"]), config["trainer"]["precision"]
    return Model(task, config, settings, precision, description, Path(path).expanduser(), device)


def _device(name: str) -> str:
    """The device that a name means.

    Raises:
        UserError: there is none of that name.
    """
    found = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("auto", "cpu", found):
        raise UserError(f"device: there is no {name} here; say device=cpu.")
    return found if name == "auto" else name


def _text(given: Mapping[str, Any], name: str, kind: Any, source: str) -> str | tuple[str, ...]:
    """A field of what was given: a text or, where the record has several, texts."""
    value = given.get(name)
    several = kind is not str
    texts: list[Any] = list(value) if several and isinstance(value, list | tuple) else [value]
    if not all(isinstance(text, str) for text in texts):
        what = f"is not {'a list of texts' if several else 'a text'}" if name in given else "is missing"
        raise FieldError(f"{source}: `{name}` {what}. {suggestion(name, map(str, given), 'Given')}", name)
    if not all(map(_is_unicode, texts)):
        raise FieldError(f"{source}: `{name}` is not Unicode text (half of a pair of surrogates).", name)
    return tuple(texts) if several else str(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
