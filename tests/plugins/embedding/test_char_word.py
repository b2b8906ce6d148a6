"""Each character carries its word's vector, in any task; a checkpoint knows the words it was made with."""

import struct
from itertools import pairwise

import pytest
import torch
from light_encoders import TASKS, run

import dougong
from dougong.contracts.embedding import Inputs
from dougong.contracts.tokenizer import UNKNOWN
from dougong.errors import UserError
from dougong_plugins.tokenizer.character_word import CharacterWordTokenizer

pytest.importorskip("jieba")

TEXTS = ["今天天气很好。", "北京的天气不好，上海的天气好。", "他今天在北京。"]
VECTORS = {"今天": [1.0, 0.0, 2.0], "天气": [0.0, 3.0, 0.5], "这": [4.0, 4.0, 4.0], "的": [4.0, 4.0, 4.0]}


def tokenizer(**settings) -> CharacterWordTokenizer:
    made = CharacterWordTokenizer(**({"min_count": 1, "min_word_count": 1} | settings))
    made.fit(TEXTS)
    return made


def embedding(given, **settings):
    torch.manual_seed(0)
    return dougong.create("embedding", "char_word", tokenizer=given, **({"dim": 8, "word_dim": 3} | settings)).eval()


def words_of(made, text):
    parts = made.parts()
    return [parts[number][1] for number in made.numbers([text])[0].tolist()]


def vectors_of(made, text):
    return made(Inputs(torch.tensor(made.tokenizer.numbers([text])[0])[None]))[0]


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "vectors.txt"
    rows = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in VECTORS.items())
    path.write_text(f"{len(VECTORS)} 3\n{rows}", encoding="utf-8")
    return path


@pytest.fixture
def binary_file(tmp_path):
    path = tmp_path / "vectors.bin"
    rows = b"".join(word.encode() + b" " + struct.pack("3f", *numbers) + b"\n" for word, numbers in VECTORS.items())
    path.write_bytes(f"{len(VECTORS)} 3\n".encode() + rows)
    return path


def test_every_character_tells_its_word():
    assert words_of(tokenizer(), "北京的天气好") == ["北京", "北京", "的", "天气", "天气", "好"]


def test_words_may_be_what_spaces_and_punctuation_separate():
    made = CharacterWordTokenizer(words="spaces", min_count=1, min_word_count=1)
    made.fit(["the old house, the"])
    assert words_of(made, "The house,x") == [*["the"] * 3, *["house"] * 5, ",", ""]


def test_a_word_that_was_not_learnt_leaves_the_characters():
    made = tokenizer()
    assert words_of(made, "北上") == ["", ""]
    assert made.identity(UNKNOWN) not in made.numbers(["北上"])[0]


def test_rare_words_are_left_out_and_listed_ones_are_known(tmp_path):
    (tmp_path / "words.txt").write_text("上海 0.1 0.2\n外星 0.3 0.4\n", encoding="utf-8")
    assert words_of(tokenizer(min_word_count=2), "上海天气") == ["", "", "天气", "天气"]
    known = tokenizer(min_word_count=2, word_list=str(tmp_path / "words.txt"))
    assert words_of(known, "上海天气") == ["上海", "上海", "天气", "天气"]


def test_a_vector_is_that_of_the_character_plus_that_of_its_word():
    made = embedding(tokenizer())
    together, alone = vectors_of(made, "天气"), vectors_of(made, "气天")
    parts = made.tokenizer.parts()
    number = made.tokenizer.numbers(["天气"])[0][0]
    word = made.word.weight[made.word_of[number]]
    torch.testing.assert_close(together[0], made.character.weight[parts[number][0]] + made.project.weight @ word)
    torch.testing.assert_close(together[0] - alone[1], made.project.weight @ word)  # 气 and 天 are words of no list


def test_of_no_word_nothing_is_added():
    made = embedding(tokenizer())
    parts = made.tokenizer.parts()
    (number,) = made.tokenizer.numbers(["北"])[0]
    assert vectors_of(made, "北")[0].equal(made.character.weight[parts[number][0]])


@pytest.mark.parametrize("form", ["text_file", "binary_file"])
def test_vectors_of_a_file_are_taken_and_stay(form, request):
    pytest.importorskip("gensim")
    made = embedding(tokenizer(), vectors=str(request.getfixturevalue(form)))
    rows = {word: made.word.weight[made.word_of[made.tokenizer.numbers([word])[0][0]]] for word in ("今天", "北京")}
    assert rows["今天"].tolist() == VECTORS["今天"]
    assert not rows["北京"].any()
    assert not made.word.weight.requires_grad


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"word_dim": 4}, "word_dim: the vectors of .* have 3"), ({"vectors": "none.txt"}, "none.txt does not exist")],
)
def test_a_file_that_does_not_fit_is_refused(text_file, settings, said):
    pytest.importorskip("gensim")
    with pytest.raises((UserError, ValueError), match=said):
        embedding(tokenizer(), **({"vectors": str(text_file)} | settings))


def test_a_file_that_holds_no_vectors_is_refused(tmp_path):
    pytest.importorskip("gensim")
    (tmp_path / "novel.txt").write_text("It was a dark night.\nAnd long.\n", encoding="utf-8")
    with pytest.raises(UserError, match="not in the format of word2vec"):
        embedding(tokenizer(), vectors=str(tmp_path / "novel.txt"))


def test_a_checkpoint_needs_neither_the_vectors_nor_the_word_list(tmp_path, text_file):
    pytest.importorskip("gensim")
    words = ["embedding=char_word", "embedding.word_dim=3", f"embedding.vectors={text_file}"]
    result = run(tmp_path / "run", "classification", *words, f"tokenizer.word_list={text_file}", "encoder=dgcnn")
    before = list(dougong.load(result.checkpoint).predict(["今天的天气很好"]))
    text_file.unlink()
    model = dougong.load(result.checkpoint)
    assert list(model.predict(["今天的天气很好"])) == before
    made = model.task.encoder.embedding
    (number,) = made.tokenizer.numbers(["的"])[0]
    assert made.word.weight[made.word_of[number]].tolist() == VECTORS["的"]


def test_a_restored_tokenizer_cuts_as_the_one_that_was_saved():
    made, other = tokenizer(words="spaces"), CharacterWordTokenizer(words="jieba")
    other.restore(made.state())
    assert other.parts() == made.parts()
    assert other.numbers(TEXTS[:1])[0].tolist() == made.numbers(TEXTS[:1])[0].tolist()


def test_numbers_of_characters_lie_before_those_of_pairs():
    parts = tokenizer().parts()
    has_word = [bool(word) for _, word in parts]
    assert all(one <= other for one, other in pairwise(has_word))


def test_a_tokenizer_without_words_is_refused_before_training():
    with pytest.raises(UserError, match="tokenizer=character tells no words, which embedding=char_word needs"):
        dougong.train(["embedding=char_word", "tokenizer=character"])


@pytest.mark.parametrize("task", TASKS)
def test_any_task_runs_with_it(tmp_path, task):
    made = run(tmp_path, task, "embedding=char_word", "encoder=dgcnn", "encoder.dilations=[1,2]")
    assert made.status == "finished"
