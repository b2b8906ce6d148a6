"""What the embedded data promises."""

import hashlib
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from dougong.contracts.data import SPLITS
from dougong.data.records import EventText, LabelledText, PlainText, Span, SpanQuestion, TaggedText, TextPair
from dougong.errors import UserError
from dougong_plugins.data.toy import Toy
from dougong_plugins.data.toy_world.composer import Composer, Scene
from dougong_plugins.data.toy_world.dice import Dice
from dougong_plugins.data.toy_world.facts import Fact, Form, Thing
from dougong_plugins.data.toy_world.reports import Reporter
from dougong_plugins.data.toy_world.reviews import LABELS, review
from dougong_plugins.data.toy_world.world import build

RECORDS = pytest.mark.parametrize("record", Toy.yields)


def texts(toy: Toy, split: str, record: type = LabelledText) -> list[str]:
    return [content(each) for each in toy.records(split, record)]


def content(record) -> str:
    return "\n".join((record.question, *record.passages)) if isinstance(record, SpanQuestion) else record.text


def digest(toy: Toy, split: str, record: type) -> str:
    return hashlib.sha256("\n".join(map(repr, toy.records(split, record))).encode()).hexdigest()[:16]


def scenes() -> Iterator[Scene]:
    for split, cast in build(0).items():
        reporter = Reporter(cast)
        for number in range(150):
            yield reporter.report(Dice("spans", split, number))
            yield review(Dice("spans", split, number), cast, LABELS[number % len(LABELS)])


def spans_of(scene: Scene) -> Iterator[Span]:
    yield from scene.sentences
    yield from (entity.span for entity in scene.entities)
    for triple in scene.triples:
        yield from (triple.subject, triple.object)
    for event in scene.events + scene.opinions:
        yield event.trigger
        yield from (argument.span for argument in event.arguments)


@RECORDS
def test_no_text_comes_twice_in_a_split_or_in_two_splits(record):
    everything = [text for split in SPLITS for text in texts(Toy(size=4000), split, record)]
    assert len(everything) == len(set(everything))


def test_no_person_company_or_product_is_named_in_two_splits():
    names = {
        split: {thing.name for thing in cast.people + cast.companies + cast.products}
        for split, cast in build(0).items()
    }
    for split in SPLITS:
        for other in set(SPLITS) - {split}:
            assert not any(name in text for text in texts(Toy(), other) for name in names[split])


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (LabelledText, "ddfcde9eed4f7729"),
        (PlainText, "5f0a21a6f187ee39"),
        (SpanQuestion, "c4f2b6f28eef407d"),
        (TaggedText, "f2f344e95c9f9b45"),
        (EventText, "32ee0f8172b50150"),
    ],
)
def test_the_records_are_the_same_on_every_machine(record, expected):
    assert digest(Toy(), "train", record) == expected


def test_the_records_are_the_same_in_another_process_with_other_string_hashes():
    program = (
        "from dougong_plugins.data.toy import Toy; from dougong.data.records import PlainText; "
        "print(*(each.text for each in Toy().records('valid', PlainText)), sep='\\n')"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        assert run.stdout.splitlines() == texts(Toy(), "valid", PlainText)


def test_another_seed_makes_another_world():
    assert not set(texts(Toy(), "train")) & set(texts(Toy(world_seed=1), "train"))


@RECORDS
def test_each_split_has_the_size_asked_for(record):
    toy = Toy(size=30, valid_size=20, test_size=10)
    assert [len(texts(toy, split, record)) for split in SPLITS] == [30, 20, 10]


@RECORDS
def test_a_larger_split_begins_with_the_smaller_one_and_changes_no_other(record):
    small, large = Toy(size=50), Toy(size=500)
    assert texts(large, "train", record)[:50] == texts(small, "train", record)
    for split in ("valid", "test"):
        assert texts(large, split, record) == texts(small, split, record)


def test_the_fingerprint_tells_one_data_from_another():
    assert Toy().fingerprint() == Toy().fingerprint()
    others = (Toy(), Toy(world_seed=1), Toy(size=50), Toy(test_size=50), Toy(unanswerable=0.5))
    assert len({str(toy.fingerprint()) for toy in others}) == 5


@pytest.mark.parametrize("split", SPLITS)
def test_the_classes_are_balanced(split):
    counts = Counter(record.label for record in Toy().records(split, LabelledText))
    assert set(counts) == set(LABELS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_texts_are_a_sentence_or_two_long():
    assert all(15 <= len(text) <= 60 for split in SPLITS for text in texts(Toy(), split))
    assert all(30 <= len(text) <= 200 for split in SPLITS for text in texts(Toy(), split, PlainText))


def test_valid_and_test_have_hardly_a_character_that_training_lacks():
    known = set("".join(texts(Toy(), "train")))
    for split in ("valid", "test"):
        characters = "".join(texts(Toy(), split))
        assert sum(character not in known for character in characters) < 0.01 * len(characters)


def test_a_bag_of_words_is_far_above_the_majority_and_far_below_a_reader():
    pytest.importorskip("sklearn", reason="scikit-learn measures the bag of words")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, test = (list(Toy().records(split, LabelledText)) for split in ("train", "test"))
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, sublinear_tf=True),
        LogisticRegression(C=10, tol=1e-3),
    )
    model.fit([record.text for record in train], [record.label for record in train])
    accuracy = model.score([record.text for record in test], [record.label for record in test])
    majority = max(Counter(record.label for record in test).values()) / len(test)
    assert majority < 0.2
    assert 0.5 < accuracy < 0.85


