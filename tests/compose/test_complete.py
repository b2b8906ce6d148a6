"""Pretrained weights give the settings that nobody gave, and contradict those that do not fit; torch is not needed."""

import json

import pytest

from dougong.compose.compose import compose
from dougong.errors import UserError

BERT = {
    "model_type": "bert",
    "vocab_size": 7,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0.05,
}
ALBERT = {**BERT, "model_type": "albert", "embedding_size": 10}


@pytest.fixture
def folder(tmp_path):
    """Writes a folder with a config.json and a vocabulary."""

    def make(config, vocabulary=True):
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        if vocabulary:
            (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n甲\n乙\n", encoding="utf-8")
        return tmp_path

    return make


def refusal(folder, *words) -> str:
    with pytest.raises(UserError) as refused:
        compose([f"encoder.pretrained={folder}", *words])
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_nobody_gave_is_that_of_the_weights(folder):
    made = folder(ALBERT)
    config = compose([f"encoder.pretrained={made}"])
    assert (
        config["encoder"]
        | {
            "layers": 3,
            "dim": 24,
            "heads": 6,
            "feedforward_dim": 40,
            "norm": "post",
            "norm_eps": 1e-12,
            "activation": "gelu_tanh",
            "share_layers": True,
            "pooling": "pooler",
            "dropout": 0.05,
        }
        == config["encoder"]
    )
    expected = {"dim": 10, "max_length": 64, "segments": 2, "norm": True, "norm_eps": 1e-12, "dropout": 0.05}
    assert config["embedding"] | expected == config["embedding"]
    assert config["tokenizer"]["name"] == "wordpiece"
    assert config["tokenizer"]["vocab"] == str(made)


def test_what_was_given_and_may_differ_stays(folder):
    words = ["encoder.pooling=mean", "encoder.dropout=0.2", "encoder.share_layers=false", "embedding.max_length=32"]
    config = compose([f"encoder.pretrained={folder(ALBERT)}", *words, "encoder.layers=3"])
    assert (config["encoder"]["pooling"], config["encoder"]["dropout"]) == ("mean", 0.2)
    assert (config["encoder"]["share_layers"], config["embedding"]["max_length"]) == (False, 32)


def test_a_tokenizer_that_was_chosen_stays(folder, tmp_path):
    made = folder(BERT)
    assert compose([f"encoder.pretrained={made}", "tokenizer=character"])["tokenizer"]["name"] == "character"
    other = tmp_path / "other.txt"
    tokenizer = compose([f"encoder.pretrained={made}", f"tokenizer.vocab={other}", "tokenizer=wordpiece"])["tokenizer"]
    assert tokenizer["vocab"] == str(other)
    assert compose([f"encoder.pretrained={made}", "tokenizer=wordpiece"])["tokenizer"]["vocab"] == str(made)


def test_nothing_is_taken_where_nothing_is_named(folder):
    assert compose([])["encoder"]["layers"] == 4


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("encoder.layers=4", "encoder.layers: is 4 here and 3 in "),  # also where it is the plugin's own default
        ("encoder.norm=pre", "encoder.norm: is pre here and post in "),
        ("encoder.share_layers=true", "encoder.share_layers: is true here and false in "),
        ("embedding.dim=32", "embedding.dim: is 32 here and 24 in "),
        ("embedding.max_length=65", "embedding.max_length: is 65 here and 64 in "),
        ("embedding.positions=none", "embedding.positions: is none here and learned in "),
        ("encoder=bert_tiny", "encoder.layers: is 2 here and 3 in "),
    ],
)
def test_a_contradiction_names_the_key_and_both_values(word, said, folder):
    assert refusal(folder(BERT), word).startswith(said)


def test_hierarchical_positions_go_beyond_the_learned_ones(folder):
    words = ["embedding.positions=hierarchical", "embedding.max_length=512"]
    embedding = compose([f"encoder.pretrained={folder(BERT)}", *words])["embedding"]
    assert (embedding["learned_positions"], embedding["max_length"]) == (64, 512)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {**BERT, "model_type": "roberta"},
            "config.json: model_type is roberta; encoder=transformer takes",
        ),
        ({**BERT, "hidden_act": "swish"}, "config.json: hidden_act is swish; known: gelu, "),
        ({**BERT, "hidden_size": "24"}, "config.json: hidden_size must be a whole number >= 1, got 24."),
        ({**BERT, "num_hidden_layers": None}, "config.json: num_hidden_layers must be a whole number >= 1, got None."),
        ({**BERT, "is_decoder": True}, "config.json: is_decoder is True; encoder=transformer has False alone."),
        ({**ALBERT, "num_hidden_groups": 2}, "config.json: num_hidden_groups is 2; encoder=transformer shares all"),
        ({**ALBERT, "embedding_size": 24}, "config.json: embedding_size is hidden_size, 24; "),
        ("{", "config.json is not JSON ("),
        ("[]", "config.json is not a JSON object."),
    ],
)
def test_a_configuration_that_can_not_be_read_is_refused(config, said, folder):
    assert said in refusal(folder(config))


def test_a_folder_without_a_vocabulary_asks_for_one(folder, tmp_path):
    made = folder(BERT, vocabulary=False)
    assert refusal(made).startswith(
        f"tokenizer: {made} has no vocabulary file; say tokenizer.vocab=FILE, of its 7 tokens"
    )
    compose([f"encoder.pretrained={made}", "tokenizer=character"])


def test_another_embedding_is_refused(folder):
    assert refusal(folder(BERT), "embedding=char_word", "tokenizer=character_word").startswith(
        "embedding: is char_word here and token in "
    )


def test_a_place_with_no_model_is_refused(tmp_path):
    assert refusal(tmp_path / "nowhere") == f"encoder.pretrained: {tmp_path}/nowhere does not exist."
    assert refusal(tmp_path) == (
        f"encoder.pretrained: {tmp_path} holds neither a config.json (Hugging Face) nor a checkpoint of Dougong's."
    )


def test_a_name_is_fetched_from_the_hub(folder, monkeypatch):
    import huggingface_hub

    asked = []

    def snapshot_download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(folder(BERT))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    (folder(BERT) / "pytorch_model.bin").touch()
    assert compose(["encoder.pretrained=someone/bert-of-mine"])["encoder"]["layers"] == 3
    assert [name for name, _ in asked] == ["someone/bert-of-mine"] * 2  # no safetensors, so the other format
    assert "pytorch_model*.bin" not in asked[0][1]


def test_without_the_hub_it_is_one_line(monkeypatch):
    import huggingface_hub

    def snapshot_download(name, allow_patterns):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert refusal("someone/bert") == (
        "encoder.pretrained: someone/bert is no folder or file here, and can't be fetched from the Hugging Face hub "
        "(ConnectionError: no route to host)."
    )


def test_torch_is_not_imported_to_compare(folder, without_torch):
    made = folder(BERT)
    line = without_torch("train", f"encoder.pretrained={made}", "encoder.layers=4").refused()
    assert line == f"encoder.layers: is 4 here and 3 in {made}/config.json; leave it out."
