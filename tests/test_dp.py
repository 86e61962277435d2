"""The accountant against published numbers, the sensitivity proof against random tables, attacks on
the mechanism.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.optimize import brentq
from scipy.stats import beta, norm

from synthheart import dp
from synthheart.cohorts import heart_schema, load_heart
from synthheart.inference import infer_schema
from synthheart.preprocessing import RankGaussEncoder
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Schema, validate

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return train_holdout_split(load_heart(), seed=0)[0]


@pytest.fixture(scope="module")
def heart(train):
    "The heart table's design, and its patients' vectors."
    codec = RankGaussEncoder.from_schema(heart_schema())
    design = dp.build_design(codec)
    return design, design.vectors(*dp.public_cells(codec, train, design))


# Accounting


@pytest.mark.parametrize(
    "epsilon, delta, sigma", [(1.0, 1e-5, 3.730632), (1.0, 1e-3, 2.574657), (10.0, 1e-3, 0.406060)]
)
def test_noise_is_the_analytic_gaussian_mechanisms(epsilon, delta, sigma):
    "Balle and Wang 2018, theorem 8, solved by another route."

    def excess(mu):
        return (
            norm.cdf(mu / 2 - epsilon / mu)
            - np.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
            - delta
        )

    assert 1 / brentq(excess, 1e-3, 50) == pytest.approx(sigma, abs=2e-6)
    assert dp.noise_multiplier(epsilon, delta) == pytest.approx(sigma, rel=1e-4)
    assert dp.gaussian_delta(epsilon, 1 / sigma) == pytest.approx(delta, rel=1e-3)


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-4, 1e-7])
def test_the_closed_form_agrees_with_dp_accounting(epsilon, delta):
    "A privacy-loss accountant, whose losses are rounded to the safe side."
    pytest.importorskip("dp_accounting")
    from dp_accounting import GaussianDpEvent, pld

    sigma = dp.noise_multiplier(epsilon, delta)
    mu = 1 / sigma
    accountant = pld.PLDAccountant(value_discretization_interval=(mu**2 / 2 + 6 * mu) / 20000)
    accountant.compose(GaussianDpEvent(sigma))
    assert accountant.get_epsilon(delta) == pytest.approx(epsilon, rel=1e-3)
    assert dp.epsilon_spent([sigma], delta) == pytest.approx(epsilon, rel=1e-6)
    assert dp.epsilon_spent([sigma], delta) <= epsilon


@pytest.mark.parametrize(
    "sigma, delta, theirs",
    [
        (0.5, 1e-3, 7.581280),
        (1.0, 1e-5, 4.377178),
        (3.0, 1e-4, 1.070337),
        (4.0, 1e-5, 0.926342),
        (30.0, 1e-3, 0.050022),
    ],
)
def test_the_closed_form_gives_what_an_accountant_gave(sigma, delta, theirs):
    "Of dp-accounting 0.6.0: PLDAccountant.get_epsilon, losses rounded to the safe side."
    assert dp.epsilon_spent([sigma], delta) == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(
    "rate, sigma, steps, theirs, published",
    [
        (0.25, 5.0, 100, 2.2588824733, None),
        (0.01, 1.1, 3000, 2.9342362764, None),
        (0.5, 20, 9, 0.2799287218, None),
        (0.01, 4.0, 10_000, 1.0354900660, 1.26),  # Abadi et al. 2016, section 3.2
        (250 / 60_000, 1.3, 3600, 0.9422002182, 1.18),  # TensorFlow Privacy's tutorial
        (256 / 60_000, 1.1, 14_062, 2.5969811786, 3.01),  # its table of the MNIST example
        (256 / 60_000, 0.7, 10_546, 6.3728414826, 7.10),
    ],
)
def test_sampled_steps_spend_what_an_accountant_says(rate, sigma, steps, theirs, published):
    """Of dp-accounting 0.6.0: RdpAccountant of the orders 2 to 64, 128 and 256, at delta 1e-5. What
    was published used the conversion of that time, which gives a little more.
    """
    ours = dp.sampled_epsilon(sigma, 1e-5, rate, steps)
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert published is None or ours < published


@pytest.mark.parametrize("epsilon, delta", [(0.5, 1e-4), (1.0, 1e-4), (3.0, 1e-5)])
def test_delta_is_a_slack_and_not_the_chance_that_the_odds_pass(epsilon, delta):
    """What of one bell lies above e^epsilon times the other weighs delta (by quadrature); the odds
    themselves pass e^epsilon more often, as often as the lesson says."""
    sigma = dp.noise_multiplier(epsilon, delta)
    x = np.linspace(-12, 12 + 1 / sigma, 400_001)
    inside, beyond = norm.pdf(x, 1 / sigma), np.exp(epsilon) * norm.pdf(x)
    assert trapezoid(np.clip(inside - beyond, 0, None), x) == pytest.approx(delta, rel=1e-3)
    passed = trapezoid(inside * (inside > beyond), x)
    assert passed == pytest.approx(norm.sf(epsilon * sigma - 0.5 / sigma), rel=1e-2)
    assert passed > 3 * delta
    assert "up to a slack of delta" in dp.privacy_statement(epsilon, delta)[0]


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("epsilon, delta", [(0.1, 1e-6), (1.0, 1e-4), (10.0, 1e-3)])
def test_rows_of_one_patient_cost_more_than_their_number_times_epsilon(epsilon, delta, rows):
    "The bells stand `rows` times as far apart; their epsilon by the formula of theorem 8."
    mu = rows / dp.noise_multiplier(epsilon, delta)

    def excess(e):
        return norm.cdf(mu / 2 - e / mu) - np.exp(e + norm.logcdf(-mu / 2 - e / mu)) - delta

    assert brentq(excess, 0, 2000) > rows * epsilon
    table = pd.DataFrame({"who": ["a", "a", "b"], "x": [1.0, 2.0, 3.0]})
    columns = (
        Column("who", "categorical", role="patient"),
        Column("x", "continuous", minimum=0, maximum=9),
    )
    with pytest.warns(UserWarning, match="more than k times epsilon at the same delta"):
        dp.public_schema(table, Schema(columns, public=True))


def test_two_releases_compose_like_one_longer_step():
    "Dong, Roth and Su 2022: mu adds up in squares."
    sigmas = [3.0, 4.0, 6.0]
    together = np.sqrt(sum(s**-2 for s in sigmas))
    assert dp.gaussian_delta(dp.epsilon_spent(sigmas, 1e-4), together) == pytest.approx(
        1e-4, rel=1e-2
    )


def test_dp_sgd_noise_spends_the_budget():
    sigma = dp.sgd_noise_multiplier(3.0, 1e-3, 0.25, 100)
    assert 2.95 < dp.sampled_epsilon(sigma, 1e-3, 0.25, 100) <= 3.0


# Sensitivity


def a_table(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, Schema]:
    """A random table with a random public schema, missing cells, and values outside the public
    range.
    """
    columns, data = (
        [Column("y", "categorical", "int64", levels=tuple(range(int(rng.integers(2, 5)))))],
        {},
    )
    data["y"] = rng.integers(0, len(columns[0].levels), n)
    for j in range(int(rng.integers(1, 5))):
        if rng.random() < 0.5:
            decimals = [0, 1, None][rng.integers(3)]
            width = float(rng.choice([1, 30, 500, 1e5]))
            columns.append(
                Column(
                    f"c{j}",
                    "continuous",
                    "float64",
                    minimum=0,
                    maximum=width,
                    decimals=decimals,
                    missing=True,
                )
            )
            x = rng.normal(width / 2, width, n)
            x = x if decimals is None else np.round(x, decimals)
        else:
            k = int(rng.integers(2, 8))
            columns.append(
                Column(f"c{j}", "categorical", "float64", levels=tuple(range(k)), missing=True)
            )
            x = rng.integers(0, k, n).astype(float)
        data[f"c{j}"] = np.where(rng.random(n) < 0.1, np.nan, x)
    return pd.DataFrame(data), Schema(tuple(columns), "y" if rng.random() < 0.8 else None)


@quick
@given(st.integers(0, 10**6))
def test_neighbours_differ_by_at_most_the_sensitivity(seed):
    rng = np.random.default_rng(seed)
    df, schema = a_table(rng, 12)
    codec = RankGaussEncoder.from_schema(schema)
    design = dp.build_design(codec)

    def sums(table):
        return design.vectors(*dp.public_cells(codec, table, design)).sum(0)

    gone = int(rng.integers(len(df)))
    assert np.linalg.norm(sums(df) - sums(df.drop(index=gone))) <= design.sensitivity + 1e-9


@quick
@given(st.integers(0, 10**6), st.floats(0.1, 5))
def test_pair_products_are_never_longer_than_their_limit(seed, limit):
    places = np.random.default_rng(seed).uniform(-1, 1, (20, 7))
    assert np.linalg.norm(dp.pair_products(places, limit), axis=1).max() <= limit + 1e-9


def test_every_possible_heart_patient_has_the_same_length(heart):
    design, vectors = heart
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(design.sensitivity)


def test_one_patient_less_shows_as_one_vector_when_the_seed_is_known(train, heart):
    "The exercise on seeds, and the claim on neighbours, in the released numbers themselves."
    with pytest.warns(UserWarning, match="secret"):
        a = dp.NoisyTables(heart_schema(), 1.0).fit(train, noise_seed=3)
    with pytest.warns(UserWarning, match="secret"):
        b = dp.NoisyTables(heart_schema(), 1.0).fit(train[1:], noise_seed=3)
    first, second = a.measured_["tables"], b.measured_["tables"]
    moved, grid = first.sums - second.sums, first.sd / 32
    assert np.abs(moved - heart[1][0]).max() <= grid
    assert np.linalg.norm(moved) <= heart[0].sensitivity + grid * np.sqrt(len(moved))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 10.0])
def test_the_noise_in_the_release_is_what_the_budget_asks(train, epsilon):
    """From the standard deviations that are released, by the closed formula: no more than (epsilon,
    delta).
    """
    tables = dp.NoisyTables(heart_schema(), epsilon, 1e-3).fit(train)
    mu2 = (tables.design_.sensitivity / tables.measured_["tables"].sd) ** 2
    if "pairs" in tables.measured_:
        mu2 += (13 / np.sqrt(18) / tables.measured_["pairs"].sd) ** 2
    assert ("pairs" in tables.measured_) == (epsilon > 1)
    assert dp.gaussian_delta(epsilon, np.sqrt(mu2)) == pytest.approx(1e-3, rel=1e-3)
    assert (
        tables.epsilon_ == pytest.approx(epsilon, rel=1e-3)
        and tables.epsilon_ <= epsilon
        and tables.delta_ == 1e-3
    )


def test_noise_has_the_spread_it_claims():
    noise = np.concatenate(
        [dp.noisy_sum(np.zeros((1, 200)), 7.0, dp.secret_normals(200)) for _ in range(100)]
    )
    assert noise.std() == pytest.approx(7.0, rel=0.03) and abs(noise.mean()) < 0.2


# Attacks


def test_a_canary_shows_less_than_epsilon_and_the_attack_has_teeth(heart):
    design, vectors = heart
    rng, total, canary = np.random.default_rng(0), vectors.sum(0), vectors[0]
    look = canary / np.linalg.norm(canary)

    def scores(noise, inside):
        table, scale = (total + inside * canary)[None], noise * design.sensitivity
        return np.array(
            [
                dp.noisy_sum(table, scale, rng.standard_normal(len(total))) @ look
                for _ in range(8000)
            ]
        )

    for epsilon in (0.5, 1.0, 3.0):
        sigma = dp.noise_multiplier(epsilon, 1e-3)
        found = scores(sigma, 1), scores(sigma, 0)
        assert dp.audit_epsilon(*found, 1e-3) <= epsilon
        if epsilon >= 1:
            assert 0.5 * epsilon < dp.audit_epsilon(*found, 1e-3, gaussian=True) <= epsilon
    broken = dp.noise_multiplier(3.0, 1e-3) / 3  # someone forgot the sensitivity
    assert dp.audit_epsilon(scores(broken, 1), scores(broken, 0), 1e-3) > 3


def test_one_run_audit(heart):
    """Steinke, Nasr and Jagielski 2023: many canaries, each in by a coin, one release, as many sure
    guesses as possible.
    """
    design, vectors = heart
    rng, epsilon, delta = np.random.default_rng(1), 3.0, 1e-6
    correct = guesses = 0
    sigma = dp.noise_multiplier(epsilon, delta) * design.sensitivity
    coin = rng.random(len(vectors)) < 0.5
    release = dp.noisy_sum(vectors[coin], sigma, rng.standard_normal(vectors.shape[1]))
    score = (vectors - vectors.mean(0)) @ (release - vectors.sum(0) / 2)
    sure = np.argsort(score)[np.r_[:20, -20:0]]
    guesses, correct = len(sure), int((coin[sure] == (np.arange(40) >= 20)).sum())
    least = beta.ppf(
        0.05, correct, guesses - correct + 1
    )  # accuracy with 95 % confidence; delta x rows is negligible
    assert np.log(least / (1 - least)) <= epsilon


# What is released depends on the releases alone


def test_everything_after_the_release_is_post_processing(train, monkeypatch, tmp_path):
    "Two tables, one release: the model files are equal to the byte."
    model = {}
    for name, table in (
        ("a", train),
        ("b", train[::-2].reset_index(drop=True).assign(sex=1, chol=300)),
    ):
        answers = iter(
            [
                np.random.default_rng(9).normal(0, 20, 200),
                np.random.default_rng(8).normal(0, 20, 78),
            ]
        )
        monkeypatch.setattr(
            dp, "noisy_sum", lambda vectors, scale, normals, answers=answers: next(answers)
        )
        fitted = Synthesizer("gan", epochs=2, epsilon=3.0).fit(table, progress=False)
        model[name] = fitted.save(tmp_path / f"{name}.synth").read_bytes()
    assert model["a"] == model["b"]


def test_secret_noise_differs_and_a_noise_seed_repeats(train):
    schema = heart_schema()
    first, second = (dp.NoisyTables(schema, 1.0).fit(train).measured_["tables"] for _ in "ab")
    assert not np.array_equal(first.sums, second.sums)
    with pytest.warns(UserWarning, match="secret"):
        seeded = [dp.private_rows(train, schema, 3.0, 1e-3, seed=1, noise_seed=5)[0] for _ in "ab"]
    pd.testing.assert_frame_equal(*seeded)


def test_tables_without_an_outcome_with_missing_and_dates():
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "day": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 700, 300), unit="D"),
            "dose": np.where(rng.random(300) < 0.3, np.nan, rng.normal(5, 1, 300).round(1)),
            "ward": rng.choice(["a", "b", "c"], 300),
        }
    )
    schema = Schema(
        (
            Column("day", "continuous", "datetime64[s]", minimum=18262, maximum=18992, decimals=0),
            Column(
                "dose", "continuous", "float64", minimum=0, maximum=12, decimals=1, missing=True
            ),
            Column("ward", "categorical", str(df.ward.dtype), levels=("a", "b", "c")),
        )
    )
    made = dp.NoisyTables(schema, 5.0).fit(df.astype({"day": "datetime64[s]"})).sample(2000)
    assert len(validate(made, schema)) == 0
    assert made.dose.isna().mean() == pytest.approx(0.3, abs=0.1)
    assert made.dose.mean() == pytest.approx(5, abs=0.7)


def test_released_rows_keep_the_domain(train):
    rows = dp.NoisyTables(heart_schema(), 0.1).fit(train).sample(3000)
    assert len(validate(rows, heart_schema())) == 0
    assert rows.dtypes.equals(train.dtypes)


# The estimator


def test_synthesizer_reports_what_was_spent_and_saves_it(train, tmp_path):
    model = Synthesizer("gan", epochs=2, epsilon=1.0, delta=1e-3).fit(train, progress=False)
    assert 0.99 < model.epsilon_ <= 1.0 and model.delta_ == 1e-3
    twin = Synthesizer.load(model.save(tmp_path / "a.synth"))
    assert (twin.epsilon_, twin.delta_, twin.rows_) == (model.epsilon_, model.delta_, model.rows_)
    pd.testing.assert_frame_equal(twin.sample(50), model.sample(50))


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"epsilon": 0}, "epsilon must be a positive number"),
        ({"epsilon": -1.0}, "epsilon must be"),
        ({"epsilon": np.inf}, "epsilon must be"),
        ({"epsilon": "1"}, "epsilon must be"),
        ({"epsilon": 1.0, "delta": 0.0}, "delta must lie"),
        ({"epsilon": 1.0, "delta": 1.0}, "delta must lie"),
        ({"epsilon": 1.0, "model": "copula"}, "only model 'gan'"),
        ({"epsilon": 1.0, "model": "naive-gan"}, "only model 'gan'"),
    ],
)
def test_wrong_budgets_are_refused(train, wrong, words):
    with pytest.raises(ValueError, match=words) as e:
        Synthesizer(**wrong).fit(train)
    assert "\n" not in str(e.value)


def test_a_foreign_table_needs_public_ranges(train):
    foreign = train[["age", "sex", "target"]].rename(columns={"age": "years"})
    with pytest.raises(ValueError, match="years: with epsilon, ranges and levels must be public"):
        Synthesizer(epsilon=1.0).fit(foreign)
    years = Schema((Column("years", "continuous", "int64"),))
    with pytest.raises(ValueError, match="the schema must be public"):
        Synthesizer(epsilon=1.0).fit(foreign[["years"]], schema=years)
    with pytest.raises(ValueError, match="the schema must be public"):
        Synthesizer(epsilon=1.0).fit(foreign, schema=infer_schema(foreign))
    with pytest.raises(ValueError, match="years: with epsilon, the schema must give a minimum"):
        Synthesizer(epsilon=1.0).fit(foreign[["years"]], schema=replace(years, public=True))
    with pytest.raises(ValueError, match="sex: not in public_ranges"):
        Synthesizer(epsilon=1.0).fit(foreign, public_ranges={"years": (18, 100)})
    ranges = {"years": (18, 100), "sex": [0, 1], "target": [0, 1]}
    with pytest.raises(ValueError, match="delta: no public bound on the number of rows"):
        Synthesizer(epsilon=1.0).fit(foreign, public_ranges=ranges)
    made = (
        Synthesizer(epochs=1, epsilon=1.0, delta=1e-4)
        .fit(foreign, public_ranges=ranges, progress=False)
        .sample(30)
    )
    assert made.dtypes.equals(foreign.dtypes) and made.years.between(18, 100).all()


def test_delta_comes_from_the_public_bound_on_rows(train):
    few = train[["age", "sex"]]
    assert quick_fit(few).delta_ == pytest.approx(1e-4)
    bound = replace(dp.public_schema(few), rows=50_000)
    made = Synthesizer("gan", epochs=1, epsilon=1.0).fit(few, schema=bound, progress=False)
    assert made.delta_ == pytest.approx(2e-6)
    with pytest.raises(ValueError, match="delta must be at most 1 / 1,000 rows"):
        Synthesizer("gan", epsilon=1.0, delta=2e-3).fit(few)


def quick_fit(table: pd.DataFrame) -> Synthesizer:
    "A private model after one pass."
    return Synthesizer("gan", epochs=1, epsilon=1.0).fit(table, progress=False)


def test_one_patients_empty_cell_does_not_change_the_public_dictionary():
    """pandas writes whole numbers as floats as soon as one is missing, and True and False as
    objects.
    """
    whole = pd.DataFrame(
        {"years": [40, 50, 60], "sick": [True, False, True], "ward": ["a", "b", "a"]}
    )
    gap = pd.DataFrame(
        {"years": [40, 50, None], "sick": [True, False, None], "ward": ["a", "b", None]}
    )
    ranges = {"years": (18, 100, None), "sick": [False, True, None], "ward": ["a", "b", None]}
    assert (whole.dtypes[:2] != gap.dtypes[:2]).all()
    assert dp.public_schema(whole, public_ranges=ranges) == dp.public_schema(
        gap, public_ranges=ranges
    )
    decimals = [
        dp.public_schema(whole[["years"]], public_ranges={"years": ends})["years"].decimals
        for ends in ((18, 100), (18.0, 100.0), (18, 99.5))
    ]
    assert decimals == [0, None, None]


def test_a_delta_above_one_in_rows_is_told(train):
    many = pd.concat([train] * 10)
    with pytest.warns(UserWarning, match="delta 0.001 is 1 in 1,000, but there are about"):
        dp.NoisyTables(heart_schema(), 5.0, 1e-3).fit(many)


def test_the_measured_price_of_a_budget_is_within_what_is_asked():
    "Ten splits of Cleveland at epsilon 1, as `measure_private` wrote them down."
    place = Path(__file__).resolve().parent.parent / "reports" / "reference" / "private.csv"
    table = pd.read_csv(place)
    strict = table[table.epsilon == 1]
    means = strict.groupby("metric").value.mean()
    assert set(strict.split) == set(range(10)) and set(strict.delta) == {1e-4}
    assert means.tstr_less_trtr >= -0.03 and means.c2st_auc <= 0.74
