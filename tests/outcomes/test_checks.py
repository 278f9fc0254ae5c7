"""Checks: what each says of which answers, real commands included, and how a user's own are read."""

import asyncio
import json
import os
import stat
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from selector.config import CheckConfig
from selector.errors import ConfigError
from selector.execution import Answer
from selector.outcomes import CommandCheck, Verdict, checks_of, schema_check, user_check, verdict_of
from selector.records import Failure, Judgement, Message, Outcome, Part

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "n": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def answered(text):
    return Answer(message=Message(role="assistant", parts=(Part(kind="text", text=text),)))


def verdict(given, text):
    return checks_of(CheckConfig.model_validate(given)).verdict(answered(text))


def program(code, *arguments):
    return CommandCheck((sys.executable, "-c", code, *arguments), timeout_s=30)


class TestText:
    @pytest.mark.parametrize("text", ['{"a": 1}', "[]", " 3 \n", '"text"', "null"])
    def test_json_is_json(self, text):
        assert verdict("json", text) == Verdict(score=1.0, passed=True, source="check")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "not JSON: Expecting value at line 1, column 1"),
            ("{'a': 1}", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
            ('{"a": 1} and so on', "not JSON: Extra data at line 1, column 10"),
            ('```json\n{"a": 1}\n```', "not JSON: it stands in a fence of backticks; ask for JSON alone"),
            ("NaN", "not JSON: NaN is no number of JSON"),
            ('{"a": -Infinity}', "not JSON: -Infinity is no number of JSON"),
            ("[" * 100_000, "not JSON: nested too deeply"),
            ("9" * 5_000, "not JSON: a number of too many digits"),
        ],
    )
    def test_what_is_not_json_is_refused_with_the_reason(self, text, why):
        assert verdict("json", text) == Verdict(score=0.0, passed=False, source="check", detail=why)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ('{"name": "ada", "n": 3}', ""),
            ('{"n": 3}', "does not fit the schema at $: required ['name']"),
            ('{"name": "my secret", "n": -1}', "does not fit the schema at $.n: minimum 0"),
            ('{"name": "ada", "more": 1}', "does not fit the schema at $: additionalProperties False"),
            ("name: ada", "not JSON: Expecting value at line 1, column 1"),
        ],
    )
    def test_json_fits_its_schema_or_the_place_is_named_without_the_answer(self, text, why):
        found = verdict({"json_schema": SCHEMA}, text)
        assert (found.passed, found.detail) == (not why, why)

    def test_a_schema_may_be_of_an_older_draft(self):
        tuples = {"items": [{"type": "string"}, {"type": "integer"}]}
        older = {"$schema": "http://json-schema.org/draft-07/schema#", **tuples}
        assert not verdict({"json_schema": older}, '["a", "b"]').passed

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "text"},
            {"properties": 3},
            {"$schema": 3},
            {"pattern": "("},
            {"enum": {1}},
            {"minimum": float("nan")},
        ],
    )
    def test_what_is_no_schema_is_refused_before_any_answer(self, schema):
        with pytest.raises(ConfigError, match="no JSON schema"):
            schema_check(schema)

    @pytest.mark.parametrize("target", ["https://example.org/it.json", "#/$defs/it"])
    def test_nothing_is_fetched_for_a_schema(self, target):
        with pytest.raises(ConfigError, match="which is not in it"):
            schema_check({"$ref": target}).verdict(answered("{}"))

    def test_an_answer_that_is_deeper_than_can_be_followed_does_not_fit(self):
        tree = {"$ref": "#/$defs/tree", "$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}}}}
        deep = "[" * 400 + "]" * 400
        assert schema_check(tree).verdict(answered(deep)).detail == "does not fit the schema: nested too deeply"

    def test_a_regular_expression_is_searched_for_anywhere_in_the_text(self):
        given = {"regex": r"(?m)^VERDICT: (yes|no)$"}
        assert verdict(given, "I think so.\nVERDICT: yes\n").passed
        found = verdict(given, "VERDICT: perhaps")
        assert (found.score, found.detail) == (0.0, "nothing matches '(?m)^VERDICT: (yes|no)$'")

    def test_a_pattern_that_would_ruin_a_backtracking_engine_is_searched_at_once(self):
        text = "a" * 200_000 + "!"
        assert not verdict({"regex": "^(a+)+$"}, text).passed

    def test_half_of_a_character_in_an_answer_breaks_no_check(self):
        assert verdict({"regex": "b$"}, "a\ud800b").passed
        assert verdict({"command": ["grep", "-q", "a?b"]}, "a\ud800b").passed

    @pytest.mark.parametrize(("text", "passed"), [("x", True), ("", False), (" \n\t\u00a0", False)])
    def test_empty_is_nothing_but_spaces(self, text, passed):
        assert verdict("not_empty", text).passed is passed

    def test_reasoning_is_no_part_of_the_answer(self):
        parts = (Part(kind="reasoning", text="hm"),)
        check = checks_of(CheckConfig.model_validate("not_empty"))
        assert not check.verdict(Answer(message=Message(role="assistant", parts=parts))).passed

    def test_what_is_asked_asynchronously_says_the_same(self):
        check = checks_of(CheckConfig.model_validate("json"))
        assert asyncio.run(check.averdict(answered("{}"))) == check.verdict(answered("{}"))


class TestUserCheck:
    @pytest.mark.parametrize(
        ("result", "score", "passed", "source"),
        [
            (True, 1.0, True, "check"),
            (False, 0.0, False, "check"),
            (np.bool_(0), 0.0, False, "check"),
            (0.5, 0.5, True, "check"),
            (0.49, 0.49, False, "check"),
            (1, 1.0, True, "check"),
            (np.float32(0.25), 0.25, False, "check"),
            (None, None, True, "check"),
            (Judgement(score=0.2, source="tests"), 0.2, False, "tests"),
            (Outcome(score=0.9, source="lint"), 0.9, True, "lint"),
            (Outcome(success=True), 1.0, True, "caller"),
        ],
    )
    def test_its_result_is_the_verdict(self, result, score, passed, source):
        found = user_check(lambda _: result).verdict(answered("x"))
        assert (found.score, found.passed, found.source) == (score, passed, source)

    @pytest.mark.parametrize(
        ("result", "error"),
        [
            ("yes", TypeError),
            ([], TypeError),
            (1 + 0j, TypeError),
            (7, ValueError),
            (-0.1, ValueError),
            (float("nan"), ValueError),
            (float("inf"), ValueError),
            (Outcome(cost_usd=1), ValueError),
            (Outcome(error=Failure.INVALID_ANSWER), ValueError),
            (Outcome(retracted=True, source="tests"), ValueError),
        ],
    )
    def test_any_other_result_is_an_error_that_names_the_check(self, result, error):
        with pytest.raises(error, match="the check is_good returned"):
            verdict_of(result, "is_good")

    def test_it_gets_the_text_of_the_answer(self):
        got = []
        user_check(got.append).verdict(answered("forty-two"))
        assert got == ["forty-two"]

    def test_what_it_raises_is_the_users(self):
        with pytest.raises(json.JSONDecodeError):
            user_check(json.loads).verdict(answered("{"))

    def test_an_asynchronous_one_is_awaited_where_that_can_be(self):
        async def is_long(text):
            await asyncio.sleep(0)
            return len(text) > 3

        assert asyncio.run(user_check(is_long).averdict(answered("long"))).passed
        assert asyncio.run(user_check(str.isdigit).averdict(answered("4"))).passed
        with pytest.raises(ConfigError, match="is_long is asynchronous; use AsyncSelector"):
            user_check(is_long).verdict(answered("long"))

    def test_what_cannot_be_called_is_refused(self):
        with pytest.raises(ConfigError, match="check must be a function of the answer's text, not 'json'"):
            user_check("json")


class TestCommand:
    @pytest.mark.parametrize(("code", "score"), [(0, 1.0), (1, 0.0), (42, 0.0)])
    def test_the_exit_code_is_the_verdict(self, code, score):
        check = program("import sys; sys.exit(int(sys.argv[1]))", str(code))
        found = check.verdict(answered("x"))
        assert (found.score, found.passed, found.source) == (score, bool(score), "check")
        assert found.detail.endswith(f"ended with exit code {code}")

    def test_a_program_that_is_killed_passes_nothing(self):
        found = program("import os; os.kill(os.getpid(), 9)").verdict(answered("x"))
        assert (found.passed, found.detail.endswith("ended with signal 9")) == (False, True)

    def test_it_gets_the_whole_answer_on_its_standard_input_unharmed(self):
        text = "'quotes\" $(touch broken) {braces} {answer_file} \\ \u20ac\n" * 20_000
        code = "import sys, hashlib; sys.exit(hashlib.sha256(sys.stdin.buffer.read()).hexdigest() != sys.argv[1])"
        assert program(code, sha256(text.encode()).hexdigest()).verdict(answered(text)).passed

    def test_it_gets_a_file_that_nobody_else_can_read_and_that_is_gone_afterwards(self, tmp_path):
        code = (
            "import os, pathlib, stat, sys; path = sys.argv[1].removeprefix('--in='); "
            "pathlib.Path(sys.argv[2]).write_text(path + ' ' + oct(stat.S_IMODE(os.stat(path).st_mode))); "
            "sys.exit(pathlib.Path(path).read_text() != sys.stdin.read())"
        )
        assert program(code, "--in={answer_file}", str(tmp_path / "seen")).verdict(answered("hello")).passed
        path, mode = (tmp_path / "seen").read_text().split()
        assert (int(mode, 8) & (stat.S_IRWXG | stat.S_IRWXO), Path(path).exists()) == (0, False)

    def test_it_runs_where_the_program_runs_and_sees_what_that_sees(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CHECKED_BY", "ada")
        (tmp_path / "test_it.txt").write_text("found")
        code = (
            "import os, pathlib, sys; sys.exit(not (pathlib.Path('test_it.txt').exists() and os.environ['CHECKED_BY']))"
        )
        assert program(code).verdict(answered("x")).passed

    def test_a_program_that_reads_nothing_and_prints_much_is_heard_to_its_end(self):
        code = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 3_000_000)"
        assert program(code).verdict(answered("x" * 1_000_000)).passed

    def test_a_program_that_is_not_there_is_the_users_problem_and_no_verdict(self):
        with pytest.raises(ConfigError, match="the check's command could not be run: 'no-such-program' did not start"):
            CommandCheck(("no-such-program",)).verdict(answered("x"))

    def test_a_program_that_takes_too_long_is_ended_and_the_answer_refused_that_kept_it_so_long(self):
        check = CommandCheck((sys.executable, "-c", "import time; time.sleep(600)"), timeout_s=0.3)
        for verdict in (check.verdict(answered("x")), asyncio.run(check.averdict(answered("x")))):
            assert (verdict.score, verdict.passed) == (0.0, False)
            assert "was not done within its timeout_s, 0.3" in verdict.detail

    def test_many_run_at_a_time_and_leave_no_thread(self):
        code = "import sys; sys.exit(sys.stdin.read() != sys.argv[1])"

        async def judged():
            checks = [program(code, str(place % 3)).averdict(answered("1")) for place in range(9)]
            found = [each.passed for each in await asyncio.gather(*checks)]
            return found, [each for each in threading.enumerate() if each.name.startswith("selector-check")]

        assert asyncio.run(judged()) == ([False, True, False] * 3, [])

    def test_who_is_cancelled_ends_the_program(self, tmp_path):
        path = tmp_path / "pid"
        os.mkfifo(path)
        code = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"

        async def cancelled():
            running = asyncio.ensure_future(program(code, str(path)).averdict(answered("x")))
            number = int(await asyncio.to_thread(path.read_text))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return number

        began = time.monotonic()
        number = asyncio.run(cancelled())
        assert time.monotonic() - began < 30, "the program's own ten minutes were not waited for"
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
