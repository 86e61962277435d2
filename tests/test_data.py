"What must always hold of the data: shapes, codings, schemas, violations, splits, and one line for each bad input."

import io
import json
import warnings
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthheart.cohorts import SITES, heart_schema, load_heart, original_5000
from synthheart.inference import infer_schema
from synthheart.runs import write_whole
from synthheart.tables import (
    Column,
    Schema,
    dates_from_days,
    days_since_1970,
    find_duplicates,
    splits,
    train_holdout_split,
    validate,
)

ROWS = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return load_heart()


def one_line(error: pytest.ExceptionInfo) -> str:
    "The message of an error, checked to be one line that was written for a person."
    text = str(error.value)
    assert text and "\n" not in text and len(text) < 400, text
    return text


# --- the four sites


def test_cleveland_is_uci_s(real):
    assert real.shape == (303, 14)
    assert (
        list(real)
        == "age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal target".split()
    )
    assert real.isna().sum()[lambda n: n > 0].to_dict() == {"ca": 4, "thal": 2}
    assert real.target.value_counts().to_dict() == {0: 164, 1: 139}
    floats = [name for name in real if real[name].dtype == "float64"]
    assert floats == ["oldpeak", "ca", "thal"]
    assert all(real[name].dtype == "int64" for name in real if name not in floats)
    assert len(validate(real, heart_schema())) == 0
    # the first and the last row of UCI's processed.cleveland.data
    assert real.iloc[0].tolist() == [63, 1, 1, 145, 233, 1, 2, 150, 0, 2.3, 3, 0, 6, 0]
    assert real.iloc[302].drop("ca").tolist() == [38, 1, 3, 138, 175, 0, 0, 173, 0, 0.0, 1, 3, 0]


@pytest.mark.parametrize("site", SITES)
def test_every_site_keeps_its_dictionary(site):
    df = load_heart(site=site)
    assert df.shape == (ROWS[site], 14)
    found = validate(df, heart_schema(site))
    assert set(found.column) <= {"oldpeak"}  # ST elevations, or slips: see the data sheet
    assert len(found) == {"switzerland": 11, "va": 1}.get(site, 0)
    assert not (df[["chol", "trestbps"]] == 0).any().any()


def test_the_data_sheet_s_relations_are_the_files():
    def odds(df: pd.DataFrame, name: str) -> float:
        t = pd.crosstab(df[name], df.target).to_numpy()
        return round(t[1, 1] * t[0, 0] / (t[1, 0] * t[0, 1]), 1)

    seen = {
        site: (
            round(df.age.corr(df.thalach, method="spearman"), 2),
            odds(df, "exang"),
            odds(df, "sex"),
        )
        for site in ("cleveland", "hungarian", "va")
        for df in [load_heart(site=site)]
    }
    assert seen == {
        "cleveland": (-0.39, 7.4, 3.6),
        "hungarian": (-0.42, 17.2, 4.5),
        "va": (-0.13, 4.3, 3.0),
    }


# --- loading


def test_csv_path_file_frame_polars_and_arrow_load_alike(real, tmp_path):
    path = tmp_path / "my.csv"
    real.to_csv(path, index=False)
    for source in (
        path,
        str(path),
        io.StringIO(path.read_text()),
        io.BytesIO(path.read_bytes()),
        real,
    ):
        pd.testing.assert_frame_equal(load_heart(source), real)
    path.write_text(path.read_text().replace(",", ";"), encoding="utf-8-sig")
    pd.testing.assert_frame_equal(load_heart(path), real)
    pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(load_heart(polars.from_pandas(real)), real)


def test_uci_s_own_file_loads():
    header = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num\n"
    text = (
        header
        + "63.0,1.0,1.0,145.0,0,1.0,2.0,150.0,0.0,2.3,3.0,?,6.0,4\n41,0,2,-9,204,0,2,172,0,1.4,1,0,3,0\n"
    )
    with pytest.warns(UserWarning, match="1 in trestbps, 1 in chol"):
        df = load_heart(io.StringIO(text))
    assert df.target.tolist() == [1, 0] and "num" not in df
    assert df.isna().sum()[lambda n: n > 0].to_dict() == {"trestbps": 1, "chol": 1, "ca": 1}


def test_loading_leaves_the_source_alone(real):
    raw = original_5000(n=303)
    before = raw.copy()
    with pytest.warns(UserWarning, match="cannot be recovered"):
        load_heart(raw)
    pd.testing.assert_frame_equal(raw, before)


def test_the_original_coding_becomes_uci_s(real):
    with pytest.warns(UserWarning, match="cannot be recovered"):
        back = load_heart(original_5000())
    assert back.shape == (5000, 14) and len(validate(back, heart_schema())) == 0
    filled = real.assign(ca=real.ca.fillna(0), thal=real.thal.fillna(3))
    back, filled = (
        df.drop_duplicates().sort_values(list(real)).reset_index(drop=True) for df in (back, filled)
    )
    pd.testing.assert_frame_equal(back, filled)


