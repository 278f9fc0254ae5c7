"""A run, watched while it is driven: what a client in place of OpenAI's tells beside its answer."""

from __future__ import annotations

from typing import Any

from selector._clients.calls._conduct import Flow
from selector._clients.calls._effects import Call, Called
from selector.catalog import Route
from selector.execution import Answer
from selector.records import Decision, Run

__all__ = ["Watched"]


class Watched:
    """Passes a run through, and keeps what a stream needs to know before the run is over.

    Parameters
    ----------
    flow
        The run.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.decision: Decision | None = None
        """What was chosen, from the first call on."""
        self.route: Route | None = None
        """Where the last call goes."""
        self.answer: Answer | None = None
        """The last call's, once it is whole."""

    def steps(self) -> Flow:
        """Be the run."""
        result: Any = None
        try:
            while True:
                try:
                    effect = self._flow.send(result)
                except StopIteration as end:
                    run: Run = end.value
                    return run
                if isinstance(effect, Call):
                    self.decision, self.route = effect.decision, effect.request.route
                result = yield effect
                if isinstance(result, Called):
                    self.answer = result.answer
        finally:
            self._flow.close()
