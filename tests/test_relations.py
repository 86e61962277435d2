"What must always hold of rules: they agree with pandas, are never run, are refused in one line."

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import one_line

from synthheart.cohorts import load_heart
from synthheart.formulas import parse_formula, values_of
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
        ("ward = '5' or beds = 3", [1, 0, 1, 1]),
        ("not ward = 5", [0, 1, 1, 0]),  # what is missing is not 5
        ("not (ward = 5 or beds > 2)", [0, 1, 0, 0]),
        ("`ward` = \"5\" and (pain missing or 'pain' < high)", [1, 0, 0, 1]),
        ("'5' = ward", [1, 0, 0, 1]),
        ("mid >= pain", [1, 0, 1, 0]),
        ("low < pain <= high", [0, 1, 1, 0]),
        ("1 <= beds < 3", [1, 0, 0, 1]),
        ("beds == 2", [0, 0, 0, 1]),
        ("beds + 1 > 2 * grade - 1", [0, 0, 0, 0]),
        ("(beds + 1) ** 2 >= 9", [0, 0, 1, 1]),
        ("-beds ** 2 < -3", [0, 0, 1, 1]),
        ("1 / (beds - 1) > 0", [0, 0, 1, 1]),
        ("beds ** 0 = 1", [1, 0, 1, 1]),
        ("flag = True", [1, 0, 0, 1]),
        ("left - came = 1", [1, 0, 0, 0]),
        ("left - came >= 0", [1, 0, 0, 1]),
        ("came + 1 >= left", [1, 1, 0, 1]),
        ("came < 2020-01-04", [1, 0, 0, 1]),
        ("2020-01-02 <= came and '2020-01-05' >= came", [0, 1, 0, 1]),
        ("left - 2020-01-01 > beds", [0, 0, 1, 0]),
        ("left > 2020-01-02T12:00", [0, 1, 1, 1]),
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
        ("beds > 2 * much", "'much' is neither a number nor a column"),
        ("beds > 3 or nobody missing", "no column 'nobody'"),
        ("beds + 1", "'beds + 1' is not a comparison"),
        ("not beds", "'beds' is not a comparison"),
        ("beds > 3 beds", "'beds > 3 beds' is not understood at 'beds'"),
        ("grade = 1 and beds > 3) or grade = 1", "'beds > 3)' is not understood at ')'"),
        ("(beds > 3 or grade = 1", "a '(' is not closed"),
        ("(beds > 3 implies grade = 1) or grade = 2", "'implies' may stand once"),
        ("3 > 2", "'3 > 2' compares no column"),
        ("(beds > 3) + 1 = 2", "'beds > 3' is neither a number, a column nor computed"),
        ("came + left > 3", "'came + left' is nothing that dates give"),
        ("came * 2 > left", "'came * 2' is nothing that dates give"),
        ("left - came > 2020-01-02", "left - came holds numbers, and 2020-01-02 dates"),
        ("came < 2020-02-30", "'2020-02-30' is no date of the calendar"),
        ("ward + 1 > 3", "ward holds words, so nothing can be computed from it"),
        ("ward = beds + 1", "ward holds text, and beds + 1 numbers"),
        ("pain = worse than ever and beds = 1", "'worse than ever' is neither a column nor"),
        ("beds = 'many'", "'many' is neither a number nor a column"),
        ("(" * 40 + "beds" + ")" * 40 + " > 1", "more than 30 parts stand inside each other"),
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


# --- names and levels of any kind

