"""The pages in a real browser: they ask the model, show what it says, need no network, and complain of nothing."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from served import Served, StandIn

from dougong.data.records import SpanQuestion, TaggedText

pytestmark = pytest.mark.slow


class Tagger(StandIn):
    """Marks every 北京 of a text as a place."""

    task = SimpleNamespace(accepts=TaggedText)

    def answers(self, records):
        for record in records:
            places = [at for at in range(len(record.text)) if record.text.startswith("北京", at)]
            spans = [{"text": "北京", "start": at, "end": at + 2} for at in places]
            yield record, {"entities": [{"type": "place", "span": span} for span in spans]}


class Answerer(StandIn):
    """Answers with the first character of the second passage."""

    task = SimpleNamespace(accepts=SpanQuestion)

    def answers(self, records):
        for record in records:
            yield record, {"answers": [{"text": record.passages[1][:1], "start": 0, "passage": 1, "score": 0.5}]}


MODELS = {"lengths": StandIn, "tags": Tagger, "answers": Answerer}


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Served]]:
    started = {name: Served(make()) for name, make in MODELS.items()}
    yield started
    for served in started.values():
        served.stop()


class Page:
    """A page of a service, with what its console complains of and what it asks for."""

    def __init__(self, chromium, url: str, path: str, width: int, scheme: str) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{url}{path}")
        self.page.wait_for_selector("html[data-ready]")

    def ask(self, *texts: str) -> str:
        """Type texts into the fields and ask; what the status says then."""
        for place, text in enumerate(texts):
            self.page.locator("textarea").nth(place).fill(text)
        self.page.click("#ask")
        return self.told()

    def told(self) -> str:
        """The status once it is there."""
        self.page.wait_for_selector("#ask:not(:disabled)")
        return str(self.page.inner_text("#status"))


@pytest.fixture
def opened(chromium, services):
    """Opens pages; nothing may have gone wrong on them, nor been asked of anybody else."""
    pages: list[Page] = []

    def open_page(name: str, path: str = "/", width: int = 1280, scheme: str = "light") -> Page:
        pages.append(Page(chromium, services[name].url, path, width, scheme))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()
        assert [error for error in page.wrong if "422 (Unprocessable" not in error] == []
        assert [url for url in page.asked if not url.startswith((page.url, "data:"))] == []


def test_a_text_is_asked_and_what_was_predicted_is_shown(opened):
    tried = opened("lengths")
    assert tried.ask("<b>好吃</b> & more").startswith("Answered in ")
    assert tried.page.locator("#found dt").all_inner_texts() == ["length"]
    assert tried.page.inner_text("#found dd") == "16"
    tried.page.click("#raw summary")
    assert '"text": "<b>好吃</b> & more"' in tried.page.inner_text("#raw pre")


def test_the_keyboard_is_enough(opened):
    tried = opened("lengths")
    assert tried.page.evaluate("document.activeElement.dataset.field") == "text"
    tried.page.keyboard.type("one")
    tried.page.keyboard.press("Control+Enter")
    tried.told()
    assert tried.page.inner_text("#found dd") == "3"
    tried.page.keyboard.type(" two")
    tried.page.keyboard.press("Tab")
    assert tried.page.evaluate("document.activeElement.id") == "ask"
    tried.page.keyboard.press("Enter")
    tried.page.wait_for_selector("#found dd:text-is('7')")


def test_what_is_refused_is_said_at_its_field(opened):
    tried = opened("lengths")
    assert tried.ask("not to be answered") == "this text is not to be answered."
    assert tried.page.locator("#found *").count() == 0
    assert tried.ask("a").startswith("Answered in ")


def test_what_an_answer_points_to_is_marked_in_the_text_counted_in_characters(opened):
    tried = opened("tags")
    tried.ask("\U0001f600 我爱北京，北京！<i>")
    assert tried.page.locator("#marked mark").all_inner_texts() == ["北京", "北京"]
    assert tried.page.locator("#marked .tag").all_inner_texts() == ["place", "place"]
    assert tried.page.inner_text("#marked .text").startswith("\U0001f600 我爱北京")
    assert tried.page.locator("#found li").count() == 2


def test_a_question_takes_as_many_passages_as_one_likes(opened):
    tried = opened("answers")
    tried.page.get_by_role("button", name="One more").click()
    assert tried.page.evaluate("document.activeElement.id") == "field-passages-2"
    tried.ask("谁?", "第一", "李彦宏")
    assert tried.page.locator("#marked mark").all_inner_texts() == ["李"]
    assert tried.page.locator("#raw pre").text_content().count("第一") == 1


def test_the_api_is_described_with_commands_that_work(opened):
    said = opened("lengths", "/docs")
    titles = said.page.locator("section h2").all_inner_texts()
    assert titles == ["POST /predict", "GET /health", "GET /model"]
    command = said.page.locator("section pre").first.inner_text()
    assert command == f"""curl --json '{{"text":"An example."}}' '{said.url}/predict'"""
    assert "429" in said.page.inner_text("#operations")
    said.page.get_by_role("link", name="Try the model").click()
    said.page.wait_for_selector("#ask")


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_themes_and_can_be_read(opened, scheme, path):
    tried = opened("tags", path, 390, scheme)
    if path == "/":
        tried.ask("北京" * 200 + "x" * 500)
    assert tried.page.evaluate("document.documentElement.scrollWidth") == 390
    assert tried.page.evaluate("document.documentElement.dataset.theme") == scheme
    assert tried.page.evaluate(CONTRAST) >= 4.5  # WCAG 2 AA
    tried.page.click("#theme")
    tried.page.click("#theme")
    assert tried.page.evaluate("document.documentElement.dataset.theme") == "light"


def test_a_service_that_is_gone_is_told(chromium):
    served = Served(StandIn())
    tried = Page(chromium, served.url, "/", 1280, "light")
    served.stop()
    assert tried.ask("a") == "The server does not answer."
    tried.context.close()


# The least contrast of the colours of words against what they stand on.
CONTRAST = """(() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [r, g, b] = [1, 3, 5].map((at) => channel(parseInt(hex.slice(at, at + 2), 16)));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const grounds = ["--ground", "--panel", "--head"];
  const found = ["--ink", "--soft", "--accent", "--bad"].flatMap((word) => grounds.map((on) => ratio(word, on)));
  return Math.min(...found, ratio("--ink", "--mark"), ratio("--ground", "--accent"));
})()"""
