"""The two players and the rules of their game, against second opinions."""

import numpy as np
import pytest
import tensorflow as tf

from synthheart.engine import Layout, initial_weights
from synthheart.gan import (
    GANConfig,
    NaiveGAN,
    critic_loss,
    critic_scores,
    critic_shapes,
    expected_rows,
    generate,
    generator_loss,
    generator_shapes,
    gumbel_softmax,
    moment_gap,
    moments,
    soft_rows,
)

LAYOUT = Layout(2, (3, 2))


def normal(shape: tuple, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


@pytest.mark.parametrize("widths", [(), (16,), (16, 8), (8, 8, 8)])
def test_the_critics_gradient_is_what_tensorflow_finds(widths):
    config = GANConfig(critic=widths)
    weights = tf.constant(
        initial_weights(critic_shapes(LAYOUT, config), np.random.default_rng(1)) + 0.01
    )
    rows = normal((9, LAYOUT.width))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        scored = critic_scores(weights, rows, LAYOUT, config)
    np.testing.assert_allclose(tape.gradient(scored.score, rows), scored.gradient, atol=1e-5)


@pytest.mark.parametrize("loss", ["relativistic", "classic"])
def test_the_losses_are_those_of_the_papers(loss):
    config = GANConfig(critic=(16,), loss=loss, penalty=3.0, moments=7.0, adversarial=2.0)
    weights = tf.constant(initial_weights(critic_shapes(LAYOUT, config), np.random.default_rng(1)))
    real, fake = normal((50, LAYOUT.width), 2), normal((50, LAYOUT.width), 3)
    on_real, on_fake = (critic_scores(weights, rows, LAYOUT, config) for rows in (real, fake))
    softplus = lambda x: np.log1p(np.exp(x)).mean()
    r, f = on_real.score.numpy().astype(float), on_fake.score.numpy().astype(float)
    game = {"relativistic": (softplus(f - r), softplus(r - f))}
    game["classic"] = softplus(-r) + softplus(f), softplus(-f)
    penalty = sum((g.gradient.numpy() ** 2).sum(1).mean() for g in (on_real, on_fake))
    of_critic = critic_loss(weights, real, fake, LAYOUT, config)
    of_generator = generator_loss(weights, real, fake, LAYOUT, config)
    assert float(of_critic.game) == pytest.approx(game[loss][0], rel=1e-4)
    assert float(of_critic.gradient_penalty) == pytest.approx(penalty, rel=1e-4)
    assert float(of_critic.total) == pytest.approx(game[loss][0] + 1.5 * penalty, rel=1e-4)
    gap = float(moment_gap(moments(real), fake, LAYOUT))
    assert float(of_generator.moments) == pytest.approx(gap, rel=1e-4)
    assert float(of_generator.total) == pytest.approx(2 * game[loss][1] + 7 * gap, rel=1e-4)


def test_levels_of_one_column_need_not_meet_each_others_covariance():
    rows = np.zeros((40, LAYOUT.width), np.float32)
    mean, covariance = (part.numpy() for part in moments(normal((40, LAYOUT.width), 4)))
    within = (LAYOUT.column_of[:, None] == LAYOUT.column_of) & (LAYOUT.column_of >= 2)
    other = np.where(within, covariance + 5, covariance)
    gaps = [
        float(moment_gap(type(moments(rows))(mean, c), rows, LAYOUT)) for c in (covariance, other)
    ]
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-6)


def test_a_synthetic_row_is_scores_and_shares():
    config = GANConfig(latent=4, generator=(8,))
    weights = tf.constant(
        initial_weights(generator_shapes(LAYOUT, config), np.random.default_rng(1))
    )
    raw = generate(weights, normal((30, 4)), LAYOUT, config)
    gumbel = tf.constant(np.random.default_rng(2).gumbel(size=(30, LAYOUT.one_hot)), tf.float32)
    soft, expected = soft_rows(raw, gumbel, LAYOUT, config), expected_rows(raw, LAYOUT)
    for rows in (soft.numpy(), expected.numpy()):
        np.testing.assert_array_equal(rows[:, :2], raw[:, :2])
        np.testing.assert_allclose(rows[:, 2:5].sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(rows[:, 5:].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(
        expected[:, 2:5], tf.nn.softmax(raw[:, 2:5]), atol=1e-5
    )  # probabilities
    hard = gumbel_softmax(raw[:, 2:], gumbel, LAYOUT, 1e-3).numpy()
    assert (hard.max(1) > 0.99).all()  # cold: a choice


def test_the_originals_judge_is_frozen_and_its_output_is_walled():
    rows = np.random.default_rng(0).standard_normal((80, 5)).astype("float32")
    frozen = NaiveGAN(steps=3).fit(rows, seed=1, progress=False)
    mended = NaiveGAN(steps=3, frozen=False, output="linear").fit(rows, seed=1, progress=False)
    assert not frozen.discriminator.trainable_variables
    assert mended.discriminator.trainable_variables
    assert (np.abs(frozen.sample(500)[0]) <= 1).all()
    assert list(frozen.history_) == ["step", "discriminator", "generator"]
    twin = NaiveGAN.from_state(*mended.to_state())
    np.testing.assert_array_equal(twin.sample(20, seed=3)[0], mended.sample(20, seed=3)[0])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("batch", 0, "batch must be at least 1, got 0"),
        ("shrink", -0.1, "shrink must be at least 0, got -0.1"),
        ("factors", -1, "factors must be at least 0, got -1"),
        ("loss", "kind", "loss must be 'relativistic' or 'classic', got 'kind'"),
    ],
)
def test_bad_settings_are_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        GANConfig(**{field: value})


def test_widths_from_json_are_tuples():
    assert GANConfig(generator=[4, 5]) == GANConfig(generator=(4, 5))
    assert hash(GANConfig(critic=[4])) == hash(GANConfig(critic=(4,)))
