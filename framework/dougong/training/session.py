"""What a training works with: the model and the encoded data, made of records or of a checkpoint."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from dougong.compose.settings import LoaderSettings, OptimizerSettings, RunSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.batches import Epochs, TrainingBatches, evaluation_batches
from dougong.data.loader import Batch, BatchMaker, evaluation_loader
from dougong.data.record_batches import RecordBatches, RecordBatchMaker
from dougong.data.stream import Records
from dougong.training.assemble import Assembly, Config
from dougong.training.groups import freeze, optimizer_settings
from dougong.training.kept_data import learn, stores
from dougong.training.pass_report import unwatch, watch
from dougong.training.precision import choose
from dougong.training.prepare import EncodedSplit, batch_maker, encode_all, load_pretrained, make_task
from dougong.training.processes import group
from dougong.training.trainer import device_type


@dataclass
class Session:
    """What a training works with."""

    config: Config
    settings: RunSettings
    folder: Path
    assembly: Assembly
    task: Task
    splits: dict[Split, EncodedSplit]
    device: str
    precision: str
    description: dict[str, Any]
    groups: OptimizerSettings
    loaded: list[str]
    adapted: list[str]

    def maker(self, split: Split) -> BatchMaker:
        """Makes the batches of a split."""
        return batch_maker(self.task, self.splits[split].examples, self.settings.seed)

    def training_batches(self) -> tuple[Dataset[Batch], Epochs]:
        """What makes the batches of the training split, and what it makes them of in each epoch."""
        split, loader, seed = self.splits["train"], self.settings.loader, self.settings.seed
        here = group.rank(), group.world()
        if split.encoded:
            return self.maker("train"), TrainingBatches(split.examples.lengths, loader, seed, *here)
        return RecordBatchMaker(self.task, seed), RecordBatches(split.records, loader, seed, *here)

    def evaluation_loader(self, split: Split) -> Any:
        """The batches of a split, each once."""
        loader: LoaderSettings = self.settings.loader
        batches = evaluation_batches(self.splits[split].examples.lengths, loader, group.rank(), group.world())
        return evaluation_loader(self.maker(split), batches, loader.num_workers, self.device == "cuda")


def prepare(
    config: Config,
    settings: RunSettings,
    folder: Path,
    data: Data,
    records: dict[Split, Records],
    assembly: Assembly,
    saved: dict[str, Any] | None,
    fingerprint: dict[str, str],
) -> Session:
    """The model and the encoded data; what was learnt of the data comes from the checkpoint when there is one."""
    device = device_type(settings.trainer)
    # A run goes on in the precision that it began in, also on another machine.
    precision = saved["precision"] if saved else choose(settings.trainer.precision, device)[0]
    task_class: type[Task] = assembly.catalogue.get("task", config["task"]["name"]).load()
    first = group.rank() == 0
    watch(records, settings.trainer.progress if first else "none")
    places = stores(assembly, task_class, data, records, folder / "tokens", settings.loader)
    tokenizer: Tokenizer | None = None
    facts: Facts
    if saved is None and first:
        tokenizer, facts = learn(assembly, task_class, records["train"], places["train"])
        group.from_first((tokenizer.state() if tokenizer else None, facts))
    else:
        state, facts = (saved["tokenizer"], saved["facts"]) if saved else group.from_first((None, {}))
        if state is not None:
            tokenizer = assembly.make("tokenizer")
            tokenizer.restore(state)
    task = make_task(assembly, facts, tokenizer)
    loaded = load_pretrained(task) if saved is None else []
    adapted = [line for adapter in assembly.adapters() for line in adapter.adapt(task)]
    if precision == "64":
        task = task.double()
    groups = optimizer_settings(config["optimizer"])
    freeze(task, groups)
    with group.first_alone() if any(places.values()) else nullcontext():
        splits = encode_all(assembly, task, data, records, facts, places)
    unwatch(records)
    tokens = tokenizer.state() if tokenizer else None
    description = {"config": config, "facts": facts, "tokenizer": tokens, "precision": precision, "data": fingerprint}
    return Session(
        config, settings, folder, assembly, task, splits, device, precision, description, groups, loaded, adapted
    )
