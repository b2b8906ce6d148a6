"""The search from both ends finds what the published procedure finds, sentence by sentence and without memory."""

import numpy as np
import pytest
import torch

import dougong
from dougong.contracts.decoder import Source
from dougong.nn.meeting import Meeting
from dougong.testing.texts import TEXTS
from dougong_plugins.task.generation.beam import Ends
from dougong_plugins.task.generation.two_way import search_both

DIM, VOCABULARY, LENGTH, LENGTHS = 16, 12, 7, (9, 5, 2)
ENDS = Ends(2, 3, [0, 1, 4])
KINDS = pytest.mark.parametrize("kind", ["lstm", "gru", "full", "local"])


class Network:
    """Two decoders that meet, on drawn weights."""

    def __init__(self, kind, seed):
        torch.manual_seed(seed)
        tokenizer = dougong.create("tokenizer", "character")
        tokenizer.fit(TEXTS * 3)
        embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=DIM)
        self.decoders = [self.decoder(kind, embedding).double().eval() for _ in range(2)]
        self.meetings = [Meeting(DIM, 4, 0.0).double().eval() for _ in range(2)]
        self.words = torch.nn.Linear(DIM, VOCABULARY).double()
        torch.nn.init.normal_(self.words.weight)
        states = torch.randn(len(LENGTHS), max(LENGTHS), DIM, dtype=torch.float64)
        self.source = Source(states, torch.arange(max(LENGTHS)) >= torch.tensor(LENGTHS)[:, None])

    @staticmethod
    def decoder(kind, embedding):
        if kind in ("lstm", "gru"):
            return dougong.create("decoder", "recurrent", embedding=embedding, cell=kind)
        attention = dougong.create("attention", kind)
        return dougong.create(
            "decoder", "transformer", embedding=embedding, decoder_attention=lambda layer: attention, layers=2
        )

    def probabilities(self, left, right, number):
        """(V,) what comes next on a path from the left and on one from the right, all of both being read."""
        source = self.source.rows(torch.tensor([number]))
        own, other = self.decoders[0](torch.tensor([left]), source), self.decoders[1](torch.tensor([right]), source)
        met = self.meetings[0](own, other), self.meetings[1](other, own)
        return [self.words(states)[0, -1].softmax(-1).numpy() for states in met]


def literal(network, number, size):
    """(tokens, score): `gen_sent` of kexue.fm/archives/6877 in words, what is written being cut at its end."""
    left, right = [[ENDS.start]] * size, [[ENDS.end]] * size
    left_scores, right_scores = [0.0] * size, [0.0] * size
    for step in range(LENGTH):
        pairs = [[network.probabilities(one, other, number) for other in right] for one in left]
        likely = [np.array([[pair[side] for pair in row] for row in pairs]) for side in (0, 1)]
        left, left_scores = extended(left, left_scores, likely[0].mean(1), {ENDS.start, *ENDS.never}, step)
        right, right_scores = extended(right, right_scores, likely[1].mean(0), {ENDS.end, *ENDS.never}, step)
        one, other = int(np.argmax(left_scores)), int(np.argmax(right_scores))
        if left[one][-1] == ENDS.end and left_scores[one] >= right_scores[other]:
            break
        if right[other][-1] == ENDS.start and right_scores[other] >= left_scores[one]:
            return cut(right[other][1:], ENDS.start)[::-1], right_scores[other]
    if left_scores[one] >= right_scores[other]:
        return cut(left[one][1:], ENDS.end), left_scores[one]
    return cut(right[other][1:], ENDS.start)[::-1], right_scores[other]


def extended(paths, scores, likely, barred, step):
    logs = np.log(likely + 1e-6)
    logs[:, sorted(barred)] = -np.inf
    size, found = len(paths), []
    for number in range(size if step else 1):  # at first all paths are the same
        for token in logs[number].argsort()[-size:]:
            found.append((scores[number] + logs[number, token], [*paths[number], int(token)]))
    best = sorted(found, key=lambda item: item[0])[-size:]
    return [path for _, path in best], [score for score, _ in best]


def cut(tokens, end):
    return tokens[: tokens.index(end)] if end in tokens else tokens


@KINDS
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_it_writes_what_the_published_procedure_writes(size, kind):
    for seed in range(2):
        network = Network(kind, seed)
        with torch.no_grad():
            found = search_both(
                network.decoders,
                network.meetings,
                network.source,
                lambda states, live, words=network.words: words(states),
                ENDS,
                size,
                LENGTH,
            )
            for number, (tokens, score) in enumerate(found):
                expected, its_score = literal(network, number, size)
                assert tokens == expected
                assert score == pytest.approx(its_score, abs=1e-6)


@KINDS
def test_each_direction_sees_only_what_is_as_old_of_the_other(kind):
    network = Network(kind, 0)
    own, other = torch.randn(2, 1, 6, DIM, dtype=torch.float64)
    later = other.clone()
    later[:, 4:] += 1.0
    before, after = network.meetings[0](own, other), network.meetings[0](own, later)
    assert before[:, :4].equal(after[:, :4])
    assert not torch.isclose(before[:, 4:], after[:, 4:]).all(-1).any()
