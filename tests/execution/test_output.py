"""What a command printed is read by path, and its words, its exit code and its own word say whether it failed."""

import json
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import FailurePatternConfig, OutputConfig
from selector.execution._argv import filled
from selector.execution._command_failures import Now, Patterns, Ran, failure_of
from selector.execution._output import Said, number_at, read, values_at
from selector.execution._reset_words import reset_in, when
from selector.records import Failure, Usage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()


def at(*moment, zone="UTC"):
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp()


def words(*pairs):
    return [FailurePatternConfig(match=match, reason=reason) for match, reason in pairs]


def failed(code=0, text="", stderr="", patterns=None, **said):
    return failure_of(Ran(code, Said(text, **said), text, stderr), patterns or Patterns(), Now(NOW, UTC))


SAID = {"a": {"b.c": 1, "list": [{"n": 1}, {"n": 2}, {"n": None}]}, "7": "seven", "": 0, "t": True, "x-y": 3}


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("a.list.0.n", [1]),
            ("a.list.-2.n", [2]),
            ("a.list.*.n", [1, 2]),
            ("a.list.*[n=2].n", [2]),
            ("[t=true].7", ["seven"]),
            ("[t=false].7", []),
            ("7", ["seven"]),
            ("a.list.9.n", []),
            ("a.list.n", []),
            ("a.none.n", []),
            ("7.x", []),
            ("x-y", [3]),
        ],
    )
    def test_lead_to_what_is_there(self, path, found):
        assert list(values_at(SAID, path)) == found

    def test_take_one_number_from_another_and_never_below_zero(self):
        usage = {"all": 9, "cached": 4, "none": None}
        assert [number_at(usage, path) for path in ("all--cached", "all--absent", "cached--all", "none--all")] == [
            5,
            9,
            0,
            None,
        ]

    @given(st.text(max_size=30))
    def test_of_any_kind_end(self, path):
        assert isinstance(list(values_at(SAID, path)), list)


class TestReading:
    def test_text_is_what_is_printed_without_the_end_of_its_last_line(self):
        assert read(OutputConfig(), "  a\n b \n\n").text == "  a\n b"

    def test_the_last_line_that_has_a_path_counts_for_each_path_apart(self):
        lines = ['{"text": "a", "n": 1}', "no JSON", '{"text": "b"}', "[1]", '{"n": 2, "text": null}', '{"broken": ']
        said = read(OutputConfig(format="jsonl", text="text", output_tokens="n"), "\n".join(lines))
        assert (said.text, said.usage.output_tokens) == ("b", 2)

    def test_json_may_come_after_other_lines(self):
        said = read(OutputConfig(text="r"), 'Loaded {credentials}.\n{not json\n{"r": "yes",\n "n": [1]}\n')
        assert said.text == "yes"

    def test_a_structure_as_an_answer_is_its_json(self):
        assert json.loads(read(OutputConfig(text="r"), '{"r": {"ü": [1]}}').text) == {"ü": [1]}

    @pytest.mark.parametrize("printed", ["{", "plain words", "[" * 200_000, '{"r": 1' + "0" * 5000 + "}"])
    def test_what_is_no_json_is_said_to_be_none(self, printed):
        said = read(OutputConfig(text="r"), printed)
        assert (said.parsed, said.text) == (False, "")

    @pytest.mark.parametrize("value", ["-1", "true", '"7"', "1e400", "NaN", "1e16", "null", "[]"])
    def test_what_is_no_count_is_nobodys_word(self, value):
        said = read(OutputConfig(text="r", output_tokens="n", cost_usd="n"), f'{{"r": "x", "n": {value}}}')
        assert said.usage.output_tokens is None
        assert said.usage.cost_usd is None or value == "1e16"

    @pytest.mark.parametrize(
        ("error", "is_one", "told"),
        [
            ("true", True, ""),
            ('"no"', True, "no"),
            ('{"message": "gone", "code": 1}', True, "gone"),
            ('{"code": 1}', True, '{"code": 1}'),
            ("false", False, ""),
            ("null", False, ""),
            ('""', False, ""),
        ],
    )
    def test_an_error_is_whatever_is_not_nothing(self, error, is_one, told):
        said = read(OutputConfig(text="r", error="e"), f'{{"r": "x", "e": {error}}}')
        assert (said.failed, said.error) == (is_one, told)


