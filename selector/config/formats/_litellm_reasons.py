"""Why keys of LiteLLM's have no place in a native document, and which parameters of calls are passed on."""

from __future__ import annotations

from typing import Final

_AS_THEY_ARE: Final = (
    "frequency_penalty", "logit_bias", "logprobs", "min_p", "modalities", "num_ctx", "parallel_tool_calls",
    "presence_penalty", "prediction", "prompt_cache_key", "reasoning", "reasoning_effort", "repetition_penalty",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "temperature", "thinking",
    "tool_choice", "top_k", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
)  # fmt: skip
PARAMS: Final = {
    **{name: name for name in _AS_THEY_ARE},
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "max_output_tokens"), "max_tokens"),
}
"""Parameters of a call, by what they are called here."""

SECRETS: Final = frozenset((
    "aws_access_key_id", "aws_bedrock_runtime_endpoint", "aws_profile_name", "aws_role_name",
    "aws_secret_access_key", "aws_session_name", "aws_session_token", "aws_web_identity_token", "azure_ad_token",
    "azure_password", "azure_scope", "azure_username", "client_id", "client_secret", "default_headers",
    "extra_headers", "headers", "organization", "s3_bucket_name", "tenant_id", "token", "vertex_credentials",
    "vertex_location", "vertex_project", "watsonx_region_name",
))  # fmt: skip
"""Ways to sign in, and headers, that no provider here has."""

_SERVER: Final = "it is for LiteLLM's own server"
_LOGS: Final = "selector calls nobody back; it keeps its own log"
_CACHE: Final = "selector keeps no answers for later"
_PROMPT: Final = "selector changes no prompt; whoever serves the model has its template"
_REDIS: Final = "processes share what they know through the state folder"

REASONS_OF_ENTRIES: Final = {
    **dict.fromkeys(("access_groups", "team_id", "team_public_model_name", "direct_access"), _SERVER),
    **dict.fromkeys(("created_at", "created_by", "db_model", "updated_at", "updated_by"), _SERVER),
    **dict.fromkeys(("bos_token", "eos_token", "final_prompt_value", "initial_prompt_value", "roles"), _PROMPT),
    **dict.fromkeys(("mock_testing_fallbacks", "mock_timeout"), "selector invents no failures; selector.testing does"),
    "additional_drop_params": "selector sends what a task and params say, and nothing else",
    "allowed_openai_params": "selector sends what a task and params say, and nothing else",
    "api_version": "Azure's API of version v1 needs none",
    "aws_region_name": "selector does not speak the API of Bedrock",
    "base_model": "prices and lengths are looked up by the model's own name; where that is not known, give them",
    "cache_control_injection_points": "selector adds nothing to messages",
    "configurable_clientside_auth_params": "callers give no keys",
    "cost_per_query": "calls are billed by tokens; give usd_per_call",
    "custom_tokenizer": "tokens are counted as the provider counts them",
    "description": "it changes no choice",
    "drop_params": "selector sends what a task and params say, and nothing else",
    "health_check_model": "health is known by calls that serve tasks",
    "health_check_timeout": "health is known by calls that serve tasks",
    "disable_background_health_check": "health is known by calls that serve tasks",
    "input_cost_per_second": "calls are billed by tokens; give usd_per_call",
    "output_cost_per_second": "calls are billed by tokens; give usd_per_call",
    "input_cost_per_character": "calls are billed by tokens; give the price per token",
    "output_cost_per_character": "calls are billed by tokens; give the price per token",
    "litellm_provider": "the model's name says who serves it",
    "max_retries": "fallback.retries holds for all models",
    "num_retries": "fallback.retries holds for all models",
    "mock_response": "selector invents no answers; selector.testing does",
    "region_name": "write a provider's promise as data, such as data: [eu], and ask for it by task type",
    "rpm_limit": "give rpm",
    "stream": "whoever asks says whether the answer is a stream",
    "tag_regex": "selector sees no headers: give such tasks a label, and the deployment that word as one of its tags",
    "use_in_pass_through": _SERVER,
    "version": "it changes no choice",
}
"""Why keys of an entry of `model_list` go nowhere."""

