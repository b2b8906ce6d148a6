"""Training itself: from records to checkpoints and metrics."""

import random
import secrets
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dougong.checkpoint import file
from dougong.checkpoint.lightning import Checkpoints
from dougong.checkpoint.recover import FOLDER, Saved
from dougong.compose.settings import RunSettings, TrainerSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.task import Scores
from dougong.contracts.tracker import RunInformation
from dougong.data.loader import ResumableLoader
from dougong.data.stream import Records
from dougong.registry.plugin import class_signature
from dougong.registry.values import fill
from dougong.sweep.membership import membership
from dougong.training import report
from dougong.training.assemble import Assembly, Config
from dougong.training.attention_pictures import AttentionWatch
from dougong.training.evaluation import Evaluation
from dougong.training.facts import run_facts
from dougong.training.interrupt import Interrupt, InterruptedRunError
from dougong.training.kernels import keep_few_kernels
from dougong.training.lifetime import beginning
from dougong.training.memory import BatchInMemory
from dougong.training.module import TrainingModule
from dougong.training.pace import Pace
from dougong.training.precision import answering
from dougong.training.predictions import save
from dougong.training.processes import group
from dougong.training.processes.agreement import begin_together
from dougong.training.processes.sharding import load_weights, shard
from dougong.training.progress import ProgressReport
from dougong.training.pruning import pruning
from dougong.training.repository import git_diff
from dougong.training.run import RunResult, read_record, update_record
from dougong.training.session import Session, prepare
from dougong.training.stacked import stacked
from dougong.training.tracking import Tracking
from dougong.training.trainer import count_updates, make_trainer, quieten


def fit(
    config: Config,
    folder: Path,
    data: Data,
    records: dict[Split, Records],
    assembly: Assembly,
    found: Saved | None,
    fingerprint: dict[str, str],
    interrupt: Interrupt,
) -> RunResult:
    """Train, keep the best checkpoint, and test it.

    Args:
        found: the checkpoint to go on from.
        fingerprint: of the data.
        interrupt: tells that the run is to stop.

    Raises:
        UserError: something that the user can mend.
    """
    quieten()
    keep_few_kernels()
    group.join()
    settings = RunSettings(**fill(class_signature(RunSettings), _run_part(config), ""))
    seed_everything(settings.seed)
    saved = found.state if found else None
    session = prepare(config, settings, folder, data, records, assembly, saved, fingerprint)
    identity = read_record(folder).get("identity") or secrets.token_hex(4)
    facts = run_facts(session.task, session.precision, config, assembly.catalogue, fingerprint)
    update = saved["update"] if saved else 0
    job = membership(folder)
    name, sweep = (job.name, job.group) if job else (folder.name, None)
    first = group.rank() == 0
    diff = git_diff() if first else ""
    run = RunInformation(folder, name, identity, config, facts, saved is not None, update, sweep, diff)
    tracking = Tracking(assembly.make_all("tracker") if first else [], run, settings.trainer.log_every)
    if first:
        begun = beginning(read_record(folder))
        update_record(folder, {"identity": identity, "facts": facts, "status": "running", **begun})
        report.start(session, data, facts)
        if found is not None:
            report.say("", f"goes on from update {update:,} ({found.path.name})")
    return Training(session, tracking, found, interrupt).run()


