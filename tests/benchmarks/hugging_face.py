"""Fine-tuning and answering with one BERT: Dougong against Hugging Face's Trainer and pipeline, in turns.

    OMP_NUM_THREADS=2 python tests/benchmarks/hugging_face.py train --data FOLDER_OF_SENTIMENT
    OMP_NUM_THREADS=2 python tests/benchmarks/hugging_face.py predict --data FOLDER_OF_SENTIMENT

Both have the same weights (4 layers of 256 numbers, 4 heads, random), the same vocabulary of characters, the same
texts, cut to the same length. In training both see the same batches in the same order, of texts of similar length and
padded to the longest, and use a fused AdamW; times are taken from the fifth update on. In prediction all answers are
compared. Each round takes each system once. Of each update, or of each pass over all texts, the fastest round counts,
so that what else the machine did meanwhile does not.
"""

import argparse
import io
import itertools
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from pytorch_lightning import Callback
from torch.utils.data import DataLoader

import dougong
from dougong.compose.settings import LoaderSettings
from dougong.data.batches import TrainingBatches
from dougong.inference.model import Model
from dougong_plugins.tokenizer.character import CharacterTokenizer

BATCH, LENGTH, WARM = 32, 128, 5
SIZES = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}

Row = tuple[str, str]
Timed = Callable[[], list[float]]
"""Runs once, and answers with the seconds of each piece of it."""


class Clock:
    """Seconds of each update from the fifth on."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self) -> None:
        """An update is done."""
        self.ends.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Of each."""
        timed = self.ends[WARM - 1 :]
        return [end - begin for begin, end in itertools.pairwise(timed)]


def read(data: str, split: str, count: int) -> list[Row]:
    """The first texts of a split, with their labels."""
    lines = (Path(data) / f"sentiment.{split}.data").read_text(encoding="utf-8").splitlines()[:count]
    return [(text, label) for text, _, label in (line.rpartition("\t") for line in lines)]


def pretrained(rows: list[Row], folder: Path, attention_dropout: float) -> Path:
    """A random classifier in the format of Hugging Face, with a vocabulary of the characters of the texts."""
    tokenizer = CharacterTokenizer()
    tokenizer.fit(text for text, _ in rows)
    numbers = tokenizer.core.get_vocab()
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(sorted(numbers, key=numbers.__getitem__)) + "\n", encoding="utf-8")
    config = transformers.BertConfig(
        **SIZES, vocab_size=len(numbers), attention_probs_dropout_prob=attention_dropout, num_labels=2
    )
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def in_batches(tokens: list[list[int]], labels: list[int]) -> list[dict[str, torch.Tensor]]:
    """The batches of our first epoch, as the Trainer takes them."""
    lengths = np.array([len(row) for row in tokens])
    made = []
    for numbers in TrainingBatches(lengths, LoaderSettings(batch_size=BATCH), seed=0).order(0):
        width = int(lengths[numbers].max())
        ids = torch.tensor([tokens[number] + [0] * (width - len(tokens[number])) for number in numbers])
        chosen = torch.tensor([labels[number] for number in numbers])
        made.append({"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": chosen})
    return made


