"""Models of Transformers with attention plugins inside give what their own attention gives under the same mask."""

import sys

import pytest
import torch

import dougong
from dougong.contracts.embedding import Inputs
from dougong.errors import UserError
from dougong.export.formats import export
from dougong_plugins.tokenizer.character import CharacterTokenizer

pytest.importorskip("transformers")

TEXTS = ["甲乙丙丁戊己庚辛壬癸", "甲乙丙", "丁", "辛庚己戊丁丙"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
MODELS = {
    "bert": SIZES,
    "albert": {**SIZES, "embedding_size": 8},  # all layers are one module
    "roberta": SIZES,  # positions are counted from the number of padding on
    "electra": {**SIZES, "embedding_size": 8},
    "distilbert": {"dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32},
    "gpt2": {"n_embd": 16, "n_layer": 4, "n_head": 2},  # causal
    "llama": {**SIZES, "num_key_value_heads": 1},  # causal, one head of keys for two of queries
}
ATTENTIONS = {
    "full": [("full", {})],
    "local": [("local", {"window": 2})],
    "atrous": [("atrous", {"rate": 2})],
    "sparse": [("sparse", {"rate": 3})],
    "local,atrous": [("local", {"window": 1}), ("atrous", {"rate": 3})],
}


def tokenizer():
    made = CharacterTokenizer(min_count=1)
    made.fit(TEXTS)
    return made


def encoder(model="bert", attention="full", **settings):
    torch.manual_seed(0)
    chosen = ATTENTIONS[attention]

    def make(layer):
        name, values = chosen[layer % len(chosen)]
        return dougong.create("attention", name, **values)

    if "pretrained" not in settings:
        settings.setdefault("config", {"model_type": model, **MODELS[model]})
    return dougong.create("encoder", "huggingface", tokenizer=tokenizer(), attention=make, **settings)


def batch(made, wider=0):
    rows = [encoding.ids for encoding in made.tokenizer.encode(TEXTS)]
    width = max(map(len, rows)) + wider
    tokens = torch.tensor([row + [made.tokenizer.padding_id] * (width - len(row)) for row in rows])
    return Inputs(tokens, torch.tensor([[place >= len(row) for place in range(width)] for row in rows]))


def eager_states(made, inputs, causal, monkeypatch):
    """What the model's own attention gives, layer by layer under the mask of the plugin that is chosen for it."""
    module, count = sys.modules[type(made.model).__module__], inputs.tokens.size(1)
    own, attentions = module.eager_attention_forward, iter(made.attentions)

    def masked(layer, query, key, value, attention_mask, **others):
        seen = next(attentions).mask(count, count, causal=causal or layer.is_causal)
        seen = seen & ~inputs.padding_mask[:, None, None, :]
        hidden = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
        return own(layer, query, key, value, hidden, **others)

    monkeypatch.setattr(module, "eager_attention_forward", masked)
    made.model.set_attn_implementation("eager")
    states = made.model(inputs.tokens, attention_mask=(~inputs.padding_mask).long()).last_hidden_state
    assert next(attentions, None) is None, "not every layer has been asked"
    made.model.set_attn_implementation("dougong")
    return states


@pytest.mark.parametrize("attention", list(ATTENTIONS))
@pytest.mark.parametrize("model", list(MODELS))
def test_it_equals_the_models_own_attention_under_the_same_mask(model, attention, monkeypatch):
    made = encoder(model, attention).eval()
    inputs = batch(made)
    for causal in (False, True):
        expected = eager_states(made, inputs, causal, monkeypatch)
        found = made(inputs, causal=causal)
        torch.testing.assert_close(found[~inputs.padding_mask], expected[~inputs.padding_mask], rtol=0, atol=1e-5)
        monkeypatch.undo()


@pytest.mark.parametrize("attention", ["full", "sparse"])
@pytest.mark.parametrize("model", ["bert", "gpt2"])
def test_neither_padding_nor_causality_gets_lost(model, attention):
    made = encoder(model, attention).double().eval()
    narrow, wide = batch(made), batch(made, wider=3)
    states = made(narrow)
    torch.testing.assert_close(
        made(wide)[:, :12][~narrow.padding_mask], states[~narrow.padding_mask], rtol=0, atol=1e-12
    )
    later = Inputs(narrow.tokens.clone(), narrow.padding_mask)
    later.tokens[0, 6:] = 5
    change = (made(later)[0, :6] - states[0, :6]).abs().max()
    assert change == 0 if model == "gpt2" else change > 0


def test_a_transformers_that_hands_on_no_mask_is_not_trusted(monkeypatch):
    from transformers.masking_utils import AttentionMaskInterface

    encoder()  # both are registered now
    monkeypatch.delitem(AttentionMaskInterface._global_mapping, "dougong")
    monkeypatch.setattr(AttentionMaskInterface, "register", lambda *arguments: None)
    with pytest.raises(ValueError, match=r"config: the attention of bert can't be replaced: .* states are off"):
        encoder()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            {"model_type": "xlnet", "d_model": 16, "n_layer": 1, "n_head": 2, "d_head": 8},
            "it computes its attention itself",
        ),
        ({"model_type": "deberta-v2", **SIZES}, "it computes its attention itself"),
        ({"model_type": "modernbert", **SIZES}, "its layers have patterns of their own"),
        (
            {"model_type": "t5", "d_model": 16, "num_layers": 1, "d_kv": 8, "num_heads": 2},
            "it computes its attention itself",
        ),
    ],
)
def test_a_model_whose_attention_can_not_be_replaced_is_refused(config, reason):
    with pytest.raises(
        ValueError, match=f"config: the attention of {config['model_type']} can't be replaced: {reason}"
    ):
        encoder(config=config)


