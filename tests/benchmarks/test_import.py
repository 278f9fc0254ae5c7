"""What `import selector` costs, beside what it stands on."""

import statistics
import subprocess
import sys

ROOMS = "selector, selector.config, selector.catalog, selector.decision, selector.replay"
SCRIPT = """
import pathlib, resource, sys, time
started = time.perf_counter()
import {modules}
seconds = time.perf_counter() - started
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peak = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
unit = 2**20 if sys.platform == "darwin" else 2**10
print(seconds, peak[0] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
"""


def measured(modules):
    """Import in fresh interpreters; return the median seconds and the peak in MB."""
    runs = []
    for _ in range(7):
        found = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", SCRIPT.format(modules=modules)], capture_output=True, text=True, check=True
        )
        runs.append([float(x) for x in found.stdout.split()])
    return statistics.median(r[0] for r in runs), max(r[1] for r in runs)


def test_import_time_and_memory_beside_numpy_and_pydantic():
    base, alone, rooms = measured("numpy, pydantic"), measured("selector"), measured(ROOMS)
    print()  # noqa: T201 - a benchmark prints its table
    for name, (seconds, peak) in (("numpy, pydantic", base), ("selector", alone), ("all of its rooms", rooms)):
        print(f"  {name:<20}{seconds * 1e3:>7.0f} ms {seconds / base[0]:>6.2f} x {peak:>7.1f} MB")  # noqa: T201
    assert alone[0] < 3 * base[0]
    assert alone[1] < 60
    assert rooms[1] < 60
