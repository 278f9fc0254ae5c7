"""Providers known by the name of their key, and a few models of each: what works without a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider, and the keys of the environment that mean it.

    Examples
    --------
    >>> VENDORS[0].name, VENDORS[0].keys
    ('anthropic', ('ANTHROPIC_API_KEY',))
    """

    name: str
    keys: tuple[str, ...]
    """The first that is set counts."""
    base_url: str | None = None
    """None: the kind's own public address."""
    kind: Literal["anthropic", "openai"] = "openai"


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at one provider.

    Examples
    --------
    >>> Offer("anthropic", "claude-opus-5-5", 1_000_000, 128_000).id
    'claude-opus-5-5'
    """

    vendor: str
    id: str
    context_tokens: int
    max_output_tokens: int
    """As long as the context where the provider sets no limit of its own."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model that may be chosen, and who serves it.

    Examples
    --------
    >>> [offer.vendor for offer in next(model for model in MODELS if model.name == "opus").offers]
    ['anthropic', 'openrouter']
    """

    name: str
    family: str
    capabilities: tuple[str, ...]
    """What it can do at every provider listed."""
    offers: tuple[Offer, ...]


VENDORS = (
    Vendor("anthropic", ("ANTHROPIC_API_KEY",), kind="anthropic"),
    Vendor("openai", ("OPENAI_API_KEY",)),
    Vendor("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "https://generativelanguage.googleapis.com/v1beta/openai"),
    Vendor("mistral", ("MISTRAL_API_KEY",), "https://api.mistral.ai/v1"),
    Vendor("xai", ("XAI_API_KEY",), "https://api.x.ai/v1"),
    Vendor("deepseek", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com"),
    Vendor("moonshot", ("MOONSHOT_API_KEY",), "https://api.moonshot.ai/v1"),
    Vendor("zai", ("ZAI_API_KEY",), "https://api.z.ai/api/paas/v4"),
    Vendor("groq", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1"),
    Vendor("cerebras", ("CEREBRAS_API_KEY",), "https://api.cerebras.ai/v1"),
    Vendor("fireworks", ("FIREWORKS_API_KEY",), "https://api.fireworks.ai/inference/v1"),
    Vendor("together", ("TOGETHER_API_KEY",), "https://api.together.xyz/v1"),
    Vendor("openrouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1"),
)
"""In the order in which a model's routes are listed: its maker first, then those who serve many makers' models."""

_TOOLS = ("tools",)
_SEES = ("tools", "vision")

MODELS = (
    Known("gpt-oss-20b", "gpt-oss", _TOOLS, (Offer("groq", "openai/gpt-oss-20b", 131_072, 65_536),)),
    Known(
        "gpt-oss-120b",
        "gpt-oss",
        _TOOLS,
        (
            Offer("groq", "openai/gpt-oss-120b", 131_072, 65_536),
            Offer("cerebras", "gpt-oss-120b", 131_072, 32_768),
            Offer("together", "openai/gpt-oss-120b", 131_072, 131_072),
        ),
    ),
    Known(
        "qwen-27b",
        "qwen",
        _SEES,
        (
            Offer("groq", "qwen/qwen3.8-27b", 131_072, 16_384),
            Offer("cerebras", "qwen-3.8-27b", 65_536, 32_768),
        ),
    ),
    Known(
        "glm-flash",
        "glm",
        _SEES,
        (
            Offer("zai", "glm-5.3-flash", 1_000_000, 131_072),
            Offer("fireworks", "accounts/fireworks/models/glm-5p3-flash", 1_048_576, 1_048_576),
            Offer("together", "zai-org/GLM-5.3-Flash", 1_048_575, 131_072),
        ),
    ),
    Known(
        "glm",
        "glm",
        _TOOLS,
        (
            Offer("zai", "glm-5.3", 1_000_000, 131_072),
            Offer("fireworks", "accounts/fireworks/models/glm-5p3", 1_048_576, 131_072),
            Offer("together", "zai-org/GLM-5.3", 1_048_575, 131_072),
        ),
    ),
    Known(
        "deepseek-flash",
        "deepseek",
        _SEES,
        (
            Offer("deepseek", "deepseek-flash", 1_000_000, 393_216),
            Offer("fireworks", "accounts/fireworks/models/deepseek-v4p1-flash", 1_048_576, 393_216),
            Offer("openrouter", "deepseek/deepseek-v4.1-flash", 1_048_576, 943_718),
        ),
    ),
    Known("deepseek-pro", "deepseek", _TOOLS, (Offer("deepseek", "deepseek-v4-pro", 1_000_000, 393_216),)),
    Known("kimi", "kimi", _SEES, (Offer("moonshot", "kimi-k2.6", 262_144, 262_144),)),
    Known("kimi-pro", "kimi", _SEES, (Offer("moonshot", "kimi-k3.1-pro", 1_048_576, 1_048_576),)),
    Known("mistral-small", "mistral", _SEES, (Offer("mistral", "mistral-small-2603", 262_144, 262_144),)),
    Known("mistral-large", "mistral", _SEES, (Offer("mistral", "mistral-large-4", 1_048_576, 1_048_576),)),
    Known("mistral-medium", "mistral", _SEES, (Offer("mistral", "mistral-medium-3-5", 262_144, 262_144),)),
    Known("grok-4.3", "grok", _SEES, (Offer("xai", "grok-4.3", 1_000_000, 1_000_000),)),
    Known("grok", "grok", _SEES, (Offer("xai", "grok-4.7", 500_000, 500_000),)),
    Known("gemini-lite", "gemini", _SEES, (Offer("gemini", "gemini-3.5-flash-lite", 1_048_576, 65_536),)),
    Known(
        "gemini-flash",
        "gemini",
        _SEES,
        (
            Offer("gemini", "gemini-3.8-flash", 1_048_576, 65_536),
            Offer("openrouter", "google/gemini-3.8-flash", 1_048_576, 65_536),
        ),
    ),
    Known("gemini-argon", "gemini", _SEES, (Offer("gemini", "gemini-4-argon", 1_048_576, 65_536),)),
    Known("gpt-luna", "gpt", _SEES, (Offer("openai", "gpt-6-luna", 1_050_000, 128_000),)),
    Known("gpt-terra", "gpt", _SEES, (Offer("openai", "gpt-6.1-terra", 1_050_000, 128_000),)),
    Known(
        "gpt-sol",
        "gpt",
        _SEES,
        (
            Offer("openai", "gpt-6.1-sol", 1_050_000, 128_000),
            Offer("openrouter", "openai/gpt-6.1-sol", 1_050_000, 128_000),
        ),
    ),
    Known("haiku", "claude", _SEES, (Offer("anthropic", "claude-haiku-5-5", 1_000_000, 128_000),)),
    Known("sonnet", "claude", _SEES, (Offer("anthropic", "claude-sonnet-5-5", 1_000_000, 128_000),)),
    Known(
        "opus",
        "claude",
        _SEES,
        (
            Offer("anthropic", "claude-opus-5-5", 1_000_000, 128_000),
            Offer("openrouter", "anthropic/claude-opus-5.5", 1_000_000, 128_000),
        ),
    ),
)
"""A cheap, a middling and a good one of most providers, of each family and roughly of all the cheaper first.

Prices are not here: they are looked up."""
