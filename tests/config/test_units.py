"""Spans of time, shares and references are read as people write them, and nothing else is taken for one."""

from datetime import timedelta

import pytest

from selector.config import BudgetConfig, HalfLife, Reference
from selector.errors import ConfigError


class TestUnits:
    @pytest.mark.parametrize(
        ("written", "amount", "unit"),
        [
            ("3500 decisions", 3500, "decisions"),
            ("1 decision", 1, "decisions"),
            ("30 days", 30, "days"),
            ("14d", 14, "days"),
            ("1 week", 7, "days"),
            ("2w", 14, "days"),
            ("12h", 0.5, "days"),
        ],
    )
    def test_half_lives(self, written, amount, unit):
        assert HalfLife.of(written) == HalfLife.of(HalfLife(amount, unit)) == HalfLife(amount, unit)

    def test_a_span_of_time_may_be_a_timedelta(self):
        assert BudgetConfig.read({"usd": 1, "per": timedelta(hours=5)}).per == timedelta(hours=5)
        with pytest.raises(ConfigError, match="per: must be"):
            BudgetConfig.read({"usd": 1, "per": timedelta(0)})

    @pytest.mark.parametrize("written", ["5", "h", "5 years", "-5h", "1e3h", "5hh", "5 m onths", "99999999 weeks"])
    def test_what_is_no_span_of_time_is_refused(self, written):
        with pytest.raises(ConfigError, match=r"\Aper: must be"):
            BudgetConfig.read({"usd": 1, "per": written})

    @pytest.mark.parametrize(("written", "share"), [("50%", 0.5), ("0.5 %", 0.005), (1, 1.0), ("100%", 1.0)])
    def test_shares(self, written, share):
        assert BudgetConfig.read({"usd": 1, "per": "day", "warn_at": [written]}).warn_at == (share,)

    @pytest.mark.parametrize("written", [0, "0%", "101%", 1.5, "half", True, None])
    def test_what_is_no_share_is_refused(self, written):
        with pytest.raises(ConfigError, match="warn_at"):
            BudgetConfig.read({"usd": 1, "per": "day", "warn_at": [written]})


class TestReference:
    @pytest.mark.parametrize(
        ("text", "reference"),
        [
            ("sonnet", Reference("sonnet")),
            ("sonnet@work", Reference("sonnet", "work")),
            ("qwen:7b", Reference("qwen:7b")),
            ("qwen:7b@local", Reference("qwen:7b", "local")),
            ("tag:external", Reference("external", None, "tag")),
            ("tagged", Reference("tagged")),
            ("purpose:lead", Reference("lead", None, "purpose")),
            ("*@home", Reference("*", "home", "provider")),
            ("automatic", Reference("automatic")),
        ],
    )
    def test_it_is_read_and_written_back(self, text, reference):
        assert Reference.parse(text) == reference
        assert str(reference) == text

    @pytest.mark.parametrize(
        "text", ["", " ", "@", "a@", "@b", "a@b@c", "tag:", "tag:a@b", "purpose:", "purpose:a@b", "*"]
    )
    def test_what_is_no_reference_is_refused(self, text):
        with pytest.raises(ConfigError, match="is not a reference"):
            Reference.parse(text)

    @pytest.mark.parametrize("text", ["auto", "auto:coding", "ensemble:safety"])
    def test_later_kinds_are_refused_as_such(self, text):
        with pytest.raises(ConfigError, match="not supported yet"):
            Reference.parse(text)
