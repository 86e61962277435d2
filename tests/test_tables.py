"What must always hold of tables: reading, columns, schemas, violations, repeated rows, splits."

import io
import json
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import one_line

from synthheart.cohorts import heart_schema, load_heart, original_5000
from synthheart.inference import infer_schema
from synthheart.reading import read_table
from synthheart.runs import csv_text
from synthheart.splitting import splits, train_holdout_split
from synthheart.tables import (
    SHIPPED,
    Column,
    Schema,
    dates_from_days,
    days_since_1970,
    find_duplicates,
    json_plain,
    outcome_of,
    to_floats,
    validate,
)

HEART = load_heart()


@pytest.fixture
def real() -> pd.DataFrame:
    return HEART.copy()


# --- reading


def test_path_open_file_and_frames_of_others_read_alike(tmp_path):
    path = SHIPPED / "cleveland.csv"
    table = read_table(path)
    assert table.shape == (303, 14)
    for source in (str(path), io.StringIO(path.read_text()), io.BytesIO(path.read_bytes()), table):
        pd.testing.assert_frame_equal(read_table(source), table)
    other = tmp_path / "semicolons.CSV"
    other.write_text(path.read_text().replace(",", ";"), encoding="utf-8-sig")
    pd.testing.assert_frame_equal(read_table(other), table)
    arrow, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    for foreign in (polars.from_pandas(table), arrow.Table.from_pandas(table)):
        pd.testing.assert_frame_equal(read_table(foreign), table)


def test_a_typed_frame_comes_back_equal(real):
    pd.testing.assert_frame_equal(read_table(real), real)
    assert read_table(real.set_axis(range(5, 308))).index[0] == 5


def test_parquet_keeps_its_types_by_path_and_open_file(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(
        {
            "ward": pd.Categorical(["a", "b"], ["b", "a"], ordered=True),
            "n": pd.Series([1, None], dtype="Int64"),
            "seen": pd.to_datetime(["2020-01-31", "2020-02-01"]),
        }
    )
    path = tmp_path / "t.parquet"
    table.to_parquet(path)
    for source in (path, io.BytesIO(path.read_bytes())):
        pd.testing.assert_frame_equal(read_table(source), table)
    path.write_text("age\n1\n")
    with pytest.raises(ValueError, match="t.parquet: cannot be read as Parquet") as error:
        read_table(path)
    one_line(error)


def test_days_of_other_libraries_are_dates():
    pytest.importorskip("pyarrow")
    for library in ("pyarrow", "polars"):
        days = {"seen": [date(2020, 1, 31), None]}
        module = pytest.importorskip(library)
        table = read_table(module.table(days) if library == "pyarrow" else module.DataFrame(days))
        assert table.seen.dtype.kind == "M" and table.seen.isna().tolist() == [False, True]


WARDS = Schema(
    (
        Column(
            "ward",
            "categorical",
            "str" if pd.__version__[0] > "2" else "object",
            levels=("007", "8", "None"),
        ),
        Column("smoker", "binary", "object", levels=(False, True), missing=True),
        Column("pain", "ordinal", "category", levels=("low", "mid", "high")),
        Column("grade", "ordinal", "Int64", levels=(1, 2, 3), missing=True),
        Column("seen", "continuous", "datetime64[us]", decimals=0, missing=True),
        Column("weight", "continuous", "float32", decimals=1),
    )
)
WARD_ROWS = (
    "ward,smoker,pain,grade,seen,weight\n"
    "007,True,low,1,2020-01-31,70.1\n"
    "None,,high,,,80\n"
    "8,False,mid,3,2020-02-29,90.5\n"
)


def test_a_schema_gives_a_file_its_types():
    table = read_table(io.StringIO(WARD_ROWS), WARDS)
    expected = [column.dtype for column in WARDS]
    expected[1] = "boolean"  # truth with gaps
    assert [str(dtype) for dtype in table.dtypes] == expected
    assert table.ward.tolist() == ["007", "None", "8"]
    assert bool(table.smoker[0]) is True and table.smoker.isna().tolist() == [False, True, False]
    assert table.pain.cat.ordered and list(table.pain.cat.categories) == ["low", "mid", "high"]
    assert table.grade.tolist()[0] == 1 and table.grade.isna().sum() == 1
    assert validate(table, WARDS).empty
    pd.testing.assert_frame_equal(read_table(table, WARDS), table)


@pytest.mark.parametrize(
    ("old", "new", "column", "says"),
    [
        ("007", "9", "ward", "is not one of 007, 8, None"),
        ("low", "none at all", "pain", "is not one of low, mid, high"),
        ("1,2020-01-31", "1.5,2020-01-31", "grade", "is not one of 1, 2, 3"),
    ],
)
def test_a_level_that_there_is_not_is_left_for_validate(old, new, column, says):
    table = read_table(io.StringIO(WARD_ROWS.replace(old, new, 1)), WARDS)
    found = validate(table, WARDS)
    assert (found.column.tolist(), found.problem.tolist()) == ([column], [says])


@pytest.mark.parametrize(
    ("old", "new"), [("2020-01-31", "soon"), ("70.1", "heavy"), ("True", "perhaps")]
)
def test_a_cell_that_its_column_cannot_hold_is_refused(old, new):
    with pytest.raises(ValueError) as error:
        read_table(io.StringIO(WARD_ROWS.replace(old, new, 1)), WARDS)
    text = one_line(error)
    assert repr(new) in text and "in row 0 (line 2)" in text and "missing_codes" in text


BAD_FILE = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "header only": (b"age,sex\n", "a header and no rows"),
    "binary": (b"PK\x03\x04\0\0,\n1,2", "is no text but an Excel or zip file"),
    "equal names": (b"a,a\n1,2\n", "'a' occurs more than once"),
    "no name": (b"a,\n1,2\n", "column at position 1 has no name"),
    "ragged": (b"a,b\n1,2\n1,2,3\n", "rows and header do not match"),
}


