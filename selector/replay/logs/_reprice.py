"""A log at another price list: the same decisions, and what they would have cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.logs._calls import TOKENS
from selector.replay.logs._checks import check_numbers, chosen_arms, matrix
from selector.replay.logs._published import per_model
from selector.replay.logs._schema import models_of
from selector.replay.logs._tariffs import PriceList, Tariff, tariffs_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Repricing", "repriced", "repricing_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_KEY = b"selector.repriced"
_INPUT = slice(0, 3)  # of the kinds of tokens: what was read, from a cache or not


class Repricing(NamedTuple):
    """How the decisions of a table were priced anew.

    Examples
    --------
    >>> Repricing(n_exact=98, n_scaled=2, n_unknown=0).n_scaled
    2
    """

    n_exact: int
    """From their tokens, or by a factor."""
    n_scaled: int
    """By how the prices of their models changed on average, since their tokens are not known call by call: near."""
    n_unknown: int
    """Not at all: what they cost was not known, or nothing, and no tokens say what they would have cost."""


def repriced(table: pa.Table, prices: PriceList) -> pa.Table:
    """Give the same decisions at another price list: what the same choices would have cost.

    A decision of one call is priced from its tokens, as the list says for its time and length; failing tokens, its cost
    is scaled by how the model's other calls changed in all. Of a decision with several attempts the table has the sum
    of tokens: it is exact where one model did all that was paid for (but for prices by length), else each attempt is
    scaled by its own model's change. By a factor, every cost is exact. A call that failed and cost nothing costs
    nothing. What really was paid, where it was not what tokens cost (a bill, a discount), gives way to the list.

    Expected costs change as the model's earlier calls in the log did (before the first: as that one), so that no later
    outcome is in them; by a factor, they are multiplied. Of a model that was never called no tokens are known: by a
    list of prices its expected costs become unknown, and a factor is what keeps them. Everything else stays: who was
    chosen, and the beliefs, the shadow prices and the propensities that chose. At other prices the selector would have
    chosen otherwise: evaluate `ours` on the repriced log for that, and `for_budget` for the same budget.

    Parameters
    ----------
    table
        As `load` gives it.
    prices
        A configuration, whose models' prices count; or for each model a factor (``{"large": 0.5}``), or prices as a
        configuration writes them (``{"large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}}``).

    Returns
    -------
    pyarrow.Table
        With other `cost_usd`, costs of attempts, and expected costs; `repricing_of` counts how they were found.

    Raises
    ------
    DataError
        The list says nothing of a model that the log has, or a model's expected costs cannot be turned into its prices;
        it names the models.
    UnknownModelError
        The list has a model that the log does not.

    Examples
    --------
    >>> from selector.replay import Columns, load_foreign
    >>> import pyarrow as pa
    >>> rows = pa.table({"when": [1, 2], "kind": ["a", "a"], "llm": ["x", "y"], "usd": [0.5, 0.5], "out": [100, 200]})
    >>> columns = Columns(at="when", task_type="kind", model="llm", cost_usd="usd", output_tokens="out")
    >>> y = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 1000}
    >>> repriced(load_foreign(rows, columns), {"x": 0.5, "y": y})["cost_usd"].to_pylist()
    [0.25, 0.2]
    """
    check_numbers(table)
    log = _Log(table)
    tariffs = tariffs_of(prices, log.models, log.needed())
    cost, scaled = log.single(tariffs)
    changes = [log.change(k, tariff, cost) for k, tariff in enumerate(tariffs)]
    attempts = log.several(tariffs, changes, cost, scaled)
    log.fill(tariffs, changes, cost, scaled)
    expected, own = log.expected(tariffs, cost)
    unknown = int(np.isnan(cost).sum())
    n_scaled = int((scaled & ~np.isnan(cost)).sum())
    columns = {
        "cost_usd": _floats(cost),
        "attempts": attempts,
        "expected_costs_usd": per_model(expected),
        "expected_cost_usd": _floats(own),
    }
    return _with(table, columns, Repricing(len(cost) - unknown - n_scaled, n_scaled, unknown))


def repricing_of(table: pa.Table) -> Repricing | None:
    """Say how a table was priced anew; None: it was not.

    Parameters
    ----------
    table
        As `repriced` gives it, not saved and read again.
    """
    raw = (table.schema.metadata or {}).get(_KEY)
    return None if raw is None else Repricing(**orjson.loads(raw))


class _Log:
    """A table's columns that say what calls cost."""

    def __init__(self, table: pa.Table) -> None:
        import pyarrow as pa

        self.table, self.models = table, models_of(table)
        self.arm, self.old = chosen_arms(table), table["cost_usd"].to_numpy().copy()
        self.at = table["at"].cast(pa.int64()).to_numpy()
        self.route = table["route"].cast(pa.string()).to_numpy()
        counts = np.stack([table[name].cast(pa.float64()).to_numpy() for name in TOKENS], 1)
        self.counted: Bools = ~np.isnan(counts).all(1)
        asked = table["task_input_tokens"].cast(pa.float64()).to_numpy()  # what it cost went by
        counts[:, 0] = np.where(np.isnan(counts[:, _INPUT]).all(1), asked, counts[:, 0])
        self.tokens: Floats = np.nan_to_num(counts)
        self.alone: Bools = table["attempts"].is_null().to_numpy()
        self.calls: dict[int, list[dict[str, Any]]] = {
            row: table["attempts"][row].as_py() for row in np.flatnonzero(~self.alone).tolist()
        }
        self.expects = matrix(table, "expected_costs_usd")

    def needed(self) -> list[str]:
        """Name the models that cost something, or were expected to."""
        named = {call["model"] for calls in self.calls.values() for call in calls}
        strange = sorted(named - set(self.models))
        if strange:
            raise DataError(f"attempts: {', '.join(map(repr, strange))} answered and are none of the table's models")
        seen = np.bincount(self.arm, minlength=len(self.models)) > 0
        seen |= ~np.isnan(self.expects).all(0)
        return [name for k, name in enumerate(self.models) if seen[k] or name in named]

    def single(self, tariffs: list[Tariff]) -> tuple[Floats, Bools]:
        """Price decisions of one call, by factor or tokens; say of which neither is enough."""
        cost, scaled = np.full(len(self.old), np.nan), np.zeros(len(self.old), bool)
        for k, tariff in enumerate(tariffs):
            rows = np.flatnonzero(self.alone & (self.arm == k))
            if tariff.factor is not None:
                cost[rows] = self.old[rows] * tariff.factor
                continue
            known = rows[self.counted[rows]]
            cost[known] = tariff.usd(self.tokens[known], self.at[known], self.route[known])
            scaled[rows[~self.counted[rows]]] = True
        return cost, scaled

    def paired(self, k: int, cost: Floats) -> NDArray[np.intp]:
        """Find a model's single calls of which both costs are known."""
        return np.flatnonzero(self.alone & (self.arm == k) & self.counted & ~np.isnan(self.old) & ~np.isnan(cost))

    def change(self, k: int, tariff: Tariff, cost: Floats) -> float:
        """Return by what a model's costs changed in all; nan: nobody knows, inf: it was free."""
        if tariff.factor is not None:
            return tariff.factor
        rows = self.paired(k, cost)
        old, new = float(self.old[rows].sum()), float(cost[rows].sum())
        return new / old if old > 0 else np.inf if new > 0 else 1.0 if len(rows) else np.nan

    def fill(self, tariffs: list[Tariff], changes: list[float], cost: Floats, scaled: Bools) -> None:
        """Scale decisions of one call without tokens."""
        failed = self.table["status"].cast("string").to_numpy(zero_copy_only=False) == "failed"
        for k, tariff in enumerate(tariffs):
            rows = np.flatnonzero(scaled & self.alone & (self.arm == k))
            if tariff.factor is None and len(rows):
                self._known(k, changes[k], self.old[rows])
                paid = self.old[rows] > 0
                cost[rows[paid]] = self.old[rows[paid]] * changes[k]
                nothing = (self.old[rows] == 0) & (failed[rows] | np.isfinite(changes[k]))
                cost[rows[nothing]] = 0.0

    def several(self, tariffs: list[Tariff], changes: list[float], cost: Floats, scaled: Bools) -> pa.Array:
        """Price decisions of several calls; return all decisions' attempts."""
        import pyarrow as pa

        found: list[list[dict[str, Any]] | None] = [None] * len(self.old)
        place = {name: k for k, name in enumerate(self.models)}
        for row, calls in self.calls.items():
            paid = [call for call in calls if call["cost_usd"] or call["failure"] is None]
            who = {place[call["model"]] for call in paid}
            listed = [k for k in who if tariffs[k].factor is None]
            if listed and len(who) == 1 and self.counted[row]:
                new = self._of_tokens(row, tariffs[listed[0]], calls, paid)
            else:
                new = [self._scaled(call, place[call["model"]], changes) for call in calls]
                scaled[row] = bool(listed)
            answered = [each for each, call in zip(new, calls, strict=True) if call["failure"] is None]
            if not np.isnan(self.old[row]) and None not in answered:
                cost[row] = sum(each or 0.0 for each in new)
            found[row] = [{**call, "cost_usd": each} for call, each in zip(calls, new, strict=True)]
        return pa.array(found, self.table.schema.field("attempts").type)

    def _of_tokens(
        self, row: int, tariff: Tariff, calls: list[dict[str, Any]], paid: list[dict[str, Any]]
    ) -> list[float | None]:
        """Price the tokens of all calls to one model together, and share the sum out as it was."""
        rows = slice(row, row + 1)
        route = np.array([paid[0]["route"]], object)
        whole = tariff.usd(self.tokens[rows], self.at[rows], route)
        each = tariff.usd(np.zeros((1, len(TOKENS))), self.at[rows], route)  # what a call costs by itself
        usd = float((whole + (len(paid) - 1) * each)[0])
        before = sum(call["cost_usd"] or 0.0 for call in paid)
        part = {id(call): (call["cost_usd"] or 0.0) / before if before else 1 / len(paid) for call in paid}
        return [usd * part[id(call)] if id(call) in part else call["cost_usd"] for call in calls]

    def _scaled(self, call: dict[str, Any], k: int, changes: list[float]) -> float | None:
        """Scale what a call cost; None: it was not known, or is not, of one that was free."""
        cost: float | None = call["cost_usd"]
        if not cost:
            free = call["failure"] is None and not np.isfinite(changes[k])
            return None if free else cost
        self._known(k, changes[k], np.array([cost]))
        return cost * changes[k]

    def _known(self, k: int, change: float, costs: Floats) -> None:
        if not np.isfinite(change) and (costs > 0).any():
            raise DataError(
                f"prices[{self.models[k]!r}]: some of its calls have a cost and no tokens of their own, and no other "
                "call of it has both a cost and tokens, so its new prices cannot be applied to them; give a factor"
            )

    def was_called(self, k: int) -> bool:
        """Tell whether a model was ever chosen, or called in another's place."""
        return bool((self.arm == k).any()) or any(
            call["model"] == self.models[k] for each in self.calls.values() for call in each
        )

    def expected(self, tariffs: list[Tariff], cost: Floats) -> tuple[Floats, Floats]:
        """Turn what calls were expected to cost into the new prices, model by model; and of the chosen one."""
        found, own = self.expects.copy(), self.table["expected_cost_usd"].to_numpy().copy()
        for k, tariff in enumerate(tariffs):
            mine = self.arm == k
            if tariff.factor is not None:
                found[:, k] *= tariff.factor
                own[mine] *= tariff.factor
            elif not self.was_called(k):
                found[:, k] = np.nan
            elif not (np.isnan(found[:, k]).all() and np.isnan(own[mine]).all()):
                ratio, usual = self._so_far(k, cost)
                found[:, k] = np.where(found[:, k] > 0, found[:, k] * ratio, usual + 0 * found[:, k])
                own[mine] = np.where(own[mine] > 0, own[mine] * ratio[mine], usual[mine] + 0 * own[mine])
        return found, own

    def _so_far(self, k: int, cost: Floats) -> tuple[Floats, Floats]:
        """Return by what a model's costs changed before each decision, and what a call of it cost on average."""
        rows = self.paired(k, cost)
        if not len(rows):
            raise DataError(
                f"prices[{self.models[k]!r}]: the log has no decision of it alone with both a cost and tokens, so what "
                "it was expected to cost cannot be turned into its new prices; give a factor"
            )
        old, new = np.cumsum(self.old[rows]), np.cumsum(cost[rows])
        ratio = np.divide(new, old, out=np.ones_like(new), where=old > 0)
        before = np.maximum(np.searchsorted(rows, np.arange(len(cost))) - 1, 0)
        return ratio[before], (new / np.arange(1, len(rows) + 1))[before]


def _floats(values: Floats) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.float64(), from_pandas=True)


def _with(table: pa.Table, columns: Mapping[str, pa.Array], said: Repricing) -> pa.Table:
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), column)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: orjson.dumps(said._asdict())})
