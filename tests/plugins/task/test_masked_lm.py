"""Masked language models: what is scored, against what, in which order, and which words are masked."""

import numpy as np
import pytest
import torch
from runs import PLUGINS, assert_same_training, checkpoint, measurements, resume
from torch import nn
from torch.nn import functional

import dougong
from dougong.contracts.embedding import Inputs
from dougong.contracts.tokenizer import END, START
from dougong.data.records import PlainText
from dougong.data.token_file import TokenStore
from dougong.training.evaluation import Evaluation
from dougong.training.prepare import batch_maker
from dougong_plugins.task.masking.masks import IGNORED
from dougong_plugins.tokenizer.byte import ByteTokenizer
from dougong_plugins.tokenizer.character import CharacterTokenizer
from dougong_plugins.tokenizer.wordpiece import WordPieceTokenizer

TEXTS = [
    "北京大学的学生喜欢自然语言处理。他们每天写很多代码！",
    "木头浮在水上。",
    "好",
    "我们在中国科学院学习计算机科学" * 3,
]
TINY = [
    *("task=masked_lm", "data.size=40", "data.valid_size=10", "data.test_size=10", "loader.batch_size=16"),
    *("task.length=32", "encoder.layers=1", "encoder.heads=2", "embedding.dim=32", "trainer.log_every=4"),
    *("trainer=cpu", "trainer.precision=32", "trainer.max_updates=12", "trainer.progress=none", "tracker=csv"),
]


def task(tokenizer=None, texts=TEXTS, dim=16, segments=2, **settings):
    torch.manual_seed(0)
    tokenizer = tokenizer or CharacterTokenizer(min_count=1)
    tokenizer.fit(texts)
    encoder = dougong.create(
        "encoder",
        "transformer",
        embedding=dougong.create("embedding", "token", tokenizer=tokenizer, dim=16, max_length=64, segments=segments),
        attention=lambda layer: dougong.create("attention", "full"),
        layers=1,
        dim=dim,
        heads=2,
    )
    made = dougong.create("task", "masked_lm", encoder=encoder, facts={}, **({"length": 24} | settings))
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made.double().eval()


def examples(made, texts, folder):
    return made.stream([PlainText(text) for text in texts], TokenStore(folder))


def batch(made, texts, folder):
    found = examples(made, texts, folder)
    return batch_maker(made, found, 0)[np.arange(len(found))]


# --- what is scored


@pytest.mark.parametrize("settings", [{}, {"tie_output": False}, {"transform": False}, {"dim": 24}])
def test_scoring_the_masked_places_alone_equals_scoring_all(tmp_path, settings):
    made = task(**settings)
    given = batch(made, TEXTS, tmp_path)
    seen = []
    made.score_tokens.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    loss = made.loss(made(given), given)
    (shape,) = seen
    assert shape == (int(loss.weight), made.encoder.tokenizer.size)
    assert 0 < shape[0] < given["tokens"].numel() / 3
    found = torch.autograd.grad(loss.total, list(made.parameters()), allow_unused=True)
    states = made.encoder(Inputs(given["tokens"], given["padding_mask"]))
    logits = made.score_tokens(states)
    whole = functional.cross_entropy(logits.flatten(0, 1), given["target"].flatten(), reduction="sum")
    torch.testing.assert_close(loss.total, whole, rtol=1e-13, atol=0)
    expected = torch.autograd.grad(whole, list(made.parameters()), allow_unused=True)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)


def test_a_batch_without_a_token_to_predict_has_no_loss(tmp_path):
    made = task()
    given = batch(made, ["", ""], tmp_path)
    loss = made.loss(made(given), given)
    assert (loss.total.item(), loss.weight.item()) == (0.0, 0.0)


# --- tied weights