@pytest.mark.parametrize("what", BAD_FILE)
def test_a_bad_file_is_refused_with_one_line_that_names_it(what, tmp_path):
    content, says = BAD_FILE[what]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_table(path)
    assert says in one_line(error) and one_line(error).startswith(f"{path}: ")
    with pytest.raises(ValueError) as error:
        read_table(io.BytesIO(content))
    assert one_line(error).startswith("the table: ")


def test_what_is_no_table_is_refused_with_one_line(tmp_path):
    (tmp_path / "t.docx").write_bytes(b"x")
    for source, kind, says in [
        (tmp_path / "none.csv", FileNotFoundError, "none.csv: no such file"),
        (tmp_path / "t.docx", ValueError, "unknown suffix '.docx'; known are .csv, .tsv"),
        (7, ValueError, "got int"),
        (None, ValueError, "got NoneType"),
        ([[1, 2]], ValueError, "got list"),
        (pd.DataFrame(), ValueError, "has no columns"),
        (pd.DataFrame({0: [1]}), ValueError, "column names must be text, got 0"),
    ]:
        with pytest.raises(kind) as error:
            read_table(source)
        assert says in one_line(error)


CELL = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["1", "2.5", "?", "NA", "", '"', 'a"b', "2020-01-31", "1e400", "\r", "\u2028"]),
)


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.lists(st.lists(CELL, min_size=1, max_size=4).map(",".join), max_size=6).map("\n".join),
        st.text(alphabet="ab1,;\"\n\r\t' .-?", max_size=60),
        st.binary(max_size=60),
        st.binary(max_size=60).map(lambda end: b"PAR1" + end),
    )
)
def test_any_file_is_a_table_or_one_line(content):
    source = io.StringIO(content) if isinstance(content, str) else io.BytesIO(content)
    try:
        table = read_table(source)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert len(table) and all(name.strip() for name in table)