class Training:
    """One training, from the first update (or the one after the last saved) to the test."""

    def __init__(self, session: Session, tracking: Tracking, found: Saved | None, interrupt: Interrupt) -> None:
        self.session = session
        self.tracking = tracking
        self.found = found
        self.interrupt = interrupt
        settings = session.settings
        loader = settings.loader
        maker, batches = session.training_batches()
        updates = count_updates(batches, settings.trainer)
        workers, on_gpu = loader.num_workers, session.device == "cuda"
        self.loader = ResumableLoader(maker, batches, workers, on_gpu)
        if found is not None:
            self.loader.load_state_dict(found.state["position"])
        self.pace = Pace(self.loader, settings.trainer, updates)
        begin_together(session.task)
        if settings.trainer.strategy == "fsdp" and group.together():
            shard(session.task, session.device)
        self.module = TrainingModule(
            session.task,
            self._make_optimizer,
            session.assembly.make("schedule"),
            updates,
            settings.trainer.decay,
            settings.trainer.gradient_clip_norm,
            settings.trainer.compile,
            session.groups,
            settings.trainer.max_skipped_updates,
        )
        metric = f"valid/{session.task.main_metric}" if "valid" in session.splits else None
        self.checkpoints = Checkpoints(
            session.folder / FOLDER,
            session.description,
            metric,
            session.task.higher_is_better,
            settings.trainer,
            interrupt,
            self.pace,
            found.path if found else None,
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
        status, metrics = "failed", {}
        self.tracking.start()
        if self.tracking.wants_pictures:
            self.module.watch = AttentionWatch(session.task)
        try:
            with self.interrupt.waiting(), self.module.memory.told_of():
                self._train(settings)
            self.interrupt.check()
            self.checkpoints.check_saved()
            if not settings.fast_dev_run:
                metrics = self._metrics()
            status = "finished"
        except InterruptedRunError:
            status = "interrupted"
        finally:
            # The training and its checkpoints are worth more than this line of its record.
            with suppress(OSError) if group.rank() == 0 else nullcontext():
                update_record(session.folder, {"status": status})
            notes = self.tracking.finish(status)
        self.checkpoints.check_saved()  # where it is interrupted
        checkpoint = self.checkpoints.path()
        return RunResult(session.folder, checkpoint if checkpoint.exists() else None, metrics, status, notes)

    def _train(self, settings: TrainerSettings) -> None:
        session = self.session
        valid = None
        if "valid" in session.splits:
            self.module.valid_records = session.splits["valid"].records
            valid = session.evaluation_loader("valid")
        told = (*pruning(session.folder), self.tracking)
        callbacks = [self.pace, self.module.skips, *session.assembly.make_all("callback"), *told]
        if settings.progress != "none" and group.rank() == 0:
            callbacks.append(ProgressReport(settings.progress, settings.max_epochs, session.task.main_metric))
        trainer = make_trainer(
            settings, session.device, session.precision, session.folder, [*callbacks, self.checkpoints]
        )
        path = self.found.path if self.found else None
        seed_apart(session.settings.seed, group.rank())
        trainer.fit(self.module, self.pace.train_dataloaders, valid, ckpt_path=path, weights_only=True)

    def _metrics(self) -> dict[str, float]:
        """Metrics of the best checkpoint: on validation as measured then, on the test split as measured now."""
        group.barrier()  # the first process may still be naming the best
        content = file.load_mapped(self.checkpoints.path())
        metrics = {name: value for name, value in content[file.KEY]["metrics"].items() if name.startswith("valid/")}
        session = self.session
        load_weights(session.task, task_weights(content))
        # A run that `max_updates` ends within an epoch has not been validated yet.
        missing: list[Split] = ["valid"] if "valid" in session.splits and not metrics else []
        if session.settings.test and "test" in session.splits:
            missing.append("test")
        for split in missing:
            scores = evaluate_split(session, split, self.module.watch)
            metrics |= self.tracking.record_final(split, scores, content)
        self.tracking.checkpoint(self.checkpoints.path(), metrics, content)
        return metrics


def evaluate_split(session: Session, split: Split, watch: AttentionWatch | None = None) -> Scores:
    """The scores of the task on a split.

    Args:
        watch: sees what the attention of the first batch looks at.
    """
    device = torch.device(session.device)
    task = session.task.to(device).eval()
    evaluation, memory = Evaluation(task), BatchInMemory()
    with answering(session.precision, session.device), memory.told_of():
        for batch in session.evaluation_loader(split):
            memory.now(f"the {split} split", batch)
            moved = {name: tensor.to(device) for name, tensor in batch.items()}
            with watch.watching(moved) if watch and not evaluation.predictions else nullcontext():
                outputs = task(moved)
            evaluation.add(outputs, moved)
    evaluation.gather()
    records = session.splits[split].records
    if session.settings.save_predictions and not task.streams and group.rank() == 0:
        save(session.folder, split, task, *evaluation.joined(records))
    scores = evaluation.scores(records)
    return replace(scores, drawings=scores.drawings | watch.drawings()) if watch else scores


def task_weights(content: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The task's part of a checkpoint's weights."""
    prefix = "task."
    return {name.removeprefix(prefix): item for name, item in content["state_dict"].items() if name.startswith(prefix)}


def seed_everything(seed: int) -> None:
    """Seed every generator that a plugin may use."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def seed_apart(seed: int, rank: int) -> None:
    """Let what a process draws from now on, for dropout say, differ from what the first one draws."""
    if rank:
        seed_everything(int(np.random.SeedSequence([seed, rank]).generate_state(1)[0]))


def _run_part(config: Config) -> Config:
    return {item.name: config[item.name] for item in class_signature(RunSettings).settings if item.name in config}
