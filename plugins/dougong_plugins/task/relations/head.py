"""Subjects of a text, and the objects of a subject by relation: starts and ends, token by token."""

# Shapes: B batch, N length, D hidden dimension, R labels (relation and slot), S subjects of all texts.

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dougong.nn.boundaries import least_logit, nearest_spans, power_loss
from dougong.nn.conditional_norm import ConditionalNorm

SUBJECT_POWER, OBJECT_POWER = 2, 4

SCORES_AT_ONCE = 1 << 24
"""Scores of objects that are in memory at a time when all subjects of a batch are asked for."""


class RelationHead(nn.Module):
    """Scores subjects, then objects from states that a subject has conditioned.

    Args:
        dim: of the states.
        labels: how many pairs of relation and slot there are.
        start, end: the least probability of a start, and of an end.
        nested: whether a subject, or an object of one subject and label, may lie within another.
    """

    def __init__(self, dim: int, labels: int, start: float, end: float, nested: bool) -> None:
        super().__init__()
        self.labels = labels
        self.least = start, end
        self.nested = nested
        self.subject = nn.Linear(dim, 2)
        self.condition = ConditionalNorm(dim, 2 * dim)
        self.object = nn.Linear(dim, 2 * labels)
        for layer in (self.subject, self.object):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def subjects(self, states: Tensor) -> Tensor:
        """(B, N, D) states to (B, N, 2) logits of starts and ends."""
        return _widened(self.subject(states))

    def objects(self, states: Tensor, text: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """Logits of starts and ends of the objects of subjects.

        Args:
            states: (B, N, D).
            text, first, last: (S,) whose subject it is, and its first and last token.

        Returns:
            (S, N, 2, R)
        """
        condition = torch.cat([states[text, first], states[text, last]], -1)
        scores = self.object(self.condition(states[text], condition))
        return _widened(scores).view(text.size(0), states.size(1), 2, self.labels)

    def loss(self, states: Tensor, scores: Tensor, targets: Tensor, subject: Tensor, objects: Tensor) -> Tensor:
        """(B, N) losses: of subjects, and of the objects of one subject a text where it has one.

        Args:
            states: (B, N, D).
            scores: (B, N, 2) of the subjects.
            targets: (B, N, 2), True where a subject starts, or ends.
            subject: (B, 2) first and last token of the one subject; -1 where there is none.
            objects: (T, 4) its objects, in rows of text, label, first and last token.
        """
        total = power_loss(scores, targets, SUBJECT_POWER).sum(-1)
        asked = (subject[:, 0] >= 0).nonzero()[:, 0]
        found = self.objects(states, asked, *subject[asked].unbind(-1))
        expected = torch.zeros(len(subject), *found.shape[1:], dtype=torch.bool, device=found.device)
        text, label, first, last = objects.unbind(-1)
        expected[text, first, 0, label] = expected[text, last, 1, label] = True
        # As published, the mean of start and end.
        return total.index_add(0, asked, power_loss(found, expected[asked], OBJECT_POWER).sum((-2, -1))) / 2

    def decode(self, states: Tensor, scores: Tensor, padding_mask: Tensor | None) -> Tensor:
        """All triples of all texts.

        Args:
            states: (B, N, D).
            scores: (B, N, 2) of the subjects.
            padding_mask: (B, N), True at padding.

        Returns:
            (T, 6): text, label, first and last token of the subject, then of the object.
        """
        subjects = self._spans(scores.unsqueeze(-1), padding_mask, SUBJECT_POWER)[:, [0, 2, 3]]
        rows = [subjects.new_empty(0, 6)]
        for some in self._chunks(subjects, states.size(1)):
            text = some[:, 0]
            mask = None if padding_mask is None else padding_mask[text]
            found = self._spans(self.objects(states, *some.unbind(-1)), mask, OBJECT_POWER)
            of, label, first, last = found.unbind(-1)
            rows.append(torch.stack([text[of], label, some[of, 1], some[of, 2], first, last], -1))
        return torch.cat(rows)

    def _chunks(self, subjects: Tensor, length: int) -> Iterator[Tensor]:
        if len(subjects):
            yield from torch.split(subjects, max(1, SCORES_AT_ONCE // (2 * length * self.labels)))

    def _spans(self, scores: Tensor, padding_mask: Tensor | None, power: int) -> Tensor:
        """(B, N, 2, R) logits to (T, 4) rows of text, label, first and last token."""
        starts, ends = (
            scores[:, :, number] > least_logit(probability, power) for number, probability in enumerate(self.least)
        )
        if padding_mask is not None:
            starts, ends = (item & ~padding_mask[..., None] for item in (starts, ends))
        return nearest_spans(starts, ends, self.nested)


class Objects(nn.Module):
    """The objects of subjects as a network of its own, to be exported."""

    def __init__(self, head: RelationHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, states: Tensor, spans: Tensor) -> dict[str, Tensor]:
        """As `RelationHead.objects`; (S, 3) spans are the text of each subject, its first and its last token."""
        return {"objects": self.head.objects(states, *spans.unbind(-1))}


def _widened(scores: Tensor) -> Tensor:
    return scores if scores.dtype == torch.float64 else scores.float()
