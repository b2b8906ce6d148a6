"""`dougong serve`, as a process of its own: started, asked, stopped; and what is wrong, in one line."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from runs import train

httpx = pytest.importorskip("httpx", reason="httpx, the client of these tests, is not installed")
for needed in ("fastapi", "uvicorn"):
    pytest.importorskip(needed, reason="the extra `serve` is not installed")

TEXTS = [f"{'这家店很好吃' * (number % 5)}{number}" for number in range(40)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A model that has learnt a little."""
    return train(tmp_path_factory.mktemp("run"), "optimizer.lr=5e-3", "test=false").checkpoint


class Process:
    """A server, from its first line on."""

    def __init__(self, environment, *words) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dougong", "serve", "port=0", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.line = self.process.stdout.readline()
        found = re.search(r"at (http://\S+):", self.line)
        assert found, self.line + self.process.stderr.read()
        self.url = found[1]

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal, and wait for the end."""
        os.kill(self.process.pid, number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def start(command, checkpoint):
    """Starts servers; none outlives its test."""
    started = []

    def start_one(*words) -> Process:
        started.append(Process(command.environment, f"checkpoint={checkpoint}", *words))
        return started[-1]

    yield start_one
    for item in started:
        item.process.kill()
        item.process.communicate()


def test_it_answers_word_for_word_as_predict_does_and_ends_by_sigterm(start, command, checkpoint):
    server = start()
    assert server.line.startswith("classification on c")
    found = httpx.post(f"{server.url}/predict", json=[{"text": text} for text in TEXTS], timeout=60)
    predicted = command("predict", f"checkpoint={checkpoint}", stdin="".join(f"{text}\n" for text in TEXTS)).done()
    assert found.text == f"[{', '.join(predicted.splitlines())}]"
    assert server.end(signal.SIGTERM) == (0, "stopped: 40 records answered.\n", "")


def test_a_stop_under_load_loses_nothing_that_was_taken(start):
    server = start("max_batch=4")
    going = threading.Event()

    def ask(number: int) -> tuple[int, int, dict]:
        try:
            answer = httpx.post(f"{server.url}/predict", json=f"好吃{number}", timeout=60)
        except httpx.ConnectError:  # it is gone
            return number, 0, {}
        if number == 30:
            going.set()
        return number, answer.status_code, answer.json()

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, number) for number in range(200)]
        assert going.wait(60)
        code, out, err = server.end(signal.SIGTERM)
    answers = [future.result() for future in asked]
    assert (code, err) == (0, "")
    assert {status for _, status, _ in answers} <= {200, 503, 0}
    right = [number for number, status, answer in answers if status == 200 and answer["text"] == f"好吃{number}"]
    assert len(right) == sum(status == 200 for _, status, _ in answers) >= 31
    assert out == f"stopped: {len(right)} records answered.\n"


def test_words_say_how_to_answer_and_where_to_listen_and_ctrl_c_ends_it_with_130(start):
    server = start("device=cpu", "task.max_length=3", "host=0.0.0.0", "max_wait_ms=0")
    one, other = (httpx.post(f"{server.url}/predict", json=text).json() for text in ("好吃的店", "好吃很贵"))
    assert (one["label"], one["score"]) == (other["label"], other["score"])  # cut where they begin to differ
    code, out, err = server.end(signal.SIGINT)
    assert (code, out) == (130, "stopped: 2 records answered.\n")
    assert err == "host=0.0.0.0: all who can reach this machine can ask the model.\n"


WRONG = [
    ("checkpoit=a", "checkpoit: there is no such setting. Did you mean `checkpoint`?"),
    ("prt=1", "prt: there is no such setting. Did you mean `port`?"),
    ("max_bach=1", "max_bach: there is no such setting. Did you mean `max_batch`?"),
    ("port=80000", "port: must be <= 65535, got 80000."),
    ("port=http", "port: must be a whole number, got 'http'."),
    ("max_batch=0", "max_batch: must be >= 1, got 0."),
    ("max_wait_ms=-1", "max_wait_ms: must be >= 0, got -1.0."),
    ("timeout_seconds=0", "timeout_seconds: must be > 0, got 0.0."),
    ("device=gpu", "device: must be one of auto, cpu, cuda, got 'gpu'."),
    ("checkpoint", "checkpoint: not KEY=VALUE."),
]


@pytest.mark.parametrize(("word", "reason"), WRONG)
def test_a_wrong_word_is_named_before_torch_is_imported(without_torch, word, reason, write):
    path = write("a.ckpt", "")
    assert without_torch("serve", f"checkpoint={path}", word).refused().startswith(reason)


def test_the_checkpoint_has_to_be_given_and_there(without_torch):
    assert without_torch("serve").refused().startswith("checkpoint: has to be given.")
    assert without_torch("serve", "checkpoint=gone").refused().startswith("checkpoint: gone does not exist")


def test_what_is_not_installed_is_named(without_torch, write):
    path = write("a.ckpt", "")
    blocked = write("blocked/sitecustomize.py", "import sys\nsys.modules.update(fastapi=None, uvicorn=None)").parent
    paths = os.pathsep.join([str(blocked), *without_torch.paths])
    assert without_torch("serve", f"checkpoint={path}", PYTHONPATH=paths).refused() == (
        "dougong serve: needs fastapi and uvicorn, not installed here; pip install dougong[serve] brings it."
    )


def test_a_port_that_is_taken_is_told_before_torch_is_imported(without_torch, write):
    path = write("a.ckpt", "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = without_torch("serve", f"checkpoint={path}", f"port={port}").refused()
    assert line.startswith(f"port: 127.0.0.1:{port} can't be listened on (Address already in use)")


def test_an_address_of_another_machine_is_told(without_torch, write):
    line = without_torch("serve", f"checkpoint={write('a.ckpt', '')}", "host=203.0.113.7").refused()
    assert line.startswith("port: 203.0.113.7:8000 can't be listened on")


def test_help_names_every_setting(without_torch):
    said = without_torch("serve", "--help").done()
    for name in ("checkpoint", "host", "port", "max_batch", "max_wait_ms", "max_queue", "max_bytes", "timeout_seconds"):
        assert f"\n  {name} " in said
    assert json.dumps(2**20) in said
