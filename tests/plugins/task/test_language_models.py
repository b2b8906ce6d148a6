"""Language models learn from streams, measure what they say they measure, and answer."""

import json
import math
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from runs import PLUGINS, SHARED_DATA, assert_same_training, measurements, resume

import dougong
from dougong.contracts.tokenizer import START
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong.errors import UserError
from dougong.training.evaluation import Evaluation
from dougong.training.prepare import batch_maker
from dougong_plugins.data.text_file import TextFile
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

TINY = [
    *("data.size=40", "data.valid_size=10", "data.test_size=10", "loader.batch_size=16", "task.length=32"),
    *("encoder.layers=1", "encoder.heads=2", "embedding.dim=32", "tokenizer=byte", "trainer.log_every=4"),
    *("trainer=cpu", "trainer.precision=32", "trainer.max_updates=12", "trainer.progress=none", "tracker=csv"),
]
TEXTS = ["the quick brown fox", "jumps over", "the lazy dog " * 9, "a"]


def task(name: str, tokenizer=None, **settings):
    torch.manual_seed(0)
    tokenizer = tokenizer or ByteTokenizer()
    tokenizer.fit(TEXTS)
    encoder = dougong.create(
        "encoder",
        "transformer",
        embedding=dougong.create("embedding", "token", tokenizer=tokenizer, dim=16, max_length=64),
        attention=lambda layer: dougong.create("attention", "full"),
        layers=2,
        heads=2,
    )
    made = dougong.create("task", name, encoder=encoder, facts={}, **({"length": 16} | settings))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.double().eval()


def batch(made, texts, folder):
    examples = made.stream([PlainText(text) for text in texts], TokenStore(folder))
    return batch_maker(made, examples, 0)[np.arange(len(examples))]


def scores(made, texts, folder):
    evaluation = Evaluation(made)
    given = batch(made, texts, folder)
    with torch.inference_mode():
        evaluation.add(made(given), given)
    return evaluation.scores(()).metrics


# --- what is measured


@pytest.mark.parametrize("across", [False, True])
def test_a_model_that_knows_nothing_pays_the_same_bits_for_every_token(tmp_path, across):
    made = task("causal_lm", pack_across_documents=across)
    for parameter in made.next_token.parameters():
        torch.nn.init.zeros_(parameter)
    targets = sum(len(text) + 1 for text in TEXTS) + (len(TEXTS) - 1 if across else 0)
    found = scores(made, TEXTS, tmp_path)
    assert found["bits_per_character"] == pytest.approx(targets * math.log2(261) / sum(map(len, TEXTS)), rel=1e-6)
    assert found["perplexity"] == pytest.approx(261)
    assert found["loss"] == pytest.approx(math.log(261))


def test_bits_are_per_character_of_the_original_text_and_not_per_token(tmp_path):
    texts = ["好书" * 40, "书"]
    made = task("causal_lm")
    for parameter in made.next_token.parameters():
        torch.nn.init.zeros_(parameter)
    targets = sum(3 * len(text) + 1 for text in texts)
    assert scores(made, texts, tmp_path)["bits_per_character"] == pytest.approx(targets * math.log2(261) / 81, rel=1e-6)


def test_the_loss_is_that_of_each_token_given_those_before_it(tmp_path):
    made = task("causal_lm", length=64)
    (tokens,) = made.encoder.tokenizer.numbers(["abcdef"])
    row = [made.encoder.tokenizer.identity(START), *tokens, made.encoder.tokenizer.identity("[SEP]")]
    total = 0.0
    for place in range(1, len(row)):
        # A text of its own for each token: what comes after it can't have been seen.
        logits = made({"tokens": torch.tensor([[*row[:place], 0]])})[0, -1]
        total -= logits.log_softmax(-1)[row[place]].item()
    loss = made.loss(made(found := batch(made, ["abcdef"], tmp_path)), found)
    assert loss.total.item() == pytest.approx(total)
    assert loss.weight.item() == 7


@pytest.mark.parametrize("name", ["causal_lm", "masked_lm"])
def test_losses_are_sums_that_do_not_depend_on_the_batch(tmp_path, name):
    made = task(name)
    examples = made.stream([PlainText(text) for text in TEXTS], TokenStore(tmp_path))
    maker = batch_maker(made, examples, 0)
    parts = [made.loss(made(one), one) for one in (maker[np.array([number])] for number in range(len(examples)))]
    whole = made.loss(made(found := maker[np.arange(len(examples))]), found)
    assert whole.total.item() == pytest.approx(sum(part.total.item() for part in parts))
    assert whole.weight.item() == sum(part.weight.item() for part in parts)


# --- documents


