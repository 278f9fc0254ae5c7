"""What is printed fits who reads it: pipes get plain whole lines, terminals what fits, and nobody a key."""

import json
import os
import re
import subprocess
import sys

import pytest

SECRET = "sk-never-to-be-seen-0123456789"  # noqa: S105 - it opens nothing
READS = ("validate", "models", "beliefs", "status", "budget", "why large", "why small")
TESTED = ("rules test --task coding", "why large --task coding", "why old --task agent")
EVERY = (*READS, *TESTED, "select coding", "--help", "select --help", "rules --help", "selct")
SMALL = ("--seeds=1", "--jobs=1", "--policy=greedy", "--policy=uniform")
COMMON = ("--config", "--state", "--json", "--verbose", "--quiet")
COMMANDS = (
    "init validate config schema models select record explain why rules beliefs status budget rebuild forget"
    " simulate demo"
)
OPUS = ("rules test --task coding", "why opus --task coding")
BOXES = re.compile(r"[\u2500-\u257f]")


@pytest.mark.parametrize("command", COMMANDS.split())
def test_every_command_takes_the_common_options(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert [option for option in COMMON if option not in out] == []


@pytest.mark.parametrize("command", EVERY)
def test_a_pipe_gets_no_escape_codes_and_no_boxes(run, command):
    _, out, err = run(*command.split())
    assert "\x1b" not in out + err
    assert BOXES.findall(out + err) == []


def test_a_pipe_gets_simulations_without_boxes_too(run, write_table, world):
    table = write_table(world(n_prompts=30, n_models=2))
    code, out, _ = run("simulate", str(table), *SMALL)
    assert code == 0
    assert BOXES.findall(out) == []
    assert re.search(r"^ *uniform .* \d", out, re.MULTILINE)


def test_a_pipe_gets_long_cells_whole_on_one_line(run, shop):
    long = "a-model-with-a-name-that-is-" + "very-" * 30 + "long"
    text = f"models: {{{long}: {{usd_per_mtok_in: 1, usd_per_mtok_out: 1}}}}\n"
    (shop / "selector.yaml").write_text(text, encoding="utf-8")
    _, out, _ = run("models", "-q")
    (line,) = out.splitlines()
    assert line.count(long) == 2  # its name and its id


def test_columns_are_aligned_and_quiet_leaves_the_headings_out(run):
    _, out, _ = run("models")
    heading, *rows = out.splitlines()
    place = heading.index("provider")
    assert [row[place - 2 : place] for row in rows] == ["  "] * 3
    assert run("models", "-q")[1].splitlines() == rows


@pytest.fixture
def narrow(run, monkeypatch):
    """Run a command that must succeed for a pipe, and for a terminal of 40 columns; return what each got."""

    def both(*arguments):
        wide = run(*arguments)[1]
        for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", "40")):
            monkeypatch.setenv(name, value)
        code, out, _ = run(*arguments)
        assert code == 0
        return wide, re.sub(r"\x1b\[[0-9;]*m", "", out)

    return both


def lost(wide, plain):
    return {word for word in re.findall(r"[a-z]{4,}", wide) if word not in re.sub(r"\s+", "", plain)}


@pytest.mark.parametrize(
    ("command", "empty"),
    [
        ("models", {"provider"}),
        ("beliefs --type agent", set()),
        ("budget", set()),
        ("why large", set()),
        ("why old --task agent", set()),
        ("rules test --task agent --at 2026-03-10T23:30", set()),
        ("status", set()),
        ("validate", set()),
    ],
)
def test_a_terminal_of_40_columns_gets_no_wider_line_and_loses_nothing_but_empty_columns(narrow, command, empty):
    wide, plain = narrow(*command.split())
    assert max(len(line) for line in plain.splitlines()) <= 40
    assert "…" not in plain
    assert lost(wide, plain) == empty


def test_a_terminal_of_40_columns_gets_a_decision_explained(narrow, chosen):
    """The id is longer than a line, and stays whole: it is there to be copied."""
    (id_,) = chosen()
    wide, plain = narrow("explain", id_)
    assert [line for line in plain.splitlines() if len(line) > 40 and id_ not in line] == []
    assert lost(wide, plain) == set()
    assert "model: large *\n  success: 0." in plain


def test_a_terminal_of_40_columns_gets_simulations_with_names_whole(narrow, write_table, world):
    table = str(write_table(world(n_prompts=30, n_models=2)))
    wide, plain = narrow("simulate", table, "--budget-per-request=0.01", *SMALL)
    assert max(len(line) for line in plain.splitlines()) <= 40
    assert lost(wide, plain) == set()


def test_no_color_keeps_colours_out_of_a_terminal(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run("models")[1])


@pytest.mark.parametrize(
    "command",
    ["models", "beliefs", "status", "budget", "why large", "select coding", "validate", *TESTED],
)
def test_json_is_all_of_stdout(run, command):
    code, out, _ = run(*command.split(), "--json", "-v")
    assert code == 0
    assert json.loads(out)["schema"] == f"selector.{command.split()[0]}/1"


def test_markup_in_names_is_printed_as_it_is(run, shop):
    (shop / "selector.yaml").write_text(
        'models: {"[bold]x[/bold]": {usd_per_mtok_in: 1, usd_per_mtok_out: 1}}\n', encoding="utf-8"
    )
    assert "[bold]x[/bold]" in run("models")[1]
    assert "model: [bold]x[/bold]" in run("select", "coding")[1]


def test_notes_are_printed_once_on_stderr_and_quiet_silences_them(run, shop):
    (shop / "selector.yaml").write_text("models: {nobodys: {}}\n", encoding="utf-8")
    id_ = run("select", "coding", "--id", "-q")[1].split()[1]
    run("record", id_, "--success", "--output-tokens", "10", "-q")
    for command in ("models", "select coding", "rebuild"):  # the last reads the configuration twice
        code, _, err = run(*command.split())
        assert code == 0
        assert err.count("\n") == 1
        assert err.startswith("selector: note: no price is known of nobodys")
    assert run("models", "-q")[2] == ""


@pytest.mark.parametrize("command", ["select coding", "record {} --success", "rebuild", "explain {}", "status"])
def test_verbose_names_the_files_that_were_read(run, chosen, command):
    (id_,) = chosen()
    _, _, err = run(*command.format(id_).split(), "-v")
    assert "note: configuration selector.yaml, state folder selector-state" in err


@pytest.mark.parametrize("verbose", [(), ("-v",), ("--json",)])
def test_a_keys_value_is_never_printed_nor_written(run, shop, monkeypatch, verbose):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    (shop / "selector.yaml").unlink()
    said = ""
    for command in (
        "models",
        "init --baseline opus",
        "init",
        "validate",
        "select coding",
        *READS,
        "why opus",
        *OPUS,
        "selct",
    ):
        _, out, err = run(*command.split(), *verbose)
        said += out + err
    assert "ANTHROPIC_API_KEY" in said
    assert SECRET not in said
    written = [path for path in shop.rglob("*") if path.is_file()]
    assert len(written) > 3
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_a_key_written_into_the_configuration_is_refused_without_repeating_it(run, shop):
    text = f"providers: {{a: {{kind: openai, api_key: {SECRET}}}}}\nmodels: {{m: {{provider: a}}}}\n"
    (shop / "selector.yaml").write_text(text, encoding="utf-8")
    for command in ("validate", "models", "status", "select coding"):
        code, out, err = run(*command.split(), "--json")
        assert code == 2
        assert "api_key" in err
        assert SECRET not in out + err


def at_a_terminal(arguments, typed, cwd):
    """Run the command line with a terminal as its standard input; return its code, its output and its complaints."""
    main, side = os.openpty()
    try:
        os.write(main, typed.encode())
        environ = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")} | {"XAI_API_KEY": SECRET}
        found = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "selector", *arguments],
            stdin=side, capture_output=True, text=True, check=False, timeout=60, cwd=cwd, env=environ,
        )  # fmt: skip
    finally:
        os.close(main)
        os.close(side)
    return found.returncode, found.stdout, found.stderr


def test_init_asks_at_a_terminal_for_the_model_of_today_until_it_is_one(shop):
    code, out, err = at_a_terminal(["init", "--output", "new.yaml"], "gork\ngrok\n", shop)
    assert (code, "did you mean 'grok'?" in err) == (0, True)
    assert "at most .02 worse than grok" in out
    text = (shop / "new.yaml").read_text(encoding="utf-8")
    assert "no_worse_than: {model: grok, by: 0.02}" in text
    assert SECRET not in text + out + err


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, {"user": "ada"}), ("y\n", 0, None)])
def test_forget_asks_at_a_terminal(run_json, chosen, shop, answer, code, left):
    (id_,) = chosen("coding", 1, "--metadata", "user=ada")
    got, _, err = at_a_terminal(["forget", "--metadata", "user=ada"], answer, shop)
    assert got == code
    assert "Clean 1 decision in" in err
    assert run_json("explain", id_)["task"].get("metadata") == left
