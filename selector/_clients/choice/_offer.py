"""What was on the table for one task type between two times that beliefs were published."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from selector._clients.choice._learnt_chain import in_order, links, words_of
from selector._clients.choice._tolls import Lengths, Tolls
from selector.decision import Board, Cost, Odds, RouteChoice, Toll, candidates
from selector.records import Basis, Candidate, Decision, Exclusion, Layout, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from selector._clients.choice._plan import Plan
    from selector._clients.choice._ruling import Ruled
    from selector._clients.choice._tariff import Tariffs
    from selector._clients.money._budget import Stand
    from selector.catalog import Route

__all__ = ["SURE", "Offer", "Terms", "shadowed"]

_MTOK = 1_000_000
_CHAIN = 2  # routes of other models to fall back to: three attempts in all

Floats = NDArray[np.float64]
SURE = frozenset({Basis.BEST_BELIEVED, Basis.ONLY_CANDIDATE, Basis.LAST_RESORT, Basis.INCUMBENT, Basis.SESSION})


class Terms(NamedTuple):
    """What one task asked, and what followed from it."""

    task: Task
    input_tokens: int | None
    """How long its input is taken to be."""
    guessed: bool
    """Whether that was guessed from characters."""
    row: int
    """The row of draws that was picked."""
    odds: Odds
    """Who might serve."""
    cost: Cost | None
    """What it is expected to cost at each model; None: what its type does."""
    exclusions: tuple[Exclusion | None, ...] | None
    """Why models may not serve; None: for what excludes them from all tasks of the type."""
    routes: tuple[Route, ...] | None
    """The route of each model; None: the first."""
    held_tokens: tuple[int, ...] = (0,)
    """What is held of hard budgets in tokens: of all classes, then of each where a budget counts one."""
    stand: Stand | None = None
    """How the budgets stood."""
    ruled: Ruled | None = None
    """What the rules made of it."""
    keys: tuple[str, ...] = ()
    """The accounts of scoped budgets that it is on."""
    road: RouteChoice | None = None
    """Why its route was chosen, where its model has several."""
    shadow: dict[str, Any] | None = None
    """What would have been chosen, where the model of today serves."""
    redrawn: bool = False
    """Whether another choice was made first, which did not fit any more: then it is none to evaluate by."""

    def likely(self, arm: int, reason: Basis) -> float:
        """Return the probability with which a model was chosen for it."""
        own = 1.0
        if reason not in SURE:
            odds = self.odds if self.cost is None else self.odds.at(self.cost)
            own = float(odds.probabilities[arm])
        return own if self.ruled is None else self.ruled.mixed(own, arm)


class Offer:
    """What was published of one task type, with what calls cost: a copy that decisions of that time share.

    Parameters
    ----------
    plan
        How it is decided.
    board
        What was published.
    task_type
        The type's name.
    tariffs
        What calls cost.
    tokens
        Expected output tokens per model.
    """

    def __init__(self, plan: Plan, board: Board, task_type: str, tariffs: Tariffs, tokens: Floats) -> None:
        self.plan, self.board, self.task_type = plan, board, task_type
        self.tariff = tariff = tariffs.short
        self._tariffs = tariffs
        self.models, self.config_digest = plan.models, plan.digest
        self.shadow_price = board.shadow_price
        self.price_short = float(f"{board.shadow_price:.9g}")
        self.odds, self.n_low = board.everyone, board.n_low
        self.tokens = tokens
        self.usd: list[float] = board.cost.tolist()
        self.usd_most = max(self.usd)
        self.out_usd = tokens * tariff.usd_per_token + tariff.call_usd
        self.usd_in = self.usd_in_guessed = tariff.usd_in
        self.out_each: list[float] = []
        self.in_each: list[float] = []
        self.in_most = 0.0
        self.exclusions: tuple[Exclusion | None, ...] = ()
        self.routes: list[str] = []
        self.explores = True
        self.n_serving = int(board.may.sum())
        self.n_chosen = 0
        self.usual_input = 0.0
        self.able: Callable[[Terms, float, tuple[Route, ...]], tuple[Route, ...]] = lambda _terms, _at_s, routes: routes
        self.tolls: Tolls | None = None
        self.length_ratio: Floats = np.ones(len(plan.models))
        self._toll: dict[bool, Toll | None] = {}
        self.reason = Basis.POLICY
        self.quick = False
        self.budgets: Callable[[Stand | None], tuple[str, ...]] = _no_budgets
        self.logged: str | None = None
        self._among: dict[tuple[bytes, int], Odds] = {}
        self.ruled: dict[int, Ruled] = {}
        self.bar: float | None = None
        self.limited = False
        self.heads: dict[int, bytes] = {}  # of decisions, as JSON, by model: the same for all offers of the type
        self.tail = ""
        self._bounded: tuple[int, int, int] | None = None

    def bound(self, input_tokens: int | None, max_output_tokens: int | None) -> int | None:
        """Return what no model's call can cost more than; None: some model's has no bound."""
        if input_tokens is None:
            return None if max_output_tokens is not None else self._most_of_all
        if self._bounded is None:
            self._bounded = self._bounds()
        written, dear_out, call = self._bounded
        if max_output_tokens is not None:
            written = dear_out * max_output_tokens
        if written < 0:
            return None
        return (self.tariff.dearest_in * input_tokens + written) // _MTOK + call + 1

    @cached_property
    def likely(self) -> list[float]:
        """The probability of each model for a task of usual length."""
        found: list[float] = self.odds.probabilities.tolist()
        return found

    @cached_property
    def _most_of_all(self) -> int | None:
        every = self._tariffs.most_nano
        found = [every[k] for k in np.flatnonzero(self.board.may)]
        return None if None in found else max(w for w in found if w is not None)

    def _bounds(self) -> tuple[int, int, int]:
        tariff, may = self.tariff, np.flatnonzero(self.board.may)
        outs = [(tariff.dear_out[k], tariff.longest[k] or tariff.context_tokens[k]) for k in may]
        unknown = any(dear and longest is None for dear, longest in outs)
        written = -1 if unknown else max((dear * (longest or 0) for dear, longest in outs), default=0)
        calls = [rates.call for k in may if (rates := tariff.rates[k]) is not None]
        return written, max(tariff.dear_out), max(calls, default=0)

    @property
    def is_limited(self) -> bool:
        """Whether the type has limits of its own on who may serve: a least success, a longest wait."""
        return self.limited or self.bar is not None

    def expected_usd(self, arm: int, input_tokens: int | None) -> float:
        """Return what a task is expected to cost at a model."""
        if input_tokens is None:
            return self.usd[arm]
        return self.out_each[arm] + input_tokens * self.in_each[arm]

    def cost(self, input_tokens: float, *, guessed: bool = False) -> Cost:
        """Return what a task is expected to cost at each model, by the length of its input, counted or guessed."""
        price = self.usd_in_guessed if guessed else self.usd_in
        if self.board.toll is None:
            return Cost(self.out_usd, price, input_tokens)
        if guessed not in self._toll:
            self._toll[guessed] = self.toll(self.out_usd, price, guessed=guessed)
        return Cost(self.out_usd, price, input_tokens, self._toll[guessed])

    def toll(self, fixed_usd: Floats, usd_in: Floats, *, guessed: bool = False) -> Toll | None:
        """Return what a task takes of other limited resources, at their prices; None: there are none.

        Parameters
        ----------
        fixed_usd, usd_in
            What it costs at each model's route, as in `cost`.
        guessed
            Whether the length of its input is guessed.
        """
        if self.tolls is None or self.board.toll is None:
            return None
        read = self.length_ratio if guessed else np.ones(len(self.models))
        tokens = np.where(self.tariff.known, self.tokens, np.nan)
        found = self.tolls.toll(self.board.prices, self.task_type, Lengths(tokens, fixed_usd, usd_in, read))
        return found if self.board.waited is None else found._replace(fixed=found.fixed + self.board.waited)

    @cached_property
    def price_words(self) -> tuple[str, ...]:
        """What one more unit of everything that is limited beside the dollars of all work is worth, where it binds."""
        scarce = () if self.tolls is None else self.tolls.words(self.board.prices)
        return (*scarce, *self.plan.waiting_words)

    def among(self, eligible: NDArray[np.bool_], bonus: Floats | None = None) -> Odds:
        """Give the odds among some models, the same ones each time."""
        key = eligible.tobytes(), 0 if bonus is None else hash(bonus.tobytes())
        found = self._among.get(key)
        if found is None:
            found = self._among[key] = self.board.among(eligible, bonus)
        return found

    def terms(self, decision: Decision) -> Terms:
        """Read what a decision's task asked; of a task without wishes the task alone was kept, and its row."""
        if isinstance(decision.terms, Terms):
            return decision.terms
        task, row, stand, ruled = cast("tuple[Task, int, Stand, Ruled | None]", decision.terms)
        tokens = task.input_tokens
        cost = None if tokens is None else self.cost(tokens)
        odds, why = (self.odds, None) if ruled is None else (ruled.odds, ruled.exclusions)
        return Terms(task, tokens, False, row, odds, cost, why, None, (0,), stand, ruled)  # noqa: FBT003 - a record

    def propensity(self, decision: Decision) -> float | None:
        """Return the probability with which a decision chose its model."""
        terms = self.terms(decision)
        return None if terms.redrawn else terms.likely(decision.arm, decision.reason)

    def laid_out(self, decision: Decision) -> Layout:
        """Work out who might have served, with which probability, and what comes next when the call fails."""
        terms, arm = self.terms(decision), decision.arm
        odds = terms.odds if terms.cost is None else terms.odds.at(terms.cost)
        names = self.routes if terms.routes is None else [route.name for route in terms.routes]
        likely = odds.probabilities
        if decision.reason in SURE:
            likely = np.zeros(len(self.models))
            likely[arm] = 1.0
        if terms.ruled is not None:
            likely = terms.ruled.weights + terms.ruled.rest * likely
        tokens = np.where(self.tariff.known, self.tokens, np.nan)
        found = candidates(odds, self.models, routes=names, tokens=tokens, probabilities=likely, row=terms.row)
        if decision.reason is Basis.LAST_RESORT:
            found = (Candidate(model=decision.model, route=decision.route, probability=1.0),)
        if decision.model not in {c.model for c in found}:
            chosen = Candidate(model=decision.model, route=decision.route, probability=float(likely[arm]))
            found = (chosen, *found)
        why = self.exclusions if terms.exclusions is None else terms.exclusions
        served = {c.model for c in found}
        excluded = {name: x for name, x in zip(self.models, why, strict=True) if x is not None and name not in served}
        baseline = self.baseline
        return Layout(
            candidates=found,
            exclusions=excluded,
            chain=self._chain(decision, found),
            budgets=(*self.budgets(terms.stand), *self.price_words),
            rules=(
                *(() if terms.ruled is None else terms.ruled.words),
                *shadowed(terms.shadow),
                *(() if terms.road is None else (f"route {terms.road.route.name}: {terms.road.reason}",)),
                *self.chain_words(decision.model, terms),
            ),
            baseline=(self.models[baseline], float(odds.cost[baseline])),
        )

    @property
    def baseline(self) -> int:
        """The model to compare with: the one that was named, else the dearest."""
        if self.plan.baseline is not None:
            return self.plan.baseline
        return int(np.where(self.plan.served(self.tariff), self.board.cost, -np.inf).argmax())

    def _chain(self, decision: Decision, found: tuple[Candidate, ...]) -> tuple[str, ...]:
        """Other routes of the same model, then the configured chain, else the next best models at their mean."""
        terms = self.terms(decision)
        own = [route.name for route in self.able(terms, decision.at_s, self.plan.catalog.model(decision.model).routes)]
        written = self.written_chain(decision.model)
        if written is not None:
            listed = [route.name for route in self.able(terms, decision.at_s, self.in_order(written, terms))]
            return tuple(dict.fromkeys(name for name in (*own, *listed) if name != decision.route))
        price = self.shadow_price
        rest = [c for c in found if c.model != decision.model and c.mean is not None]
        rest.sort(key=lambda c: -((c.mean or 0.0) - price * (c.cost_usd or 0.0) - c.toll))
        others = [c.route or c.model for c in rest[:_CHAIN]]
        return (*(name for name in own if name != decision.route), *others)

    def written_chain(self, model: str) -> tuple[Route, ...] | None:
        """Give the chain as it is configured after a model; None: there is none."""
        names = self.plan.config.chains.after(None, model=model, task_type=self.task_type)
        if names is None:
            return None
        return tuple(dict.fromkeys(route for name in names for route in self.plan.catalog.routes(name)))

    def in_order(self, chain: tuple[Route, ...], terms: Terms | None = None) -> tuple[Route, ...]:
        """Put a chain in the order of what was learnt, where that is wanted."""
        return in_order(links(chain, self, terms)) if self.plan.config.learnt_chains else chain

    def chain_words(self, model: str, terms: Terms | None = None) -> tuple[str, ...]:
        """Say why the chain after a model stands as it does, where it is learnt and there is something to order."""
        written = self.written_chain(model) if self.plan.config.learnt_chains else None
        return (words_of(links(written, self, terms)),) if written is not None and len(written) > 1 else ()


def shadowed(shadow: dict[str, Any] | None) -> tuple[str, ...]:
    """Say what would have been chosen."""
    if shadow is None:
        return ()
    if "refused" in shadow:
        return (f"shadow: would have refused: {shadow['refused']}",)
    return (f"shadow: would have chosen {shadow['route']} ({shadow['reason']}, {shadow['propensity']:.3g})",)


def _no_budgets(_stand: Stand | None) -> tuple[str, ...]:
    return ()