def test_kaggle_s_coding_is_left_with_a_warning(real):
    with pytest.warns(UserWarning, match="1 means healthy"):
        load_heart(real.assign(thal=2, cp=real.cp - 1, ca=4))


def test_any_other_table_comes_back_as_it_is():
    df = pd.DataFrame({"weight": [70.5, 0, -9], "ward": ["A", "B", "A"]})
    pd.testing.assert_frame_equal(load_heart(df), df)


# --- schemas


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


@pytest.mark.parametrize("site", SITES)
def test_schema_survives_json(site):
    schema = heart_schema(site)
    assert Schema.from_json(schema.to_json()) == schema
    listed = json.loads(schema.to_json())["fields"]
    assert listed[0]["constraints"] == {"required": True, "minimum": 18, "maximum": 100}
    assert listed[1]["constraints"]["enum"] == [0, 1] and listed[1]["type"] == "integer"


def test_a_plain_table_schema_is_enough():
    text = json.dumps(
        {
            "fields": [
                {"name": "age", "type": "integer", "constraints": {"required": True, "minimum": 0}},
                {"name": "weight", "type": "number"},
                {"name": "smoker", "type": "boolean"},
                {"name": "ward", "type": "string", "constraints": {"enum": ["A", "B", "C"]}},
                {"name": "seen", "type": "date", "constraints": {"minimum": "1981-05-04"}},
            ]
        }
    )
    schema = Schema.from_json(text)
    assert [c.kind for c in schema] == [
        "continuous",
        "continuous",
        "binary",
        "categorical",
        "continuous",
    ]
    assert (
        schema["seen"].minimum == 4141
        and schema["age"].dtype == "int64"
        and schema["weight"].missing
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"minimum": 80', '"minimun": 80', "chol: unknown word 'minimun'"),
        ('"minimum": 80', '"minimum": "low"', "chol: minimum must be a finite number, got 'low'"),
        ('"minimum": 80', '"minimum": 800', "chol: minimum 800 is above maximum 700"),
        (
            '"kind": "ordinal"',
            '"kind": "rank"',
            "slope: kind must be one of continuous, ordinal, categorical, binary",
        ),
        ('"name": "sex"', '"name": "age"', "column name 'age' occurs more than once"),
        ('"dtype": "float64"', '"dtype": "flaot"', "oldpeak: dtype must be a pandas dtype"),
        ('"target": "target"', '"target": "death"', "target 'death' is not a column"),
        ('"type": "integer"', '"type": "int"', "age: type must be one of"),
        ('"decimals": 1', '"decimals": -1', "oldpeak: decimals must be a whole number"),
        ('"fields"', '"columns"', "unknown word 'columns'"),
        ("}", "", "not JSON"),
    ],
)
def test_a_slip_in_a_schema_file_is_named(old, new, says):
    text = heart_schema().to_json()
    assert old in text
    with pytest.raises(ValueError) as error:
        Schema.from_json(text.replace(old, new, 1))
    assert says in one_line(error)


def test_schema_shows_itself_and_escapes():
    schema = Schema((Column("<b>", "categorical", "int64", levels=(1,), labels=("<i>",)),))
    text = schema._repr_html_()
    assert "&lt;b&gt;" in text and "&lt;i&gt;" in text and "<b>" not in text
    assert "female" in heart_schema()._repr_html_()
    with pytest.raises(KeyError, match="no column 'chl'"):
        heart_schema()["chl"]


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
        (pd.Series([True, False, None, True] * 10, dtype=object), "binary", "object"),
        (pd.Series([True, None, False, True] * 10, dtype="boolean"), "binary", "boolean"),
        (pd.Series([1, None, 2, 3] * 10, dtype="Int64"), "ordinal", "Int64"),
        (pd.Series([1, None, 2, 3] * 10, dtype=object), "ordinal", "object"),
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
    assert len(validate(df, schema)) == 0
    assert Schema.from_json(schema.to_json()) == schema


def test_dates_come_back():
    for dtype in (
        "datetime64[ns]",
        "datetime64[us]",
        "datetime64[s]",
        "datetime64[us, Europe/Zurich]",
    ):
        zone = "Europe/Zurich" if "," in dtype else None
        dates = pd.Series(
            pd.to_datetime(["1969-12-31 23:59:58", "2024-02-29 12:00:01", None])
        ).dt.tz_localize(zone)
        dates = dates.astype(dtype)
        back = dates_from_days(days_since_1970(dates), dtype)
        assert back.dtype == dates.dtype
        pd.testing.assert_series_equal(back, dates)


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
    assert len(validate(df, schema)) == 0
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


