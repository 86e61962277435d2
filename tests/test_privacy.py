"""Membership attacks: they catch a copy, find nothing in a release of strangers, and favour no
side."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.metrics import pairwise_distances, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from synthheart import privacy as pr
from synthheart.catalogue import of_kind
from synthheart.cohorts import load_heart
from synthheart.evaluation import independent_marginals
from synthheart.exposure import along_size, outlier_attack, patient_exposure
from synthheart.space import shared_space
from synthheart.splitting import train_holdout_split
from synthheart.statistics import delong_error


@pytest.fixture(scope="module")
def tables():
    return train_holdout_split(load_heart(), seed=0)


MEMBERSHIP, RISKS = of_kind("membership"), of_kind("risk")


def membership(train, holdout, release):
    """AUC of the membership attacks, nothing else."""
    settings = {"by": (), "boot": 0, "floors": False, "min_rows": 1}
    table = pr.attack(train, holdout, release, metrics=MEMBERSHIP, allow_train=True, **settings)
    return table.set_index("metric").value[list(MEMBERSHIP)]


def whole(table):
    return table[table.group == "all"].set_index("metric")


def test_a_copy_is_caught(tables):
    train, holdout = tables
    table = whole(pr.attack(train, holdout, train))
    assert (table.value[["membership_distance", "membership_ratio"]] == 1).all()
    assert table.value["membership_density"] >= 0.9 and table.value.max() >= 0.95
    assert (table.ci_low > table.floor).all()
    assert (
        table.value[["singling_out", "singling_out_univariate", "attribute_inference"]] > 0.99
    ).all()
    assert (
        table.value["linkability"] > 0.9
        and (table.value[[f"{n}_tpr1" for n in MEMBERSHIP[:2]]] == 1).all()
    )


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_noise_as_privacy_is_caught(tables, noise):
    train, holdout = tables
    rng = np.random.default_rng(0)
    release = train.astype(float)
    for name in ("age", "trestbps", "chol", "thalach", "oldpeak"):
        release[name] += rng.normal(0, noise * train[name].std(), len(train))
    assert membership(train, holdout, release).max() >= 0.95


def test_independent_marginals_give_nobody_away(tables):
    train, holdout = tables
    table = whole(pr.attack(train, holdout, independent_marginals(train)))
    table = table.dropna(subset="value")
    assert table.loc[[f"{name}_tpr1" for name in MEMBERSHIP], "ci_low"].max() < 0.03
    table = table[~table.index.str.contains("tpr")]
    assert ((table.ci_low <= table.goal) & (table.ci_high >= table.goal)).all()


def test_resampled_values_single_out(tables):
    """Columns drawn one by one still publish patients' own numbers; the attack on one column sees
    what others miss."""
    train, holdout = tables
    table = whole(pr.attack(train, holdout, independent_marginals(train, 300), by=()))
    assert (
        table.ci_low["singling_out_univariate"] > 0.1 and table.ci_low["membership_distance"] < 0.5
    )


def test_strangers_give_nobody_away(tables):
    """A fresh real sample as the release: the floor, near one half and inside the interval's
    width."""
    train, holdout = tables
    table = whole(pr.attack(train, holdout, holdout.sample(45, random_state=0)))
    assert table.floor[list(MEMBERSHIP)].between(0.4, 0.6).all()
    assert table.floor[list(RISKS)].between(-0.15, 0.15).all()


def test_strangers_carry_no_risk():
    """Release, members and control are three random thirds of the patients: every risk is 0 on the
    mean."""
    real, found = load_heart(), []
    for seed in range(16):
        release, train, holdout = (
            real.iloc[i].reset_index(drop=True)
            for i in np.array_split(np.random.default_rng(seed).permutation(len(real)), 3)
        )
        tables = train, holdout, release
        found.append(
            [
                pr.singling_out(*tables, queries=200, seed=seed).value,
                pr.linkability(*tables).value,
                pr.attribute_inference(*tables).loc["all", "value"],
                *(membership(*tables) - 0.5),
            ]
        )
    mean, se = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / 4
    assert (np.abs(mean) < 3.5 * se).all() and (np.abs(mean) < 0.06).all(), (mean, se)


def test_unequal_sizes_carry_no_risk():
    """As many members as three times the control: the size correction of singling out keeps the
    risk at 0."""
    real, found = load_heart(), []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(real))
        release, train, holdout = (
            real.iloc[i].reset_index(drop=True) for i in (order[:103], order[103:253], order[253:])
        )
        found.append(pr.singling_out(train, holdout, release, queries=200, seed=seed).value)
    assert abs(np.mean(found)) < 3.5 * np.std(found, ddof=1) / np.sqrt(20) < 0.12


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_planted_leak_is_detected_and_named(tables, noise):
    """11 of 220 rows (5 %) are train's own, or nearly: the left edge of the ROC sees it and
    `exposure` names them."""
    train, holdout = tables
    rng = np.random.default_rng(5)
    who = rng.choice(len(train), 11, replace=False)
    leaked = train.iloc[who].copy()
    for name in ("age", "trestbps", "chol", "thalach", "oldpeak"):
        leaked[name] = leaked[name] + rng.normal(0, noise * train[name].std(), 11)
    release = pd.concat([independent_marginals(train, 209, 1), leaked], ignore_index=True)
    table = whole(pr.attack(train, holdout, release))
    row = table.loc["membership_distance_tpr1"]
    assert row.value >= 11 / len(train) and row.ci_low > row.floor
    named = pr.exposure(train, holdout, release)
    assert set(named.index[:11]) == set(train.index[who])
    assert (named.strangers.iloc[:11] == 0).all() and (named.synthetic.iloc[:11] >= 209).all()
    assert named.score.iloc[10] > named.score.iloc[11] + 0.2


def test_exposure_favours_no_side():
    """Members and strangers score alike against a release that knows neither."""
    real, shares = load_heart(), []
    for seed in range(20):
        release, train, holdout = (
            real.iloc[i].reset_index(drop=True)
            for i in np.array_split(np.random.default_rng(seed).permutation(len(real)), 3)
        )
        shares.append(pr.exposure(train, holdout, release).strangers.mean())
    assert abs(np.mean(shares) - 0.5) < 0.04


def test_a_known_share_of_copies_is_found():
    """60 of 200 members copied: they beat every stranger, and at 0 false positives exactly they
    are found."""
    line = (
        np.random.default_rng(6).permutation(300)[:, None] * 1.0
    )  # members and strangers mixed on a line
    members, others = line[:200], line[200:]
    wins = pr.membership_wins(members, others, members[:60])["membership_distance"]
    assert pr.found_members(wins, 0.01)[:60].all() and (wins[:60] == 1).all()
    curve = pr.roc(wins)
    assert (
        curve.true.iloc[0] == pytest.approx(0.3)
        and curve.true.is_monotonic_increasing
        and curve.true.iloc[-1] == 1
    )


def test_the_plane_has_the_formulas_auc():
    """Members on a plane moved by normal noise: AUC = (pi rho + 1/2s^2) / (2 pi rho + 1/2s^2)."""
    rng = np.random.default_rng(7)
    for sigma in (0.15, 0.4, 1.0):
        members = rng.uniform(0, 60, (3600, 2))
        release = members + rng.normal(0, sigma, members.shape)
        inner = members[((members > 5) & (members < 55)).all(axis=1)][:1200]
        wins = pr.membership_wins(inner, rng.uniform(5, 55, (1200, 2)), release)[
            "membership_distance"
        ]
        own = 1 / (2 * sigma**2)
        assert wins.mean() == pytest.approx((np.pi + own) / (2 * np.pi + own), abs=0.04)


def test_risks_equal_a_plain_loop(tables):
    """Linkability and inference against loops over pairs with Gower's distance, missing cells
    apart."""
    train, holdout = (df.dropna().head(40).reset_index(drop=True) for df in tables)
    fake = independent_marginals(train, 60, 2).dropna().reset_index(drop=True)
    space, rows = pr._coded(train, holdout, fake, None)
    both = pd.concat([train, holdout, fake])
    order = list(space.numeric + space.discrete)

    def near(row, names):
        gaps = [
            abs(fake[n] - row[n]) / (both[n].max() - both[n].min())
            if n in space.numeric
            else fake[n] != row[n]
            for n in names
        ]
        return np.round(np.sum(np.array(gaps, float), axis=0), 9)

    first, second = list(train)[:7], list(train)[7:]
    linked = pr._linked(rows[0], rows[2], pr.column_spans(space, rows), pr._halves(space))
    right = pr._inferred(rows[0], rows[2], pr.column_spans(space, rows), range(len(order)))
    for i, row in train.iterrows():
        a, b = near(row, first), near(row, second)
        if (a == a.min()).sum() == (b == b.min()).sum() == 1:
            assert linked[i] == (a.argmin() == b.argmin())
        for s, name in enumerate(order):
            d = near(row, [n for n in order if n != name])
            if (d == d.min()).sum() == 1:
                guess = fake[name].iloc[d.argmin()]
                assert right[i, s] == (
                    abs(guess - row[name]) <= 0.05 * abs(guess)
                    if name in space.numeric
                    else guess == row[name]
                )


def test_descriptions_fit_exactly_one_row(tables):
    train, _ = tables
    space = shared_space(*tables)
    table = np.unique(pr.plain_table(space.code(train)), axis=0)
    for k in (1, 3):
        queries, rows = pr.singling_queries(
            table, len(space.numeric), k, 200, np.random.default_rng(0)
        )
        fit = queries.fits(table)
        assert (fit.sum(axis=1) == 1).all() and (fit.argmax(axis=1) == rows).all()
        keys = np.hstack([queries.columns, queries.low, queries.high])
        assert len(np.unique(keys, axis=0)) == len(queries) > 50


def test_net_risk():
    ones, zeros = np.ones(50), np.zeros(50)
    assert pr.net_risk(ones, zeros).value == 1 and pr.net_risk(zeros, zeros).value == 0
    assert np.isnan(pr.net_risk(ones, ones).value) and np.isnan(
        pr.net_risk(np.array([]), ones).value
    )
    half = np.repeat([0.0, 1.0], 50)
    risk = pr.net_risk(np.repeat([0.0, 1, 1, 1], 25), half)
    assert risk.value == pytest.approx(0.5) and risk.ci_low < 0.5 < risk.ci_high
    wide = pr.net_risk(np.repeat([0.0, 1, 1, 1], 25), half, repeats=4)
    assert wide.ci_high - wide.ci_low > 1.7 * (risk.ci_high - risk.ci_low)
    with pytest.raises(ValueError, match="'nobody' is not a column"):
        df = pd.DataFrame({"a": range(30), "b": range(30)})
        pr.attribute_inference(df, df, df, secrets=["nobody"])


def test_no_side_is_favoured():
    """Members, non-members and release from one population: each attack's mean AUC is one half."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(150):
        members, others, release = (rng.normal(size=(n, 4)) for n in (30, 15, 40))
        found.append([w.mean() for w in pr.membership_wins(members, others, release).values()])
    mean, se = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(150)
    assert (np.abs(mean - 0.5) < 3.5 * se).all(), (mean, se)


