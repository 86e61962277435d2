"""What few patients show is in no row, no file and no note: levels, words among numbers, extremes,
stays, sparse columns, pairs of a lookup; of patients, where the schema names them.
"""

import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthheart.inference import infer_schema
from synthheart.models import MODELS
from synthheart.protecting import protect_rare
from synthheart.reading import read_table
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Derived, Schema

SECRETS = (">7771", "A lone ward", "Its name", "Theirs alone", "777123", "9191.5", "-4444.5")


def ward(n: int = 300) -> pd.DataFrame:
    "Three rows a patient, with what one or two of them have alone."
    rng = np.random.default_rng(0)
    seen = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    table = pd.DataFrame(
        {
            "patient_id": [f"P{k // 3:04}" for k in range(n)],
            "crp": np.where(rng.random(n) < 0.2, "<5", rng.integers(5, 200, n).astype(str)),
            "admitted": seen,
            "discharged": seen + pd.to_timedelta(rng.integers(1, 60, n), unit="D"),
            "ward": rng.choice(["A", "B", "C"], n),
            "rare": pd.Series([None] * n, dtype=object),
            "few": np.nan,
            "x": rng.normal(50, 9, n).round(1),
            "y": rng.normal(20, 3, n).round(1),
            "died": rng.integers(0, 2, n),
        }
    )
    table.loc[0, "crp"] = ">7771"
    table.loc[1, "ward"] = "A lone ward"
    table.loc[[6, 7], "rare"] = "Theirs alone"
    table.loc[[8, 9, 10], "few"] = [777123.0, 5, 6]
    table.loc[12, "x"] = 9191.5
    table.loc[15, "discharged"] = table.admitted[15] + pd.Timedelta(days=500)
    table.loc[60:65, "patient_id"] = "P9999"  # six rows of one patient
    table.loc[60:65, "ward"] = "A lone ward"
    table.loc[60:65, "y"] = -4444.5
    names = {"A": "Alpha", "B": "Beta", "C": "Gamma", "A lone ward": "Its name"}
    return table.assign(name=table.ward.map(names), sum=(table.x + table.y).round(1))


@pytest.mark.parametrize("model", [m for m in MODELS if m != "naive-gan"])
def test_no_model_no_file_and_no_note_holds_it(model, tmp_path):
    epochs = None if model in ("trees", "copula", "independent") else 1
    few = {"candidates": ["copula", "trees"]} if model == "auto" else None
    fitted = Synthesizer(model, epochs=epochs, options=few)
    fitted.fit(ward(), target="died", progress=False)
    with zipfile.ZipFile(fitted.save(tmp_path / "m.synth")) as file:
        told = b"".join(file.read(name) for name in file.namelist()).decode("latin-1")
    rows = fitted.sample(1000, seed=1)
    told += " ".join(map(str, fitted.protected_)) + rows.to_csv()
    assert not [secret for secret in SECRETS if secret in told]
    assert list(rows) == list(ward()) and rows.few.isna().all() and rows.rare.isna().all()
    assert (rows.discharged - rows.admitted).dt.days.max() < 160
    again = Synthesizer.load(tmp_path / "m.synth").sample(1000, seed=1)
    pd.testing.assert_frame_equal(again, rows)


def test_patients_are_counted_where_the_schema_names_them():
    table, schema = ward(), infer_schema(ward(), target="died")
    assert schema.patient == "patient_id"
    kept = protect_rare(read_table(table), schema, 5)
    assert "A lone ward" not in kept.schema["ward"].levels
    of_each = np.sort(table.groupby("patient_id").y.min())[:5].mean()
    assert kept.schema["y"].minimum == pytest.approx(of_each, abs=0.05)
    keyless = replace(
        schema, columns=tuple(replace(c, role="drop") if c.is_key else c for c in schema)
    )
    rows = protect_rare(read_table(table), keyless, 5)  # seven rows are no few
    assert "A lone ward" in rows.schema["ward"].levels and rows.schema["y"].minimum == -4444.5


def test_a_word_among_numbers_goes_and_the_others_stay():
    table, schema = ward(), infer_schema(ward(), target="died")
    kept = protect_rare(read_table(table), schema, 5)
    assert kept.schema["crp"].levels == ("<5",) and not (kept.table.crp == ">7771").any()
    table["crp"] = [">7771", *map(str, range(5, 304))]
    alone = infer_schema(table, target="died")
    made = protect_rare(read_table(table), alone, 5)
    assert made.schema["crp"].levels == () and made.table.crp.dtype == "Int64"
    rows = Synthesizer("independent").fit(table, target="died", progress=False).sample(50)
    assert pd.to_numeric(rows.crp).between(5, 304).all()


