"""Conditions and rules: checked before, met exactly, never run as code; rare rows found with an
honest share.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from synthheart.cohorts import load_heart
from synthheart.conditions import (
    check_where,
    code_windows,
    gap,
    guided_search,
    rank_range,
    satisfying,
    weighted_pick,
)
from synthheart.inference import infer_schema
from synthheart.preprocessing import RankGaussEncoder
from synthheart.synthesizer import Synthesizer

HEART = load_heart()
SCHEMA = infer_schema(HEART)
CODER = RankGaussEncoder().fit(HEART)


@given(
    low=st.integers(29, 77),
    width=st.integers(0, 30),
    sexes=st.lists(st.sampled_from([0, 1]), min_size=1, max_size=2),
)
def test_gap_is_zero_exactly_where_the_conditions_hold(low, width, sexes):
    checked = check_where({"age": (low, low + width), "sex": sexes}, SCHEMA)
    np.testing.assert_array_equal(gap(HEART, checked) == 0, satisfying(HEART, checked))
    expected = HEART.age.between(low, low + width) & HEART.sex.isin(sexes)
    np.testing.assert_array_equal(satisfying(HEART, checked), expected)


def test_a_missing_cell_meets_no_condition():
    checked = check_where({"ca": [0.0, 1.0, 2.0, 3.0]}, SCHEMA)
    assert (~satisfying(HEART, checked)).sum() == HEART.ca.isna().sum() == 4


def test_dates_take_dates():
    visits = pd.DataFrame(
        {"seen": pd.date_range("2020-01-01", periods=60), "x": [i % 3 for i in range(60)]}
    )
    model = Synthesizer("independent").fit(visits)
    rows = model.sample(25, where={"seen": ("2020-01-10", "2020-01-20")})
    assert rows.seen.between("2020-01-10", "2020-01-20").all()
    with pytest.raises(ValueError, match="seen needs a date such as '2020-01-31', got 'soon'"):
        model.sample(5, where={"seen": "soon"})


@pytest.mark.parametrize("far", [6.0, 9.0, 12.0])
def test_guided_search_finds_rare_rows_and_knows_how_rare(far):
    truth = norm.sf(far / np.sqrt(5))
    shares = []
    for seed in range(3):
        z, share = guided_search(
            lambda z: np.maximum(far - z.sum(1), 0), 5, 200, np.random.default_rng(seed)
        )
        assert len(z) == 200
        assert (z.sum(1) >= far).all()
        shares.append(share)
    assert truth / 3 < np.exp(np.mean(np.log(shares))) < truth * 3


def test_guided_search_gives_up_on_the_impossible():
    z, share = guided_search(lambda z: np.ones(len(z)), 3, 10, np.random.default_rng(0), rounds=4)
    assert len(z) == 0
    assert share == 0


def test_rare_patients_from_the_synthesizer():
    model = Synthesizer("copula").fit(HEART)
    wish = {
        "age": (74, 77),
        "sex": 0,
        "chol": (350, 564),
        "cp": 1,
        "target": 1,
        "fbs": 1,
        "exang": 1,
    }
    with pytest.warns(UserWarning, match="cannot know more"):
        rows = model.sample(30, where=wish)
    assert len(rows) == 30
    assert satisfying(rows, check_where(wish, SCHEMA)).all()


def test_corrections_are_counted():
    model = Synthesizer("copula", rules=["age < 60"]).fit(HEART[HEART.age < 70])
    rows = model.sample(500)
    assert (rows.age < 60).all()
    assert len(rows) == 500
    assert model.corrections_["age < 60"] > 0
    assert pd.concat(model.sample(500, chunk=77), ignore_index=True).equals(rows)


def test_rules_that_nothing_keeps_are_refused():
    with pytest.warns(UserWarning, match="303 of 303 training rows break"):
        model = Synthesizer("copula", rules=["age > 200"]).fit(HEART)
    with pytest.raises(ValueError, match="fewer than one row in a thousand"):
        model.sample(10)


@given(st.sampled_from(["age", "chol", "oldpeak"]), st.floats(-10, 600), st.floats(0, 300))
def test_ranks_are_those_whose_values_lie_in_the_range(name, low, width):
    code, u = CODER.codes_[name], np.linspace(0, 1, 5001)
    inside = u[(code.invert(u) >= low) & (code.invert(u) <= low + width)]
    ranks = rank_range(code, low, low + width)
    if ranks is None:
        assert len(inside) <= 1
        return
    assert 0 <= ranks[0] < ranks[1] <= 1
    within = code.invert(np.linspace(*ranks, 200).astype(np.float32))  # models count in 32 bits
    assert (within >= low).all() and (within <= low + width).all()
    if len(inside):
        assert ranks[0] == pytest.approx(inside[0], abs=3e-4) and ranks[1] == pytest.approx(
            inside[-1], abs=3e-4
        )


def test_windows_close_what_is_missing_and_what_is_not_asked_for():
    table = HEART.assign(chol=HEART.chol.mask(HEART.index < 20))
    coder = RankGaussEncoder().fit(table)
    windows = code_windows(check_where({"ca": [0, 3], "chol": (200, 300)}, coder.schema_), coder)
    names = {coder.names_[j]: window for j, window in windows.items()}
    assert set(names) == {"ca", "chol", "chol is missing"}
    np.testing.assert_array_equal(names["ca"], [True, False, False, True, False])
    np.testing.assert_array_equal(names["chol is missing"], [True, False])


def test_picks_follow_the_weights():
    rng = np.random.default_rng(0)
    log_weight = np.log(np.repeat([0.9, 0.1], 20_000))
    order = rng.permutation(40_000)
    at, exact = weighted_pick(log_weight[order], rng.random(40_000), 8000)
    assert exact and len(np.unique(at)) == 8000
    assert (order[at] < 20_000).mean() == pytest.approx(0.9, abs=0.02)
    at, exact = weighted_pick(np.array([0.0, -30.0, -40.0]), np.full(3, 0.5), 2)
    assert not exact and at.tolist() == [0, 1]
    assert len(weighted_pick(np.zeros(0), np.zeros(0), 3)[0]) == 0
