"""Providers as LiteLLM calls them: which API they speak, where they are, which variable holds their key."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlsplit

Kind = Literal["openai", "openai-responses", "anthropic"]
"""The API that is spoken."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider as LiteLLM calls it.

    Examples
    --------
    >>> vendor_of("groq").key
    'GROQ_API_KEY'
    """

    name: str
    url: str | None = None
    """Where its OpenAI-compatible API is; None: the kind's own address, or the document must say."""
    key: str | None = None
    """The variable that LiteLLM reads its key from; None: it wants none."""
    kind: Kind = "openai"
    is_elsewhere: bool = False
    """Whether the document must say where it is."""
    beneath: str = ""
    """What is appended to the address that LiteLLM is given."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a model of LiteLLM's means: who serves it, and what it is called there.

    Examples
    --------
    >>> target_of("groq/llama-3.3-70b").id
    'llama-3.3-70b'
    """

    prefix: str
    """The provider, as LiteLLM calls it."""
    id: str
    """What the provider calls the model."""
    vendor: Vendor | None
    """None: selector does not speak its API."""
    kind: Kind = "openai"
    why: str = ""
    """Why it cannot be called."""

    def of_responses(self) -> Target:
        """Give the same model, called by OpenAI's API of responses.

        Examples
        --------
        >>> target_of("gpt-4o").of_responses().kind
        'openai-responses'
        """
        return replace(self, kind="openai-responses")


