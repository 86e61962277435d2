"""One rule says whether a number is good; every sentence about it follows from that rule."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthheart.catalogue import of_kind
from synthheart.judging import (
    FAITHFUL,
    PRIVATE,
    USEFUL,
    VERDICTS,
    Measure,
    against_floor,
    answers,
    as_measure,
    group_names,
    headlines,
    in_words,
    leaks,
    measure,
    number,
    worst_membership,
    worst_of,
)

SHARE = st.floats(0, 1)


def record(metric: str, value: float | None, floor: float | None = 0.5, goal: float = 1.0) -> dict:
    "A record of metrics.json: an interval of a tenth on either side."
    ends = (None, None) if value is None else (value - 0.05, value + 0.05)
    cells = (metric, "all", "gan", value, *ends, floor, goal)
    keys = ("metric", "group", "model", "value", "ci_low", "ci_high", "floor", "goal")
    return dict(zip(keys, cells, strict=True))


def metrics(*records: dict) -> dict:
    return {"model": {"name": "gan"}, "metrics": list(records)}


@pytest.mark.parametrize(
    ("value", "low", "high", "floor", "goal", "stands"),
    [
        (0.61, 0.56, 0.65, 0.53, 0.5, "short"),
        (0.61, 0.56, 0.65, 0.57, 0.5, "level"),
        (0.61, 0.56, 0.65, 0.70, 0.5, "better"),
        (0.95, 0.94, 0.96, 0.90, 1.0, "better"),
        (0.85, 0.84, 0.86, 0.90, 1.0, "short"),
        (0.85, math.nan, math.nan, 0.85, 1.0, "level"),
        (0.61, 0.56, 0.65, math.nan, 0.5, "unknown"),
        (math.nan, math.nan, math.nan, 0.5, 0.5, "unknown"),
    ],
)
def test_a_value_stands_against_its_floor(value, low, high, floor, goal, stands):
    assert against_floor(Measure(value, low, high, floor, goal)) == stands


@given(SHARE, SHARE, SHARE, SHARE)
def test_nearer_to_the_goal_is_never_worse(value, floor, goal, width):
    m = Measure(value, value - width, value + width, floor, goal)
    stands = against_floor(m)
    assert stands in VERDICTS and stands != "unknown"
    if against_floor(m._replace(low=value, high=value)) == "better":
        assert stands in ("better", "level")
        assert abs(value - goal) <= abs(floor - goal)
    if stands == "short":
        assert abs(value - goal) > abs(floor - goal)


def test_numbers_are_looked_up_and_never_made_up():
    found = metrics(record("column_shapes", 0.97), record("density", None))
    assert measure(found, "column_shapes").value == 0.97
    assert math.isnan(measure(found, "beauty").value)
    assert math.isnan(measure(found, "column_shapes", model="copy of train").value)
    assert math.isnan(measure(found, "density").low)
    assert as_measure(record("density", None)).goal == 1.0
    assert number(None) == number(math.nan) == "–" and number(0.12345, 2) == "0.12"


def test_the_worst_attack_is_the_one_that_finds_most():
    names = of_kind("membership")
    found = [record(name, 0.5 + i / 100, goal=0.5) for i, name in enumerate(names)]
    name, worst = worst_of(metrics(*found), "membership")
    assert name == names[-1] and worst.value == found[-1]["value"]
    assert worst_membership(metrics(*found))[0] == names[-1].removeprefix("membership_")
    name, none = worst_of(metrics(), "risk")
    assert name == "" and math.isnan(none.value)


@pytest.mark.parametrize(("floor", "stands"), [(0.5, "short"), (0.61, "level"), (0.8, "better")])
def test_every_answer_follows_from_the_rule(floor, stands):
    attack = of_kind("membership")[0]
    found = metrics(record("c2st_auc", 0.6, floor, 0.5), record(attack, 0.6, floor, 0.5))
    given = answers(found)
    assert given["faithful"].said == FAITHFUL[stands]
    assert given["private"].said == PRIVATE[stands]
    assert str(given["useful"]) == "Not measured."
    assert f"AUC 0.600, where strangers give {floor:.3f}." in str(given["private"])
    taught = answers(metrics(record("tstr_auc", 0.6, 1.1 - floor, 1.0)))["useful"]
    assert taught.said in USEFUL.values()


def test_headlines_are_those_that_were_measured():
    assert headlines(metrics()) == []
    cards = headlines(metrics(record("column_shapes", 0.97, 0.9), record("c2st_auc", None)))
    (card,) = cards
    assert (card.value, card.verdict) == ("0.970", VERDICTS["better"])
    assert card.beside.startswith("floor 0.900")


def test_a_leak_lies_above_floor_and_goal():
    tried = pd.DataFrame(
        [("a", 0.61, 0.53, 0.5), ("b", 0.51, 0.53, 0.5), ("c", 0.51, 0.4, 0.55)],
        columns=["metric", "ci_low", "floor", "goal"],
    )
    assert list(leaks(tried).metric) == ["a"]


def test_groups_are_named_by_their_columns():
    labels = ["all", "sex=0", "sex=1", "age=<45", "target=1"]
    assert group_names(labels, "target") == ["sex", "age", "outcome"]
    assert group_names(labels) == ["sex", "age", "target"]
    assert group_names(["all"]) == []
    assert in_words(["sex", "age", "outcome"], "or") == "sex, age or outcome"
