"""What lies beside an exported program: the tokenizer, a batch to try it with, and a README with an example."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dougong import __version__
from dougong.contracts.tokenizer import PADDING
from dougong.export.network import Program
from dougong.inference.model import Model

EXAMPLE, FACTS, TOKENIZER = "example.npz", "facts.json", "tokenizer.json"

RUN = {
    "onnx": (
        "import onnxruntime\n\n",
        'session = onnxruntime.InferenceSession("model.onnx")\n'
        "found = dict(zip({outputs}, session.run({outputs}, batch)))\n",
    ),
    "torch": (
        "import torch\n\n",
        'network = torch.export.load("model.pt2").module()\n'
        "found = network(**{{name: torch.from_numpy(values) for name, values in batch.items()}})\n",
    ),
}

TEXTS = """\
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.no_truncation()
tokenizer.enable_padding(pad_id={padding}, pad_token="{token}")
texts = tokenizer.encode_batch(["木", "A longer text."])
batch = {{"tokens": np.array([text.ids for text in texts])}}
"""
MASK = 'batch["padding_mask"] = np.array([text.attention_mask for text in texts]) == 0\n'


def describe(model: Model, folder: Path, form: str, programs: Sequence[Program]) -> list[str]:
    """Write what is needed to use the programs of a folder; lines for the user."""
    first = programs[0]
    tokenizer = model.task.encoder.tokenizer
    state = tokenizer.state()
    (folder / TOKENIZER).write_text(state, encoding="utf-8")
    (folder / FACTS).write_text(json.dumps(_facts(model), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    batch: dict[str, Any] = {name: value.numpy() for name, value in first.inputs.items()}
    np.savez(folder / EXAMPLE, **batch)
    (folder / "README.md").write_text(_readme(model, form, programs, state), encoding="utf-8")
    shapes = {name: first.axes[name] for name in (*first.inputs, *first.outputs)}
    return [
        f"takes {', '.join(_shown(name, shapes) for name in first.inputs)}; "
        f"gives {', '.join(_shown(name, shapes) for name in first.outputs)}",
        f"{TOKENIZER}, {FACTS}, {EXAMPLE} and README.md, with an example, lie beside it",
    ]


def _facts(model: Model) -> dict[str, Any]:
    """What the numbers stand for, as far as the training data decided it."""
    task = {key: value for key, value in model.config["task"].items() if key != "name"}
    return {
        "dougong": __version__,
        "task": model.config["task"]["name"],
        "facts": model.description.get("facts", {}),
        "settings": task,
    }


def _readme(model: Model, form: str, programs: Sequence[Program], state: str) -> str:
    listed = "\n\n".join(_listed(program, form) for program in programs)
    return (
        f"# A network of Dougong's, task={model.config['task']['name']}\n\n"
        f"{listed}\n\n"
        f"`{TOKENIZER}` numbers the tokens, `{FACTS}` says what was learnt of the training data (classes, types) and "
        f"how the task was set, and `{EXAMPLE}` is a batch. `padding_mask` is true at padding.\n\n"
        f"```python\n{example(form, programs[0], state)}```\n"
    )


def _listed(program: Program, form: str) -> str:
    suffix = {"onnx": "onnx", "torch": "pt2"}[form]
    rows = [
        f"| {direction} | {name} | {', '.join(map(str, program.axes[name]))} | {value.numpy().dtype} |"
        for direction, values in (("in", program.inputs), ("out", program.outputs))
        for name, value in values.items()
    ]
    return "\n".join([f"`{program.name}.{suffix}`:", "", "| | name | shape | type |", "|---|---|---|---|", *rows])


def example(form: str, program: Program, state: str) -> str:
    """A program that runs the network, on texts where tokens are all that it takes, else on the batch."""
    head, run = RUN[form]
    outputs = list(program.outputs)
    core = json.loads(state)
    from_text = set(program.inputs) <= {"tokens", "padding_mask"} and "words" not in core
    lines = "import numpy as np\n" + head
    if from_text:
        padding = next(item["id"] for item in core["added_tokens"] if item["content"] == PADDING)
        lines = lines.rstrip("\n") + "\nfrom tokenizers import Tokenizer\n\n"
        lines += TEXTS.format(padding=padding, token=PADDING)
        lines += MASK if "padding_mask" in program.inputs else ""
    else:
        lines += f'batch = dict(np.load("{EXAMPLE}"))\n'
    lines += run.format(outputs=outputs)
    return lines + "print({name: tuple(values.shape) for name, values in found.items()})\n"


def _shown(name: str, shapes: dict[str, list[str | int]]) -> str:
    return f"{name} ({', '.join(map(str, shapes[name]))})"
