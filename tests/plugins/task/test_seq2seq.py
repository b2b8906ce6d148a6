"""Writing targets for sources, from one end or from both."""

import logging

import pytest
import torch
from runs import train

import dougong
from dougong.compose.compose import compose
from dougong.contracts.tokenizer import UNKNOWN
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker
from dougong.data.records import SourceTarget
from dougong.errors import UserError
from dougong.inference.model import load
from dougong.training.assemble import Assembly
from dougong.training.prepare import make_task

TASKS = pytest.mark.parametrize("name", ["seq2seq", "bidirectional_seq2seq"])
DECODERS = pytest.mark.parametrize("decoder", ["transformer", "recurrent"])
TEXTS = ("甲乙丙丁戊己", "庚辛壬癸子丑", "红橙黄绿青蓝紫")
SMALL = ("embedding.dim=16", "encoder.layers=1", "decoder.layers=1", "task.max_length=8", "embedding.dropout=0")


def made(name="seq2seq", *words, texts=TEXTS):
    """A task whose tokenizer knows these texts."""
    assembly = Assembly(compose([f"task={name}", *SMALL, *words]))
    tokenizer = assembly.make("tokenizer")
    tokenizer.fit(texts * 2)
    torch.manual_seed(0)
    return make_task(assembly, {}, tokenizer).double().eval()


def batch_of(task, *records):
    maker = BatchMaker(pack([task.encode(records)]), task.padding_values())
    return maker[list(range(len(records)))]


def answers(task, *records):
    with torch.no_grad():
        predictions = task.answer(batch_of(task, *records), records)
    return [task.join([prediction], record) for prediction, record in zip(predictions, records, strict=True)]


class Scripted(torch.nn.Module):
    """In place of the output: writes `tokens` one after the other, whatever the states are."""

    def __init__(self, task, tokens):
        super().__init__()
        self.size, self.tokens, self.step = task.tokenizer.size, tokens, 0

    def forward(self, states):
        logits = torch.zeros(*states.shape[:-1], self.size, dtype=states.dtype)
        logits[..., self.tokens[min(self.step, len(self.tokens) - 1)]] = 50.0
        self.step += 1
        return logits


def numbers(task, text):
    return [int(number) for number in task.tokenizer.numbers([text])[0]]


@pytest.mark.parametrize(("direction", "expected"), [("left_to_right", "甲乙丙"), ("right_to_left", "丙乙甲")])
def test_what_is_written_from_the_right_is_read_from_the_left(direction, expected):
    task = made("seq2seq", f"task.direction={direction}", "task.beam_size=1")
    task.words = Scripted(task, [*numbers(task, "甲乙丙"), task.ends.end])
    assert answers(task, SourceTarget("红"))[0]["target"] == expected


def test_the_directions_swap_start_and_end():
    task = made("bidirectional_seq2seq")
    batch = batch_of(task, SourceTarget("红", "甲乙丙"))
    one, two, three = numbers(task, "甲乙丙")
    assert batch["target"].tolist() == [[task.ends.start, one, two, three, task.ends.end]]
    assert batch["reverse"].tolist() == [[task.ends.end, three, two, one, task.ends.start]]


@TASKS
def test_a_target_that_is_too_long_teaches_no_end_and_is_told_of(name, caplog):
    task = made(name)
    with caplog.at_level(logging.WARNING):
        batch = batch_of(task, SourceTarget("红", "甲乙丙丁戊己庚辛壬癸"))
    assert task.tokenizer.decode(batch["target"][0].tolist()) == "甲乙丙丁戊己庚辛"
    assert task.ends.end not in batch["target"][0, 1:]
    assert "task.max_length=8" in caplog.text
    if name == "bidirectional_seq2seq":
        assert task.tokenizer.decode(batch["reverse"][0].tolist()) == "癸壬辛庚己戊丁丙"


def test_an_unknown_character_is_the_one_of_the_source_that_is_looked_at():
    task = made("seq2seq", "task.beam_size=1")
    unknown = task.unknown
    task.words = Scripted(task, [*numbers(task, "甲"), unknown, unknown, task.ends.end])
    looked = torch.zeros(1, 3, 6, dtype=torch.float64)
    looked[0, 1, 4], looked[0, 2, 2] = 1.0, 0.9
    looked[0, 2, 3] = 1.0  # a known character: not what was meant
    task.decoder.looks = lambda tokens, source: looked
    (answer,) = answers(task, SourceTarget("红Ж黄Ё"))  # [CLS] 红 Ж 黄 Ё [SEP]
    assert answer["target"] == "甲ЁЖ"


def test_an_unknown_character_that_the_source_has_not_stays_explicit():
    task = made("seq2seq", "task.beam_size=1")
    task.words = Scripted(task, [task.unknown, task.ends.end])
    assert answers(task, SourceTarget("红黄"))[0]["target"] == UNKNOWN


@TASKS
@pytest.mark.parametrize("text", ["", " ", "🙂" * 3, "红" * 1000, "[SEP] [CLS] [PAD]", "\u200b\x00", "红\ud7ff"])
def test_any_source_is_answered(name, text):
    (answer,) = answers(made(name), SourceTarget(text))
    assert isinstance(answer["target"], str)
    assert len(answer["target"]) <= 8 * len(UNKNOWN)


@TASKS
@DECODERS
def test_a_batch_writes_what_each_source_alone_does(name, decoder):
    task = made(name, f"decoder={decoder}")
    torch.nn.init.normal_(task.words.compare.weight)
    records = [SourceTarget(text) for text in ("甲", "红橙黄绿青蓝紫", "庚辛壬", "子丑")]
    together = answers(task, *records)
    assert [answer["target"] for answer in together] == [answers(task, item)[0]["target"] for item in records]