# --- one column


def test_numbers_are_read_as_they_are_meant():
    assert to_floats(pd.Series([0.1, 0.7], dtype="float32")).tolist() == [0.1, 0.7]
    assert to_floats(pd.Series(["1", None, "2.5"], dtype=object))[[0, 2]].tolist() == [1, 2.5]
    assert to_floats(pd.Series([1, None, 2], dtype="Int64"))[[0, 2]].tolist() == [1, 2]
    assert to_floats(pd.Series(pd.Categorical([3, 6, 3]))).tolist() == [3, 6, 3]
    assert to_floats(pd.Series(pd.to_datetime(["1970-01-02 12:00"]))).tolist() == [1.5]
    assert np.isnan(to_floats(pd.Series(["abc"])))
    for cells, says in [
        (["1", "abc"], "x: 'abc' in row 1 is not a number"),
        ([1, 10**400], "row 1"),
    ]:
        with pytest.raises(ValueError) as error:
            to_floats(pd.Series(cells, name="x", dtype=object), strict=True)
        assert says in one_line(error)


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


def test_dates_of_all_centuries_come_back():
    "A table may say 9999-12-31 for `no end`; counted in nanoseconds, time stops in 2262."
    dates = pd.Series(np.array(["0001-01-01", "2262-04-12", "9999-12-31"], "datetime64[s]"))
    assert days_since_1970(dates).tolist() == [-719162, 106752, 2932896]
    pd.testing.assert_series_equal(dates_from_days(days_since_1970(dates), "datetime64[s]"), dates)
    halves = pd.Series(
        np.array(["2020-01-01T00:00:00.6", "2020-01-01T00:00:00.4"], "datetime64[ms]")
    )
    assert (days_since_1970(halves) * 86400 % 60).round(6).tolist() == [1, 0]


def test_json_plain():
    value = {"a": np.float32(0.5), 2: (np.arange(2), np.nan, float("inf")), "b": np.bool_(True)}
    assert json.dumps(json_plain(value), allow_nan=False) == (
        '{"a": 0.5, "2": [[0, 1], null, null], "b": true}'
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"kind": "nominal"}, "kind must be one of"),
        ({"dtype": "flaot"}, "dtype must be a pandas dtype"),
        ({"dtype": None}, "dtype must be text"),
        ({"unit": 3}, "unit must be text, got 3"),
        ({"role": "key"}, "role must be one of"),
        ({"minimum": 3, "maximum": 2}, "minimum 3 is above maximum 2"),
        ({"minimum": "low"}, "minimum must be a finite number, got 'low'"),
        ({"maximum": 10**400}, "maximum must be a finite number"),
        ({"maximum": np.inf}, "maximum must be a finite number"),
        ({"minimum": True}, "minimum must be a finite number"),
        ({"decimals": -1}, "decimals must be a whole number from 0 to 15"),
        ({"bands": (3, 2)}, "bands must be rising numbers, got [3, 2]"),
        ({"cuts": (1, 1)}, "cuts must be rising numbers"),
        ({"cuts": (np.nan,)}, "cuts must be rising numbers"),
        ({"levels": (1, 2)}, "has a range, and only words for levels"),
        ({"kind": "ordinal"}, "needs its levels"),
        ({"kind": "binary", "levels": (0, 1, 2)}, "a binary column has two levels"),
        ({"kind": "categorical", "levels": (0, np.nan)}, "a missing value is no level"),
        ({"kind": "categorical", "levels": (0, np.inf)}, "a level must be text or a finite number"),
        (
            {"kind": "categorical", "levels": (date(2020, 1, 1),)},
            "a level must be text or a finite",
        ),
        ({"kind": "categorical", "levels": (1, 1.0)}, "a level occurs more than once"),
        ({"kind": "categorical", "levels": (1,), "labels": ("a", "b")}, "2 labels for 1 levels"),
        ({"kind": "categorical", "levels": (1,), "labels": (3,)}, "labels must be text"),
    ],
)
def test_what_cannot_be_a_column_is_refused_with_one_line(words, says):
    with pytest.raises(ValueError) as error:
        Column(**({"name": "x", "kind": "continuous"} | words))
    assert one_line(error).startswith("x: ") and says in one_line(error)


