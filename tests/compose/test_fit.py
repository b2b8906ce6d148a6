"""What does not go together is refused before anything is built."""

import pytest

from dougong.compose.compose import compose
from dougong.errors import UserError

THEIRS = """
import torch
from dougong import register


@register("optimizer", "mine")
class Mine(torch.optim.SGD):
    "Averages."

    averages_weights = True

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(params, lr)
"""


@pytest.mark.parametrize("wrapper", ["lookahead", "[gradient_centralization,lookahead]"])
def test_lookahead_is_refused_around_an_optimizer_that_averages_weights(wrapper):
    with pytest.raises(UserError) as caught:
        compose([f"wrapper={wrapper}", "optimizer=schedule_free_adamw"])
    message = str(caught.value)
    assert message.startswith("wrapper=lookahead replaces weights, and optimizer=schedule_free_adamw keeps an average")
    assert "\n" not in message


@pytest.mark.parametrize("optimizer", ["adamw", "adax", "adafactor", "muon"])
def test_lookahead_goes_around_those_that_do_not(optimizer):
    assert compose(["wrapper=lookahead", f"optimizer={optimizer}"])["wrapper"]


@pytest.mark.parametrize("optimizer", ["adafactor", "lamb", "muon", "schedule_free_adamw"])
def test_lazy_is_refused_around_an_optimizer_whose_rows_depend_on_each_other(optimizer):
    with pytest.raises(UserError, match=f"^wrapper=lazy updates rows one by one, and what optimizer={optimizer} does"):
        compose(["wrapper=lazy", f"optimizer={optimizer}"])


def test_facts_of_an_optimizer_of_ones_own_count_too(tmp_path):
    (tmp_path / "mine.py").write_text(THEIRS)
    with pytest.raises(UserError, match="optimizer=mine keeps an average"):
        compose([f"plugin_path=[{tmp_path}]", "optimizer=mine", "wrapper=lookahead"])


DEAF = """
from dougong import register
from dougong.contracts.embedding import Embedding
from dougong.contracts.encoder import Encoder


@register("encoder", "deaf")
class Deaf(Encoder):
    "Takes tokens only."

    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
"""


def test_a_task_that_conditions_its_encoder_asks_for_one_that_takes_vectors(tmp_path):
    (tmp_path / "deaf.py").write_text(DEAF)
    with pytest.raises(UserError, match="encoder=deaf can't take vectors in place of tokens, which task=passage_qa"):
        compose([f"plugin_path=[{tmp_path}]", "task=passage_qa", "encoder=deaf"])


@pytest.mark.parametrize("attention", ["full", "local", "atrous", "sparse"])
def test_what_a_task_asks_of_its_encoder_is_not_asked_of_an_attention(attention):
    assert compose(["task=passage_qa", "encoder=transformer", f"attention={attention}"])["attention"]


def test_an_embedding_brings_the_tokenizer_that_it_needs():
    assert compose(["embedding=char_word"])["tokenizer"]["name"] == "character_word"
    with pytest.raises(UserError, match="choose tokenizer=character_word"):
        compose(["embedding=char_word", "tokenizer=wordpiece"])


def test_a_tokenizer_that_tells_words_suits_any_embedding():
    assert compose(["embedding=token", "tokenizer=character_word"])["embedding"]["name"] == "token"


BACKWARDS = """
from dougong import register
from dougong.contracts.attention import Attention


@register("attention", "backwards")
class Backwards(Attention):
    "Sees all, always."

    supports = frozenset({"padding", "cross"})
"""


def test_a_decoder_asks_its_own_attention_alone(tmp_path):
    (tmp_path / "backwards.py").write_text(BACKWARDS)
    words = [f"plugin_path=[{tmp_path}]", "task=seq2seq", "decoder=transformer"]
    assert compose([*words, "attention=backwards"])["attention"]
    with pytest.raises(UserError, match="decoder_attention=backwards can't do causal attention, which decoder=trans"):
        compose([*words, "attention@decoder_attention=backwards"])