REASONS: Final[dict[tuple[str, ...], str]] = {
    ("general_settings",): _SERVER,
    ("callback_settings",): _LOGS,
    ("environment_variables",): "set it in the environment, or in a file that env_file names",
    ("credential_list",): "of a credential: only its key and address are used",
    ("guardrails",): "selector changes no prompt and no answer",
    ("prompts",): "selector changes no prompt",
    ("mcp_servers",): "selector runs no tools",
    ("mcp_tools",): "selector runs no tools",
    ("search_tools",): "selector runs no tools",
    ("vector_store_registry",): "selector searches nothing",
    ("assistant_settings",): "selector makes single calls",
    ("files_settings",): _SERVER,
    ("finetune_settings",): _SERVER,
    ("include",): "other files are not read: import each, and put them together",
    ("litellm_settings", "cache"): _CACHE,
    ("litellm_settings", "cache_params"): _CACHE,
    ("litellm_settings", "callbacks"): _LOGS,
    ("litellm_settings", "failure_callback"): _LOGS,
    ("litellm_settings", "service_callbacks"): _LOGS,
    ("litellm_settings", "success_callback"): _LOGS,
    ("litellm_settings", "audit_log_callbacks"): _LOGS,
    ("litellm_settings", "drop_params"): "selector sends what a task and params say, and nothing else",
    ("litellm_settings", "modify_params"): "selector sends what a task and params say, and nothing else",
    ("litellm_settings", "disable_add_transform_inline_image_block"): "selector changes no message",
    ("litellm_settings", "disable_copilot_system_to_assistant"): "selector changes no message",
    ("litellm_settings", "disable_end_user_cost_tracking"): "costs are always counted",
    ("litellm_settings", "disable_end_user_cost_tracking_prometheus_only"): _LOGS,
    ("litellm_settings", "disable_hf_tokenizer_download"): "tokens are counted as the provider counts them",
    ("litellm_settings", "enable_key_alias_format_validation"): _SERVER,
    ("litellm_settings", "enable_preview_features"): "it changes no choice",
    (
        "litellm_settings",
        "max_parallel_requests",
    ): "give router_settings.default_max_parallel_requests, which is of each deployment",
    (
        "litellm_settings",
        "use_chat_completions_url_for_anthropic_messages",
    ): "the model's name says which API is spoken",
    ("litellm_settings", "json_logs"): _LOGS,
    ("litellm_settings", "set_verbose"): "give -v, or set the level of the logger 'selector'",
    ("litellm_settings", "telemetry"): "selector sends nothing to anybody",
    ("litellm_settings", "turn_off_message_logging"): "prompts are not logged, unless state.log_prompts is true",
    ("litellm_settings", "redact_user_api_key_info"): _LOGS,
    ("litellm_settings", "langfuse_default_tags"): _LOGS,
    ("litellm_settings", "mcp_aliases"): "selector runs no tools",
    ("litellm_settings", "default_internal_user_params"): _SERVER,
    ("litellm_settings", "default_team_settings"): _SERVER,
    ("litellm_settings", "key_generation_settings"): _SERVER,
    ("litellm_settings", "upperbound_key_generate_params"): _SERVER,
    ("litellm_settings", "max_internal_user_budget"): _SERVER,
    ("litellm_settings", "internal_user_budget_duration"): _SERVER,
    ("litellm_settings", "force_ipv4"): "the system chooses addresses",
    ("litellm_settings", "ssl_verify"): "certificates are always checked",
    ("litellm_settings", "enable_json_schema_validation"): "an answer to a response schema is always checked",
    ("router_settings", "allowed_fails_policy"): "a breaker counts all failures of a route alike",
    ("router_settings", "alerting_config"): _LOGS,
    ("router_settings", "assistants_config"): "selector makes single calls",
    ("router_settings", "cache_kwargs"): _CACHE,
    ("router_settings", "cache_params"): _CACHE,
    ("router_settings", "cache_responses"): _CACHE,
    ("router_settings", "caching_groups"): _CACHE,
    ("router_settings", "client_ttl"): "connections are kept as long as they are of use",
    ("router_settings", "debug_level"): "give -v, or set the level of the logger 'selector'",
    ("router_settings", "set_verbose"): "give -v, or set the level of the logger 'selector'",
    ("router_settings", "default_litellm_params"): "it is no parameter of a call that selector passes on",
    ("router_settings", "default_priority"): "a task says its own priority",
    (
        "router_settings",
        "deployment_affinity_ttl_seconds",
    ): "give route_by: sticky for sessions that stay where they are",
    ("router_settings", "polling_interval"): "no task waits in a queue",
    ("router_settings", "guardrail_list"): "selector changes no prompt and no answer",
    ("router_settings", "ignore_invalid_deployments"): "what cannot be called is said here",
    ("router_settings", "model_group_retry_policy"): "fallback.retries holds for all models",
    ("router_settings", "optional_pre_call_checks"): "budgets and quotas are always checked; give route_by: sticky for"
    " sessions that stay where their prompt cache is",
    ("router_settings", "max_fallbacks"): "a chain is one list, with the fallbacks of fallbacks in it",
    ("router_settings", "redis_db"): _REDIS,
    ("router_settings", "redis_host"): _REDIS,
    ("router_settings", "redis_password"): _REDIS,
    ("router_settings", "redis_port"): _REDIS,
    ("router_settings", "redis_url"): _REDIS,
    ("router_settings", "retry_after"): "waits grow from half a second, and a provider's own Retry-After is kept",
    ("router_settings", "router_general_settings"): _SERVER,
    ("router_settings", "routing_strategy_args"): "latencies are learnt with their own forgetting",
    ("router_settings", "search_tools"): "selector runs no tools",
}
"""Why other keys, and all below them, go nowhere."""