@pytest.mark.parametrize("model", list(MODELS))
def test_the_longest_input_is_the_longest_that_the_model_can_place(model):
    aliases = {"distilbert": "max_position_embeddings", "gpt2": "n_positions"}
    config = {"model_type": model, **MODELS[model], aliases.get(model, "max_position_embeddings"): 16}
    made = encoder(config=config).eval()
    assert made.max_length == (15 if model == "roberta" else 16)
    made(Inputs(torch.full((1, made.max_length), 5)))
    if model != "llama":  # it turns by positions, and has none that are learnt
        with pytest.raises((IndexError, RuntimeError)):
            made(Inputs(torch.full((1, made.max_length + 1), 5)))


@pytest.mark.parametrize("model", ["bert", "albert", "electra"])
def test_segments_and_the_pooler_are_the_models(model):
    if model == "electra":
        with pytest.raises(ValueError, match="pooling: electra has no pooler"):
            encoder(model, pooling="pooler")
        return
    made = encoder(model, pooling="pooler").eval()
    inputs = batch(made)._replace(segments=torch.ones(4, 12, dtype=torch.long))
    expected = made.model(
        inputs.tokens, ~inputs.padding_mask, inputs.segments, dougong=_layers(made)
    )  # positions come after them
    found = made(inputs)
    assert made.segments == 2
    assert not torch.equal(found, made(batch(made)))
    torch.testing.assert_close(found, expected.last_hidden_state)
    torch.testing.assert_close(made.pool(found, inputs.padding_mask), expected.pooler_output)


def _layers(made):
    from dougong_plugins.encoder.hugging_face.attention import Layers

    return Layers(made.attentions, False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bret"}, "config.model_type: Transformers has no bret. Did you mean `bert`?"),
        ({"hidden_size": 16}, "config: lacks a model_type"),
        (
            {"model_type": "bert", "hiden_size": 16},
            "config.hiden_size: bert has no such setting. Did you mean `hidden_size`?",
        ),
        ({"model_type": "bert", **SIZES, "hidden_size": 17}, "config: The hidden size (17) is not a multiple"),
        ({"model_type": "bert", **SIZES, "vocab_size": 3}, "config.vocab_size: must be at least the tokenizer's"),
        ({}, "pretrained: give it, or config"),
        ("nowhere", "encoder.config: nowhere does not exist"),
    ],
)
def test_a_wrong_configuration_is_told_in_one_line(config, message):
    with pytest.raises(ValueError, match=r".") as error:
        encoder(config=config)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.fixture
