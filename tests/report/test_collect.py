"""What a report says, before it is a page."""

import base64

import numpy as np
import pytest
from run_folders import config, write_predictions, write_run

from dougong.report.collect import collect
from dougong.report.curves import curve_blocks, thinned
from dougong.runs.curves import Curve
from dougong.runs.read import read_run


def runs_of(tmp_path, *all_settings, **more):
    return [read_run(write_run(tmp_path / str(n), item, **more)) for n, item in enumerate(all_settings)]


def test_seeds_of_a_variant_are_summed_up(tmp_path):
    runs = [
        read_run(write_run(tmp_path / str(seed), config(seed=seed), accuracy=accuracy))
        for seed, accuracy in ((1, 0.6), (2, 0.8))
    ]
    (variant,) = collect(runs, 10)["variants"]
    assert variant["runs"] == [0, 1]
    found = variant["values"]["valid/accuracy"]
    assert (found["mean"], found["spread"]) == pytest.approx((0.7, np.std([0.6, 0.8], ddof=1)))


def test_a_single_run_is_a_report(tmp_path):
    found = collect(runs_of(tmp_path, config()), 10)
    assert (found["settings"], found["variants"][0]["label"], found["comparison"]) == ([], "all runs", {"runs": []})
    assert found["variants"][0]["values"]["valid/accuracy"]["spread"] is None


def test_only_runs_that_share_their_test_records_are_compared(tmp_path):
    runs = runs_of(tmp_path, config(), config("local"), config(lr=0.1))
    for run in runs[:2]:
        write_predictions(run.folder, [True, False, True])
    write_predictions(runs[2].folder, [True], ["other"])
    found = collect(runs, 10)["comparison"]
    assert (found["runs"], found["variants"], found["others"]) == ([0, 1], [0, 1], 1)


def test_examples_begin_with_those_on_which_runs_disagree(tmp_path):
    runs = runs_of(tmp_path, config(), config("local"))
    write_predictions(runs[0].folder, [False, False, True])
    write_predictions(runs[1].folder, [False, True, True])
    found = collect(runs, 1)["comparison"]
    assert found["wrong"] == 2
    assert [row[0] for row in found["examples"]] == ["text <1>"]
    assert found["examples"][0][2] == [0, -1]
    assert found["words"] == ["no of 0"]


def test_a_thinned_curve_keeps_its_ends_its_peaks_and_its_gaps():
    values = np.zeros(50_000)
    values[[31_234, 40_001]] = 9, -9
    values[20_000:20_500] = np.nan
    thin = thinned(Curve(np.arange(50_000.0), values), 2_000)
    assert len(thin.values) <= 2_000
    assert (thin.updates[0], thin.updates[-1]) == (0, 49_999)
    assert {9.0, -9.0} <= set(thin.values)
    assert np.isnan(thin.values).any()


def test_curves_are_packed_without_loss_beyond_float32_and_share_their_updates(tmp_path):
    runs = runs_of(tmp_path, config(), config("local"))
    block = curve_blocks(runs)["train/loss"]
    assert len(block["x"]) == 1
    unpacked = np.frombuffer(base64.b64decode(block["runs"][1][1]), dtype="<f4")
    assert np.array_equal(unpacked, runs[1].curves["train/loss"].values.astype("<f4"))


def test_facts_are_lines_and_plugins_of_others_are_named(tmp_path):
    plugins = {"task/classification": "built-in 0.1.0", "attention/mine": "my-package 2.0"}
    facts = {"plugins": plugins, "data": {"train": "300", "test": None}, "git_commit": None}
    (run,) = collect(runs_of(tmp_path, config(), facts=facts), 10)["runs"]
    assert run["facts"] == {"plugins": "attention/mine: my-package 2.0", "data": "train: 300, test: "}
