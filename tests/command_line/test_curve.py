"""`dougong plugins show schedule/NAME` draws the learning rate."""

import math

import pytest

from dougong.command_line.curve import HEIGHT, WIDTH, draw


def picture(text: str) -> list[str]:
    """The lines of the curve, without their scale."""
    lines = text[text.index("factor of optimizer.lr") :].splitlines()
    return [line.partition("┤")[2] for line in lines if "┤" in line]


def test_a_curve_is_drawn_where_there_is_no_terminal_and_no_torch(without_torch):
    text = without_torch("plugins", "show", "schedule/linear_warmup").done()
    lines = picture(text)
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) == WIDTH
    # Up over the first tenth, down over the rest: the top line begins after a tenth, the bottom one ends at the end.
    assert len(lines[0]) < WIDTH / 4
    assert lines[0].lstrip("\u2800") != lines[0]
    assert len(lines[-1]) == WIDTH
    assert "1,000 updates" in text


def test_settings_and_the_length_of_the_run_change_it(without_torch):
    words = ("plugins", "show", "schedule/linear_warmup", "updates=20", "schedule.warmup=10", "schedule.final=1")
    text = without_torch(*words).done()
    assert "20 updates" in text
    top = picture(text)[0]
    assert len(top) == WIDTH
    assert len(top.lstrip("\u2800")) == pytest.approx(WIDTH / 2, abs=4)


def test_points_are_drawn_and_without_them_there_is_only_the_rest(without_torch):
    words = ("plugins", "show", "schedule/piecewise_linear")
    assert "No curve: schedule.points: has to be given" in without_torch(*words).done()
    text = without_torch(*words, "schedule.points={0: 0.1, 500: 2}").done()
    assert "    2 ┤" in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("schedule/cosine", "schedule.finl=1"), "schedule.finl=1: can't be drawn. Did you mean `schedule.final`?"),
        (("schedule/cosine", "schedule.final=7"), "schedule.final: must be <= 1, got 7.0."),
        (("schedule/cosine", "schedule.final=0,1"), "schedule.final=0,1: can't be drawn."),
        (("schedule/cosine", "updates=0"), "updates: must be >= 1, got 0."),
        (("schedule/cosine", "updates=many"), "updates: must be a whole number, got 'many'."),
        (("schedule/cosine", "schedule.final={"), "schedule.final={: not understood"),
        (("optimizer/adamw", "updates=3"), "updates: there is no such setting."),
        (("schedule/cosine", "--json", "updates=3"), "updates: there is no such setting."),
    ],
)
def test_what_can_not_be_drawn_is_one_line(words, line, without_torch):
    assert without_torch("plugins", "show", *words).refused().startswith(line)


def test_a_schedule_that_fails_is_shown_all_the_same(without_torch, write):
    text = """
    from dougong import register
    from dougong.contracts.schedule import Schedule

    @register("schedule", "broken")
    class Broken(Schedule):
        "Divides by nothing."

        def factor(self, update, updates):
            return 1 / 0
    """
    folder = write("mine/it.py", text).parent
    shown = without_torch("plugins", "show", "schedule/broken", f"plugin_path={folder}").done()
    assert "Divides by nothing." in shown
    assert "No curve: ZeroDivisionError" in shown


def test_the_line_is_where_its_values_are():
    lines = [line.partition("┤")[2] for line in draw([math.sin(step / 300) ** 2 for step in range(2000)])]
    dots = {(row, column) for row, line in enumerate(lines) for column, cell in enumerate(line) if cell != "\u2800"}
    for column in range(WIDTH):
        value = math.sin((column + 0.5) / WIDTH * 2000 / 300) ** 2
        rows = [row for row, there in dots if there == column]
        assert min(abs(row + 0.5 - (1 - value) * HEIGHT) for row in rows) <= 1.2


def test_nothing_but_zeros_is_a_line_at_the_bottom():
    assert draw([0.0] * 500)[-1].count("\u28c0") == WIDTH
