"""Documents of other systems, as their authors wrote them, for the tests of all readers."""

import json
import tomllib

PURPOSES = """\
models:
  - provider: grok
    model: grok4
    purpose: oracle

  - provider: openai
    model: gpt-5
    purpose: second-opinion

  - provider: anthropic
    model: claude-sonnet-4-20250514
    purpose: worker

  - provider: anthropic
    model: claude-opus-4-20250514
    purpose: lead
"""

# As printed, each command template ends in a bare `...` ("and so on"), which is no TOML: it is left out here.
PROVIDERS = """\
[providers.claude-cli]
enabled = true
command_template = ["claude", "-p", "{prompt_file}", "--model", "{model}"]

[providers.openrouter]
enabled = true
api_key_env = "OPENROUTER_API_KEY"
command_template = ["curl", "-X", "POST", "https://openrouter.ai/api/v1/..."]

[providers.openai]
enabled = true
command_template = ["openai", "api", "chat.completions.create"]
"""

CATALOGUE = """\
[[models]]
name = "claude-sonnet-4-5"
provider = "claude-cli"
cost_per_million_input = 3.0
cost_per_million_output = 15.0
capabilities = ["code", "reasoning", "vision"]

[[models]]
name = "deepseek/deepseek-chat"
provider = "openrouter"
cost_per_million_input = 0.14
cost_per_million_output = 0.28
capabilities = ["code", "cheap"]
"""

RULES = """\
[routing]
default_model = "claude-sonnet-4-5"

[[routing.rules]]
condition = "priority == 0"
model = "claude-opus-4"
reason = "Critical tasks get best model"

[[routing.rules]]
condition = "labels contains 'documentation'"
model = "claude-haiku-4"
reason = "Docs don't need expensive model"

[[routing.rules]]
condition = "hour >= 22 or hour <= 6"
model = "deepseek/deepseek-chat"
reason = "Night jobs use budget model"
"""

FAILOVER = """\
[[routing.rules]]
condition = "provider_status['claude-cli'] == 'down'"
model = "anthropic/claude-3.5-sonnet"  # OpenRouter fallback
"""

EXPERIMENT = """\
[[routing.rules]]
condition = "task.id ends_with '0'"  # 10% of tasks
model = "grok-beta"
reason = "A/B test Grok performance"
"""

WORKFLOWS = """\
[workflows.standard]
stages = [
    { name = "plan", model = "claude-haiku-4" },
    { name = "implement", model = "claude-sonnet-4-5" },
    { name = "review", model = "claude-opus-4" }
]

[workflows.budget]
stages = [
    { name = "plan", model = "gpt-4o-mini" },
    { name = "implement", model = "deepseek/deepseek-chat" },
    { name = "review", model = "claude-haiku-4" }
]
"""

OF_TODAY = """\
model = "claude-sonnet-4-5"
command_template = ["claude", "-p", "{prompt_file}", "--model", "{model}"]
"""

INTENTS = """\
# .codex/config.yaml
providers:
  default: openai

  # Intent-based routing
  routing:
    tool_use: openai        # Always use OpenAI for function calling
    planning: anthropic     # Use Claude for planning/reasoning
    code_gen: anthropic     # Claude excels at code
    safety_check: ensemble  # Multiple models for safety

  # Model-specific overrides
  models:
    openai:
      default: gpt-4o
      tool_model: gpt-4o    # Can specify different model for tools
    anthropic:
      default: claude-3-opus
      planning_model: claude-3-opus

# Ensemble configurations
ensembles:
  safety:
    models: [gpt-4o, claude-3-opus]
    strategy: unanimous  # All must agree

  quality:
    models: [gpt-4o, claude-3-sonnet, gpt-4-turbo]
    strategy: majority   # 2/3 must agree
"""

