"""The vocabulary of the English ALBERT: a unigram model, which names its special tokens in its own way."""

import json

import foreign
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from dougong.contracts.tokenizer import SPECIAL_TOKENS
from dougong.errors import UserError
from dougong_plugins.tokenizer.sentencepiece import SentencePieceTokenizer

PIECES = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "▁", "▁un", "der", "▁under", *"abcdefghijklmnopqrstu", "<", ">"]

WORDPIECE = {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100}


@pytest.fixture
def folder(tmp_path):
    """An ALBERT with random weights, with such a vocabulary, as Transformers writes it."""
    import transformers

    core = tokenizers.Tokenizer(models.Unigram([(piece, -0.1 * at) for at, piece in enumerate(PIECES)], unk_id=1))
    core.normalizer, core.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=core, mask_token="[MASK]", **names)
    made = foreign.save(foreign.model("albert", vocab_size=len(PIECES)), tmp_path / "albert", vocabulary=False)
    fast.save_pretrained(made)
    return made


def test_it_comes_with_the_weights_and_numbers_tokens_as_transformers_does(folder):
    import transformers

    ours, lines = foreign.encoder(f"encoder.pretrained={folder}")
    assert isinstance(ours.tokenizer, SentencePieceTokenizer)
    assert "none missing" in lines[0]
    texts = ["Under a bed", "sun  rat", ""]
    theirs = transformers.AutoTokenizer.from_pretrained(folder)(texts, add_special_tokens=False)["input_ids"]
    assert [found.tolist() for found in ours.tokenizer.numbers(texts)] == theirs
    assert ours.tokenizer.special_ids == list(range(len(SPECIAL_TOKENS)))
    (encoding,) = ours.tokenizer.encode(["under a"])
    assert encoding.tokens == ["[CLS]", "▁under", "▁", "a", "[SEP]"]
    assert ours.tokenizer.decode(encoding.ids) == "under a"


def test_names_of_special_tokens_in_a_text_are_text(folder):
    tokenizer = SentencePieceTokenizer(str(folder))
    tokenizer.fit([])
    for name in ("<pad>", "[MASK]", "[SEP]"):
        (numbers,), (aligned,) = tokenizer.numbers([f"a {name}"]), tokenizer.align([f"a {name}"])
        assert not {0, 2, 3, 4} & set(numbers.tolist())
        assert aligned.numbers.tolist() == numbers.tolist()


def change(folder, **entries):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"model": {"type": "WordPiece", "unk_token": "a", "vocab": {"a": 0}, **WORDPIECE}}, "reads Unigram alone"),
        ({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]}, "added_tokens": []}, r"has no \[PAD\]"),
        ({"model": {"type": "Unigram", "vocab": "abc"}}, "does not hold a tokenizer"),
        ({"model": {"type": "Unigram"}}, "does not hold a tokenizer"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_a_line(entries, said, folder):
    change(folder, **entries)
    with pytest.raises(UserError, match=said) as refused:
        SentencePieceTokenizer(str(folder)).fit([])
    assert "\n" not in str(refused.value)


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"tokenizer\.vocab: .* is no tokenizer\.json, nor a folder with one\."):
        SentencePieceTokenizer(str(tmp_path)).fit([])