def test_every_recorded_span_is_an_exact_slice_of_the_text():
    for scene in scenes():
        for span in spans_of(scene):
            assert span.text
            assert scene.text[span.start : span.end] == span.text


def test_what_a_text_states_is_made_of_its_entities_and_sentences():
    for scene in scenes():
        assert "".join(sentence.text for sentence in scene.sentences) == scene.text
        named = [entity.span for entity in scene.entities]
        assert named == sorted(named, key=lambda span: span.start)
        assert all(before.end <= after.start for before, after in itertools.pairwise(named))
        for triple in scene.triples:
            assert triple.subject in named
            assert triple.object in named


def test_the_world_holds_what_every_shape_of_problem_needs():
    everything = list(scenes())
    entities = {entity.type for scene in everything for entity in scene.entities}
    predicates = {triple.predicate for scene in everything for triple in scene.triples}
    events = {event.type for scene in everything for event in scene.events}
    roles = {argument.role for scene in everything for event in scene.events for argument in event.arguments}
    assert entities == {"人物", "公司", "地点", "产品", "职位", "日期", "金额"}
    assert predicates >= {
        "出生地",
        "任职于",
        "职务",
        "总部",
        "所属省份",
        "创始人",
        "成立时间",
        "生产商",
        "售价",
        "收购",
    }
    assert events == {"收购", "任命", "辞职", "发布", "裁员", "起火", "购买"}
    assert roles >= {"时间", "金额", "原因", "地点"}
    assert {opinion.type for scene in everything for opinion in scene.opinions} == set(LABELS)


def test_a_thing_named_twice_is_recorded_twice_and_its_relation_is_about_the_first():
    form = Form(("{person}在{city}，{person}说。",), triples=(("person", "位于", "city"),))
    composer = Composer(Dice("twice"))
    composer.tell(Fact(form, {"person": Thing("王明", "人物"), "city": Thing("杭州", "地点")}))
    scene = composer.scene()
    assert scene.text == "王明在杭州，王明说。"
    assert [entity.span.start for entity in scene.entities] == [0, 3, 6]
    assert scene.triples[0].subject.start == 0


def test_no_two_texts_contradict_each_other_about_a_lasting_fact():
    stated: dict[tuple[str, str], set[str]] = {}
    for scene in scenes():
        for triple in scene.triples:
            if triple.predicate in {"出生地", "任职于", "职务", "总部", "创始人", "成立时间", "生产商", "售价"}:
                stated.setdefault((triple.subject.text, triple.predicate), set()).add(triple.object.text)
    assert all(len(objects) == 1 for objects in stated.values())


def test_a_record_type_that_the_data_does_not_yield_is_refused_in_one_line():
    with pytest.raises(UserError, match="no TextPair records") as caught:
        Toy().records("train", TextPair)
    assert "LabelledText, PlainText" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_question_is_answered_by_its_text_wherever_that_says_so():
    for split in SPLITS:
        for record in Toy().records(split, SpanQuestion):
            (passage,) = record.passages
            assert record.answers
            assert all(passage[item.start :].startswith(item.text) for item in record.answers)
            assert len({item.start for item in record.answers}) == len(record.answers)
            # An answer, or what is asked about, is no hint by being the only thing named.
            assert len(passage) > 3 * len(record.answers[0].text)


def test_the_kind_of_thing_that_is_asked_for_does_not_give_the_answer_away():
    kinds = {"出生地": "地点", "总部": "地点", "创始人": "人物", "职务": "职位", "时间": "日期"}
    reporter, alone, asked = Reporter(build(0)["train"]), 0, 0
    for number in range(300):
        scene = reporter.report(Dice("kinds", number))
        stated = [(triple.predicate, triple.object) for triple in scene.triples]
        stated += [(item.role, item.span) for event in scene.events for item in event.arguments]
        for name, span in stated:
            if name in kinds:
                asked += 1
                others = {each.span.text for each in scene.entities if each.type == kinds[name]} - {span.text}
                alone += not others
    assert alone < 0.6 * asked


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_share_of_questions_without_an_answer_is_as_asked(share):
    records = list(Toy(unanswerable=share).records("train", SpanQuestion))
    assert sum(not record.answers for record in records) == pytest.approx(share * len(records), abs=0.04 * len(records))
    # They ask about somebody or something that the text names.
    names = [thing.name for cast in build(0).values() for thing in cast.people + cast.companies + cast.products]
    for record in records[:200]:
        assert any(name in record.question and name in record.passages[0] for name in names)


@pytest.mark.parametrize("passages", [2, 5])
def test_further_passages_are_of_the_same_split_and_say_the_same_if_they_are_asked(passages):
    records = list(Toy(passages=passages).records("test", SpanQuestion))
    places = Counter()
    for record in records:
        assert len(record.passages) == passages
        assert record.answers
        for answer in record.answers:
            assert record.passages[answer.passage][answer.start :].startswith(answer.text)
        places[record.answers[0].passage] += 1
    assert min(places[number] for number in range(passages)) > 0.5 * len(records) / passages
    assert sum(len({answer.passage for answer in record.answers}) > 1 for record in records) > 5


def test_no_torch_is_imported():
    program = "import sys, dougong_plugins.data.toy; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
