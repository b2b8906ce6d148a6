"""Slots: what a plugin takes is chosen at the top level, by the slot's name."""

import pytest

from dougong.compose.compose import compose
from dougong.errors import UserError


def test_the_default_composition_fills_every_slot_below_the_task():
    config = compose()
    assert [config[slot]["name"] for slot in ("encoder", "embedding", "tokenizer")] == [
        "transformer",
        "token",
        "character",
    ]
    assert [node["name"] for node in config["attention"].values()] == ["full"]


def test_a_slot_takes_another_plugin_and_its_settings():
    config = compose(["tokenizer=wordpiece", "tokenizer.vocab_size=500"])
    assert (config["tokenizer"]["name"], config["tokenizer"]["vocab_size"]) == ("wordpiece", 500)


@pytest.mark.parametrize("order", [["near", "far"], ["far", "near"], ["far", "full", "near"]])
def test_several_plugins_keep_the_order_in_which_they_are_chosen(order, parts):
    config = compose([parts, f"attention=[{','.join(order)}]"])
    assert list(config["attention"]) == order


def test_each_of_several_has_its_settings_under_its_own_name(parts):
    config = compose([parts, "attention=[near,far]", "attention.near.window=9", "attention.far.rate=7"])
    assert config["attention"] == {"near": {"name": "near", "window": 9}, "far": {"name": "far", "rate": 7}}


def test_plus_adds_to_what_is_chosen(parts):
    assert list(compose([parts, "+attention=far"])["attention"]) == ["full", "far"]


@pytest.mark.parametrize("word", ["decoder_attention=near", "attention@decoder_attention=near"])
def test_a_second_slot_of_a_kind_is_chosen_by_its_own_name(word, parts):
    words = [parts, "encoder=twin", "attention=[far,full]", word]
    config = compose([*words, "decoder_attention.near.window=8"])
    assert list(config["attention"]) == ["far", "full"]
    assert config["decoder_attention"] == {"near": {"name": "near", "window": 8}}


def test_a_second_slot_takes_lists_and_additions_by_its_own_name(parts):
    assert list(compose([parts, "encoder=twin", "decoder_attention=[near,far]"])["decoder_attention"]) == [
        "near",
        "far",
    ]
    assert list(compose([parts, "encoder=twin", "+decoder_attention=far"])["decoder_attention"]) == ["full", "far"]


def test_a_setting_of_every_run_that_ends_like_a_kind_is_no_slot():
    assert compose(["on_changed_data=accept"])["on_changed_data"] == "accept"


def test_a_second_slot_that_is_not_chosen_has_the_default_of_its_kind(parts):
    config = compose([parts, "encoder=twin", "attention=near"])
    assert list(config["decoder_attention"]) == ["full"]


def test_an_encoder_of_a_folder_gets_its_attentions_layer_by_layer(parts):
    from dougong.contracts.tokenizer import SPECIAL_TOKENS
    from dougong.training.assemble import Assembly

    words = [parts, "encoder=twin", "attention=[near,far]", "attention@decoder_attention=far"]
    assembly = Assembly(compose([*words, "attention.near.window=9", "decoder_attention.far.rate=5"]))
    tokenizer = assembly.make("tokenizer")
    tokenizer.fit(["一二三", "一二三"])
    assembly.ready["tokenizer"] = tokenizer
    encoder = assembly.make("encoder")
    assert [type(part).__name__ for part in encoder.first] == ["Near", "Far", "Near"]
    assert encoder.first[0].window == encoder.first[2].window == 9
    assert encoder.first[0] is not encoder.first[2]
    assert [(type(part).__name__, part.rate) for part in encoder.second] == [("Far", 5)] * 3
    assert encoder.embedding.token.num_embeddings == len(SPECIAL_TOKENS) + 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["encoder=bag", "attention=far"],
            "encoder=bag has no attention; remove attention=far, or choose encoder=huggingface or encoder=transformer "
            "or encoder=twin.",
        ),
        (
            ["encoder=bag", "attention.full.window=3"],
            "encoder=bag has no attention; remove attention.full.window=3, or choose",
        ),
        (
            ["encoder=twin", "attention@decoder_atention=far"],
            "attention@decoder_atention=far: there is no such slot. Did you mean `decoder_attention`?",
        ),
        (["encoder=twin", "decoder_atention=far"], "there is no such setting. Did you mean `decoder_attention`?"),
        (["encoder=twin", "decoder_attention=[far,neer]"], "decoder_attention=neer: there is no such attention. Did"),
        (["attention@decoder_attention=far"], "Slots for attention: attention."),
        (["attention=[]"], "attention: encoder=transformer needs one. Allowed: "),
        (["encoder=twin", "attention@decoder_attention=[]"], "decoder_attention: encoder=twin needs one."),
        (["+encoder=bag"], "+encoder=bag: there is a choice already; say encoder=bag to replace it."),
        (["attention=[near]", "attention.far.rate=3"], "attention.far: attention=far is not chosen; chosen: near."),
        (["encoder=twin", "decoder_attention.full.x=3"], "decoder_attention.full.x: there is no such setting."),
    ],
)
def test_a_choice_that_nothing_uses_is_refused_with_what_would(words, message, parts):
    with pytest.raises(UserError) as refused:
        compose([parts, *words])
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["attention=blind", "encoder=transformer"], "attention=blind can't do padding attention, which encoder="),
        (["attention=[full,blind]", "encoder=transformer"], "attention=blind can't do padding attention"),
        (["task=relations"], "task=relations takes Verse, and data=toy gives "),
    ],
)
def test_plugins_that_do_not_fit_are_refused_with_the_reason(words, message, parts, write):
    write(
        "parts/relations.py",
        """
        from dougong import register
        from dougong.contracts.encoder import Encoder
        from dougong.contracts.task import Task
        from dougong.data.records import Record


        class Verse(Record):
            '''What no data gives.'''


        @register("task", "relations")
        class Relations(Task):
            '''Relations.'''

            accepts = Verse

            def __init__(self, encoder: Encoder) -> None:
                super().__init__()
        """,
    )
    with pytest.raises(UserError) as refused:
        compose([parts, *words])
    assert message in str(refused.value)


def test_data_that_a_task_can_not_take_offers_data_that_it_can(parts, write):
    write(
        "parts/lines.py",
        """
        from dougong import register
        from dougong.contracts.data import Data
        from dougong.data.records import PlainText


        @register("data", "lines")
        class Lines(Data):
            '''Lines.'''

            yields = (PlainText,)

            def records(self, split, record):
                return iter(())
        """,
    )
    with pytest.raises(UserError) as refused:
        compose([parts, "data=lines"])
    assert str(refused.value) == (
        "task=classification takes LabelledText, and data=lines gives PlainText; "
        "choose data=mixture or data=text_table or data=toy."
    )
