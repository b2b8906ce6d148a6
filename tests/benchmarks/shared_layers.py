"""What layers with shared weights save: ALBERT as it is, and with `encoder.share_layers=false`.

    python tests/benchmarks/shared_layers.py [tiny small base] [--batch 16] [--length 128]

Each size is trained for two updates with AdamW on random tokens, shared and unshared, in a process of its own:
parameters, the memory of weights, gradients and optimizer state, and the process's peak memory above what it had before
the model. The vocabulary has 21,128 tokens, as those of the Chinese models.
"""

import argparse
import json
import resource
import subprocess
import sys

VOCABULARY = 21128


def build(size: str, shared: bool):
    """An ALBERT with random weights."""
    from dougong.compose.compose import compose
    from dougong.training.assemble import Assembly
    from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

    preset = "albert" if size == "base" else f"albert_{size}"
    assembly = Assembly(compose([f"encoder={preset}", f"encoder.share_layers={str(shared).lower()}"]))
    tokenizer = WordPieceTokenizer()
    tokenizer.fit(["木"])
    tokenizer.core.add_tokens([f"t{number}" for number in range(VOCABULARY - tokenizer.size)])
    assembly.ready["tokenizer"] = tokenizer
    return assembly.make("encoder")


def measure(size: str, shared: bool, batch: int, length: int) -> dict[str, float]:
    """Figures of one model, in megabytes."""
    import torch

    from dougong.contracts.embedding import Inputs

    before = peak()
    encoder = build(size, shared)
    optimizer = torch.optim.AdamW(encoder.parameters(), fused=True)
    for _ in range(2):
        optimizer.zero_grad()
        states = encoder(Inputs(torch.randint(5, VOCABULARY, (batch, length))))
        encoder.pool(states, None).square().mean().backward()
        optimizer.step()
    numbers = sum(parameter.numel() for parameter in encoder.parameters())
    return {"parameters": numbers, "state": numbers * 16 / 1e6, "peak": peak() - before}


def peak() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["tiny", "small", "base"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--one", nargs=2)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], given.one[1] == "shared", given.batch, given.length)))
        return
    print("| size | layers | parameters | weights, gradients, AdamW | peak |")
    print("|---|---|---|---|---|")
    for size in given.sizes:
        for kind in ("shared", "unshared"):
            sizes = [f"--batch={given.batch}", f"--length={given.length}"]
            command = [sys.executable, __file__, *sizes, "--one", size, kind]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(run.stdout.splitlines()[-1])
            memory = f"{found['state']:.0f} MB | {found['peak']:.0f} MB"
            print(f"| {size} | {kind} | {found['parameters'] / 1e6:.2f} M | {memory} |", flush=True)


if __name__ == "__main__":
    main()