def test_a_pair_of_a_lookup_goes_with_its_level():
    schema = protect_rare(read_table(ward()), infer_schema(ward(), target="died"), 5).schema
    pairs = next(d for d in schema.derived if d.column == "name")
    assert dict(zip(pairs.keys, pairs.values)) == {"A": "Alpha", "B": "Beta", "C": "Gamma"}


def test_a_table_of_few_patients_is_left_as_it_is():
    table = ward().head(8)[["x", "y"]]
    kept = protect_rare(table, infer_schema(table), 5)
    pd.testing.assert_frame_equal(kept.table, table)
    (note,) = kept.notes  # and that is said
    assert note.seen == "fewer than 10 rows"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, 14), st.sampled_from("abcde"), st.integers(-50, 50) | st.none()),
        min_size=30, max_size=60,
    ),
    st.integers(1, 6),
)  # fmt: skip
def test_what_is_left_is_shared_by_k_patients(rows, k):
    table = pd.DataFrame(rows, columns=["who", "level", "number"])
    table["number"] = table.number.astype("Int64")
    schema = Schema(
        (
            Column("who", "continuous", "int64", role="patient"),
            Column("level", "categorical", "str", levels=tuple(sorted(set(table.level)))),
            Column("number", "continuous", "Int64", minimum=-50, maximum=50, missing=True),
        )
    )
    kept = protect_rare(table, schema, k)
    counts = table.groupby("level").who.nunique()
    left = set(kept.table.level)
    assert left == set(kept.schema["level"].levels) or not kept.notes
    assert all(counts[level] >= k for level in left) or len(left) == 1
    if table.who.nunique() >= 2 * k and (~table.number.isna()).any():
        of_each = table.dropna().groupby("who").number
        if len(of_each) >= k:
            most = np.sort(of_each.max().astype(float))[-k:].mean()
            assert kept.table.number.max() <= np.rint(most)
        else:
            assert kept.table.number.isna().all()


def few_of(kind: str, rng: np.random.Generator, n: int, few: int, gaps: bool) -> pd.Series:
    "A column in which the first `few` rows alone have numbers, beside words or gaps."
    numbers = [77.25 + row for row in range(few)]
    if kind == "date":
        numbers = list(pd.Timestamp("2011-11-11") + pd.to_timedelta(range(few), unit="D"))
    if kind == "clock":
        numbers = [f"11:1{row}" for row in range(few)]
    if kind == "unit":
        numbers = [f"{number} mg/dl" for number in numbers]
    if kind == "compound":
        numbers = [f"{200 + row}/{100 + row}" for row in range(few)]
    words = {"words": ["<5", ">900"], "compound": ["120/80", "130/85"]}.get(kind, [None])
    rest = rng.choice(np.array(words, object), n - few)
    if gaps:
        rest[rng.random(n - few) < 0.2] = None
    return pd.Series([*numbers, *rest], dtype=object)


KINDS_OF_FEW = ("words", "number", "date", "clock", "unit", "compound")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(KINDS_OF_FEW),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.sampled_from(("copula", "trees", "independent")),
    st.integers(0, 99),
)
def test_no_number_that_few_patients_have_comes_back(kind, few, gaps, visits, model, seed):
    rng, n = np.random.default_rng(seed), 80
    secret = few_of(kind, rng, n, few, gaps)
    table = pd.DataFrame({"x": rng.normal(50, 9, n).round(1), "secret": secret})
    if kind == "date":
        table["secret"] = pd.to_datetime(table.secret)
    if kind == "number":
        table["secret"] = table.secret.astype("float64")
    if visits:  # many rows, of fewer than five patients
        who = [*range(few)] * 9 + [*range(few, n)]
        table = table.loc[who].reset_index(drop=True)
        table.insert(0, "who", [f"P{each:04}" for each in who])
    schema = infer_schema(table)
    if visits:
        key = replace(schema["who"], role="patient", levels=(), kind="categorical")
        schema = replace(schema, columns=(key, *schema.columns[1:]))
    fitted = Synthesizer(model).fit(table, schema=schema, progress=False)
    found = fitted.sample(400, seed=1).secret.dropna().astype(str)
    theirs = set(secret[:few].astype(str)) | set(pd.Series(secret[:few]).astype(str).str[:4])
    assert not {cell[:4] for cell in found} & theirs
    assert "secret" in {note.column for note in fitted.protected_}
    if kind in ("words", "compound"):
        others = set(secret[few:].dropna())
        assert set(found) == others and (gaps or len(found) == 400)
    else:
        assert found.empty