def test_a_column_holds_plain_python():
    column = Column(
        "x", "continuous", minimum=np.float32(1), maximum=np.int64(4), bands=[np.int8(2)]
    )
    assert (type(column.minimum), type(column.maximum)) == (float, int)
    assert column.bands == (2,) and type(column.bands[0]) is int
    assert type(Column("y", "binary", levels=np.array([0, 1])).levels[0]) is int


# --- schemas


def test_an_outcome_is_a_column():
    df = pd.DataFrame({"target": [0, 1], "died": [1, 0]})
    assert (outcome_of(df), outcome_of(df, "died")) == ("target", "died")
    assert outcome_of(df[["died"]]) is None
    for call in (
        lambda: outcome_of(df, "death"),
        lambda: Schema((Column("died", "binary", levels=(0, 1)),), "death"),
    ):
        with pytest.raises(ValueError, match="target 'death' is not a column"):
            call()


NUMBER = st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9))
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


def rising(most: int) -> st.SearchStrategy:
    return st.lists(NUMBER, max_size=most, unique=True).map(lambda ends: tuple(sorted(ends)))


@st.composite
def columns(draw, name: str) -> Column:
    "Any column that `Column` takes."
    kind = draw(st.sampled_from(["continuous", "ordinal", "categorical", "binary"]))
    words = {
        "unit": draw(TEXT),
        "description": draw(TEXT),
        "missing": draw(st.booleans()),
        "role": draw(st.sampled_from(["", "group"])),
        "decimals": draw(st.one_of(st.none(), st.integers(0, 15))),
    }
    if kind == "continuous":
        words["dtype"] = draw(
            st.sampled_from(
                ["int64", "float64", "float32", "Int64", "object", "datetime64[us]"]
                + ["datetime64[s]", "datetime64[us, Europe/Zurich]"]
            )
        )
        words["bands"], words["cuts"] = draw(rising(3)), draw(rising(3))
        ends = draw(st.lists(st.one_of(st.none(), NUMBER), min_size=2, max_size=2))
        if None not in ends:
            ends = sorted(ends)
        return Column(name, kind, minimum=ends[0], maximum=ends[1], **words)
    level = draw(
        st.sampled_from([st.integers(-9, 9), NUMBER, TEXT, st.one_of(NUMBER, TEXT), st.booleans()])
    )
    n = (2, 2) if kind == "binary" else (1, 2)
    words["levels"] = draw(st.lists(level, min_size=n[0], max_size=n[1], unique=True).map(tuple))
    if draw(st.booleans()):
        words["labels"] = tuple(draw(TEXT) for _ in words["levels"])
    dtype = draw(st.sampled_from(["int64", "str", "object", "category", "boolean", "float64"]))
    if dtype == "str" and pd.__version__[0] < "3":
        dtype = "object"
    return Column(name, kind, dtype, **words)


@st.composite
def schemas(draw) -> Schema:
    "Any schema, with or without an outcome."
    names = draw(
        st.lists(TEXT.filter(str.strip), min_size=1, max_size=3, unique=True),
    )
    target = draw(st.one_of(st.none(), st.sampled_from(names)))
    return Schema(tuple(draw(columns(name)) for name in names), target)


@settings(max_examples=100, deadline=None)
@given(schemas())
def test_any_schema_survives_json(schema):
    assert Schema.from_json(schema.to_json()) == schema
    json.loads(schema.to_json(), parse_constant=pytest.fail)  # nothing that only Python reads
    assert schema._repr_html_().count("<tr") == len(schema) + 1