def test_distance_attack_equals_scikit_learn():
    rng = np.random.default_rng(2)
    members, others, release = (rng.normal(size=(n, 5)) for n in (40, 25, 60))
    near = pairwise_distances(np.vstack([members, others]), release).min(axis=1)
    wins = pr.membership_wins(members, others, release)["membership_distance"]
    assert wins.mean() == pytest.approx(roc_auc_score([1] * 40 + [0] * 25, -near))


def test_ratio_and_density_equal_a_plain_loop():
    rng = np.random.default_rng(3)
    members, others, release = (rng.normal(size=(n, 3)) for n in (12, 8, 20))
    real = np.vstack([members, others])
    to_release = pairwise_distances(real, release).min(axis=1).mean()
    width, reach = 0.25 * to_release, pr._reference_width(real)

    def near(x, table):
        return np.sqrt(((table - x) ** 2).sum(axis=1))

    def log_density(d, width):
        return logsumexp(-0.5 * (d / width) ** 2) - np.log(len(d))

    ratio, density = np.zeros((12, 8)), np.zeros((12, 8))
    for j, other in enumerate(others):
        reference = np.delete(others, j, axis=0)
        for i, member in enumerate(members):
            a, b = (near(x, release).min() / near(x, reference).min() for x in (member, other))
            ratio[i, j] = a < b
            a, b = (
                log_density(near(x, release), width) - log_density(near(x, reference), reach)
                for x in (member, other)
            )
            density[i, j] = a > b
    wins = pr.membership_wins(members, others, release)
    np.testing.assert_array_equal(wins["membership_ratio"], ratio)
    np.testing.assert_array_equal(wins["membership_density"], density)