def folder(tmp_path):
    """A pretrained model in the format of Hugging Face, with the vocabulary of the tests."""
    from transformers import BertConfig, BertForMaskedLM

    made, place = tokenizer(), tmp_path / "bert"
    torch.manual_seed(1)
    BertForMaskedLM(BertConfig(**SIZES, vocab_size=made.size)).save_pretrained(place)
    names = sorted(made.core.get_vocab(), key=made.core.get_vocab().get)
    (place / "vocab.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return place


def test_pretrained_weights_are_taken_and_what_is_not_used_is_named(folder):
    from transformers import AutoModel

    made = encoder(pretrained=str(folder), config={"hidden_dropout_prob": 0.3})
    line, left = made.load_pretrained()
    assert "none missing" in line
    assert "left out: cls.predictions" in left
    assert made.model.training
    assert made.model.config.hidden_dropout_prob == 0.3
    inputs = batch(made)
    own = AutoModel.from_pretrained(folder).eval()(inputs.tokens, attention_mask=~inputs.padding_mask)
    found = made.eval()(inputs)[~inputs.padding_mask]
    torch.testing.assert_close(found, own.last_hidden_state[~inputs.padding_mask], rtol=0, atol=1e-5)


def test_a_pooler_that_the_folder_has_not_is_not_made_up(folder):
    with pytest.raises(
        UserError, match=r"does not fit this encoder: 2 missing \(pooler\.dense\.bias, pooler\.dense\.weight\)\."
    ):
        encoder(pretrained=str(folder), pooling="pooler").load_pretrained()


def test_weights_of_another_shape_are_not_made_up(folder):
    made = encoder(pretrained=str(folder), config={"intermediate_size": 24})
    with pytest.raises(
        UserError, match=r"does not fit this encoder: 12 of another shape \(encoder\.layer\.0\.intermediate"
    ):
        made.load_pretrained()


def test_other_numbers_for_the_tokens_are_refused(folder):
    file = folder / "vocab.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"tokenizer: 2 tokens have another number than in .*vocab\.txt"):
        encoder(pretrained=str(folder)).load_pretrained()


def test_a_run_from_a_folder_predicts_from_its_checkpoint_alone(folder, tmp_path):
    rows = "".join(f"{text}\t{len(text) % 2}\n" for text in TEXTS * 4)
    (tmp_path / "train.tsv").write_text(rows, encoding="utf-8")
    words = ["data=text_table", f"data.path={tmp_path}", "data.valid=null", "data.test=null", "data.text=0"]
    words += ["data.label=1", "encoder=huggingface", f"encoder.pretrained={folder}", "attention=[local,atrous]"]
    words += ["trainer.max_epochs=1", "tracker=csv"]
    words += ["encoder.config.hidden_dropout_prob=0.2", "trainer.progress=none", "trainer=cpu", "task.max_length=16"]
    result = dougong.train(words, tmp_path / "run")
    for file in folder.iterdir():
        file.unlink()
    model = dougong.load(result.checkpoint)
    assert model.task.encoder.model.config.hidden_dropout_prob == 0.2
    assert len(list(model.predict(TEXTS))) == len(TEXTS)
    assert dougong.train([f"resume={tmp_path / 'run'}"]).status == "finished"


def test_a_model_that_is_refused_stops_the_run_before_training(tmp_path):
    words = ["encoder=huggingface", "encoder.config={model_type: deberta-v2, hidden_size: 48}", "tracker=csv"]
    with pytest.raises(UserError, match=r"^encoder\.config: the attention of deberta-v2 can't be replaced: [^\n]*\.$"):
        dougong.train([*words, "data.size=20"], tmp_path / "run")


def test_a_checkpoint_of_ours_is_gone_on_from_and_exported_again(folder, tmp_path):
    from transformers import AutoModel

    words = ["encoder=huggingface", "data.size=20", "trainer.max_epochs=1", "tracker=csv", "trainer.progress=none"]
    first = dougong.train([*words, f"encoder.config={folder}", "tokenizer=character"], tmp_path / "first")
    trained = dougong.load(first.checkpoint).task.encoder
    second = dougong.train([*words, f"encoder.pretrained={first.folder}", "optimizer.lr=1e-12"], tmp_path / "second")
    loaded = dougong.load(second.checkpoint).task.encoder
    inputs = Inputs(torch.tensor([[2, 7, 8, 9, 3]]))
    torch.testing.assert_close(loaded(inputs), trained(inputs), rtol=0, atol=1e-5)
    model = dougong.load(first.checkpoint)
    export(model, "huggingface", tmp_path / "exported")
    read = AutoModel.from_pretrained(tmp_path / "exported").eval()
    torch.testing.assert_close(read(inputs.tokens).last_hidden_state, trained(inputs), rtol=0, atol=1e-5)
