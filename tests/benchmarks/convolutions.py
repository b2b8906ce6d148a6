"""Speed of the gated convolutions: against a transformer, in the ways that there are to compute them, and in batches.

    OMP_NUM_THREADS=2 python tests/benchmarks/convolutions.py [encoders] [layouts] [passages]

Contenders take turns in one process; what is printed are medians of the least disturbed turns.
"""

import sys
import time
from collections.abc import Callable

import torch
from pairs import compare
from torch import Tensor, nn
from torch.nn import functional

import dougong
from dougong.compose.settings import LoaderSettings
from dougong.data.records import SpanQuestion
from dougong.inference.model import Model
from dougong.nn.gated_convolution import GatedConvolution
from dougong.training.precision import autocast, choose
from dougong_plugins.task.classification import Classification
from dougong_plugins.task.passage_qa import PassageQa
from dougong_plugins.tokenizer.character import CharacterTokenizer

BATCH, LENGTH, WIDTH, LAYERS = 32, 256, 256, 4
PRECISION = choose("auto", "cpu")[0]


def tokenizer() -> CharacterTokenizer:
    """Of 3,000 characters."""
    made = CharacterTokenizer(min_count=1)
    made.fit(["".join(chr(0x4E00 + number) for number in range(3000))])
    return made


def classifier(name: str) -> nn.Module:
    """A classifier of four layers of width 256."""
    torch.manual_seed(0)
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer(), dim=WIDTH)
    if name == "transformer":
        parts = {"attention": lambda layer: dougong.create("attention", "full"), "layers": LAYERS}
    else:
        parts = {"dilations": (1, 2, 4, 8)}
    encoder = dougong.create("encoder", name, embedding=embedding, **parts)
    return Classification(encoder, {"classes": ["a", "b"]}, max_length=LENGTH)


def training(name: str) -> Callable[[], float]:
    """One update; answers with the seconds it took."""
    task = classifier(name)
    optimizer = torch.optim.AdamW(task.parameters(), 1e-3, fused=True)
    lengths = torch.randint(LENGTH * 3 // 4, LENGTH + 1, (BATCH,))
    lengths[0] = LENGTH
    batch = {"tokens": torch.randint(5, 3000, (BATCH, LENGTH)), "label": torch.randint(0, 2, (BATCH,))}
    batch["padding_mask"] = torch.arange(LENGTH) >= lengths[:, None]

    def step() -> float:
        begin = time.perf_counter()
        with autocast(PRECISION, "cpu"):
            loss = task.loss(task(batch), batch)
        loss.total.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - begin

    return step


def encoders() -> None:
    """Training with dgcnn against training with a transformer of equal width and depth."""
    found = compare(training("dgcnn"), training("transformer"))
    ours = found.milliseconds / found.ratio
    print(f"training, batch {BATCH} x {LENGTH}, width {WIDTH}, {LAYERS} layers, {PRECISION}:")
    print(f"  dgcnn       {1000 * BATCH / ours:7.1f} examples/s  {found.ratio:.2f} times as many")
    print(f"  transformer {1000 * BATCH / found.milliseconds:7.1f} examples/s")


def rows_first(layer: GatedConvolution, states: Tensor) -> Tensor:
    """conv1d, whose channels lie apart."""
    kernel = layer.weight.view(2 * WIDTH, 3, WIDTH).transpose(1, 2)
    found = functional.conv1d(
        states.transpose(1, 2), kernel, layer.bias, padding=layer.dilation, dilation=layer.dilation
    )
    return found.transpose(1, 2)


def unfolded(layer: GatedConvolution, states: Tensor) -> Tensor:
    """One product of three neighbours side by side."""
    step, length = layer.dilation, states.size(1)
    padded = functional.pad(states, (0, 0, step, step))
    return functional.linear(
        torch.cat([padded[:, place * step : place * step + length] for place in range(3)], -1), layer.weight, layer.bias
    )


def shifted(layer: GatedConvolution, states: Tensor) -> Tensor:
    """Three products of shifted views, summed."""
    step, length = layer.dilation, states.size(1)
    padded = functional.pad(states, (0, 0, step, step))
    weights = layer.weight.view(2 * WIDTH, 3, WIDTH).unbind(1)
    parts = [
        functional.linear(padded[:, place * step : place * step + length], weight)
        for place, weight in enumerate(weights)
    ]
    return parts[0] + parts[1] + parts[2] + layer.bias


def layouts() -> None:
    """One layer's convolutions, forwards and backwards, each way against the one that is taken."""
    layer = GatedConvolution(WIDTH, 3, 2)
    states = torch.randn(BATCH, LENGTH, WIDTH, requires_grad=True)

    def timed(way: Callable[[GatedConvolution, Tensor], Tensor]) -> Callable[[], float]:
        def step() -> float:
            begin = time.perf_counter()
            with autocast(PRECISION, "cpu"):
                found = way(layer, states)
            found.float().sum().backward()  # type: ignore[no-untyped-call]
            return time.perf_counter() - begin

        return step

    print(f"convolutions of one layer, {BATCH} x {LENGTH} x {WIDTH}, {PRECISION}, times of the one that is taken:")
    taken = timed(GatedConvolution.convolve)
    for way in (rows_first, unfolded, shifted):
        found = compare(taken, timed(way))
        print(f"  {way.__name__:11} {found.ratio:.2f} ({found.milliseconds:.1f} ms)")


def passages(count: int = 10, length: int = 250, questions: int = 8) -> None:
    """Answering questions with ten passages each, all in batches against passage by passage."""
    for width in (64, 128):
        torch.manual_seed(0)
        embedding = dougong.create("embedding", "token", tokenizer=tokenizer(), dim=width, positions="none")
        task = PassageQa(dougong.create("encoder", "dgcnn", embedding=embedding), {})
        model = Model(task, {"seed": 0}, LoaderSettings(), PRECISION)
        texts = [
            "".join(chr(0x4E00 + int(number)) for number in torch.randint(0, 3000, (length - number % 9,)))
            for number in range(count * questions)
        ]
        together = [
            SpanQuestion("谁在那里？", tuple(texts[place : place + count])) for place in range(0, len(texts), count)
        ]
        alone = [SpanQuestion("谁在那里？", (text,)) for text in texts]

        def batched(model: Model = model, together: list[SpanQuestion] = together) -> float:
            begin = time.perf_counter()
            list(model.predict(together))
            return time.perf_counter() - begin

        def one_by_one(model: Model = model, alone: list[SpanQuestion] = alone) -> float:
            begin = time.perf_counter()
            for record in alone:
                list(model.predict([record]))
            return time.perf_counter() - begin

        found = compare(batched, one_by_one)
        rate = 1000 * len(texts) / found.milliseconds
        print(f"{questions} questions of {count} passages of {length} tokens, width {width}, {PRECISION}:")
        print(f"  in batches {rate * found.ratio:7.1f} passages/s, one by one {rate:.1f}: {found.ratio:.2f} times")


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["encoders", "layouts", "passages"]
    for name, run in (("encoders", encoders), ("layouts", layouts), ("passages", passages)):
        if name in chosen:
            run()
