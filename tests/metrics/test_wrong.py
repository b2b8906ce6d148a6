"""The table of wrong predictions."""

from itertools import count

from dougong.metrics.wrong import wrong_table


def test_each_case_is_a_row_of_what_can_be_read():
    table = wrong_table([("北京的书", ["地点 北京", "物 书"], []), ("无", [], ["物 无"])])
    assert table == [
        ["text", "expected", "predicted"],
        ["北京的书", "地点 北京; 物 书", ""],
        ["无", "", "物 无"],
    ]


def test_no_more_cases_are_taken_than_there_are_rows():
    endless = count()
    table = wrong_table(((str(number), [], []) for number in endless), limit=7)
    assert [row[0] for row in table[1:]] == [str(number) for number in range(7)]
    assert next(endless) == 7


def test_a_hundred_rows_unless_told():
    assert len(wrong_table(("x", [], []) for _ in range(1000))) == 101


def test_a_long_text_is_cut_and_shows_it():
    text, expected, _ = wrong_table([("长" * 10**6, ["x" * 500], [])])[1]
    assert len(text) == 500
    assert text.endswith("长…")
    assert expected == "x" * 500
