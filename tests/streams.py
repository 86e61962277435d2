"""What every model's stream of rows must hold, whatever the model."""

import numpy as np


def check_endless(model) -> None:
    """A part of the stream is the same rows wherever the asking starts."""
    whole = model.sample(9000, seed=2)
    for start, n in ((0, 10), (4090, 20), (8192, 1)):
        for a, b in zip(model.sample(n, seed=2, start=start), whole, strict=True):
            np.testing.assert_array_equal(a, b[start : start + n])


def check_from_uniforms(model) -> None:
    """Rows made from given uniforms are distributed as the sampled ones, and do not depend on where they stand."""
    u = np.random.default_rng(0).random((6000, model.chance_))
    scores, levels = model.from_uniforms(u)
    free = np.hstack(model.sample(6000, seed=9))
    given = np.hstack([scores, levels])
    error = np.sqrt(free.var(0) / 6000 + given.var(0) / 6000)
    assert (abs(free.mean(0) - given.mean(0)) < 4 * error).all()
    assert abs(np.corrcoef(free.T) - np.corrcoef(given.T)).max() < 0.07
    for a, b in zip(model.from_uniforms(u[5:15]), (scores[5:15], levels[5:15]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
