"""Training itself: from records to checkpoints and metrics."""

import random
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dougong.checkpoint import file
from dougong.checkpoint.lightning import Checkpoints
from dougong.compose.settings import LoaderSettings, OptimizerSettings, RunSettings, TrainerSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Facts, Task
from dougong.contracts.tracker import RunInformation
from dougong.data.batches import TrainingBatches, evaluation_batches
from dougong.data.loader import BatchMaker, ResumableLoader, evaluation_loader
from dougong.data.stream import Records
from dougong.data.token_file import TokenStore
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill
from dougong.training import report
from dougong.training.assemble import Assembly, Config
from dougong.training.evaluation import Evaluation
from dougong.training.facts import run_facts
from dougong.training.groups import freeze, optimizer_settings
from dougong.training.interrupt import Interrupt, InterruptedRunError
from dougong.training.module import TrainingModule
from dougong.training.pace import Pace
from dougong.training.precision import answering, choose
from dougong.training.predictions import save
from dougong.training.prepare import EncodedSplit, batch_maker, encode, fit_tokenizer, load_pretrained, make_task
from dougong.training.progress import ProgressReport
from dougong.training.run import RunResult, read_record, update_record
from dougong.training.stacked import stacked
from dougong.training.tracking import Tracking
from dougong.training.trainer import count_updates, device_type, make_trainer, quieten


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

    def evaluation_loader(self, split: Split) -> Any:
        """The batches of a split, each once."""
        loader: LoaderSettings = self.settings.loader
        batches = evaluation_batches(self.splits[split].examples.lengths, loader, *_rank_and_world())
        return evaluation_loader(self.maker(split), batches, loader.num_workers, self.device == "cuda")


def fit(
    config: Config, folder: Path, data: Data, records: dict[Split, Records], assembly: Assembly, resume: bool
) -> RunResult:
    """Train, keep the best checkpoint, and test it.

    Raises:
        UserError: something that the user can mend.
    """
    quieten()
    settings = RunSettings(**fill(class_signature(RunSettings), _run_part(config), ""))
    seed_everything(settings.seed)
    saved = file.load(folder / "checkpoints" / "last.ckpt")[file.KEY] if resume else None
    session = prepare(config, settings, folder, data, records, assembly, saved)
    identity = read_record(folder).get("identity") or secrets.token_hex(4)
    facts = run_facts(session.task, session.precision)
    update_record(folder, {"identity": identity, "facts": facts, "status": "running"})
    run = RunInformation(folder, folder.name, identity, config, facts, resume, saved["update"] if saved else 0)
    tracking = Tracking(assembly.make_all("tracker"), run, settings.trainer.log_every)
    report.start(session, data, facts)
    return Training(session, tracking, saved).run()


def prepare(
    config: Config,
    settings: RunSettings,
    folder: Path,
    data: Data,
    records: dict[Split, Records],
    assembly: Assembly,
    saved: dict[str, Any] | None,
) -> Session:
    """The model and the encoded data; what was learnt of the data comes from the checkpoint when there is one."""
    device = device_type(settings.trainer)
    # A run goes on in the precision that it began in, also on another machine.
    precision = saved["precision"] if saved else choose(settings.trainer.precision, device)[0]
    task_class: type[Task] = assembly.catalogue.get("task", config["task"]["name"]).load()
    tokenizer = None
    if saved is None:
        tokenizer = fit_tokenizer(assembly, task_class, records["train"])
        facts: Facts = task_class.study(records["train"])
    else:
        facts = saved["facts"]
        if saved["tokenizer"] is not None:
            tokenizer = assembly.make("tokenizer")
            tokenizer.restore(saved["tokenizer"])
    task = make_task(assembly, facts, tokenizer)
    loaded = load_pretrained(task) if saved is None else []
    adapted = [line for adapter in assembly.adapters() for line in adapter.adapt(task)]
    if precision == "64":
        task = task.double()
    groups = optimizer_settings(config["optimizer"])
    freeze(task, groups)
    identity = data.fingerprint() if task.streams else {}
    splits = {
        split: encode(task, data, rows, TokenStore(folder / "tokens", identity and [config["data"], identity, split]))
        for split, rows in records.items()
        if rows
    }
    tokens = tokenizer.state() if tokenizer else None
    description = {"config": config, "facts": facts, "tokenizer": tokens, "precision": precision}
    return Session(
        config, settings, folder, assembly, task, splits, device, precision, description, groups, loaded, adapted
    )


