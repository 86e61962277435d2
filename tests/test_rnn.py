"""The network that writes column by column: exact probabilities, honest folds, conditions."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm, spearmanr
from streams import SHAPES, check_endless, check_from_uniforms, check_shape, linked

from synthheart.cohorts import load_heart
from synthheart.engine import Cells, Layout
from synthheart.preprocessing import RankGaussEncoder
from synthheart.rnn import (
    RNN,
    RNNConfig,
    answers,
    as_codes,
    bin_window,
    choices,
    fold_rows,
    rnn_weights,
    write_on,
    writing_order,
)
from synthheart.splitting import train_holdout_split


@pytest.fixture(scope="module")
def coded():
    return linked()


@pytest.fixture(scope="module")
def model(coded):
    return RNN().fit(coded, (2, 2), progress=False)


def test_probabilities_of_all_records_sum_to_one():
    layout, config = Layout(1, (2, 3)), RNNConfig(bins=4, units=5, embed=3)
    weights = tf.constant(rnn_weights(layout, config, np.random.default_rng(0))[None])
    records = np.array(list(itertools.product(*(range(k) for k in choices(layout, config)))))
    logp = answers(weights, tf.one_hot(records[None], 4), layout, config).numpy()[0]
    total = np.take_along_axis(logp, records.T[..., None], axis=-1).sum((0, 2))
    assert len(records) == 24 and np.exp(total).sum() == pytest.approx(1, abs=1e-5)


def test_codes_are_bins_then_levels_in_writing_order(coded):
    layout, config = Layout(2, (2, 2)), RNNConfig()
    codes = as_codes(Cells.of(coded), 0.5, layout, config).numpy()
    assert writing_order(layout, config) == [3, 0, 1, 2] and writing_order(
        layout, RNNConfig(first=0)
    ) == [2, 0, 1, 3]
    np.testing.assert_array_equal(codes[:, 0], coded.levels[:, 1])
    np.testing.assert_array_equal(np.bincount(codes[:, 1]), [30] * 10)


@pytest.mark.parametrize("rows, folds", [(1, 1), (2, 2), (7, 5), (212, 5), (5000, 5)])
def test_no_network_is_stopped_on_rows_it_learns_from(rows, folds):
    teach, count, watch, weight = fold_rows(rows, 5, np.random.default_rng(0))
    assert len(teach) == folds and weight.sum(1) == pytest.approx(np.ones(folds), abs=1e-5)
    for mine, n, seen, share in zip(teach, count.astype(int), watch, weight, strict=True):
        assert rows == 1 or not set(mine[:n]) & set(seen[share > 0])
        assert n >= 1 and (share > 0).any()


def test_it_learns_the_relations_and_only_those(model):
    scores, levels = model.sample(4000, seed=1)
    assert spearmanr(*scores.T)[0] == pytest.approx(0.79, abs=0.15)
    assert np.corrcoef(scores[:, 0], levels[:, 0])[0, 1] > 0.6
    assert abs(np.corrcoef(levels.T)[0, 1]) < 0.15
    assert scores.std(0) == pytest.approx([1, 1], abs=0.12)


def test_same_seed_same_bytes_other_seed_other_rows(model, coded):
    again = RNN().fit(coded, (2, 2), progress=False)
    np.testing.assert_array_equal(again.weights_, model.weights_)
    for a, b in zip(again.sample(100, seed=3), model.sample(100, seed=3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(model.sample(100, seed=3)[0], model.sample(100, seed=4)[0])


def test_an_endless_stream(model):
    check_endless(model)


def test_rows_from_given_uniforms_are_rows_of_the_model(model):
    check_from_uniforms(model)


def test_state_is_arrays_and_json(model):
    arrays, config = model.to_state()
    copy = RNN.from_state(arrays, json.loads(json.dumps(config)))
    assert copy.config == model.config
    np.testing.assert_array_equal(copy.sample(50)[0], model.sample(50)[0])


def test_training_stops_by_itself_and_keeps_the_best(model):
    history = model.history_
    assert history.columns.tolist() == ["step", "train", "held_out", "held_out_best"]
    assert history.step.iloc[-1] < 1000 and (history.held_out_best.diff().dropna() <= 1e-6).all()
    assert (model.fold_steps_ <= history.step.iloc[-1]).all()


def test_written_rows_are_as_likely_as_answered(model):
    middle = np.full((2000, 2), 0.5, np.float32)
    cells = Cells(middle, middle, model.sample(2000, seed=5)[1], 2000)
    codes = as_codes(cells, 0.5, model.layout_, model.config).numpy()
    assert write_on(model, codes[:1])[0, 0, 1] == pytest.approx(codes[:, 0].mean(), abs=0.04)


def test_windows_give_the_condition_and_its_share(model):
    upper = np.array([[0.0, 0.0]] * 5 + [[0.0, 1.0]] * 5)
    scores, levels, log_weight = model.sample_within(4000, {0: upper}, seed=6)
    assert (scores[:, 0] >= 0).all()
    free_scores, free_levels = model.sample(20_000, seed=7)
    assert np.exp(log_weight).mean() == pytest.approx((free_scores[:, 0] >= 0).mean(), abs=0.02)
    weight = np.exp(log_weight) / np.exp(log_weight).sum()
    expected = free_levels[free_scores[:, 0] >= 0].mean(0)
    assert weight @ levels == pytest.approx(expected, abs=0.04)


def test_windows_may_be_ranks_or_a_mask(model):
    scores, levels, _ = model.sample_within(
        500, {1: (0.33, 0.71), 2: np.array([True, False])}, seed=6
    )
    ranks = norm.cdf(scores[:, 1])
    assert (ranks > 0.33 - 1e-5).all() and (ranks < 0.71 + 1e-5).all() and (levels[:, 0] == 0).all()
    whole = bin_window(0.33, 0.71, 10)
    assert (whole[:, 1] - whole[:, 0]).sum() == pytest.approx(3.8)


def test_what_is_written_first_costs_no_weight(model):
    _, levels, log_weight = model.sample_within(1000, {3: np.array([[0, 0], [0, 1]])}, seed=6)
    assert (levels[:, 1] == 1).all()
    assert len(np.unique(log_weight.round(5))) <= len(model.weights_)  # one share a network


@pytest.mark.parametrize("shape", SHAPES)
def test_any_table(coded, shape):
    check_shape(RNN(RNNConfig(units=8, embed=4)), SHAPES[shape](coded))


def test_missing_cells_come_back():
    columns = ["age", "sex", "chol", "thalach", "ca", "target"]
    train = train_holdout_split(load_heart(), seed=0)[0][columns].copy()
    train.loc[train.index[:60], "chol"] = np.nan
    encoder = RankGaussEncoder().fit(train)
    model = RNN(RNNConfig(units=16, embed=8)).fit(
        encoder.code(train), encoder.cardinalities_, progress=False
    )
    fake = encoder.decode(*model.sample(2000))
    assert fake.chol.isna().mean() == pytest.approx(60 / len(train), abs=0.08)
    assert fake.columns.tolist() == train.columns.tolist()


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("bins", 1, "bins must be at least 2, got 1"),
        ("folds", 0, "folds must be at least 1, got 0"),
        ("dropout", -0.1, "dropout must be at least 0 and below 1, got -0.1"),
    ],
)
def test_bad_settings_are_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        RNNConfig(**{field: value})
