"""Coded rows to learn from, and what every model's stream of rows must hold, whatever the model."""

import numpy as np

from synthheart.preprocessing import Coded


def made_up(rows: int, continuous: int, cardinalities: tuple, seed: int = 0) -> Coded:
    """Coded rows without any relation: intervals anywhere, levels from a fair die."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0.01, 0.9, (rows, continuous)).astype("float32")
    levels = np.column_stack(
        [rng.integers(0, k, rows) for k in cardinalities] or [np.zeros((rows, 0))]
    ).astype("int32")
    return Coded(low, low + 0.02, levels)


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
