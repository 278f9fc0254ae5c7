"""What is printed fits who reads it: pipes get plain whole lines, terminals what fits, and nobody a key."""

import json
import os
import re
import subprocess
import sys

import pytest

SECRET = "sk-never-to-be-seen-0123456789"
READS = ("validate", "models", "beliefs", "status", "budget", "why large", "why small")
EVERY = (*READS, "select coding", "--help", "select --help", "selct")
COMMON = ("--config", "--state", "--json", "--verbose", "--quiet")
COMMANDS = "init validate models select record explain why beliefs status budget rebuild forget"
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
    code, out, _ = run("simulate", str(table), "--seeds", "1", "--jobs", "1", "--policy", "greedy", "--policy", "uniform")
    assert code == 0
    assert BOXES.findall(out) == []
    assert re.search(r"^ *uniform .* \d", out, re.MULTILINE)


def test_a_pipe_gets_long_cells_whole_on_one_line(run, shop):
    long = "a-model-with-a-name-that-is-" + "very-" * 40 + "long"
    (shop / "selector.yaml").write_text(f"models: {{{long}: {{usd_per_mtok_in: 1, usd_per_mtok_out: 1}}}}\n", encoding="utf-8")
    _, out, _ = run("models", "-q")
    (line,) = out.splitlines()
    assert line.count(long) == 2  # its name and its id


def test_columns_are_aligned_and_quiet_leaves_the_headings_out(run):
    _, out, _ = run("models")
    heading, *rows = out.splitlines()
    place = heading.index("provider")
    assert [row[place - 2 : place] for row in rows] == ["  "] * 3
    assert run("models", "-q")[1].splitlines() == rows


@pytest.mark.parametrize("command", ["models", "beliefs --type agent", "budget", "why large", "status", "validate"])
def test_a_terminal_of_40_columns_gets_no_wider_line_and_loses_nothing(run, shop, monkeypatch, command):
    wide = run(*command.split())[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = run(*command.split())
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert code == 0
    assert max(len(line) for line in plain.splitlines()) <= 40
    assert "…" not in plain
    missing = {word for word in re.findall(r"[a-z]{4,}", wide) if word not in re.sub(r"\s+", "", plain)}
    assert missing == set()


def test_no_color_keeps_colours_out_of_a_terminal(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run("models")[1])


@pytest.mark.parametrize("command", ["models", "beliefs", "status", "budget", "why large", "select coding", "validate"])
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
    code, _, err = run("models")
    assert code == 0
    assert err.count("\n") == 1
    assert err.startswith("selector: note: no price is known of nobodys")
    assert run("models", "-q")[2] == ""


def test_verbose_names_the_files_that_were_read(run):
    assert "note: configuration selector.yaml, state folder selector-state" in run("status", "-v")[2]


@pytest.mark.parametrize("verbose", [(), ("-v",), ("--json",)])
def test_a_keys_value_is_never_printed_nor_written(run, shop, monkeypatch, verbose):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    (shop / "selector.yaml").unlink()
    said = ""
    for command in ("models", "init --baseline opus", "init", "validate", "select coding", *READS, "why opus", "selct"):
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
        found = subprocess.run(
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
    assert "Clean 1 decisions in" in err
    assert run_json("explain", id_)["task"].get("metadata") == left