def test_tidy_table_worst_first(tables):
    train, holdout = tables
    table = pr.attack(train, holdout, independent_marginals(train))
    assert list(table.columns) == [
        "metric",
        "group",
        "value",
        "ci_low",
        "ci_high",
        "floor",
        "goal",
        "note",
    ]
    excess = (table.value - table.floor).dropna()
    assert excess.is_monotonic_decreasing and table.value.isna().iloc[len(excess) :].all()
    found = {f"{name}_{rate}" for name in MEMBERSHIP for rate in pr.RATES}
    assert set(table.metric) == {*MEMBERSHIP, *RISKS, *found} and "sex=1" in set(table.group)
    assert (
        table[table.value.isna()]
        .note.str.contains("too small|guesses could be made|every stranger")
        .all()
    )
    assert (
        table.goal
        == table.metric.map(
            dict.fromkeys(MEMBERSHIP, 0.5)
            | dict.fromkeys(RISKS, 0.0)
            | {n: pr.RATES[n.rsplit("_", 1)[1]] for n in found}
        )
    ).all()
    known = table.dropna(subset="value")
    assert (known.ci_low <= known.value + 1e-12).all() and (
        known.value <= known.ci_high + 1e-12
    ).all()


def test_equal_seeds_give_equal_tables(tables):
    train, holdout = tables
    fake = independent_marginals(train)
    pd.testing.assert_frame_equal(
        pr.attack(train, holdout, fake, seed=3), pr.attack(train, holdout, fake, seed=3)
    )


