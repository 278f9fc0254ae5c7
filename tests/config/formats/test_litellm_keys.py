"""The keys that LiteLLM's documentation lists: each is known to the reader, and none is passed over in silence."""

from selector.config import Config
from selector.config.formats import imported

LISTS = {"fallbacks": [], "content_policy_fallbacks": [], "context_window_fallbacks": [], "default_fallbacks": []}
_OF_MODULE = """
success_callback failure_callback callbacks service_callbacks turn_off_message_logging modify_params
enable_preview_features redact_user_api_key_info mcp_aliases langfuse_default_tags set_verbose json_logs force_ipv4
cache disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only key_generation_settings
disable_add_transform_inline_image_block use_chat_completions_url_for_anthropic_messages disable_hf_tokenizer_download
enable_json_schema_validation enable_key_alias_format_validation disable_copilot_system_to_assistant drop_params
cache_params max_parallel_requests telemetry
"""
_OF_ROUTER = """
redis_host redis_password redis_port redis_db redis_url enable_pre_call_check enable_pre_call_checks
allowed_fails_policy default_priority polling_interval max_fallbacks debug_level client_ttl cache_kwargs
routing_strategy_args caching_groups alerting_config assistants_config set_verbose retry_after
model_group_retry_policy cache_responses router_general_settings optional_pre_call_checks
deployment_affinity_ttl_seconds ignore_invalid_deployments search_tools guardrail_list
"""
MODULE, ROUTER = _OF_MODULE.split(), _OF_ROUTER.split()
ENTRY = {
    "model": "openai/gpt-4o", "api_key": "os.environ/KEY", "api_base": "https://x.example/v1", "api_version": "1",
    "organization": "org", "rpm": 1, "tpm": 1, "weight": 1, "order": 1, "max_parallel_requests": 2, "timeout": 5,
    "stream_timeout": 5, "max_retries": 1, "num_retries": 1, "cooldown_time": 9, "temperature": 0, "max_tokens": 9,
    "seed": 12, "top_p": 1, "stop": ["x"], "extra_headers": {"a": "b"}, "extra_body": {"top_k": 4}, "tags": ["a"],
    "tag_regex": ["^a"], "region_name": "eu", "max_budget": 1, "budget_duration": "1d", "mock_response": "x",
    "mock_timeout": True, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "input_cost_per_second": 1,
    "aws_region_name": "x", "aws_access_key_id": "x", "vertex_project": "x", "azure_ad_token": "x", "drop_params": True,
    "additional_drop_params": ["x"], "allowed_openai_params": ["x"], "use_in_pass_through": True, "roles": {"a": "b"},
    "initial_prompt_value": "x", "final_prompt_value": "x", "bos_token": "x", "eos_token": "x",
    "cache_control_injection_points": [{"role": "system"}], "configurable_clientside_auth_params": ["api_base"],
}  # fmt: skip
INFO = {
    "id": "one", "mode": "chat", "base_model": "gpt-4o", "max_tokens": 99, "max_input_tokens": 9_999,
    "max_output_tokens": 99, "supports_vision": True, "supports_function_calling": True, "access_groups": ["x"],
    "supports_response_schema": True, "health_check_model": "x", "health_check_timeout": 1, "version": 2,
    "supported_environments": ["production"], "custom_tokenizer": {"identifier": "x"}, "description": "x",
    "disable_background_health_check": True, "team_id": "x",
}  # fmt: skip
WHOLE = {
    "model_list": [
        {"model_name": "one", "litellm_params": ENTRY, "model_info": INFO},
        {"model_name": "one", "litellm_params": {"model": "groq/x"}},
        {"model_name": "two", "litellm_params": {"model": "openai/*", "api_key": "os.environ/KEY"}},
    ],
    "litellm_settings": {
        **dict.fromkeys(MODULE, "x"),
        **LISTS,
        "request_timeout": 10,
        "default_team_settings": [{"team_id": "x"}],
        "max_budget": 9,
        "budget_duration": "30d",
    },
    "router_settings": {
        **dict.fromkeys(ROUTER, "x"),
        **LISTS,
        "routing_strategy": "simple-shuffle",
        "allowed_fails": 3,
        "cooldown_time": 30,
        "disable_cooldowns": False,
        "enable_tag_filtering": True,
        "tag_filtering_match_any": True,
        "retry_policy": {"TimeoutErrorRetries": 3, "BadRequestErrorRetries": 1},
        "default_max_parallel_requests": 5,
        "default_litellm_params": {"temperature": 0.5, "max_tokens": 77, "metadata": {"a": 1}},
        "timeout": 600,
        "stream_timeout": 60,
        "model_group_alias": {"other": "one"},
        "num_retries": 3,
        "provider_budget_config": {"groq": {"budget_limit": 1, "time_period": "1d"}},
    },
    "general_settings": {"completion_model": "one", "master_key": "x", "max_parallel_requests": 3},
    "environment_variables": {"A": "b"},
    "callback_settings": {"otel": {"message_logging": False}},
    "guardrails": [{"guardrail_name": "x"}],
    "files_settings": [{"custom_llm_provider": "azure"}],
    "finetune_settings": [{"custom_llm_provider": "azure"}],
}


def test_no_documented_key_is_unknown_and_the_whole_loads():
    found = imported(WHOLE, environ={})
    assert [line.place for line in found.lines if line.word == "not known to this format"] == []
    assert Config.load(found.config).models["one"].params["temperature"] == 0.5


def test_the_default_parameters_hold_where_a_deployment_says_nothing_else():
    models = imported(WHOLE, environ={}).config["models"]
    assert (models["one"]["max_output_tokens"], models["one"]["routes"]["openai"]["max_output_tokens"]) == (77, 9)


def test_what_may_sign_in_within_a_body_is_left_out_with_a_warning():
    body = {"apiKey": "hunter2", "deep": [{"password": "hunter2"}], "at": "os.environ/X", "top_k": 3, "max_tokens": 5}
    entry = {"model_name": "a", "litellm_params": {"model": "openai/x", "extra_body": body}}
    found = imported({"model_list": [entry]}, environ={"X": "hunter2"})
    assert found.config["models"]["a"]["params"] == {"top_k": 3, "max_tokens": 5}
    warned = {line.place.rpartition("extra_body.")[2] for line in found.lines if "may hold a key" in line.word}
    assert warned == {"apiKey", "deep[0].password", "at"}
    assert "hunter2" not in repr(found)


def test_a_provider_without_a_model_cannot_be_called_and_is_not_the_default():
    azure = {"model": "azure/", "api_base": "https://mine.openai.azure.com/"}
    entries = [{"model_name": "a", "litellm_params": azure}, {"model_name": "b", "litellm_params": {"model": "groq/x"}}]
    found = imported({"model_list": entries}, environ={})
    assert (found.config["default_model"], Config.load(found.config).models["a"].provider) == ("b", None)
    [line] = [line for line in found.lines if line.place == "model_list[0].litellm_params.model"]
    assert (line.what, "behind the provider stands no model" in line.word) == ("warned", True)