def train_theirs(folder: Path, rows: list[Row], precision: str) -> list[float]:
    """The Trainer with BertForSequenceClassification; seconds of each update."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer([text for text, _ in rows], truncation=True, max_length=LENGTH)["input_ids"]
    batches, clock = in_batches(tokens, [int(label) for _, label in rows]), Clock()

    class Ticking(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            clock.tick()

    class SameBatches(transformers.Trainer):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            return DataLoader(batches, batch_size=None, shuffle=False)  # type: ignore[arg-type]

    with tempfile.TemporaryDirectory() as output:
        settings = transformers.TrainingArguments(
            output,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=5e-5,
            weight_decay=0.01,
            warmup_steps=2,
            bf16=precision == "bf16",
            use_cpu=True,
            optim="adamw_torch_fused",
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_steps=10,
        )
        model = transformers.BertForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa")
        trainer = SameBatches(model, settings, train_dataset=batches, callbacks=[Ticking()])
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return clock.seconds()


def train_ours(folder: Path, rows: list[Row], precision: str, encoder: list[str]) -> list[float]:
    """`dougong train` from the same folder; seconds of each update."""
    clock = Clock()

    @dougong.register("callback", "clock")
    class Ticking(Callback):  # type: ignore[misc]
        """Counts updates."""

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            clock.tick()

    with tempfile.TemporaryDirectory() as place:
        settings = [*words(folder, rows, Path(place), precision, encoder), "trainer.max_epochs=1", "callback=clock"]
        with redirect_stdout(io.StringIO()):
            dougong.train(settings, Path(place) / "run")
    return clock.seconds()


def words(folder: Path, rows: list[Row], place: Path, precision: str, encoder: list[str]) -> list[str]:
    """What both of our measurements say to `dougong train`."""
    (place / "train.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    settings = ["data=text_table", f"data.path={place}", "data.valid=null", "data.test=null", "data.text=0"]
    settings += ["data.label=1", f"task.max_length={LENGTH}", f"trainer.precision={precision}", "trainer=cpu"]
    settings += ["trainer.progress=none", "tracker=csv", "optimizer.lr=5e-5", f"encoder.pretrained={folder}"]
    return [*settings, *encoder]


OURS = ["encoder=transformer"]
INSIDE = ["encoder=huggingface", "encoder.pooling=pooler"]


def training(data: str, count: int, attention_dropout: float) -> dict[str, Timed]:
    """What takes turns in training."""
    rows = read(data, "train", count)
    folder = pretrained(rows, Path(tempfile.mkdtemp()) / "bert", attention_dropout)
    dropout = [f"attention.full.dropout={attention_dropout}"]
    systems: dict[str, Timed] = {}
    for precision, name in (("bf16", "bf16"), ("32", "float32")):
        systems[f"Trainer, {name}"] = lambda precision=precision: train_theirs(folder, rows, precision)
        systems[f"dougong, {name}"] = lambda precision=precision: train_ours(folder, rows, precision, OURS + dropout)
        systems[f"dougong, encoder=huggingface, {name}"] = lambda precision=precision: train_ours(
            folder, rows, precision, INSIDE + dropout
        )
    return systems


def our_model(folder: Path, rows: list[Row], precision: str, encoder: list[str]) -> Model:
    """The classifier of the folder, in Dougong."""
    with tempfile.TemporaryDirectory() as place:
        made = words(folder, rows[:64], Path(place), "32", encoder)
        with redirect_stdout(io.StringIO()):
            result = dougong.train([*made, "trainer.max_updates=1"], Path(place) / "run")
        model = dougong.load(str(result.checkpoint))
    theirs = transformers.BertForSequenceClassification.from_pretrained(folder)
    model.task.encoder.load_pretrained()
    model.task.classify.load_state_dict(theirs.classifier.state_dict())
    model.precision = precision
    return model


def predicting(data: str, count: int) -> tuple[dict[str, Timed], dict[str, list[int]]]:
    """What takes turns in answering, and where the answers are put."""
    rows = read(data, "train", count)
    folder = pretrained(rows, Path(tempfile.mkdtemp()) / "bert", 0.0)
    texts, answers = [text for text, _ in rows], {}
    pipe = transformers.pipeline("text-classification", model=str(folder), device="cpu")
    models = {
        "dougong, bf16": our_model(folder, rows, "bf16", OURS),
        "dougong, float32": our_model(folder, rows, "32", OURS),
    }

    def theirs(**how: Any) -> list[float]:
        begin = time.perf_counter()
        found = pipe(texts, truncation=True, max_length=LENGTH, **how)
        seconds = time.perf_counter() - begin
        answers["pipeline"] = [int(item["label"].removeprefix("LABEL_")) for item in found]
        return [seconds]

    def ours(name: str) -> list[float]:
        begin = time.perf_counter()
        found = list(models[name].predict(texts))
        seconds = time.perf_counter() - begin
        answers[name] = [int(item["label"]) for item in found]
        return [seconds]

    systems: dict[str, Timed] = {
        "pipeline": theirs,
        "pipeline, batch_size=32": lambda: theirs(batch_size=32),
        **{name: lambda name=name: ours(name) for name in models},
    }
    return systems, answers


def table(systems: dict[str, Timed], rounds: int, base: Callable[[str], str], each: int, unit: str) -> None:
    """Take turns, and print.

    Args:
        base: of a system, the one that it is compared with.
        each: how many units a piece has.
    """
    found: dict[str, list[list[float]]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, system in systems.items():
            found[name].append(system())
            print(f"{name}: {each * len(found[name][-1]) / sum(found[name][-1]):.0f}", file=sys.stderr, flush=True)
    fastest = {name: [min(times) for times in zip(*turns, strict=True)] for name, turns in found.items()}
    print(f"| system | {unit} a second | all rounds | times |\n|---|---:|---:|---:|")
    for name, times in fastest.items():
        rates = [each * len(turn) / sum(turn) for turn in found[name]]
        ratio = sum(fastest[base(name)]) / sum(times)
        shown = f"{each * len(times) / sum(times):.0f} | {min(rates):.0f} to {max(rates):.0f} | {ratio:.2f}"
        print(f"| {name} | {shown} |")


def main() -> None:
    """Measure the one or the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "predict"))
    parser.add_argument("--data", required=True, help="the folder with sentiment.train.data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, help="480 in training, 2,000 in prediction")
    parser.add_argument("--attention-dropout", type=float, default=0.0, help="in training, of both")
    parser.add_argument("--only", default="", help="only systems whose name has this in it")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    if options.what == "train":
        systems = training(options.data, options.texts or 480, options.attention_dropout)
        chosen = {name: system for name, system in systems.items() if options.only in name}
        table(chosen, options.rounds, lambda name: f"Trainer, {name.rpartition(', ')[2]}", BATCH, "examples")
        return
    systems, answers = predicting(options.data, options.texts or 2000)
    chosen = {name: system for name, system in systems.items() if name == "pipeline" or options.only in name}
    table(chosen, options.rounds, lambda name: "pipeline", options.texts or 2000, "texts")
    for name, found in answers.items():
        same = sum(one == other for one, other in zip(found, answers["pipeline"], strict=True))
        print(f"{name}: {same} of {len(found)} answers are the pipeline's", file=sys.stderr)


if __name__ == "__main__":
    main()
