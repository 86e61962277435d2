"""Shadow models find a copy, and find nobody in a release that knows nobody."""

import numpy as np
import pandas as pd
import pytest

from synthheart import privacy as pr
from synthheart import shadow as sw
from synthheart.catalogue import ATTACKS
from synthheart.cohorts import load_heart
from synthheart.evaluation import independent_marginals
from synthheart.splitting import train_holdout_split


@pytest.fixture
def listed():
    """The catalogue with one more attack, for as long as a test takes."""
    ATTACKS.add(sw.shadow_attack(independent_marginals, shadows=6))
    yield {"metrics": ["membership_shadow"], "floors": False}
    ATTACKS.remove("membership_shadow")


def test_a_copy_is_caught_and_power_is_stated(listed):
    train, holdout = train_holdout_split(load_heart(), seed=0)
    table = pr.attack(train, holdout, train, by=("sex",), **listed).set_index("group")
    assert (table.value > 0.95).all() and set(table.index) == {"all", "sex=0", "sex=1"}
    assert "6 shadow models" in table.note["all"]
    assert "detects an AUC of 0.60 with 80 % power" in table.note["all"]


def test_a_release_of_strangers_gives_nobody_away(listed):
    """Members, non-members and release are three random thirds: one half on the mean."""
    real, found = load_heart(), []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(real))
        release, train, holdout = (
            real.iloc[i].reset_index(drop=True) for i in np.array_split(order, 3)
        )
        row = pr.attack(train, holdout, release, by=(), seed=seed, **listed).iloc[0]
        found.append((row.value, row.ci_low <= 0.5 <= row.ci_high))
    value, covered = np.array(found, dtype=float).T
    assert abs(value.mean() - 0.5) < 3.5 * value.std(ddof=1) / np.sqrt(len(value)) + 0.01
    assert covered.sum() >= 9


def test_a_model_may_be_named():
    rows = independent_marginals(load_heart(), 60)
    made = sw._make("copula", rows, 15, 0)
    assert len(made) == 15 and list(made) == list(rows)
    pd.testing.assert_frame_equal(made, sw._make("copula", rows, 15, 0))


def test_too_few_shadows_are_refused():
    with pytest.raises(ValueError, match="shadows: must be at least 4, got 2"):
        sw.shadow_attack("copula", shadows=2)
