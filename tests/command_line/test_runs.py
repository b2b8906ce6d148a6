"""`dougong runs`, `dougong compare` and `dougong report`, as a user has them; none of them imports torch."""

import json

import pytest
from run_folders import config, write_predictions, write_run


def test_runs_are_listed_with_what_differs_and_how_they_stand(without_torch):
    top = without_torch.folder / "outputs"
    write_run(top / "a", accuracy=0.75)
    failed = {"status": "failed", "error": "UserError: no [such] thing", "metrics": {}, "started": 2e9}
    write_run(top / "b", config("local", lr=0.1), accuracy=0.5, **failed)
    text = without_torch("runs").done()
    first, second = (line for line in text.splitlines() if "outputs/" in line)
    assert first.split()[:3] == ["outputs/a", "done", "0.7500"]
    assert "█" in first
    assert "▁" in first
    assert "optimizer.lr=0.001 attention=full" in first
    assert second.split()[:3] == ["outputs/b", "failed", "0.5000"]
    assert "no [such] thing" in " ".join(text.split())


def test_runs_as_json_are_for_programs(without_torch):
    write_run(without_torch.folder / "x" / "a", metrics={"valid/accuracy": float("nan")})
    (row,) = json.loads(without_torch("runs", "x", "--json").done())
    assert (row["folder"], row["state"], row["best"], row["differs"]) == ("x/a", "done", None, {})
    assert row["command"] == "dougong train attention=full"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs"], "no runs there"),
        (["runs", "nowhere"], "nowhere: does not exist"),
        (["runs", "--jsn"], "--jsn: there is no such option"),
        (["compare", "a"], "takes two run folders"),
        (["compare", "a", "b"], "a: there is no run"),
        (["report", "nowhere"], "nowhere: does not exist"),
        (["report", "ouput=x"], "Did you mean `output`?"),
        (["report", "output=no/where/x.html"], "the folder no/where does not exist"),
        (["report", "examples=-1"], "examples: must be >= 0"),
    ],
)
def test_what_can_not_be_is_told_in_one_line(without_torch, words, said):
    assert said in without_torch(*words).refused()


def test_two_runs_are_compared_in_settings_and_results(without_torch):
    first = write_run(without_torch.folder / "a", accuracy=0.7)
    second = write_run(without_torch.folder / "b", config("local"), accuracy=0.9, peak_memory_mib=99.5)
    write_predictions(first, [place % 10 < 7 for place in range(100)])
    write_predictions(second, [place % 10 < 9 for place in range(100)])
    lines = [line.split() for line in without_torch("compare", "a", "b").done().splitlines()]
    assert ["attention", "full", "local"] in lines
    assert ["attention.local.window", "–", "4"] in lines
    assert ["valid/accuracy", "0.7000", "0.9000", "+0.2000"] in lines
    assert ["peak_memory_mib", "99.5"] in lines
    verdict = " ".join(lines[-1])
    assert verdict.startswith("accuracy, mean over 100 test records: B - A = +0.2000, 95% interval [+0.12")
    assert verdict.endswith(": more than the choice of records explains.")


@pytest.mark.parametrize(
    ("other", "said"),
    [(None, "B saved no predictions"), ([f"other{place}" for place in range(10)], "tested on different ones")],
)
def test_what_can_not_be_compared_record_by_record_is_not(without_torch, other, said):
    write_predictions(write_run(without_torch.folder / "a"), [True] * 10)
    second = write_run(without_torch.folder / "b")
    if other:
        write_predictions(second, [True] * 10, other)
    text = without_torch("compare", "a", "b").done()
    assert said in text
    assert "The same configuration." in text


def test_a_report_is_one_file_that_names_nothing_to_load(without_torch):
    pytest.importorskip("plotly")
    write_run(without_torch.folder / "outputs" / "a")
    broken = write_run(without_torch.folder / "outputs" / "b", overrides=["data.path='</script><b>'"])
    (broken / "run.json").write_text("{")
    said = without_torch("report", "output=page.html").done()
    assert said.startswith("page.html: 2 runs, ")
    assert "1 of them could be read in part only" in said
    page = (without_torch.folder / "page.html").read_text(encoding="utf-8")
    ours = page.replace(page[page.index('id="plotly"') : page.index("</script>", page.index('id="plotly"'))], "")
    assert "http" not in ours.replace("http-equiv", "")
    assert "</script><b>" not in ours
    assert [path.name for path in without_torch.folder.iterdir() if "page" in path.name] == ["page.html"]
