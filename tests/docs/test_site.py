"""The site in a real browser: every page, at the width of a desk and of a phone; search, also without a server."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

WIDTHS = (1280, 390)
PICTURES = os.environ.get("DOUGONG_PICTURES")  # a folder: where pictures of all pages are put, to be looked at


def watch(page, host: str) -> list[str]:
    """What goes wrong on a page from now on, and what it asks of other machines."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on(
        "request", lambda asked: None if asked.url.startswith((host, "data:", "blob:")) else wrong.append(asked.url)
    )
    return wrong


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_its_width_and_has_no_error(width, site, address, chromium):
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    wrong = watch(page, address)
    problems = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name == "404.html":
            continue
        page.goto(address + name.removesuffix("index.html"))
        room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if room[0] > room[1]:
            problems.append(f"{name}: {room[0]} pixels wide, of {room[1]}")
        problems += [f"{name}: {said}" for said in wrong]
        wrong.clear()
        if PICTURES:
            picture = Path(PICTURES) / f"{width}-{name.removesuffix('/index.html').replace('/', '-')}.png"
            page.screenshot(path=str(picture), full_page=True)
    context.close()
    assert not problems, "\n".join(problems)


def found(page, words: str) -> list[str]:
    """The titles that a search finds."""
    box = page.locator("input[name=query]")
    box.click()
    box.fill(words)
    box.dispatch_event("keyup")  # what the search listens to; text that is filled in comes without it
    page.wait_for_selector(".md-search-result__item h1, .md-search-result__item h2", state="attached", timeout=20_000)
    return page.locator(".md-search-result__item :is(h1, h2)").all_inner_texts()


@pytest.mark.parametrize(("words", "title"), [("lookahead", "lookahead"), ("消融实验", "教程")])
def test_search_finds_without_a_network(words, title, address, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong = watch(page, address)
    page.goto(address)
    assert any(title in text.lower() for text in found(page, words))
    context.close()
    assert not wrong


def test_search_works_from_a_disk(offline_site, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    wrong = watch(page, "file:")
    page.goto((offline_site / "index.html").as_uri())
    assert any("lookahead" in text.lower() for text in found(page, "lookahead"))
    page.goto((offline_site / "reference" / "attention.html").as_uri())
    assert "attention.local.window" in page.content()
    context.close()
    assert not wrong


def test_the_switch_of_language_is_on_both_pages(address, chromium):
    page = chromium.new_page()
    page.goto(address + "tutorial/")
    page.locator("article").get_by_text("中文", exact=True).click()
    assert page.url.endswith("/tutorial.zh/")
    page.locator("article").get_by_text("English", exact=True).click()
    assert page.url.endswith("/tutorial/")
    page.close()
