"""What must hold of the GAN at every size: settings that follow it, frequent values as levels."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from streams import check_endless, check_from_uniforms, made_up

from synthheart.engine import Layout, gated
from synthheart.gan import GANConfig
from synthheart.models import MODELS
from synthheart.preprocessing import Coded
from synthheart.sizes import SIZES, Frequent, frequent_intervals, other_ranks, size_recipe
from synthheart.training import GAN

LARGE = GANConfig(
    latent=8, generator=(16,), critic=(16,), steps=30, batch=20, frequent=0.05, reuse=True
)
ROWS, COLUMNS = st.integers(1, 10**7), st.integers(1, 2000)


@given(ROWS, COLUMNS)
def test_a_recipe_is_a_configuration_between_the_smallest_and_the_largest(rows, columns):
    config = GANConfig(**size_recipe(rows, columns))
    small, large = SIZES[0], SIZES[-1]
    assert large.penalty <= config.penalty <= small.penalty
    assert large.moments <= config.moments <= small.moments
    assert large.learning_rate <= config.learning_rate <= small.learning_rate
    assert small.width <= config.generator[0] <= large.width
    assert config.generator == config.critic
    assert 1 <= GAN(config).default_steps(rows) <= large.steps + (rows / 1000) ** 0.5


@given(ROWS, ROWS, COLUMNS)
def test_more_rows_mean_a_longer_and_freer_game(some, others, columns):
    few, many = (size_recipe(rows, columns) for rows in sorted((some, others)))
    for name in ("penalty", "moments", "learning_rate"):
        assert many[name] <= few[name]
    for name in ("batch", "generator"):
        assert many[name] >= few[name]


def test_steps_are_those_of_the_measured_sizes():
    for size in SIZES:
        steps = GAN(GANConfig(**size_recipe(size.rows, 16))).default_steps(size.rows)
        assert steps == pytest.approx(size.steps, abs=3)


@given(ROWS, COLUMNS, COLUMNS)
def test_wide_tables_get_fewer_steps_and_nothing_else(rows, some, others):
    narrow, wide = (size_recipe(rows, columns) for columns in sorted((some, others)))
    assert wide.pop("steps") <= narrow.pop("steps")
    assert wide == narrow


def test_small_and_private_tables_are_learned_by_the_defaults():
    assert GANConfig(**size_recipe(212, 14)) == GANConfig()
    assert GANConfig(**MODELS["gan"].private_options) == GANConfig(shrink=0.0)


def spiked(rows: int, spike: float, gone: float, seed: int = 0) -> Coded:
    """Three numbers and a level: the first is one value in a share of the rows and missing in
    another, as its flag (the last column) says; the second is plain, the third always one value.
    """
    rng = np.random.default_rng(seed)
    coded = made_up(rows, 3, (3,), seed)
    u = rng.uniform(spike + 0.01, 0.97, rows).astype("float32")
    zero, empty = rng.random((2, rows)) < [[spike], [gone]]
    coded.low[:, 0] = np.where(empty, 5e-7, np.where(zero, 1e-6, u))
    coded.high[:, 0] = np.where(empty, 1 - 5e-7, np.where(zero, spike, u + 0.02))
    coded.low[:, 2], coded.high[:, 2] = 1e-6, 1 - 2e-5
    return Coded(coded.low, coded.high, np.column_stack([coded.levels, empty]).astype("int32"))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.floats(0.02, 0.9), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0))
def test_frequent_values_there_and_back_are_what_they_were(rows, spike, gone, seed):
    coded = spiked(rows, spike, gone, seed % 1000)
    frequent = Frequent.fit(coded, (3, 2), 0.05)
    frequent = Frequent.from_state(json.loads(json.dumps(frequent.to_state())))
    inside, sizes = frequent.inside(coded), frequent.cardinalities((3, 2))
    assert inside.levels.shape == (rows, len(sizes))
    assert (inside.levels < np.array(sizes)).all() and (inside.levels >= 0).all()
    scores, levels = frequent.outside(inside.scores(np.random.default_rng(0)), inside.levels)
    np.testing.assert_array_equal(levels, coded.levels)
    ranks, there = ndtr(scores), levels[:, 1] == 0
    for c, rows_there in enumerate((there, ..., ...)):
        assert (ranks[rows_there, c] >= coded.low[rows_there, c] - 1e-4).all()
        assert (ranks[rows_there, c] <= coded.high[rows_there, c] + 1e-4).all()


def test_gates_point_at_the_level_of_another_number():
    coded = spiked(400, 0.4, 0.1)
    frequent = Frequent.fit(coded, (3, 2), 0.05)
    inside, sizes = frequent.inside(coded), frequent.cardinalities((3, 2))
    layout = Layout(3, sizes, frequent.gates(sizes))
    assert sizes == (3, 3, 2)  # the flag is gone; number, zero, missing; number, the one value
    assert layout.gates == (3, -1, 6)
    hot = np.float32(inside.levels[:, layout.block_of] == layout.level_of)
    shown = gated(np.ones((400, 3), np.float32), hot, layout)
    np.testing.assert_array_equal(shown[:, 0], inside.levels[:, 1] == 0)
    assert (shown[:, 1] == 1).all() and (shown[:, 2] == 0).all()


def test_values_as_frequent_as_their_neighbours_are_numbers():
    low = np.repeat(np.arange(10) / 10, 50)
    assert len(frequent_intervals(low, low + 0.1, 0.05)) == 0
    more = np.r_[low, np.full(60, 0.3)]
    np.testing.assert_allclose(frequent_intervals(more, more + 0.1, 0.05), [[0.3, 0.4]])
    assert len(frequent_intervals(low[:0], low[:0], 0.05)) == 0


@given(st.lists(st.integers(0, 1000).map(lambda k: k / 1000), min_size=2, max_size=12).map(sorted))
def test_ranks_of_the_others_rise_from_0_to_1(ends):
    intervals = np.array(ends[: len(ends) // 2 * 2]).reshape(-1, 2)
    among_all, rest = other_ranks(intervals)
    assert (np.diff(among_all) >= 0).all() and (np.diff(rest) >= 0).all()
    assert rest[0] == 0 and (rest[-1] == pytest.approx(1) or rest[-1] == 0)


@pytest.mark.parametrize(
    ("rows", "continuous", "cardinalities"),
    [(50, 3, (2, 5)), (2, 1, (2,)), (40, 0, (2, 3, 7)), (40, 4, ()), (40, 2, (1, 2))],
)
def test_every_shape_of_table_trains_and_samples(rows, continuous, cardinalities):
    model = GAN(LARGE).fit(made_up(rows, continuous, cardinalities), cardinalities, progress=False)
    scores, levels = model.sample(300, seed=3)
    assert scores.shape == (300, continuous) and np.isfinite(scores).all()
    assert levels.shape == (300, len(cardinalities))
    assert ((levels >= 0) & (levels < np.array(cardinalities, int).reshape(1, -1))).all()


def with_spike() -> Coded:
    """The first two numbers of `spiked`."""
    coded = spiked(400, 0.4, 0.1)
    return Coded(coded.low[:, :2], coded.high[:, :2], coded.levels)


@pytest.fixture(scope="module")
def model():
    return GAN(LARGE).fit(with_spike(), (3, 2), seed=5, progress=False)


def test_spikes_and_missing_cells_come_in_their_shares(model):
    scores, levels = model.sample(20_000, seed=1)
    coded, there = with_spike(), levels[:, 1] == 0
    zeros = (coded.low[:, 0] == np.float32(1e-6)).mean()
    assert abs((ndtr(scores[there, 0]) < 0.4).sum() / 20_000 - zeros) < 0.02
    assert abs(levels[:, 1].mean() - coded.levels[:, 1].mean()) < 0.02
    assert (ndtr(scores[:, 0]) > 0.001).all()  # a spike is its interval's middle
    spread = scores[there, 0][ndtr(scores[there, 0]) > 0.41]
    assert 0.3 < spread.std() < 1


def test_the_stream_is_endless_and_rows_follow_their_uniforms(model):
    check_endless(model)
    check_from_uniforms(model)


def test_same_seed_same_rows_also_from_a_file(model):
    again = GAN(LARGE).fit(with_spike(), (3, 2), seed=5, progress=False)
    other = GAN(LARGE).fit(with_spike(), (3, 2), seed=6, progress=False)
    arrays, config = model.to_state()
    loaded = GAN.from_state(arrays, json.loads(json.dumps(config)))
    for a, b, c, d in zip(*(m.sample(500, seed=2) for m in (model, again, loaded, other))):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        assert (a != d).any()


def test_the_history_holds_every_look_and_finite_losses():
    history = (
        GAN(replace(LARGE, steps=250)).fit(made_up(60, 2, (2,)), (2,), progress=False).history_
    )
    assert history.step.tolist() == [100, 200, 250]
    assert list(history) == ["step", "critic", "generator", "gradient_penalty", "moments"]
    assert np.isfinite(history.to_numpy()).all()


def test_the_file_of_larger_tables_is_whole():
    table = pd.read_csv(Path(__file__).parents[1] / "reports" / "reference" / "sizes.csv")
    seeds = table.groupby(["model", "table"]).seed.nunique().unstack("model")
    assert (seeds[["autoregressive", "copula", "gan", "trees"]] == 3).all(axis=None)
    assert (seeds.vae == 1).all() and len(seeds) == 7
    assert table.c2st.between(0.4, 1).all() and table.membership.between(0.4, 1).all()
    assert (table.cpu_seconds > 0).all()
