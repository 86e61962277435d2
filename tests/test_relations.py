"What must always hold of rules: they agree with pandas, are never run, are refused in one line."

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import one_line

from synthheart.cohorts import load_heart
from synthheart.inference import infer_schema
from synthheart.relations import parse_rule
from synthheart.tables import Column, Schema

HEART = load_heart()
SCHEMA = infer_schema(HEART)


@settings(deadline=None)
@given(
    st.sampled_from(["age", "chol", "oldpeak"]),
    st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
    st.integers(0, 400),
)
def test_rules_agree_with_pandas(name, sign, value):
    kept = parse_rule(f"{name} {sign} {value}", SCHEMA).kept(HEART)
    np.testing.assert_array_equal(
        kept, HEART.eval(f"{name} {'==' if sign == '=' else sign} {value}")
    )


def test_implication_and_columns_on_both_sides():
    rule = parse_rule("sex = 1 and age > 60 implies trestbps > age", SCHEMA)
    expected = ~((HEART.sex == 1) & (HEART.age > 60)) | (HEART.trestbps > HEART.age)
    np.testing.assert_array_equal(rule.kept(HEART), expected)
    assert (
        parse_rule("ca missing implies target = 1", SCHEMA).kept(HEART).sum()
        == 303 - (HEART.ca.isna() & (HEART.target == 0)).sum()
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trestbps", "is not a comparison"),
        ("pressure > 60", "no column 'pressure'"),
        ("age > old", "'old' is neither a number"),
        ("age > 1 implies sex = 1 implies cp = 2", "may stand once"),
        ("", "is not a comparison"),
        ("__import__('os').system('true') > 1", "no column"),
        ("age > __import__('os')", "neither a number"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_in_one_line(text, words):
    with pytest.raises(ValueError, match=words) as refusal:
        parse_rule(text, SCHEMA)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_refused(text):
    try:
        parse_rule(text, SCHEMA).kept(HEART)
    except ValueError as e:
        assert "\n" not in str(e) or "\n" in text


VISITS = pd.DataFrame(
    {
        "ward": ["5", "6", None, "5"],
        "pain": pd.Categorical(["low", "high", "mid", None], ["low", "mid", "high"], ordered=True),
        "worst": pd.Categorical(["mid", "mid", "mid", "low"], ["mid", "low", "high"], ordered=True),
        "grade": pd.Categorical([2, 1, None, 3]),
        "beds": pd.Series([1, None, 3, 2], dtype="Int64"),
        "flag": pd.Series([True, None, False, True], dtype=object),
        "came": pd.to_datetime(["2020-01-01", "2020-01-05", None, "2020-01-03"]),
        "left": pd.to_datetime(["2020-01-02", "2020-01-04", "2020-01-09", "2020-01-03"]),
    }
)
WORDS = Schema(
    (
        Column("ward", "binary", "object", levels=("5", "6"), missing=True),
        Column("pain", "ordinal", "category", levels=("low", "mid", "high"), missing=True),
        Column("worst", "ordinal", "category", levels=("mid", "low", "high"), missing=True),
        Column("grade", "categorical", "category", levels=(1, 2, 3), missing=True),
        Column("beds", "continuous", "Int64", missing=True),
        Column("flag", "binary", "object", levels=(False, True), missing=True),
        Column("came", "continuous", "datetime64[us]", missing=True),
        Column("left", "continuous", "datetime64[us]", missing=True),
    )
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ward = 5", [1, 0, 0, 1]),
        ("ward != '5'", [0, 1, 0, 0]),
        ("ward missing", [0, 0, 1, 0]),
        ("pain <= mid", [1, 0, 1, 0]),
        ("pain = worst", [0, 0, 1, 0]),
        ("grade > 1", [1, 0, 0, 1]),
        ("beds >= 2", [0, 0, 1, 1]),
        ("grade > beds", [1, 0, 0, 1]),
        ("flag = 1", [1, 0, 0, 1]),
        ("came <= left", [1, 0, 0, 1]),
        ("came known implies came <= left", [1, 0, 1, 1]),
        ("ward known and pain known implies beds known", [1, 0, 1, 1]),
    ],
)
def test_words_orders_holes_and_dates_are_compared_as_what_they_are(text, kept):
    assert parse_rule(text, WORDS).kept(VISITS).tolist() == [bool(k) for k in kept]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ward < 6", "ward holds text, which is = or != something, not <"),
        ("ward = 7", "'7' is neither a column nor a level of ward"),
        ("pain < worst", "pain holds text"),
        ("ward = beds", "ward holds text, and beds numbers"),
        ("came > beds", "came holds dates, and beds numbers"),
        ("came > 5", "'5' is no column; came holds dates"),
        ("beds > much", "'much' is neither a number nor a column"),
        ("beds >", "'' is neither a number nor a column"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(text, says):
    with pytest.raises(ValueError) as error:
        parse_rule(text, WORDS)
    assert says in one_line(error)


NAMES = [*WORDS.names, "nobody"]
CLAUSES = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["known", "missing"])),
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
        st.sampled_from([*NAMES, "5", "low", "2.5", "nan", "True"]),
    ),
).map(" ".join)


@settings(deadline=None)
@given(st.lists(CLAUSES, min_size=1, max_size=3), st.lists(CLAUSES, max_size=2))
def test_any_rule_in_the_right_form_is_kept_row_by_row_or_refused(then, given_):
    sides = [" and ".join(side) for side in (given_, then) if side]
    try:
        rule = parse_rule(" implies ".join(sides), WORDS)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    kept = rule.kept(VISITS)
    assert kept.dtype == bool and len(kept) == len(VISITS)
    again = [rule.kept(VISITS.iloc[[k]])[0] for k in range(len(VISITS))]
    assert kept.tolist() == again
