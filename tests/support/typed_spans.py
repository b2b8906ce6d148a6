"""A network that knows, for tasks that find typed spans, and tokenizers that make it hard to say where they are."""

import numpy as np
import pytest
import tokenizers
import torch

from dougong.contracts.tokenizer import END, START, Tokenizer
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.nn.span_pointer import PointerScores
from dougong.training.evaluation import Evaluation
from dougong_plugins.task.typed_spans.task import SpanTask
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer


class Normalising(Tokenizer):
    """Tells nothing apart that can be confused: form, case, accents, and what has no width."""

    def learn(self, texts):
        normalise = tokenizers.normalizers
        core = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "[PAD]": 1, START: 2, END: 3}, "[UNK]"))
        core.normalizer = normalise.Sequence(
            [normalise.NFKD(), normalise.StripAccents(), normalise.Lowercase(), normalise.Replace("\u200b", "")]
        )
        core.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\w+|\W"), "isolated")
        return core


TOKENIZERS = pytest.mark.parametrize(
    "kind", [CharacterTokenizer, ByteTokenizer, WordPieceTokenizer, Normalising], ids=lambda kind: kind.__name__
)


def oracle(made: SpanTask, batch):
    """The scores of a network that knows."""
    if made.flat:
        return 50.0 * torch.nn.functional.one_hot(batch["tags"].long(), len(made.tags)).float()
    number, length = batch["tags"].shape
    start, end = torch.full((2, number, length, len(made.tags.types)), -9.0)
    match = torch.full((number, length, length), -9.0)
    for text, spans in enumerate(batch["spans"].reshape(number, -1, 3).tolist() if batch["spans"].numel() else []):
        for kind, first, last in spans:
            if kind >= 0:
                start[text, first, kind] = end[text, last, kind] = match[text, first, last] = 9.0
    return PointerScores(start, end, match)


def evaluate(made: SpanTask, records, size: int = 3):
    """The predictions of a network that knows, and their scores."""
    examples = pack([made.encode(records)])
    maker, evaluation = BatchMaker(examples, made.padding_values()), Evaluation(made)
    for begin in range(0, len(examples), size):
        batch = maker[np.arange(begin, min(begin + size, len(examples)))]
        with torch.no_grad():
            evaluation.add(oracle(made, batch), batch)
    scores = evaluation.scores(records)
    joined = [
        made.join([part[key] for key in sorted(part)], item)
        for part, item in zip((evaluation.predictions[number] for number in range(len(records))), records, strict=True)
    ]
    return joined, scores