class Training:
    """One training, from the first update (or the one after the last saved) to the test."""

    def __init__(self, session: Session, tracking: Tracking, saved: dict[str, Any] | None) -> None:
        self.session = session
        self.tracking = tracking
        self.resume = saved is not None
        self.interrupt = Interrupt()
        settings = session.settings
        loader = settings.loader
        lengths = session.splits["train"].examples.lengths
        batches = TrainingBatches(lengths, loader, settings.seed, *_rank_and_world())
        updates = count_updates(batches, settings.trainer)
        workers, on_gpu = loader.num_workers, session.device == "cuda"
        self.loader = ResumableLoader(session.maker("train"), batches, workers, on_gpu)
        if saved is not None:
            self.loader.load_state_dict(saved["position"])
        self.pace = Pace(self.loader, settings.trainer, updates)
        self.module = TrainingModule(
            session.task,
            self._make_optimizer,
            session.assembly.make("schedule"),
            updates,
            settings.trainer.decay,
            settings.trainer.gradient_clip_norm,
            settings.trainer.compile,
            session.groups,
        )
        metric = f"valid/{session.task.main_metric}" if "valid" in session.splits else None
        self.checkpoints = Checkpoints(
            session.folder / "checkpoints",
            session.description,
            metric,
            session.task.higher_is_better,
            settings.trainer.save_every,
            self.interrupt,
            self.pace,
            enabled=not settings.trainer.fast_dev_run,
        )

    def _make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """The chosen optimizer, with the chosen wrappers around it."""
        assembly = self.session.assembly
        optimizer: torch.optim.Optimizer = assembly.make("optimizer", params=groups)
        return stacked(optimizer, assembly.make_all("wrapper"), self.session.task)

    def run(self) -> RunResult:
        """Train and test."""
        session = self.session
        settings = session.settings.trainer
        status = "failed"
        self.tracking.start()
        try:
            with self.interrupt, suppress(InterruptedRunError):
                self._train(settings)
            status = "interrupted" if self.interrupt.requested else "finished"
            metrics = self._metrics() if status == "finished" and not settings.fast_dev_run else {}
        finally:
            update_record(session.folder, {"status": status})
            notes = self.tracking.finish(status)
        checkpoint = self.checkpoints.path()
        return RunResult(session.folder, checkpoint if checkpoint.exists() else None, metrics, status, notes)

    def _train(self, settings: TrainerSettings) -> None:
        session = self.session
        valid = None
        if "valid" in session.splits:
            self.module.valid_records = session.splits["valid"].records
            valid = session.evaluation_loader("valid")
        callbacks = [self.pace, *session.assembly.make_all("callback"), self.tracking]
        if settings.progress != "none":
            callbacks.append(ProgressReport(settings.progress, settings.max_epochs, session.task.main_metric))
        trainer = make_trainer(
            settings, session.device, session.precision, session.folder, [*callbacks, self.checkpoints]
        )
        path = self.checkpoints.last_path if self.resume else None
        trainer.fit(self.module, self.pace.train_dataloaders, valid, ckpt_path=path, weights_only=True)

    def _metrics(self) -> dict[str, float]:
        """Metrics of the best checkpoint: on validation as measured then, on the test split as measured now."""
        content = file.load(self.checkpoints.path())
        metrics = {name: value for name, value in content[file.KEY]["metrics"].items() if name.startswith("valid/")}
        session = self.session
        session.task.load_state_dict(task_weights(content))
        # A run that `max_updates` ends within an epoch has not been validated yet.
        missing: list[Split] = ["valid"] if "valid" in session.splits and not metrics else []
        if session.settings.test and "test" in session.splits:
            missing.append("test")
        for split in missing:
            scores = evaluate_split(session, split)
            found = {f"{split}/{name}": value for name, value in scores.metrics.items()}
            tables = {f"{split}/{name}": rows for name, rows in scores.tables.items()}
            self.tracking.record_final(found, tables, content)
            metrics |= found
        return metrics


def evaluate_split(session: Session, split: Split) -> Any:
    """The scores of the task on a split."""
    device = torch.device(session.device)
    task = session.task.to(device).eval()
    evaluation = Evaluation(task)
    with answering(session.precision, session.device):
        for batch in session.evaluation_loader(split):
            moved = {name: tensor.to(device) for name, tensor in batch.items()}
            evaluation.add(task(moved), moved)
    evaluation.gather()
    records = session.splits[split].records
    if session.settings.save_predictions and not task.streams and _rank_and_world()[0] == 0:
        save(session.folder, split, task, *evaluation.joined(records))
    return evaluation.scores(records)


def task_weights(content: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The task's part of a checkpoint's weights."""
    prefix = "task."
    return {name.removeprefix(prefix): item for name, item in content["state_dict"].items() if name.startswith(prefix)}


def seed_everything(seed: int) -> None:
    """Seed every generator that a plugin may use."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _run_part(config: Config) -> Config:
    return {item.name: config[item.name] for item in class_signature(RunSettings).settings if item.name in config}


def _rank_and_world() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
