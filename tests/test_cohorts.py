"What must always hold of the patients: codings, the public dictionary, the records of datasets."

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import one_line

from synthheart.cohorts import (
    DATASETS,
    SITES,
    Dataset,
    dataset_from_json,
    dataset_to_json,
    heart_schema,
    load_heart,
    original_5000,
)
from synthheart.inference import infer_schema
from synthheart.reading import read_table
from synthheart.tables import Schema, validate

HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num\n"
ROWS = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return load_heart()


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


@pytest.mark.parametrize("site", SITES)
def test_the_dictionary_is_wider_than_its_patients(site):
    "Its ranges are not learned from them: no end of a range is somebody's value."
    df = load_heart(site=site)
    for column in heart_schema(site).continuous:
        low, high = df[column.name].min(), df[column.name].max()
        assert not low < column.minimum or column.name == "oldpeak"
        assert column.name == "oldpeak" or np.isnan(low) or column.minimum < low
        assert np.isnan(high) or high < column.maximum


@pytest.mark.parametrize("site", SITES)
def test_schema_survives_json(site):
    schema = heart_schema(site)
    assert Schema.from_json(schema.to_json()) == schema


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
    text = (
        HEADER
        + "63.0,1.0,1.0,145.0,0,1.0,2.0,150.0,0.0,2.3,3.0,?,6.0,4\n"
        + "41,0,2,-9,204,0,2,172,0,1.4,1,0,3,0\n"
    )
    with pytest.warns(UserWarning, match="1 in trestbps, 1 in chol"):
        df = load_heart(io.StringIO(text))
    assert df.target.tolist() == [1, 0] and "num" not in df
    assert df.isna().sum()[lambda n: n > 0].to_dict() == {"trestbps": 1, "chol": 1, "ca": 1}


def test_loading_leaves_the_source_alone():
    raw = original_5000(n=303)
    before = raw.copy()
    with pytest.warns(UserWarning, match="cannot be recovered"):
        load_heart(raw, coding="original")
    pd.testing.assert_frame_equal(raw, before)


def test_the_original_coding_becomes_uci_s(real):
    with pytest.warns(UserWarning, match="cannot be recovered"):
        back = load_heart(original_5000(), coding="original")
    assert back.shape == (5000, 14) and len(validate(back, heart_schema())) == 0
    filled = real.assign(ca=real.ca.fillna(0), thal=real.thal.fillna(3))
    back, filled = (
        df.drop_duplicates().sort_values(list(real)).reset_index(drop=True) for df in (back, filled)
    )
    pd.testing.assert_frame_equal(back, filled)


# --- codings are said, and each row is turned by itself

TO_KAGGLE = {
    "cp": {4: 0, 2: 1, 3: 2, 1: 3},
    "restecg": {2: 0, 0: 1, 1: 2},
    "slope": {3: 0, 2: 1, 1: 2},
    "thal": {6: 1, 3: 2, 7: 3},
}


def as_kaggle(real: pd.DataFrame) -> pd.DataFrame:
    "Cleveland in the coding of Kaggle's heart.csv."
    turned = {name: real[name].map(codes) for name, codes in TO_KAGGLE.items()}
    table = real.assign(**turned, target=1 - real.target)
    return table.fillna({"thal": 0, "ca": 4}).astype({"thal": "int64", "ca": "int64"})


def as_original(real: pd.DataFrame) -> pd.DataFrame:
    "Cleveland in the coding of the 5,000-row file."
    thal = real.thal.map({3: 1, 6: 2, 7: 3})
    table = real.assign(cp=real.cp - 1, slope=real.slope - 1, thal=thal)
    return table.fillna({"thal": 1, "ca": 0}).astype({"thal": "int64", "ca": "int64"})


TURNED = {"uci": lambda real: real, "original": as_original, "kaggle": as_kaggle}


