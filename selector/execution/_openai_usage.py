"""OpenAI's usage, and that of servers like it, in disjoint classes of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selector.execution._pieces import amount, mapping, tokens
from selector.records import Usage

__all__ = ["chat_usage", "responses_usage"]


def chat_usage(said: object) -> Usage | None:
    """Read the usage of chat completions; None: it says nothing.

    ``prompt_tokens`` include what was read from the cache and written to it. ``completion_tokens`` include reasoning
    at OpenAI; at xAI they do not, and Google's compatible server counts it in the total alone: the total tells.

    See https://platform.openai.com/docs/api-reference/chat/object, https://api-docs.deepseek.com/guides/kv_cache,
    https://docs.x.ai/docs/guides/reasoning and https://openrouter.ai/docs/use-cases/usage-accounting.

    Examples
    --------
    >>> chat_usage({"prompt_tokens": 10, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}})
    Usage(input_tokens=6, cache_read_tokens=4, cache_write_tokens=0, output_tokens=9, reasoning_tokens=0,
          cost_usd=None, latency_s=None)
    """
    found = mapping(said)
    details = mapping(found.get("prompt_tokens_details"))
    read = _first(details.get("cached_tokens"), found.get("prompt_cache_hit_tokens"), found.get("cached_tokens"))
    written = _first(
        details.get("cache_write_tokens"),
        details.get("cache_creation_tokens"),
        found.get("cache_creation_input_tokens"),
    )
    prompt = tokens(found.get("prompt_tokens"))
    missed = tokens(found.get("prompt_cache_miss_tokens"))
    if prompt is None and missed is not None:
        prompt = missed + (read or 0)
    thought = _first(mapping(found.get("completion_tokens_details")).get("reasoning_tokens"), None)
    total = tokens(found.get("total_tokens"))
    return _disjoint((prompt, read, written), (tokens(found.get("completion_tokens")), thought, total), _cost(found))


def responses_usage(said: object) -> Usage | None:
    """Read the usage of the Responses API; None: it says nothing.

    See https://platform.openai.com/docs/api-reference/responses/object.

    Examples
    --------
    >>> responses_usage({"input_tokens": 3, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 5}})
    Usage(input_tokens=3, cache_read_tokens=0, cache_write_tokens=0, output_tokens=4, reasoning_tokens=5,
          cost_usd=None, latency_s=None)
    """
    found = mapping(said)
    details = mapping(found.get("input_tokens_details"))
    read, written = tokens(details.get("cached_tokens")), tokens(details.get("cache_write_tokens"))
    thought = tokens(mapping(found.get("output_tokens_details")).get("reasoning_tokens"))
    total = tokens(found.get("total_tokens"))
    come = (tokens(found.get("input_tokens")), read, written)
    return _disjoint(come, (tokens(found.get("output_tokens")), thought, total), _cost(found))


def _disjoint(
    come: tuple[int | None, int | None, int | None], went: tuple[int | None, int | None, int | None], cost: float | None
) -> Usage | None:
    prompt, read, written = come
    answer, thought, total = went
    if not any((prompt, read, written, answer, thought, cost)):  # nothing, or all zeros: as good as not said
        return None
    if prompt is not None:
        read = min(read or 0, prompt)
        written = min(written or 0, prompt - read)
        prompt -= read + written
    if answer is not None:
        total = None if prompt is None else total
        answer, thought = _apart((prompt or 0) + (read or 0) + (written or 0), answer, thought or 0, total)
    return Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=answer,
        reasoning_tokens=thought,
        cost_usd=cost,
    )


def _apart(come: int, answer: int, thought: int, total: int | None) -> tuple[int, int]:
    if thought and (total == come + answer + thought or (total is None and thought > answer)):
        return answer, thought
    if not thought and total is not None and total > come + answer:
        return answer, total - come - answer
    thought = min(thought, answer)
    return answer - thought, thought


def _first(*values: object) -> int | None:
    return next((found for each in values if (found := tokens(each)) is not None), None)


def _cost(found: Mapping[str, Any]) -> float | None:
    cost = found.get("cost")
    if isinstance(cost, Mapping):  # https://docs.perplexity.ai/api-reference
        return amount(cost.get("total_cost"))
    said = amount(cost)
    if said is not None and found.get("is_byok") is True:  # its own fee, beside what the user's own key is billed
        said += amount(mapping(found.get("cost_details")).get("upstream_inference_cost")) or 0.0
    return said