_AT: Final = {
    "ai21": ("https://api.ai21.com/studio/v1", "AI21_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "codestral": ("https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"),
    "cohere": ("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "dashscope": ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    "deepinfra": ("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "deepseek": ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "featherless_ai": ("https://api.featherless.ai/v1", "FEATHERLESS_AI_API_KEY"),
    "fireworks_ai": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "friendliai": ("https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "github": ("https://models.github.ai/inference", "GITHUB_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "hyperbolic": ("https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    "meta_llama": ("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    "minimax": ("https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "moonshot": ("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "nebius": ("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    "novita": ("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "nvidia_nim": ("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": ("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "sambanova": ("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "together_ai": ("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    "vercel_ai_gateway": ("https://ai-gateway.vercel.sh/v1", "VERCEL_AI_GATEWAY_API_KEY"),
    "volcengine": ("https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "zai": ("https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
}
_ELSEWHERE: Final = {
    "custom": None,
    "custom_openai": None,
    "databricks": "DATABRICKS_API_KEY",
    "hosted_vllm": "HOSTED_VLLM_API_KEY",
    "litellm_proxy": "LITELLM_PROXY_API_KEY",
    "lm_studio": None,
    "openai_like": None,
    "vllm": None,
}
_VENDORS: Final = {
    "openai": Vendor("openai", None, "OPENAI_API_KEY"),
    "anthropic": Vendor("anthropic", None, "ANTHROPIC_API_KEY", kind="anthropic"),
    "azure": Vendor("azure", None, "AZURE_API_KEY", is_elsewhere=True),
    "ollama": Vendor("ollama", "http://localhost:11434/v1", beneath="/v1"),
    "llamafile": Vendor("llamafile", "http://127.0.0.1:8080/v1"),
    "xinference": Vendor("xinference", "http://127.0.0.1:9997/v1"),
    **{name: Vendor(name, url, key) for name, (url, key) in _AT.items()},
    **{name: Vendor(name, None, key, is_elsewhere=True) for name, key in _ELSEWHERE.items()},
}
_SAME: Final = {"ai21_chat": "ai21", "azure_ai": "azure", "cohere_chat": "cohere", "ollama_chat": "ollama"}
_UNSPOKEN: Final = frozenset((
    "aiml", "aleph_alpha", "amazon_nova", "anyscale", "assemblyai", "auto_router", "aws_polly", "azure_text",
    "baseten", "bedrock", "bedrock_converse", "bytez", "chatgpt", "clarifai", "cloudflare", "deepgram", "elevenlabs",
    "empower", "github_copilot", "gradient_ai", "huggingface", "infinity", "jina_ai", "langgraph", "nlp_cloud",
    "nscale", "oci", "oobabooga", "ovhcloud", "palm", "petals", "predibase", "recraft", "replicate", "runwayml",
    "sagemaker", "sagemaker_chat", "sap", "snowflake", "text-completion-codestral", "text-completion-openai",
    "topaz", "triton", "vertex_ai", "vertex_ai_beta", "voyage", "wandb", "watsonx", "watsonx_text",
))  # fmt: skip
_GUESSES: Final = (
    (re.compile(r"(gpt-|chatgpt-|o[134](-|\Z)|ft:gpt)"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"command"), "cohere"),
    (re.compile(r"gemini"), "vertex_ai"),
)
_AZURE: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_URL: Final = re.compile(r"https?://[^\s/@?#\[\]]+(/[^\s@?#]*)?\Z")


def vendor_of(prefix: str) -> Vendor | None:
    """Find a provider by LiteLLM's name; None: it is none, or selector does not speak its API.

    Examples
    --------
    >>> vendor_of("bedrock") is None
    True
    """
    return _VENDORS.get(_SAME.get(prefix, prefix))


def target_of(model: str, *, provider: str | None = None, has_address: bool = False) -> Target:
    """Read what LiteLLM calls a model, such as ``groq/llama-3.3-70b`` or ``gpt-4o``.

    Parameters
    ----------
    model
        The provider and its name for the model; of well-known models the name alone.
    provider
        The provider, where the document says it apart.
    has_address
        Whether the document says where it is: what nobody knows is then taken to speak OpenAI's API.

    Returns
    -------
    Target
        Without a vendor where it cannot be called.

    Examples
    --------
    >>> target_of("claude-3-opus-20240229").kind, target_of("openai/responses/o1-pro").kind
    ('anthropic', 'openai-responses')
    >>> target_of("bedrock/anthropic.claude-v2").why
    "selector does not speak the API of 'bedrock'"
    """
    prefix, slash, rest = model.partition("/")
    if provider is None and slash and (vendor_of(prefix) is not None or prefix in _UNSPOKEN):
        provider, model = prefix, rest
    elif provider is not None and slash and prefix == provider:
        model = rest
    if provider is None:
        provider = next((maker for pattern, maker in _GUESSES if pattern.match(model)), None)
    if provider is None:
        if not has_address:
            return Target("", model, None, why="the model's name does not say who serves it, as PROVIDER/MODEL does")
        provider = "openai"
    vendor = vendor_of(provider)
    if vendor is None:
        return Target(provider, model, None, why=f"selector does not speak the API of {provider!r}")
    return _of_vendor(vendor, model)


def _of_vendor(vendor: Vendor, model: str) -> Target:
    kind: Kind = vendor.kind
    head, slash, rest = model.partition("/")
    if slash and vendor.name in {"openai", "azure"} and head in {"responses", "chat", "o_series", "gpt5_series"}:
        kind, model = "openai-responses" if head == "responses" else kind, rest
    return Target(vendor.name, model, vendor, kind)


def address_of(target: Target, written: str | None) -> tuple[str | None, str]:
    """Find where a model is called.

    Parameters
    ----------
    target
        What is called.
    written
        The address as the document has it; None: it has none.

    Returns
    -------
    tuple of str or None, and str
        The address, None for the kind's own; and why there is none, empty where there is one.

    Examples
    --------
    >>> address_of(target_of("azure/chat"), "https://mine.openai.azure.com/")
    ('https://mine.openai.azure.com/openai/v1', '')
    >>> address_of(target_of("ollama/llama3"), "http://gpu:11434")[0]
    'http://gpu:11434/v1'
    """
    vendor = target.vendor
    if vendor is None:
        return None, target.why
    if written is None:
        why = f"{vendor.name!r} is at no address of its own; give api_base" if vendor.is_elsewhere else ""
        return vendor.url, why
    if not _URL.match(written):
        return None, "api_base is no address such as https://example.com/v1, without user name, password or query"
    url = written.rstrip("/")
    if vendor.name == "azure":
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}/openai/v1", ""
    if vendor.kind == "anthropic":
        root = url.removesuffix("/v1/messages").removesuffix("/v1")
        return f"{root}/v1", ""
    url = url.removesuffix("/chat/completions")
    return (url if not vendor.beneath or url.endswith(vendor.beneath) else url + vendor.beneath), ""


def is_azures_own(url: str) -> bool:
    """Tell whether an address is one of Azure's, where it is known how its API is spoken.

    Examples
    --------
    >>> is_azures_own("https://mine.openai.azure.com/openai/v1")
    True
    """
    return (urlsplit(url).hostname or "").endswith(_AZURE)


def is_own(vendor: Vendor, url: str | None) -> bool:
    """Tell whether an address is the provider's own, where the key that is known by its name belongs.

    Examples
    --------
    >>> is_own(vendor_of("groq"), "http://127.0.0.1:9"), is_own(vendor_of("openai"), None)
    (False, True)
    """
    known = {None: None, "openai": "api.openai.com", "anthropic": "api.anthropic.com"}
    if url is None or url == vendor.url:
        return True
    host = urlsplit(url).hostname
    return host == (urlsplit(vendor.url).hostname if vendor.url else known.get(vendor.name))