def outputs_of_last(made, first: str, last: str, folder) -> torch.Tensor:
    """The logits of all tokens of the second of two documents, wherever they are in the blocks."""
    begin = len(first) + 2
    with torch.inference_mode():
        logits = made(batch(made, [first, last], folder))
    return logits.flatten(0, 1)[begin:] if made.pack_across_documents else logits[1:].flatten(0, 1)


def test_no_document_sees_another_unless_asked(tmp_path):
    last = "the lazy dog sleeps in the sun"
    for across, equal in ((False, True), (True, False)):
        made = task("causal_lm", pack_across_documents=across)
        one, other = (outputs_of_last(made, text, last, tmp_path) for text in ("abc" * 3, "xyz" * 3))
        assert one.shape[0] >= len(last)
        assert torch.allclose(one, other, rtol=0, atol=1e-12) == equal


@pytest.mark.parametrize("name", ["causal_lm", "masked_lm"])
def test_a_masked_or_causal_block_holds_one_document(tmp_path, name):
    made = task(name)
    start = made.encoder.tokenizer.identity(START)
    assert not (batch(made, TEXTS, tmp_path)["tokens"][:, 1:] == start).any()


# --- masks


def varied(made, tokens, count=400):
    rows = [np.array(tokens, np.uint16)] * count
    return BatchMaker(pack([[{"tokens": row} for row in rows]]), made.padding_values(), made.vary, 0)[np.arange(count)]


def test_masks_are_80_10_10_of_15_percent_and_spare_special_tokens():
    made = task("masked_lm")
    tokens = [2, *range(5, 205), 3]
    found = varied(made, tokens)
    asked = found["target"] != -100
    assert asked.sum(1).tolist() == [30] * 400
    assert not asked[:, [0, -1]].any()
    original = torch.tensor(tokens).expand(400, -1)
    assert torch.equal(found["target"][asked], original[asked])
    assert torch.equal(found["tokens"][~asked], original[~asked])
    now, before = found["tokens"][asked], original[asked]
    shares = [(now == made.masks.mask_id).double().mean(), (now == before).double().mean()]
    assert [share.item() for share in shares] == pytest.approx([0.8, 0.1], abs=0.015)
    replaced = now[(now != made.masks.mask_id) & (now != before)]
    assert replaced.min() >= 5


def test_the_pieces_of_a_word_are_masked_together():
    made = task("masked_lm", WordPieceTokenizer(vocab_size=120), whole_word="pieces")
    tokenizer = made.encoder.tokenizer
    (encoding,) = tokenizer.encode(["the quick brown foxes jumped over lazy dogs and quizzed"])
    words, asked = np.array([-1 if word is None else word for word in encoding.word_ids]), varied(made, encoding.ids)
    asked = (asked["target"] != -100).numpy()
    assert asked.any(1).all()
    for word in range(words.max() + 1):
        assert {tuple(row) for row in asked[:, words == word].tolist()} <= {
            tuple([flag] * int((words == word).sum())) for flag in (True, False)
        }
    assert (words == np.bincount(words[1:-1]).argmax()).sum() > 1


def test_whole_words_need_a_tokenizer_that_marks_pieces():
    with pytest.raises(ValueError, match="whole_word: this tokenizer does not mark the pieces"):
        task("masked_lm", CharacterTokenizer(min_count=1), whole_word="pieces")


# --- answers


def answer(made, texts):
    model = dougong_model(made)
    return list(model.predict(texts))


def dougong_model(made):
    from dougong.compose.settings import LoaderSettings
    from dougong.inference.model import Model

    return Model(made, {"seed": 0}, LoaderSettings(batch_size=3), "64")


def test_a_continuation_is_as_long_as_asked_and_the_same_each_time():
    made = task("causal_lm", max_new_tokens=30, top_p=0.9, seed=4)
    found = answer(made, ["the ", "", "jumps over the lazy dog and never comes down", "x"])
    assert [item["text"] for item in found][:2] == ["the ", ""]
    assert all(item.keys() == {"text", "continuation"} for item in found)
    assert found == answer(made, [item["text"] for item in found])
    assert found[0] == answer(made, ["the "])[0]


def test_masks_are_filled_in_their_places():
    made = task("masked_lm", CharacterTokenizer(min_count=1, keep_whitespace=True), length=32)
    found = answer(made, ["the [MASK]uick [MASK]", "no mask", "[MASK]" * 3, "x" * 40 + "[MASK]"])
    fills = [item["token"] for item in found[0]["fills"]]
    assert found[0]["filled"] == f"the {fills[0]}uick {fills[1]}"
    assert found[1]["filled"] == "no mask"
    assert [len(item["fills"]) for item in found] == [2, 0, 3, 0]
    assert found[3]["filled"].endswith("[MASK]")
    assert all(0 < fill["score"] <= 1 and len(fill["token"]) == 1 for item in found for fill in item["fills"])


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"length: must be <= embedding\.max_length=64"):
        task("causal_lm", length=65)
    with pytest.raises(ValueError, match="temperature: nothing is drawn at 0"):
        task("causal_lm", temperature=0.0, top_k=3)