def test_refusals(tables):
    train, holdout = tables
    with pytest.raises(ValueError, match="rows are train rows"):
        pr.attack(train, train, train)
    with pytest.raises(ValueError, match="holdout: the attacks need at least 3 rows, got 2"):
        pr.attack(train, holdout.head(2), train)


def test_large_tables_are_subsampled(tables):
    train, holdout = tables
    many = pd.concat([train] * 20, ignore_index=True)
    table = whole(pr.attack(many, holdout, independent_marginals(train), cap=300))
    assert table.note[list(MEMBERSHIP)].str.startswith("300 members").all()
    assert table.note.str.contains("on a sample of 300 of 4,240 train rows").all()


def test_a_member_in_the_reference_would_decide_the_game():
    """The trap the pairs avoid: the holdout as it is makes every non-member its own neighbour."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(5, 3))
    d = pairwise_distances(x)
    left = pr._apart(x).min(axis=1)
    assert (left > 0).all()
    np.testing.assert_allclose(left, [np.delete(row, i).min() for i, row in enumerate(d)])
    without = pr._nearest_without(d)
    for i, j in np.ndindex(5, 5):
        assert without[i, j] == np.delete(d[i], j).min()


def test_taking_part_in_a_copy_is_seen_and_in_nothing_is_not():
    real = load_heart().head(60)
    copied = patient_exposure(real, lambda rows, seed: rows, 20)
    assert (copied.ci_low > 1).all() and copied.exposure.min() > 10
    strangers = load_heart().tail(100)
    blind = patient_exposure(real, lambda rows, seed: strangers.sample(50, random_state=seed), 20)
    assert 0.8 < np.exp(np.log(blind.exposure).mean()) < 1.2
    assert (blind.ci_low > 1).mean() < 0.15


def test_an_outlier_shows_in_a_copy_and_not_under_a_bound_from_elsewhere():
    real = load_heart()
    copied = outlier_attack(real, "chol", lambda rows, seed: rows, 12)
    assert set(copied.inside) == {True, False}
    assert (copied.largest[copied.inside] == 564).all()
    assert (copied.largest[~copied.inside] < 500).all()
    bounded = outlier_attack(
        real, "chol", lambda rows, seed: rows.assign(chol=rows.chol.clip(upper=300)), 12
    )
    assert bounded.largest.nunique() == 1


def test_larger_releases_of_a_leak_are_worse(tables):
    train, holdout = tables
    rows = pd.concat([independent_marginals(train, 1000, 0), train]).sample(frac=1, random_state=0)
    table = along_size(train, holdout, lambda n: rows.head(n), sizes=(50, 1212))
    assert table.membership_distance.iloc[1] > 0.95 > table.membership_distance.iloc[0]


def test_a_copy_of_a_large_table_is_caught_though_few_of_its_rows_are_attacked():
    rng = np.random.default_rng(0)
    real = pd.DataFrame(rng.normal(size=(34_000, 4)), columns=list("abcd"))
    train, holdout = real[:30_000], real[30_000:]
    quick = {"by": (), "boot": 0, "floors": False, "cap": 300}
    table = whole(pr.attack(train, holdout, train, **quick))
    assert table.value[list(MEMBERSHIP)].min() > 0.99
    assert table.value["attribute_inference"] > 0.9
    assert table.note[table.ci_low.notna()].str.contains("80 % power").all()


@pytest.mark.parametrize("columns", [2, 15])
@pytest.mark.parametrize("rows", [300, 8000])
def test_a_copy_is_caught_and_strangers_are_not(rows, columns):
    rng = np.random.default_rng(rows + columns)
    train, holdout, others = (rng.normal(size=(n, columns)) for n in (rows, 400, rows))
    members = train[:400]
    copied, fresh = (pr.membership_wins(members, holdout, fake) for fake in (train, others))
    for name in MEMBERSHIP:
        assert copied[name].mean() > 0.95
        assert abs(fresh[name].mean() - 0.5) < 3.5 * 1.4 * delong_error(fresh[name])


def test_the_references_width_is_the_likeliest_and_finds_the_dimension():
    rng = np.random.default_rng(1)
    flat = np.pad(rng.normal(size=(900, 3)), ((0, 0), (0, 4)))  # three of seven columns vary
    far = pr._apart(flat)
    assert pr._dimension(far) == pytest.approx(3, rel=0.15)
    grid = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.2, 1, 6)}, cv=10)
    width = grid.fit(flat[:, :3]).best_params_["bandwidth"]
    assert 0.5 < pr._reference_width(flat, most=900) / width < 2


def test_nearness_does_not_depend_on_the_blocks():
    rng = np.random.default_rng(0)
    pool, fake = rng.normal(size=(300, 5)), rng.normal(size=(90, 5))
    whole, cut = (pr._nearness(pool[100:], 100, pool, fake, block=b) for b in (1000, 37))
    for a, b in zip(whole, cut, strict=True):
        assert np.allclose(a, b)
