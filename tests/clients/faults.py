"""Every way in which a call goes wrong, and what that is taken for: in three formats, by a server or by nobody."""

from typing import NamedTuple

from selector import errors
from selector.records import Failure
from selector.testing import Fault, Reply

KINDS = ("openai", "openai-responses", "anthropic")


class Cell(NamedTuple):
    """How a call goes wrong, and what that is taken for."""

    step: object
    failure: Failure
    error: type
    status: int | None = None
    kinds: tuple = KINDS
    at: str = "bad"

    @property
    def shows(self):
        """Whether a stream breaks off after some of the answer."""
        midway = {"cut", "stall_body", "malformed_json", "malformed_sse", "error_event"}
        return isinstance(self.step, Fault) and self.step.kind in midway and self.step.after > 0


CONTEXT = (Failure.CONTEXT_TOO_LONG, errors.ContextWindowExceededError)
POLICY = (Failure.CONTENT_POLICY, errors.ContentPolicyViolationError)
CONNECTION = (Failure.CONNECTION, errors.APIConnectionError)
TIMEOUT = (Failure.TIMEOUT, errors.APITimeoutError)
BROKEN = (Failure.SERVER_ERROR, errors.InternalServerError)
BUSY = (Failure.OVERLOADED, errors.ServiceUnavailableError)
RATE = (Failure.RATE_LIMITED, errors.RateLimitError)
QUOTA = (Failure.QUOTA_EXHAUSTED, errors.QuotaExceededError)
OPENAI, ANTHROPIC = KINDS[:2], KINDS[2:]
CELLS = {
    "refused connection": Cell("ok", *CONNECTION, at="refused"),
    "TLS: certificate of nobody": Cell("ok", *CONNECTION, at="nocert"),
    "TLS: none spoken": Cell("ok", *CONNECTION, at="notls"),
    "DNS failure": Cell("ok", *CONNECTION, at="nowhere"),
    "reset before headers": Cell(Fault("reset"), *CONNECTION),
    "stall before headers": Cell(Fault("stall"), *TIMEOUT, at="slow"),
    "stall mid-body": Cell(Fault("stall_body"), *TIMEOUT, at="slow"),
    "stall before the first token": Cell(Fault("stall_body", after=0), *TIMEOUT, at="slow"),
    "cut before the first token": Cell(Fault("cut", after=0), *CONNECTION),
    "cut mid-stream": Cell(Fault("cut"), *CONNECTION),
    "error event mid-stream": Cell(Fault("error_event"), *BUSY),
    "malformed JSON": Cell(Fault("malformed_json"), *BROKEN),
    "malformed SSE": Cell(Fault("malformed_sse"), *BROKEN),
    "malformed SSE at once": Cell(Fault("malformed_sse", after=0), *BROKEN),
    "a page of HTML": Cell(Fault("wrong_content_type"), *BROKEN),
    "empty answer": Cell(Fault("empty"), Failure.EMPTY_ANSWER, errors.EmptyAnswerError),
    "400": Cell(400, Failure.BAD_REQUEST, errors.BadRequestError, 400),
    "401": Cell(401, Failure.AUTH, errors.AuthenticationError, 401),
    "403": Cell(403, Failure.AUTH, errors.PermissionDeniedError, 403),
    "404": Cell(404, Failure.NOT_FOUND, errors.NotFoundError, 404),
    "408": Cell(408, *TIMEOUT, 408),
    "413": Cell(413, *CONTEXT, 413),
    "429": Cell(429, *RATE, 429),
    "429, Retry-After: 30": Cell(Fault(429, retry_after_s=30), *RATE, 429),
    "429, Retry-After: 3600": Cell(Fault(429, retry_after_s=3_600), *QUOTA, 429),
    "429, quota spent": Cell(Fault("quota_exhausted", status=429), *QUOTA, 429),
    "500": Cell(500, *BROKEN, 500),
    "502": Cell(502, *BROKEN, 502),
    "503": Cell(503, *BUSY, 503),
    "529": Cell(529, *BUSY, 529),
    "context: the vendor's words": Cell(Fault("context_too_long"), *CONTEXT, 400),
    "policy: the vendor's words": Cell(Fault("content_policy"), *POLICY, 400),
    "policy: declined with status 200": Cell(Reply("", finish="content_filter"), *POLICY),
}
WORDS = (
    ("context: vLLM's words", CONTEXT, 400, OPENAI, "This model's maximum context length is 8192 tokens."),
    ("context: Google's words", CONTEXT, 400, OPENAI, "token count (12) exceeds the maximum number of tokens allowed"),
    ("context: llama.cpp's words", CONTEXT, 400, OPENAI, "the request exceeds the available context size"),
    ("context: Anthropic's other words", CONTEXT, 400, ANTHROPIC, "`max_tokens` exceed context limit: 9 > 8"),
    ("policy: Azure's words", POLICY, 400, OPENAI, "triggering Azure OpenAI's content management policy."),
    ("policy: DeepSeek's words", POLICY, 400, OPENAI, "Content Exists Risk"),
    ("policy: OpenRouter's words", POLICY, 403, OPENAI, "requires moderation and your input was flagged"),
    ("quota: Anthropic's words", QUOTA, 400, ANTHROPIC, "Your credit balance is too low to access the API."),
)
CELLS |= {
    name: Cell(Fault(status, body={"error": {"message": message}}), *kind, status, kinds)
    for name, kind, status, kinds, message in WORDS
}
