"""What a refused call means, in the words that vendors and servers like theirs use.

Sources: https://platform.openai.com/docs/guides/error-codes, https://platform.claude.com/docs/en/api/errors,
https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter, https://openrouter.ai/docs/api-reference/errors,
https://api-docs.deepseek.com/quick_start/error_codes, https://console.groq.com/docs/errors,
https://ai.google.dev/gemini-api/docs/troubleshooting, and what the servers of vLLM, llama.cpp and Ollama answer.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.execution._faults import error_in, fault
from selector.records import Failure


def body(message, **more):
    return json.dumps({"error": {"message": message, **more}})


TOO_LONG = [
    (
        400,
        body(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            type="invalid_request_error",
            code="context_length_exceeded",
        ),
    ),
    (400, body("Your input exceeds the context window of this model. Please adjust your input and try again.")),
    (400, body("prompt is too long: 213462 tokens > 200000 maximum", type="invalid_request_error")),
    (400, body("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000")),
    (413, body("Request exceeds the maximum size", type="request_too_large")),
    (
        400,
        json.dumps(
            {
                "object": "error",
                "message": "The prompt (total length 9000) is too long: the maximum model "
                "length is 4096. prompt is longer than the maximum model length of 4096",
                "code": 400,
            }
        ),
    ),
    (400, body("the request exceeds the available context size. try increasing it", type="exceed_context_size_error")),
    (500, json.dumps({"error": "the input length exceeds the context length"})),
    (400, body("The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).")),
    (
        400,
        json.dumps([{"error": {"code": 400, "message": "The input token count exceeds the maximum number of tokens"}}]),
    ),
    (400, body("This endpoint's maximum context length is 131072 tokens. However, you requested about 200000 tokens")),
    (
        400,
        json.dumps(
            {
                "object": "error",
                "message": "Prompt contains 40000 tokens ... too large for model with 32768 maximum context length",
            }
        ),
    ),
    (400, body("Please reduce the length of the messages or completion.", code="context_length_exceeded")),
    (
        413,
        body(
            "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7007",
            code="rate_limit_exceeded",
        ),
    ),
    (429, body("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000", type="tokens")),
    (400, body("This model's maximum prompt length is 131072 but the request contains 537812 tokens.")),
    (400, body("Range of input length should be [1, 129024]")),
    (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    (400, body("Provider returned error", metadata={"raw": body("prompt is too long: 5 tokens > 4 maximum")})),
]
POLICY = [
    (400, body("Your request was rejected as a result of our safety system.", code="content_policy_violation")),
    (
        400,
        body(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            code="content_filter",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
    ),
    (400, body("Output blocked by content filtering policy", type="invalid_request_error")),
    (
        400,
        body(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt"
        ),
    ),
    (403, body('x requires moderation on y. Your input was flagged for "violence"')),
    (400, body("Content Exists Risk", type="invalid_request_error")),
    (400, body("Input data may contain inappropriate content.", code="data_inspection_failed")),
]
SPENT = [
    (
        429,
        body(
            "You exceeded your current quota, please check your plan and billing details.",
            type="insufficient_quota",
            code="insufficient_quota",
        ),
    ),
    (400, body("Billing hard limit has been reached", code="billing_hard_limit_reached")),
    (400, body("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.")),
    (400, body("You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.")),
    (402, body("Insufficient Balance")),
    (402, ""),
    (429, body("Rate limit reached for gpt-4o in organization o on requests per day (RPD): Limit 200, Used 200.")),
    (429, body("Rate limit reached on tokens per day (TPD): Limit 100000. Please try again in 14m24s.")),
    (429, body("Rate limit exceeded: free-models-per-day")),
    (429, body("The usage limit has been reached", type="usage_limit_reached", resets_at=1_790_000_000)),
    (
        429,
        body(
            "Quota exceeded for metric: requests, limit: 20",
            code=429,
            details=[{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}],
        ),
    ),
    (429, body("Too many requests. Please try again in 5 hours.")),
    (403, body("Your team has either used all available credits or reached its monthly spending limit.")),
]
RUSH = [
    (429, body("Rate limit reached for gpt-4o on requests per min (RPM): Limit 3. Please try again in 20s.",
               code="rate_limit_exceeded")),
    (429, body("This request would exceed your organization's rate limit of 50,000 input tokens per minute.",
               type="rate_limit_error")),
    (429, body("You exceeded your current quota. Quota exceeded for metric: m. Please retry in 12.5s.", code=429,
               details=[{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}])),
    (429, body("Too many tokens, please wait before trying again.")),
    (429, ""),
    (409, ""),
    (425, ""),
]  # fmt: skip
OTHERS = [
    (401, body("Incorrect API key provided: sk-abc***xyz.", code="invalid_api_key"), Failure.AUTH),
    (403, body("Country, region, or territory not supported"), Failure.AUTH),
    (400, json.dumps([{"error": {"code": 400, "message": "API key not valid. Please pass one."}}]), Failure.AUTH),
    (401, body("invalid x-api-key", type="authentication_error"), Failure.AUTH),
    (404, body("The model `gpt-9` does not exist or you have no access.", code="model_not_found"), Failure.NOT_FOUND),
    (400, body("The model gpt-9 does not exist"), Failure.NOT_FOUND),
    (403, body("Project `p` does not have access to model `m`", code="model_not_found"), Failure.NOT_FOUND),
    (400, body("foo/bar is not a valid model ID"), Failure.NOT_FOUND),
    (404, json.dumps({"error": 'model "llama9" not found, try pulling it first'}), Failure.NOT_FOUND),
    (400, body("Model Not Exist"), Failure.NOT_FOUND),
    (404, "404 page not found", Failure.NOT_FOUND),
    (408, "", Failure.TIMEOUT),
    (504, "<html><title>504 Gateway Time-out</title></html>", Failure.TIMEOUT),
    (500, body("The server had an error", type="server_error"), Failure.SERVER_ERROR),
    (500, body("Internal server error", type="api_error"), Failure.SERVER_ERROR),
    (500, body("Overloaded", type="overloaded_error"), Failure.OVERLOADED),
    (502, "<html><body>Bad Gateway</body></html>", Failure.SERVER_ERROR),
    (503, "", Failure.OVERLOADED),
    (529, body("Overloaded", type="overloaded_error"), Failure.OVERLOADED),
    (429, body("The engine is currently overloaded", type="engine_overloaded_error"), Failure.OVERLOADED),
    (400, body("Unsupported parameter: 'max_tokens' is not supported with this model.", code="unsupported_parameter"),
     Failure.BAD_REQUEST),
    (422, json.dumps({"detail": [{"loc": ["body"], "msg": "field required", "input": "maximum context length"}]}),
     Failure.BAD_REQUEST),
    (418, "", Failure.BAD_REQUEST),
]  # fmt: skip
OF_REASONING = [
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.3.content.9: `thinking` or `redacted_thinking` blocks in the latest message cannot be modified.",
    "Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final message must",
    "The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
    "Encrypted content is not supported with this model.",
    "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
]


@pytest.mark.parametrize(("status", "said"), TOO_LONG)
def test_a_context_that_is_too_long_is_known_in_each_vendors_words(status, said):
    assert fault(status, said).failure is Failure.CONTEXT_TOO_LONG


@pytest.mark.parametrize(("status", "said"), POLICY)
def test_declined_content_is_known_in_each_vendors_words(status, said):
    assert fault(status, said).failure is Failure.CONTENT_POLICY


@pytest.mark.parametrize(("status", "said"), SPENT)
def test_a_limit_of_hours_or_days_or_money_is_spent(status, said):
    assert fault(status, said).failure is Failure.QUOTA_EXHAUSTED


@pytest.mark.parametrize(("status", "said"), RUSH)
def test_a_limit_of_minutes_is_a_rush(status, said):
    assert fault(status, said).failure is Failure.RATE_LIMITED


@pytest.mark.parametrize(("status", "said", "failure"), OTHERS)
def test_each_other_refusal_has_its_own_word(status, said, failure):
    found = fault(status, said)
    assert (found.failure, found.status) == (failure, status)


@pytest.mark.parametrize("message", OF_REASONING)
def test_reasoning_of_another_model_is_told_from_other_bad_requests(message):
    found = fault(400, body(message, type="invalid_request_error"))
    assert found.of_reasoning
    assert found.failure is Failure.BAD_REQUEST


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Failure.OVERLOADED),
        ({"error": {"code": 429, "message": "slow down"}}, Failure.RATE_LIMITED),
        ({"error": {"code": "502", "message": "upstream"}}, Failure.SERVER_ERROR),
        ({"error": {"type": "rate_limit_error", "message": "no"}}, Failure.RATE_LIMITED),
        ({"error": {"type": "invalid_request_error", "message": "no"}}, Failure.BAD_REQUEST),
        ({"error": "the model runner has unexpectedly stopped"}, Failure.SERVER_ERROR),
    ],
)
def test_an_error_inside_an_answer_is_read_by_its_own_code(said, failure):
    assert error_in(said) == said
    assert fault(None, said).failure is failure


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (body("Please try again in 7m12s."), 432.0),
        (body("Please retry in 12.5s."), 12.5),
        (body("Please try again in 350ms."), 0.35),
        (body("try again in 1 hour 30 minutes"), 5_400.0),
        (body("no", resets_in_seconds=60), 60.0),
        (body("no"), None),
    ],
)
def test_a_wait_in_words_is_read(said, wait_s):
    assert fault(429, said).retry_after_s == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("said", "at_s"),
    [
        (body("You will regain access on 2025-08-01 at 00:00 UTC."), 1_754_006_400.0),
        (body("try again at 2025-08-01T00:00:00+02:00"), 1_753_999_200.0),
        (body("Claude AI usage limit reached|1754006400"), 1_754_006_400.0),
        (body("no", resets_at=1_754_006_400), 1_754_006_400.0),
        (body("no", metadata={"headers": {"X-RateLimit-Reset": "1754006400000"}}), 1_754_006_400.0),
        (body("the model gpt-4o-2024-08-06 is not available"), None),
        (body("the model x is not available until gpt-4o-2024-08-06"), None),
    ],
)
def test_an_instant_in_words_is_read(said, at_s):
    assert fault(429, said).resets_at_s == at_s


def test_the_detail_is_one_short_line_without_keys():
    found = fault(400, body("no\n\n" + "word " * 200 + "end"))
    assert "\n" not in found.detail
    assert len(found.detail) == 300
    assert "canary" not in fault(401, body("Incorrect API key provided: sk-canary-0123456789abcdef")).detail


def test_a_prompt_that_is_repeated_in_the_body_is_not_taken_for_the_reason():
    said = json.dumps({"error": {"message": "no"}, "input": "maximum context length, insufficient_quota, overloaded"})
    found = fault(400, said)
    assert found.failure is Failure.BAD_REQUEST
    assert found.detail == "no"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "type", "metadata", "raw", "details", "resets_at"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from([None, 200, 302, 400, 403, 404, 429, 500, 529]), JSON | st.binary() | st.text())
def test_no_body_is_so_strange_that_it_has_no_failure(status, said):
    found = fault(status, said)
    assert isinstance(found.failure, Failure)
    assert len(found.detail) <= 300
