"""A model as ONNX files, compared with the network in ONNX Runtime before they are written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dougong.errors import UserError
from dougong.export.comparison import agree, furthest
from dougong.export.network import Program, programs, quiet
from dougong.export.readme import describe
from dougong.inference.model import Model

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession

MOST_BYTES = 2_000_000_000
"""An ONNX file holds no more; weights beyond lie in a file of their own."""


def export(model: Model, folder: Path, quantize: str | None = None) -> list[str]:
    """Write `model.onnx` and the tokenizer.

    Args:
        quantize: "int8" to keep the weights of products in 8 bits and compute these so.

    Raises:
        UserError: ONNX or its runtime is not installed, or the network can't be said in ONNX.
    """
    _installed()
    made = [(program, as_onnx(program)) for program in programs(model)]
    lines, written = [], []
    for program, plain in made:
        worst = agree(program.cases, runner(session(plain), program))
        line = f"{program.name}.onnx: differs from the network by {worst:.1e} at most in ONNX Runtime"
        if quantize is not None:
            from dougong.export.quantize import quantized

            plain = quantized(plain)
            line = f"{program.name}.onnx in int8: {_moved(program, plain)}"
        written.append((program, plain))
        lines.append(line)
    folder.mkdir(parents=True, exist_ok=True)
    for program, content in written:
        _save(content, folder / f"{program.name}.onnx")
    return [*lines, *describe(model, folder, "onnx", [program for program, _ in written])]


def as_onnx(program: Program) -> "onnx.ModelProto":
    """A program in ONNX, its inputs, outputs and their dimensions by their names.

    Raises:
        UserError: ONNX has no operator for a part of it.
    """
    try:
        with quiet():
            made = torch.onnx.export(
                program.exported,
                dynamo=True,
                verbose=False,
                input_names=list(program.inputs),
                output_names=list(program.outputs),
            )
        assert made is not None
        proto: Any = made.model_proto
    except Exception as error:  # whatever an exporter can't do
        raise UserError(
            f"to=onnx: {program.name} can't be said in ONNX ({' '.join(str(error).split())[:160]})."
        ) from error
    for value in (*proto.graph.input, *proto.graph.output):
        for size, name in zip(value.type.tensor_type.shape.dim, program.axes[value.name], strict=True):
            if isinstance(name, str):
                size.dim_param = name
    del proto.graph.value_info[:]  # the sizes of what is between, by other names; a runtime works them out anew
    for part in (proto, proto.graph, *proto.graph.node, *proto.functions):  # larger than the weights of a small model
        del part.metadata_props[:]
        part.doc_string = ""
    return proto  # type: ignore[no-any-return]


def runner(running: "InferenceSession", program: Program) -> Any:
    """Runs a session on a batch of tensors, by name."""

    def run(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        found = running.run(list(program.outputs), {name: value.numpy() for name, value in batch.items()})
        return {name: torch.from_numpy(value) for name, value in zip(program.outputs, found, strict=True)}

    return run


def session(model: "onnx.ModelProto") -> "InferenceSession":
    """What runs a model on a CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _moved(program: Program, quantized: "onnx.ModelProto") -> str:
    """What 8 bits do to the numbers of the batches that it was tried with."""
    worst = furthest(program.cases, runner(session(quantized), program))
    return f"numbers differ from the network's by {worst:.1e} at most; measure what that costs on data of yours"


def _save(model: "onnx.ModelProto", path: Path) -> None:
    import onnx

    large = model.ByteSize() > MOST_BYTES
    onnx.save_model(model, str(path), save_as_external_data=large, location=f"{path.name}.weights" if large else None)


def _installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"to=onnx: needs {error.name}: pip install dougong[export]") from None
