"""Files of tagged tokens, well-formed and hostile."""

from pathlib import Path

import pytest
from runs import SHARED_DATA

from dougong.data.records import PlainText, TaggedText
from dougong.errors import UserError
from dougong_plugins.data.tag_columns import TagColumns


def data(folder: Path, content: str | bytes, **settings) -> TagColumns:
    (folder / "train.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return TagColumns(str(folder), valid=None, test=None, **settings)


def read(reader: TagColumns) -> list[tuple[str, list[tuple[str, str, int, int]]]]:
    found = []
    for record in reader.records("train", TaggedText):
        assert all(record.text[item.span.start : item.span.end] == item.span.text for item in record.entities)
        spans = [(item.type, item.span.text, item.span.start, item.span.end) for item in record.entities]
        found.append((record.text, spans))
    return found


def error(reader: TagColumns) -> str:
    with pytest.raises(UserError) as caught:
        list(reader.records("train", TaggedText))
    return str(caught.value)


EXPECTED = [("王明在京", [("PER", "王明", 0, 2), ("LOC", "京", 3, 4)]), ("好", [])]
FORMS = {
    "BIO": "王 B-PER\n明 I-PER\n在 O\n京 B-LOC\n\n好 O\n",
    "BIOES": "王 B-PER\n明 E-PER\n在 O\n京 S-LOC\n\n好 O\n",
    "BMES": "王 B-PER\n明 E-PER\n在 O\n京 S-LOC\n\n好 O\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_scheme_is_read_whether_it_is_said_or_found_out(tmp_path, form):
    assert read(data(tmp_path, FORMS[form])) == EXPECTED
    assert read(data(tmp_path, FORMS[form], scheme=form)) == EXPECTED


def test_the_middle_of_an_entity_may_be_m_or_i(tmp_path):
    assert read(data(tmp_path, "一 B-X\n二 M-X\n三 E-X\n")) == [("一二三", [("X", "一二三", 0, 3)])]
    assert read(data(tmp_path, "一 B-X\n二 I-X\n三 E-X\n")) == [("一二三", [("X", "一二三", 0, 3)])]
    assert read(data(tmp_path, "一 B-X\n二 I-X\n三 I-X\n")) == [("一二三", [("X", "一二三", 0, 3)])]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(" ", "\t"),
        lambda text: text.rstrip("\n"),
        lambda text: "\n\n" + text.replace("\n\n", "\n \n\n") + "\n\n",
        lambda text: text.replace(" ", " NN _ "),
        lambda text: "-DOCSTART- -X- O O\n\n" + text,
    ],
    ids=["mark", "windows", "tabs", "no end", "empty lines", "columns between", "documents"],
)
def test_what_differs_between_corpora_is_no_trouble(tmp_path, change):
    assert read(data(tmp_path, change(FORMS["BIO"]))) == EXPECTED


def test_words_are_joined_by_a_space_and_entities_are_slices_of_the_text(tmp_path):
    content = "U.N. NNP I-NP B-ORG\nofficial NN I-NP O\nJosé NNP I-NP B-PER\nÁlvarez NNP I-NP I-PER\n"
    assert read(data(tmp_path, content, join=" ")) == [
        ("U.N. official José Álvarez", [("ORG", "U.N.", 0, 4), ("PER", "José Álvarez", 14, 26)])
    ]


def test_white_space_full_width_forms_and_emoji_may_be_tokens(tmp_path):
    content = "Ａ B-X\n  I-X\n\u3000 I-X\n👩‍🚀 I-X\n\u200b O\ne\u0301 B-Y\n"
    assert read(data(tmp_path, content)) == [
        ("Ａ \u3000👩‍🚀\u200be\u0301", [("X", "Ａ \u3000👩‍🚀", 0, 6), ("Y", "e\u0301", 7, 9)])
    ]