# --- whole runs


@pytest.mark.parametrize(
    ("name", "metrics"),
    [("causal_lm", {"bits_per_character", "perplexity"}), ("masked_lm", {"accuracy", "perplexity"})],
)
def test_a_run_trains_tests_reloads_and_evaluates_to_the_same_metrics(tmp_path, monkeypatch, name, metrics):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    result = dougong.train([*TINY, f"task={name}"], folder=tmp_path / "run")
    found = {key.removeprefix("test/"): value for key, value in result.metrics.items() if key.startswith("test/")}
    assert found.keys() == {"loss", *metrics}
    losses = [value for _, key, value in measurements(tmp_path / "run") if key == "train/loss"]
    assert losses[-1] < losses[0]
    model = dougong.load(result.checkpoint)
    data = dougong.create("data", "toy", size=40, valid_size=10, test_size=10)
    again, count = model.evaluate(data, "test")
    assert again.metrics == pytest.approx(found, rel=1e-5)
    assert count > 10


@pytest.mark.parametrize("name", ["causal_lm", "masked_lm"])
def test_resuming_equals_never_stopping(tmp_path, monkeypatch, name):
    crashing = [*TINY, f"task={name}", f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.save_every=1"]
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    dougong.train(crashing, folder=tmp_path / "whole")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:5")
    with pytest.raises(ZeroDivisionError):
        dougong.train(crashing, folder=tmp_path / "stopped")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped", ("last",))


def test_tokens_are_kept_in_the_folder_that_the_user_names(tmp_path):
    words = [*TINY, "task=causal_lm", f"task.cache={tmp_path / 'cache'}", "trainer.max_updates=1"]
    for name in ("one", "other"):
        dougong.train(words, folder=tmp_path / name)
        assert not (tmp_path / name / "tokens").exists()
    assert len(list((tmp_path / "cache").iterdir())) == 3  # a split each, once


def test_how_to_answer_can_be_said_when_it_is_asked(tmp_path, command):
    result = dougong.train([*TINY, "task=causal_lm", "trainer.max_updates=1"], folder=tmp_path / "run")
    words = ("predict", f"checkpoint={result.checkpoint}", "text=好", "task.max_new_tokens=5")
    found = [json.loads(command(*words, f"task.seed={seed}").done()) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert command(*words, "task.max_new_token=3").refused().startswith("task.max_new_token: there is no such setting.")


def test_an_encoder_that_can_not_keep_the_future_out_is_refused(parts):
    with pytest.raises(UserError, match="encoder=bag can't keep a token from those after it, which task=causal_lm"):
        dougong.train(["task=causal_lm", "encoder=bag", parts])


def test_a_task_that_needs_causal_attention_refuses_others(parts):
    with pytest.raises(UserError, match="attention=deaf can't do causal attention, which task=causal_lm needs"):
        dougong.train(["task=causal_lm", "attention=deaf", parts])


MEMORY = """
import resource, sys
from pathlib import Path
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong_plugins.data.text_file import TextFile
from dougong_plugins.tokenizer.byte import ByteTokenizer
tokenizer = ByteTokenizer()
tokenizer.fit([])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = TextFile(sys.argv[1])
found = TokenStore(Path(sys.argv[2]), data.fingerprint()).documents(tokenizer, data.records("train", PlainText))
print(len(found.blocks(4097, 1)), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
def test_a_corpus_is_never_in_memory_whole(tmp_path):
    line = "".join(random.Random(0).choices("abcdefgh ", k=999)) + "\n"
    with (tmp_path / "text.txt").open("w") as file:
        for _ in range(100):
            file.write(line * 1000)
    words = [sys.executable, "-c", MEMORY, str(tmp_path / "text.txt"), str(tmp_path / "cache")]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    blocks, megabytes = run.stdout.split()
    assert int(blocks) == -(-90_000_001 // 4096)
    assert float(megabytes) < 40


SHAKESPEARE = SHARED_DATA / "tinyshakespeare" / "input.txt"


@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason="no ../shared/data/tinyshakespeare beside the checkout")
def test_shakespeare_is_split_and_blocks_have_the_length(tmp_path):
    data = TextFile(str(SHAKESPEARE))
    made = task("causal_lm", length=64)
    lengths = []
    text = ""
    for split in ("train", "valid", "test"):
        records = list(data.records(split, PlainText))
        text += "".join(record.text for record in records)
        examples = made.stream(records, TokenStore(tmp_path))
        lengths.append(len(examples))
        assert set(examples.lengths[:-1]) == {65}
    assert text == SHAKESPEARE.read_text(encoding="utf-8")
    assert lengths[1] / sum(lengths) == pytest.approx(0.05, abs=0.001)
