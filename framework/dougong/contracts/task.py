"""The contract of a task plugin."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from dougong.contracts.encoder import Encoder
from dougong.data.records import Record

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
    """

    metrics: dict[str, float]
    tables: dict[str, list[list[Any]]] = field(default_factory=dict)


class Task(nn.Module):
    """Head, loss, decoding and metrics; owns the encoder, and turns records into tensors and predictions back.

    `accepts` is the record type it takes, `main_metric` the metric that names the best checkpoint, `higher_is_better`
    its direction, and `needs` what it asks of an attention ("causal", say).
    """

    accepts: ClassVar[type[Record]]
    main_metric: ClassVar[str] = "loss"
    higher_is_better: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    encoder: Encoder

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
        """Turn records into examples: `tokens` and other whole numbers or lists of them, by name."""

    def padding_values(self) -> dict[str, int]:
        """What fills up the shorter rows of each column of a batch; 0 where nothing is said."""
        return {"tokens": self.encoder.tokenizer.padding_id}

    @abstractmethod
    def forward(self, batch: Batch) -> Any:
        """Run the network: whatever `loss` and `predict` need."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Batch) -> Loss:
        """The loss of a batch, as a sum with its weight."""

    @abstractmethod
    def predict(self, outputs: Any, batch: Batch) -> list[Prediction]:
        """One prediction an example, in the fields of the records it was trained on, as plain values."""

    @abstractmethod
    def score(self, predictions: Sequence[Prediction], records: Sequence[Any]) -> Scores:
        """Metrics of predictions against the records that they were made for."""
