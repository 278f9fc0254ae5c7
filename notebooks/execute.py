"""Execute notebooks from their text twins, and write them so that the same results are the same bytes."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from selector.testing import demo_state

HERE = Path(__file__).parent
TWINS = sorted(HERE.glob("[0-9]*.py"))
FORMAT = "py:percent"
METADATA = {
    "jupytext": {"cell_metadata_filter": "-all", "formats": f"ipynb,{FORMAT}", "notebook_metadata_filter": "-all"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def read(twin: Path) -> Any:  # noqa: ANN401 - nbformat's own kind of dictionary
    """Read a text twin as a notebook without outputs, each cell named by its place."""
    notebook = jupytext.reads(twin.read_text(encoding="utf-8"), fmt=FORMAT)
    for place, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{place:02}", {}
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(twin: Path, own: Path) -> str:
    """Execute a notebook from top to bottom in a fresh kernel, and give what its file holds.

    The kernel is spoken to through a socket in a folder of ours, not through a port that others can reach.
    """
    notebook = read(twin)
    kernel = Config({"KernelManager": {"transport": "ipc", "ip": str(own / twin.stem)}})
    NotebookClient(
        notebook, config=kernel, timeout=600, record_timing=False, resources={"metadata": {"path": str(HERE)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    return nbformat.writes(notebook, indent=1, ensure_ascii=False).rstrip("\n") + "\n"


def main() -> None:
    """Execute all notebooks, or those that are named, on one state folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="such as 05_drift; all, if none is named")
    parser.add_argument("--into", type=Path, default=HERE, help="where the .ipynb files go")
    parser.add_argument("--state", type=Path, help="the folder that they look at; else a demonstration is made")
    wanted = parser.parse_args()
    twins = [twin for twin in TWINS if not wanted.names or twin.stem in wanted.names]
    if unknown := set(wanted.names) - {twin.stem for twin in twins}:
        sys.exit(f"there is no notebook {', '.join(sorted(unknown))}; there are {', '.join(t.stem for t in TWINS)}")
    with TemporaryDirectory() as own:
        os.environ["IPYTHONDIR"] = os.environ["JUPYTER_RUNTIME_DIR"] = own  # nothing of the user's, nothing left behind
        state = wanted.state or demo_state(Path(own) / "state").path
        os.environ["SELECTOR_STATE"] = str(state.resolve())
        for twin in twins:
            print(twin.stem, flush=True)
            (wanted.into / f"{twin.stem}.ipynb").write_text(execute(twin, Path(own)), encoding="utf-8")


if __name__ == "__main__":
    main()