def test_numbers_beside_words_go_as_a_rare_level_does():
    cells = pd.Series([10.0, 77.25, *["<5"] * 30, *[">90"] * 20], dtype=object)
    table = pd.DataFrame({"crp": cells, "x": np.arange(52.0)})
    column = Column("crp", "continuous", "object", levels=("<5", ">90"), minimum=10, maximum=77.25)
    schema = Schema((column, Column("x", "continuous", minimum=0, maximum=51)))
    kept = protect_rare(table, schema, 5)
    assert kept.schema["crp"].kind == "binary" and kept.schema["crp"].maximum is None
    assert set(kept.table.crp) == {"<5", ">90"}
    note = next(note for note in kept.notes if note.column == "crp")
    assert note.cells == 2 and "numbers that fewer than 5 rows hold" in note.text
    gappy = replace(schema, columns=(replace(column, missing=True), schema["x"]))
    table.loc[:30, "crp"] = [10.0, *["<5"] * 4, *[None] * 26]  # `<5` in five rows
    assert protect_rare(table, gappy, 6).schema["crp"].levels == (">90",)
    table["crp"] = pd.Series([10.0, *["<5"] * 4, *[None] * 47], dtype=object)
    assert protect_rare(table, gappy, 5).table.crp.isna().all()
    alone = replace(schema, columns=(replace(column, levels=("<5",)), schema["x"]))
    table["crp"] = pd.Series([10.0, *["<5"] * 51], dtype=object)
    assert set(protect_rare(table, alone, 5).table.crp) == {"<5"}


def test_an_end_or_a_level_of_other_rows_goes_too():
    "A schema that was read off a whole table names what only rows outside train hold."
    table = pd.DataFrame({"ward": ["a", "b"] * 20, "x": [1.0, 2.0] * 20, "y": [np.nan, 1.5] * 20})
    whole = pd.concat([table, pd.DataFrame({"ward": ["Lone"], "x": [99.5], "y": [-7.5]})])
    schema = infer_schema(whole.reset_index(drop=True))
    text = protect_rare(table, schema, 5).schema.to_json()
    assert "Lone" not in text and "99.5" not in text and "-7.5" not in text


def test_where_every_column_is_sparse_nothing_is_learned():
    table = pd.DataFrame({"a": [1.5, 2.5, 777.25, *[np.nan] * 40], "b": [1.5, *[np.nan] * 42]})
    columns = [Column(c, "continuous", minimum=0, maximum=999, missing=True) for c in table]
    with pytest.raises(ValueError, match="nothing is left to learn: no column has cells that 5"):
        protect_rare(table, Schema(tuple(columns)), 5)


def test_a_rule_that_names_a_rare_level_goes(tmp_path):
    table = pd.DataFrame({"ward": ["Lone", *"ab" * 30], "x": np.arange(61.0)})
    rule = "ward = Lone implies x >= 0"
    schema = replace(infer_schema(table), rules=(rule,))
    for fitted in (
        Synthesizer("independent", rules=(rule,)).fit(table, progress=False),
        Synthesizer("independent").fit(table, schema=schema, progress=False),
    ):
        assert any("rule" in note.seen for note in fitted.protected_)
        with zipfile.ZipFile(fitted.save(tmp_path / "m.synth")) as file:
            assert b"Lone" not in file.read("about.json")
        assert len(Synthesizer.load(tmp_path / "m.synth").sample(9)) == 9


