"What must hold of a schema read off a table, and one line for what must not be released."

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import one_line

from synthheart.cohorts import heart_schema, load_heart
from synthheart.inference import infer_schema, resolve_schema, shipped_dictionary
from synthheart.reading import read_table
from synthheart.splitting import splits
from synthheart.tables import SHIPPED, Schema, validate


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return load_heart()


# --- what a table shows


def test_inferred_kinds_of_cleveland_are_the_dictionary_s(real):
    inferred = infer_schema(real)
    assert [c.kind for c in inferred] == [c.kind for c in heart_schema()]
    assert [c.labels for c in inferred] == [c.labels for c in heart_schema()]
    assert (
        inferred.target == "target" and inferred["oldpeak"].decimals == 1 and inferred["ca"].missing
    )
    assert (inferred["age"].minimum, inferred["age"].maximum) == (29, 77)
    for train, _ in splits(real):
        assert [c.kind for c in infer_schema(train)] == [c.kind for c in heart_schema()]


def test_a_file_is_read_for_its_schema(real):
    assert infer_schema(SHIPPED / "cleveland.csv").names == [*list(real)[:-1], "num"]
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    table = real[["age", "cp"]]
    assert infer_schema(polars.from_pandas(table)) == infer_schema(table)


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        (pd.Series([0, 1] * 20), "binary", "int64"),
        (pd.Series([0.0, 1.0, np.nan, 2.0] * 10), "ordinal", "float64"),
        (pd.Series([3, 6, 7, 7] * 10), "categorical", "int64"),
        (pd.Series([36.5, 37.0, 37.5, 38.0] * 10), "continuous", "float64"),
        (pd.Series(np.float32([0.1, 0.2, 0.7, 1.5] * 10)), "continuous", "float32"),
        (pd.Series(range(60)) * 7 % 31, "continuous", "int64"),
        (pd.Series([True, False] * 20), "binary", "bool"),
        (pd.Series([True, False, None, True] * 10, dtype=object), "binary", "boolean"),
        (pd.Series([True, None, False, True] * 10, dtype="boolean"), "binary", "boolean"),
        (pd.Series([1, None, 2, 3] * 10, dtype="Int64"), "ordinal", "Int64"),
        (pd.Series([1, None, 2, 3] * 10, dtype=object), "ordinal", "Int64"),
        (pd.Series(["a", "b", None, "c"] * 10, dtype=object), "categorical", "object"),
        (pd.Series(["a", "b"] * 20, dtype="string"), "binary", "string"),
        (pd.Series(["0", "1", "2", "3+"] * 10, dtype=object), "categorical", "object"),
        (
            pd.Series(pd.Categorical(["lo", "hi", None] * 10, ["lo", "mid", "hi"], ordered=True)),
            "ordinal",
            "category",
        ),
        (pd.Series(pd.Categorical([2, 1, 3] * 10)), "categorical", "category"),
        (pd.Series([5] * 40), "categorical", "int64"),
        (
            pd.Series(pd.date_range("2001-01-01", periods=40, freq="17D", unit="ns")),
            "continuous",
            "datetime64[ns]",
        ),
        (
            pd.Series(
                pd.date_range("2001-01-01", periods=40, freq="17h", tz="Europe/Zurich", unit="us")
            ),
            "continuous",
            "datetime64[us, Europe/Zurich]",
        ),
    ],
)
def test_kind_and_dtype_of_every_sort_of_column(values, kind, dtype):
    df = pd.DataFrame({"x": values})
    schema = infer_schema(df)
    assert (schema["x"].kind, schema["x"].dtype) == (kind, dtype)
    assert schema["x"].missing == values.isna().any()
    assert len(validate(read_table(df, schema), schema)) == 0
    assert Schema.from_json(schema.to_json()) == schema


SORTS = [
    st.integers(-5, 200),
    st.sampled_from([0, 1]),
    st.sampled_from([3, 6, 7]),
    st.booleans(),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 2)),
    st.floats(allow_nan=True, allow_infinity=True, width=32),
    st.sampled_from(["yes", "no", "?"]),
    st.text(max_size=12),
    st.none(),
    st.one_of(st.integers(), st.text(max_size=3)),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),
]


@settings(max_examples=120, deadline=None)
@given(st.data(), st.integers(0, 40))
def test_any_table_gets_a_schema_it_keeps_or_one_line(data, n):
    width = data.draw(st.integers(1, 3))
    df = pd.DataFrame(
        {
            f"x{k}": pd.Series(
                data.draw(
                    st.lists(
                        data.draw(st.sampled_from([sort, st.one_of(sort, st.none())])),
                        min_size=n,
                        max_size=n,
                    )
                )
            )
            for k, sort in enumerate(
                data.draw(st.lists(st.sampled_from(SORTS), min_size=width, max_size=width))
            )
        }
    )
    try:
        schema = infer_schema(df)
    except ValueError as error:
        text = str(error)
        assert text and (text.startswith(("the table", "x0:", "x1:", "x2:"))), text
        return
    assert len(validate(read_table(df, schema), schema)) == 0
    assert Schema.from_json(schema.to_json()) == schema


