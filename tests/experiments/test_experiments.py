"""Experiments: configurations are data, results are named by them, kept, taken up again, and never written over."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments._kept import Shelf
from experiments._sweep import Experiment, names
from experiments._workers import run_all
from selector.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
QUICK = ("ope_coverage", "--quick", "--jobs", "1")


@pytest.fixture(scope="module")
def coverage():
    return Experiment.load("ope_coverage")


def short(coverage):
    """Two batches of two logs of fifty decisions."""
    return [coverage.config(file="synthetic", decisions=50, logs=2, first_log=i) for i in (0, 2)]


def results(folder):
    return {path.name: json.loads(path.read_text())["result"] for path in folder.glob("*.json")}


@pytest.mark.parametrize("name", names())
def test_an_experiment_is_a_folder_of_three_files_and_what_it_says_of_itself(name):
    experiment = Experiment.load(name)
    assert {"run.py", "sweep.yaml", "analysis.py", "README.md"} <= {path.name for path in experiment.folder.iterdir()}
    configs = experiment.configurations()
    assert len({experiment.digest(config) for config in configs}) == len(configs) > 0
    assert all((ROOT / "selector" / room).is_dir() for room in experiment.sweep.get("code", []))


def test_a_result_is_named_by_every_field_defaults_among_them(coverage):
    own, same = coverage.config(file="synthetic"), coverage.config(file="synthetic", floor=0.02)
    assert (
        coverage.digest(own) == coverage.digest(same) != coverage.digest(coverage.config(file="synthetic", floor=0.1))
    )


def test_an_unknown_name_or_field_says_what_is_near(coverage):
    with pytest.raises(ConfigError, match="did you mean 'ope_coverage'"):
        Experiment.load("ope_coverag")
    with pytest.raises(ConfigError, match="no configuration of ope_coverage has it"):
        coverage.configurations(changes={"seeds": 3})


def test_what_was_interrupted_is_taken_up_where_it_was(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    first, table = results(tmp_path), capsys.readouterr().out
    (
        lost,
        *_,
    ) = sorted(tmp_path.iterdir())
    lost.unlink()
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert main([*QUICK, "--out", str(tmp_path), "--table"]) == 0
    assert not lost.exists()
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    seen = capsys.readouterr()
    assert "1 of 2 results were in" in seen.err
    assert seen.out.endswith(table)
    assert results(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_result_of_other_code_is_refused_and_left_as_it_was(tmp_path, coverage):
    shelf, (config, _) = Shelf(coverage, tmp_path), short(coverage)
    shelf.keep(config, {"truth": {}, "targets": {}}, 1.0)
    path = shelf.path(config)
    before = json.loads(path.read_text()) | {"code": "0123456789ab"}
    path.write_text(json.dumps(before))
    with pytest.raises(DataError, match=r"came from other code .0123456789ab.*--out"):
        shelf.find(config)
    with pytest.raises(DataError, match="came from other code"):
        shelf.keep(config, {"truth": {"other": 1.0}, "targets": {}}, 1.0)
    assert json.loads(path.read_text()) == before
    assert shelf.find(config, any_code=True).result == {"truth": {}, "targets": {}}
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    path.write_text("{")
    with pytest.raises(DataError, match="is not a result of an experiment"):
        shelf.find(config)
    path.write_text(json.dumps(before | {"config": {}}))
    with pytest.raises(DataError, match="another configuration"):
        shelf.find(config)


def test_code_that_makes_results_counts_and_what_lays_them_out_does_not(tmp_path, coverage, monkeypatch):
    monkeypatch.setattr("experiments._sweep._FOLDER", tmp_path / "experiments")
    own = replace(coverage, folder=tmp_path / "experiments" / "own", sweep={"code": ["room"]})
    files = {
        "experiments/own/run.py": "from experiments._shared import x",
        "experiments/own/analysis.py": "",
        "experiments/_shared.py": "from experiments._deeper import x",
        "experiments/_deeper.py": "x = 1",
        "experiments/_apart.py": "",
        "selector/room/_a.py": "",
        "selector/hall/_b.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before, counts = own.code(), set()
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
        counts |= {name} if own.code() != before else set()
        (tmp_path / name).write_text(text)
    idle = {"experiments/own/analysis.py", "experiments/_apart.py", "selector/hall/_b.py"}
    assert counts == set(files) - idle


def test_a_pool_finds_what_one_process_does(coverage):
    configs = short(coverage)
    alone, pooled = (
        {done.place: done.result for done in run_all("ope_coverage", configs, jobs=jobs)} for jobs in (1, 2)
    )
    assert alone == pooled
    assert alone[0] != alone[1]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'")
def test_a_ray_cluster_of_two_processes_finds_what_one_process_does(tmp_path):
    """The same command, in a program of its own: a cluster is started for it, and is gone when it ends."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert main([*QUICK, "--out", str(here)]) == 0
    command = [sys.executable, "-m", "experiments", *QUICK[:2], "--on", "ray", "--jobs", "2", "--out", str(there)]
    with tempfile.TemporaryDirectory(prefix="ray") as short_path:  # its sockets are in it, and their names have a limit
        own = {"HOME": str(tmp_path), "RAY_TMPDIR": short_path, "PYTHONWARNINGS": "error"}
        environ = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | own
        done = subprocess.run(  # noqa: S603 - this program
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stderr
    assert results(there) == results(here)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_how_to_get_it(tmp_path, capsys):
    assert main([*QUICK, "--on", "ray", "--out", str(tmp_path)]) == 2
    assert "pip install 'adaptive-selector[ray]'" in capsys.readouterr().err
