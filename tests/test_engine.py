"""What the engine promises every network: equal bytes for a seed, honest stops, one epoch."""

import json

import numpy as np
import pytest
from streams import check_from_uniforms, made_up

from synthheart.engine import BLOCK, EarlyStopping, Layout, Progress, draw_rows, epoch_steps
from synthheart.gan import GANConfig, NaiveGAN
from synthheart.rnn import RNN, RNNConfig
from synthheart.training import GAN
from synthheart.vae import VAE, VAEConfig

NETWORKS = {
    "gan": lambda: GAN(GANConfig(latent=8, generator=(16,), critic=(16,), steps=30, batch=20)),
    "vae": lambda: VAE(VAEConfig(latent=4, hidden=(16,), steps=30, passes=1, batch=20)),
    "rnn": lambda: RNN(RNNConfig(units=8, embed=4, steps=30, passes=1, batch=20, folds=2)),
}
COLUMNS, SIZES = made_up(50, 2, (3, 2)), (3, 2)  # one table, so that each network compiles once
each_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


@pytest.fixture(scope="module", params=NETWORKS)
def fitted(request):
    "A network of each kind, trained for a moment."
    return NETWORKS[request.param]().fit(COLUMNS, SIZES, progress=False)


def test_draw_rows_cuts_anywhere():
    numbers = lambda block: (np.arange(block * BLOCK, (block + 1) * BLOCK),)
    for start, n in [(0, 1), (BLOCK - 1, 2), (3 * BLOCK, BLOCK), (17, 3 * BLOCK)]:
        np.testing.assert_array_equal(draw_rows(numbers, n, start)[0], np.arange(start, start + n))


def test_a_layout_counts_what_the_encoder_makes():
    layout = Layout(2, (3, 1, 4))
    assert (layout.width, layout.one_hot) == (10, 8)
    assert layout.block_of.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    assert layout.level_of.tolist() == [0, 1, 2, 0, 0, 1, 2, 3]
    assert layout.column_of.tolist() == [0, 1, 2, 2, 2, 3, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("epochs", "rows", "batch", "steps"),
    [(1, 100, 100, 1), (1, 101, 100, 2), (4, 50, 20, 10), (3, 7, 100, 1), (np.int64(2), 30, 20, 3)],
)
def test_an_epoch_is_a_pass_over_the_rows_and_the_last_batch_counts(epochs, rows, batch, steps):
    assert epoch_steps(epochs, rows, batch) == steps


@each_network
def test_an_epoch_means_the_same_to_every_network(make):
    model = make().fit(COLUMNS, SIZES, epochs=3, progress=False)
    assert model.history_.step.iloc[-1] == epoch_steps(3, 50, 20) == 8


def test_an_epoch_means_the_same_to_the_original():
    rows = np.zeros((50, 3), np.float32)
    model = NaiveGAN(batch=20).fit(rows, epochs=3, progress=False)
    assert model.history_.step.iloc[-1] == 8


def test_a_stream_may_be_entered_anywhere(fitted):
    long = fitted.sample(BLOCK + 100, seed=5)
    for part, short in zip(long, fitted.sample(150, seed=5, start=BLOCK - 50), strict=True):
        np.testing.assert_array_equal(part[BLOCK - 50 :], short)
    assert not np.array_equal(fitted.sample(50, seed=6)[0], long[0][:50])


def test_rows_from_given_uniforms(fitted):
    check_from_uniforms(fitted)
    scores, levels = fitted.from_uniforms(np.full((BLOCK + 3, fitted.n_uniforms_), 0.5))
    assert len(scores) == len(levels) == BLOCK + 3
    np.testing.assert_array_equal(levels, np.tile(levels[0], (BLOCK + 3, 1)))


def test_a_state_is_arrays_and_json(fitted):
    arrays, config = fitted.to_state()
    twin = type(fitted).from_state(arrays, json.loads(json.dumps(config)))
    assert twin.config == fitted.config and twin.layout_ == fitted.layout_
    for a, b in zip(fitted.sample(64, seed=9), twin.sample(64, seed=9), strict=True):
        np.testing.assert_array_equal(a, b)


@each_network
def test_what_a_callback_samples_at_the_last_step_is_what_the_model_samples(make):
    seen = []
    callback = lambda look: seen.append(look.sample(50, seed=4))
    model = make().fit(COLUMNS, SIZES, progress=False, callbacks=[callback])
    for a, b in zip(seen[-1], model.sample(50, seed=4), strict=True):
        np.testing.assert_array_equal(a, b)


@each_network
def test_an_interrupt_leaves_a_usable_model(make):
    def stop_button(look: Progress):
        raise KeyboardInterrupt

    model = make()
    with pytest.warns(UserWarning, match="interrupted at step (50|100) of 750"):
        model.fit(COLUMNS, SIZES, epochs=300, progress=False, callbacks=[stop_button])
    assert model.sample(10)[0].shape == (10, 2)


@each_network
def test_training_leaves_tensorflow_settings_alone(make):
    import tensorflow as tf

    settings = lambda: (
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.random.get_global_generator().state.numpy().tolist(),
    )
    before = settings()
    make().fit(COLUMNS, SIZES, progress=False)
    assert settings() == before


def test_divergence_is_told_in_one_line():
    wild = GANConfig(latent=8, generator=(16,), critic=(16,), steps=300, learning_rate=1e30)
    with pytest.raises(
        FloatingPointError, match=r"diverged: loss '\w+' is (nan|inf|-inf) at step \d+"
    ):
        GAN(wild).fit(made_up(50, 2, (2,)), (2,), progress=False)


def test_early_stopping_samples_while_training():
    measured = []

    def spread(look: Progress) -> float:
        scores, _ = look.sample(200, seed=1)
        measured.append(look.step)
        return abs(float(scores.std()) - 1)

    stop = EarlyStopping(
        spread, patience=1, least=10.0
    )  # nothing improves by ten: stops at the second look
    model = NETWORKS["gan"]().fit(
        made_up(60, 2, (3,)), (3,), epochs=3000, progress=False, callbacks=[stop]
    )
    assert measured == [100, 200]
    assert model.history_.step.tolist() == [100, 200]
