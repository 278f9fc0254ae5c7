"""Providers by the names that other systems give them: how each is called, and whose models have which names."""

from __future__ import annotations

import re
from typing import Any, Final

from selector.config._commands import command_presets
from selector.config._known import VENDORS

_ALIASES: Final = {
    "claude": "anthropic",
    "google": "gemini",
    "grok": "xai",
    "glm": "zai",
    "kimi": "moonshot",
    "moonshotai": "moonshot",
    "open-router": "openrouter",
    "together-ai": "together",
    "x-ai": "xai",
    "z-ai": "zai",
    "zhipu": "zai",
    "zhipuai": "zai",
}
_OTHERS: Final[dict[str, dict[str, Any]]] = {
    "minimax": {"kind": "openai", "base_url": "https://api.minimax.io/v1", "api_key": "env:MINIMAX_API_KEY"},
    "ollama": {"kind": "openai", "base_url": "http://localhost:11434/v1"},
}
_COMMANDS: Final = {"claude-cli": "claude-code", "codex-cli": "codex"}
_MAKERS: Final = (
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"(gpt|chatgpt|o[1-9])(-|\d|\Z)"), "openai"),
    (re.compile(r"gemini"), "gemini"),
    (re.compile(r"grok"), "xai"),
    (re.compile(r"deepseek"), "deepseek"),
    (re.compile(r"(kimi|moonshot)"), "moonshot"),
    (re.compile(r"(chat)?glm"), "zai"),
    (re.compile(r"minimax", re.IGNORECASE), "minimax"),
    (re.compile(r"(mistral|codestral|magistral|ministral)"), "mistral"),
)
SEEN_BY_COMMANDS: Final = (
    "HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TERM", "TZ", "TMPDIR", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME", "XDG_CACHE_HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a command that nobody knows sees of the environment."""


def known_provider(name: str) -> dict[str, Any] | None:
    """Give the entry of a provider that is known by its name.

    Parameters
    ----------
    name
        As another system calls it.

    Returns
    -------
    dict or None
        None: nobody here knows how it is called.

    Examples
    --------
    >>> known_provider("grok")
    {'kind': 'openai', 'base_url': 'https://api.x.ai/v1', 'api_key': 'env:XAI_API_KEY'}
    >>> known_provider("claude-cli")
    {'kind': 'command', 'preset': 'claude-code'}
    """
    word = name.strip().lower().replace("_", "-")
    word = _ALIASES.get(word, word)
    preset = _COMMANDS.get(word, word)
    if preset in command_presets() and preset != "ollama":
        return {"kind": "command", "preset": preset}
    if word in _OTHERS:
        return dict(_OTHERS[word])
    vendor = next((each for each in VENDORS if each.name == word), None)
    if vendor is None:
        return None
    found: dict[str, Any] = {"kind": vendor.kind}
    if vendor.base_url is not None:
        found["base_url"] = vendor.base_url
    return {**found, "api_key": f"env:{vendor.keys[0]}"}


def maker_of(model: str) -> str | None:
    """Say at whose own API a model is, going by its name.

    Examples
    --------
    >>> maker_of("claude-3-opus"), maker_of("deepseek/deepseek-chat"), maker_of("homemade")
    ('anthropic', 'openrouter', None)
    """
    word = model.strip().lower()
    if "/" in word:
        return "openrouter"
    return next((maker for pattern, maker in _MAKERS if pattern.match(word)), None)


def keys_of(name: str) -> tuple[str, ...]:
    """Name the variables that hold the key of a provider, where it is known.

    Examples
    --------
    >>> keys_of("openrouter"), keys_of("homemade")
    (('OPENROUTER_API_KEY',), ())
    """
    word = _ALIASES.get(name.lower(), name.lower())
    return next((vendor.keys[:1] for vendor in VENDORS if vendor.name == word), ())
