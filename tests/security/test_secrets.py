"""What is secret stays so."""

import logging
import sys
from pathlib import Path

import pytest
import torch
import yaml
from runs import TINY, assert_same, weights

from dougong.command_line.main import main
from dougong.secrets import Formatter, hide, hide_all, hide_word, print_exception

KEY = "0123456789abcdef-key-of-a-service"
PASSWORD = "correct-horse"
PLUGINS = Path(__file__).parent / "plugins_that_tell.py"
WORDS = [
    *(word for word in TINY if not word.startswith(("data.", "tracker"))),
    *(f"plugin_path={PLUGINS}", "data=remote", f"data.url=https://me:{PASSWORD}@host/a", "tracker=[csv,telling]"),
    *(f"data.password={PASSWORD}-2", "trainer.max_updates=4", "trainer.save_every=2"),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_SERVICE_API_KEY", KEY)
    monkeypatch.setattr(sys, "argv", sys.argv)


def leaks(folder: Path, *texts: str) -> list[str]:
    """Where a secret is to be found: files, and what was printed."""
    secrets = [KEY, PASSWORD]
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]
    return found + [text for text in texts if any(secret in text for secret in secrets)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reading https://me:pass@host:80/a?b=c", "reading https://me:***@host:80/a?b=c"),
        ("s3://AKIATOKEN@bucket/key", "s3://***@bucket/key"),
        ("https://h/f?X-Amz-Signature=ab12&part=3", "https://h/f?X-Amz-Signature=***&part=3"),
        (
            "'https://h/f?api_key=ab12' https://h/?access_token=x#y",
            "'https://h/f?api_key=***' https://h/?access_token=***#y",
        ),
        (f"key {KEY}, {KEY}", "key ***, ***"),
        ("mail me@host, user:pass@host, a://b", "mail me@host, user:pass@host, a://b"),
        ("attention@decoder_attention=local", "attention@decoder_attention=local"),
        ("https://host/path@2 and https://host?q=a@b", "https://host/path@2 and https://host?q=a@b"),
    ],
)
def test_passwords_and_keys_are_hidden_in_texts_and_nothing_else_is(text, expected):
    assert hide(text) == expected
    assert hide(expected) == expected


def test_short_values_and_paths_of_the_environment_are_no_secrets(monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false-or-true")
    monkeypatch.setenv("USE_TOKEN", "true")
    monkeypatch.setenv("SSH_KEY", "/home/me/keys")
    assert hide("false-or-true true /home/me/keys") == "false-or-true true /home/me/keys"


def test_settings_that_are_called_secrets_are_hidden_in_configurations():
    config = {
        "data": {"password": "a", "token": None, "urls": ["a://b:c@d"], "batch_tokens": 3},
        "tokenizer": {"name": "a"},
    }
    assert hide_all(config) == {
        "data": {"password": "***", "token": None, "urls": ["a://b:***@d"], "batch_tokens": 3},
        "tokenizer": {"name": "a"},
    }
    assert hide_word("data.api_key=abc") == "data.api_key=***"
    assert hide_word("embedding=token") == "embedding=token"


def test_nothing_that_a_run_leaves_or_says_has_a_secret_and_it_can_be_resumed(tmp_path, capfd):
    wanted = f"data.wanted={f'{PASSWORD}-2'[::-1]}"
    assert main(["train", *WORDS, wanted, "hydra.run.dir=run"]) == 0
    said = capfd.readouterr()
    assert "reading https://me:***@host/a" in said.err
    assert "stopped recording (ConnectionError: 401 with ***" in said.out
    assert leaks(tmp_path, said.out, said.err) == []
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (config["data"]["url"], config["data"]["password"]) == ("https://me:***@host/a", "***")
    assert torch.load("run/checkpoints/last.ckpt", weights_only=True)["dougong"]["config"] == config

    before = weights(tmp_path / "run")
    assert main(["train", "resume=run"]) == 2
    assert capfd.readouterr().err.startswith(
        "data.url: its secret part was not kept; say dougong train resume=run data"
    )
    again = [f"data.url=https://me:{PASSWORD}@host/a", f"data.password={PASSWORD}-2"]
    assert main(["train", "resume=run", *again, "seed=3"]) == 2
    assert "keeps its own configuration; leave out seed=3." in capfd.readouterr().err
    assert main(["train", "resume=run", "data.url=https://me:x@elsewhere/a"]) == 2
    capfd.readouterr()
    assert main(["train", "resume=run", *again]) == 0
    said = capfd.readouterr()
    assert leaks(tmp_path, said.out, said.err) == []
    assert_same(weights(tmp_path / "run"), before)


def test_a_run_that_fails_tells_no_secret(tmp_path, capfd):
    assert main(["train", *WORDS, "data.wanted=another", "hydra.run.dir=run"]) == 2
    said = capfd.readouterr()
    assert "data.password: *** is wrong for https://me:***@host/a" in said.err or "***" in said.err
    assert leaks(tmp_path, said.out, said.err) == []


def test_neither_does_a_sweep(tmp_path, capfd):
    swept = ["-m", "data.wanted=another", "seed=1,2", "hydra.sweep.dir=sweep"]
    assert main(["train", *WORDS, *swept]) == 1
    said = capfd.readouterr()
    assert "2 of 2 jobs failed" in said.err
    assert leaks(tmp_path, said.out, said.err) == []
    assert main(["train", "-m", "sweep.resume=sweep"]) == 2
    assert "its secret part was not kept; say all words of the sweep again." in capfd.readouterr().err
    assert main(["train", *WORDS, *swept, "sweep.resume=sweep"]) == 1
    said = capfd.readouterr()
    assert leaks(tmp_path, said.out, said.err) == []


def test_a_trace_and_a_log_hide_secrets(capfd):
    try:
        raise RuntimeError(f"with {KEY}")
    except RuntimeError as error:
        print_exception(type(error), error, error.__traceback__)
    trace = capfd.readouterr().err
    assert trace.startswith("Traceback (most recent call last):\n")
    assert trace.endswith("RuntimeError: with ***\n")
    record = logging.LogRecord("a", logging.INFO, "a.py", 1, "key %s", (KEY,), None)
    assert Formatter("%(message)s").format(record) == "key ***"


@pytest.mark.slow
def test_wandb_is_told_no_secret(command, tmp_path):
    words = [word for word in WORDS if not word.startswith("tracker")]
    names = {"WANDB_MODE": "offline", "WANDB_API_KEY": KEY, "A_SERVICE_API_KEY": KEY}
    answer = command("train", *words, "tracker=wandb", "hydra.run.dir=run", **names)
    assert answer.code == 0, answer.err
    assert list((command.folder / "run").rglob("*.wandb"))
    assert leaks(command.folder, answer.out, answer.err) == []
