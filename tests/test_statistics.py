"""Intervals and tests against second sources: scikit-learn, scipy, the bootstrap."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from synthheart import statistics as st
from synthheart.space import Rows


def test_placements_are_the_means_of_the_wins():
    rng = np.random.default_rng(14)
    a, b = rng.integers(0, 9, 50) / 8, rng.integers(0, 9, 70) / 8  # many ties
    wins, (positive, negative) = st.auc_wins(a, b), st.placements(a, b)
    np.testing.assert_allclose(positive, wins.mean(axis=1))
    np.testing.assert_allclose(negative, wins.mean(axis=0))
    assert st.placement_error(positive, negative) == pytest.approx(st.delong_error(wins))


def test_auc_and_delong():
    rng = np.random.default_rng(7)
    a, b = rng.normal(0.7, 1, 60).round(1), rng.normal(0, 1, 80).round(1)
    wins = st.auc_wins(a, b)
    assert wins.mean() == pytest.approx(roc_auc_score([1] * 60 + [0] * 80, np.r_[a, b]))
    boot = [st.auc_wins(rng.choice(a, 60), rng.choice(b, 80)).mean() for _ in range(600)]
    assert st.delong_error(wins) == pytest.approx(np.std(boot), rel=0.15)


@pytest.mark.parametrize(
    "hits, n, low, high", [(0, 20, 0.0, 0.1611), (5, 10, 0.2366, 0.7634), (20, 20, 0.8389, 1.0)]
)
def test_wilson(hits, n, low, high):
    assert st.wilson(hits, n) == pytest.approx((low, high), abs=2e-4)
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert st.wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_wins_by_pair_equal_wins_by_person():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 30) / 4, rng.integers(0, 5, 20) / 4
    by_pair = np.repeat(a[:, None], 20, axis=1)
    np.testing.assert_array_equal(st.auc_wins(by_pair, b), st.auc_wins(a, b))


def test_the_bootstrap_finds_the_error_of_a_mean():
    rows = Rows(np.random.default_rng(1).normal(size=(500, 2)), np.zeros((500, 0), dtype=int))

    def mean(real, fake):
        return real.numbers.mean(axis=0)

    error = st.bootstrap_error(rows, rows, mean, draws=400, seed=0)
    np.testing.assert_allclose(error, rows.numbers.std(axis=0, ddof=1) / np.sqrt(500), rtol=0.15)
    capped = st.bootstrap_error(rows, rows, mean, draws=400, seed=0, most=100)  # m out of n
    np.testing.assert_allclose(capped, error, rtol=0.2)
    assert np.isnan(st.bootstrap_error(rows, rows, mean, draws=0, seed=0)).all()


def test_what_is_never_defined_has_no_error_and_warns_of_nothing(recwarn):
    rows = Rows(np.ones((30, 1)), np.zeros((30, 0), dtype=int))
    error = st.bootstrap_error(rows, rows, lambda a, b: np.array([np.nan, 1.0]), draws=5, seed=0)
    assert np.isnan(error[0]) and error[1] == 0 and not recwarn.list
