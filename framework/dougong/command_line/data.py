"""`dougong data describe [KEY=VALUE ...]`: how long the examples of a data set are, and what its batches cost."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dougong.compose.compose import compose
from dougong.compose.settings import RunSettings
from dougong.contracts.data import SPLITS
from dougong.errors import UserError
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill
from dougong.training.assemble import Assembly
from dougong.training.read import read

if TYPE_CHECKING:
    from dougong.contracts.task import Task
    from dougong.data.examples import Examples

USAGE = "usage: dougong data describe [KEY=VALUE ...]"
HELP = f"""dougong data: look at data before training on it

{USAGE}

  KEY=VALUE   as after `dougong train`: data=NAME data.path=DIR task=NAME tokenizer=NAME loader.batch_tokens=4096

Lengths are in tokens, as the model would see them: by the tokenizer that the training texts make, cut and windowed by
the task. The budget is that of an epoch with the loader's settings; nothing is trained or written.
"""


def run(arguments: list[str]) -> int:
    """Describe."""
    if {"-h", "--help"} & set(arguments) or not arguments:
        print(HELP)
        return 0
    what, *words = arguments
    if what != "describe":
        raise UserError(f"dougong data {what}: there is no such command; describe is. {USAGE}")
    if unknown := [word for word in words if "=" not in word]:
        raise UserError(f"{unknown[0]}: not KEY=VALUE. {USAGE}")
    config = compose(words)
    names = [setting.name for setting in class_signature(RunSettings).settings]
    settings = RunSettings(**fill(class_signature(RunSettings), {name: config[name] for name in names}, ""))
    splits = _encoded(Assembly(config))
    print(f"data={config['data']['name']} task={config['task']['name']}, lengths in tokens\n")
    for split, examples in splits.items():
        _print_lengths(split, examples)
    _print_budget(splits["train"], settings)
    return 0


def _encoded(assembly: Assembly) -> "dict[str, Examples]":
    """The examples of each split that has some, as a training would make them."""
    data, records = read(assembly, SPLITS)
    from dougong.data.token_file import TokenStore
    from dougong.training.kept_data import fit_tokenizer
    from dougong.training.prepare import encode, make_task

    task_class: type[Task] = assembly.catalogue.get("task", assembly.config["task"]["name"]).load()
    tokenizer = fit_tokenizer(assembly, task_class, records["train"])
    task = make_task(assembly, task_class.study(records["train"]), tokenizer)
    with TemporaryDirectory(prefix="dougong-") as folder:
        found = {
            split: encode(task, data, rows, TokenStore(Path(folder) / split)).examples
            for split, rows in records.items()
            if rows
        }
    if not len(found["train"]):
        raise UserError(f"data={assembly.config['data']['name']}: the training split has no usable records.")
    return {split: examples for split, examples in found.items() if len(examples)}


def _print_lengths(split: str, examples: "Examples") -> None:
    from dougong.data.describe import histogram, quantiles

    total = int(examples.lengths.sum())
    print(f"{split:<7}{len(examples):,} examples, {total:,} tokens: {quantiles(examples.lengths)}")
    if split == "train":
        print("".join(f"       {line}\n" for line in histogram(examples.lengths)))


def _print_budget(examples: "Examples", settings: RunSettings) -> None:
    from dougong.data.describe import budget, without_buckets

    loader = settings.loader
    found = budget(examples.lengths, loader, settings.seed)
    size = f"of {loader.batch_size} examples" if loader.batch_tokens is None else f"of {loader.batch_tokens:,} tokens"
    print(
        f"\nepoch  {found.batches:,} batches {size}: {found.tokens:,.0f} tokens each on average, "
        f"{found.largest:,} at most, padding included"
    )
    loose = budget(examples.lengths, without_buckets(loader), settings.seed).padding
    print(f"       {found.padding:.1%} of it is padding, {loose:.1%} without length buckets (loader.bucket_batches=1)")