class TestFailures:
    def test_an_answer_that_speaks_of_limits_is_one(self):
        long = "When you have hit your usage limit, the tool says: rate limit, try again at 5pm. " * 10
        preset = Patterns(preset=words(("usage limit reached", "quota_exhausted")))
        for text in (long, "What does 'usage limit reached' mean?"):
            assert failed(text=text, patterns=preset) is None

    def test_a_short_answer_that_is_from_end_to_end_an_error_is_none(self):
        preset = Patterns(preset=words((r"usage limit reached\|(?P<resets_at_s>\d+)", "quota_exhausted")))
        found = failed(text="usage limit reached|1795000000\n", patterns=preset)
        assert (found.failure, found.resets_at_s) == (Failure.QUOTA_EXHAUSTED, 1_795_000_000.0)

    def test_the_users_patterns_come_before_the_presets_and_those_before_general_ones(self):
        own, preset = words(("limit", "overloaded")), words(("rate", "auth"))
        assert failed(1, stderr="rate limit", patterns=Patterns(own, preset)).failure is Failure.OVERLOADED
        assert failed(1, stderr="rate limit", patterns=Patterns((), preset)).failure is Failure.AUTH
        assert failed(1, stderr="rate limit").failure is Failure.RATE_LIMITED

    def test_the_users_patterns_are_found_in_a_short_answer(self):
        own = Patterns(own=words(("try again at (?P<resets_at>.+)", "quota_exhausted")))
        found = failed(text="Enough. Please try again at 3:42 PM", patterns=own)
        assert (found.failure, found.resets_at_s) == (Failure.QUOTA_EXHAUSTED, at(2026, 11, 21, 15, 42))

    @pytest.mark.parametrize(
        ("stderr", "failure"),
        [
            ("HTTP 429 Too Many Requests", Failure.RATE_LIMITED),
            ("Overloaded", Failure.OVERLOADED),
            ("You are not logged in", Failure.AUTH),
            ("Error: 401 Unauthorized", Failure.AUTH),
            ("prompt is too long: 213462 tokens > 200000 maximum", Failure.CONTEXT_TOO_LONG),
            ("the model gpt-9 does not exist", Failure.NOT_FOUND),
            ("connect ECONNREFUSED 127.0.0.1:11434", Failure.CONNECTION),
            ("Traceback (most recent call last)", Failure.SERVER_ERROR),
            ("", Failure.SERVER_ERROR),
        ],
    )
    def test_words_that_most_tools_use_are_known(self, stderr, failure):
        assert failed(1, stderr=stderr).failure is failure

    def test_a_rush_that_lasts_for_hours_is_a_quota(self):
        assert failed(1, stderr="rate limit; try again in 3 hours").failure is Failure.QUOTA_EXHAUSTED
        assert failed(1, stderr="rate limit; try again in 3 seconds").failure is Failure.RATE_LIMITED

    def test_nothing_is_an_empty_answer_and_no_json_an_invalid_one(self):
        assert failed().failure is Failure.EMPTY_ANSWER
        assert failed(parsed=False).failure is Failure.INVALID_ANSWER

    def test_a_signal_is_named(self):
        assert "SIGKILL" in failed(-9, "half an answ").detail

    def test_exit_codes_say_what_words_do_not(self):
        patterns = Patterns(exit_codes={41: Failure.AUTH})
        assert failed(41, patterns=patterns).failure is Failure.AUTH
        assert failed(41, stderr="overloaded", patterns=patterns).failure is Failure.OVERLOADED

    def test_a_wait_is_taken_from_its_group(self):
        own = Patterns(own=words((r"wait (?P<retry_after_s>[\d.]+)", "rate_limited")))
        assert failed(1, stderr="wait 1.5", patterns=own).retry_after_s == 1.5

    def test_the_detail_is_short_and_repeats_neither_prompt_nor_secrets(self):
        prompt = "this is what the user asked of it"
        stderr = f"\x1b[31m{'x ' * 400}\n{prompt}\nkey hunter2hunter2 and sk-ant-api03-abcdefghijkl refused"
        found = failure_of(Ran(1, Said(), "", stderr, prompt), Patterns(), Now(NOW), ["hunter2hunter2"])
        assert len(found.detail) < 330
        assert "refused" in found.detail
        assert not any(each in found.detail for each in (prompt, "hunter2", "abcdefghijkl", "\x1b"))


