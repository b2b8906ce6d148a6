"""Beam search finds what a literal, one-sentence search in plain Python finds."""

import math

import pytest
import torch

from dougong.contracts.decoder import Decoder, Source
from dougong_plugins.task.generation.beam import Beam, Ends, repeats, search

START, END, VOCABULARY, SOURCES = 0, 1, 5, 6
ENDS = Ends(START, END, [START])


class Told(Decoder):
    """Logits that are drawn for each prefix and source."""

    def __init__(self):
        super().__init__()
        self.dim = VOCABULARY
        self.drawn = {}

    def logits(self, prefix, source):
        key = (tuple(prefix), source)
        if key not in self.drawn:
            dice = torch.Generator().manual_seed(hash(key) % 2**31)
            self.drawn[key] = 2 * torch.randn(VOCABULARY, generator=dice, dtype=torch.float64)
        return self.drawn[key]

    def forward(self, tokens, source):
        rows = zip(tokens.tolist(), source.states[:, 0, 0].tolist(), strict=True)
        return torch.stack(
            [torch.stack([self.logits(row[: end + 1], number) for end in range(len(row))]) for row, number in rows]
        )

    def looks(self, tokens, source):
        raise NotImplementedError


def literal(decoder, source, beam):
    """(tokens, score) of each target, as the definition says it."""
    paths, ended = [((), 0.0)], []
    for step in range(1, beam.length + 1):
        candidates = []
        for tokens, log in paths:
            logits = decoder.logits([START, *tokens], source).clone()
            logits[START] = -math.inf
            for token in range(VOCABULARY):
                written = (*tokens, token)
                run = written[len(written) - beam.no_repeat :]
                earlier = [written[at : at + beam.no_repeat] for at in range(len(tokens) - beam.no_repeat + 1)]
                if beam.no_repeat and run in earlier:
                    logits[token] = -math.inf
            for token, value in enumerate(logits.log_softmax(-1).tolist()):
                if value > -math.inf:
                    candidates.append((log + value, tokens, token))
        candidates.sort(key=lambda item: -item[0])
        paths = []
        for rank, (log, tokens, token) in enumerate(candidates[: 2 * beam.size]):
            if token == END and rank < beam.size:
                ended.append((tokens, log / step**beam.length_penalty))
            elif token != END and len(paths) < beam.size:
                paths.append(((*tokens, token), log))
        ended = sorted(ended, key=lambda item: -item[1])[: beam.size]
        if not paths or (len(ended) == beam.size and ended[-1][1] >= paths[0][1] / step**beam.length_penalty):
            return ended
    if len(ended) < beam.size:
        ended += [(tokens, log / beam.length**beam.length_penalty) for tokens, log in paths]
    return sorted(ended, key=lambda item: -item[1])[: beam.size]


@pytest.mark.parametrize("no_repeat", [0, 1, 2, 3])
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_all_sources_at_once_are_searched_as_one_by_one(size, length_penalty, no_repeat):
    decoder, beam = Told(), Beam(size, 6, length_penalty, no_repeat)
    sources = torch.arange(float(SOURCES)).view(-1, 1, 1)
    found = search(decoder, Source(sources), lambda states, live: states, ENDS, beam)
    for number in range(SOURCES):
        expected = literal(decoder, float(number), beam)
        assert [tuple(item.tokens) for item in found[number]] == [tokens for tokens, _ in expected]
        assert [item.score for item in found[number]] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_with_as_many_paths_as_there_are_targets_the_likeliest_is_found():
    decoder, length = Told(), 3
    beam = Beam(4**length, length, 0.0)
    (found,) = search(decoder, Source(torch.zeros(1, 1, 1)), lambda states, live: states, ENDS, beam)

    def targets(tokens=(), log=0.0):
        logits = decoder.logits([START, *tokens], 0.0).clone()
        logits[START] = -math.inf
        for token, value in enumerate(logits.log_softmax(-1).tolist()):
            if token == END:
                yield log + value, tokens
            elif value > -math.inf and len(tokens) + 1 < length:
                yield from targets((*tokens, token), log + value)

    score, tokens = max(targets())
    whole = [item for item in found if len(item.tokens) < length]
    assert tuple(whole[0].tokens) == tokens
    assert whole[0].score == pytest.approx(score, abs=1e-5)


def test_nothing_that_is_barred_is_written():
    found = search(
        Told(),
        Source(torch.arange(4.0).view(-1, 1, 1)),
        lambda states, live: states,
        Ends(START, END, [0, 3]),
        Beam(3, 8),
    )
    assert all(0 not in item.tokens and 3 not in item.tokens for items in found for item in items)


def test_a_repeated_run_is_found_however_long_ago_it_was():
    tokens = torch.tensor([[[2, 3, 4, 2, 3], [2, 3, 2, 4, 4]]])
    assert repeats(tokens, 3, 5).nonzero().tolist() == [[0, 0, 4]]
    assert repeats(tokens, 2, 5).nonzero().tolist() == [[0, 0, 4], [0, 1, 4]]
    assert repeats(tokens, 6, 5) is None
    assert repeats(tokens, 0, 5) is None