@pytest.mark.parametrize(("dim", "transform"), [(16, True), (16, False), (24, True), (24, False)])
def test_tokens_are_scored_against_their_own_vectors_also_where_the_embedding_is_factorised(dim, transform):
    made = task(dim=dim, transform=transform)
    table = made.encoder.embedding.token.weight
    assert made.score_tokens.words.compare.weight is table
    names = [name for name, _ in made.named_parameters()]
    assert "encoder.embedding.token.weight" in names
    assert "score_tokens.words.compare.weight" not in names
    given = torch.randn(3, dim, dtype=torch.float64)
    head, states = made.score_tokens, given
    if transform:
        layer, activation, norm = head.transform
        assert isinstance(norm, nn.LayerNorm)
        states = norm(activation(layer(given)))
    assert isinstance(head.words.narrow, nn.Linear) == (dim == 24 and not transform)
    torch.testing.assert_close(head(given), head.words.narrow(states) @ table.T + head.words.compare.bias)


def test_weights_stay_tied_when_they_are_loaded_and_an_update_moves_both():
    made, other = task(), task()
    other.load_state_dict(made.state_dict())
    assert other.score_tokens.words.compare.weight is other.encoder.embedding.token.weight
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    other.score_tokens(torch.ones(1, 16, dtype=torch.float64)).square().sum().backward()
    optimizer.step()
    assert not other.encoder.embedding.token.weight.equal(made.encoder.embedding.token.weight)
    assert other.score_tokens.words.compare.weight.equal(other.encoder.embedding.token.weight)


def test_weights_of_its_own_are_those_it_says():
    made = task(tie_output=False)
    assert made.score_tokens.words.compare.weight is not made.encoder.embedding.token.weight
    assert "score_tokens.words.compare.weight" in dict(made.named_parameters())


def test_where_no_table_has_a_row_a_token_weights_are_not_tied(monkeypatch):
    monkeypatch.setattr("dougong_plugins.task.masked_lm.token_table", lambda *_: None)
    with pytest.raises(ValueError, match="tie_output: this encoder has no table with a row a token; take tie_output="):
        task(tie_output=True)
    for made in (task(), task(tie_output=False)):
        assert made.score_tokens.words.compare.weight is not made.encoder.embedding.token.weight


# --- the order of sentences


def drawn(made, text, count=200):
    """The pairs of one text, each drawn with a generator of its own, before they are masked."""
    (numbers,) = made.encoder.tokenizer.numbers([text])
    start, end = (made.encoder.tokenizer.identity(token) for token in (START, END))
    framed = np.concatenate([[start], numbers, [end]])
    return numbers, [made.order.draw(framed, np.random.default_rng(seed)) for seed in range(count)]


def test_half_of_the_pairs_are_swapped_and_all_are_of_consecutive_pieces():
    made = task(sentence_order=True)
    start, end = (made.encoder.tokenizer.identity(token) for token in (START, END))
    numbers, pairs = drawn(made, TEXTS[3])
    for pair in pairs:
        cut = int((pair.segments == 0).sum())
        assert pair.tokens[[0, cut - 1, -1]].tolist() == [start, end, end]
        one, other = pair.tokens[1 : cut - 1], pair.tokens[cut:-1]
        body = np.concatenate([other, one] if pair.swapped else [one, other])
        assert body.tolist() == numbers.tolist()
        assert min(len(one), len(other)) >= len(numbers) // 4
        assert pair.segments.tolist() == [0] * cut + [1] * (len(pair.tokens) - cut)
    assert sum(pair.swapped for pair in pairs) / len(pairs) == pytest.approx(0.5, abs=0.12)
    assert len({int((pair.segments == 0).sum()) for pair in pairs}) > 10


def test_pieces_end_where_a_sentence_does_if_one_does_near_the_middle():
    made = task(sentence_order=True)
    text = TEXTS[0]
    for pair in drawn(made, text, 40)[1]:
        cut = int((pair.segments == 0).sum()) - 2
        assert cut in (text.index("。") + 1, len(text) - text.index("。") - 1)


