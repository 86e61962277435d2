"""In which rows a relation holds, and what nearly all rows keep: found, shown, never enforced."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shell import shell

import synthheart
from synthheart.cohorts import Dataset
from synthheart.inference import infer_schema
from synthheart.keeping import find_relations, label_of, proposals, rows_kept
from synthheart.report import part_html, shown
from synthheart.runs import PRIVATE_FOLDER, start_run
from synthheart.synthesizer import Synthesizer


def clinic(n: int = 300, seed: int = 2) -> pd.DataFrame:
    "A made-up clinic in which stays, sums and codes go together."
    rng = np.random.default_rng(seed)
    admit = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 500, n), "D")
    table = pd.DataFrame({"ldl": rng.integers(60, 190, n), "hdl": rng.integers(30, 80, n)})
    table["total"] = table.ldl + table.hdl
    table["admit"] = admit
    table["discharge"] = admit + pd.to_timedelta(rng.gamma(2, 9, n).astype(int) + 1, "D")
    table["ward"] = rng.choice(["A", "B", "C", "D"], n)
    table["site"] = table.ward.map({"A": "north", "B": "north", "C": "south", "D": "west"})
    gaps = rng.random(n) < 0.2
    table["left"] = np.where(gaps, np.nan, rng.integers(40, 70, n))
    table["right"] = np.where(gaps, np.nan, rng.integers(20, 90, n))
    return table


def slips(table: pd.DataFrame) -> pd.DataFrame:
    "The same with a slip of the pen in each relation."
    table = table.copy()
    table.loc[[3, 40], "total"] += 7
    table.loc[7, "discharge"] = table.admit[7] - pd.Timedelta("30D")
    table.loc[11, "site"] = "west" if table.site[11] != "west" else "north"
    table.loc[table.index[table.left.isna()][0], "right"] = 50.0
    return table


LABELS = {
    "discharge >= admit",
    "total = ldl + hdl",
    "ward decides site",
    "left and right missing together",
}


def test_relations_are_exact_in_a_clean_table_and_proposals_after_slips():
    clean, slipped = find_relations(clinic()), find_relations(slips(clinic()))
    assert {label_of(one) for one in clean if one.exact} == LABELS
    assert not [one for one in clean if not one.exact]
    assert {label_of(one) for one in slipped} == LABELS and not [o for o in slipped if o.exact]
    kept = {label_of(one): round((1 - one.kept) * one.rows) for one in slipped}
    assert kept == dict.fromkeys(LABELS, 1) | {"total = ldl + hdl": 2}
    assert synthheart.find_relations is find_relations


def test_what_a_schema_knows_is_not_named_again():
    table = clinic()
    assert find_relations(table, infer_schema(table)) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_chance_proposes_nothing(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({f"x{k}": rng.normal(50, 9, 200).round(1) for k in range(5)})
    table["a"], table["b"] = rng.choice(list("pqr"), 200), rng.choice(list("uv"), 200)
    table.loc[rng.random(200) < 0.2, "x0"] = np.nan
    table.loc[rng.random(200) < 0.2, "x1"] = np.nan
    assert proposals(table, infer_schema(table)) == []


@pytest.mark.parametrize("label", sorted(LABELS))
def test_a_row_keeps_breaks_or_is_not_asked(label):
    table = clinic()
    bare = replace(infer_schema(table), rules=(), derived=(), together=())
    one = next(one for one in find_relations(table, bare) if label_of(one) == label)
    assert set(rows_kept(one, table, bare)) <= {1.0, np.nan} or label.endswith("together")
    broken = rows_kept(one, slips(table), bare)
    assert (broken == 0).sum() == (2 if "total" in label else 1)
    gone = slips(table).assign(**{one.columns[0]: None})
    if one.kind != "together":
        assert np.isnan(rows_kept(one, gone, bare)).all()


def test_the_shell_shows_proposals_below_the_doubts(tmp_path):
    path = tmp_path / "clinic.csv"
    slips(clinic()).to_csv(path, index=False)
    answer = shell("schema", path)
    lines = answer.stdout.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("nearly always"))
    assert answer.exit_code == 0 and {row.split("  ")[0] for row in lines[head + 1 :]} >= {
        "ward decides site"
    }
    assert any(line.split()[-3:] == ["99.33%", "300", "2"] for line in lines[head:])
    clinic().to_csv(path, index=False)
    assert "nearly always" not in shell("schema", path).stdout


def test_a_report_shows_proposals_and_keeps_them_private(tmp_path):
    path, folder = tmp_path / "clinic.csv", tmp_path / "run"
    slips(clinic()).to_csv(path, index=False)
    (folder / PRIVATE_FOLDER).mkdir(parents=True)
    run = start_run(folder, Dataset.from_table(path))
    assert run.path("proposals").parent.name == PRIVATE_FOLDER
    table = run.table("proposals")
    assert set(table.relation) == LABELS
    part = shown(table.to_dict("records"), {"relation": "relation", "kept": "share"}, "Kept")
    assert "total = ldl + hdl" in part_html(part) and "0.993" in part_html(part)


def test_proposals_do_not_change_what_is_drawn():
    fake = Synthesizer("independent").fit(slips(clinic()), progress=False).sample(300, seed=1)
    assert (fake.total != fake.ldl + fake.hdl).any()
