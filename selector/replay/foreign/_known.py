"""Mappings of tables that others write: LiteLLM's spend logs, and lines of OpenAI's requests and answers."""

from __future__ import annotations

from selector.replay.foreign._table import Columns

__all__ = ["LITELLM_SPEND_LOGS", "OPENAI_JSONL"]

_USAGE = "metadata.additional_usage_values"

LITELLM_SPEND_LOGS = Columns(
    id="request_id",
    at="startTime",
    ended_at="endTime",
    latency_ms=("request_duration_ms",),
    task_type=("metadata.spend_logs_metadata.task_type", "metadata.task_type", "request_tags.0"),
    model="model",
    provider=("custom_llm_provider",),
    route=("model_id",),
    session=("session_id",),
    labels=("request_tags",),
    status=("status", "metadata.status"),
    cost_usd="spend",
    input_tokens=("prompt_tokens",),
    cache_read_tokens=(f"{_USAGE}.cache_read_input_tokens", f"{_USAGE}.prompt_tokens_details.cached_tokens"),
    cache_write_tokens=(f"{_USAGE}.cache_creation_input_tokens",),
    output_tokens=("completion_tokens",),
    reasoning_tokens=(f"{_USAGE}.completion_tokens_details.reasoning_tokens",),
    skip={"cache_hit": ("true",)},
)
"""Rows of LiteLLM's table ``LiteLLM_SpendLogs``, exported as Parquet, CSV or JSON lines.

The columns are those of ``schema.prisma`` (https://github.com/BerriAI/litellm/blob/main/schema.prisma, model
``LiteLLM_SpendLogs``). The arm is ``model``, the model that was called, and not ``model_group``, the name that was
asked for. The table knows no task type: it is taken from ``metadata.spend_logs_metadata.task_type`` or the first
request tag; ``dataclasses.replace(LITELLM_SPEND_LOGS, task_type="team_id")`` takes another column,
``default_task_type="..."`` one word for rows that have none. It knows no score either: name a column of yours as
``score``. Answers from LiteLLM's own cache are left out, since no model was called; a failed call is a row of its own,
with status ``failed``.
"""

_ANSWERS = ("response.body", "response", "body")


def _in_answer(*names: str) -> tuple[str, ...]:
    """Name fields of an answer wherever the answer stands in a line."""
    return tuple(f"{place}.{name}" for name in names for place in _ANSWERS) + names


OPENAI_JSONL = Columns(
    id=("response.body.id", "response.id", "custom_id", "id"),
    at=("at", *_in_answer("created", "created_at")),
    task_type=("task_type", "metadata.task_type", "request.metadata.task_type", *_in_answer("metadata.task_type")),
    model=("request.body.model", "request.model", *_in_answer("model")),
    task_id=("custom_id", "task_id"),
    propensity=("propensity",),
    probabilities=("probabilities",),
    latency_s=("latency_s",),
    latency_ms=("latency_ms",),
    cost_usd=("cost_usd", *_in_answer("usage.cost")),
    input_tokens=_in_answer("usage.prompt_tokens", "usage.input_tokens"),
    cache_read_tokens=_in_answer(
        "usage.prompt_tokens_details.cached_tokens", "usage.input_tokens_details.cached_tokens"
    ),
    output_tokens=_in_answer("usage.completion_tokens", "usage.output_tokens"),
    reasoning_tokens=_in_answer(
        "usage.completion_tokens_details.reasoning_tokens", "usage.output_tokens_details.reasoning_tokens"
    ),
    score=("score", "metadata.score"),
    source=("source", "metadata.source"),
    status=("status", *_in_answer("status")),
)
"""Lines of JSON with an answer of OpenAI's API each: bare, under ``response`` beside its ``request``, or of a batch.

Chat completions and responses are read alike
(https://platform.openai.com/docs/api-reference/chat/object, https://platform.openai.com/docs/api-reference/batch). The
arm is the model that the request asks for, where the line has it, since an answer names a dated snapshot. Beside the
answer a line may have ``task_type``, ``score`` (with ``source``), ``cost_usd``, ``latency_s``, ``at`` and
``propensity``; without any task type give ``default_task_type="..."``. OpenAI states no cost: without ``cost_usd`` it
is not known.
"""
