"""One rule says whether a release is faithful, useful, safe; every page repeats its sentences."""

import json
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthheart import verdict
from synthheart.catalogue import ATTACKS, COLUMNS, METRICS, of_kind, simple_metric
from synthheart.cohorts import heart_schema, load_heart
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.judging import (
    QUESTIONS,
    WORDS,
    Measure,
    as_measure,
    bar_of,
    group_names,
    headlines,
    in_words,
    judge,
    measure,
    number,
    p_worse,
    worst_membership,
    worst_of,
)
from synthheart.privacy import attack
from synthheart.splitting import train_holdout_split

ANSWERS = ("yes", "no", "unclear")
NAN = math.nan


def row(metric, low=NAN, high=NAN, floor=0.5, goal=0.5, group="all", note="", value=None) -> dict:
    "A row of the tidy table; the value is the middle of its interval."
    value = (low + high) / 2 if value is None else value
    return dict(zip(COLUMNS, (metric, group, value, low, high, floor, goal, note), strict=True))


def table(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def record(metric: str, value: float | None, floor: float | None = 0.5, goal: float = 1.0) -> dict:
    "A record of metrics.json: an interval of a tenth on either side."
    ends = (None, None) if value is None else (value - 0.05, value + 0.05)
    cells = (metric, "all", "gan", value, *ends, floor, goal)
    keys = ("metric", "group", "model", "value", "ci_low", "ci_high", "floor", "goal")
    return dict(zip(keys, cells, strict=True))


def metrics(*records: dict) -> dict:
    rows = table(*records) if records else table()
    told = {"verdict": verdict(rows).to_dict()}
    return {"model": {"name": "gan"}, "records": list(records)} | told


# A record


@pytest.mark.parametrize(
    ("metric", "low", "high", "floor", "goal", "judged"),
    [
        # An attack is held to the greater of floor and goal.
        ("membership_ratio", 0.56, 0.65, 0.53, 0.5, "bad"),
        ("membership_ratio", 0.51, 0.52, 0.53, 0.5, "good"),
        ("membership_ratio", 0.51, 0.56, 0.53, 0.5, "unclear"),
        ("membership_ratio", 0.45, 0.49, 0.40, 0.5, "good"),
        ("linkability", 0.01, 0.02, -0.2, 0.0, "bad"),
        ("linkability", 0.0, 0.0, NAN, 0.0, "good"),
        # A goal that is an ideal: the less strict of goal and floor.
        ("c2st_auc", 0.56, 0.65, 0.53, 0.5, "bad"),
        ("c2st_auc", 0.56, 0.65, 0.57, 0.5, "unclear"),
        ("c2st_auc", 0.56, 0.65, 0.70, 0.5, "good"),
        ("c2st_auc", 0.42, 0.48, NAN, 0.5, "good"),
        ("column_shapes", 0.94, 0.96, 0.90, 1.0, "good"),
        ("column_shapes", 0.84, 0.86, 0.90, 1.0, "bad"),
        ("column_shapes", 0.84, 0.86, NAN, 1.0, "bad"),
        # A goal that the measurement set stands as it is.
        ("column_shapes", 0.91, 0.93, 0.90, 0.95, "bad"),
        ("tstr_auc", 0.88, 0.92, 0.50, 0.95, "bad"),
        ("tstr_auc", 0.88, 0.92, 0.85, 0.85, "good"),
        ("tstr_auc", 0.88, 0.92, 0.90, 0.90, "unclear"),
        # Nearer is better: as near to the goal as the floor is.
        ("density", 1.05, 1.15, 0.8, 1.0, "good"),
        ("density", 1.25, 1.35, 0.8, 1.0, "bad"),
        ("density", 0.65, 0.75, 0.8, 1.0, "bad"),
        ("density", 0.75, 1.35, 0.8, 1.0, "unclear"),
        # Without value or interval.
        ("membership_ratio", NAN, NAN, 0.5, 0.5, "unclear"),
    ],
)
def test_a_record_is_judged_by_its_whole_interval(metric, low, high, floor, goal, judged):
    m = Measure((low + high) / 2, low, high, floor, goal)
    bar = bar_of({**METRICS, **ATTACKS}[metric], m)
    assert judge(m, bar) == judged
    p = p_worse(m, bar)
    assert math.isnan(p) if math.isnan(low) else (p < 0.05) == (judged == "bad")
    (kept,) = verdict(table(row(metric, low, high, floor, goal))).records.itertuples()
    assert kept.judged == judged


@given(*[st.floats(0, 1)] * 4, st.sampled_from([*METRICS, *ATTACKS]))
def test_the_p_value_agrees_with_the_interval(value, floor, goal, width, name):
    m = Measure(value, value - width, value + width, floor, goal)
    metric = {**METRICS, **ATTACKS}[name]
    bar = bar_of(metric, m)
    judged, p = judge(m, bar), p_worse(m, bar)
    assert 0 <= p <= 1
    if abs(p - 0.05) > 1e-3:
        assert (p < 0.05) == (judged == "bad")
    if judged == "good":
        assert p == 1


# A question


def test_the_answers_follow_from_the_records():
    attacks = [row(name, 0.40, 0.48) for name in of_kind("membership")]
    assert verdict(table(*attacks)).safe == "yes"
    assert verdict(table(*attacks[1:], row(attacks[0]["metric"], 0.45, 0.55))).safe == "unclear"
    leak = verdict(table(*attacks[1:], row(attacks[0]["metric"], 0.7, 0.8)))
    assert leak.safe == "no"
    assert leak.sentences[2].startswith("Safe: no. Membership: distance 0.750 (0.700 to 0.800)")
    assert "2 met, 1 missed and 0 cannot tell" in leak.sentences[2]
    assert verdict(table(row("tstr_auc", 0.9, 0.94, 0.85, 0.85))).useful == "yes"
    assert verdict(table(row("tstr_auc", 0.7, 0.8, 0.85, 0.85))).useful == "no"
    assert verdict(table(row("c2st_auc", 0.8, 0.9))).faithful == "no"
    # No invalid row: as good as can be, though no interval says so.
    found = table(row("c2st_auc", 0.4, 0.48), row("invalid_share", 0.0, 0.01, 0.0, 0.0, value=0.0))
    assert verdict(found).faithful == "yes"


def test_a_miss_among_many_may_be_chance():
    "Two standard errors beyond the bar are a miss; among fourteen tests they make no answer."
    slight = row("membership_ratio", 0.5004, 0.58)
    many = [row(m, 0.45, 0.55) for m in of_kind("membership") if m != "membership_ratio"]
    many += [row(m, -0.05, 0.05, 0.0, 0.0) for m in of_kind("risk")]
    assert verdict(table(slight)).safe == "no"
    found = verdict(table(slight, *many))
    assert (
        found.safe == "unclear" and "so few missed of so many may be chance" in found.sentences[2]
    )


def test_what_an_interval_does_not_know_is_allowed_for():
    "Real rows leave a range read off few rows; the best strangers of ninety are one or two."
    for share, answer in ((0.02, "unclear"), (0.3, "no")):
        found = table(row("invalid_share", share - 0.01, share + 0.01, 0.0, 0.0))
        assert verdict(found).faithful == answer
        assert verdict(found).records.judged.tolist() == ["bad"]
    for gap, answer in ((0.035, "unclear"), (0.06, "no")):  # the floor has an error as well
        found = table(row("coverage", 0.9 - gap - 0.03, 0.9 - gap + 0.03, 0.9, 1.0))
        assert verdict(found).faithful == answer
        assert verdict(found).records.judged.tolist() == ["bad"]
    for share, answer in ((0.025, "unclear"), (0.2, "no")):
        found = table(row("membership_ratio_tpr1", share - 0.01, share + 0.01, 0.01, 0.01))
        assert verdict(found).safe == answer


def test_groups_only_take_a_yes_back():
    good = row("c2st_auc", 0.40, 0.48)
    bad, slight = (row("c2st_auc", low, 0.9, group="sex=1") for low in (0.8, 0.505))
    taken = verdict(table(good, bad))
    assert taken.faithful == "unclear" and "in sex=1 0.850" in taken.sentences[0]
    assert list(taken.records.group) == ["all", "sex=1"]
    others = [row("c2st_auc", 0.4, 0.6, group=f"age={i}") for i in range(20)]
    assert (
        verdict(table(good, row("c2st_auc", 0.501, 0.7, group="sex=1"), *others)).faithful == "yes"
    )
    assert verdict(table(bad)).faithful == verdict(table(slight)).faithful == "unclear"


def test_without_an_outcome_use_is_unclear_and_says_so():
    for rows in ([], [row("tstr_auc", note="no outcome is named"), row("trtr_auc")]):
        found = verdict(table(*rows))
        assert found.useful == "unclear" and "No outcome could be predicted" in found.sentences[1]
    assert "(no outcome is named)" in found.sentences[1]
    none = verdict(table(row("trtr_auc", 0.4, 0.5, 0.9, 0.9), row("copies_holdout", 0.9, 1, 0, 0)))
    assert none.records.empty  # yardsticks decide nothing
    assert verdict(table(row("c2st_auc", 0.8, 0.9, goal=NAN))).faithful == "unclear"
    assert "has no interval" in verdict(table(row("c2st_auc", value=0.6))).sentences[0]


def test_a_plugins_metric_counts_by_its_kind():
    made = simple_metric("gap", lambda real, fake, space: 0.0, meaning="m", ideal=0, kind="utility")
    assert verdict(table(row("gap", 0.5, 0.6, 0.1, 0.0))).useful == "unclear"  # nobody knows it
    METRICS.add(made)
    try:
        assert verdict(table(row("gap", 0.5, 0.6, 0.1, 0.0))).useful == "no"
        assert verdict(table(row("gap", 0.05, 0.08, 0.1, 0.0))).useful == "yes"
    finally:
        METRICS.remove("gap")


CELL = st.one_of(st.floats(-2, 2), st.just(NAN), st.none())
ROWS = st.lists(
    st.tuples(
        st.sampled_from([*METRICS, *ATTACKS, "unheard_of"]),
        st.sampled_from(["all", "sex=0", "sex=1"]),
        *[CELL] * 5,
        st.sampled_from(["", "a note", None]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_any_table_is_judged_whatever_the_order_of_its_rows(rows, random):
    found = verdict(table(*[dict(zip(COLUMNS, cells, strict=True)) for cells in rows]))
    answers = [getattr(found, question.name) for question in QUESTIONS]
    assert set(answers) <= set(ANSWERS) and len(found.sentences) == 3
    for question, answer, sentence in zip(QUESTIONS, answers, found.sentences, strict=True):
        assert sentence.startswith(f"{question.name.capitalize()}: {answer}.")
    assert set(found.records.judged) <= set(WORDS)
    told = json.dumps(found.to_dict(), allow_nan=False)
    random.shuffle(rows)
    again = verdict(table(*[dict(zip(COLUMNS, cells, strict=True)) for cells in rows]))
    assert json.dumps(again.to_dict(), allow_nan=False) == told


def test_a_table_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match="^verdict: the table lacks floor, goal; "):
        verdict(table().drop(columns=["floor", "goal"]))


# Releases


@pytest.fixture(scope="module")
def judged() -> dict:
    "Verdicts on a copy of train, on independent columns and on other real patients."
    schema, real = heart_schema(), load_heart()
    shuffled = real.sample(frac=1, random_state=5).reset_index(drop=True)
    others, known = shuffled[:101], shuffled[101:].reset_index(drop=True)
    train, holdout = train_holdout_split(known, seed=0)
    made = {"copy": train, "independent": independent_marginals(train, 1000), "real": others}
    quick = {"schema": schema, "by": ()}
    return {
        name: verdict(
            pd.concat(
                [
                    evaluate(train, holdout, fake, draws=2, boot=20, **quick),
                    attack(train, holdout, fake, boot=50, queries=100, **quick),
                ]
            )
        )
        for name, fake in made.items()
    }


def test_what_every_rule_must_say(judged):
    assert judged["copy"].safe == "no" and judged["copy"].faithful != "no"
    assert judged["independent"].faithful == judged["independent"].useful == "no"
    assert judged["independent"].safe != "no"
    found = judged["real"]
    assert "no" not in (found.faithful, found.useful, found.safe), str(found)


# Numbers


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


def test_headlines_are_those_that_were_measured_with_the_verdicts_word():
    assert headlines(metrics()) == []
    shapes = record("column_shapes", 0.97, 0.9)
    (card,) = headlines(metrics(shapes, record("c2st_auc", None)))
    assert (card.value, card.verdict) == ("0.970", "met")
    assert card.beside.startswith("floor 0.900")
    (card,) = headlines(metrics(record("membership_ratio", 0.9, 0.5, 0.5)))
    assert card.verdict == "missed" and "The ratio attack" in card.scale


def test_groups_are_named_by_their_columns():
    labels = ["all", "sex=0", "sex=1", "age=<45", "target=1"]
    assert group_names(labels, "target") == ["sex", "age", "outcome"]
    assert group_names(labels) == ["sex", "age", "target"]
    assert group_names(["all"]) == []
    assert in_words(["sex", "age", "outcome"], "or") == "sex, age or outcome"