BAD = {
    "no tag": ("好 O\n坏\n", 2, "'坏' has no tag"),
    "white space without a tag": ("好 O\n\n  O\n  \n坏 O\n 坏\n", 6, "no tag of BIO"),
    "another tag": ("好 O\n坏 X-PER\n", 2, "'X-PER' is no tag of BIO"),
    "no type": ("好 B\n", 1, "'B' is no tag of BIO"),
    "an empty type": ("好 B-\n", 1, "'B-' is no tag of BIO"),
    "a lower-case tag": ("好 o\n", 1, "'o' is no tag of BIO"),
    "inside without a beginning": ("好 O\n坏 I-PER\n", 2, "'I-PER' is part of no whole entity in BIO"),
    "another type inside": ("好 B-PER\n坏 I-LOC\n", 2, "'I-LOC' is part of no whole entity"),
    "no end": ("一 S-X\n\n好 B-PER\n坏 O\n", 3, "'B-PER' is part of no whole entity in BIOES"),
    "not UTF-8": (b"ok O\n\xce\xd2 O\nok O\n", 2, "not UTF-8 at byte 1 (0xce)"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_text_that_can_not_be_read_is_named_by_file_and_line(tmp_path, case):
    content, line, reason = BAD[case]
    message = error(data(tmp_path, content))
    assert message.startswith(f"{tmp_path / 'train.txt'}:{line}: ")
    assert reason in message
    assert "data.on_bad_row=skip" in message
    assert "\n" not in message


@pytest.mark.parametrize("case", BAD)
def test_or_is_left_out_whole_and_counted(tmp_path, case):
    content = BAD[case][0]
    rest = "好 O\n书 O\n"
    raw = content if isinstance(content, bytes) else content.encode()
    reader = data(tmp_path, raw + b"\n" + rest.encode(), on_bad_row="skip")
    found = read(reader)
    assert found[-1] == ("好书", [])
    assert reader.bad_rows == 1
    assert not any("坏" in text for text, _ in found)


def test_a_scheme_that_is_said_wrongly_is_told_by_name(tmp_path):
    assert "'E-PER' is no tag of BIO" in error(data(tmp_path, FORMS["BMES"], scheme="BIO"))


def test_a_token_and_a_text_of_a_megabyte_are_read(tmp_path):
    long = "长" * 350_000
    many = "字 B-X\n" * 100_000
    found = read(data(tmp_path, f"{long} B-X\n尾 I-X\n\n{many}"))
    assert [len(text) for text, _ in found] == [350_001, 100_000]
    assert len(found[1][1]) == 100_000


def test_an_empty_file_has_no_texts_and_a_missing_one_is_named(tmp_path):
    assert read(data(tmp_path, "")) == []
    (tmp_path / "trian.txt").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"data\.train: .*trains?\.txt does not exist.*train\.txt"):
        list(TagColumns(str(tmp_path), "trains.txt").records("train", TaggedText))
    with pytest.raises(UserError, match=r"data\.path: .* is not a folder"):
        list(TagColumns(str(tmp_path / "none")).records("train", TaggedText))


def test_texts_alone_can_be_had_and_sources_and_fingerprints_tell_where_from(tmp_path):
    reader = data(tmp_path, FORMS["BIO"])
    assert [item.text for item in reader.records("train", PlainText)] == ["王明在京", "好"]
    assert [item.source[-2:] for item in reader.records("train", TaggedText)] == [":1", ":6"]
    before = reader.fingerprint()
    assert before.keys() == {"train.txt"}
    assert data(tmp_path, FORMS["BMES"]).fingerprint() != before


@pytest.mark.skipif(not (SHARED_DATA / "resume_ner").is_dir(), reason=f"{SHARED_DATA}/resume_ner is not there")
def test_the_resumes_are_read_but_four_whose_tags_are_in_disorder():
    names = [f"{name}.char.bmes" for name in ("train", "dev", "test")]
    reader = TagColumns(str(SHARED_DATA / "resume_ner"), *names, on_bad_row="skip")
    counts = [sum(1 for _ in reader.records(split, TaggedText)) for split in ("train", "valid", "test")]
    assert counts == [3817, 463, 477]
    assert reader.bad_rows == 4
