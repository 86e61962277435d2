"""The peer's rows are judged like ours; a stand-in takes the place of the peer."""

import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from readme import readme

from synthheart import benchmarks
from synthheart.cohorts import load_heart
from synthheart.comparison import compare
from synthheart.splitting import train_holdout_split

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = """
import numpy as np


class CTGAN:
    "Draws each column of the table by itself and gives every number a fraction."

    def __init__(self, epochs, batch_size):
        assert (epochs, batch_size) == (7, 50)

    def set_random_state(self, seed):
        self.rng = np.random.default_rng(seed)

    def fit(self, table, discrete):
        assert not table.isna().any().any() and "sex" in discrete and "age" not in discrete
        self.table, self.discrete = table, discrete

    def sample(self, n):
        rows = self.table.apply(lambda c: self.rng.choice(c, n))
        others = [c for c in rows if c not in self.discrete]
        rows[others] = rows[others] + 0.004
        return rows
"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    (tmp_path / "ctgan.py").write_text(STAND_IN)
    (tmp_path / "torch.py").write_text("def set_num_threads(n): pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return benchmarks.ctgan(sys.executable, epochs=7, batch=50)


def test_the_peer_is_given_a_filled_table_and_its_rows_are_rounded(peer):
    train, _ = train_holdout_split(load_heart(), seed=0)
    rows = peer(train, 40, 3)
    assert list(rows) == list(train) and len(rows) == 40
    assert (rows.age == rows.age.round()).all() and (rows.oldpeak == rows.oldpeak.round(1)).all()
    assert rows.equals(peer(train, 40, 3)) and not rows.equals(peer(train, 40, 4))


@pytest.mark.usefixtures("few_trees")
def test_the_peer_is_compared_like_any_model(peer):
    ranking = compare({"peer": peer}, splits=1, rows=300, draws=1, n_jobs=1, progress=False).ranking
    row = ranking.set_index("model").loc["peer"]
    assert row.note == "" and 0.5 < row.c2st_auc < 1 and 0 < row.shortfall < 1


def test_a_failing_peer_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('no such wheel')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    train, _ = train_holdout_split(load_heart(), seed=0)
    with pytest.raises(RuntimeError, match="measurement failed: ImportError: no such wheel"):
        benchmarks.ctgan(sys.executable)(train, 5, 0)


@pytest.fixture
def checkout(tmp_path):
    "What the README is made from, to be changed."
    for name in ("settings.ini", "nbs", "reports/reference/metrics.json"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile)(ROOT / name, target)
    return tmp_path


def test_the_results_page_shows_quality_and_speed_beside_the_peer(checkout):
    judged = [
        {"model": m, "c2st_auc": a, "tstr_auc": 0.9, "attack_auc": None, "shortfall": 0.1}
        for m, a in (
            ("real rows (floor)", 0.5123),
            ("synthheart's gan", 0.6123),
            ("CTGAN, its defaults", 0.9123),
        )
    ]
    speed = {
        "fit_ours": 7.04,
        "fit_ctgan_default": 16.2,
        "fit_ctgan_long": 118.4,
        "rows_per_second_ours": 100_234.0,
        "rows_per_second_ctgan": 35_111.0,
        "rounds": 5,
    }
    numbers = {
        "machine": {"system": "Linux", "processor": "x86_64", "python": "3.11.2"},
        "peer": speed,
        "quality": judged,
        "quality_splits": 3,
    }
    (checkout / "reports" / "reference" / "benchmarks.json").write_text(json.dumps(numbers))
    part = readme(checkout, "results").split("## Against a peer")[1]
    assert "means over 3 train/holdout splits" in part and "make bench" in part
    assert (
        "| synthheart's gan | 0.612 | 0.900 | – | 0.100 |" in part
        and "| CTGAN, its defaults | 0.912 |" in part
    )
    assert (
        "| seconds to fit the Cleveland table | 7.0 | 16.2 | 118 |" in part
        and "| 100,234 | 35,111 | – |" in part
    )
    for table in re.findall(r"(?:^\|.*\|$\n?)+", part, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_growth_measures_a_made_up_table_of_each_size(monkeypatch):
    seen = []

    def measure(script, job):
        seen.append((pd.read_csv(job["table"]).shape, job["epochs"]))
        return {"fit": float(len(seen)), "sample": 0.0, "rows": 0, "peak_mb": 9.0}

    monkeypatch.setattr(benchmarks, "measure", measure)
    grown = benchmarks.growth(rows=(30, 60), columns=(6, 9), epochs=2)
    assert seen == [((30, 6), 2), ((60, 6), 2), ((30, 9), 2), ((60, 9), 2)]
    assert grown[["rows", "columns"]].to_numpy().tolist() == [[30, 6], [60, 6], [30, 9], [60, 9]]
    assert len(benchmarks.plot_growth(grown).axes) == 2
