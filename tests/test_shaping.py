"""What stands before and after every model: keys, computed columns, orders, words among numbers."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_finding import ward

from synthheart.cohorts import load_heart
from synthheart.inference import infer_schema
from synthheart.protecting import protect_rare
from synthheart.shaping import Shape, make_keys, plan_key
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Schema, validate


def shaped() -> tuple[pd.DataFrame, Schema, Shape]:
    "The ward's table with keys and a name, its schema with all that was found, and its shape."
    table, rng = ward(), np.random.default_rng(0)
    schema = infer_schema(table)
    n = len(table)
    table["mrn"] = [f"P{k:05d}" for k in rng.permutation(90_000)[:n]]
    table["number"] = rng.permutation(90_000)[:n] + 10_000
    table["doctor"] = rng.choice(["Dr. A. Smith", "Dr. B. Wu"], n)
    keys = (
        Column("mrn", "categorical", str(table.mrn.dtype), role="id"),
        Column("number", "categorical", "int64", role="patient"),
        Column("doctor", "categorical", str(table.doctor.dtype), role="person"),
    )
    schema = replace(schema, columns=(*schema.columns, *keys))
    return table, schema, Shape.fit(table, schema)


def test_a_models_rows_come_back_with_all_relations():
    table, schema, shape = shaped()
    inside = shape.inside(table)
    assert len(validate(inside, shape.inner)) == 0
    # columns drawn one by one: the worst model there is
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {name: inside[name].to_numpy()[rng.permutation(len(inside))] for name in inside}
    )
    out = shape.release(shape.outside(rows))
    assert list(out.columns) == list(table.columns)
    assert out.dtypes.tolist() == table.dtypes.tolist()
    assert (out.discharge >= out.admit).all()
    assert (out.stay == (out.discharge - out.admit).dt.days).all()
    assert (out.cholesterol == out.ldl + out.hdl).all()
    assert (out.ef.isna() == out.lv.isna()).all()
    pairs = table[["unit", "region"]].drop_duplicates()
    assert len(out[["unit", "region"]].drop_duplicates().merge(pairs)) == out.unit.nunique()


def test_no_real_key_comes_back_or_is_written_down():
    table, _, shape = shaped()
    out = shape.release(shape.outside(shape.inside(table)))
    for name in ("mrn", "number", "doctor"):
        assert not set(out[name]) & set(table[name])
    state = json.dumps(shape.to_state())
    assert not [key for key in table.mrn if key in state]
    assert not [key for key in table.number if f'"{key}"' in state or f" {key}," in state]
    assert "Smith" not in state


def test_a_shape_comes_back_from_its_state():
    table, _, shape = shaped()
    again = Shape.from_state(json.loads(json.dumps(shape.to_state())))
    inside = shape.inside(table)
    pd.testing.assert_frame_equal(again.outside(inside), shape.outside(inside))


def test_made_up_keys_are_nobodys_even_where_real_ones_look_alike():
    real = pd.Series([f"S{k:06d}" for k in range(50)])
    plan = plan_key(real, Column("id", "categorical", "object", role="id"))
    assert not set(make_keys(plan, 50, 0, object)) & set(real)
    numbers = pd.Series([999_999, 3])
    plan = plan_key(numbers, Column("id", "categorical", "int64", role="id"))
    assert make_keys(plan, 3, 0, "int64").min() > numbers.max()


def test_a_plain_table_is_left_as_it_is():
    table = pd.DataFrame({"a": [1, 2, 3, 4] * 10, "b": list("uvvuu") * 8})
    shape = Shape.fit(table, infer_schema(table))
    assert shape.is_trivial


def clinic() -> pd.DataFrame:
    "A hundred patients, one with a diagnosis of his own and one far beyond the others."
    rng = np.random.default_rng(5)
    diagnosis = ["angina"] * 60 + ["infarct"] * 36 + ["a rare one"] * 3 + ["his own"]
    return pd.DataFrame({"diagnosis": diagnosis, "chol": [*rng.integers(150, 300, 99), 1450]})


@pytest.mark.parametrize("model", ["copula", "independent"])
def test_what_few_patients_show_does_not_come_back(model):
    table = clinic()
    fitted = Synthesizer(model).fit(table, progress=False)
    fake = fitted.sample(3000, seed=1)
    assert set(fake.diagnosis) == {"angina", "infarct"} and not fake.isna().any().any()
    assert fake.chol.max() <= round(np.sort(table.chol)[-5:].mean())
    assert {note.column for note in fitted.protected_} == {"diagnosis", "chol"}
    plain = Synthesizer(model, protect=0).fit(table, progress=False)
    assert plain.protected_ == () and set(plain.sample(3000, seed=1).diagnosis) > set(
        fake.diagnosis
    )


def test_rare_levels_are_missing_where_cells_may_be():
    table = clinic()
    table.loc[:9, "diagnosis"] = None
    kept = protect_rare(table, infer_schema(table), 5)
    assert kept.table.diagnosis.isna().sum() == 14
    assert kept.schema["diagnosis"].levels == ("angina", "infarct")


def test_what_a_public_schema_or_a_shipped_dictionary_declares_stays():
    table = clinic()
    public = replace(infer_schema(table), public=True)
    assert protect_rare(table, public, 5).table is table
    heart = load_heart()
    assert protect_rare(heart, infer_schema(heart), 5).table is heart
    heart.loc[0, "chol"] = 1450
    kept = protect_rare(heart, infer_schema(heart), 5)
    assert [note.column for note in kept.notes] == ["chol"] and kept.table.chol.max() == 700
