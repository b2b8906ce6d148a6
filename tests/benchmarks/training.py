"""Training throughput of Dougong, a hand-written loop, the Hugging Face Trainer and bert4torch, in one run.

    pip install transformers accelerate bert4torch==0.5.3
    python tests/benchmarks/training.py --data FOLDER_OF_SENTIMENT

All train a classifier of the same size (4 layers, width 256, 4 heads, dropout 0.1, character vocabulary) on the same
1,920 texts (cut to 128 tokens, batch 32) for one epoch. Each measurement is a process of its own, rounds are
interleaved, and times are taken from the fifth update on.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCH, LENGTH, WIDTH, LAYERS, HEADS, WARM = 32, 128, 256, 4, 4, 5
TEXTS = 1920


class Clock:
    """Seconds from the end of the fifth update to the end of the last, and the examples between."""

    def __init__(self) -> None:
        self.updates = 0
        self.examples = 0
        self.start = self.end = 0.0

    def tick(self, examples: int) -> None:
        """An update is done."""
        self.updates += 1
        self.end = time.perf_counter()
        if self.updates == WARM:
            self.start = self.end
        elif self.updates > WARM:
            self.examples += examples

    def rate(self) -> float:
        """Examples a second."""
        return self.examples / (self.end - self.start)


def load_texts(data: str) -> tuple[list[list[int]], list[int], int]:
    """Token numbers and labels of the first training texts, and the size of the vocabulary."""
    from dougong_plugins.tokenizer.character import CharacterTokenizer

    lines = (Path(data) / "sentiment.train.data").read_text(encoding="utf-8").splitlines()[:TEXTS]
    rows = [line.split("\t") for line in lines]
    tokenizer = CharacterTokenizer()
    tokenizer.fit(text for text, _ in rows)
    tokens = [item.ids for item in tokenizer.encode([text for text, _ in rows], LENGTH)]
    return tokens, [int(label) for _, label in rows], tokenizer.size


def ours(data: str, precision: str) -> float:
    """`dougong train`, through its Python API."""
    from pytorch_lightning import Callback

    import dougong

    clock = Clock()

    @dougong.register("callback", "clock")
    class ClockCallback(Callback):  # type: ignore[misc]
        """Counts updates."""

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            clock.tick(len(batch["index"]))

    with tempfile.TemporaryDirectory() as folder:
        lines = (Path(data) / "sentiment.train.data").read_text(encoding="utf-8").splitlines()[:TEXTS]
        (Path(folder) / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings = ["data=text_table", f"data.path={folder}", "data.valid=null", "data.test=null", "data.text=0"]
        settings += ["data.label=1", "callback=clock", "tracker=csv", "trainer.max_epochs=1", "trainer=cpu"]
        dougong.train([*settings, f"trainer.precision={precision}"], Path(folder) / "run")
    return clock.rate()


def by_length(tokens: list[list[int]]) -> Iterator[list[int]]:
    """Batches of texts of similar length, in random order."""
    import random

    order = list(range(len(tokens)))
    random.shuffle(order)
    bucket = BATCH * 50
    batches = []
    for begin in range(0, len(order), bucket):
        part = sorted(order[begin : begin + bucket], key=lambda index: len(tokens[index]))
        batches += [part[first : first + BATCH] for first in range(0, len(part), BATCH)]
    random.shuffle(batches)
    yield from batches


def padded(rows: list[list[int]], length: int | None = None) -> Any:
    """(B, N) token numbers."""
    import torch

    length = length or max(map(len, rows))
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def hand_written(data: str, precision: str, dropout: Callable[[], Any] | None = None) -> float:
    """A plain PyTorch loop over plain PyTorch modules."""
    import torch
    from torch import nn
    from torch.nn import functional

    make_dropout = dropout or (lambda: nn.Dropout(0.1))

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.first, self.second, self.drop = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), make_dropout()

        def forward(self, x: Any, mask: Any) -> Any:
            batch, length, _ = x.shape
            split = self.into(self.first(x)).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(*split, attn_mask=mask)
            x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH)))
            return x + self.drop(self.down(functional.gelu(self.up(self.second(x)))))

    class Classifier(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(size, WIDTH), nn.Embedding(512, WIDTH)
            self.layers, self.norm = nn.ModuleList(Layer() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)
            self.head, self.drop = nn.Linear(WIDTH, 2), make_dropout()

        def forward(self, ids: Any) -> Any:
            real = ids != 0
            x = self.drop(self.token(ids) + self.place.weight[: ids.shape[1]])
            for layer in self.layers:
                x = layer(x, real[:, None, None, :])
            x = (self.norm(x) * real[..., None]).sum(1) / real.sum(1, keepdim=True)
            return self.head(self.drop(x))

    tokens, labels, size = load_texts(data)
    model, clock = Classifier(size), Clock()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-4, fused=True)
    for numbers in by_length(tokens):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(padded([tokens[number] for number in numbers]))
            loss = functional.cross_entropy(logits.float(), torch.tensor([labels[number] for number in numbers]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        clock.tick(len(numbers))
    return clock.rate()


def hand_written_cheap_dropout(data: str, precision: str) -> float:
    """The same loop with Dougong's dropout."""
    from dougong.nn.dropout import Dropout

    return hand_written(data, precision, lambda: Dropout(0.1))