@pytest.mark.filterwarnings("ignore:turned from coding='original'")
@pytest.mark.parametrize("coding", TURNED)
def test_any_rows_of_a_table_are_turned_as_in_the_whole(coding, real):
    given_ = TURNED[coding](real)
    whole = load_heart(given_, coding=coding)
    filled = real.fillna({"ca": 0, "thal": 3}) if coding == "original" else real
    pd.testing.assert_frame_equal(whole, filled)

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(0, 302), min_size=1, max_size=20), st.booleans())
    def check(rows, as_file):
        part = given_.iloc[rows].reset_index(drop=True)
        source = io.StringIO(part.to_csv(index=False)) if as_file else part
        expected = whole.iloc[rows].reset_index(drop=True)
        pd.testing.assert_frame_equal(load_heart(source, coding=coding), expected)

    check()


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_any_synthetic_rows_read_again_are_equal(data):
    "Whichever codes a few rows happen to hold, a CSV in UCI's coding comes back as it was."
    n = data.draw(st.integers(1, 12))
    levels = {
        column.name: st.sampled_from([*column.levels, *([None] if column.missing else [])])
        if column.levels
        else st.integers(int(column.minimum), int(column.maximum))
        for column in heart_schema()
    }
    rows = {
        name: data.draw(st.lists(level, min_size=n, max_size=n)) for name, level in levels.items()
    }
    df = pd.DataFrame(rows).astype({column.name: column.dtype for column in heart_schema()})
    pd.testing.assert_frame_equal(load_heart(io.StringIO(df.to_csv(index=False))), df)


@pytest.mark.parametrize(
    ("table", "coding", "says"),
    [
        ({"cp": 0}, "uci", "cp: 0 in row 0 is no code of coding='uci' (1, 2, 3, 4); no coding="),
        ({"sex": 2}, "uci", "sex: 2 in row 0 is no code of coding='uci' (0, 1); no coding="),
        ({"sex": 0.39}, "kaggle", "sex: 0.39 in row 0 is no code of coding='kaggle'"),
        ({"ca": 4, "thal": 7}, "uci", "ca: 4 in row 0 is no code"),
        ({"target": 2}, "kaggle", "target: 2 in row 0 is no code of coding='kaggle' (0, 1)"),
        ({}, "UCI", "coding must be one of uci, original, kaggle; got 'UCI'"),
    ],
)
def test_a_code_that_a_coding_has_not_is_refused(real, table, coding, says):
    with pytest.raises(ValueError) as error:
        load_heart(TURNED.get(coding, TURNED["uci"])(real).assign(**table), coding=coding)
    assert says in one_line(error)


def test_the_codings_that_would_take_a_table_are_named(real):
    for coding, names in (("original", ["original", "kaggle"]), ("kaggle", ["kaggle"])):
        with pytest.raises(ValueError) as error:
            load_heart(TURNED[coding](real))
        assert " or ".join(f"coding={name!r}" for name in names) + " would" in one_line(error)
    with pytest.raises(ValueError, match="coding='uci' would take this table"):
        load_heart(real, coding="kaggle")
    assert load_heart(real.assign(target=3)).target.eq(3).all()  # an outcome is no code


def test_a_coding_is_of_a_heart_table(real):
    with pytest.raises(ValueError, match="the shipped cohorts are in UCI's"):
        load_heart(site="va", coding="kaggle")
    with pytest.raises(ValueError, match="this one lacks thal"):
        load_heart(as_kaggle(real).drop(columns="thal"), coding="kaggle")


def test_any_other_table_comes_back_as_it_is_read():
    df = pd.DataFrame({"weight": [70.5, 0, -9], "ward": ["A", "B", "A"]})
    pd.testing.assert_frame_equal(load_heart(df), read_table(df))


def test_a_heart_rate_of_99_is_no_missing_cell(real):
    "Though it lies far from the others of a few rows, where a reader that knows no hearts doubts."
    few = real[real.thalach.between(120, 124) | (real.thalach == 99)].reset_index(drop=True)
    assert read_table(few).thalach.isna().any()
    for source in (few, io.StringIO(few.to_csv(index=False))):
        pd.testing.assert_frame_equal(load_heart(source), few)


