"""Relations that synthetic rows break are counted, though no schema declares them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import synthheart
from synthheart.broken import counting
from synthheart.evaluation import evaluate
from synthheart.inference import infer_schema
from synthheart.judging import group_names, verdict
from synthheart.keeping import label_of
from synthheart.report import METRICS_FORMAT
from synthheart.statistics import Z, detectable


def stays(n: int = 400, seed: int = 0) -> pd.DataFrame:
    "A made-up ward: an order of dates, a sum, a code that decides a code, gaps together."
    rng = np.random.default_rng(seed)
    admit = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D")
    table = pd.DataFrame({"admit": admit})
    table["discharge"] = admit + pd.to_timedelta(1 + rng.gamma(2, 8, n).astype(int), "D")
    table["a"], table["b"] = rng.integers(30, 90, n), rng.integers(100, 250, n)
    table["total"] = table.a + table.b
    table["unit"] = rng.choice(list("pqrs"), n)
    table["floor"] = table.unit.map({"p": "low", "q": "low", "r": "high", "s": "top"})
    gaps = rng.random(n) < 0.2
    table["ef"] = np.where(gaps, np.nan, rng.integers(30, 70, n))
    table["lv"] = np.where(gaps, np.nan, rng.integers(35, 65, n))
    table["age"] = rng.integers(20, 90, n)
    return table


REAL = stays()
TRAIN, HOLDOUT = REAL[:280].reset_index(drop=True), REAL[280:].reset_index(drop=True)
FEW = {"metrics": ["relations_broken"]}


def broken(fake: pd.DataFrame, **options) -> pd.Series:
    "The share of rows that break each relation, by group."
    return evaluate(TRAIN, HOLDOUT, fake, **FEW, **options).set_index("group").value


def test_real_rows_break_nothing_and_each_relation_has_its_line():
    table = evaluate(TRAIN, HOLDOUT, stays(500, seed=9), **FEW)
    assert table.group.tolist()[0] == "all" and table.value.eq(0).all() and table.floor.eq(0).all()
    assert set(table.group[1:]) == {
        "relation=discharge >= admit",
        "relation=total = a + b",
        "relation=unit decides floor",
        "relation=ef and lv missing together",
    }
    assert table.note.str.contains("broken in train 0.00%, in holdout 0.00%, in synthetic").all()
    assert verdict(evaluate(TRAIN, HOLDOUT, stays(500, 9), **FEW)).faithful != "no"


@pytest.mark.parametrize("bare", [False, True])
def test_dates_the_wrong_way_round_are_caught_though_the_schema_says_nothing(bare):
    fake = stays(500, seed=9)
    turned = fake.copy()
    turned.loc[::2, ["admit", "discharge"]] = fake.loc[::2, ["discharge", "admit"]].to_numpy()
    schema = replace(infer_schema(REAL), rules=(), derived=(), together=()) if bare else None
    table = evaluate(TRAIN, HOLDOUT, turned, schema=schema, **FEW).set_index("group")
    row = table.loc["relation=discharge >= admit"]
    assert row.value == pytest.approx(0.5) and row.ci_low > 0.4 and row.ci_high < 0.6
    assert table.loc["all"].value == pytest.approx(0.5 / 4)
    judged = verdict(table.reset_index())
    assert judged.faithful == "no" and judged.judged("relations_broken") == "missed"


@pytest.mark.parametrize(
    "group, spoil",
    [
        ("total = a + b", lambda t: t.assign(total=t.total + 3)),
        ("unit decides floor", lambda t: t.assign(floor="low")),
        ("ef and lv missing together", lambda t: t.assign(lv=np.arange(len(t)) % 30 + 35.0)),
    ],
)
def test_each_kind_is_caught(group, spoil):
    assert broken(spoil(stays(500, seed=9)))[f"relation={group}"] > 0.4


def test_what_the_holdout_breaks_does_not_count():
    spoiled = HOLDOUT.assign(total=HOLDOUT.total + 1)
    schema = infer_schema(REAL)
    labels = {label_of(one) for one in counting(TRAIN, spoiled, schema)}
    assert "total = a + b" not in labels and "discharge >= admit" in labels


def test_a_column_that_lacks_leaves_its_relations_out():
    table = evaluate(TRAIN, HOLDOUT, stays(500, 9).drop(columns="total"), **FEW)
    row = table[table.group == "relation=total = a + b"].iloc[0]
    assert np.isnan(row.value) and "too small" in row.note
    assert table.value[0] == 0


def test_a_table_without_relations_says_so_and_decides_nothing():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({f"x{k}": rng.normal(size=200).round(2) for k in range(4)})
    found = evaluate(table[:120], table[120:], table, **FEW)
    assert len(found) == 1 and "no relation" in found.note[0] and np.isnan(found.goal[0])
    assert len(verdict(found).records) == 0


def test_the_interval_of_the_mean_holds():
    "Rows that break several relations at once: 95 % of the intervals hold the true mean."
    rng, held = np.random.default_rng(5), []
    from synthheart.broken import _mean_interval

    for _ in range(1000):
        both = rng.random((300, 1)) < 0.2
        rows = np.hstack([both, both | (rng.random((300, 1)) < 0.1)]).astype(float)
        low, high = _mean_interval(rows)
        held.append(low <= (0.2 + 0.28) / 2 <= high)
    assert 0.93 <= np.mean(held) <= 0.97


def test_a_relation_is_no_group_of_patients():
    assert group_names(["all", "sex=1", "relation=a >= b"]) == ["sex"]


def test_the_detectable_difference_is_seen_in_four_of_five_runs():
    rng = np.random.default_rng(0)
    error = 0.02
    see = float(detectable(0.5, 0.5 - Z * error, 0.5 + Z * error))
    seen = np.abs(rng.normal(0.5 + see, error, 20_000) - 0.5) > Z * error
    assert seen.mean() == pytest.approx(0.8, abs=0.01)
    assert np.isnan(detectable(0.5, np.nan, np.nan))


def test_the_references_numbers_fit_the_schema_in_the_package():
    jsonschema = pytest.importorskip("jsonschema")
    package = Path(synthheart.__file__).parent
    schema = json.loads((package / "templates" / "metrics.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["format"]["const"] == METRICS_FORMAT
    metrics = json.loads((package.parent / "reports" / "reference" / "metrics.json").read_text())
    jsonschema.validate(metrics, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(metrics | {"records": [{"metric": "c2st_auc"}]}, schema)
