"""The course of a session: whose turn it is, what is kept, what ends it; whatever happens, and in any order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.flows import Course, Rotation, Switches, saves

LEAD_WORKER = Rotation(start="lead", turns=3, then="worker", after_failures=2, back_for=2)


def went(course, rotation, n, *, good=True):
    """Have some turns, each at the route of its purpose, and say how they went."""
    purposes = []
    for _ in range(n):
        begun = course.begin(rotation)
        course.goes(begun.held or f"{begun.purpose}-model")
        course.counts(f"d{begun.turn}")
        course.mark(f"d{begun.turn}", good=good)
        purposes.append(begun.purpose)
    return purposes


def test_the_first_turns_are_of_start_and_the_rest_of_then():
    assert went(Course(), LEAD_WORKER, 7) == ["lead"] * 3 + ["worker"] * 4


def test_after_failures_in_a_row_start_is_back_for_some_turns_and_then_then_goes_on():
    course = Course()
    went(course, LEAD_WORKER, 4)
    assert went(course, LEAD_WORKER, 2, good=False) == ["worker"] * 2
    assert went(course, LEAD_WORKER, 5) == ["lead"] * 2 + ["worker"] * 3


def test_failures_of_start_never_bring_it_back():
    assert went(Course(), LEAD_WORKER, 5, good=False) == ["lead"] * 3 + ["worker"] * 2


def test_without_a_number_of_failures_it_never_comes_back():
    rotation = Rotation(start="lead", turns=1, then="worker", after_failures=None)
    assert set(went(Course(), rotation, 20, good=False)[1:]) == {"worker"}


def test_without_then_one_purpose_serves_all_turns_and_the_model_is_decided_once():
    course = Course()
    assert [course.begin(Rotation(start="any word")).held for _ in range(2)] == [None, None]
    course.goes("opus")
    assert {course.begin(Rotation(start="any word")).held for _ in range(50)} == {"opus"}


def test_a_success_between_failures_begins_the_count_anew():
    course = Course()
    went(course, LEAD_WORKER, 3)
    for good in (False, True) * 4:
        assert went(course, LEAD_WORKER, 1, good=good) == ["worker"]
    assert course.n_failures == 0


def test_a_judgement_that_comes_late_counts_at_its_turn():
    """Four turns answered; the last two are judged bad after all, the later one first."""
    course = Course()
    went(course, LEAD_WORKER, 7)
    assert course.mark("d7", good=False)
    assert course.n_failures == 1
    assert course.mark("d6", good=False)
    assert course.n_failures == 2
    assert course.begin(LEAD_WORKER).why == "2 failures in a row"


def test_a_judgement_that_is_taken_back_is_none():
    course = Course()
    went(course, LEAD_WORKER, 3)
    went(course, LEAD_WORKER, 2, good=False)
    assert course.mark("d5", good=True)
    assert course.begin(LEAD_WORKER).purpose == "worker"


def test_turns_of_which_nothing_was_heard_are_passed_over():
    course = Course()
    went(course, LEAD_WORKER, 3)
    went(course, LEAD_WORKER, 1, good=False)
    went(course, LEAD_WORKER, 3, good=None)
    went(course, LEAD_WORKER, 1, good=False)
    assert course.n_failures == 2


def test_a_judgement_of_an_earlier_phase_changes_nothing():
    course = Course()
    went(course, LEAD_WORKER, 4)
    assert not course.mark("d1", good=False)
    assert course.n_failures == 0


def test_a_boundary_lets_the_next_turn_decide_and_no_other():
    course = Course()
    went(course, Rotation(), 3)
    course.boundary("compaction")
    begun = course.begin(Rotation())
    assert (begun.held, begun.why) == (None, "compaction")
    course.goes("other")
    assert course.begin(Rotation()).held == "other"


def test_what_a_rule_forces_for_one_turn_is_not_kept():
    course = Course()
    course.begin(Rotation())
    course.goes("haiku")
    course.begin(Rotation())
    course.goes("opus", keep=False)
    assert course.begin(Rotation()).held == "haiku"


def test_turns_left_are_those_of_the_phase_and_where_nothing_ends_it_as_many_as_there_were():
    course = Course()
    lefts = []
    for _ in range(6):
        course.begin(LEAD_WORKER)
        course.goes("x")
        lefts.append(course.left(LEAD_WORKER))
    assert lefts == [3, 2, 1, 1, 2, 3]


@given(
    st.lists(st.tuples(st.sampled_from(["turn", "bad", "good", "boundary", "late"]), st.integers(0, 30)), max_size=60),
    st.integers(1, 4),
    st.integers(1, 3) | st.none(),
    st.integers(1, 3),
)
def test_a_course_written_down_as_json_at_any_moment_goes_on_as_if_it_had_not_been(steps, turns, after, back):
    rotation = Rotation(start="a", turns=turns, then="b", after_failures=after, back_for=back)
    kept, restored = Course(), Course()
    for what, n in steps:
        restored = Course.of(json.loads(json.dumps(restored.saved())))
        found = []
        for course in (kept, restored):
            if what == "turn":
                begun = course.begin(rotation)
                course.goes(begun.held or f"m{n}")
                course.counts(f"d{begun.turn}")
                found.append(begun)
            elif what == "boundary":
                course.boundary(f"why {n}")
            elif course.last is not None:
                found.append(course.mark(f"d{n}" if what == "late" else course.last, good=what == "good"))
        assert found[: len(found) // 2] == found[len(found) // 2 :]
        assert kept.saved() == Course.of(json.loads(json.dumps(restored.saved()))).saved()


@given(st.lists(st.booleans() | st.none(), max_size=80), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_start_is_back_exactly_when_the_last_known_turns_of_then_failed(marks, turns, after, back):
    """The law, written as a walk over what was said, against the state machine."""
    rotation = Rotation(start="a", turns=turns, then="b", after_failures=after, back_for=back)
    course, place, had, row = Course(), "a", 0, 0
    for good in marks:
        if place == "a" and had == (turns if course.turn == had else back):
            place, had, row = "b", 0, 0
        elif place == "b" and row >= after:
            place, had, row = "a", 0, 0
        begun = course.begin(rotation)
        assert begun.purpose == place
        course.goes("m")
        course.counts(f"d{begun.turn}")
        course.mark(f"d{begun.turn}", good=good)
        had += 1
        row = row if good is None else 0 if good else row + 1


def test_only_what_changes_the_route_is_a_switch():
    switches = Switches()
    for route in ("a", "a", "b", "b", "a"):
        switches.to(route, at_s=1.0, turn=1, phase=None, reason="so")
    assert [(event.left, event.route) for event in switches.events] == [(None, "a"), ("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("per_turn", "turns", "cached", "read", "worth"),
    [
        (0.027, 1, 10_000, 0.3, False),  # as much as is lost, and not more
        (0.028, 1, 10_000, 0.3, True),
        (0.0281, 1, 10_000, 3.0, False),  # no discount is known: all of the input counts as lost, .03
        (0.031, 1, 10_000, 3.0, True),
        (-1.0, 9, 10_000, 0.3, False),
        (1.0, 9, 0, 0.3, False),  # nothing is known of what is cached
    ],
)
def test_a_saving_counts_when_it_exceeds_what_the_lost_cache_costs(per_turn, turns, cached, read, worth):
    found = saves(per_turn_usd=per_turn, n_turns=turns, cached_tokens=cached, input_usd=3, cache_read_usd=read)
    assert found is worth
