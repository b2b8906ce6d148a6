"""What an exported network costs and answers, in 32 and in 8 bits: `python tests/benchmarks/export.py [TASK ...]`.

A model is trained for a little while on the embedded data, or is that of `--checkpoint FILE`. It is exported, and its
test split is scored by the same code but for what runs the network: PyTorch, the program of torch.export, ONNX Runtime,
and ONNX Runtime in int8. Times are of the network alone, on batches of texts of the test split, on one core: processor
time, of which the fastest of the rounds counts, in which all take turns.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import dougong
from dougong.contracts.task import Batch
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.export.formats import export
from dougong.inference.model import Model
from dougong.training.assemble import Assembly

TASKS = {
    "classification": ("task=classification", "data=toy"),
    "tagging": ("experiment=toy_tagging",),
    "passage_qa": ("task=passage_qa", "data=toy"),
}
"""Of each task, what trains a model that finds something."""

Network = Callable[[Batch], dict[str, Tensor]]


def trained(words: Sequence[str], updates: int, folder: Path) -> Model:
    """A model, trained for so many updates."""
    quiet = ("tracker=[]", "trainer.progress=none", "data.test_size=500", "data.valid_size=16", "trainer.precision=32")
    run = dougong.train([*words, *quiet, "test=false", f"trainer.max_updates={updates}"], folder)
    assert run.checkpoint is not None
    return dougong.load(run.checkpoint)


def onnx_network(path: Path) -> Network:
    """A file in ONNX Runtime, with as many threads as PyTorch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = ([value.name for value in values] for values in (session.get_inputs(), session.get_outputs()))

    def run(batch: Batch) -> dict[str, Tensor]:
        found = session.run(outputs, {name: batch[name].numpy() for name in inputs})
        return {name: torch.from_numpy(value) for name, value in zip(outputs, found, strict=True)}

    return run


def torch_network(path: Path, names: Sequence[str]) -> Network:
    """A program of torch.export."""
    module = torch.export.load(path).module()
    return lambda batch: module(**{name: batch[name] for name in names})


def networks(model: Model, folder: Path) -> dict[str, tuple[Network, int | None]]:
    """Each way to run the network, with the bytes of its file."""
    for name, form, bits in (("torch", "torch", None), ("plain", "onnx", None), ("small", "onnx", "int8")):
        export(model, form, folder / name, bits)
    files = [folder / "torch/model.pt2", folder / "plain/model.onnx", folder / "small/model.onnx"]
    plain = onnx_network(files[1])
    import onnxruntime

    names = [value.name for value in onnxruntime.InferenceSession(str(files[1])).get_inputs()]
    ways = {
        "PyTorch": (model.task.network, None),
        "torch.export": (torch_network(files[0], names), files[0]),
        "ONNX Runtime": (plain, files[1]),
        "ONNX Runtime, int8": (onnx_network(files[2]), files[2]),
    }
    return {name: (run, None if path is None else path.stat().st_size) for name, (run, path) in ways.items()}


def metric(model: Model, data: Any, run: Network) -> float:
    """The main metric of the test split, the network being run so."""
    task, before = model.task, model.task.forward
    outputs = before if run == task.network else lambda batch: whole(model, run, with_mask(batch))
    try:
        task.forward = outputs
        return model.evaluate(data, "test")[0].metrics[task.main_metric]
    finally:
        task.forward = before


def whole(model: Model, run: Network, batch: Batch) -> Any:
    """What `forward` gives, of what a program gave."""
    found = run(batch)
    if set(found) == {"scores"}:
        return found["scores"]
    from dougong_plugins.task.passage_qa import Marks, Read

    return Read(Marks(**found), batch)


def with_mask(batch: Batch) -> Batch:
    """A batch as programs take it, which always has a mask."""
    return {"padding_mask": torch.zeros(batch["tokens"].shape, dtype=torch.bool), **batch}


def batches(model: Model, data: Any, size: int) -> list[Batch]:
    """A few batches of the test split, shortest texts first."""
    records = list(model.stream(data, "test"))[: size * 8]
    examples = pack([model.task.encode(records)])
    maker = BatchMaker(examples, model.task.padding_values())
    order = examples.lengths.argsort(kind="stable")
    return [with_mask(maker[order[begin : begin + size]]) for begin in range(0, len(order) - size + 1, size)]


def times(ways: dict[str, Network], given: Sequence[Batch], rounds: int) -> dict[str, float]:
    """Seconds of a processor for all batches, of the fastest round."""
    found = {name: float("inf") for name in ways}
    with torch.no_grad():
        for _ in range(rounds):
            for name, run in ways.items():
                begun = time.process_time()
                for batch in given:
                    run(batch)
                found[name] = min(found[name], time.process_time() - begun)
    return found


def measure(name: str, model: Model, folder: Path, rounds: int) -> None:
    """Print the table of a model."""
    data = Assembly(model.config).make("data")
    ways = networks(model, folder)
    runs = {way: run for way, (run, _) in ways.items()}
    given = {size: batches(model, data, size) for size in (1, 32)}
    took = {size: times(runs, some, rounds) for size, some in given.items()}
    texts = {size: size * len(some) for size, some in given.items()}
    scores = {way: metric(model, data, run) for way, run in runs.items() if way != "torch.export"}
    scores["torch.export"] = scores["PyTorch"]  # not measured: its numbers are PyTorch's own
    print(f"\n{name}: {sum(weight.numel() for weight in model.task.parameters()):,} parameters", flush=True)
    print(f"| network | MB | {model.task.main_metric} | one at a time, ms | times | 32 at once, ms a text | times |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for way, (_, size) in ways.items():
        cells = [f"{size / 1e6:.1f}" if size else "", f"{scores[way]:.4f}"]
        for count, seconds in took.items():
            cells += [f"{seconds[way] / texts[count] * 1000:.2f}", f"{seconds['PyTorch'] / seconds[way]:.2f}"]
        print(f"| {way} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=[], choices=[*TASKS, []])
    parser.add_argument("--checkpoint", action="append", default=[])
    parser.add_argument("--updates", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.tasks:
        with tempfile.TemporaryDirectory() as folder:
            model = trained(TASKS[name], options.updates, Path(folder) / "run")
            measure(name, model, Path(folder), options.rounds)
    for path in options.checkpoint:
        with tempfile.TemporaryDirectory() as folder:
            model = dougong.load(path)
            model.precision = "32"
            measure(path, model, Path(folder), options.rounds)


if __name__ == "__main__":
    main()
