"""The section on who serves: an account at an HTTP API, or a command line."""

import re
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from selector.config._output import FailurePatternConfig, OutputConfig
from selector.config._quotas import LATER_QUOTAS, Quotas
from selector.config._section import END, Amount, Section, Word, Words, a_list, expected, fault, no_twice
from selector.config._waiting import AtOnce, BreakerConfig, TimeoutConfig
from selector.errors import nearest

ProviderKind = Literal["anthropic", "openai", "openai-responses", "command"]
"""How a provider is called."""
OF_COMMANDS = ("argv", "preset", "env", "workdir", "prompt", "output", "failures", "max_output_bytes")
"""The keys that only a command has."""
OF_HTTP = ("base_url", "api_key")
"""The keys that only an HTTP API has."""
PLACEHOLDERS = ("model", "prompt_file", "output_file", "system_file", "workdir")
"""What may stand in braces in the arguments of a command."""

_HTTP = re.compile(rf"^https?://[^\s/@?#]+(/[^\s@?#]*)?{END}")
_KEY_REFERENCE = re.compile(rf"^(env:[A-Za-z_][A-Za-z0-9_]*|file:[^#\s][^#]*(#[^#\s]+)?){END}")
_VARIABLE = re.compile(rf"^[A-Za-z_][A-Za-z0-9_]*{END}")
_LIKE_A_KEY = re.compile(r"(?<![A-Za-z0-9])((sk|pk|rk|gsk|xai|hf|ghp)[-_][A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,})")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_ARGUMENT = {"type": "string", "maxLength": 4_000, "pattern": rf"^[^\u0000]*{END}"}


def _said(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern.pattern})


def _a_url(value: str) -> str:
    if not _HTTP.match(value):
        # The value is not repeated: a URL may carry a password.
        raise fault("must be a URL such as https://openrouter.ai/api/v1, without user name, password or query")
    return value.rstrip("/")


def _a_key_reference(value: object) -> object:
    if not isinstance(value, str) or not _KEY_REFERENCE.match(value):
        raise fault("must be a reference to a key and never the key itself; write env:NAME or file:PATH#NAME")
    return value


def _a_kind(value: object) -> object:
    kinds = get_args(ProviderKind)
    if isinstance(value, str) and value not in kinds:
        raise expected("must be anthropic, openai, openai-responses or command", nearest(value, kinds))
    return value


def _an_argument(value: str) -> str:
    # What stands in an argument is not repeated: it may be a key.
    if _LIKE_A_KEY.search(value):
        raise fault("looks like a key, and arguments can be read by all; name the variable that holds it under env")
    if "\0" in value or len(value) > 4_000:
        raise fault("must be a text of at most 4,000 characters without the character NUL")
    return value


