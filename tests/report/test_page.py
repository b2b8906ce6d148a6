"""The report does in a browser what it promises: it sorts, filters, draws, compares, and complains of nothing."""

import pytest

pytestmark = pytest.mark.slow


def test_the_best_run_is_first_and_a_press_turns_the_order_around(opened):
    report = opened()
    assert report.column("run") == ["5", "4", "3", "2", "1", "0", "6"]
    report.page.click("th[data-column='measure:valid/accuracy'] button")
    assert report.column("valid/accuracy") == ["0.7100", "0.7200", "0.7300", "0.9100", "0.9200", "0.9300", ""]
    assert report.page.get_attribute("th[data-column='measure:valid/accuracy']", "aria-sort") == "ascending"


def test_the_keyboard_sorts_and_keeps_its_place(opened):
    report = opened()
    report.page.focus("th[data-column='setting:seed'] button")
    report.page.keyboard.press("Enter")
    report.page.keyboard.press("Enter")
    assert report.column("seed") == ["1", "1", "2", "2", "3", "3", "4"]
    report.page.keyboard.press("Shift+Tab")
    assert report.page.evaluate("document.activeElement.textContent") == "state"


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("attention=local", ["5", "4", "3", "6"]),
        ("FULL seed=2", ["1"]),
        ("valid/accuracy>=0.92", ["5", "4"]),
        ("seed<2 attention=full", ["0"]),
        ("failed", ["6"]),
        ("nonsense", []),
    ],
)
def test_the_filter_takes_words_and_bounds(opened, words, runs):
    report = opened()
    report.filter(words)
    assert report.column("run") == runs
    assert report.page.inner_text("#filter-count") == f"{len(runs)} of 7"


def test_charts_follow_the_filter(opened):
    report = opened()
    names = "document.getElementById('curves-plot').data.filter((t) => t.hoverinfo !== 'skip').map((t) => t.name)"
    assert report.page.evaluate(names) == ["attention=full", "attention=local"]
    report.filter("attention=local")
    assert report.page.evaluate(names) == ["attention=local"]
    report.filter("nonsense")
    assert "Nothing was measured" in report.page.inner_text("#curves-plot")
    report.filter("")
    assert report.page.evaluate(names) == ["attention=full", "attention=local"]


def test_seeds_are_summed_up_with_their_spread(opened):
    report = opened()
    report.page.click("[data-mode=variants]")
    assert report.column("variant") == ["attention=local", "attention=full"]
    assert report.column("valid/accuracy") == ["0.9200 ± 0.0100", "0.7200 ± 0.0100"]
    report.filter("seed<3")
    assert report.column("valid/accuracy") == ["0.9150 ± 0.0071", "0.7150 ± 0.0071"]


def test_every_chart_is_drawn(opened):
    report = opened()
    for name in ("curves-plot", "tradeoff-plot", "sweep-plot"):
        report.drawn(name)
    assert report.page.locator("#tradeoff-plot .scatterlayer path.point").count() == 6


def test_smoothing_changes_the_curve_and_not_its_length(opened):
    report = opened()
    trace = "((x) => [x.x.length, x.y[1]])(document.getElementById('curves-plot').data.at(-1))"
    report.page.fill("#smoothing", "0")
    raw = report.page.evaluate(trace)
    report.page.fill("#smoothing", "0.9")
    report.page.wait_for_timeout(200)
    smooth = report.page.evaluate(trace)
    assert raw[0] == smooth[0]
    assert raw[1] != smooth[1]


def test_hovering_over_a_curve_says_which_run_it_is(opened):
    report = opened()
    report.page.select_option("#curve-metric", "valid/accuracy")
    report.page.wait_for_timeout(300)
    report.page.locator("#curves-plot .point").last.hover(force=True)
    report.page.wait_for_selector("#curves-plot .hovertext")
    assert "attention=" in report.page.text_content("#curves-plot .hovertext")


def test_two_variants_are_compared_and_their_errors_stand_side_by_side(opened):
    report = opened()
    assert "more than the choice of test records explains" in report.page.inner_text("#verdict")
    report.page.select_option("#which", "first")
    rows = report.page.locator("#examples tbody tr")
    assert rows.count() == 20
    cells = rows.first.locator("td").all_inner_texts()
    assert cells[0].startswith("text <")
    assert cells[1] == "yes"
    assert "no of 0  1 of 3" in cells[2]
    assert cells[3] == "✓ right  3 of 3"
    report.page.select_option("#first", label=report.page.locator("#second option:checked").inner_text())
    assert report.page.inner_text("#verdict") == "A and B are the same variant."


def test_a_run_tells_how_to_make_it_again(opened):
    report = opened()
    report.page.click("#table tbody tr:first-child th button")
    assert report.page.inner_text("tr.details pre") == "dougong train attention=local seed=3"
    report.page.click("#table tbody tr:first-child th button")
    assert report.page.locator("tr.details").count() == 0


def test_an_error_is_shown_as_text_whatever_is_in_it(opened):
    report = opened()
    report.filter("failed")
    report.page.click("#table tbody tr:first-child th button")
    assert report.page.inner_text("tr.details .failed") == "ValueError: <b>no</b> & </script>"


def test_no_chart_offers_to_send_itself_away(opened):
    report = opened()
    for name in ("curves-plot", "tradeoff-plot", "sweep-plot"):
        report.drawn(name)
    titles = "[...document.querySelectorAll('.modebar-btn')].map((button) => button.dataset.title)"
    assert set(report.page.evaluate(titles)) == {"Download plot as a PNG", "Zoom", "Pan", "Reset axes"}


def test_a_phone_shows_the_names_of_runs(opened):
    report = opened(390)
    widths = "[...document.querySelectorAll('#table tbody th')].map((cell) => [cell.scrollWidth, cell.clientWidth])"
    assert all(inner <= outer for inner, outer in report.page.evaluate(widths))
    assert "ellipsis" not in report.page.evaluate(
        "[...document.querySelectorAll('#table tbody th')].map((cell) => getComputedStyle(cell).textOverflow)"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_themes_and_can_be_read(opened, scheme):
    report = opened(390, scheme)
    assert report.page.evaluate("document.documentElement.scrollWidth") == 390
    assert report.page.evaluate("document.documentElement.dataset.theme") == scheme
    assert report.page.evaluate(CONTRAST) >= 4.5  # WCAG 2 AA


def test_the_theme_can_be_chosen(opened):
    report = opened(1440, "light")
    report.page.click("#theme")
    assert report.page.evaluate("document.documentElement.dataset.theme") == "dark"


# The least contrast of the colours of words against what they stand on.
CONTRAST = """(() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const [r, g, b] = [1, 3, 5].map((at) => channel(parseInt(hex.slice(at, at + 2), 16)));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const words = ["--ink", "--soft", "--accent", "--good", "--bad", "--wait", "--live"];
  return Math.min(...words.flatMap((word) => ["--ground", "--panel", "--head"].map((ground) => ratio(word, ground))));
})()"""
