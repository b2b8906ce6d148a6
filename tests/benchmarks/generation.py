"""Speed of writing: against Transformers' `generate`, and from both ends against from one.

    OMP_NUM_THREADS=2 python tests/benchmarks/generation.py [peer] [directions] [caches]

Contenders take turns in one process; what is printed are medians of the least disturbed turns. `peer` needs
`transformers`.
"""

import sys
import time
from collections.abc import Callable

import torch
from pairs import compare

import dougong
from dougong.contracts.decoder import Decoder
from dougong.training.precision import autocast, choose
from dougong_plugins.task.bidirectional_seq2seq import BidirectionalSequenceToSequence
from dougong_plugins.task.generation.beam import Ends
from dougong_plugins.task.generation.source_target import SourceTargetTask
from dougong_plugins.task.seq2seq import SequenceToSequence
from dougong_plugins.tokenizer.character import CharacterTokenizer

BATCH, SOURCE, TARGET, WIDTH, LAYERS, HEADS, WORDS = 16, 64, 64, 256, 4, 4, 5000
PRECISION = choose("auto", "cpu")[0]


def writer(kind: str, beam_size: int, decoder: str = "transformer") -> SourceTargetTask:
    """A task of random weights, none of whose targets ends before its length."""
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(["".join(chr(0x4E00 + number) for number in range(WORDS))])
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=WIDTH)

    def attention(layer: int) -> object:
        return dougong.create("attention", "full")

    encoder = dougong.create(
        "encoder", "transformer", embedding=embedding, attention=attention, layers=LAYERS, heads=HEADS
    )

    def made(number: int) -> Decoder:
        parts = {"decoder_attention": attention, "layers": LAYERS} if decoder == "transformer" else {"layers": 2}
        return dougong.create("decoder", decoder, embedding=embedding, heads=HEADS, **parts)

    sizes = {"max_source_length": SOURCE, "max_length": TARGET - 1, "beam_size": beam_size}
    task: SourceTargetTask
    if kind == "seq2seq":
        task = SequenceToSequence(encoder, made(0), {}, **sizes)
    else:
        task = BidirectionalSequenceToSequence(encoder, made, {}, **sizes)
    start, end, never = task.ends
    task.ends = Ends(start, end, [*never, start, end])
    return task.eval()


def sources() -> torch.Tensor:
    """(B, M) tokens."""
    return torch.randint(10, WORDS, (BATCH, SOURCE), generator=torch.Generator().manual_seed(0))


def timed(task: SourceTargetTask, precision: str) -> Callable[[], float]:
    """Writes a batch; answers with the seconds that it took."""
    batch = {"tokens": sources()}

    def step() -> float:
        begin = time.perf_counter()
        with torch.no_grad(), autocast(precision, "cpu"):
            task.answer(batch, ())
        return time.perf_counter() - begin

    return step


def generate(beam_size: int) -> Callable[[], float]:
    """Transformers' BART of equal sizes, in float32."""
    from transformers import BartConfig, BartForConditionalGeneration

    torch.manual_seed(0)
    sizes = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in PARTS.items()}
    config = BartConfig(vocab_size=WORDS, d_model=WIDTH, max_position_embeddings=512, **sizes)
    model = BartForConditionalGeneration(config).eval()
    tokens = sources()
    forced = {"num_beams": beam_size, "min_new_tokens": TARGET, "max_new_tokens": TARGET, "do_sample": False}

    def step() -> float:
        begin = time.perf_counter()
        with torch.inference_mode():
            found = model.generate(tokens, attention_mask=torch.ones_like(tokens), **forced)
        assert found.size(1) == TARGET + 1
        return time.perf_counter() - begin

    return step


PARTS = {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": 4 * WIDTH}


def peer() -> None:
    """`seq2seq` against `generate`, beams of 1 and 3."""
    print(f"{BATCH} sources of {SOURCE} tokens, {TARGET} tokens each, {LAYERS} + {LAYERS} layers of width {WIDTH}:")
    for beam_size in (1, 3):
        base = generate(beam_size)
        for precision in dict.fromkeys(("32", PRECISION)):
            found = compare(timed(writer("seq2seq", beam_size), precision), base)
            rate = 1000 * BATCH * TARGET / found.milliseconds
            print(f"  beam {beam_size}: generate {rate:.0f} tokens/s, seq2seq in {precision} {rate * found.ratio:.0f}")
            print(f"    {found.ratio:.2f} times as many; other programs took at most {found.others:.0%}")


def directions() -> None:
    """From both ends against from one, with equal decoders and beams."""
    for decoder in ("transformer", "recurrent"):
        for size in (1, 3, 4):
            one, both = (timed(writer(kind, size, decoder), PRECISION) for kind in ("seq2seq", "bidirectional_seq2seq"))
            found = compare(one, both)
            print(f"  {decoder}, beam {size}, {PRECISION}: both ends take {found.ratio:.2f} times as long as one")


def caches() -> None:
    """A decoder that remembers against one that reads all again for each token."""
    remembering, rereading = (writer("seq2seq", 3) for _ in range(2))
    decoder = type(rereading.decoder)
    plain = type("Rereading", (decoder,), {"begin": Decoder.begin, "step": Decoder.step})
    rereading.decoder.__class__ = plain
    found = compare(timed(remembering, PRECISION), timed(rereading, PRECISION))
    print(f"  beam 3: without caches it takes {found.ratio:.2f} times as long")


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["peer", "directions", "caches"]
    for name, run in (("peer", peer), ("directions", directions), ("caches", caches)):
        if name in chosen:
            run()
