"""The contract of a task plugin."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor, nn

from dougong.contracts.drawing import Drawing
from dougong.contracts.encoder import Encoder
from dougong.data.examples import Examples
from dougong.data.records import Record
from dougong.data.token_file import TokenStore

Facts = dict[str, Any]
Example = dict[str, Any]
Batch = dict[str, Tensor]
Prediction = dict[str, Any]


class Loss(NamedTuple):
    """A loss as a sum and what to divide it by, so that batches of any size add up exactly.

    Args:
        total: sum of the losses of all targets, a scalar.
        weight: how many targets it sums, a scalar.
    """

    total: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Scores:
    """What an evaluation found.

    Args:
        metrics: numbers by name.
        tables: tables by name, the first row being the header (a confusion matrix, say).
        drawings: what is to be looked at, by names that no table has; `Task.drawings` makes them.
    """

    metrics: dict[str, float]
    tables: dict[str, list[list[Any]]] = field(default_factory=dict)
    drawings: dict[str, Drawing] = field(default_factory=dict)


class Task(nn.Module):
    """Head, loss, decoding and metrics; owns the encoder, and turns records into tensors and predictions back.

    `accepts` is the record type it takes, `main_metric` the metric that names the best checkpoint, `higher_is_better`
    its direction, `needs` what it asks of an attention and of the encoder ("causal", say), and `supports` what it can
    tell beside its loss: "distributions", by the method of that name. `encodes_by` names the settings that `encode`
    depends on, None for all: where another changes, examples that were kept are taken again.

    A task that `streams` takes records that need not fit in memory: it is given them as an iterable, by `stream`, and
    scores without them. `takes_shards` says whether its weights may be spread over processes: not where the parts are
    called as often as a text that is written is long, which differs between processes.
    """

    accepts: ClassVar[type[Record]]
    main_metric: ClassVar[str] = "loss"
    higher_is_better: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = False
    supports: ClassVar[frozenset[str]] = frozenset()
    takes_shards: ClassVar[bool] = True
    encoder: Encoder
    encodes_by: ClassVar[frozenset[str] | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.noted: Counter[str] = Counter()

    @classmethod
    def study(cls, records: Iterable[Any]) -> Facts:
        """What has to be known of the training records to build the task (its classes, say), as plain values."""
        return {}

    @classmethod
    def texts(cls, record: Any) -> Iterable[str]:
        """The texts of a record that a tokenizer learns from."""
        return (record.text,)

    def problem(self, record: Any) -> str | None:
        """Why this record can't be trained or scored on, None where it can."""
        return None

    @abstractmethod
    def encode(self, records: Sequence[Any]) -> list[Example]:
        """Turn records into examples: `tokens` and other whole numbers or lists of them, by name.

        One example a record, in order; or one or more, of which each says in `record` which of `records` it is of
        (windows of a long text, say). `join` then makes one prediction of theirs.
        """

    def remarks(self) -> list[str]:
        """What the user should be told of the records that were encoded, a line each.

        What they tell of is what `encode` counted in `noted`, which comes with examples that are taken from a cache, or
        were encoded in other processes.
        """
        return []

    def stream(self, records: Iterable[Any], store: TokenStore) -> Examples:
        """Turn the records of a split into examples that lie in a file; for a task that `streams`, in place of
        `encode`, which then serves what is to be answered."""
        raise NotImplementedError(f"{type(self).__name__} says that it streams, and does not say how")

    def vary(self, example: Example, random: np.random.Generator) -> Example:
        """An example as training and evaluation see it, where that is random (masked, cropped, ...).

        Its tokens may be other in number; batches by length are made by those of `encode` or `stream`.

        Args:
            example: the columns of `encode` or `stream`, as arrays.
            random: a function of the seed, the epoch and the example's number; in evaluation, of seed and number alone.
        """
        return example

    def padding_values(self) -> dict[str, int]:
        """What fills up the shorter rows of each column of a batch; 0 where nothing is said."""
        return {"tokens": self.encoder.tokenizer.padding_id}

    @abstractmethod
    def forward(self, batch: Batch) -> Any:
        """Run the network: whatever `loss` and `predict` need."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Batch) -> Loss:
        """The loss of a batch, as a sum with its weight."""

    def distributions(self, outputs: Any, batch: Batch) -> Sequence[Tensor]:
        """What the outputs say of each target, so that two passes over a batch can be compared.

        Returns:
            (K, C) finite logits of K targets' C choices each; several where targets have different choices.
        """
        raise NotImplementedError(f"{type(self).__name__} does not tell its distributions")

    def network(self, batch: Batch) -> dict[str, Tensor]:
        """What an exported program computes of a batch as `answer` gets it, by name: what `forward` gives, as it is.

        Raises:
            UserError: nothing that has the same structure for every batch; a text that is written token by token, say.
        """
        outputs = self(batch)
        if isinstance(outputs, Tensor):
            return {"scores": outputs}
        return {name: value for name, value in outputs._asdict().items() if isinstance(value, Tensor)}

    def later_networks(self, found: dict[str, Tensor]) -> dict[str, tuple[nn.Module, dict[str, Tensor]]]:
        """Further programs, for what depends on the decisions made of the first: by name a module that takes tensors by
        keyword and gives a dictionary of them, with inputs to try it with.

        Args:
            found: what `network` gave.
        """
        return {}

    @abstractmethod
    def predict(self, outputs: Any, batch: Batch) -> list[Prediction]:
        """One prediction an example, as plain values: what `join` takes, and gives to `score`."""

    def answer(self, batch: Batch, records: Sequence[Any]) -> list[Prediction]:
        """One answer an example, for the user: the predictions, save where a task has more to say than it scores.

        Args:
            records: of each example, the record that it is of.
        """
        return self.predict(self(batch), batch)

    def join(self, predictions: Sequence[Prediction], record: Any) -> Prediction:
        """One prediction (or answer) for a record, of those for its examples, which come in the order of `encode`.

        Args:
            record: None for a task that streams.
        """
        (prediction,) = predictions
        return prediction

    @abstractmethod
    def score(self, predictions: Sequence[Prediction], records: Sequence[Any]) -> Scores:
        """Metrics of predictions against the records that they were made for (none for a task that `streams`)."""

    def drawings(self, predictions: Sequence[Prediction], records: Sequence[Any]) -> dict[str, Drawing]:
        """What is to be looked at after an evaluation: a confusion matrix, precision-recall curves. As `score`."""
        return {}
