"""The settings that belong to no plugin: the run, the trainer, the loader. Their constructors are their schema."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True)
class TrainerSettings:
    """How the training runs.

    Args:
        accelerator: where to run.
        precision: "auto" takes bf16 where the hardware has instructions for it.
        max_epochs: passes over the training data.
        max_updates: stop after this many updates of the weights; null for no such limit.
        accumulate_grad_batches: batches an update; equals one batch of their joint size.
        gradient_clip_norm: scale the gradient down to this norm; null to leave it.
        validate_every: updates between validations; null for once an epoch.
        log_every: updates between two entries of the training metrics.
        decay: "matrices" spares biases, normalisation and embeddings from weight decay; "all" spares none.
        progress: a live bar in a terminal ("auto"), plain lines, or nothing.
        fast_dev_run: run this many batches of everything and stop; 0 to train.
        detect_anomaly: say which operation made a NaN, at a cost.
        compile: compile the model with torch.compile.
        save_every: updates between saves of the last checkpoint, which is saved at each validation as well.
        save_minutes: minutes between saves; null for none by the clock.
        keep_last: how many of the checkpoints that were saved last are kept, beside the best.
        max_skipped_updates: updates in a row that may be left out, since their gradients are not finite, before the
            training stops; 0 to stop at the first.
        strategy: "single" trains in one process; in "ddp" several share each batch and add up their gradients; in
            "fsdp" each also holds only a part of the weights.
        sharded_checkpoints: in "fsdp", have each process save its own part of the weights and of the optimizer's state,
            instead of collecting all in the first.
        devices: how many processes, each with a GPU where there are any; null for as many as there are GPUs, or 2.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["auto", "32", "bf16", "16", "64"] = "auto"
    max_epochs: Annotated[int, Ge(1)] = 5
    max_updates: Annotated[int, Ge(1)] | None = None
    accumulate_grad_batches: Annotated[int, Ge(1)] = 1
    gradient_clip_norm: Annotated[float, Gt(0)] | None = 1.0
    validate_every: Annotated[int, Ge(1)] | None = None
    log_every: Annotated[int, Ge(1)] = 10
    decay: Literal["matrices", "all"] = "matrices"
    progress: Literal["auto", "bar", "lines", "none"] = "auto"
    fast_dev_run: Annotated[int, Ge(0)] = 0
    detect_anomaly: bool = False
    compile: bool = False
    save_every: Annotated[int, Ge(1)] | None = None
    save_minutes: Annotated[float, Gt(0)] | None = 10.0
    keep_last: Annotated[int, Ge(1)] = 2
    max_skipped_updates: Annotated[int, Ge(0)] = 5
    strategy: Literal["single", "ddp", "fsdp"] = "single"
    sharded_checkpoints: bool = False
    devices: Annotated[int, Ge(1)] | None = None


@dataclass(frozen=True)
class LoaderSettings:
    """How examples become batches.

    Args:
        batch_size: examples a batch; several processes share them.
        batch_tokens: at most this many tokens a batch, padding included, instead of `batch_size` examples.
        bucket_batches: batches that are sorted by length together; 1 turns length buckets off.
        num_workers: processes that make batches; 0 for the training process itself.
        records_in_memory: records that are held in memory, of a split that has no more; a larger one is read from its
            files whenever it is needed, and its examples are kept in files.
        cache: a folder that keeps encoded examples for other runs, under the digest of all that they depend on; null
            keeps those that do not fit in memory in the run's own folder.
        encode_processes: processes that encode records.
        shuffle_buffer: encode nothing beforehand: make examples as they are needed, of records that are shuffled within
            a buffer of so many; null encodes all first, and shuffles all.
    """

    batch_size: Annotated[int, Ge(1)] = 32
    batch_tokens: Annotated[int, Ge(1)] | None = None
    bucket_batches: Annotated[int, Ge(1)] = 50
    num_workers: Annotated[int, Ge(0)] = 0
    records_in_memory: Annotated[int, Ge(0)] = 100_000
    cache: str | None = None
    encode_processes: Annotated[int, Ge(1)] = 1
    shuffle_buffer: Annotated[int, Ge(1)] | None = None


@dataclass(frozen=True)
class GroupSettings:
    """What holds for the parameters that a pattern matches; what is left null is as for all others.

    Args:
        lr_scale: their learning rate is the optimizer's, and the schedule's, times this.
        weight_decay: their weight decay.
        freeze: whether they stay as they are.
        freeze_until: updates for which they stay as they are; below 1, their share of all updates.
    """

    lr_scale: Annotated[float, Gt(0)] | None = None
    weight_decay: Annotated[float, Ge(0)] | None = None
    freeze: bool | None = None
    freeze_until: Annotated[float, Gt(0)] | None = None


@dataclass(frozen=True)
class OptimizerSettings:
    """What every optimizer can be told beside its own settings.

    Args:
        groups: parameters by pattern that have a learning rate (lr_scale), weight_decay of their own, freeze or
            freeze_until.
        layer_decay: factor of the learning rate from each layer to the one below; null for one rate.
    """

    groups: dict[str, GroupSettings] = field(default_factory=dict)
    layer_decay: Annotated[float, Gt(0), Le(1)] | None = None


@dataclass(frozen=True)
class TokenizerSettings:
    """What every tokenizer can be told beside its own settings.

    Args:
        pretrained: a checkpoint of Dougong's whose tokenizer is taken as it is; nothing is then learnt of the texts.
    """

    pretrained: str | None = None


@dataclass(frozen=True)
class RunSettings:
    """What every run has.

    Args:
        seed: of the weights, the order of the data, dropout.
        plugin_path: folders (or files) of plugins of your own.
        resume: a run folder to go on with; "auto" for the newest unfinished one of the same configuration.
        on_changed_data: whether a run is resumed where its data is not what it began with.
        test: evaluate the best checkpoint on the test split at the end, where there is one.
        save_predictions: keep the score of each test record, and what was predicted wrong, for `dougong report`.
    """

    seed: Annotated[int, Ge(0)] = 0
    plugin_path: list[str] = field(default_factory=list)
    resume: str | None = None
    on_changed_data: Literal["error", "accept"] = "error"
    test: bool = True
    save_predictions: bool = True
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    loader: LoaderSettings = field(default_factory=LoaderSettings)
