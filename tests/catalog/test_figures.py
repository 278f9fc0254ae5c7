"""The published figures that come with the library: whole, cited, in order, and equal to what was published."""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from importlib.resources import files
from itertools import pairwise

import pytest

from selector.catalog import figures, kind_of, match_model

KNOWN = figures()
TEXT = files("selector.catalog").joinpath("published.yaml").read_text(encoding="utf-8")
AIDER_PAIRS = {"DeepSeek R1 + claude-3-5-sonnet-20241022", "QwQ-32B + Qwen 2.5 Coder Instruct", "o3 (high) + gpt-4.1"}


@pytest.mark.parametrize("source", KNOWN.sources.values(), ids=lambda s: s.name)
def test_a_source_says_where_which_version_when_and_under_what_licence(source):
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
    assert re.fullmatch(r"[0-9a-f]{40}", source.commit)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", source.date)
    assert source.files
    assert source.licence
    assert source.rule


def test_a_figure_is_a_share_of_a_known_model_on_a_known_kind_of_work():
    for figure in KNOWN:
        assert figure.model in KNOWN.models
        assert figure.benchmark.kind in KNOWN.kinds
        assert 0 <= figure.success <= 1
        assert figure.cost_usd is None or figure.cost_usd > 0
        assert figure.output_tokens is None or figure.output_tokens > 0
        assert abs(figure.n - figure.benchmark.n) <= 0.1 * figure.benchmark.n
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", figure.date)
        assert figure.date <= figure.benchmark.source.date


def test_a_model_has_one_figure_on_a_benchmark_and_every_model_has_one():
    cells = Counter((figure.model, figure.benchmark.id) for figure in KNOWN)
    assert set(cells.values()) == {1}
    assert {model for model, _ in cells} == set(KNOWN.models)
    assert sum(figure.is_doubtful for figure in KNOWN) == 2


def test_the_file_is_small_and_in_order():
    assert len(TEXT.encode()) < 120_000
    assert max(map(len, TEXT.splitlines())) < 300
    assert all(one < other for table in (KNOWN.models, KNOWN.kinds, KNOWN.benchmarks) for one, other in pairwise(table))
    order = [(figure.benchmark.id, figure.model) for figure in KNOWN]
    assert order == sorted(order)


def test_a_word_means_one_kind_of_work():
    words = Counter(word.removesuffix("*") for words in KNOWN.kinds.values() for word in words)
    assert set(words.values()) == {1}
    for kind, named in KNOWN.kinds.items():
        assert kind_of(kind) == kind
        for word in named:
            assert kind_of(word.removesuffix("*")) == kind
            assert kind_of(f"some/{word.removesuffix('*').upper()}") == kind


