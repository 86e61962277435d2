"""Intervals hold a known truth as often as they say, by quick draws of the cheapest kinds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest

from synthheart import coverage as cv
from synthheart.evaluation import evaluate
from synthheart.privacy import attack, net_risk
from synthheart.two_samples import TwoSample

CHEAP = (
    "share (Wilson)",
    "risk, no member harmed (2 %)",
    "risk, 30 % against 20 %",
    "relation, real",
    "relation, synthetic",
    "odds ratio of sex, synthetic",
    "odds ratio of x, synthetic",
)


def test_cheap_kinds_cover():
    """200 draws each: no fewer than a truly 93 % interval gives in all but one of 2,000 studies."""
    table = cv.coverage_study(200, CHEAP, seed=1, progress=False)
    assert (table.covered * 200 >= binom.ppf(0.0005, 200, 0.93)).all(), table
    assert ((table.low <= table.covered) & (table.covered <= table.high)).all()
    np.testing.assert_allclose(table.covered + table.below + table.above, 1)


def test_a_release_that_forgot_its_training_rows_would_not_cover(monkeypatch):
    """Without v (1 + k / n), 2,000 rows from 212 patients pass for 2,000 patients."""
    monkeypatch.setattr("synthheart.clinical.inflation", lambda *counts: 1.0)
    table = cv.coverage_study(100, ["relation, synthetic"], progress=False)
    assert table.covered[0] < 0.7


def test_equal_seeds_give_equal_studies_and_kinds_do_not_depend_on_each_other():
    names = ["share (Wilson)", "risk, 30 % against 20 %"]
    both = cv.coverage_study(20, names, seed=3, progress=False)
    alone = cv.coverage_study(20, names[1:], seed=3, progress=False)
    assert both.iloc[1].to_dict() == alone.iloc[0].to_dict()


def test_the_learned_population_is_near_the_true_one():
    truth = cv.Truth()
    found = cv.learned(truth.draw(40_000, np.random.default_rng(0)))
    assert found.share == pytest.approx(truth.share, abs=0.02)
    assert found.means == pytest.approx(truth.means, abs=0.03)
    assert found.sexes == pytest.approx(truth.sexes, abs=0.02)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind must be one of share"):
        cv.coverage_study(5, ["guess"])


def test_measured_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(cv, "KINDS", {"share (Wilson)": cv.KINDS["share (Wilson)"]})
    path = cv.measure_coverage(tmp_path / "coverage.csv", draws=10)
    assert path.read_text().startswith("kind,draws,covered,low,high,below,above,width\nshare")


MAKERS = {  # the function whose docstring speaks of a kind, by how the kind begins
    "c2st_auc": TwoSample.auc,
    "membership_": attack,
    "risk": net_risk,
    "column_shapes": evaluate,
}


@pytest.fixture(scope="module")
def measured():
    return pd.read_csv(Path(__file__).parents[1] / "reports" / "reference" / "coverage.csv")


def test_the_committed_table_has_every_kind_at_full_size(measured):
    assert measured.kind.tolist() == list(cv.KINDS)
    slow = measured.kind.str.startswith(cv.SLOW)
    assert (measured.draws == np.where(slow, 300, 1000)).all()
    hits = (measured.covered * measured.draws).round().astype(int)
    tests = [binomtest(k, n) for k, n in zip(hits, measured.draws, strict=True)]
    ends = [test.proportion_ci(method="wilson")[:] for test in tests]
    np.testing.assert_allclose(measured[["low", "high"]], ends, atol=2e-4)


def test_a_kind_that_covers_too_little_or_too_much_is_named_where_it_is_made(measured):
    outside = measured[~measured.covered.between(0.93, 0.97)]
    assert len(outside)
    for row in outside.itertuples():
        (maker,) = [made for name, made in MAKERS.items() if row.kind.startswith(name)]
        assert f"{100 * row.covered:.1f} %" in " ".join(maker.__doc__.split()), row.kind
