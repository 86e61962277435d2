"""The variational autoencoder: it learns relations, keeps its promises, and takes any table."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from streams import SHAPES, check_endless, check_from_uniforms, check_shape, linked

from synthheart.cohorts import load_heart
from synthheart.preprocessing import RankGaussEncoder
from synthheart.splitting import train_holdout_split
from synthheart.vae import VAE, VAEConfig

CONFIG = VAEConfig(
    dropout=0.0, steps=2000
)  # strong relations take longer than the heart table gets


@pytest.fixture(scope="module")
def coded():
    return linked()


@pytest.fixture(scope="module")
def model(coded):
    return VAE(CONFIG).fit(coded, (2, 2), progress=False)


def test_it_learns_the_relations_and_only_those(model):
    scores, levels = model.sample(4000, seed=1)
    assert spearmanr(*scores.T)[0] == pytest.approx(0.79, abs=0.12)
    assert np.corrcoef(scores[:, 0], levels[:, 0])[0, 1] > 0.6
    assert abs(np.corrcoef(levels.T)[0, 1]) < 0.12


def test_scores_are_as_wide_as_real_ones(model):
    scores, levels = model.sample(4000, seed=1)
    assert scores.std(0) == pytest.approx([1, 1], abs=0.12)
    assert scores.mean(0) == pytest.approx([0, 0], abs=0.15)
    assert levels.mean(0) == pytest.approx([0.5, 0.5], abs=0.08)


def test_same_seed_same_bytes_other_seed_other_rows(model, coded):
    again = VAE(CONFIG).fit(coded, (2, 2), progress=False)
    np.testing.assert_array_equal(again.weights_, model.weights_)
    for a, b in zip(again.sample(100, seed=3), model.sample(100, seed=3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(model.sample(100, seed=3)[0], model.sample(100, seed=4)[0])
    assert not np.array_equal(
        VAE(CONFIG).fit(coded, (2, 2), seed=1, progress=False).weights_, model.weights_
    )


def test_an_endless_stream(model):
    check_endless(model)


def test_rows_from_given_uniforms_are_rows_of_the_model(model):
    check_from_uniforms(model)


def test_state_is_arrays_and_json(model):
    arrays, config = model.to_state()
    copy = VAE.from_state(arrays, json.loads(json.dumps(config)))
    assert copy.config == model.config
    np.testing.assert_array_equal(copy.sample(50)[0], model.sample(50)[0])
    assert set(arrays) == {"weights"}  # the encoder, which has read patients, stays at home


def test_history_callbacks_and_epochs(coded):
    seen = []

    def callback(look):
        seen.append(look.sample(3, seed=1)[0].shape)
        return look.step >= 200

    history = VAE(CONFIG).fit(coded, (2, 2), progress=False, callbacks=[callback]).history_
    assert history.columns.tolist() == [
        "step",
        "nll_continuous",
        "nll_discrete",
        "kl_divergence",
    ] and history.step.tolist() == [100, 200]
    assert seen == [(3, 2)] * 2
    assert VAE(CONFIG).fit(coded, (2, 2), epochs=2, progress=False).history_.step.tolist() == [6]


def test_the_map_places_every_patient(model, coded):
    mean, sd = model.locate(coded)
    assert mean.shape == sd.shape == (300, 8) and (sd > 0).all()
    along = np.linalg.svd(mean - mean.mean(0), full_matrices=False)[2][0]
    assert abs(spearmanr(mean @ along, coded.low[:, 0])[0]) > 0.8


@pytest.mark.parametrize("shape", SHAPES)
def test_any_table(coded, shape):
    check_shape(VAE(), SHAPES[shape](coded))


def test_missing_cells_come_back():
    train, _ = train_holdout_split(load_heart(), seed=0)
    train.loc[train.index[:60], "chol"] = np.nan
    encoder = RankGaussEncoder().fit(train)
    model = VAE().fit(encoder.code(train), encoder.cardinalities_, progress=False)
    fake = encoder.decode(*model.sample(2000))
    assert fake.chol.isna().mean() == pytest.approx(60 / len(train), abs=0.08)
    assert fake.columns.tolist() == train.columns.tolist()


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("latent", 0, "latent must be at least 1, got 0"),
        ("batch", -1, "batch must be at least 1, got -1"),
        ("dropout", 1.0, "dropout must be at least 0 and below 1, got 1.0"),
    ],
)
def test_bad_settings_are_named(field, value, words):
    with pytest.raises(ValueError, match=words):
        VAEConfig(**{field: value})