# --- validate


def test_validate_finds_what_was_planted(real):
    broken = real.astype(object).set_axis([f"p{k}" for k in range(303)])
    planted = {
        ("p0", "age"): 17,
        ("p1", "sex"): 2,
        ("p2", "cp"): "asymptomatic",
        ("p3", "chol"): None,
        ("p4", "oldpeak"): 1.25,
        ("p5", "thalach"): np.inf,
        ("p6", "slope"): 1.5,
        ("p7", "trestbps"): "high",
    }
    for (row, column), value in planted.items():
        broken.loc[row, column] = value
    found = validate(broken, heart_schema())
    assert dict.fromkeys(zip(found.row, found.column, strict=True)) == dict.fromkeys(planted)
    assert list(found) == ["row", "column", "value", "problem"]
    assert found.set_index("column").problem["chol"] == "is missing"
    assert found.set_index("column").value["trestbps"] == "high"
    assert "40" not in found.set_index("column").problem["age"]
    assert found.set_index("column").problem["age"] == "is below the minimum 18 years"


def test_validate_names_absent_and_extra_columns(real):
    found = validate(real.drop(columns="chol").assign(note=1), heart_schema())
    assert found[["column", "problem"]].values.tolist() == [
        ["chol", "column is missing"],
        ["note", "column is not in the schema"],
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 302),
    st.sampled_from(heart_schema().names),
    st.sampled_from([-1000, 1e7, "x", 0.123]),
)
def test_validate_names_any_planted_cell(row, column, value):
    df = load_heart().astype(object)
    df.loc[row, column] = value
    found = validate(df, heart_schema())
    assert set(zip(found.row, found.column, strict=True)) == {(row, column)}


# --- duplicates and the split


def test_duplicates_are_counted(real):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_duplicates(real).empty
    df = pd.concat([real, real.iloc[[87, 87, 5]]], ignore_index=True)  # row 87 has a missing cell
    with pytest.warns(
        UserWarning, match="3 of 306 rows repeat an earlier row exactly; 303 are distinct"
    ):
        found = find_duplicates(df)
    assert found.values.tolist() == [[87, 3], [5, 2]]


def test_ten_splits_have_the_size_and_the_share(real):
    for train, holdout in splits(real):
        assert (len(train), len(holdout)) == (212, 91)
        assert abs(train.target.mean() - holdout.target.mean()) < 0.01
        assert sorted([*train.index, *holdout.index]) == list(range(303))
        assert train.index.is_monotonic_increasing and list(train.dtypes) == list(real.dtypes)


def test_the_seed_decides(real):
    first, again, other = (train_holdout_split(real, seed=seed)[0] for seed in (3, 3, 4))
    assert first.equals(again) and not first.equals(other)