def _some(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if not arguments or not arguments[0].strip():
        raise fault("must begin with the program")
    return arguments


def _placed(arguments: tuple[str, ...]) -> tuple[str, ...]:
    for place, argument in enumerate(arguments):
        for name in _PLACEHOLDER.findall(argument):
            if name == "prompt":
                raise fault("names {prompt}: a prompt never stands in arguments, which all can read", (place,))
            close = "" if name in PLACEHOLDERS else nearest(name, PLACEHOLDERS)
            if "did you mean" in close:
                raise fault(f"has the unknown placeholder {{{name}}}{close}", (place,))
    return arguments


def _a_variable(value: str) -> str:
    if not _VARIABLE.match(value):
        raise fault("must be the name of a variable, such as HOME, and never its value")
    return value


Argument = Annotated[str, AfterValidator(_an_argument), WithJsonSchema(_ARGUMENT)]
"""One argument of a command."""
Argv = Annotated[
    tuple[Argument, ...],
    BeforeValidator(a_list),
    AfterValidator(_some),
    WithJsonSchema({"type": "array", "items": _ARGUMENT, "minItems": 1}),
]
"""A program and its arguments: no shell reads them."""
Variables = Annotated[
    tuple[Annotated[str, AfterValidator(_a_variable)], ...],
    BeforeValidator(a_list),
    AfterValidator(lambda names: no_twice("the list", names)),
    WithJsonSchema(
        {"type": "array", "items": {"type": "string", "pattern": _VARIABLE.pattern}, "uniqueItems": True},
    ),
]
"""Names of variables of the environment."""


class ProviderConfig(Section):
    """Who serves: one account at an HTTP API, or behind a command line.

    Examples
    --------
    >>> ProviderConfig(kind="openai", base_url="http://localhost:11434/v1").base_url
    'http://localhost:11434/v1'
    >>> ProviderConfig(kind="command", argv=["./agent.sh", "--model", "{model}"]).prompt
    'stdin'
    """

    later: ClassVar[frozenset[str]] = LATER_QUOTAS

    kind: Annotated[ProviderKind, BeforeValidator(_a_kind)]
    """Which API it speaks, most providers OpenAI's; or ``command``, a program of this machine."""
    base_url: Annotated[str, AfterValidator(_a_url), _said(_HTTP)] | None = None
    """Where; the kind's own public address when not given."""
    api_key: Annotated[str, BeforeValidator(_a_key_reference), _said(_KEY_REFERENCE)] | None = None
    """Where the key is found: ``env:NAME`` or ``file:PATH#NAME``, never the key itself."""
    data: Words = ()
    """What it promises of data that is sent to it, such as ``eu`` or ``no_training``."""
    timeout_s: TimeoutConfig | None = None
    """How long one call may take. Short form: a number of seconds in all."""
    max_concurrent: AtOnce | None = None
    """How many calls may run at once; no limit when not given."""
    breaker: BreakerConfig = BreakerConfig.model_construct()
    """When a route that fails is left alone."""
    max_usd_per_call: Amount | None = None
    """The most that one call costs: what a hard budget holds where that is less than what tokens bound."""
    preset: Word | None = None
    """A command that comes with the library, such as ``claude-code``; a key here overrides the preset's."""
    argv: Annotated[Argv, AfterValidator(_placed)] | None = None
    """The program and its arguments, with ``{model}``, ``{prompt_file}``, ``{output_file}``, ``{system_file}`` and
    ``{workdir}`` in them."""
    env: Variables = ()
    """The names of all variables of the environment that the program sees."""
    workdir: Annotated[str, AfterValidator(_an_argument), WithJsonSchema({**_ARGUMENT, "minLength": 1})] | None = None
    """The folder it works in; a folder of its own for each call when not given."""
    prompt: Literal["stdin", "file"] = "stdin"
    """How it gets the prompt: on its standard input, or in the file that ``{prompt_file}`` names."""
    output: OutputConfig = OutputConfig.model_construct()
    """Where its answer is found."""
    failures: Annotated[tuple[FailurePatternConfig, ...], BeforeValidator(a_list)] = ()
    """Which of its words mean a failure; the first that matches counts."""
    max_output_bytes: Annotated[int, Field(ge=1, le=2**40)] | None = None
    """The longest output that is read; 16 MB when not given."""
    quotas: Quotas = ()
    """What the provider allows this account, over all its models."""

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        given = self.given()
        if self.kind != "command":
            for key in OF_COMMANDS:
                if key in given:
                    raise fault(f"belongs to the kind command, not to {self.kind}", (key,))
            return self
        for key in OF_HTTP:
            if key in given:
                remedy = "; name the variable that holds the key under env" if key == "api_key" else ""
                raise fault(f"belongs to an HTTP API, not to the kind command{remedy}", (key,))
        if self.argv is None and self.preset is None:
            raise fault("is required of a command: the program and its arguments; or name a preset", ("argv",))
        if self.timeout_s is not None and self.timeout_s.connect is not None:
            raise fault("has no meaning for a command, which has no connection", ("timeout_s", "connect"))
        if self.preset is None:
            if self.output.read_as != "text" and self.output.text is None:
                raise fault("is required where the output is JSON: the path to the answer", ("output", "text"))
            self._files_are_named(self.argv or ())
        return self

    def _files_are_named(self, argv: tuple[str, ...]) -> None:
        """Refuse arguments that do not say where the prompt is or where the answer goes."""
        for key, wanted, name in (
            (("prompt",), self.prompt == "file", "{prompt_file}"),
            (("output", "from"), self.output.source == "file", "{output_file}"),
        ):
            if wanted and not any(name in argument for argument in argv):
                raise fault(f"is 'file', and argv does not say which: put {name} into argv", key)