def test_the_noise_of_a_sum_is_no_decimal_and_no_end_of_a_range():
    df = pd.DataFrame({"x": [0.1 + 0.2, *np.arange(4, 30) / 10, 3.0000000000000004]})
    schema = infer_schema(df)
    assert (schema["x"].minimum, schema["x"].maximum, schema["x"].decimals) == (0.3, 3, 1)
    assert len(validate(df, schema)) == len(validate(df.round(1), schema)) == 0
    assert validate(pd.DataFrame({"x": [0.2, 0.31, 3.1]}), schema).problem.tolist() == [
        "is below the minimum 0.3",
        "has more decimals than 1",
        "is above the maximum 3",
    ]


# --- the words of the dictionary


def test_the_dictionary_gives_words_and_groups_but_no_ranges(real):
    known, inferred = heart_schema(), infer_schema(real)
    for column in inferred:
        for word in ("unit", "labels", "description", "role", "bands", "cuts"):
            assert getattr(column, word) == getattr(known[column.name], word), (column.name, word)
        if column.kind == "continuous":
            assert column.minimum == real[column.name].min() > known[column.name].minimum or (
                column.name == "oldpeak"
            )
    assert [column.name for column in inferred if column.role == "group"] == ["age", "sex"]


def test_the_dictionary_is_found_by_its_columns(real):
    assert shipped_dictionary(list(real)) == heart_schema()
    assert shipped_dictionary([*reversed(list(real)), "ward"]) == heart_schema()
    assert shipped_dictionary(list(real.drop(columns="target"))) == heart_schema()
    assert shipped_dictionary(list(real.drop(columns="thal"))) is None
    assert infer_schema(real.drop(columns="thal"))["cp"].labels == ()


def test_levels_that_the_dictionary_does_not_know_take_nothing_from_it(real):
    inferred = infer_schema(real.assign(cp=real.cp - 1))
    assert inferred["cp"].labels == () and inferred["sex"].labels == ("female", "male")
    women = infer_schema(real[real.sex == 0])
    assert (women["sex"].kind, women["sex"].labels) == ("categorical", ("female",))


# --- the one schema


def test_the_given_schema_or_the_inferred_one_with_the_outcome_that_is_asked_for(real):
    given = heart_schema()
    assert resolve_schema(real, given) is given
    assert resolve_schema(real) == infer_schema(real)
    assert resolve_schema(real, given, "sex") == Schema(given.columns, "sex")
    assert resolve_schema(real, target="sex").target == "sex"
    nobody = Schema(given.columns)
    assert resolve_schema(real, nobody).target is None
    for schema in (None, given):
        with pytest.raises(ValueError, match="target 'death' is not a column") as error:
            resolve_schema(real, schema, "death")
        one_line(error)


# --- what must not be released

N = 60
BAD_TABLE = {
    "no rows": ({"age": []}, "a header and no rows"),
    "one row": ({"age": [50]}, "1 row;"),
    "all missing": ({"age": [1, 2] * 30, "ca": [np.nan] * N}, "ca: all 60 cells are missing"),
    "free text": (
        {"note": [f"came back after {k} days with pain" for k in range(N)]},
        "note: looks like free text",
    ),
    "too many categories": (
        {"ward": [f"w{k % 20}" for k in range(N)]},
        "20 such as 'w0' in 60 rows, at most 12",
    ),
    "too many declared": (
        {"ward": pd.Categorical(["a"] * N, [f"w{k}" for k in range(40)] + ["a"])},
        "at most 12",
    ),
    "words among numbers": (
        {"chol": [*range(200, 207), "abc", *range(207, 259)]},
        "chol: 'abc' in row 7",
    ),
    "infinite": ({"chol": [np.inf, *np.linspace(0, 1, N - 1)]}, "chol: inf in row 0"),
    "lists": ({"x": [[1], [2]] * 30}, "x: '[1]' in row 0 is a list"),
    "complex": ({"x": [1j, 2j] * 30}, "x: "),
    "durations": ({"x": pd.to_timedelta(range(N), unit="D")}, "x: "),
    "intervals": ({"x": pd.cut(pd.Series(range(N)), 3)}, "x: categories must be text or numbers"),
    "number as a name": ({0: [1, 2] * 30}, "column names must be text, got 0"),
    "empty name": ({" ": [1, 2] * 30}, "has no name"),
}


