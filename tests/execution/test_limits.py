"""What headers say of limits, what stands in texts of keys, and how events are cut out of bytes."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.execution._limits import limits_of, told, wait_of
from selector.execution._redact import redacted
from selector.execution._sse import EventReader

NOW = 1_780_000_000.0
KEY = "canary-5f1c0ffee5ecre7"


def wait(**headers):
    return limits_of("opus@work", {name.replace("_", "-"): value for name, value in headers.items()}, NOW)[0]


def seen(headers):
    return {each.resource: each for each in limits_of("opus@work", headers, NOW)[1]}


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2", 2.0),
            ("0", 0.0),
            ("1.5", 1.5),
            ("20s", 20.0),
            (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
            (datetime.fromtimestamp(NOW + 90, UTC).isoformat(), 90.0),
            (str(int(NOW + 30)), 30.0),
        ],
    )
    def test_is_read_in_every_form(self, text, expected):
        assert wait(retry_after=text) == pytest.approx(expected)

    def test_in_milliseconds_wins_over_whole_seconds(self):
        assert wait(retry_after_ms="250", retry_after="1") == 0.25

    def test_in_the_past_is_no_wait(self):
        assert wait(retry_after=format_datetime(datetime.fromtimestamp(NOW - 3_600, UTC), usegmt=True)) == 0.0

    @pytest.mark.parametrize(
        "text", ["soon", "-1", "nan", "inf", "", "1e400", "9" * 40, "Fri, 31 Dec 1600 23:59:59 GMT", "1600-01-01", "٣"]
    )
    def test_without_sense_is_passed_over(self, text):
        assert wait(retry_after=text) is None
        assert wait(retry_after_ms=text, retry_after="3") == 3.0


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "after_s"),
        [
            ("6m0s", 360.0),
            ("20ms", 0.02),
            ("1s", 1.0),
            ("1h2m3.5s", 3_723.5),
            ("59.7", 59.7),
            (f"{NOW + 60:.0f}", 60.0),
            (f"{(NOW + 60) * 1e3:.0f}", 60.0),
            (datetime.fromtimestamp(NOW + 60, UTC).isoformat().replace("+00:00", "Z"), 60.0),
        ],
    )
    def test_resets_are_told_apart_by_their_form(self, text, after_s):
        found = seen({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": text})["requests"]
        assert found.resets_at_s == pytest.approx(NOW + after_s)
        assert found.is_spent

    def test_each_resource_has_its_own(self):
        found = seen(
            {
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-limit-tokens": "40000",
                "anthropic-ratelimit-input-tokens-remaining": "7",
                "anthropic-ratelimit-input-tokens-reset": "2026-05-28T20:27:40Z",
                "x-ratelimit-reset": f"{(NOW + 5) * 1e3:.0f}",
            }
        )
        assert set(found) == {"requests", "tokens", "input_tokens", ""}
        assert (found["requests"].limit, found["requests"].remaining) == (100.0, 99.0)
        assert found["input_tokens"].remaining == 7.0
        assert found["input_tokens"].resets_at_s == NOW + 60
        assert found[""].resets_at_s == pytest.approx(NOW + 5)
        assert not any(each.is_spent for each in found.values())

    def test_a_subscription_that_refuses_is_exhausted_until_its_reset(self):
        prefix = "anthropic-ratelimit-unified-"
        headers = {
            f"{prefix}status": "rejected",
            f"{prefix}reset": f"{NOW + 7_200:.0f}",
            f"{prefix}5h-status": "rejected",
            f"{prefix}5h-reset": f"{NOW + 7_200:.0f}",
            f"{prefix}5h-utilization": "1.02",
            f"{prefix}7d-status": "allowed",
            f"{prefix}7d-utilization": "0.25",
            f"{prefix}overage-status": "rejected",
        }
        found = seen(headers)
        assert set(found) == {"unified", "unified_5h", "unified_7d"}
        assert found["unified_5h"].exhausted
        assert found["unified_5h"].resets_at_s == NOW + 7_200
        assert (found["unified_7d"].exhausted, found["unified_7d"].remaining) == (False, 0.75)

    def test_a_subscription_that_serves_beyond_its_window_is_not_exhausted(self):
        prefix = "anthropic-ratelimit-unified-"
        headers = {f"{prefix}status": "allowed", f"{prefix}5h-status": "rejected", f"{prefix}5h-utilization": "1"}
        assert not any(each.is_spent for each in seen({**headers, f"{prefix}5h-reset": f"{NOW + 60:.0f}"}).values())

    def test_of_spent_limits_the_last_reset_says_how_long_to_wait(self):
        headers = {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "2s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "9s",
            "x-ratelimit-remaining": "5",
            "x-ratelimit-reset": "500",
        }
        assert wait_of(seen(headers).values(), NOW) == pytest.approx(9.0)
        assert wait_of([], NOW) is None

    def test_headers_are_known_by_their_names_however_they_are_written(self):
        raw = [(b"X-RateLimit-Remaining-Tokens", b" 5 "), (b"Set-Cookie", b"a"), (b"RETRY-AFTER", b"1")]
        assert told(raw) == {"x-ratelimit-remaining-tokens": "5", "retry-after": "1"}

    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    "retry-after",
                    "retry-after-ms",
                    "x-ratelimit-reset",
                    "x-ratelimit-limit-tokens",
                    "x-ratelimit-remaining-tokens",
                    "x-ratelimit-reset-tokens",
                    "anthropic-ratelimit-tokens-reset",
                    "anthropic-ratelimit-unified-reset",
                    "anthropic-ratelimit-unified-5h-utilization",
                ]
            ),
            st.text(max_size=40) | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str),
        )
    )
    def test_nothing_that_a_server_writes_raises_or_gives_what_cannot_be(self, headers):
        waits, limits = limits_of("opus@work", headers, NOW)
        assert waits is None or 0 <= waits <= 366 * 86_400
        for each in limits:
            assert each.remaining is None or each.remaining >= 0
            assert each.resets_at_s is None or abs(each.resets_at_s - NOW) <= 366 * 86_400


class TestRedacted:
    @pytest.mark.parametrize(
        "text",
        [
            f"bad key {KEY}!",
            f"Authorization: Bearer {KEY}",
            f"{{'x-api-key': '{KEY}'}}",
            f'"api_key": "{KEY}"',
            f"https://user:{KEY}@example.org/v1",
            f"proxy-authorization=Basic {KEY}",
        ],
    )
    def test_the_key_is_gone(self, text):
        assert KEY not in redacted(text, KEY)
        assert "***" in redacted(text, KEY)

    @pytest.mark.parametrize(
        "secret",
        ["Bearer abc.def-ghi", "sk-proj-abcdefghijkl", "x-api-key: 12345", "gsk_0123456789ab", "AIza" + 30 * "x"],
    )
    def test_what_looks_like_a_key_is_gone_without_knowing_it(self, secret):
        assert secret.split()[-1] not in redacted(f"sent {secret}, refused")

    @pytest.mark.parametrize("text", ["risk-free", "the model does not exist", "use scikit-learn", "a@b.org"])
    def test_other_words_stay(self, text):
        assert redacted(text, KEY) == text


def events(raw, size):
    reader = EventReader()
    found = [event for at in range(0, len(raw), size) for event in reader.feed(raw[at : at + size])]
    return found + reader.end()


class TestEvents:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_are_the_same_however_the_bytes_are_cut(self, end, size):
        text = json.dumps({"text": "a\u2028b\u0085c 日本 🦜"}, ensure_ascii=False)
        lines = ["\ufeff: ping", "", "event: note", f"data: {text}", "", ": ping", "data:a", "data: b", "id: 7", "", ""]
        found = events(end.join(lines).encode(), size)
        assert found == [("note", text), ("", "a\nb")]

    def test_the_last_needs_no_blank_line(self):
        assert events(b"data: 1\n\ndata: [DONE]", 4) == [("", "1"), ("", "[DONE]")]
        assert events(b"data: 1\r\n\r\ndata: [DONE]\r", 4) == [("", "1"), ("", "[DONE]")]

    def test_a_name_without_data_is_no_event(self):
        assert events(b"event: ping\n\ndata: x\n\n", 100) == [("", "x")]

    def test_broken_letters_do_not_end_the_stream(self):
        assert events(b"data: \xff\n\n", 100) == [("", "\ufffd")]