ORCHESTRATOR = """\
{
  "cto_model": "deepseek",
  "model_selection_strategy": "cost_aware",
  "worker_models": {
    "claude": {
      "haiku": { "enabled": true },
      "sonnet": { "enabled": true },
      "opus": { "enabled": true }
    },
    "external": {
      "deepseek": { "enabled": true, "has_tools": true },
      "minimax": { "enabled": true, "has_tools": true },
      "kimi": { "enabled": true, "has_tools": false },
      "glm": { "enabled": true, "has_tools": false },
      "gemini": { "enabled": false, "has_tools": false }
    }
  },
  "fallback_chain": {
    "haiku": ["sonnet", "opus"],
    "sonnet": ["opus"],
    "deepseek": ["sonnet", "opus"]
  },
  "cost_optimization": {
    "enabled": true,
    "prefer_external_for_routine": true,
    "preserve_claude_tokens": true,
    "token_budget_per_day": {
      "claude": 100000,
      "external": 1000000
    }
  }
}
"""

ANOTHER_WORKER = """\
{
  "worker_models": {
    "external": {
      "gpt-4": {
        "enabled": true,
        "has_tools": true,
        "description": "OpenAI GPT-4 with tool calling"
      }
    }
  },
  "provider_endpoints": {
    "gpt-4": {
      "api_url": "https://api.openai.com/v1/chat/completions",
      "model_id": "gpt-4-turbo",
      "config_path": "~/agents/gpt-4/config.json"
    }
  },
  "fallback_chain": {
    "gpt-4": ["sonnet", "opus"]
  }
}
"""

SECRET = "sk-live-0123456789abcdefghij"  # noqa: S105  # nobody's key

AGENT = """\
{
  "provider": "openai",
  "api_key": "sk-live-0123456789abcdefghij",
  "api_url": "https://api.example.com/v1/chat/completions",
  "model_id": "model-name",
  "supports_tools": true,
  "max_tokens": 4096,
  "temperature": 0.7
}
"""

REGISTRY = """\
providers:
  personal:
    litellm_provider: anthropic
    api_key: ${PERSONAL_KEY}
    subscription:
      cost_model: subscription
      monthly_cost: 20
      quotas: [{window: per_day, max_tokens: 900000, max_requests: 0}]
    models:
      - {id: claude-sonnet-4-20250514, alias: sonnet, cost_per_1k_input: 0.003, cost_per_1k_output: 0.015}
  work:
    litellm_provider: anthropic
    api_key: ${WORK_KEY}
    models:
      - {id: claude-sonnet-4-20250514, alias: sonnet, cost_per_1k_input: 0.003, cost_per_1k_output: 0.015}
      - {id: claude-opus-4, alias: opus, cost_per_1k_input: 0.015, cost_per_1k_output: 0.075, max_context: 200000}
routing:
  strategy: cost_aware
  rules:
    - {task_type: review, preferred_model: opus, fallback: sonnet}
  fallback_chain: [sonnet, opus]
"""

LEAD_WORKER = """\
GOOSE_PROVIDER: anthropic
GOOSE_MODEL: claude-sonnet-4-20250514
GOOSE_LEAD_PROVIDER: openai
GOOSE_LEAD_MODEL: gpt-5
GOOSE_LEAD_TURNS: 5
extensions:
  developer: {enabled: true}
"""

FRAGMENTS = {
    "purposes.yaml": PURPOSES,
    "providers.toml": PROVIDERS,
    "catalogue.toml": CATALOGUE,
    "rules.toml": RULES,
    "failover.toml": FAILOVER,
    "experiment.toml": EXPERIMENT,
    "workflows.toml": WORKFLOWS,
    "whole.toml": PROVIDERS + CATALOGUE + RULES + FAILOVER + EXPERIMENT + WORKFLOWS,
    "today.toml": OF_TODAY,
    "intents.yaml": INTENTS,
    "orchestrator.json": ORCHESTRATOR,
    "another.json": ANOTHER_WORKER,
    "agent.json": AGENT,
    "registry.yaml": REGISTRY,
    "lead.yaml": LEAD_WORKER,
}
"""Each by the name of a file that may hold it."""


def plain(name):
    """Give the plain values of one of these, by a parser that is not the library's own."""
    import yaml

    parse = {"yaml": yaml.safe_load, "toml": tomllib.loads, "json": json.loads}
    return parse[name.rpartition(".")[2]](FRAGMENTS[name])


def dumped(values):
    """Write plain values as YAML, and read them again."""
    import yaml

    text = yaml.safe_dump(values)
    return text, yaml.safe_load(text)
