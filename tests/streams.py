"""Rows to learn from, coded and plain, and what every model's stream of rows must hold."""

import numpy as np
import pandas as pd

from synthheart.preprocessing import Coded


def made_up(rows: int, continuous: int, cardinalities: tuple, seed: int = 0) -> Coded:
    """Coded rows without any relation: intervals anywhere, levels from a fair die."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0.01, 0.9, (rows, continuous)).astype("float32")
    levels = np.column_stack(
        [rng.integers(0, k, rows) for k in cardinalities] or [np.zeros((rows, 0))]
    ).astype("int32")
    return Coded(low, low + 0.02, levels)


def mixed(rows: int, seed: int = 0) -> pd.DataFrame:
    """A bend, a class that a number decides, a number with many zeros, and empty cells by class."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(0, 1, rows).round(2)
    ward = np.where(dose > 0.8, "high", np.where(dose < -0.8, "low", "usual"))
    nodes = np.where(rng.random(rows) < 0.6, 0, rng.poisson(4, rows))
    test = np.where((ward == "low") | (rng.random(rows) < 0.1), np.nan, (dose**2).round(1))
    died = (dose + rng.normal(0, 1, rows) > 0.5).astype(int)
    return pd.DataFrame({"dose": dose, "ward": ward, "nodes": nodes, "test": test, "target": died})


def linked(rows: int = 300, seed: int = 0) -> Coded:
    "Two linked ranks and one level that follows the first; the other level is a fair coin."
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 2)) @ np.linalg.cholesky([[1, 0.8], [0.8, 1]]).T
    u = ((x.argsort(0).argsort(0)) / rows).astype(np.float32)
    levels = np.c_[u[:, 0] > 0.5, rng.random(rows) > 0.5].astype(np.int32)
    return Coded(u + 1e-4, u + np.float32(1 / rows) - 1e-4, levels)


SHAPES = {  # what may be left of coded rows
    "few rows": lambda rows: rows.take(np.arange(7)),
    "one row": lambda rows: rows.take(np.arange(1)),
    "levels only": lambda rows: Coded(rows.low[:, :0], rows.high[:, :0], rows.levels),
    "numbers only": lambda rows: Coded(rows.low, rows.high, rows.levels[:, :0]),
}


def check_shape(model, rows: Coded) -> None:
    """Fitted to such rows of two levels each, a model makes rows of their shape."""
    continuous, discrete = rows.low.shape[1], rows.levels.shape[1]
    model.fit(rows, (2,) * discrete, epochs=2, progress=False)
    scores, levels = model.sample(5)
    assert scores.shape == (5, continuous) and levels.shape == (5, discrete)
    assert np.isfinite(scores).all() and ((levels >= 0) & (levels < 2)).all()


def check_endless(model) -> None:
    """A part of the stream is the same rows wherever the asking starts."""
    whole = model.sample(9000, seed=2)
    for start, n in ((0, 10), (4090, 20), (8192, 1)):
        for a, b in zip(model.sample(n, seed=2, start=start), whole, strict=True):
            np.testing.assert_array_equal(a, b[start : start + n])


def check_from_uniforms(model) -> None:
    """Rows made from given uniforms are distributed as the sampled ones, wherever they stand."""
    u = np.random.default_rng(0).random((6000, model.n_uniforms_))
    scores, levels = model.from_uniforms(u)
    free = np.hstack(model.sample(6000, seed=9))
    given = np.hstack([scores, levels])
    error = np.sqrt(free.var(0) / 6000 + given.var(0) / 6000)
    assert (abs(free.mean(0) - given.mean(0)) < 4 * error).all()
    assert abs(np.corrcoef(free.T) - np.corrcoef(given.T)).max() < 0.07
    for a, b in zip(model.from_uniforms(u[5:15]), (scores[5:15], levels[5:15]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