ODD = pd.DataFrame(
    {
        "body-height": [180.0, 150.0, np.nan],
        "body": [1.0, 2.0, 3.0],
        "height": [4.0, 5.0, 6.0],
        "time and place": [1, 2, 3],
        "CRP (mg/l)": pd.Series(["<5", 7.0, 12.0], dtype=object),
        "dx": ["lung cancer", "not known", "I25.1"],
        "missing": [1, 2, 3],
        "key": ["K1", "K2", "K3"],
    }
)
ODD_SCHEMA = Schema(
    (
        *(Column(name, "continuous") for name in ("body-height", "body", "height")),
        Column("time and place", "continuous", "int64"),
        Column("CRP (mg/l)", "continuous", "object", levels=("<5",)),
        Column("dx", "categorical", "object", levels=("lung cancer", "not known", "I25.1")),
        Column("missing", "continuous", "int64"),
        Column("key", "categorical", "object", role="id"),
    )
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("body-height > 160", [1, 0, 0]),
        ("`body-height` > 160 or 'body-height' missing", [1, 0, 1]),
        ("body - height < -2", [1, 1, 1]),
        ("body-height - body > 170", [1, 0, 0]),
        ("time and place > 1 and body < 3", [0, 1, 0]),
        ("dx = lung cancer or dx = not known", [1, 1, 0]),
        ('dx != "lung cancer" and body > 2', [0, 0, 1]),
        ("dx=I25.1", [0, 0, 1]),
        ("dx = not known implies missing = 2", [1, 1, 1]),
        ("missing > 1 and missing known", [0, 1, 1]),
        ("CRP (mg/l) > 8", [0, 0, 1]),
        ("CRP (mg/l) = <5", [1, 0, 0]),
        ("'CRP (mg/l)' = '<5' or CRP (mg/l) = 7", [1, 1, 0]),
        ("key = K2", [0, 1, 0]),
    ],
)
def test_names_and_levels_of_any_kind_are_found(text, kept):
    assert parse_rule(text, ODD_SCHEMA).kept(ODD).tolist() == [bool(k) for k in kept]


def test_a_rule_says_its_columns():
    assert parse_rule("beds > 1 and ward = 5 implies came <= left", WORDS).columns == [
        "beds",
        "ward",
        "came",
        "left",
    ]
    assert parse_rule("'body-height' / body > body - 1", ODD_SCHEMA).columns == [
        "body-height",
        "body",
    ]


# --- any rule is what plain pandas says


class Written(NamedTuple):
    "A piece of a rule, and the same in pandas."

    text: str
    of: Callable[[pd.DataFrame], Any]


def compute(left: Written, sign: str, right: Written) -> Written:
    "A sum, difference, product, ratio or power; NaN where it is not finite."

    def of(df: pd.DataFrame) -> pd.Series:
        a, b = (pd.Series(side.of(df), df.index, dtype="float64") for side in (left, right))
        result = {"+": a + b, "-": a - b, "*": a * b, "/": a / b, "**": a**b}[sign]
        return result.where(np.isfinite(result) & a.notna() & b.notna())

    return Written(f"({left.text} {sign} {right.text})", of)


def comparison(left: Written, sign: str, right: Written) -> Written:
    "A comparison that a missing cell makes false."

    def of(df: pd.DataFrame) -> pd.Series:
        a, b = (pd.Series(side.of(df), df.index) for side in (left, right))
        signs = {"=": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}
        return signs[sign] & a.notna() & b.notna()

    return Written(f"{left.text} {sign} {right.text}", of)


def column(name: str, text: str | None = None) -> Written:
    return Written(text or name, lambda df: df[name])