def test_categories_of_a_pandas_column_go_with_their_level(tmp_path):
    rng, n = np.random.default_rng(0), 90
    table = pd.DataFrame({"x": rng.normal(0, 1, n).round(2)})
    table["ward"] = pd.Categorical(["Lone", *rng.choice(["a", "b"], n - 1)])
    table["code"] = pd.Categorical([77123, *rng.choice([1, 2], n - 1)])
    table["number"] = pd.Categorical([77123, *rng.integers(0, 60, n - 1)])
    columns = list(infer_schema(table.drop(columns="number")).columns)
    columns.append(Column("number", "continuous", "float64", minimum=0, maximum=77123, decimals=0))
    schema = Schema(tuple(columns))
    fitted = Synthesizer("copula").fit(table, schema=schema, progress=False)
    rows = fitted.sample(200)
    assert [str(dtype) for dtype in rows.dtypes] == ["float64", *["category"] * 3]
    assert list(rows.ward.cat.categories) == ["a", "b"]
    assert list(rows.code.cat.categories) == [1, 2] and rows.number.notna().all()
    with zipfile.ZipFile(fitted.save(tmp_path / "m.synth")) as file:
        about = file.read("about.json")
    assert b"Lone" not in about and b"77123" not in about
    again = Synthesizer.load(tmp_path / "m.synth").sample(200)
    pd.testing.assert_frame_equal(again, rows)
    bare = Synthesizer("copula", protect=0).fit(table, schema=schema, progress=False).sample(9)
    assert "Lone" in bare.ward.cat.categories


def test_stretches_of_a_cut_column_go_with_their_level():
    x = np.r_[np.arange(50.0), 400.5, 901.5]
    band = ["low"] * 25 + ["high"] * 25 + ["theirs"] * 2
    cut = Derived("band", by="x", cuts=(25.0, 400.5), values=("low", "high", "theirs"))
    columns = (
        Column("x", "continuous", minimum=0, maximum=901.5),
        Column("band", "categorical", "str", levels=("high", "low", "theirs")),
    )
    table = pd.DataFrame({"x": x, "band": band})
    left = protect_rare(table, Schema(columns, derived=(cut,)), 5).schema.derived[0]
    assert left.cuts == (25.0,) and left.values == ("low", "high")


def test_an_order_that_few_patients_show_is_not_learned_from_them():
    "Many rows of one patient have both dates; the others have the later one alone."
    day = pd.Timestamp("2020-01-01")
    rows = [("P0", day, day + pd.Timedelta(days=500 + k % 3)) for k in range(980)]
    rows += [(f"P{1 + k}", pd.NaT, day + pd.Timedelta(days=400 + k)) for k in range(15)]
    table = pd.DataFrame(rows, columns=["who", "start", "end"])
    table.loc[:9, "who"] = [f"Q{k}" for k in range(10)]
    table.loc[:9, "end"] = pd.NaT
    dates = [
        Column(name, "continuous", "datetime64[us]", decimals=0, missing=True)
        for name in ("start", "end")
    ]
    who = Column("who", "categorical", "str", role="patient")
    schema = Schema((who, *dates), rules=("end >= start",))
    kept = protect_rare(table, schema, 5)
    assert kept.schema.rules == () and any("in no order" in note.text for note in kept.notes)


def test_numbers_of_few_patients_decide_nothing():
    rng = np.random.default_rng(0)
    plan = np.repeat(np.arange(1, 13), 20)
    who = np.where(plan == 7, 1, np.arange(240))  # one patient has all rows of plan 7
    table = pd.DataFrame({"patient": who, "plan": plan, "rate": plan * 3.5 % 11})
    table["age"] = rng.integers(20, 90, 240)
    schema = infer_schema(table)
    roles = tuple(replace(c, role="patient") if c.name == "patient" else c for c in schema)
    schema = replace(schema, columns=roles)
    (lookup,) = (one for one in schema.derived if one.column == "rate")
    assert 7 in lookup.keys
    (left,) = (d for d in protect_rare(table, schema, 5).schema.derived if d.column == "rate")
    assert 7 not in left.keys and len(left.keys) == 11


def test_the_range_of_a_lookup_does_not_tell_the_value_that_went():
    rng = np.random.default_rng(0)
    code = [f"T{k}" for k in np.repeat(np.arange(8), 30)]
    code[3] = "Z9"  # one patient's, of a price of its own
    table = pd.DataFrame({"code": code, "age": rng.integers(20, 90, 240)})
    table["price"] = [12345.5 if c == "Z9" else 50.5 + 10 * int(c[1]) for c in code]
    schema = infer_schema(table)
    assert [d.by for d in schema.derived if d.column == "price"] == ["code"]
    kept = protect_rare(table, schema, 5)
    assert (kept.schema["price"].minimum, kept.schema["price"].maximum) == (50.5, 120.5)
    assert kept.table["price"].max() == 120.5