def test_the_5000_row_table_does_not_leak():
    many = original_5000()
    with pytest.warns(UserWarning, match="4,697 of 5,000 rows repeat"):
        train, holdout = train_holdout_split(many)
    assert len(train) + len(holdout) == 5000
    assert len(train.drop_duplicates()) == 212 and len(holdout.drop_duplicates()) == 91
    assert train.drop_duplicates().merge(holdout.drop_duplicates()).empty


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from([None, 0.5, 1.5]), st.sampled_from(["a", "b"])
        ),
        min_size=2,
        max_size=60,
    ),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_equal_rows_never_straddle(rows, share, seed):
    df = pd.DataFrame(rows, columns=["x", "y", "z"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            train, holdout = train_holdout_split(df, share, seed)
        except ValueError as error:
            assert "cannot be split" in str(error)
            return
    assert len(train) and len(holdout) and len(train) + len(holdout) == len(df)
    assert not {str(row) for row in train.to_numpy().tolist()} & {
        str(row) for row in holdout.to_numpy().tolist()
    }


# --- bad input

N = 60
BAD_TABLE = {
    "no rows": ({"age": []}, "0 rows"),
    "one row": ({"age": [50]}, "1 row;"),
    "all missing": ({"age": [1, 2] * 30, "ca": [np.nan] * N}, "ca: all 60 cells are missing"),
    "counter": ({"entry": range(N)}, "entry: looks like an identifier"),
    "counter with gaps in order": (
        {"patient_id": np.random.default_rng(0).permutation(900)[:N]},
        "patient_id: looks",
    ),
    "long numbers": (
        {"k": np.random.default_rng(0).integers(10**7, 10**8 - 1, N)},
        "k: looks like an identifier",
    ),
    "float record numbers": (
        {"MRN": [np.nan, *(np.arange(N - 1) * 3.0)]},
        "MRN: looks like an identifier",
    ),
    "names": ({"who": [f"Ms {k}" for k in range(N)]}, "who: looks like an identifier"),
    "few names": (
        {"patient name": ["Ada", "Eve", "Ida", "Una"]},
        "patient name: looks like an identifier",
    ),
    "free text": (
        {"note": [f"came back after {k} days with pain" for k in range(N)]},
        "note: looks like free text",
    ),
    "too many categories": (
        {"ward": [f"w{k % 20}" for k in range(N)]},
        "20 different values such as 'w0' in 60 rows",
    ),
    "too many declared": (
        {"ward": pd.Categorical(["a"] * N, [f"w{k}" for k in range(40)] + ["a"])},
        "at most 12",
    ),
    "words among numbers": (
        {"chol": [*range(200, 207), "abc", *range(207, 259)]},
        "chol: 'abc' in row 7",
    ),
    "numbers as text": (
        {"chol": [str(k) for k in range(200, 260)]},
        "chol: holds numbers stored as text",
    ),
    "numbers with commas": (
        {"platelets": [f"{k},000" for k in range(200, 260)]},
        "platelets: holds numbers stored as",
    ),
    "dates as text": (
        {"seen": [f"2020-03-{1 + k % 30:02}" for k in range(N)]},
        "seen: holds dates stored as text",
    ),
    "infinite": ({"chol": [np.inf, *np.linspace(0, 1, N - 1)]}, "chol: inf in row 0"),
    "lists": ({"x": [[1], [2]] * 30}, "x: '[1]' in row 0 is a list"),
    "complex": ({"x": [1j, 2j] * 30}, "x: "),
    "durations": ({"x": pd.to_timedelta(range(N), unit="D")}, "x: "),
    "intervals": ({"x": pd.cut(pd.Series(range(N)), 3)}, "x: categories must be text or numbers"),
    "number as a name": ({0: [1, 2] * 30}, "column names must be text, got 0"),
    "empty name": ({" ": [1, 2] * 30}, "has no name"),
}


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


HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num\n"
BAD_FILE = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "header only": (HEADER.encode(), "a header and no rows"),
    "latin-1": ("name,b\nJosé,1\n".encode("latin-1"), "not UTF-8 text (byte 0xe9 at position 10)"),
    "binary": (b"PK\x03\x04\0\0,\n1,2", "NUL"),
    "equal names": (b"a,a\n1,2\n", "'a' occurs more than once"),
    "no name": (b"a,\n1,2\n", "column at position 1 has no name"),
    "too many cells": (b"a,b\n1,2,3\n", "rows and header do not match"),
    "ragged": (b"a,b\n1,2\n1,2,3\n", "rows and header do not match"),
    "word in chol": (
        (HEADER + "63,1,1,145,abc,1,2,150,0,2.3,3,0,6,0\n").encode(),
        "chol: 'abc' in row 0",
    ),
    "word in num": (
        (HEADER + "63,1,1,145,233,1,2,150,0,2.3,3,0,6,sick\n").encode(),
        "num: 'sick' in row 0",
    ),
}


@pytest.mark.parametrize("what", BAD_FILE)
def test_load_heart_refuses_a_bad_file_with_one_line(what, tmp_path):
    content, says = BAD_FILE[what]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        load_heart(path)
    assert says in one_line(error)


def test_other_bad_calls_get_one_line(real, tmp_path):
    for call, kind, says in [
        (lambda: load_heart(tmp_path / "none.csv"), FileNotFoundError, "none.csv: no such file"),
        (lambda: load_heart(tmp_path), ValueError, "cannot be read"),
        (
            lambda: load_heart(site="paris"),
            ValueError,
            "cleveland, hungarian, switzerland, va; got 'paris'",
        ),
        (lambda: heart_schema("paris"), ValueError, "got 'paris'"),
        (lambda: load_heart(7), ValueError, "got int"),
        (lambda: load_heart(pd.DataFrame()), ValueError, "has no columns"),
        (lambda: load_heart(real.head(0)), ValueError, "has no rows"),
        (lambda: infer_schema(real, target="death"), ValueError, "target 'death' is not a column"),
        (
            lambda: train_holdout_split(real, holdout=1.3),
            ValueError,
            "must be between 0 and 1, got 1.3",
        ),
        (
            lambda: train_holdout_split(real, target="death"),
            ValueError,
            "target 'death' is not a column",
        ),
        (lambda: train_holdout_split(real.head(1)), ValueError, "cannot be split"),
        (
            lambda: train_holdout_split(real.assign(target=[1] + [0] * 302)),
            ValueError,
            "target: 1 has one patient",
        ),
    ]:
        with pytest.raises(kind) as error:
            call()
        assert says in one_line(error)


def test_files_are_whole_or_not_there(tmp_path):
    path = write_whole(tmp_path / "deep" / "a.txt", "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_bytes() == "ä\n".encode() and [p.name for p in path.parent.iterdir()] == [
        "a.txt"
    ]
