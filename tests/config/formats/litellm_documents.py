"""Ten configurations of LiteLLM's, written from its documented keys, for the tests of its reader."""

SECRET = "sk-live-0123456789abcdefghij"  # noqa: S105  # nobody's key

ONE_MODEL = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: gpt-4o
      api_key: os.environ/OPENAI_API_KEY
"""

BALANCED = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://my-endpoint-europe.openai.azure.com/
      api_key: os.environ/AZURE_API_KEY_EU
      api_version: "2024-02-01"
      rpm: 6
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-ca
      api_base: https://my-endpoint-canada.openai.azure.com
      api_key: os.environ/AZURE_API_KEY_CA
      rpm: 54
      tpm: 100000
  - model_name: small
    litellm_params: {model: groq/llama-3.3-70b-versatile}
router_settings:
  routing_strategy: simple-shuffle
  model_group_alias: {gpt-4: gpt-4o, gpt-4-hidden: {model: gpt-4o, hidden: true}}
  num_retries: 2
  timeout: 30
  redis_host: os.environ/REDIS_HOST
  redis_password: os.environ/REDIS_PASSWORD
  redis_port: 1992
general_settings: {master_key: sk-1234, alerting: [slack]}
"""

RELIABLE = """\
model_list:
  - model_name: zephyr-beta
    litellm_params: {model: openai/zephyr, api_base: http://127.0.0.1:8001/v1, api_key: none}
  - model_name: zephyr-beta
    litellm_params: {model: openai/zephyr, api_base: http://127.0.0.1:8002/v1, api_key: none}
  - model_name: gpt-3.5-turbo
    litellm_params: {model: gpt-3.5-turbo, api_key: os.environ/OPENAI_API_KEY}
    model_info: {max_input_tokens: 16385}
  - model_name: gpt-3.5-turbo-16k
    litellm_params: {model: gpt-3.5-turbo-16k, api_key: os.environ/OPENAI_API_KEY}
litellm_settings:
  num_retries: 3
  request_timeout: 10
  fallbacks: [{zephyr-beta: [gpt-3.5-turbo]}]
  context_window_fallbacks: [{zephyr-beta: [gpt-3.5-turbo-16k]}, {gpt-3.5-turbo: [gpt-3.5-turbo-16k]}]
  content_policy_fallbacks: [{zephyr-beta: [gpt-3.5-turbo]}]
  default_fallbacks: [gpt-3.5-turbo-16k]
  allowed_fails: 3
  cooldown_time: 30
  drop_params: true
"""

ORDERED = """\
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4-fallback, api_key: os.environ/SECOND_KEY, order: 2}
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4-primary, api_key: os.environ/FIRST_KEY, order: 1}
router_settings: {enable_pre_call_checks: true}
"""

WEIGHTED = """\
model_list:
  - model_name: o1
    litellm_params: {model: o1-preview, api_key: os.environ/OPENAI_API_KEY, weight: 9}
  - model_name: o1
    litellm_params: {model: o1-preview, api_key: os.environ/OTHER_KEY, weight: 1}
    model_info: {id: the-second}
  - model_name: claude
    litellm_params: {model: claude-3-5-sonnet-20241022}
litellm_settings: {fallbacks: [{claude: [the-second]}, {o1: [claude]}]}
"""

PRICED = """\
model_list:
  - model_name: cheap
    litellm_params:
      model: openrouter/deepseek/deepseek-chat
      api_key: os.environ/OPENROUTER_API_KEY
      input_cost_per_token: 0.00000014
      output_cost_per_token: 2.8e-07
      cache_read_input_token_cost: 0.000000014
      max_tokens: 512
      temperature: 0.2
      seed: 12
    model_info:
      mode: chat
      max_input_tokens: 64000
      max_output_tokens: 8192
      supports_function_calling: true
      supports_vision: false
      base_model: deepseek-chat
  - model_name: dear
    litellm_params: {model: anthropic/claude-3-opus-20240229, api_key: os.environ/ANTHROPIC_API_KEY}
    model_info:
      input_cost_per_token: 0.000015
      output_cost_per_token: "0.000075"
      input_cost_per_token_above_200k_tokens: 0.00003
      output_cost_per_token_above_200k_tokens: 0.0001
      max_tokens: 4096
  - model_name: embedder
    litellm_params: {model: openai/text-embedding-3-small, api_key: os.environ/OPENAI_API_KEY}
    model_info: {mode: embedding, input_cost_per_token: 0.00000002}
router_settings: {routing_strategy: cost-based-routing}
"""

