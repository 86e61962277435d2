"""What the GAN's training must hold: the same bytes for a seed, any table, measured belief."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import FactorAnalysis
from sklearn.linear_model import LinearRegression
from streams import made_up

from synthheart.engine import PADDED, Layout, real_rows, run_program, tf
from synthheart.gan import GANConfig
from synthheart.preprocessing import Coded
from synthheart.training import (
    GAN,
    believed_covariance,
    factor_covariance,
    game_alone,
    gan_program,
    guessed_covariance,
    outcome_covariance,
)

FAST = GANConfig(latent=8, generator=(16,), critic=(16,), steps=30, batch=20)


@pytest.mark.parametrize(
    ("rows", "continuous", "cardinalities"),
    [
        (50, 3, (2, 5)),
        (2, 1, (2,)),
        (40, 0, (2, 3, 7)),
        (40, 4, ()),
        (40, 2, (1, 2)),
        (30, 1, (60,)),
    ],
    ids=[
        "mixed",
        "two rows",
        "all categorical",
        "all continuous",
        "constant column",
        "many levels",
    ],
)
def test_every_shape_of_table_trains_and_samples(rows, continuous, cardinalities):
    model = GAN(FAST).fit(made_up(rows, continuous, cardinalities), cardinalities, progress=False)
    scores, levels = model.sample(500, seed=3)
    assert scores.shape == (500, continuous)
    assert levels.shape == (500, len(cardinalities))
    assert np.isfinite(scores).all()
    assert ((levels >= 0) & (levels < np.array(cardinalities, int).reshape(1, -1))).all()


def test_history_names_its_losses():
    history = GAN(FAST).fit(made_up(50, 3, (2, 5)), (2, 5), progress=False).history_
    assert list(history) == ["step", "critic", "generator", "gradient_penalty", "moments"]
    assert np.isfinite(history.to_numpy()).all()


SCRIPT = """
import hashlib, numpy as np, sys
sys.path.insert(0, {tests!r})
from test_training import GAN, FAST, made_up
model = GAN(FAST).fit(made_up(50, 3, (2, 5)), (2, 5), seed=11, progress=False)
rows = b"".join(a.tobytes() for a in model.sample(5000, seed=2))
print(hashlib.sha256(model.weights_.tobytes() + rows).hexdigest())
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_same_seed_same_bytes_across_processes_and_threads(threads):
    model = GAN(FAST).fit(made_up(50, 3, (2, 5)), (2, 5), seed=11, progress=False)
    here = hashlib.sha256(
        model.weights_.tobytes() + b"".join(a.tobytes() for a in model.sample(5000, seed=2))
    ).hexdigest()
    env = os.environ | {"TF_NUM_INTRAOP_THREADS": threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
    env["TF_XLA_FLAGS"] = ""  # compiled there anew
    script = SCRIPT.format(tests=os.path.dirname(__file__))
    there = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert there.split()[-1] == here


def test_covariances_are_believed_as_far_as_they_exceed_chance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    covariance, column = np.cov(rows.T, ddof=0), np.array([0, 1, 2, 3, 3, 4])
    guess, within = guessed_covariance(covariance, column, 4, 1), column[:, None] == column
    sure, keep = believed_covariance(covariance, np.zeros((6, 6)), column, outcome=4)
    np.testing.assert_allclose(sure, covariance)
    assert (keep == 1).all()
    doubted, keep = believed_covariance(covariance, np.full((6, 6), 1e9), column, outcome=4)
    assert (keep[4] == 1).all() and (keep[:4, :4] == 0).all()
    np.testing.assert_allclose(doubted[within], covariance[within])
    np.testing.assert_allclose(doubted[5], covariance[5])
    np.testing.assert_allclose(doubted[:5, :5][~within[:5, :5]], guess[:5, :5][~within[:5, :5]])
    assert (
        believed_covariance(covariance, np.full((6, 6), 1e9), column, factors=0)[0][~within] == 0
    ).all()  # no guess at all


@pytest.mark.parametrize("outcome", [np.array([0]), np.array([0, 1, 2])])
def test_the_guess_is_what_regression_on_the_outcome_explains(outcome):
    rng = np.random.default_rng(1)
    known = rng.normal(size=(400, 1)) if len(outcome) == 1 else np.eye(3)[rng.integers(0, 3, 400)]
    rows = np.c_[known, known @ rng.normal(size=(len(outcome), 4)) + rng.normal(size=(400, 4))]
    column = np.r_[np.zeros(len(outcome), int), 1:5]
    second = LinearRegression().fit(known, rows).predict(known)
    np.testing.assert_allclose(
        outcome_covariance(np.cov(rows.T, ddof=0), column, 0), np.cov(second.T, ddof=0), atol=1e-9
    )


def test_hidden_patterns_are_those_of_factor_analysis():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20_000, 2)) @ rng.normal(size=(2, 8)) + rng.normal(size=(20_000, 8))
    rows /= rows.std(0)
    second = FactorAnalysis(2, tol=1e-8, max_iter=5000).fit(rows).components_
    off = ~np.eye(8, dtype=bool)
    covariance = np.cov(rows.T, ddof=0)
    guess = factor_covariance(covariance, np.arange(8), 2, rounds=500)
    np.testing.assert_allclose(guess[off], (second.T @ second)[off], atol=0.01)
    np.testing.assert_allclose(
        guessed_covariance(covariance, np.arange(8), -1, 2)[off], guess[off], atol=0.01
    )


@pytest.mark.parametrize("calibrate", [True, False])
def test_shares_are_those_of_train_only_where_they_are_set_right(calibrate):
    coded = made_up(300, 2, (3, 2))
    rare = np.arange(300) < 30
    coded.levels[:] = np.where(rare[:, None], coded.levels, 0)  # nine tenths have the first level
    model = GAN(replace(FAST, calibrate=calibrate, steps=5)).fit(coded, (3, 2), progress=False)
    levels = model.sample(40_000, seed=1)[1]
    off = max(
        np.abs(
            np.bincount(levels[:, j], minlength=k) / 40_000
            - np.bincount(coded.levels[:, j], minlength=k) / 300
        ).max()
        for j, k in enumerate((3, 2))
    )
    assert (off < 0.02) == calibrate


def test_tables_of_other_lengths_share_one_program_and_padding_is_never_taken():
    layout, config = Layout(1, (2,)), replace(FAST, outcome=-1)
    program = gan_program(layout, game_alone(config))
    chance = np.linspace(1e-6, 1 - 1e-6, 100).astype(np.float32)

    def take(*shape):
        return tf.constant(np.resize(chance, shape))

    for rows in (20, 33):
        middle = np.full((rows, 1), 0.9, np.float32)
        coded = Coded(middle, middle, np.ones((rows, 1), np.int64))  # padding holds zeros
        gan = GAN(config)
        gan.layout_ = layout
        _, state, data, *_ = gan.prepare(coded, 5, 0)
        assert len(data.cells.levels) == PADDED and data.cells.rows == rows
        run_program(program, state, data, steps=5, seed=0, progress=False)
        assert (real_rows(take, data.cells, layout, 100).numpy()[:, 2] == 1).all()
    assert program.run.experimental_get_tracing_count() == 1