def test_the_ends_of_dates_are_written_as_dates():
    day = Column("seen", "continuous", "datetime64[us]", minimum=4141, bands=(5000,), decimals=0)
    time = Column("left", "continuous", "datetime64[us]", minimum=0.5, maximum=1e12)
    fields = json.loads(Schema((day, time)).to_json())["fields"]
    assert fields[0]["constraints"]["minimum"] == "1981-05-04" and fields[0]["bands"] == [
        "1983-09-10"
    ]
    assert fields[1]["constraints"]["minimum"] == "1970-01-01T12:00:00"
    assert fields[1]["constraints"]["maximum"] == 1e12  # no calendar goes so far


def test_a_heart_schema_reads_well_as_json():
    listed = json.loads(heart_schema().to_json())["fields"]
    assert listed[0]["constraints"] == {"required": True, "minimum": 18, "maximum": 100}
    assert listed[0]["role"] == "group" and listed[0]["bands"] == [45, 55, 65]
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
        (
            '"role": "group"',
            '"role": "key"',
            "age: role must be one of '', 'group', 'id', 'patient', 'person', 'drop', 'time', "
            "'event'; got 'key'",
        ),
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


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (7, "field must be a JSON object, got 7"),
        ({"name": 7, "type": "number"}, "name must be text, got 7"),
        ({"name": "x", "type": "number", "bands": 5}, "x: bands must be a list of plain values"),
        ({"name": "x", "type": "number", "bands": [2, 1]}, "x: bands must be rising numbers"),
        ({"name": "x", "type": "number", "cuts": ["a"]}, "x: cuts must be rising numbers"),
        ({"name": "x", "type": "string"}, "x: a column of text needs an enum"),
        ({"name": "x", "type": "number", "constraints": []}, "constraints must be a JSON object"),
        ({"name": "x", "type": "number", "constraints": {"enum": [[1]]}}, "enum must be a list"),
        ({"name": "x", "type": ["number"]}, "type must be one of"),
        ({"name": "x", "type": "number", "unit": None}, "unit must be text, got None"),
        (
            {"name": "x", "type": "date", "constraints": {"minimum": "soon"}},
            "x: 'soon' is not an ISO date",
        ),
        ({"name": "x", "type": "date", "bands": ["NaT"]}, "x: 'NaT' is not an ISO date"),
    ],
)
def test_a_field_that_is_none_is_refused_with_one_line(field, says):
    with pytest.raises(ValueError) as error:
        Schema.from_json(json.dumps({"fields": [field]}))
    assert says in one_line(error)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda part: st.one_of(st.lists(part, max_size=2), st.dictionaries(st.text(max_size=4), part)),
    max_leaves=4,
)
FIELD_WORDS = "name type title description kind dtype unit decimals labels role bands cuts".split()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELD_WORDS), JSON),
    st.dictionaries(st.sampled_from(["required", "minimum", "maximum", "enum"]), JSON),
)
def test_any_json_is_a_schema_or_one_line(field, limits):
    field = {"name": "x", "type": "number"} | field | {"constraints": limits}
    try:
        schema = Schema.from_json(json.dumps({"fields": [field]}))
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert Schema.from_json(schema.to_json()) == schema


def test_schema_shows_itself_and_escapes():
    schema = Schema((Column("<b>", "categorical", "int64", levels=(1,), labels=("<i>",)),))
    text = schema._repr_html_()
    assert "&lt;b&gt;" in text and "&lt;i&gt;" in text and "<b>" not in text
    assert "female" in heart_schema()._repr_html_()
    long = Schema((Column("x", "categorical", "int64", levels=(1,), description="so " * 90),))
    assert "so " * 80 in long._repr_html_()
    with pytest.raises(KeyError, match="no column 'chl'"):
        heart_schema()["chl"]


# --- a table through a file