@pytest.mark.parametrize("text", ["", "好"])
def test_a_text_too_short_for_two_pieces_has_no_order_to_learn(tmp_path, text):
    made = task(sentence_order=True)
    given = batch(made, [text], tmp_path)
    assert given["swapped"].tolist() == [IGNORED]
    loss = made.loss(made(given), given)
    assert loss.weight.item() == len(text)
    assert loss.total.isfinite()
    (prediction,) = made.predict(made(given), given)
    assert (prediction["ordered"], prediction["pairs"]) == (0.0, 0.0)


def test_blocks_leave_room_for_the_pair_and_batches_know_their_length(tmp_path):
    made = task(sentence_order=True)
    found = examples(made, ["好书" * 200], tmp_path)
    assert found.lengths.max() == 24
    given = batch_maker(made, found, 0)[np.arange(len(found))]
    assert given["tokens"].size(1) <= 24
    assert given["tokens"].shape == given["segments"].shape == given["target"].shape


def test_the_loss_is_the_mean_of_masked_tokens_plus_that_of_orders_weighted_by_masks(tmp_path):
    made = task(sentence_order=True)
    given = batch(made, TEXTS, tmp_path)
    outputs, loss = made(given), made.loss(made(given), given)
    asked = given["target"] != IGNORED
    tokens = functional.cross_entropy(outputs.tokens, given["target"][asked])
    pairs = given["swapped"] != IGNORED
    assert pairs.sum() == len(pairs) - 1
    counts, total = asked.sum(1), 0.0
    for row in pairs.nonzero()[:, 0].tolist():
        total += counts[row] * -outputs.order[row].log_softmax(-1)[given["swapped"][row]]
    torch.testing.assert_close(loss.total / loss.weight, tokens + total / counts.sum())


def test_losses_with_the_order_are_sums_that_do_not_depend_on_the_batch(tmp_path):
    made = task(sentence_order=True)
    found = examples(made, TEXTS, tmp_path)
    maker = batch_maker(made, found, 0)
    parts = [made.loss(made(one), one) for one in (maker[np.array([number])] for number in range(len(found)))]
    whole = made.loss(made(given := maker[np.arange(len(found))]), given)
    assert whole.total.item() == pytest.approx(sum(part.total.item() for part in parts), rel=1e-12)
    assert whole.weight.item() == sum(part.weight.item() for part in parts)


def test_the_accuracy_of_the_order_is_that_of_the_pairs(tmp_path):
    made = task(sentence_order=True)
    given = batch(made, TEXTS, tmp_path)
    outputs, pairs = made(given), given["swapped"] != IGNORED
    evaluation = Evaluation(made)
    with torch.inference_mode():
        evaluation.add(made(given), given)
    right = (outputs.order.argmax(-1) == given["swapped"])[pairs]
    assert evaluation.scores(()).metrics["order_accuracy"] == pytest.approx(right.double().mean().item())


def test_an_order_that_can_be_told_is_learnt():
    """Texts that count upwards: with a few updates nearly every pair is told."""
    letters = "零一二三四五六七八九十百千万亿兆"
    made = task(texts=[letters], sentence_order=True, share=0.05).train()
    (numbers,) = made.encoder.tokenizer.numbers([letters])
    optimizer = torch.optim.Adam(made.parameters(), 5e-3)
    for step in range(60):
        pairs = [made.order.draw(numbers, np.random.default_rng((step, row))) for row in range(32)]
        given = {"tokens": np.stack([pair.tokens for pair in pairs]), "segments": np.stack([p.segments for p in pairs])}
        given |= {"target": np.full(given["tokens"].shape, IGNORED), "swapped": np.array([p.swapped for p in pairs])}
        tensors = {name: torch.from_numpy(value) for name, value in given.items()}
        outputs = made(tensors)
        accuracy = (outputs.order.argmax(-1) == tensors["swapped"]).double().mean().item()
        optimizer.zero_grad()
        functional.cross_entropy(outputs.order, tensors["swapped"]).backward()
        optimizer.step()
    assert accuracy > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"segments": 1}, "sentence_order: needs embedding.segments=2, got 1"),
        ({"pack_across_documents": True}, "sentence_order: its two pieces are of one document"),
        ({"length": 4}, "length: two pieces take 5 tokens or more, got 4"),
    ],
)
def test_what_does_not_go_with_the_order_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        task(sentence_order=True, **settings)


