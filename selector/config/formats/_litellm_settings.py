"""Reads `router_settings` and `litellm_settings`: strategy, patience, cooling, retries and budgets of all models."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._litellm_layout import STRATEGIES, Common
from selector.config.formats._litellm_reasons import PARAMS
from selector.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selector.config._places import KeyPath
    from selector.config.formats._litellm_deployment import Deployment
    from selector.config.formats._litellm_layout import Layout
    from selector.config.formats._litellm_values import Values

ROUTER: Final = "router_settings"
MODULE: Final = "litellm_settings"
_RETRIES: Final = 2
"""LiteLLM's own number."""
_MOST_RETRIES: Final = 10
_POLICY: Final = {
    "AuthenticationErrorRetries": "auth",
    "ContentPolicyViolationErrorRetries": "content_policy",
    "InternalServerErrorRetries": "server_error",
    "RateLimitErrorRetries": "rate_limited",
    "TimeoutErrorRetries": "timeout",
}
_RETRIED: Final = ("rate_limited", "overloaded", "server_error", "connection", "timeout")
_NEAR: Final = {
    "least-busy": "the number of calls under way is not compared",
    "usage-based-routing": "and a route whose quota is used up is left out; tokens are not compared",
    "usage-based-routing-v2": "and a route whose quota is used up is left out; tokens are not compared",
    "provider-budget-routing": "and a provider whose budget is used up is left out",
}