def some_patients(seed: int, n: int = 30) -> pd.DataFrame:
    "A table of the sorts of columns that a hospital has, a cell of each missing."
    rng = np.random.default_rng(seed)
    seconds = rng.integers(-2_000_000_000, 4_000_000_000, n)
    table = pd.DataFrame(
        {
            "whole": pd.Series(rng.integers(-5, 90, n), dtype="Int64"),
            "number": rng.normal(0, 1000, n).round(2),
            "code": rng.choice([3.0, 6.0, 7.0], n),
            "word": rng.choice(["007", "8", "None", "a, b"], n),
            "pain": pd.Categorical(rng.choice(["lo", "hi"], n), ["lo", "mid", "hi"], ordered=True),
            "flag": pd.Series(rng.random(n) < 0.5, dtype="boolean"),
            "seen": pd.to_datetime(seconds, unit="s").astype("datetime64[us]"),
        }
    )
    for name in table:
        table.loc[rng.integers(n), name] = None
    return table


@pytest.mark.parametrize("seed", range(20))
def test_a_table_comes_back_from_a_file_with_its_schema(seed):
    table = some_patients(seed)
    schema = infer_schema(table)
    back = read_table(io.StringIO(csv_text(table)), Schema.from_json(schema.to_json()))
    pd.testing.assert_frame_equal(back, table)
    assert validate(back, schema).empty


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
    df = HEART.astype(object)
    df.loc[row, column] = value
    found = validate(df, heart_schema())
    assert set(zip(found.row, found.column, strict=True)) == {(row, column)}


def test_validate_says_dates_as_dates():
    schema = Schema(
        (Column("seen", "continuous", "datetime64[us]", minimum=4141, maximum=5386, decimals=0),)
    )
    days = ["1981-05-03", "1981-05-04", "1984-10-01", "1982-01-01 12:00", "soon", None]
    found = validate(pd.DataFrame({"seen": days}), schema)
    assert list(zip(found.row, found.problem, strict=True)) == [
        (0, "is below the minimum 1981-05-04"),
        (2, "is above the maximum 1984-09-30"),
        (3, "has more decimals than 0"),
        (4, "is not a date"),
        (5, "is missing"),
    ]
    zones = ["2024-01-01 00:00:00+01:00", "2024-07-01 00:00:00+02:00"]
    found = validate(pd.DataFrame({"seen": zones}), schema)
    assert set(found.problem) == {"is not a date"}


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


def test_the_outcome_that_stratifies_is_the_schema_s(real):
    schema = heart_schema()
    by_sex = Schema(schema.columns, "sex")
    nobody = Schema(schema.columns, None)
    share = real.sex.mean()
    for train, holdout in splits(real, 3, schema=by_sex):
        assert abs(train.sex.mean() - share) < 0.01 and abs(holdout.sex.mean() - share) < 0.01
    train, _ = train_holdout_split(real, schema=by_sex)
    assert train.equals(train_holdout_split(real, target="sex")[0])
    assert train.equals(train_holdout_split(real, target="sex", schema=schema)[0])
    assert not train_holdout_split(real, schema=nobody)[0].equals(train_holdout_split(real)[0])


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


def test_a_split_that_cannot_be_is_refused_with_one_line(real):
    for call, says in [
        (lambda: train_holdout_split(real, holdout=1.3), "must be between 0 and 1, got 1.3"),
        (lambda: train_holdout_split(real, target="death"), "target 'death' is not a column"),
        (lambda: train_holdout_split(real.head(1)), "cannot be split"),
        (
            lambda: train_holdout_split(real.assign(target=[1] + [0] * 302)),
            "target: 1 has one patient",
        ),
        (
            lambda: train_holdout_split(
                pd.DataFrame({"k": range(20), "target": list("aabbccddeeffgghhiijj")})
            ),
            "10 classes do not fit on both sides",
        ),
        (lambda: find_duplicates(pd.DataFrame({"x": [[1], [2]]})), "rows cannot be compared"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert says in one_line(error)
