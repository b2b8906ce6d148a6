"""A task's network as programs with named tensors in and out, for batches and texts of any size."""

import inspect
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from dougong.contracts.task import Batch, Task
from dougong.errors import UserError
from dougong.export.comparison import Case, agree, short
from dougong.export.sample import batches
from dougong.inference.model import Model

BATCH, LENGTH = "batch", "length"


class Program(NamedTuple):
    """A program, and what it was checked with.

    Args:
        name: of its file.
        exported: the program itself, in float32.
        cases: inputs of several sizes, each with the outputs of the network.
        axes: of each input and output the names of its dimensions; a number where it is always the same.
    """

    name: str
    exported: ExportedProgram
    cases: list[Case]
    axes: dict[str, list[str | int]]

    @property
    def inputs(self) -> Batch:
        """Those of the first case."""
        return self.cases[0][0]

    @property
    def outputs(self) -> Batch:
        """Those of the first case."""
        return self.cases[0][1]


class Named(nn.Module):
    """A task's network, with the columns of a batch as arguments of their names.

    Args:
        columns: the names of those that it reads.
    """

    def __init__(self, task: Task, columns: Iterable[str]) -> None:
        super().__init__()
        self.task = task
        names = list(columns)

        def forward(*given: Tensor, **more: Tensor) -> Batch:
            return task.network({**dict(zip(names, given, strict=False)), **more})

        # PyTorch takes the names of a program's inputs from here, and those of `**columns` it would not know.
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        self.forward = forward


class _Watched(dict[str, Tensor]):
    """A batch that knows which of its columns were looked at."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Tensor:
        self.read[name] = None
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read[name] = None
        return super().get(name, default)


def programs(model: Model) -> list[Program]:
    """The programs of a model's task: its network, and what runs on the decisions made of it.

    Raises:
        UserError: it has no network of one structure, or one that can't be traced.
    """
    with _in_float32(model.task), torch.no_grad():
        return _programs(model)


@contextmanager
def _in_float32(task: Task) -> Iterator[None]:
    """Within, on a CPU and in float32; afterwards as before, bit for bit."""
    weights = [(weight, weight.data) for weight in task.parameters()]
    buffers = [(module, dict(module._buffers)) for module in task.modules()]
    try:
        task.cpu().float()
        yield
    finally:
        for weight, data in weights:
            weight.data = data
        for module, held in buffers:
            module._buffers.update(held)


def _programs(model: Model) -> list[Program]:
    task = model.task
    tried = batches(model)
    watched = _Watched(tried[0])
    task.network(watched)
    given = [{name: batch[name] for name in watched.read if name in batch} for batch in tried]
    made = [_program(model, "model", Named(task, given[0]), given)]
    found = [task.later_networks(task.network(batch)) for batch in given]
    for name, (network, _) in found[0].items():
        made.append(_program(model, name, network, [later[name][1] for later in found]))
    return made


def _program(model: Model, name: str, network: nn.Module, given: list[Batch]) -> Program:
    inputs = given[0]
    # What a size has to be is not asked of a program, but tried: so all that has differed may differ.
    shapes = {
        key: {axis: Dim.AUTO for axis in range(value.ndim) if len({batch[key].shape[axis] for batch in given}) > 1}
        for key, value in inputs.items()
    }
    try:
        with quiet():
            exported = torch.export.export(network.eval(), (), dict(inputs), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # whatever a network does that can't be traced
        config = model.config
        parts = ", ".join(f"{kind}={config[kind]['name']}" for kind in ("task", "encoder") if kind in config)
        raise UserError(f"to: {parts}: its network can't be traced ({short(error)}).") from error
    _forget_places(exported)
    cases = [(batch, network(**batch)) for batch in given]
    run = exported.module()
    agree(cases, lambda batch: run(**batch))
    program = Program(name, exported, cases, {})
    return program._replace(axes=_axes(program))


def _forget_places(exported: ExportedProgram) -> None:
    """Leave out where each operation was written, which are paths on the machine of whoever exports."""
    for module in exported.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)


def _axes(program: Program) -> dict[str, list[str | int]]:
    """Names of dimensions instead of symbols that mean nothing to a reader."""
    names: dict[str, str] = {}
    signature = program.exported.graph_signature
    values = {node.name: node.meta.get("val") for node in program.exported.graph.nodes}
    axes: dict[str, list[str | int]] = {}
    given = dict(zip(program.inputs, map(str, signature.user_inputs), strict=True))
    for key in sorted(given, key=lambda key: not _like_tokens(program, key)):
        usual = (BATCH, LENGTH) if _like_tokens(program, key) else (f"{key}_count", f"{key}_length")
        for axis, size in enumerate(values[given[key]].shape):
            if not isinstance(size, int):
                names.setdefault(str(size), usual[min(axis, 1)])
    made = dict(zip(program.outputs, map(str, signature.user_outputs), strict=True))
    for key, symbol in [*given.items(), *made.items()]:
        axes[key] = [_named(size, names) for size in values[symbol].shape]
    return axes


def _like_tokens(program: Program, key: str) -> bool:
    """Whether an input has always been of the size of the tokens, or is what was made of them."""
    given = [inputs for inputs, _ in program.cases]
    return key == "states" or all("tokens" in batch and batch[key].shape == batch["tokens"].shape for batch in given)


def _named(size: Any, names: dict[str, str]) -> str | int:
    if isinstance(size, int):
        return size
    return re.sub(r"\b[su]\d+\b", lambda symbol: names.get(symbol[0], symbol[0]), str(size))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the remarks of exporters, which are about themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
