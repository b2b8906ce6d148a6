"""Does ALBERT gain when its layers are shared no more in fine-tuning? The experiment of kexue.fm/archives/7187, small.

    python tests/benchmarks/layer_sharing.py pretrain --data FOLDER --out RUNS [albert bert]
    python tests/benchmarks/layer_sharing.py finetune --data FOLDER --out RUNS [--seeds 1 2 3] [TASK ...]
    python tests/benchmarks/layer_sharing.py table --out RUNS

The encoders are pretrained on the training texts of all tasks and no others. A run that has ended is not made again.
"""

import argparse
import csv
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import dougong

QUIET = ("trainer=cpu", "trainer.progress=none", "tracker=csv")
SIZES = (
    *("encoder.layers=4", "encoder.dim=192", "encoder.heads=4", "embedding.max_length=256"),
    *("encoder.dropout=0.1", "embedding.dropout=0.1"),
)
PRETRAIN = (
    *("task=masked_lm", "tokenizer=wordpiece", "tokenizer.vocab_size=6000", "data=text_file", "data.documents=line"),
    *("data.valid_share=0.01", "data.test_share=0", "loader.batch_tokens=4096", "optimizer.lr=1e-3"),
    *("trainer.max_epochs=3", "seed=1"),
)
ENCODERS = {
    "albert": ("encoder=albert_tiny", "embedding.dim=128"),
    "bert": ("encoder=bert_tiny", "embedding.dim=192"),
}
CONTENDERS = {
    "shared": ("albert", ()),
    "unshared": ("albert", ("encoder.share_layers=false",)),
    "bert": ("bert", ()),
}
TASKS = {
    "sentiment": (
        "accuracy",
        *("task=classification", "data=text_table", "data.train=sentiment.train.data"),
        *("data.valid=sentiment.valid.data", "data.test=sentiment.test.data", "data.text=0", "data.label=1"),
        *("task.max_length=128", "loader.batch_size=32", "optimizer.lr=3e-4", "trainer.max_epochs=2"),
    ),
    "csl_category": (
        "accuracy",
        *("task=classification", "data=text_table", "data.train=train.tsv", "data.valid=dev.tsv"),
        *("data.test=test.tsv", "data.text=0", "data.label=1"),
        *("task.max_length=128", "loader.batch_size=32", "optimizer.lr=3e-4", "trainer.max_epochs=5"),
    ),
    "toy_relations": (
        "f1",
        *("task=relation_extraction", "data=toy", "data.size=4000", "task.start_threshold=0.5"),
        *("task.end_threshold=0.5", "loader.batch_size=16", "optimizer.lr=5e-4", "trainer.max_epochs=5"),
    ),
    "csl_title": (
        "rouge_l",
        *("task=seq2seq", "decoder=recurrent", "data=text_table", "data.train=train.tsv", "data.valid=dev.tsv"),
        *("data.test=null", "data.text=1", "data.target=0", "task.max_source_length=128", "task.max_length=40"),
        *("task.source_prior=true", "decoder.layers=1", "loader.batch_size=16", "optimizer.lr=1e-3"),
        "trainer.max_epochs=8",
    ),
}


def main() -> None:
    """Pretrain, fine-tune or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pretrain", "finetune", "table"))
    parser.add_argument("names", nargs="*", help="encoders, or tasks; all where none is named")
    parser.add_argument("--data", type=Path, help="the folder that holds a folder for each task")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    arguments = parser.parse_intermixed_args()
    if arguments.what == "pretrain":
        for name in arguments.names or ENCODERS:
            pretrain(name, arguments.data, arguments.out)
    if arguments.what == "finetune":
        for task in arguments.names or TASKS:
            for seed in arguments.seeds:
                for contender in arguments.contenders:
                    finetune(task, contender, seed, arguments.data, arguments.out)
    print(table(arguments.out))


def pretrain(name: str, data: Path, out: Path) -> None:
    """A masked language model of the encoder `name` on all training texts."""
    if (out / name / "checkpoints" / "best.ckpt").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    corpus = out / "corpus.txt"
    if not corpus.exists():
        lines = dict.fromkeys(line for text in training_texts(data) for line in text.split("\n") if len(line) > 3)
        corpus.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [*PRETRAIN, *ENCODERS[name], *SIZES, f"data.path={corpus}", f"task.cache={out / 'cache'}", *QUIET]
    dougong.train(words, folder=out / name)


def training_texts(data: Path) -> Iterator[str]:
    """Every text of the training splits."""
    for line in (data / "sentiment" / "sentiment.train.data").open(encoding="utf-8"):
        yield line.rstrip("\n").rsplit("\t", 1)[0].strip()
    for line in (data / "csl_category" / "train.tsv").open(encoding="utf-8"):
        yield line.split("\t")[0].strip()
    for line in (data / "csl_title" / "train.tsv").open(encoding="utf-8"):
        yield from line.rstrip("\n").split("\t")
    for article in json.loads((data / "cmrc2018" / "train.json").read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"]
            yield from (question["question"] for question in paragraph["qas"])
    for row in json.loads((data / "webnlg" / "train_triples.json").read_text(encoding="utf-8")):
        yield row["text"]
    tagged = (data / "resume_ner" / "train.char.bmes").read_text(encoding="utf-8")
    for sentence in tagged.split("\n\n"):
        yield "".join(line.split(" ")[0] for line in sentence.split("\n"))


def finetune(task: str, contender: str, seed: int, data: Path, out: Path) -> None:
    """One run in `OUT/TASK/CONTENDER_SEED`."""
    folder = out / task / f"{contender}_{seed}"
    if (folder / "processor_seconds.txt").exists():
        return
    encoder, words = CONTENDERS[contender]
    start = f"encoder.pretrained={out / encoder / 'checkpoints' / 'best.ckpt'}"
    began = time.process_time()
    path = [] if "data=toy" in TASKS[task] else [f"data.path={data / task}"]  # toy texts are embedded
    dougong.train([*TASKS[task][1:], *path, start, *words, f"seed={seed}", *QUIET], folder=folder)
    (folder / "processor_seconds.txt").write_text(f"{time.process_time() - began:.0f}\n")


def table(out: Path) -> str:
    """A line a task and contender: metric of the first epoch and the best one, mean and spread over the seeds."""
    lines = ["| task | contender | seeds | first epoch | best | processor seconds |", "|---|---|---:|---:|---:|---:|"]
    for task, (metric, *_) in TASKS.items():
        for contender in CONTENDERS:
            runs = [
                measured(path.parent, metric)
                for path in sorted((out / task).glob(f"{contender}_*/processor_seconds.txt"))
            ]
            if runs:
                cells = " | ".join(spread(values) for values in zip(*runs, strict=True))
                lines.append(f"| {task}, {metric} | {contender} | {len(runs)} | {cells} |")
    return "\n".join(lines)


def measured(folder: Path, metric: str) -> tuple[float, float, float]:
    """Of a run: the metric after the first epoch and the best one, in percent, and what the run took."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    values = [100 * float(row["value"]) for row in rows if row["metric"] == f"valid/{metric}"]
    return values[0], max(values), float((folder / "processor_seconds.txt").read_text())


def spread(values: tuple[float, ...]) -> str:
    """Mean and standard deviation."""
    around = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{around}"


if __name__ == "__main__":
    main()
