"""Batches to try a network with, of texts that a tokenizer knows."""

import dataclasses

import numpy as np
import torch

from dougong.contracts.task import Batch, Task
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.inference.model import Model

LENGTHS = ((6, 11, 16), (9,), (21, 4, 13, 5))
"""Characters of the texts of each batch."""


def batches(model: Model) -> list[Batch]:
    """Several, which differ in all that may differ: how many texts there are, and how long."""
    return [_batch(model, lengths) for lengths in LENGTHS]


def _batch(model: Model, lengths: tuple[int, ...]) -> Batch:
    """A batch of texts that are of these many characters, about."""
    task = model.task
    words = _characters(task)
    fields = [item for item in dataclasses.fields(task.accepts) if item.default is dataclasses.MISSING]
    records = []
    for number, length in enumerate(lengths):
        # Every field another length, lest two dimensions be taken for one.
        texts = [(words * (number + 2 * length))[number:][: length * place] for place in range(1, len(fields) + 1)]
        given = {item.name: text if item.type is str else [text] for item, text in zip(fields, texts, strict=True)}
        records.append(model.as_record(given, "export"))
    examples = pack([task.encode(records)])
    batch = BatchMaker(examples, task.padding_values())[np.arange(len(examples))]
    batch.setdefault("padding_mask", torch.zeros(batch["tokens"].shape, dtype=torch.bool))
    return batch


def _characters(task: Task) -> str:
    """Characters that the tokenizer knows, as many as there are up to 64."""
    tokenizer = task.encoder.tokenizer
    usual = [number for number in range(tokenizer.size) if number not in set(tokenizer.special_ids)]
    text = "".join(tokenizer.decode([number]) for number in usual[:256])
    return "".join(character for character in text if character.isalnum())[:64] or "木"
