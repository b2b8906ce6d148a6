"""Trained models behind the service: every task's records, and many clients at once."""

import asyncio
import json

import pytest
from runs import train
from served import Served, run_client

import dougong
from dougong.serving.description import example_of, fields_asked

httpx = pytest.importorskip("httpx", reason="httpx, the client of these tests, is not installed")

TEXTS = ["百度的创始人是李彦宏。", "好吃", "", "这家店很好吃" * 20, "\u200b\U0001f600 A\n", "小明[MASK]天去了北京"]
QUESTIONS = [
    {"question": "谁是创始人?", "passages": ["百度的创始人是李彦宏。"], "identity": "q1"},
    {"question": "", "passages": []},
    {"question": "谁?", "passages": ["", "好吃" * 60, "李彦宏。"]},
]
SHORT = {
    "bidirectional_seq2seq": ("task.max_length=6",),
    "seq2seq": ("task.max_length=6",),
    "causal_lm": ("task.max_new_tokens=4",),
}
LANGUAGE_MODELS = ("causal_lm", "masked_lm")
TASKS = [
    *("bidirectional_seq2seq", "causal_lm", "classification", "event_extraction", "masked_lm", "passage_qa"),
    *("reading_comprehension", "relation_extraction", "seq2seq", "tagging"),
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> list[str]:
    """Settings of data that are plain texts."""
    folder = tmp_path_factory.mktemp("texts")
    lines = "这家店很好吃，价格便宜。\n\n这家店很难吃，价格很贵。\n" * 20
    for name in ("train", "valid"):
        (folder / f"{name}.txt").write_text(lines, encoding="utf-8")
    return ["data=text_file", f"data.path={folder}", "data.train=train.txt", "data.valid=valid.txt", "data.test=null"]


@pytest.fixture
def model(request, texts, tmp_path):
    """A model of a task after one update."""
    task = request.param
    words = [f"task={task}", "encoder=transformer", "trainer.max_updates=1", "test=false", *SHORT.get(task, ())]
    words += ["loader.batch_size=8", "encoder.layers=1", "encoder.heads=2", "embedding.dim=32", "trainer=cpu"]
    words += ["trainer.precision=32", "trainer.progress=none", "tracker=csv"]
    words += texts if task in LANGUAGE_MODELS else ["data.size=20", "data.valid_size=5", "data.test_size=5"]
    return dougong.load(dougong.train(words, folder=tmp_path / "run").checkpoint)


def records(model) -> list[dict]:
    """Records of the type that a model takes."""
    names = {field["name"] for field in fields_asked(model.task.accepts)}
    if "passages" in names:
        return QUESTIONS
    return [{"text": text, **({"identity": "x"} if "identity" in names else {})} for text in TEXTS]


@pytest.mark.parametrize("model", TASKS, indirect=True)
def test_records_of_every_task_are_answered_as_predict_answers_them(serve, model):
    asked = records(model)
    expected = [json.dumps(answer, ensure_ascii=False) for answer in model.predict(asked)]
    served = serve(model)
    with httpx.Client(base_url=served.url, timeout=60) as client:
        assert client.post("/predict", json=asked).text == f"[{', '.join(expected)}]"
        for record, answer in zip(asked, model.predict(asked[:1]), strict=False):
            assert client.post("/predict", json=record).json() == json.loads(json.dumps(answer))
        wrong = client.post("/predict", json=[asked[0], {**asked[0], next(iter(asked[0])): 3}])
        assert (wrong.status_code, wrong.json()["key"]) == (422, f"[1].{next(iter(asked[0]))}")
        example = client.post("/predict", json=example_of(model.task.accepts))
        assert example.status_code == 200


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A model that has learnt a little."""
    return dougong.load(train(tmp_path_factory.mktemp("run"), "optimizer.lr=5e-3", "test=false").checkpoint)


def test_two_hundred_requests_at_once_each_get_their_own_answer(serve, classifier):
    served = serve(classifier)
    texts = [f"{'这家店很好吃' * (number % 5)}{number}" for number in range(200)]
    asked = [text if number % 3 else [text, f"{text}。"] for number, text in enumerate(texts)]
    answers = run_client(all_at_once(served, asked))
    assert {answer.status_code for answer in answers} == {200}
    for given, answer in zip(asked, answers, strict=True):
        found = answer.json() if isinstance(given, list) else [answer.json()]
        wanted = list(classifier.predict(given if isinstance(given, list) else [given]))
        assert [item["text"] for item in found] == [item["text"] for item in wanted]
        assert [item["label"] for item in found] == [item["label"] for item in wanted]
        # What is computed in one batch with others may differ in its last bit.
        assert [item["score"] for item in found] == pytest.approx([item["score"] for item in wanted], abs=2e-6)
    batcher = served.service.batcher
    assert batcher.answered == 267
    assert batcher.batches < 100


def test_under_load_what_is_refused_is_told_so_and_the_rest_is_right(serve, classifier):
    served = serve(classifier, max_queue=20, max_batch=4)
    texts = [f"好吃{number}" for number in range(200)]
    answers = run_client(all_at_once(served, texts))
    assert {answer.status_code for answer in answers} == {200, 429}
    for text, answer in zip(texts, answers, strict=True):
        assert answer.status_code == 429 or answer.json()["text"] == text
    assert served.service.batcher.answered == sum(answer.status_code == 200 for answer in answers)


async def all_at_once(served: Served, asked) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=served.url, timeout=120, limits=limits) as client:
        return list(await asyncio.gather(*(client.post("/predict", json=given) for given in asked)))