def hugging_face(data: str, precision: str) -> float:
    """The Trainer with a BERT of the same size: dynamic padding, batches grouped by length, SDPA."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    tokens, labels, size = load_texts(data)
    config = BertConfig(
        vocab_size=size,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    clock = Clock()

    class ClockCallback(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            clock.tick(BATCH)

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        ids = padded([row["input_ids"] for row in rows])
        return {"input_ids": ids, "attention_mask": ids != 0, "labels": torch.tensor([row["labels"] for row in rows])}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=5e-4,
            bf16=precision == "bf16",
            use_cpu=True,
            train_sampling_strategy="group_by_length",
            optim="adamw_torch_fused",
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_steps=10,
        )
        rows = [{"input_ids": row, "labels": label} for row, label in zip(tokens, labels, strict=True)]
        model = BertForSequenceClassification(config)
        Trainer(model, arguments, train_dataset=rows, data_collator=collate, callbacks=[ClockCallback()]).train()
    return clock.rate()


def bert4torch(data: str, precision: str) -> float:
    """bert4torch as its examples use it: one padding for all, float32."""
    import torch
    from bert4torch.models import BaseModel, build_transformer_model
    from torch import nn
    from torch4keras.callbacks import Callback

    tokens, labels, size = load_texts(data)
    clock = Clock()

    class Classifier(BaseModel):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            settings = {"vocab_size": size, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "max_position": 512}
            settings |= {"num_attention_heads": HEADS, "intermediate_size": 4 * WIDTH, "hidden_act": "gelu"}
            settings |= {"dropout_rate": 0.1, "attention_probs_dropout_prob": 0.0, "model": "bert"}
            self.bert = build_transformer_model(with_pool=True, verbose=0, **settings)
            self.head = nn.Linear(WIDTH, 2)

        def forward(self, ids: Any, segments: Any) -> Any:
            return self.head(self.bert([ids, segments])[1])

    class ClockCallback(Callback):  # type: ignore[misc]
        def on_batch_end(self, *arguments: Any, **named: Any) -> None:
            clock.tick(BATCH)

    def collate(numbers: list[int]) -> Any:
        ids = padded([tokens[number] for number in numbers], LENGTH)
        return [ids, torch.zeros_like(ids)], torch.tensor([labels[number] for number in numbers])

    loader = torch.utils.data.DataLoader(range(len(tokens)), BATCH, shuffle=True, collate_fn=collate)
    model = Classifier()
    model.compile(loss=nn.CrossEntropyLoss(), optimizer=torch.optim.AdamW(model.parameters(), 5e-4), clip_grad_norm=1.0)
    model.fit(loader, epochs=1, steps_per_epoch=None, callbacks=[ClockCallback()], verbose=0)
    return clock.rate()


SYSTEMS: dict[str, tuple[Callable[[str, str], float], str]] = {
    "dougong, bf16": (ours, "bf16"),
    "hand-written loop, bf16": (hand_written, "bf16"),
    "hand-written loop with our dropout, bf16": (hand_written_cheap_dropout, "bf16"),
    "Hugging Face Trainer, bf16": (hugging_face, "bf16"),
    "dougong, float32": (ours, "32"),
    "hand-written loop, float32": (hand_written, "32"),
    "hand-written loop with our dropout, float32": (hand_written_cheap_dropout, "32"),
    "Hugging Face Trainer, float32": (hugging_face, "32"),
    "bert4torch, float32": (bert4torch, "32"),
}


def measure(name: str, data: str) -> float | None:
    """One measurement in a process of its own; None where the system is not installed."""
    command = [sys.executable, __file__, "--data", data, "--one", name]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("RATE ")]
    if not lines:
        print(f"{name}: left out ({(answer.stderr.strip().splitlines() or ['no answer'])[-1]})", file=sys.stderr)
        return None
    return float(json.loads(lines[-1].removeprefix("RATE ")))


def main() -> None:
    """Measure all, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder with sentiment.train.data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only systems whose name has this in it")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        system, precision = SYSTEMS[options.one]
        print("RATE", json.dumps(system(options.data, precision)))
        return
    names = [name for name in SYSTEMS if options.only in name]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            rate = measure(name, options.data)
            if rate is not None:
                rates[name].append(rate)
                print(f"round {number + 1}: {name}: {rate:.0f} examples/s", file=sys.stderr, flush=True)
    print("| system | examples/s (median) | lowest to highest |\n|---|---|---|")
    for name, values in rates.items():
        if values:
            print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} to {max(values):.0f} |")


if __name__ == "__main__":
    main()
