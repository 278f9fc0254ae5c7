"""`selector prices check`: what was billed against the list, for people and for programs."""

import re
from importlib.metadata import version

import pytest

from selector import Outcome, Selector, Task

SMALL = "small: {usd_per_mtok_in: 0.1, usd_per_mtok_out: 0.4"


@pytest.fixture
def billed(shop):  # noqa: ARG001 - it stands there
    """Record calls of the large model, of rising length, billed as a function of their tokens says."""

    def record(n, cost, at=None, model="large"):
        with Selector.open("selector.yaml", **({} if at is None else {"clock": lambda: at})) as selector:
            for i in range(n):
                usage = {
                    "input_tokens": 100 * i,
                    "cache_read_tokens": 7_000 - 200 * (i % 9),
                    "output_tokens": 50 + i * i,
                }
                decision = selector.select(Task("coding", input_tokens=1_000, only=[model]))
                selector.record(decision, Outcome(**usage, cost_usd=cost(*usage.values())))

    return record


def as_listed(read, cached, written):
    return (3 * (read + cached) + 15 * written) / 1e6


def halved(read, cached, written):
    return (3 * (read + cached) + 7.5 * written) / 1e6


def with_cheap_cache(shop):
    path = shop / "selector.yaml"
    path.write_text(path.read_text().replace("max_output_tokens: 1000, cap", "usd_per_mtok_cache_read: 0.3, cap"))


def test_prices(run_json, golden, billed, shop):
    with_cheap_cache(shop)
    billed(24, as_listed)
    found = run_json("prices", "check", "--tolerance", "5%")
    assert found["published"].pop("version") == version("genai-prices")
    golden("prices", found)
    (bill,) = found["routes"]
    assert (found["off"], bill["verdict"], bill["causes"][0]["name"]) == (["large"], "off", "cache_read_as_input")


def test_a_list_that_is_right_is_said_to_be_so_and_is_no_failure(run, billed):
    billed(24, as_listed)
    code, out, err = run("prices", "check", "--strict")
    assert (code, err) == (0, "")
    row = re.findall(r"^large .*", out, re.MULTILINE)[0]
    assert row.split()[1] == "24"
    assert row.split()[4:] == ["1.000", "1.000", "to", "1.000", "as", "listed"]
    assert f"genai-prices {version('genai-prices')}" in out


def test_a_model_that_is_off_is_named_with_the_price_to_write(run, billed, shop):
    with_cheap_cache(shop)
    billed(24, as_listed)
    code, out, err = run("prices", "check")
    assert (code, err) == (0, "")
    assert "large: cache reads are billed as input (explains 100.0% of the squared differences)" in out
    assert "to correct it: {usd_per_mtok_cache_read: 3}" in out


def test_with_strict_what_is_off_is_a_failure_in_json_too(run, billed):
    billed(24, halved)
    code, out, err = run("prices", "check", "--strict", "--json")
    assert (code, err) == (1, "selector: the prices of large are not what is billed\n")
    assert '"off": [\n    "large"\n  ]' in out
    code, out, err = run("prices", "check", "--strict", "-q")
    assert (code, err) == (1, "selector: the prices of large are not what is billed\n")
    assert "usd_per_mtok_out is 7.5, and 15 in the list" in out


def test_few_calls_are_no_failure_and_say_that_they_are_few(run, billed):
    billed(5, halved)
    code, out, _ = run("prices", "check", "--strict")
    assert (code, "too few calls" in out) == (0, True)


def test_only_what_was_decided_since_counts(run_json, billed):
    billed(12, halved, at=1.6e9)
    billed(15, as_listed)
    assert run_json("prices", "check")["routes"][0]["n"] == 27
    for since in ("7d", "2021-01-01", "12 hours"):
        found = run_json("prices", "check", "--since", since)
        assert [(each["n"], each["verdict"]) for each in found["routes"]] == [(15, "fits")]
    assert run_json("prices", "check", "--since", "2021-01-01")["since"] == "2021-01-01T00:00:00Z"


def test_a_tolerance_is_what_is_forgiven(run_json, billed):
    billed(20, lambda *counts: 1.1 * as_listed(*counts))
    verdicts = {
        share: run_json("prices", "check", "--tolerance", share)["off"] for share in ("5%", ".05", "20%", "0.2")
    }
    assert verdicts == {"5%": ["large"], ".05": ["large"], "20%": [], "0.2": []}


def test_prices_say_where_they_come_from_and_what_is_ahead(run, run_json, shop):
    path = shop / "selector.yaml"
    dated = f"{SMALL}, prices: [{{from: 2999-01-01, usd_per_mtok_in: 0.2}}]"
    path.write_text(path.read_text().replace(SMALL, dated))
    found = run_json("prices", "check", "-q")
    small = found["prices"][0]
    assert (small["route"], small["source"]) == ("small", "configured")
    assert small["by_hand"] == ["usd_per_mtok_in", "usd_per_mtok_out", "prices"]
    change = {"usd_per_mtok_in": 0.2, "usd_per_mtok_cache_read": 0.2, "usd_per_mtok_cache_write": 0.2}
    (ahead,) = small["changes"]
    assert (ahead["at"], {key: to["to"] for key, to in ahead["usd"].items()}) == ("2999-01-01T00:00:00Z", change)
    out = run("prices", "check")[1]
    assert re.search(r"^small +by hand +.*2999-01-01: usd_per_mtok_in 0.1 -> 0.2", out, re.MULTILINE)


def test_without_a_state_folder_it_says_so_and_makes_none(run, shop):
    code, out, err = run("prices", "check", "--strict")
    assert code == 0
    assert "there is no state folder" in err
    assert "no provider has said yet what a call cost" in out
    assert [path.name for path in shop.iterdir()] == ["selector.yaml"]


def test_it_writes_nothing(run, billed, shop):
    billed(3, as_listed)
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    assert run("prices", "check")[0] == 0
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before
    assert len(before) > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chek",), "prices: no action 'chek'; did you mean 'check'?"),
        ((), "Missing argument 'check'."),
        (("check", "--since", "yesterday"), "--since 'yesterday': write a span of time such as 7d or 12h"),
        (("check", "--since", "100 decisions"), "write a span of time"),
        (("check", "--tolerance", "5 percent"), "--tolerance '5 percent': write a share from 0 to less than 1"),
        (("check", "--tolerance", "100%"), "write a share from 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(run, arguments, said):
    code, out, err = run("prices", *arguments, "-q")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_damage_of_the_log_is_told_beside_the_bills(run, billed, shop):
    billed(3, as_listed)
    (part,) = (shop / "selector-state" / "log" / "outcomes").glob("*.parquet")
    part.write_bytes(b"PAR1 nothing of the kind PAR1")
    code, _, err = run("prices", "check")
    assert code == 0
    assert "what it held is not among these bills" in err
    assert part.exists()