HIDDEN = {
    "counter": ({"entry": range(N)}, "id"),
    "shuffled": ({"patient_id": np.random.default_rng(0).permutation(900)[:N]}, "id"),
    "long numbers": ({"k": np.random.default_rng(0).integers(10**7, 10**8 - 1, N)}, "id"),
    "with gaps": ({"MRN": [np.nan, *(np.arange(N - 1) * 3.0)]}, "id"),
    "visits": ({"patient": np.repeat([71, 12, 88, 40, 25, 93], 10)}, "patient"),
    "names": ({"who": [f"Ms {'ABCDEFGH'[k % 8]}{'aeiou'[k % 5]}nn" for k in range(N)]}, "person"),
    "mail": ({"contact": [f"a{k}@example.org" for k in range(N)]}, "person"),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_who_a_row_belongs_to_is_not_learned_and_said(what):
    data, role = HIDDEN[what]
    (name,) = data
    table = pd.DataFrame(data).assign(bp=np.random.default_rng(1).integers(90, 180, N))
    schema = infer_schema(table)
    assert schema[name].role == role and not schema[name].levels
    assert schema[name].minimum is None and not schema[name].is_learned
    assert [note.column for note in schema.notes] == [name]
    cells = [str(cell) for cell in table[name].dropna()]
    assert not [cell for cell in cells if len(cell) > 3 and f'"{cell}"' in schema.to_json()]


def test_an_outcome_is_learned_whatever_it_looks_like():
    table = pd.DataFrame({"case": range(N), "bp": np.random.default_rng(1).integers(90, 180, N)})
    assert infer_schema(table)["case"].role == "id"
    assert infer_schema(table, target="case")["case"].role == ""


def test_relations_that_all_rows_keep_enter_the_schema():
    rng = np.random.default_rng(2)
    admit = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, 80), unit="D")
    stay = rng.integers(0, 20, 80)
    table = pd.DataFrame(
        {"admit": admit, "discharge": admit + pd.to_timedelta(stay, unit="D"), "stay": stay}
    )
    schema = infer_schema(table)
    assert "discharge >= admit" in schema.rules
    assert [derived.column for derived in schema.derived] == ["stay"]
    assert {note.column for note in schema.notes} >= {"discharge", "stay"}
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize("what", BAD_TABLE)
def test_infer_schema_refuses_with_one_line(what):
    data, says = BAD_TABLE[what]
    with pytest.raises(ValueError) as error:
        infer_schema(pd.DataFrame(data))
    assert says in one_line(error)


def test_equal_column_names_are_refused(real):
    with pytest.raises(ValueError) as error:
        infer_schema(pd.concat([real, real.chol], axis=1))
    assert "'chol' occurs more than once" in one_line(error)


def test_an_outcome_that_is_no_column_is_refused(real):
    with pytest.raises(ValueError) as error:
        infer_schema(real, target="death")
    assert "target 'death' is not a column" in one_line(error)


@pytest.mark.parametrize(
    "cells, form",
    [
        ([f"PT-{7 * k:05d}" for k in range(120)], "'AA-00000'"),
        (["Dr. Abel", "Anna Klein", "Jo Haydn"] * 40, "'Aa. Aaaa'"),
        ([f"user{k}@x.org" for k in range(120)], "'aaaa0@a.aaa'"),
        (["0171 5551234", "0172 5559876", "0170 5550000"] * 40, "'0000 0000000'"),
    ],
)
def test_a_doubt_shows_no_cell_of_a_column_that_may_name_people(cells, form):
    table = pd.DataFrame({"contact": cells, "age": np.arange(120) % 50 + 20})
    (note,) = (str(note) for note in infer_schema(table).notes if note.column == "contact")
    assert form in note and not [cell for cell in cells if cell in note]


def test_no_doubt_shows_names_that_differ_in_capital_letters():
    names = ["Dr. Anna Vogel", "Dr. anna Vogel", "Dr. Otto Baum"] * 20
    schema = infer_schema(pd.DataFrame({"surgeon": names, "bp": range(100, 160)}))
    assert schema["surgeon"].role == "person"
    assert not any("Vogel" in note.text for note in schema.notes)


def test_free_text_is_refused_without_a_word_of_it():
    texts = ["Seen by Mr Smith, better today and walking", "Not well, called Mrs Jones at night"]
    with pytest.raises(ValueError, match="free text") as refusal:
        infer_schema(pd.DataFrame({"remark": texts * 30, "age": np.arange(60) % 40 + 20}))
    assert "Smith" not in str(refusal.value) and "Jones" not in str(refusal.value)


@pytest.mark.parametrize("code", [-88, -77, 777, 888, -999, 9999, 8888])
def test_codes_far_outside_are_missing_and_said(code):
    value = np.where(np.arange(120) % 12 == 0, code, 100 + np.arange(120) * 7 % 60)
    schema = infer_schema(pd.DataFrame({"bp": value, "sex": np.arange(120) % 2}))
    assert schema["bp"].minimum >= 100 and schema["bp"].maximum < 160
    assert any(note.column == "bp" and str(code) in str(note) for note in schema.notes)


@pytest.mark.parametrize("low", [77, 88, 99])
def test_a_lowest_value_next_to_the_others_is_no_code(low):
    value = np.where(np.arange(120) % 40 == 0, low, low + 1 + np.arange(120) * 7 % 90)
    assert infer_schema(pd.DataFrame({"bp": value, "sex": np.arange(120) % 2}))["bp"].minimum == low