def test_dates_in_the_file_of_another_hospital_are_dates(real, tmp_path):
    path = tmp_path / "visits.csv"
    real.assign(seen="1981-05-04").to_csv(path, index=False)
    assert load_heart(path).seen.dtype.kind == "M"
    path.write_text("ward,seen\nA,1981-05-04\nB,\n")
    assert load_heart(path).seen.tolist()[0] == pd.Timestamp("1981-05-04")


# --- bad input

BAD_FILE = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "header only": (HEADER.encode(), "a header and no rows"),
    "binary": (b"PK\x03\x04\0\0,\n1,2", "is no text but an Excel or zip file"),
    "equal names": (b"a,a\n1,2\n", "'a' occurs more than once"),
    "no name": (b"a,\n1,2\n", "column at position 1 has no name"),
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
        (lambda: load_heart(tmp_path), ValueError, "unknown suffix"),
        (
            lambda: load_heart(site="paris"),
            ValueError,
            "cleveland, hungarian, switzerland, va; got 'paris'",
        ),
        (lambda: heart_schema("paris"), ValueError, "got 'paris'"),
        (
            lambda: load_heart(7),
            ValueError,
            "an open file or a DataFrame (pandas, polars or pyarrow); got int",
        ),
        (lambda: load_heart(pd.DataFrame()), ValueError, "has no columns"),
        (lambda: load_heart(real.head(0)), ValueError, "a header and no rows"),
        (lambda: Dataset.from_table(real, target="death"), ValueError, "'death' is not a column"),
        (lambda: Dataset.from_table(real.head(1)), ValueError, "1 row;"),
        (lambda: Dataset.from_table(real, title="Ward\n7"), ValueError, "character 5 is U+000A"),
        (lambda: DATASETS.find("paris"), ValueError, "dataset must be one of cleveland"),
    ]:
        with pytest.raises(kind) as error:
            call()
        assert says in one_line(error)


# --- records


def test_the_four_cohorts_are_records_that_lack_nothing():
    for site in SITES:
        record = DATASETS[site]
        assert record.load().shape == (ROWS[site], 14) and record.schema == heart_schema(site)
        assert record.public and record.rows == 1000 and set(record.sisters) == {*SITES} - {site}
        assert all((record.title, record.place, record.source, record.citation, record.licence))
        names = {
            name for relation in record.relations for name in (relation.first, relation.second)
        }
        assert names | set(record.gaps) <= set(record.schema.names)


def test_the_relations_of_the_record_are_what_the_files_show(real):
    for relation in DATASETS["cleveland"].relations:
        first, second = real[relation.first], real[relation.second]
        if relation.kind == "rank correlation":
            found = first.corr(second, method="spearman")
        elif relation.kind == "odds ratio":
            t = pd.crosstab(first == relation.level, second).to_numpy()
            found = np.log(t[1, 1] * t[0, 0] / (t[1, 0] * t[0, 1]))
        else:
            found = first[second == 1].mean() - first[second == 0].mean()
        assert (found > 0) == relation.positive, relation.name


def test_anyone_s_table_becomes_a_record_that_is_not_public(real):
    table = real[["age", "chol", "sex"]]
    mine = Dataset.from_table(table, "ward 7/b", title="Ward 7", target="sex")
    assert (mine.title, mine.public, mine.schema.target) == ("Ward 7", False, "sex")
    assert mine.release == "synthetic_ward_7_b.csv"
    assert mine.schema == infer_schema(table, "sex") and mine.rows is None
    table.loc[0, "age"] = 17  # what was given may change; the record does not
    assert mine.load().age[0] == 63
    loaded = mine.load()
    loaded.loc[0, "age"] = 17
    assert mine.load().age[0] == 63
    other = Dataset.from_table(real, schema=heart_schema(), target="sex")
    assert other.schema == Schema(heart_schema().columns, "sex")
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    pd.testing.assert_frame_equal(Dataset.from_table(polars.from_pandas(real)).load(), real)


@pytest.mark.parametrize("site", SITES)
def test_a_record_survives_json(site):
    record = DATASETS[site]
    text = json.dumps(dataset_to_json(record), allow_nan=False)
    assert dataset_from_json(text, record.load, record.schema) == record