def test_it_is_read_only_when_it_is_asked_for():
    """Neither the library nor its catalogue pays for it at import."""
    code = (
        "import sys, selector, selector.catalog as c; from selector.catalog import _figures, Catalog;"
        "print('yaml' in sys.modules, _figures.figures.cache_info().currsize)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert found.stdout.split() == ["False", "0"]


def test_figures_are_the_same_with_the_parser_in_python(monkeypatch):
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert figures.__wrapped__() == KNOWN


def rows(file):
    import pyarrow.parquet as pq

    return pq.read_table(file).to_pylist()


def near(value, digits=4):
    """Compare with what is written in the file: so many significant digits."""
    return None if value is None else pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


@pytest.mark.shared
def test_livebench_s_figures_are_those_that_were_published(shared_data):
    cells = defaultdict(dict)
    for row in rows(shared_data / "livebench_aggregate.parquet"):
        cells[row["model"]][row["task_type"]] = row
    found = {(f.model, f.benchmark.id): f for f in KNOWN if f.benchmark.source.name == "livebench"}
    seen = 0
    for name, parts in cells.items():
        model = match_model(name).model
        for benchmark in (each for each in KNOWN.benchmarks.values() if each.source.name == "livebench"):
            if not set(benchmark.parts) <= set(parts):
                assert (model, benchmark.id) not in found
                continue
            figure, told = found[model, benchmark.id], [parts[part] for part in benchmark.parts]
            n = sum(each["n_questions"] for each in told)
            mean = {
                key: None if None in (row[key] for row in told) else sum(r[key] * r["n_questions"] for r in told) / n
                for key in ("mean_score", "cost_usd", "output_tokens")
            }
            assert figure.n == n
            assert figure.success == pytest.approx(mean["mean_score"], abs=0.51e-4)
            assert figure.cost_usd == near(mean["cost_usd"])
            tokens = mean["output_tokens"]
            assert figure.output_tokens == (None if tokens is None else pytest.approx(tokens, abs=0.51))
            seen += 1
    assert seen == len(found) > 400


@pytest.mark.shared
def test_openhands_figures_are_those_of_its_own_agent(shared_data):
    told = {
        (match_model(row["model"]).model, f"openhands/{row['benchmark']}"): row
        for row in rows(shared_data / "openhands_index_aggregate.parquet")
        if row["agent"] == "OpenHands"
    }
    figures_ = {(f.model, f.benchmark.id): f for f in KNOWN if f.benchmark.source.name == "openhands"}
    rest = {key for key in figures_ if key not in told}
    assert {benchmark for _, benchmark in rest} == {"openhands/swt-bench", "openhands/gaia"}
    assert set(told) <= set(figures_)
    for key, row in told.items():
        figure = figures_[key]
        assert figure.success == pytest.approx(row["score"] / 100, abs=1e-6)
        assert figure.cost_usd == near(row["cost_per_instance"])
        assert (figure.date, figure.setting) == (str(row["submission_time"])[:10], row["agent_version"])


@pytest.mark.shared
def test_nine_kinds_of_work_are_as_in_the_table_of_figures(shared_data):
    """Eleven models on nine task types, put together from the two sources by others."""
    import yaml

    plain = yaml.safe_load((shared_data.parent / "figures.yaml").read_text(encoding="utf-8"))
    found = {(f.model, f.benchmark.source.name, f.benchmark.parts): f for f in KNOWN}
    n = 0
    for model, entry in plain["models"].items():
        for kind, cell in entry["cells"].items():
            told = plain["task_types"][kind]
            (figure,) = (
                f for (m, source, parts), f in found.items()
                if (m, source, set(parts)) == (model, told["source"], set(told["parts"]))
            )  # fmt: skip
            assert figure.benchmark.kind == kind
            assert figure.success == pytest.approx(cell["rate"], abs=0.6e-3)
            assert figure.cost_usd == pytest.approx(cell["cost_usd"], rel=1e-3)
            assert figure.n == told["n"]
            assert figure.is_doubtful == cell.get("suspect", False)
            n += 1
    assert n == 99


@pytest.mark.shared
def test_aider_s_figure_is_one_of_the_model_s_runs_and_none_with_less_reasoning(shared_data):
    runs = defaultdict(list)
    pairs = set()
    for row in rows(shared_data / "aider_polyglot_aggregate.parquet"):
        if row["model"] in AIDER_PAIRS:
            pairs.add(row["model"])
        else:
            runs[match_model(row["model"]).model].append(row)
    found = {f.model: f for f in KNOWN if f.benchmark.source.name == "aider"}
    assert pairs == AIDER_PAIRS
    assert set(runs) == set(found)
    for model, told in runs.items():
        figure = found[model]
        (row,) = (
            r for r in told
            if figure.success == pytest.approx(r["pass_rate_2"], abs=1e-6) and figure.date == str(r["date"])[:10]
        )  # fmt: skip
        assert figure.n == row["n_cases"]
        assert figure.cost_usd == near(row["cost_usd"])
        tokens = row["completion_tokens"]
        assert figure.output_tokens == (None if tokens is None else pytest.approx(tokens / row["n_cases"], abs=0.51))
        if not any("think" in r["model"] or "(" in r["model"] for r in told):
            assert str(row["date"]) == max(str(r["date"]) for r in told)
        assert "low" not in row["model"]
        assert "no think" not in row["model"] or len(told) == 1
