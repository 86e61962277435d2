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
from synthheart.tables import Column, Schema

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
    assert protect_rare(table, infer_schema(table), 5).notes == ()


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
