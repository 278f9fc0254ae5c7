"""Pictures of experiments: every mark says what it is, groups stand together, and no name stands over another."""

import html
import re
from dataclasses import asdict

import numpy as np

from experiments._picture import Bar, Curve, Panel, bars, curves
from experiments.peers.analysis import picture as of_peers
from experiments.peers.run import Config as Peers
from experiments.seventy_percent.analysis import analysis as of_seventy
from experiments.seventy_percent.analysis import picture as draw_seventy
from experiments.seventy_percent.run import Config as Seventy
from experiments.windows.analysis import picture as of_windows
from experiments.windows.run import Config as Windows
from experiments.windows.run import Month, run_month

WORDS = ("What was found", "points", "")


def read(path):
    return html.unescape(path.read_text(encoding="utf-8"))


def titles(path):
    """Return the titles of the marks, from top to bottom; the first is the picture's."""
    return re.findall("<title>([^<]*)</title>", read(path))[1:]


def heights(path):
    """Return how far down each text stands, in points."""
    return {text: float(y) for y, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', read(path))}


def test_rows_of_a_group_are_put_together_below_its_name(tmp_path):
    rows = [Bar("one", 1.0, 0.25, group="a"), Bar("two", 2.0, group="b"), Bar("three", -3.0, beside=1.5, group="a")]
    bars(rows, WORDS, tmp_path / "it.svg", line=(0.0, "none"))
    told = ["a, one: 1 ± 0.5", "a, three: -3 (hollow: 1.5)", "b, two: 2"]
    assert list(dict.fromkeys(titles(tmp_path / "it.svg"))) == told
    assert f"<desc>{'; '.join(told)}</desc>" in read(tmp_path / "it.svg")
    down = heights(tmp_path / "it.svg")
    assert down["a"] < down["one"] < down["three"] < down["b"] < down["two"]


def test_nothing_to_show_is_a_picture_too(tmp_path):
    bars([], WORDS, tmp_path / "it.svg", line=(0.0, "none"))
    assert titles(tmp_path / "it.svg") == []


def test_curves_that_end_together_have_names_apart(tmp_path):
    every = [
        Curve(name, [0.1, 0.2, 0.3], steady) for name, steady in (("x", 0.3), ("y", 0.299), ("z", 0.3), ("w", 0.1))
    ]
    curves([Panel("first", every), Panel("second", every[:1])], WORDS, tmp_path / "it.svg", step=10)
    down = heights(tmp_path / "it.svg")
    of_it = sorted(down[name] for name in ("y 0.30", "z 0.30", "w 0.10"))
    assert np.diff(of_it).min() > 9
    assert down["y 0.30"] > down["z 0.30"]
    assert {"first, w: 0.10 in the end", "second, x: 0.30 in the end"} <= set(titles(tmp_path / "it.svg"))
    assert "first, w: 0.10 in the end; second, x: 0.30 in the end</desc>" in read(tmp_path / "it.svg")


def test_a_month_is_drawn_under_each_way_to_pace(tmp_path):
    played = run_month(Month(n_days=2, n_seeds=2, requests=40), ["ours", "greedy"])
    found = {name: [asdict(each) for each in of_it] for name, of_it in played.items()}
    of_windows([(Windows(), {}), (Windows(what="months"), found)], tmp_path / "it.svg")
    success = np.mean([each.reward for each in played["greedy"]])
    assert f"success of all requests, greedy until capped: {success:.3g} ± " in " ".join(titles(tmp_path / "it.svg"))


def test_what_is_saved_is_drawn_with_the_interval_of_the_table(tmp_path):
    found = {"best": "m", "saved": [0.2, 0.3, 0.4], "difference": [0.0] * 3, "at_best": 0.1, "most": [0.5, 0.6]}
    results = [
        (Seventy(world="w", aim=aim, seeds=3), found | {"most_by_type": 0.45}) for aim in ("no_worse_than", "budget")
    ]
    draw_seventy(results, tmp_path / "it.svg")
    assert "30.0% [5.2%, 54.8%]" in of_seventy(results).text
    assert set(titles(tmp_path / "it.svg")) == {"w: 30 ± 25 (hollow: 45)"}


def test_a_peer_that_was_skipped_is_not_drawn(tmp_path):
    found = {"ours": {"reward": [0.75, 1.0]}, "theirs": {"reward": [0.5, 0.5]}}
    skipped = (Peers(file="f", peer="bayesian_router"), {"skipped": "pip install it"})
    of_peers([skipped, (Peers(file="f", peer="paretobandit_types", usd=0.001), found)], tmp_path / "it.svg")
    assert set(titles(tmp_path / "it.svg")) == {"f, paretobandit, budget $0.001: 37.5 ± 25"}
