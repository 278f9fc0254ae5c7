"""Where configurations run: in this process, in a pool of processes, or on a Ray cluster, by the same code."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from experiments._sweep import Experiment, Result
from selector.errors import ConfigError

__all__ = ["PLACES", "Done", "run_all"]

PLACES = ("processes", "ray")
_ROOT = Path(__file__).parents[1]


class Done(NamedTuple):
    """One configuration's result."""

    place: int
    """In the order in which configurations were given."""
    result: Result
    seconds: float


def run_all(name: str, configs: Sequence[Any], *, jobs: int = 1, on: str = "processes") -> Iterator[Done]:
    """Run configurations of an experiment; yield results as they come, in any order.

    Parameters
    ----------
    name
        The experiment's.
    configs
        Its configurations.
    jobs
        How many run at a time; 1 in a pool: in this process. A cluster that is there already decides for itself.
    on
        ``processes``, or ``ray``: the cluster at RAY_ADDRESS, where every node has this package and the data; without
        that variable one is started here for as long as it takes.

    Raises
    ------
    ConfigError
        There is no such place, or Ray is not installed.
    """
    if on not in PLACES:
        raise ConfigError(f"{on!r} is not one of {', '.join(PLACES)}", key="on")
    if not configs:
        return
    if on == "ray":
        yield from _on_ray(name, configs, jobs)
    elif jobs <= 1 or len(configs) == 1:
        yield from (_one(name, i, config) for i, config in enumerate(configs))
    else:
        yield from _in_pool(name, configs, jobs)


def _one(name: str, place: int, config: Any) -> Done:  # noqa: ANN401 - each experiment has a dataclass of its own
    begin = time.perf_counter()
    result = Experiment.load(name).run(config)
    return Done(place, result, time.perf_counter() - begin)


def _in_pool(name: str, configs: Sequence[Any], jobs: int) -> Iterator[Done]:
    with ProcessPoolExecutor(min(jobs, len(configs)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_one, name, i, config) for i, config in enumerate(configs)]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_ray(name: str, configs: Sequence[Any], jobs: int) -> Iterator[Done]:
    try:
        import ray  # noqa: PLC0415 - an extra, which only this needs
    except ImportError as error:
        raise ConfigError("Ray is not installed; pip install 'adaptive-selector[ray]'", key="on") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
    else:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # which the cluster's processes inherit
        ray.init("local", num_cpus=max(1, jobs), include_dashboard=False, log_to_driver=False)
    try:
        remote = ray.remote(_one)
        waiting = [remote.remote(name, i, config) for i, config in enumerate(configs)]
        while waiting:
            ready, waiting = ray.wait(waiting)
            yield from ray.get(ready)
    finally:
        ray.shutdown()