class Settings:
    """What holds for all models.

    Parameters
    ----------
    values
        The document.
    """

    def __init__(self, values: Values) -> None:
        self._values, self._reading = values, values.reading
        for section in (ROUTER, MODULE, "general_settings"):
            self._reading.mapping((section,))

    def pick(self, name: str, *others: str) -> KeyPath | None:
        """Find a setting: the router's own stands before the module's."""
        places = [(section, key) for section in (ROUTER, MODULE) for key in (name, *others)]
        there = [path for path in places if self._reading.at(path) is not None]
        for path in there[1:]:
            self._reading.ignored(path, f"{there[0][0]}.{there[0][1]} holds in its place")
        return there[0] if there else None

    def common(self) -> Common:
        """Read what holds for every deployment that says nothing else."""
        found = Common(strategy=self._strategy(), breaker=self._breaker())
        patience = {"total": self.pick("timeout", "request_timeout"), "first_token": self.pick("stream_timeout")}
        for key, path in patience.items():
            seconds = None if path is None else self._values.number(path, least=1e-3, most=1e9)
            if path is not None and seconds is not None:
                found.patience[key] = seconds
                self._reading.translated(path, f"providers.*.timeout_s.{key}; where a deployment says nothing else")
        for path in ((ROUTER, "default_max_parallel_requests"), ("general_settings", "max_parallel_requests")):
            most = self._values.whole(path, least=1, most=1_000_000)
            if most is not None:
                found.max_concurrent = found.max_concurrent or most
                self._reading.translated(path, "models.*.max_concurrent; where a deployment says nothing else")
        for name in self._reading.mapping((ROUTER, "default_litellm_params")):
            path = (ROUTER, "default_litellm_params", name)
            if PARAMS.get(name) == "max_tokens":
                found.max_output_tokens = self._values.whole(path, least=1, most=1e12)
                self._reading.translated(path, "models.*.max_output_tokens; where a deployment says nothing else")
            elif name in PARAMS:
                found.params[PARAMS[name]] = self._values.at(path)
                self._reading.translated(path, f"models.*.params.{PARAMS[name]}; where a deployment says nothing else")
        found.params = {name: value for name, value in found.params.items() if value is not None}
        return found

    def _strategy(self) -> str:
        path = (ROUTER, "routing_strategy")
        found = self._values.text(path)
        if found is not None and found not in STRATEGIES:
            raise self._reading.error(path, f"is no strategy of LiteLLM's{nearest(found, STRATEGIES)}")
        return found or "simple-shuffle"

    def tell_strategy(self, layout: Layout, strategy: str) -> None:
        """Say how a route is chosen among the deployments of one name."""
        path = (ROUTER, "routing_strategy")
        several = [name for name, members in layout.members.items() if len(members) > 1]
        by = next((layout.draft.models[name]["route_by"] for name in several if not _ordered(layout, name)), "")
        if not by:
            if self._reading.has(path):
                reason = "deployments with an order are tried in it" if several else "each name has one deployment"
                self._reading.ignored(path, f"there is nothing to choose: {reason}")
            return
        if not self._reading.has(path) or self._reading.at(path) is None:
            word = f"models.*.route_by; {by}, for LiteLLM's own default, simple-shuffle"
            self._reading.note("(router_settings.routing_strategy)", "translated", word)
        elif strategy in _NEAR:
            self._reading.warned(path, f"models.*.route_by; {by}, the nearest there is: {_NEAR[strategy]}")
        else:
            self._reading.translated(path, f"models.*.route_by; {by}")

    def _breaker(self) -> dict[str, float]:
        found: dict[str, float] = {}
        off = (ROUTER, "disable_cooldowns")
        if self._values.flag(off):
            self._reading.translated(off, "providers.*.breaker.failures; so many that it never opens")
            return {"failures": 1_000_000}
        if self._reading.has(off):
            self._reading.translated(off, "providers.*.breaker")
        fails, cooling = self.pick("allowed_fails"), self.pick("cooldown_time")
        number = None if fails is None else self._values.whole(fails, most=999_999)
        if fails is not None and number is not None:
            found |= {"failures": number + 1, "within_s": 60}
            self._reading.translated(fails, "providers.*.breaker.failures; one more than are allowed, in a minute")
        seconds = None if cooling is None else self._values.number(cooling, most=1e9)
        if cooling is not None and seconds is not None:
            found["open_s"] = max(seconds, 1e-3)
            self._reading.translated(cooling, "providers.*.breaker.open_s")
        return found

    def fallback(self, layout: Layout) -> dict[str, Any]:
        """Read how often a call is tried again.

        LiteLLM counts the tries of a group of deployments, and takes another of them where there is one; here each
        route is tried again so often that together they are as many.
        """
        sizes = [len(members) for members in layout.members.values() if members] or [1]
        path = self.pick("num_retries")
        given = None if path is None else self._values.whole(path, most=1e6)
        again = _each(_RETRIES if given is None else given, min(sizes))
        note = "tries of each route, so that a group's together are as many"
        if path is not None and given is not None:
            self._reading.translated(path, f"fallback.retries; {again}: {note}")
        else:
            word = f"fallback.retries; {again}, for LiteLLM's own {_RETRIES}"
            self._reading.note("(router_settings.num_retries)", "translated", word)
        found = dict.fromkeys(_RETRIED, again)
        policy = (ROUTER, "retry_policy")
        for name in self._reading.mapping(policy):
            number = self._values.whole((*policy, name), most=1e6) if name in _POLICY else None
            if number is not None:
                found[_POLICY[name]] = _each(number, min(sizes))
                self._reading.translated((*policy, name), f"fallback.retries.{_POLICY[name]}; {note}")
            elif name == "BadRequestErrorRetries":
                self._reading.ignored((*policy, name), "a malformed call is not sent again")
        return {"adaptive": False, "retries": found}

    def budgets(self, layout: Layout) -> list[dict[str, Any]]:
        """Read what may be spent: in all, per user, per provider, per deployment."""
        found: list[dict[str, Any]] = []
        for name, span, label, each in (
            ("max_budget", "budget_duration", "litellm", None),
            ("max_end_user_budget", "max_end_user_budget_duration", "litellm-user", "metadata.user"),
        ):
            usd = self._values.number((MODULE, name), most=1e9)
            if usd is None:
                continue
            window = self._values.span((MODULE, span))
            per, note = window or ("total", f"no {span}: it never begins anew")
            found.append({"name": label, "usd": usd, "per": per, **({} if each is None else {"each": each})})
            self._reading.translated((MODULE, name), f"budgets[{len(found) - 1}].usd; {note}; never exceeded")
            self._tell_unbounded(
                (MODULE, name), layout, [each for members in layout.members.values() for each in members]
            )
            if window is not None:
                self._reading.translated((MODULE, span), f"budgets[{len(found) - 1}].per; {note}")
        found += self._of_providers(layout, len(found))
        for model, members in layout.members.items():
            for member in members:
                if member.budget is not None:
                    route = f"{model}@{member.provider}"
                    self._tell_unbounded((*member.path, "litellm_params", "max_budget"), layout, [member])
                    found.append({"name": route, **member.budget, "scope": {"route": route}})
        return found

    def _tell_unbounded(self, path: KeyPath, layout: Layout, deployments: Sequence[Deployment]) -> None:
        """Warn of models that a hard budget never admits: of which nothing says how long an answer may be."""
        open_ = list(dict.fromkeys(each.group for each in deployments if not layout.is_bounded(each)))
        if open_:
            names = ", ".join(open_[:3]) + (", ..." if len(open_) > 3 else "")
            said = f"no call of {names} is let through whose task does not say max_output_tokens"
            self._reading.warned(path, f"{said}: give model_info.max_output_tokens, or nothing bounds what it costs")

    def _of_providers(self, layout: Layout, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        every = [each for members in layout.members.values() for each in members]
        for vendor in self._reading.mapping((ROUTER, "provider_budget_config")):
            path = (ROUTER, "provider_budget_config", vendor)
            self._reading.mapping(path)
            amount = (*path, "budget_limit" if self._reading.has((*path, "budget_limit")) else "max_budget")
            period = (*path, "time_period" if self._reading.has((*path, "time_period")) else "budget_duration")
            usd, window = self._values.number(amount, most=1e9), self._values.span(period)
            accounts = list(dict.fromkeys(each.provider for each in every if each.target.prefix == vendor))
            if usd is None or not accounts:
                self._reading.ignored(path, "no deployment that can be called is of this provider")
                continue
            per, note = window or ("total", "it never begins anew")
            share = f"; an equal part for each of its {len(accounts)} accounts" if len(accounts) > 1 else ""
            tell = self._reading.warned if share else self._reading.translated
            tell(amount, f"budgets[{count + len(found)}].usd; never exceeded{share}")
            self._tell_unbounded(amount, layout, [each for each in every if each.provider in accounts])
            if window is not None:
                self._reading.translated(period, f"budgets[{count + len(found)}].per; {note}")
            for account in accounts:
                part = {"usd": usd / len(accounts) if share else usd, "per": per, "scope": {"provider": account}}
                found.append({"name": f"provider-{account}", **part})
        return found


def _each(tries: int, routes: int) -> int:
    """Say how often each route is tried again, so that a group of that many has that many further tries in all."""
    return min(ceil((tries + 1) / routes) - 1, _MOST_RETRIES)


def _ordered(layout: Layout, name: str) -> bool:
    return any(each.order is not None for each in layout.members[name])
