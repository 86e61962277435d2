"""The chain as a network: no group hears its own answer, tokens cover every rank, any table."""

import numpy as np
import pytest
from streams import check_endless, check_from_uniforms, made_up, mixed

from synthheart.autoregressive import (
    Autoregressive,
    AutoregressiveConfig,
    Design,
    Grid,
    grid_of,
    pick,
    sources_of,
)
from synthheart.synthesizer import Synthesizer

SIZES = (3, 2, 5)


@pytest.fixture(scope="module")
def small():
    coded = made_up(400, 2, SIZES)
    config = AutoregressiveConfig(hidden=8, embed=4, steps=30, warm_below=2)
    return Autoregressive(config).fit(coded, SIZES, progress=False)


def test_the_stream_is_one_and_is_made_of_uniforms(small):
    check_endless(small)
    check_from_uniforms(small)


def test_weights_are_the_share_of_the_condition(small):
    _, levels, weight = small.sample_within(8000, {2: np.array([True, False, False])}, seed=1)
    free = small.sample(20_000, seed=2)[1][:, 0]
    assert (levels[:, 0] == 0).all()
    assert np.exp(weight).mean() == pytest.approx((free == 0).mean(), abs=0.03)
    scores, _, weight = small.sample_within(8000, {0: (0.3, 0.55)}, seed=1)
    ranks = np.sort(small.sample(20_000, seed=2)[0][:, 0])
    low, high = np.searchsorted(ranks, [-0.5244, 0.1257]) / len(ranks)
    assert np.exp(weight).mean() == pytest.approx(high - low, abs=0.03)
    assert scores[:, 0].min() >= -0.525 and scores[:, 0].max() <= 0.126


@pytest.mark.parametrize("rows", [5, 300, 20_000])
def test_tokens_cover_every_rank_once(rows):
    edges = np.sort(np.random.default_rng(0).random(rows + 1))
    grid = grid_of(edges[:-1], edges[1:], AutoregressiveConfig())
    filled = grid.high > grid.low
    low, high = np.sort(grid.low[filled]), np.sort(grid.high[filled])
    np.testing.assert_allclose(low[1:], high[:-1])
    if not grid.alone:
        assert (low[0], high[-1]) == (0.0, 1.0)
    ranks = (edges[1:] + edges[:-1]) / 2
    token, digit = grid.codes(ranks).T
    at = token, np.maximum(digit, 0)
    assert ((grid.low[at] <= ranks) & (ranks <= grid.high[at])).all()


def test_a_frequent_value_is_a_token_and_bins_stop_at_it():
    "Half of the rows share one value in the middle of the ranks."
    fine = np.linspace(0.0, 0.25, 501)
    low = np.r_[fine[:-1], np.full(1000, 0.25), 0.75 + fine[:-1]]
    high = np.r_[fine[1:], np.full(1000, 0.75), 0.75 + fine[1:]]
    grid = grid_of(low, high, AutoregressiveConfig())
    assert grid.alone == 1 and (grid.low[0, 0], grid.high[0, 0]) == (0.25, 0.75)
    rest = (grid.high > grid.low) & (np.arange(grid.tokens) > 0)[:, None]
    assert ((grid.high[rest] <= 0.25) | (grid.low[rest] >= 0.75)).all()
    assert grid.seen(np.array([0, 1]), np.array([0.3, 0.1])).tolist() == [0.5, 0.1]


def test_no_group_sees_its_own_or_later_columns():
    rows = np.random.default_rng(0).random((200, 6))
    sources = sources_of(rows, range(6), [0] * 6, 3, seed=0)
    assert all(seen < at for at, row in enumerate(sources) for seen in row)
    assert sources[0] == (-1, -1, -1) and len(set(sources[5])) == 3
    design = Design((4, 3, 4), (0, 0, 1), (0,), ((-1,), (0,)), 8, 4)
    assert design.slots.tolist() == [[5, 5], [5, 2], [0, 5]]  # a digit sees its own bin


def test_what_tells_most_is_looked_at_first():
    rng = np.random.default_rng(0)
    rows = rng.random((600, 5))
    rows[:, 4] = rows[:, 2] ** 2
    assert sources_of(rows, range(5), [0] * 5, 2, seed=0)[4][0] == 2


def test_a_smaller_program_learns_the_same(monkeypatch):
    coded = made_up(300, 3, SIZES)
    config = AutoregressiveConfig(hidden=8, embed=4, steps=60, warm_below=2, sources=(1, 5))
    found = []
    for blocks in (0, 10**6):  # tokens times sources that must go: always, never
        monkeypatch.setattr("synthheart.autoregressive.WORTH_PRUNING", blocks)
        found.append(Autoregressive(config).fit(coded, SIZES, progress=False))
    small, whole = found
    assert small.design_ == whole.design_
    assert small.held_out_ == pytest.approx(whole.held_out_, rel=1e-4)
    np.testing.assert_allclose(small.weights_, whole.weights_, atol=2e-3)


def test_choices_follow_their_probabilities():
    logits = np.log(np.array([[0.2], [0.5], [0.3]])).repeat(3, axis=1)
    choice, place, weight = pick(logits, np.array([0.1, 0.45, 0.85]), None)
    assert choice.tolist() == [0, 1, 2] and place == pytest.approx([0.5, 0.5, 0.5])
    choice, _, weight = pick(logits, np.array([0.1, 0.45, 0.85]), np.array([1.0, 0.0, 1.0]))
    assert choice.tolist() == [0, 2, 2] and np.exp(weight) == pytest.approx([0.5] * 3)


def test_a_small_table_starts_from_a_prior():
    options = {"hidden": 24, "embed": 8, "steps": 20, "prior_steps": 20}
    options |= {"warm_below": 1000, "warm_rows": 500}
    model = Synthesizer("autoregressive", options=options).fit(mixed(150), progress=False)
    assert model.history_.step.is_monotonic_increasing and model.history_.step.iloc[-1] == 40
    assert np.isfinite(model.history_.to_numpy()).all()


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_few_rows(rows):
    config = AutoregressiveConfig(hidden=4, embed=2, steps=4, prior_steps=3, warm_rows=50)
    model = Autoregressive(config).fit(made_up(rows, 2, SIZES), SIZES, progress=False)
    assert np.isfinite(model.sample(20)[0]).all()


def test_one_column_of_each_kind():
    config = AutoregressiveConfig(hidden=4, embed=2, steps=4, prior_steps=3, warm_rows=50)
    for continuous, sizes in ((1, ()), (0, (3,)), (0, (2, 2))):
        model = Autoregressive(config).fit(made_up(60, continuous, sizes), sizes, progress=False)
        scores, levels = model.sample(9)
        assert scores.shape == (9, continuous) and levels.shape == (9, len(sizes))


def test_a_callback_ends_it():
    looks = []
    config = AutoregressiveConfig(hidden=4, embed=2, steps=100, warm_below=2)
    Autoregressive(config).fit(
        made_up(200, 1, SIZES),
        SIZES,
        progress=False,
        callbacks=[lambda look: looks.append(1) or True],
    )
    assert len(looks) == 1


def test_a_grid_of_single_values_has_no_digits():
    low = np.repeat(np.array([0.0, 0.5]), 50)
    grid = grid_of(low, low + 0.5, AutoregressiveConfig())
    assert isinstance(grid, Grid) and (grid.tokens, grid.digits, grid.alone) == (2, 1, 2)


def test_refusals():
    with pytest.raises(ValueError, match="sources must be whole numbers of at least 1"):
        AutoregressiveConfig(sources=(0, 4))
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        AutoregressiveConfig(hidden=0)