def test_a_run_with_the_order_resumes_exactly_and_reports_its_accuracy(tmp_path, monkeypatch):
    words = [*TINY, "task.sentence_order=true", "embedding.segments=2", "callback=[crash,fgm]"]
    words += [f"plugin_path=[{PLUGINS}]", "trainer.save_every=1", "encoder.dim=24", "trainer.max_updates=8"]
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    result = dougong.train(words, folder=tmp_path / "whole")
    assert 0 <= result.metrics["test/order_accuracy"] <= 1
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:5")
    with pytest.raises(ZeroDivisionError):
        dougong.train(words, folder=tmp_path / "stopped")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped", ("last",))
    assert measurements(tmp_path / "stopped") == measurements(tmp_path / "whole")
    found = checkpoint(tmp_path / "whole")["state_dict"]
    tied = ("task.encoder.embedding.token.weight", "task.score_tokens.words.compare.weight")
    assert found[tied[0]].equal(found[tied[1]])
    (answer,) = dougong.load(result.checkpoint).predict([PlainText("这[MASK]书")])
    assert len(answer["fills"]) == 1


# --- whole words


def masked_together(made, text, count=300):
    """Of each character of a text the characters that are always masked when it is."""
    tokens = np.array(made.encoder.tokenizer.encode([text])[0].ids)
    draws = (made.masks.draw(tokens, np.random.default_rng(seed))[1] != IGNORED for seed in range(count))
    asked = np.stack(list(draws))[:, 1:-1]
    return asked, asked.mean()


def test_the_characters_of_a_word_are_masked_together_by_a_dictionary():
    pytest.importorskip("jieba")
    made = task(whole_word="jieba", share=0.4)
    asked, share = masked_together(made, "我们喜欢计算机")
    for word in (slice(0, 2), slice(2, 4), slice(4, 7)):
        assert (asked[:, word].all(1) | ~asked[:, word].any(1)).all()
        assert 0 < asked[:, word].mean() < 1
    assert not (asked[:, 1] == asked[:, 2]).all()
    assert share < 0.45


def test_words_of_letters_and_of_characters_are_told_in_one_text():
    pytest.importorskip("jieba")
    texts = ["unbelievable quick foxes 我们 喜欢 jumping"]
    made = task(WordPieceTokenizer(vocab_size=60), texts, whole_word="jieba", share=0.3)
    encoding = made.encoder.tokenizer.encode(["unbelievable foxes我们喜欢"])[0]
    asked, _ = masked_together(made, "unbelievable foxes我们喜欢")
    tokens = encoding.tokens[1:-1]
    groups, number = [], -1
    for token in tokens:
        number += not token.startswith("##") and token not in ("们", "欢")
        groups.append(number)
    assert number == 3
    assert len(tokens) > 8
    for group in range(4):
        columns = asked[:, np.array(groups) == group]
        assert (columns.all(1) | ~columns.any(1)).all()


def test_words_do_not_reach_over_what_is_no_text():
    pytest.importorskip("jieba")
    made = task(whole_word="jieba", share=0.3)
    asked, _ = masked_together(made, "计[MASK]算机")
    assert not (asked[:, 0] == asked[:, 2]).all()


def test_a_dictionary_needs_characters_and_jieba_itself(monkeypatch):
    pytest.importorskip("jieba")
    with pytest.raises(ValueError, match="whole_word: jieba needs tokens that are whole characters"):
        task(ByteTokenizer(), whole_word="jieba")
    monkeypatch.setitem(__import__("sys").modules, "jieba", None)
    with pytest.raises(ValueError, match=r"^task\.whole_word=jieba needs jieba: pip install jieba"):
        task(whole_word="jieba")