BUDGETED = """\
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, max_budget: 10, budget_duration: 1d}
    model_info: {max_output_tokens: 4096}
  - model_name: claude
    litellm_params: {model: anthropic/claude-3-haiku-20240307, api_key: os.environ/ANTHROPIC_API_KEY}
    model_info: {max_output_tokens: 4096}
litellm_settings: {max_budget: 100, budget_duration: 30d, max_end_user_budget: 0.5}
router_settings:
  provider_budget_config:
    openai: {budget_limit: 0.01, time_period: 1d}
    anthropic: {budget_limit: 100, time_period: 1mo}
    vertex_ai: {budget_limit: 3, time_period: 12d}
"""

LOCAL = f"""\
model_list:
  - model_name: llama
    litellm_params: {{model: ollama/llama3, api_base: "http://127.0.0.1:11434"}}
  - model_name: mine
    litellm_params: {{model: openai/facebook/opt-125m, api_base: http://127.0.0.1:4000/v1, api_key: {SECRET}, rpm: 9}}
  - model_name: remote
    litellm_params: {{model: openai/gpt-4o, api_key: {SECRET}, timeout: 300, stream_timeout: 60, cooldown_time: 0}}
environment_variables: {{LANGFUSE_SECRET_KEY: {SECRET}}}
general_settings: {{master_key: {SECRET}, database_url: "postgresql://user:{SECRET}@host/db"}}
litellm_settings: {{success_callback: [langfuse], cache: true, cache_params: {{type: redis, password: {SECRET}}}}}
"""

CREDENTIALS = """\
credential_list:
  - credential_name: default_azure
    credential_values:
      api_key: os.environ/AZURE_API_KEY
      api_base: os.environ/AZURE_API_BASE
      api_version: "2023-05-15"
    credential_info: {description: production}
model_list:
  - model_name: gpt-4o
    litellm_params: {model: azure/gpt-4o, litellm_credential_name: default_azure}
  - model_name: sonnet
    litellm_params: {model: bedrock/anthropic.claude-3-sonnet-20240229-v1:0, aws_region_name: us-east-1}
  - model_name: "anthropic/*"
    litellm_params: {model: "anthropic/*", api_key: os.environ/ANTHROPIC_API_KEY}
litellm_settings:
  fallbacks: [{gpt-4o: [anthropic/claude-3-haiku-20240307, sonnet]}]
"""

TAGGED = """\
model_list:
  - model_name: fake-gpt
    litellm_params: {model: openai/free, api_base: http://127.0.0.1:8001, tags: [free]}
  - model_name: fake-gpt
    litellm_params: {model: openai/paid, api_base: http://127.0.0.1:8002, tags: [paid, eu]}
  - model_name: fake-gpt
    litellm_params: {model: openai/all, api_base: http://127.0.0.1:8003, tags: [default]}
router_settings:
  enable_tag_filtering: true
  routing_strategy: latency-based-routing
  routing_strategy_args: {ttl: 10}
  retry_policy: {TimeoutErrorRetries: 5, RateLimitErrorRetries: 2, BadRequestErrorRetries: 4}
  disable_cooldowns: true
general_settings: {completion_model: fake-gpt}
"""

DOCUMENTS = {
    "one_model": ONE_MODEL,
    "balanced": BALANCED,
    "reliable": RELIABLE,
    "ordered": ORDERED,
    "weighted": WEIGHTED,
    "priced": PRICED,
    "budgeted": BUDGETED,
    "local": LOCAL,
    "credentials": CREDENTIALS,
    "tagged": TAGGED,
}
"""Each by its name."""

ENVIRON = {"AZURE_API_BASE": "https://mine.openai.azure.com"}
"""What they find in the environment."""
