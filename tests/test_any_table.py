"""Any table, from its file to its synthetic rows: keys, relations, dates, spelling, memory."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import refused, shell
from test_synthesizer import TINY

from synthheart.cohorts import load_heart
from synthheart.evaluation import evaluate, invalid_share
from synthheart.inference import infer_schema
from synthheart.privacy import attack
from synthheart.reading import read_table
from synthheart.runs import write_table
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Derived, Schema, validate

TABLES = Path(__file__).parent / "fixtures" / "tables"
UNLEARNABLE = {"date_bad": "2019-13-01", "notes_repeat": "free text"}
LEARNABLE = sorted(path.stem for path in TABLES.glob("*.csv") if path.stem not in UNLEARNABLE)


# --- the small tables that are often read wrong


@pytest.mark.parametrize("name", LEARNABLE)
def test_a_small_table_comes_back_through_its_own_spelling(name, tmp_path):
    path = TABLES / f"{name}.csv"
    model = Synthesizer("copula").fit(path, progress=False)
    schema, fake = model.schema_, model.sample(200, seed=1)
    assert fake.dtypes.equals(read_table(path).dtypes)
    typed = read_table(fake, schema)
    assert validate(typed, schema).empty
    written = write_table(fake, tmp_path / "fake.csv", schema)
    pd.testing.assert_frame_equal(read_table(written, schema), typed)
    assert invalid_share(fake, schema) == 0


@pytest.mark.parametrize("name", sorted(UNLEARNABLE))
def test_what_cannot_be_learned_says_how_to_go_on(name):
    with pytest.raises(ValueError, match=UNLEARNABLE[name]) as refusal:
        Synthesizer("copula").fit(TABLES / f"{name}.csv")
    assert "\n" not in str(refusal.value) and "schema" in str(refusal.value)


def cells_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, sep=None, engine="python")


@pytest.mark.parametrize("name", sorted({*LEARNABLE, *UNLEARNABLE}))
def test_the_shell_reads_a_table_as_the_library_does(name, tmp_path):
    path, out = TABLES / f"{name}.csv", tmp_path / "schema.json"
    if name.startswith("kaggle"):
        refused(shell("schema", path), "cp: 0 in row", "--coding kaggle")
        shown = shell("schema", path, "-o", out, "--coding", "kaggle")
        assert shown.exit_code == 0 and "Note: " not in shown.output
        real = load_heart(path, coding="kaggle")
        assert Schema.from_json(out.read_text(encoding="utf-8")) == infer_schema(real)
        return
    shown = shell("schema", path, "-o", out)
    assert shown.exit_code == 0, shown.output
    read_by_shell = Schema.from_json(out.read_text(encoding="utf-8"))
    if name in UNLEARNABLE:
        assert "Note: " in shown.output and UNLEARNABLE[name] in shown.output
        return
    schema = infer_schema(path)
    assert read_by_shell == schema
    assert shown.output.count("Note: ") == len(schema.notes)
    typed = read_table(path, read_by_shell)
    assert validate(typed, read_by_shell).empty and typed.equals(read_table(path))


SHOWN = {  # table: a column, and what each of its cells looks like in the synthetic file
    "clock": ("time", r"([01]\d|2[0-3]):[0-5]\d"),
    "dates_german": ("admit", r"\d\d\.\d\d\.\d{4}"),
    "leading_zero": ("clinic", r"007|012|113|204"),
    "below_limit": ("crp", r"<5|\d+"),
    "units_200": ("ef", r"\d+ ?\S*|"),
    "int_missing": ("chol", r"\d*"),
}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_the_shell_writes_a_table_in_its_own_spelling(name, tmp_path):
    model, out = tmp_path / "m.synth", tmp_path / "fake.csv"
    fitted = shell("fit", TABLES / f"{name}.csv", "-o", model, "--model", "copula")
    assert fitted.exit_code == 0, fitted.output
    assert shell("sample", model, "-n", 200, "-o", out).exit_code == 0
    schema = Synthesizer.load(model).schema_
    fake = read_table(out, schema)
    assert len(fake) == 200 and validate(fake, schema).empty
    column, pattern = SHOWN[name]
    assert cells_of(out)[column].str.fullmatch(pattern).all()


def test_the_shell_asks_for_dates_as_the_table_spells_them(tmp_path):
    model, out = tmp_path / "m.synth", tmp_path / "fake.csv"
    shell("fit", TABLES / "dates_german.csv", "-o", model, "--model", "copula")
    schema = Synthesizer.load(model).schema_
    for wish in ("admit=01.09.2019:30.11.2019", "admit=2019-09-01:2019-11-30"):
        done = shell("sample", model, "-n", 20, "-o", out, "--where", wish)
        assert done.exit_code == 0, done.output
        assert read_table(out, schema).admit.between("2019-09-01", "2019-11-30").all()
    wrong = shell("sample", model, "-n", 20, "-o", out, "--where", "admit=09/11/2019")
    refused(wrong, "admit", "09/11/2019")
    low = shell("sample", model, "-n", 20, "-o", out, "--where", "sex=0:0", "--where", "age=40:60")
    assert low.exit_code == 0, low.output
    assert (read_table(out, schema).sex == 0).all()


# --- keys never come back

KEYS = {
    "text": lambda numbers: [f"P{k:07d}" for k in numbers],
    "hash": lambda numbers: [f"{k * 2654435761 % 2**40:010x}" for k in numbers],
    "like ours": lambda numbers: [f"S{k:06d}" for k in numbers],
    "whole": lambda numbers: numbers,
    "negative": lambda numbers: -numbers,
    "large": lambda numbers: numbers + 4 * 10**18,
    "narrow": lambda numbers: numbers.astype("int32"),
    "gaps": lambda numbers: pd.array(numbers, dtype="Int64"),
    "decimals": lambda numbers: numbers.astype("float64"),
    "objects": lambda numbers: pd.Series(numbers.tolist(), dtype=object),
    "category": lambda numbers: pd.Categorical([f"P{k:07d}" for k in numbers]),
}
NAMES = ("patient_id", "PatientID", "mrn", "subject", "Case No", "person_id")


def keyed(name: str, form: str, visits: int, seed: int, gap: bool) -> pd.DataFrame:
    "A table of 60 rows whose patients have so many rows each, with a key in this form."
    rng = np.random.default_rng(seed)
    n = 60
    numbers = np.repeat(rng.permutation(8_000_000)[: n // visits] + 1_000_000, visits)
    keys = pd.Series(KEYS[form](numbers))
    if gap and form not in ("whole", "negative", "large", "narrow"):
        keys[3] = None
    return pd.DataFrame(
        {
            "age": rng.integers(30, 90, n),
            name: keys,
            "bp": np.round(rng.normal(130, 15, n), 1),
            "died": rng.integers(0, 2, n),
        }
    )


def words_of(keys: pd.Series) -> set[str]:
    "Keys as text."
    return {str(int(k)) if isinstance(k, (int, float)) else str(k) for k in keys.dropna().tolist()}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(NAMES),
    st.sampled_from(sorted(KEYS)),
    st.sampled_from([1, 1, 4]),
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from(["copula", "independent"]),
    st.booleans(),
)
def test_no_key_comes_back(tmp_path_factory, name, form, visits, seed, gap, kind, foreign):
    table = keyed(name, form, visits, seed, gap)
    real = words_of(table[name])
    given_as = pytest.importorskip("polars").from_pandas(table) if foreign else table
    model = Synthesizer(kind).fit(given_as, progress=False, target="died")
    role = model.schema_[name].role
    assert role == ("id" if visits == 1 else "patient")
    whole = model.sample(150, seed=seed)
    parts = list(model.sample(150, seed=seed, chunk=40))
    made = [key for part in parts for key in part[name].tolist()]
    assert made == whole[name].tolist()
    assert not words_of(pd.Series(made, dtype=object)) & real
    assert role != "id" or len(set(made)) == 150
    if not foreign:
        assert whole.dtypes.drop(name).equals(table.dtypes.drop(name))
        assert str(whole[name].dtype) == str(table[name].dtype)
    raw = model.save(tmp_path_factory.mktemp("m") / "m.synth").read_bytes()
    found = {word.decode() for word in re.findall(rb"[0-9A-Za-z]{6,}", raw)}
    assert not real & found


@pytest.mark.parametrize("schema", [False, True])
@pytest.mark.parametrize("form", ["text", "whole", "objects", "category", "gaps"])
def test_a_patients_rows_stay_on_one_side(form, schema):
    table = keyed("patient_id", form, 4, 1, gap=False)
    known = infer_schema(table, target="died") if schema else None
    for seed in range(3):
        sides = train_holdout_split(table, seed=seed, schema=known, target="died")
        left, right = (words_of(side.patient_id) for side in sides)
        assert left and right and not left & right


@pytest.mark.usefixtures("few_trees")
@pytest.mark.filterwarnings("ignore")
def test_keys_are_neither_evaluated_nor_attacked():
    table = pd.concat([keyed("patient_id", "text", 1, seed, False) for seed in range(4)])
    train, holdout = train_holdout_split(table.reset_index(drop=True), target="died")
    fake = Synthesizer("copula").fit(train, target="died", progress=False).sample(150)
    bare = [df.drop(columns="patient_id").reset_index(drop=True) for df in (train, holdout, fake)]
    few = {"draws": 1, "boot": 3}
    pd.testing.assert_frame_equal(
        evaluate(train, holdout, fake, target="died", **few),
        evaluate(*bare, target="died", **few),
    )
    few = {"boot": 3, "queries": 20}
    pd.testing.assert_frame_equal(
        attack(train, holdout, fake, target="died", **few), attack(*bare, target="died", **few)
    )


def test_people_are_made_up_the_same_in_pieces():
    rng = np.random.default_rng(0)
    table = keyed("patient_id", "text", 1, 0, False)
    table["doctor"] = rng.choice(["Dr. A. Smith", "Dr. B. Wu", "Dr. C. Diaz"], len(table))
    model = Synthesizer("independent").fit(table, target="died", progress=False)
    whole = model.sample(100, seed=1)
    parts = pd.concat(list(model.sample(100, seed=1, chunk=30)), ignore_index=True)
    assert parts.equals(whole) and whole.doctor.nunique() == 3
    assert not whole.doctor.isin(table.doctor).any()


AMOUNTS = {
    "creatinine": lambda rng, n: np.round(rng.lognormal(0, 0.4, n), 3),
    "ferritin": lambda rng, n: np.round(rng.gamma(2, 90, n), 2),
    "income": lambda rng, n: rng.integers(18_000, 95_000, n),
    "weight_g": lambda rng, n: rng.normal(3300, 500, n).round().astype(int),
    "platelets": lambda rng, n: rng.normal(250_000, 60_000, n).round().astype(int),
    "total cost": lambda rng, n: rng.lognormal(8, 1, n).round().astype(int),
}


@pytest.mark.parametrize("name", sorted(AMOUNTS))
def test_a_nearly_unique_amount_is_learned(name):
    table = keyed("patient_id", "text", 1, 0, False)
    table[name] = AMOUNTS[name](np.random.default_rng(5), len(table))
    column = infer_schema(table, target="died")[name]
    assert (column.role, column.kind) == ("", "continuous")


# --- relations are kept


def ward(n: int = 240) -> pd.DataFrame:
    "Stays in hospital: two dates, computed columns, a code that decides another, joint gaps."
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2020-01-01")
    table = pd.DataFrame({"admit": start + pd.to_timedelta(rng.integers(0, 700, n), "D")})
    table["discharge"] = table.admit + pd.to_timedelta(rng.integers(0, 20, n), "D")
    table["stay"] = (table.discharge - table.admit).dt.days
    table["height"] = rng.normal(170, 9, n).round()
    table["weight"] = rng.normal(75, 12, n).round(1)
    table["bmi"] = (table.weight / (table.height / 100) ** 2).round(1)
    table["ldl"], table["hdl"] = rng.integers(60, 190, n), rng.integers(30, 90, n)
    table["total"] = table.ldl + table.hdl
    table["unit"] = rng.choice(["a1", "a2", "b1", "b2"], n)
    table["region"] = table.unit.str[0]
    empty = rng.random(n) < 0.3
    table["ef"] = np.where(empty, np.nan, rng.normal(55, 8, n).round())
    table["lv"] = np.where(empty, np.nan, rng.normal(48, 6, n).round(1))
    table["died"] = rng.integers(0, 2, n)
    return table


def relations_kept(df: pd.DataFrame) -> None:
    assert (df.discharge >= df.admit).all()
    assert (df.stay == (df.discharge - df.admit).dt.days).all()
    assert ((df.bmi - df.weight / (df.height / 100) ** 2).abs() <= 0.0501).all()
    assert (df.total == df.ldl + df.hdl).all()
    assert (df.ef.isna() == df.lv.isna()).all()


WARD, QUICKLY = ward(), {"gan": TINY["gan"], "rnn": TINY["rnn"]}
WISHES = [
    {"stay": (3, 9)},
    {"bmi": (22, 28)},
    {"total": (150, 220)},
    {"region": ["a"]},
    {"admit": ("2020-03-01", "2020-12-31")},
    {"discharge": ("2020-03-01", "2020-12-31"), "died": 1},
]


@pytest.mark.filterwarnings("ignore:where")
@pytest.mark.parametrize("kind", ["copula", "independent", *QUICKLY])
def test_relations_are_kept_by_every_model(kind, tmp_path):
    model = Synthesizer(kind, options=QUICKLY.get(kind)).fit(WARD, target="died", progress=False)
    fake = model.sample(300, seed=1)
    relations_kept(fake)
    assert (fake.region == fake.unit.str[0]).all()
    assert fake.dtypes.equals(WARD.dtypes) and validate(fake, model.schema_).empty
    again = Synthesizer.load(model.save(tmp_path / "m.synth"))
    assert again.sample(300, seed=1).equals(fake)


@pytest.mark.filterwarnings("ignore:where")
@pytest.mark.parametrize("where", WISHES, ids=str)
def test_computed_columns_and_dates_can_be_asked_for(where):
    rows = COPULA.sample(40, seed=1, where=where)
    relations_kept(rows)
    assert len(rows) == 40
    for name, wish in where.items():
        if isinstance(wish, tuple):
            assert rows[name].between(*wish).all()
        else:
            assert rows[name].isin(wish if isinstance(wish, list) else [wish]).all()


COPULA = Synthesizer("copula").fit(WARD, target="died", progress=False)
NOT_ASKED = {
    "no date": ({"admit": "soon"}, "admit needs a date such as '2020-01-31', got 'soon'"),
    "turned": ({"admit": ("2021-01-01", "2020-01-01")}, "admit from 2021-01-01 to .* is empty"),
    "too late": ({"discharge": ("2040-01-01", "2041-01-01")}, "discharge lies in 2020-"),
    "too long": ({"stay": (400, 500)}, "stay lies between"),
    "three": ({"stay": (1, 2, 3)}, "stay needs a number or a range"),
    "no order": ({"unit": ("a1", "b1")}, "unit has words without order.*a list is a choice"),
    "none": ({"stay": []}, "stay: an empty choice"),
}


@pytest.mark.parametrize("case", sorted(NOT_ASKED))
def test_what_cannot_be_asked_is_said_in_one_line(case):
    where, words = NOT_ASKED[case]
    with pytest.raises(ValueError, match=words) as refusal:
        COPULA.sample(5, where=where)
    assert "\n" not in str(refusal.value)


def own_schema(**changes):
    "The ward's schema with formulas and rules of one's own."
    own = {
        "derived": (
            Derived("bmi", "weight / (height / 100) ** 2"),
            Derived("stay", "discharge - admit"),
            Derived("total", "ldl + hdl"),
        ),
        "rules": ("discharge >= admit", "ldl + hdl > 120", "not (ldl > 180 and hdl > 80)"),
        "notes": (),
    }
    return replace(infer_schema(WARD, target="died"), **own | changes)


@pytest.mark.filterwarnings("ignore:.*training rows break")
@pytest.mark.parametrize("kind", ["copula", "independent"])
def test_formulas_and_rules_of_ones_own_are_kept(kind, tmp_path):
    model = Synthesizer(kind).fit(WARD, schema=own_schema(), progress=False)
    fake = model.sample(300, seed=2)
    relations_kept(fake)
    assert (fake.ldl + fake.hdl > 120).all() and not ((fake.ldl > 180) & (fake.hdl > 80)).any()
    assert model.corrections_["ldl + hdl > 120"] > 0
    again = Synthesizer.load(model.save(tmp_path / "m.synth"))
    assert again.sample(300, seed=2).equals(fake)


CIRCLE = (Derived("ldl", "total - hdl"), Derived("total", "ldl + hdl"))
WRONG = {
    "misspelt": ({"derived": (Derived("bmi", "weigth / 2"),)}, "no column 'weigth'"),
    "a circle": ({"derived": CIRCLE}, "computed from each other"),
    "half a rule": ({"rules": ("ldl + > 3",)}, "a number or a column is left out"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_formula_is_refused_before_the_training(case):
    changes, words = WRONG[case]
    with pytest.raises(ValueError, match=words) as refusal:
        Synthesizer("copula").fit(WARD, schema=own_schema(**changes), progress=False)
    assert "\n" not in str(refusal.value)


def test_numbers_stay_in_their_range_beside_words():
    rng = np.random.default_rng(0)
    crp = [str(v) if v >= 5 else "<5" for v in rng.gamma(1.2, 14, 300).round().astype(int)]
    model = Synthesizer("copula").fit(pd.DataFrame({"crp": crp}), progress=False)
    fake = read_table(model.sample(500), model.schema_)
    assert validate(fake, model.schema_).empty and (fake.crp == "<5").any()


def test_whole_numbers_without_decimals_in_the_schema_stay_whole():
    table = pd.DataFrame({"bp": pd.array([*range(90, 150), None] * 2, dtype="Int64")})
    schema = replace(
        infer_schema(table),
        columns=(Column("bp", "continuous", "Int64", minimum=80, maximum=160, missing=True),),
    )
    fake = Synthesizer("copula").fit(table, schema=schema, progress=False).sample(50)
    assert fake.bp.dtype == "Int64" and fake.bp.between(80, 160).sum() > 40


# --- memory

MEASURE = """
import resource, sys
from synthheart.reading import read_table
read_table(b"a,b\\n1,x\\n3,y\\n")  # libraries are loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
df = read_table(sys.argv[1])
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(grown / df.memory_usage(deep=True).sum())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_a_file_is_read_in_a_few_times_its_table(tmp_path):
    rng, n = np.random.default_rng(0), 100_000
    table = pd.DataFrame({f"x{k}": rng.normal(100, 20, n).round(2) for k in range(6)})
    table["ward"] = rng.choice(["north", "south", "east"], n)
    table["seen"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 999, n), "D")
    table["mrn"] = [f"P{k:07d}" for k in rng.permutation(9_000_000)[:n]]
    table.to_csv(tmp_path / "big.csv", index=False)
    words = [sys.executable, "-c", MEASURE, str(tmp_path / "big.csv")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 4
