"""The CRF against the package pytorch-crf: `python tests/benchmarks/crf.py`.

Needs `pip install pytorch-crf`. The two alternate within each round; the median over the rounds of each and the median
of the ratios are printed, for sequences of full length and for ragged ones.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchcrf

from dougong.nn.crf import CRF

BATCH, LENGTH, TAGS = 32, 128, 435  # of the event extraction task: 217 roles, two tags each, and O


def seconds(call: Callable[[], object]) -> float:
    """What one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def training(likelihood: Callable[[torch.Tensor], torch.Tensor], emissions: torch.Tensor) -> Callable[[], object]:
    """Forward and backward, the gradient of the emissions included."""

    def run() -> None:
        given = emissions.clone().requires_grad_()
        (-likelihood(given)).backward()

    return run


def compare(name: str, ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> None:
    """Print a row of the table."""
    ours(), peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(other / own for own, other in times)
    print(f"| {name} | {1e3 * mine:.1f} ms | {1e3 * theirs:.0f} ms | {ratio:.1f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    emissions, tags = torch.randn(BATCH, LENGTH, TAGS), torch.randint(TAGS, (BATCH, LENGTH))
    ours, peer = CRF(TAGS), torchcrf.CRF(TAGS, batch_first=True)
    print(f"{torch.__version__}, {torch.get_num_threads()} threads, batch {BATCH}, length {LENGTH}, {TAGS} tags\n")
    print("| | dougong | pytorch-crf | ratio |\n|---|---|---|---|")
    for kind, lengths in (
        ("full length", torch.full((BATCH,), LENGTH)),
        ("lengths 1 to 128", torch.linspace(1, LENGTH, BATCH).long()[torch.randperm(BATCH)]),
    ):
        padding = torch.arange(LENGTH) >= lengths[:, None]
        kept = ~padding
        compare(
            f"forward and backward, {kind}",
            training(lambda given, mask=padding: ours(given, tags, mask).sum(), emissions),
            training(lambda given, mask=kept: peer(given, tags, mask), emissions),
            rounds,
        )
        with torch.inference_mode():
            compare(
                f"Viterbi, {kind}",
                lambda mask=padding: ours.decode(emissions, mask),
                lambda mask=kept: peer.decode(emissions, mask),
                rounds,
            )


if __name__ == "__main__":
    main()