RANDOM = pd.DataFrame(
    {
        "a": [0.0, 1.0, -2.0, np.nan, 3.5, 2.0],
        "b c": [1.0, 0.0, 2.0, 2.0, np.nan, -1.0],
        "d-e": [2, 2, 0, 1, -3, 4],
        "word": ["x", "y y", None, "x", "and", "y y"],
        "day": pd.to_datetime(["2020-01-01", None, *["2020-02-29", "2020-03-01"] * 2]),
        "end": pd.to_datetime(["2020-01-09", "2020-02-01", None, *["2020-03-01"] * 3]),
    }
)
RANDOM_SCHEMA = Schema(
    (
        *(Column(name, "continuous", missing=True) for name in ("a", "b c")),
        Column("d-e", "continuous", "int64"),
        Column("word", "categorical", "object", levels=("x", "y y", "and"), missing=True),
        *(Column(name, "continuous", "datetime64[us]", missing=True) for name in ("day", "end")),
    )
)
NUMBERS = st.recursive(
    st.sampled_from(
        [column("a"), column("b c"), column("b c", "`b c`"), column("d-e"), column("d-e", '"d-e"')]
    )
    | st.sampled_from(["0", "2", ".5", "1e1"]).map(lambda t: Written(t, lambda df: float(t))),
    lambda inner: st.builds(compute, inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner),
    max_leaves=5,
)
STAY = Written("(end - day)", lambda df: (df.end - df.day).dt.days)
DAYS = [column("day"), column("end"), Written("2020-02-29", lambda df: pd.Timestamp("2020-02-29"))]
LEVELS = [Written(text, lambda df, w=w: w) for text, w in (("x", "x"), ("y y", "y y"))] + [
    Written("'and'", lambda df: "and")
]
ANY_SIGN = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
SIMPLE = st.one_of(
    st.builds(comparison, NUMBERS | st.just(STAY), ANY_SIGN, NUMBERS),
    st.builds(comparison, st.sampled_from(DAYS[:2]), ANY_SIGN, st.sampled_from(DAYS)),
    st.builds(
        comparison,
        st.just(column("word")),
        st.sampled_from(["=", "!="]),
        st.sampled_from(LEVELS),
    ),
    st.sampled_from(list(RANDOM)).map(lambda n: Written(f"`{n}` known", lambda df: df[n].notna())),
    st.sampled_from(list(RANDOM)).map(lambda n: Written(f"{n} missing", lambda df: df[n].isna())),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda a: Written(f"not ({a.text})", lambda df: ~a.of(df))),
        st.tuples(inner, inner).map(
            lambda p: Written(
                f"({p[0].text} and {p[1].text})", lambda df: p[0].of(df) & p[1].of(df)
            )
        ),
        st.tuples(inner, inner).map(
            lambda p: Written(f"({p[0].text} or {p[1].text})", lambda df: p[0].of(df) | p[1].of(df))
        ),
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(CONDITIONS, CONDITIONS, st.permutations(range(6)))
@np.errstate(all="ignore")
def test_any_rule_is_kept_where_plain_pandas_says_so(given_, then, order):
    df = RANDOM.iloc[order]
    for text, expected in (
        (then.text, then.of(df)),
        (f"{given_.text} implies {then.text}", ~given_.of(df) | then.of(df)),
    ):
        try:
            kept = parse_rule(text, RANDOM_SCHEMA).kept(df)
        except ValueError as error:
            assert "compares no column" in str(error)
            return
        np.testing.assert_array_equal(kept, expected, text)


SOUP = st.lists(
    st.sampled_from(
        [
            *ODD,
            "`body`",
            "'dx'",
            "'<5'",
            "<5",
            "lung cancer",
            "5",
            "-",
            "+",
            "*",
            "**",
            "/",
            "(",
            ")",
        ]
        + [
            "<",
            "<=",
            "=",
            "!=",
            "and",
            "or",
            "not",
            "implies",
            "known",
            "missing",
            "2020-01-01",
            "x",
        ]
    ),
    max_size=9,
).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(SOUP)
def test_any_mixture_of_words_is_a_rule_or_a_formula_or_refused(text):
    "And each row is judged by itself."
    with contextlib.suppress(ValueError):
        kept = parse_rule(text, ODD_SCHEMA).kept(ODD)
        again = [parse_rule(text, ODD_SCHEMA).kept(ODD.iloc[[k]])[0] for k in range(len(ODD))]
        assert kept.dtype == bool and kept.tolist() == again
    with contextlib.suppress(ValueError):
        assert values_of(parse_formula(text, ODD_SCHEMA), ODD).shape == (len(ODD),)
