"""What micro-batches gain: requests a second of `dougong serve`, asked one at a time and by many clients at once, with
and without batches, in turns.

python tests/benchmarks/serving.py
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dougong

MODELS = {
    "classification": ("task=classification",),
    "tagging": ("experiment=toy_tagging",),
    "relation_extraction": ("experiment=toy_relation_extraction",),
}
SERVERS = {"batches": (), "no batches": ("max_batch=1", "max_wait_ms=0")}


COLUMNS = "rate, gain; processor time, gain; half and 99 of 100 answered within; answered as by predict"


class Client:
    """One connection, which asks one thing after the other. Lighter than a library, which would be what is measured."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    async def ask(self, body: bytes) -> bytes:
        """The body of an answer."""
        head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        self.writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        told = await self.reader.readuntil(b"\r\n\r\n")
        answer = await self.reader.readexactly(int(re.search(rb"content-length: (\d+)", told)[1]))
        if not told.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        return answer


async def load(port: int, texts: Sequence[str], clients: int) -> tuple[float, list[float], list[bytes]]:
    """Ask for all texts; seconds, those of each request in order of their length, and the answers."""
    waiting = list(enumerate(texts))[::-1]
    answers: list[bytes] = [b""] * len(texts)
    latencies: list[float] = []

    async def work() -> None:
        async with Client(port) as client:
            while waiting:
                number, text = waiting.pop()
                begun = time.perf_counter()
                answers[number] = await client.ask(json.dumps({"text": text}).encode())
                latencies.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(clients)))
    return time.perf_counter() - begun, sorted(latencies), answers


@contextmanager
def server(checkpoint: Path, *words: str) -> Iterator[tuple[int, int]]:
    """A server; its port, and its process."""
    command = [sys.executable, "-m", "dougong", "serve", f"checkpoint={checkpoint}", "port=0", "device=cpu", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield int(re.search(r":(\d+):", line)[1]), process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def processor_time(process: int) -> float:
    """Seconds that a process has computed: what it would have taken alone on its cores, whoever else uses them."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def texts_of(checkpoint: Path, count: int) -> list[str]:
    """Texts of the embedded world."""
    from dougong.command_line.evaluate import make_data

    model = dougong.load(checkpoint)
    data = make_data(model.config, {"data.test_size": str(count)})
    return [record.text for record in model.stream(data, "test")]


def same(answers: Sequence[bytes], texts: Sequence[str], predicted: Sequence[dict]) -> int:
    """How many answers are those of `predict`, probabilities left out: in bf16 these depend on the batch.

    Raises:
        RuntimeError: an answer is to another text.
    """
    found = [json.loads(answer) for answer in answers]
    if [answer["text"] for answer in found] != list(texts):
        raise RuntimeError("an answer is lost or mixed up")
    return sum(without_floats(one) == without_floats(other) for one, other in zip(found, predicted, strict=False))


def without_floats(value: Any) -> Any:
    """A value without the numbers that are no whole ones."""
    if isinstance(value, dict):
        return {name: without_floats(item) for name, item in value.items() if not isinstance(item, float)}
    return [without_floats(item) for item in value] if isinstance(value, list) else value


@dataclass
class Row:
    """What one way of asking came to, a number a round."""

    rates: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    equal: list[float] = field(default_factory=list)

    def show(self, name: str, alone: "Row") -> None:
        """Print it, against one at a time."""
        rate, spent, half, tail = map(statistics.median, (self.rates, self.processor, self.halves, self.tails))
        gain, saved = rate / statistics.median(alone.rates), statistics.median(alone.processor) / spent
        print(
            f"  {name:<24}{rate:>7,.0f}/s {gain:>5.1f} x {1000 * spent:>7.2f} ms {saved:>5.1f} x"
            f"{1000 * half:>8,.0f} ms {1000 * tail:>8,.0f} ms {min(self.equal):>8.1%}",
            flush=True,
        )


def measure(checkpoint: Path, count: int, rounds: int, clients: Sequence[int]) -> None:
    """Print a row for each server and number of clients."""
    texts = texts_of(checkpoint, count)
    predicted = json.loads(json.dumps(list(dougong.load(checkpoint).predict(texts))))
    ways = [("no batches", 1), *((name, number) for number in clients for name in SERVERS)]
    rows = {way: Row() for way in ways}
    with server(checkpoint, *SERVERS["batches"]) as one, server(checkpoint, *SERVERS["no batches"]) as other:
        servers = {"batches": one, "no batches": other}
        for port, _ in servers.values():
            asyncio.run(load(port, texts[:50], 10))
        for _ in range(rounds):
            for name, number in ways:
                ask(
                    rows[name, number], *servers[name], texts[: count // 4] if number == 1 else texts, number, predicted
                )
    for (name, number), row in rows.items():
        row.show(f"{number:>4} at once, {name}", rows["no batches", 1])


def ask(row: Row, port: int, process: int, texts: Sequence[str], clients: int, predicted: Sequence[dict]) -> None:
    """Ask for texts, and note what it took."""
    before = processor_time(process)
    seconds, latencies, answers = asyncio.run(load(port, texts, clients))
    row.processor.append((processor_time(process) - before) / len(texts))
    row.rates.append(len(texts) / seconds)
    row.halves.append(latencies[len(latencies) // 2])
    row.tails.append(latencies[int(len(latencies) * 0.99)])
    row.equal.append(same(answers, texts, predicted) / len(texts))


def main() -> None:
    """Train small models, serve them, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[32, 200])
    given = parser.parse_args()
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder:
            words = [*MODELS[name], "trainer.max_updates=30", "tracker=csv", "trainer.progress=none", "test=false"]
            checkpoint = dougong.train(words, folder=Path(folder) / "run").checkpoint
            print(
                f"{name}: rate, to one at a time, half of the answers within, 99 of 100 within, as predicted",
                flush=True,
            )
            measure(checkpoint, given.texts, given.rounds, given.clients)


if __name__ == "__main__":
    main()
