"""The notebooks: each is its text twin, runs from top to bottom on a small state, and says nothing of the machine."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from selector.testing import _month, demo_state

lacking = [name for name in ("jupytext", "nbclient", "ipykernel", "matplotlib", "pandas") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(lacking), reason=f"pip install 'adaptive-selector[notebooks]' ({lacking} missing)")

HERE = Path(__file__).parents[2] / "notebooks"
TWINS = sorted(HERE.glob("[0-9]*.py"))
NAMES = [twin.stem for twin in TWINS]
PATHS = re.compile(r"(?<![\w.@:/<-])/(?:work|tmp|dev|home|root|Users|var|private)/\S*")
PASSING = re.compile(
    r"ipykernel_\d+|0x[0-9a-f]{8,}|\b[0-9a-f]{32}\b|iopub"
)  # processes, addresses, ids, times of cells
MEASURED = re.compile(r"\d[\d,.]*\s?(?:%|USD|dollars?|successes|decisions|models)|(?<![\w.])0?\.\d+")
PUBLIC = {"selector", "selector.replay", "selector.report", "selector.report.figures", "selector.testing"}


@pytest.fixture(scope="module")
def writing():
    """Load what writes the notebooks."""
    spec = spec_from_file_location("notebooks_execute", HERE / "execute.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Leave a small state, for all notebooks."""
    return demo_state(tmp_path_factory.mktemp("notebooks") / "state", n_tasks=400).path


@pytest.fixture(scope="module")
def execute(state, tmp_path_factory):
    """Return what executes a notebook on the small state, in a process of its own."""
    found = {}

    def run(name, *, again=False):
        if again or name not in found:
            found[name] = in_a_process(name)
        return found[name]

    def in_a_process(name):
        into = tmp_path_factory.mktemp("executed")
        left = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "SELECTOR_", "PYTEST"))}
        command = [sys.executable, "-W", "ignore", HERE / "execute.py", name, "--state", state, "--into", into]
        done = subprocess.run(command, env=left, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return (into / f"{name}.ipynb").read_text(encoding="utf-8")

    return run


def written(name):
    return (HERE / f"{name}.ipynb").read_text(encoding="utf-8")


def outputs(text):
    return [output for cell in json.loads(text)["cells"] for output in cell.get("outputs", ())]


def sources(text):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]


def test_there_are_six_and_each_is_written():
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06"]
    assert sorted(path.stem for path in HERE.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_its_text_twin_and_the_twin_is_the_notebook(name, writing):
    twin = (HERE / f"{name}.py").read_text(encoding="utf-8")
    assert sources(written(name)) == [(cell.cell_type, cell.source) for cell in writing.read(HERE / f"{name}.py").cells]
    assert writing.jupytext.writes(writing.jupytext.reads(written(name), fmt="ipynb"), fmt="py:percent") == twin


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_a_heading_and_the_question_that_it_answers(name):
    kind, first = sources(written(name))[0]
    assert kind == "markdown"
    assert re.match(r"# \w.*\n\n\*\*Question: [^*]+\?", first)


@pytest.mark.parametrize("name", NAMES)
def test_of_this_package_only_public_rooms_are_used(name):
    twin = (HERE / f"{name}.py").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:from|import) (selector[\w.]*)", twin, re.MULTILINE)) <= PUBLIC
    assert re.findall(r"^(?:def|class|while) |\b_[a-z]\w*\.", twin, re.MULTILINE) == []


def prose(name):
    told = "\n".join(text for kind, text in sources(written(name)) if kind == "markdown")
    return re.sub(r"\s+", " ", told)


@pytest.mark.parametrize("name", [name for name in NAMES if "02" <= name[:2] <= "05"])
def test_what_was_measured_is_printed_by_a_cell_and_not_told_again_in_prose(name):
    """So that no change of the demonstration can make the prose wrong: the width of an interval is all it names."""
    assert set(MEASURED.findall(prose(name))) <= {"95 %"}


def test_what_prose_tells_of_the_demonstration_is_how_it_is_made(state):
    import yaml

    config = yaml.safe_load((state / "selector.yaml").read_text(encoding="utf-8"))
    budget, drift = prose("03_budget_and_exploration"), prose("05_drift")
    assert f"{100 * config['budgets'][0]['usd_per_request']:.0f} cents per task" in budget
    assert f"`{config['policy']['name']}`" in budget
    assert "for a tenth of its tasks" in budget
    assert _month._PILOT == 0.1
    worse, day, _ = _month._WORSE
    assert f"changes `{worse}`, on {2 + int(day)} March" in drift
    down, first, _ = _month._OUTAGE
    assert f"`{down}`, on {2 + int(first)} March" in drift


def test_the_change_of_the_demonstration_is_noticed_in_the_notebook_about_it():
    tables = [json.dumps(output) for output in outputs(written("05_drift")) if "text/html" in output.get("data", {})]
    assert _month._WORSE[0] in tables[0]


def test_no_saving_is_told_to_be_supported_where_none_is():
    """The prose says why savings are not supported; if one ever is, that has to be written anew."""
    tables = [json.dumps(output) for output in outputs(written("03_budget_and_exploration"))]
    shown = [table for table in tables if "saved_usd_low" in table]
    assert len(shown) == 1
    assert "weak" in shown[0]
    assert "supported" not in shown[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom_on_a_small_state(name, execute):
    """Nothing in it is of the machine, and it has the pictures that the committed one has."""
    text = execute(name)
    ran = outputs(text)
    assert not [o for o in ran if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert PATHS.findall(text) + PASSING.findall(text) == []
    pictures = ["image/svg+xml" in o.get("data", {}) for o in ran]
    assert sum(pictures) == sum("image/svg+xml" in o.get("data", {}) for o in outputs(written(name)))
    assert sources(text) == sources(written(name))


@pytest.mark.slow
def test_executed_twice_it_is_the_same_bytes(execute):
    name = "03_budget_and_exploration"
    assert execute(name) == execute(name, again=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_is_whole_small_and_says_nothing_of_a_machine(name):
    text = written(name)
    assert len(text.encode()) < 1_000_000
    assert PATHS.findall(text) + PASSING.findall(text) == []
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["metadata"] == {} for cell in code)
    assert set(json.loads(text)["metadata"]["language_info"]) == {"file_extension", "mimetype", "name"}


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_has_a_name_for_who_cannot_see_it(name):
    for output in outputs(written(name)):
        picture = "".join(output.get("data", {}).get("image/svg+xml", ""))
        assert not picture or re.search(r'<svg[^>]*aria-label="[^"]+"', picture)