class TestResets:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("1755615600", 1_755_615_600.0),
            ("1755615600123", 1_755_615_600.123),
            ("2026-11-22T12:00:00Z", at(2026, 11, 22, 12)),
            ("2026-11-22 12:00", at(2026, 11, 22, 12)),
            ("2026-11-22T12:00:00+01:00", at(2026, 11, 22, 11)),
            ("in 3 hours 12 minutes.", NOW + 3 * 3600 + 12 * 60),
            ("2 days 17 hours 14 minutes", NOW + 2 * 86400 + 17 * 3600 + 14 * 60),
            ("8h44m7s.", NOW + 8 * 3600 + 44 * 60 + 7),
            ("after 53s", NOW + 53),
            ("at 3:42 PM", at(2026, 11, 21, 15, 42)),
            ("11:59 am", at(2026, 11, 22, 11, 59)),
            ("12 AM", at(2026, 11, 22, 0)),
            ("resets 5pm (Europe/Berlin)", at(2026, 11, 21, 17, zone="Europe/Berlin")),
            ("17:30 UTC", at(2026, 11, 21, 17, 30)),
            ("Nov 25th, 2026 7:05 AM", at(2026, 11, 25, 7, 5)),
            ("Feb 7, 11am (Asia/Seoul)", at(2027, 2, 7, 11, zone="Asia/Seoul")),
            ("Apr 23 at 4pm (America/Recife)", at(2027, 4, 23, 16, zone="America/Recife")),
            ("25 Nov 2026, 11:52", at(2026, 11, 25, 11, 52)),
            ("10 de jul. de 2026, 11:52", None),
            ("Monday 9am", None),
            ("5pm (Mars/City)", None),
            ("25:99", None),
            ("Feb 30, 2027 1pm", None),
            ("9999999999", None),
            ("soon", None),
            ("", None),
        ],
    )
    def test_are_read_as_people_are_told(self, said, expected):
        assert when(said, now_s=NOW, tz=UTC) == expected

    def test_without_a_zone_they_are_this_machines(self, monkeypatch):
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            assert when("9pm", now_s=NOW) == at(2026, 11, 22, 21, zone="Asia/Tokyo")
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_over_the_end_of_summer_time_an_hour_of_the_day_stays_one(self):
        berlin = ZoneInfo("Europe/Berlin")
        before = datetime(2026, 10, 24, 22, tzinfo=berlin)
        assert when("5pm", now_s=before.timestamp(), tz=berlin) == at(2026, 10, 25, 17, zone="Europe/Berlin")

    @given(st.text(max_size=60))
    def test_of_any_words_are_none_or_near(self, said):
        found = when(said, now_s=NOW, tz=UTC)
        assert found is None or found - NOW <= timedelta(days=400).total_seconds()

    def test_are_found_in_a_sentence(self):
        assert reset_in("Sorry; resets: never.\nTry again in 5 minutes.", now_s=NOW) == NOW + 300


class TestArguments:
    def test_are_filled_once_and_other_braces_stay(self):
        argv = ["x", "{model}{model}", '{"a": {"b": 1}}', "{{model}}", "{nothing}", "{model!r}", "%s $HOME `id`"]
        assert filled(argv, {"model": "{workdir}", "workdir": "no"})[1:] == [
            "{workdir}{workdir}",
            '{"a": {"b": 1}}',
            "{{workdir}}",
            "{nothing}",
            "{model!r}",
            "%s $HOME `id`",
        ]

    def test_without_a_value_go_with_their_option(self):
        argv = ["x", "--a", "{system_file}", "--b={system_file}", "c", "{system_file}", "d"]
        assert filled(argv, {}) == ["x", "c", "d"]
        assert filled(["{model}", "{system_file}"], {"model": "-x"}) == ["-x"]


def test_usage_is_of_disjoint_classes():
    output = OutputConfig(text="r", input_tokens="u.in--u.cached", cache_read_tokens="u.cached")
    assert read(output, '{"r": "x", "u": {"in": 10, "cached": 4}}').usage == Usage(input_tokens=6, cache_read_tokens=4)