def test_several_targets_come_best_first_with_scores():
    task = made("seq2seq", "task.n_best=3", "task.beam_size=4")
    torch.nn.init.normal_(task.words.compare.weight)
    (answer,) = answers(task, SourceTarget("甲乙丙"))
    scores = [item["score"] for item in answer["targets"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert answer["target"] == answer["targets"][0]["text"]
    assert len({item["text"] for item in answer["targets"]}) == 3


def test_what_is_drawn_is_a_function_of_the_seed_and_the_source():
    task = made("seq2seq", "task.decoding=sample", "task.n_best=2")
    records = [SourceTarget("甲乙丙"), SourceTarget("红橙黄绿青蓝紫")]
    first = answers(task, *records)
    assert answers(task, *records) == first
    (alone,) = answers(task, records[1])
    assert [item["text"] for item in alone["targets"]] == [item["text"] for item in first[1]["targets"]]
    other = made("seq2seq", "task.decoding=sample", "task.n_best=2", "task.seed=1")
    assert [item["target"] for item in answers(other, *records)] != [item["target"] for item in first]


def test_at_temperature_0_sampling_takes_the_likeliest_as_a_beam_of_one_does():
    records = [SourceTarget("甲乙丙"), SourceTarget("红橙黄绿青蓝紫")]
    drawn = made("seq2seq", "task.decoding=sample", "task.temperature=0")
    greedy = made("seq2seq", "task.beam_size=1")
    for task in (drawn, greedy):
        torch.manual_seed(3)
        torch.nn.init.normal_(task.words.compare.weight)
    assert [item["target"] for item in answers(drawn, *records)] == [
        item["target"] for item in answers(greedy, *records)
    ]


def test_the_prior_is_averaged_into_the_logits():
    task = made("seq2seq", "task.source_prior=true")
    batch = batch_of(task, SourceTarget("甲乙", "丙"))
    with torch.no_grad():
        task.prior.log_scale += 1.0
        task.prior.shift += torch.arange(task.tokenizer.size)
        read = task.read(batch)
        states = task.decoder(batch["target"][:, :-1], read.source)
        present = torch.zeros(task.tokenizer.size, dtype=torch.float64)
        present[numbers(task, "甲乙")] = 1.0
        prior = torch.e * present + torch.arange(task.tokenizer.size)
        expected = (task.words(states) + prior) / 2
        torch.testing.assert_close(task(batch).logits, expected)


def test_labels_are_smoothed_in_training_and_not_in_evaluation():
    task = made("seq2seq", "task.label_smoothing=0.2", "encoder.dropout=0", "decoder.dropout=0")
    batch = batch_of(task, SourceTarget("甲乙", "丙丁"))
    logs = task(batch).logits.log_softmax(-1)[0]
    truth = -logs.gather(-1, batch["target"][0, 1:, None]).sum()
    torch.testing.assert_close(task.loss(task(batch), batch).total, truth)
    spread = -logs.mean(-1).sum()
    task.train()
    torch.testing.assert_close(task.loss(task(batch), batch).total, 0.8 * truth + 0.2 * spread)


def test_tables_are_shared_and_tied_as_the_settings_say():
    shared = made("seq2seq")
    assert shared.decoder.embedding is shared.encoder.embedding
    assert shared.words.compare.weight is shared.encoder.embedding.token.weight
    apart = made("seq2seq", "task.share_embeddings=false", "task.tie_output=false")
    assert apart.decoder.embedding.token.weight is not apart.encoder.embedding.token.weight
    assert apart.words.compare.weight is not apart.decoder.embedding.token.weight
    both = made("bidirectional_seq2seq")
    assert both.decoders[0].embedding is both.decoders[1].embedding
    assert both.decoders[0].layers[0].project_in.weight is not both.decoders[1].layers[0].project_in.weight


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task.n_best=4",), "task.n_best: must be <= beam_size=3, got 4."),
        (("task.top_k=3",), "task.decoding: nothing is drawn by beam"),
        (("task.max_length=512",), "task.max_length: must be < embedding.max_length=512, got 512."),
        (("task.max_source_length=600",), "task.max_source_length: must be <= embedding.max_length=512, got 600."),
    ],
)
def test_settings_that_do_not_go_together_are_refused(words, message):
    with pytest.raises(UserError) as caught:
        made("seq2seq", *words)
    assert message in str(caught.value)


@TASKS
def test_a_decoder_may_be_narrower_than_the_encoder(name):
    task = made(name, "decoder.dim=8")
    assert isinstance(answers(task, SourceTarget("甲乙"))[0]["target"], str)


@TASKS
def test_a_run_trains_scores_and_answers(name, tmp_path):
    result = train(tmp_path, f"task={name}", *SMALL, "data.size=40", "data.valid_size=8", "trainer.max_epochs=1")
    for metric in ("rouge_1", "rouge_2", "rouge_l", "bleu", "exact_match", "first_four", "last_four"):
        assert 0 <= result.metrics[f"valid/{metric}"] <= 1
    (answer,) = load(result.checkpoint).predict(["今天有雨"])
    assert answer["text"] == "今天有雨"
    assert "target" in answer


@pytest.mark.slow
@TASKS
def test_the_toy_headlines_are_learnt(name, tmp_path):
    result = dougong.train([f"experiment=toy_{name}", "tracker=csv", "trainer.progress=none"], folder=tmp_path)
    assert result.metrics["test/exact_match"] >= 0.9
