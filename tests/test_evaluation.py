"""The metrics against second sources (scipy, scikit-learn, pandas), and what they must say about
known tables."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association
from sklearn.metrics import accuracy_score, f1_score, pairwise_distances, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors

from synthheart import evaluation as ev
from synthheart.catalogue import COPY_NAME, FLOOR_NAME, INDEPENDENT_NAME, METRICS
from synthheart.cohorts import heart_schema, load_heart
from synthheart.figures import save_figure
from synthheart.inference import infer_schema
from synthheart.judging import verdict
from synthheart.space import fit_space
from synthheart.splitting import train_holdout_split
from synthheart.two_samples import tell_apart


@pytest.fixture(scope="module")
def tables():
    real = load_heart()
    train, holdout = train_holdout_split(real, seed=0)
    return real, train, holdout, ev.independent_marginals(train, 2000, seed=0)


@pytest.fixture(scope="module")
def table(tables):
    _, train, holdout, fake = tables
    return ev.evaluate(train, holdout, fake, draws=2, boot=10)


@pytest.fixture(scope="module")
def corners(tables):
    _, train, holdout, _ = tables
    return ev.references(train, holdout, draws=2, boot=5).pivot(
        index="metric", columns="reference", values="value"
    )


def mixed(rng, n, shift=0.0):
    x = rng.normal(shift, 1, n).round(3)
    return pd.DataFrame(
        {
            "x": x,
            "y": (x + rng.normal(0, 1, n)).round(3),
            "c": rng.choice(list("abc"), n),
            "d": rng.integers(0, 4, n),
        }
    )


# ---------------------------------------- formulas


def test_shapes_equal_ks_and_total_variation():
    rng = np.random.default_rng(0)
    real, fake = mixed(rng, 200), mixed(rng, 333, 0.5)
    score = ev.shape_scores(real, fake)
    assert score["x"] == pytest.approx(1 - stats.ks_2samp(real.x, fake.x).statistic)
    shares = [t.c.value_counts(normalize=True).reindex(list("abc")) for t in (real, fake)]
    assert score["c"] == pytest.approx(1 - (shares[0] - shares[1]).abs().sum() / 2)
    assert ev.column_shapes(real, fake) == pytest.approx(score.mean())
    assert list(score.index) == list(real.columns)


@pytest.mark.usefixtures("few_trees")
def test_likeness_is_also_measured_against_held_out_rows_alone(tables):
    real, train, holdout, fake = tables
    settings = {"by": ["sex"], "boot": 5, "draws": 1}
    table = ev.evaluate(train, holdout, fake, **settings)
    own = table[table.metric.str.endswith("_holdout") & (table.metric != "copies_holdout")]
    assert own.group.eq("all").all() and len(own) == 4
    value, floor = own.set_index("metric").value, own.set_index("metric").floor
    schema = infer_schema(real)
    for name in ("column_shapes", "association_error", "missing_patterns"):
        measure = getattr(ev, name)
        assert value[f"{name}_holdout"] == pytest.approx(measure(holdout, fake, schema))
        assert floor[f"{name}_holdout"] == pytest.approx(measure(holdout, train, schema))
    assert own.note.str.startswith(f"{len(holdout)} held-out, ").all()
    without = table[~table.index.isin(own.index)]
    assert verdict(table).to_dict() == verdict(without).to_dict(), "yardsticks decide nothing"


def test_missing_cells_count_in_shapes():
    real = pd.DataFrame({"x": np.arange(100) / 7, "c": ["a", "b"] * 50})
    fake = real.copy()
    fake.loc[:29, "x"] = np.nan
    fake.loc[:19, "c"] = None
    kept = stats.ks_2samp(real.x, fake.x.fillna(np.inf)).statistic
    score = ev.shape_scores(real, fake)
    assert score["x"] == pytest.approx(1 - kept)
    assert score["c"] == pytest.approx(0.8)


def test_missing_share_alone_is_seen():
    real = pd.DataFrame({"x": np.full(100, 3.5) + np.arange(100) % 50})
    fake = real.copy()
    fake.loc[::4, "x"] = np.nan
    assert ev.shape_scores(real, fake)["x"] <= 0.76


def test_pairs_equal_crosstabs():
    rng = np.random.default_rng(1)
    real, fake = mixed(rng, 300), mixed(rng, 500, 0.3)
    edges = {name: np.quantile(real[name], [0.25, 0.5, 0.75]) for name in ("x", "y")}

    def binned(t):
        return t.assign(**{name: np.searchsorted(e, t[name], "right") for name, e in edges.items()})

    scores = []
    for a, b in (("x", "y"), ("x", "c"), ("x", "d"), ("y", "c"), ("y", "d"), ("c", "d")):
        p, q = (binned(t).groupby([a, b]).size() / len(t) for t in (real, fake))
        scores.append(1 - p.subtract(q, fill_value=0).abs().sum() / 2)
    assert ev.column_pairs(real, fake) == pytest.approx(np.mean(scores), abs=1e-6)


def test_association_matrix_equals_scipy(tables):
    real = tables[0]
    matrix = ev.association_matrix(real, corrected=False)
    assert matrix.loc["age", "thalach"] == pytest.approx(
        stats.spearmanr(real.age, real.thalach).statistic
    )
    cross = pd.crosstab(real.cp, real.target)
    assert matrix.loc["cp", "target"] == pytest.approx(association(cross, method="cramer"))
    phi2 = stats.chi2_contingency(cross, correction=False).statistic / len(real)
    assert matrix.loc["cp", "target"] == pytest.approx(
        np.sqrt(phi2 / min(np.array(cross.shape) - 1))
    )
    groups = [g.chol for _, g in real.groupby("cp")]
    f = stats.f_oneway(*groups).statistic  # eta squared from F: F (k - 1) / (F (k - 1) + n - k)
    eta = np.sqrt(f * 3 / (f * 3 + len(real) - 4))
    assert matrix.loc["chol", "cp"] == pytest.approx(eta)
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)


def test_corrected_cramers_v_is_bergsmas():
    rng = np.random.default_rng(3)
    df = pd.DataFrame({"a": rng.integers(0, 3, 200), "b": rng.integers(0, 5, 200)})
    n, r, k = 200, 3, 5
    phi2 = stats.chi2_contingency(pd.crosstab(df.a, df.b), correction=False).statistic / n
    r_, k_ = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    expected = np.sqrt(max(0, phi2 - (r - 1) * (k - 1) / (n - 1)) / min(r_ - 1, k_ - 1))
    assert ev.association_matrix(df).loc["a", "b"] == pytest.approx(expected)


def test_corrections_remove_the_bias_of_small_tables():
    rng = np.random.default_rng(4)
    values = [
        ev.association_matrix(
            pd.DataFrame({"x": rng.normal(size=60), "g": rng.integers(0, 6, 60)}), corrected=c
        ).loc["x", "g"]
        ** 2
        for _ in range(60)
        for c in (False, True)
    ]
    plain, corrected = np.mean(values[::2]), np.mean(values[1::2])
    assert plain == pytest.approx(5 / 59, abs=0.03) and corrected < 0.5 * plain


def test_spearman_with_missing_cells_is_pairwise():
    rng = np.random.default_rng(5)
    df = pd.DataFrame(rng.normal(size=(50, 2)), columns=["x", "y"])
    df.loc[:9, "x"] = np.nan
    expected = stats.spearmanr(df.x, df.y, nan_policy="omit").statistic
    assert ev.association_matrix(df).loc["x", "y"] == pytest.approx(expected)


def test_a_constant_synthetic_column_has_lost_its_associations():
    rng = np.random.default_rng(6)
    x = rng.normal(size=100)
    real = pd.DataFrame({"x": x, "y": x + rng.normal(0, 0.1, 100)})
    fake = real.assign(y=1.5)
    expected = abs(stats.spearmanr(real.x, real.y).statistic)
    assert ev.association_error(real, fake) == pytest.approx(expected)


def test_missing_patterns_equal_pandas():
    real, fake = load_heart(site="hungarian"), load_heart(site="va")
    schema = infer_schema(pd.concat([real, fake], ignore_index=True))
    shares = [t.isna().apply(tuple, axis=1).value_counts(normalize=True) for t in (real, fake)]
    expected = 1 - shares[0].subtract(shares[1], fill_value=0).abs().sum() / 2
    assert ev.missing_patterns(real, fake, schema) == pytest.approx(expected)
    assert ev.missing_patterns(real, real.sample(frac=1, random_state=0)) == 1
    assert (
        ev.missing_patterns(real.dropna(axis=1), real.dropna(axis=1)) == 1
    )  # nothing missing anywhere


def test_missing_patterns_see_what_column_shares_do_not():
    rng = np.random.default_rng(13)
    real = pd.DataFrame(
        {"x": rng.normal(size=400), "y": rng.normal(size=400), "c": rng.choice(list("abc"), 400)}
    )
    real.loc[:99, ["x", "y"]] = np.nan
    fake = real.copy()
    fake["y"] = fake.y.sample(frac=1, random_state=0).to_numpy()  # as many holes, but apart
    assert ev.missing_patterns(real, fake) < 0.75
    assert ev.missing_patterns(real, fake.sample(frac=1, random_state=0)) == ev.missing_patterns(
        real, fake
    )


def test_two_sample_auc_is_the_mean_of_fold_aucs(tables):
    _, _, holdout, fake = tables
    test = ev.two_sample_test(holdout, fake, draws=2, learners=("logistic regression",))
    folds = [roc_auc_score(g.fake, g.score) for _, g in test.scores.groupby(["draw", "fold"])]
    assert test.auc()["auc"].iloc[0] == pytest.approx(
        np.mean(folds), abs=0.01
    )  # folds differ by a row or two
    assert test.rows == len(holdout)
    counts = test.scores.groupby("draw").fake.agg(["sum", "size"])
    assert (counts["size"] == 2 * counts["sum"]).all()


def test_c2st_is_the_worst_of_three_over_draws(tables):
    _, _, holdout, fake = tables
    test = ev.two_sample_test(holdout, fake, heart_schema(), draws=2, seed=3)
    space, sums, pairs = (
        fit_space(holdout, heart_schema()),
        dict.fromkeys(ev.CLASSIFIERS, 0.0),
        0,
    )
    for draw, part in test.scores.groupby("draw"):  # the rows it drew, by scikit-learn
        rows = [np.unique(part.row[part.fake == side]) for side in (False, True)]
        assert len(rows[0]) == len(rows[1]) == len(holdout)
        x = np.vstack(
            [space.embed(space.code(t.iloc[r])) for t, r in zip((holdout, fake), rows, strict=True)]
        )
        x, y = x[:, x.std(axis=0) > 0], np.repeat([0, 1], len(holdout))
        for a, b in StratifiedKFold(5, shuffle=True, random_state=draw).split(x, y):
            pairs += (weight := (y[b] == 0).sum() * (y[b] == 1).sum())
            for name in sums:
                p = ev.make_classifier(name, 3 + draw).fit(x[a], y[a]).predict_proba(x[b])[:, 1]
                sums[name] += weight * roc_auc_score(y[b], p)
    assert test.auc()["auc"].to_dict() == pytest.approx(
        {name: total / pairs for name, total in sums.items()}
    )
    assert ev.c2st_auc(holdout, fake, heart_schema(), draws=2, seed=3) == pytest.approx(
        max(sums.values()) / pairs
    )


def test_density_and_coverage_equal_naeems_formula():
    rng = np.random.default_rng(8)
    real, fake, k = rng.normal(size=(60, 4)), rng.normal(0.4, 1, size=(60, 4)), 5
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    inside = pairwise_distances(real, fake) < radius[:, None]
    density, cover = ev._density_coverage(real, fake, k)
    assert density.mean() == pytest.approx(inside.sum() / (k * len(fake)))
    assert cover.mean() == pytest.approx(inside.any(axis=1).mean())


def test_multiclass_utility_is_macro_one_against_the_rest():
    rng = np.random.default_rng(10)
    df = mixed(rng, 300)
    df["target"] = np.digitize(df.x + rng.normal(0, 0.5, 300), [-0.5, 0.5])
    train, test = df[:200], df[200:]
    found = ev.predict_outcome(train, test, fit_space(train, None, test))
    expected = [
        roc_auc_score(test.target, p, multi_class="ovr", average="macro")
        for p in found.proba.values()
    ]
    assert found.auc()[0] == pytest.approx(np.mean(expected))


# ---------------------------------------- validity and copies


def test_invalid_rows(tables):
    fake = tables[3].head(10).astype(float)
    fake.loc[2, "age"] = 5
    fake.loc[4, "cp"] = 9
    fake.loc[6, "chol"] = 200.5
    assert np.flatnonzero(ev.invalid_rows(fake, heart_schema())).tolist() == [2, 4, 6]
    assert ev.invalid_share(fake.drop(columns="age"), heart_schema()) == 1
    assert ev.invalid_rows(fake.assign(extra=1), heart_schema()).sum() == 3


def test_copies_ignore_type_and_see_missing(tables):
    real, train, holdout, _ = tables
    assert ev.copies(train.astype(float), train) == 1
    assert ev.copies(holdout, train) == 0
    changed = train.assign(age=train.age + 0.5)
    assert ev.copies(changed, train) == 0
    assert (
        real.isna().any(axis=1).sum() == 6 and ev.copies(real[real.isna().any(axis=1)], real) == 1
    )


# ---------------------------------------- evaluate


def test_tidy_table(table):
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
    groups = [
        "all",
        "sex=0",
        "sex=1",
        "age=<45",
        "age=45-54",
        "age=55-64",
        "age=65+",
        "target=0",
        "target=1",
    ]
    assert list(dict.fromkeys(table.group)) == groups
    assert set(table.metric) == set(METRICS) and not table.duplicated(["metric", "group"]).any()
    known = table.dropna(subset=["value", "ci_low"])
    assert (known.ci_low <= known.value).all() and (known.value <= known.ci_high).all()
    for name, part in known.groupby("metric"):
        metric = METRICS[name]
        assert part.value.between(metric.low, metric.high).all()


def test_what_cannot_be_computed_stays_and_says_why(table):
    lost = table[table.value.isna()]
    assert len(lost) and (lost.note.str.len() > 10).all()
    small = lost[lost.group == "age=65+"]
    assert (
        len(small) == 10
        and small.note.str.contains("too small: 15 held-out rows, at least 20").all()
    )
    one = lost[(lost.group == "target=1") & (lost.metric == "tstr_auc")]
    assert one.note.iloc[0] == "one outcome only among the held-out rows"


@pytest.mark.usefixtures("few_trees")
def test_equal_seeds_give_equal_tables(tables):
    _, train, holdout, fake = tables
    a, b = (ev.evaluate(train, holdout, fake, draws=1, boot=3, by=(), seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


@pytest.mark.usefixtures("few_trees")
def test_a_large_table_is_subsampled_and_says_so():
    rng = np.random.default_rng(15)
    real = mixed(rng, 9000).assign(target=rng.integers(0, 2, 9000))
    train, holdout, fake = real[:6000], real[6000:], pd.concat([real[:6000]] * 4, ignore_index=True)
    fake["x"] += 0.001
    table = ev.evaluate(train, holdout, fake, draws=1, boot=2, by=()).set_index("metric")
    note = table.note
    assert "interval from bootstrap draws of 2000 rows" in note["column_shapes"]
    assert "1 draws of 1000 + 1000 rows, of 3000 held-out and 24000 synthetic" in note["c2st_auc"]
    assert "5 draws of 1000 + 1000 rows, of 3000 held-out and 24000 synthetic" in note["coverage"]
    assert (
        "trained on 20,000 of 24,000 rows" in note["tstr_auc"]
        and "trained on" not in note["trtr_auc"]
    )
    assert table.value[table.goal.notna()].notna().all()  # others are of other kinds of outcome


@pytest.mark.usefixtures("few_trees")
def test_large_tables_are_subsampled_and_say_so():
    real = load_heart()
    parts = [ev.independent_marginals(real, n, seed=n) for n in (14_000, 6_000, 21_000)]
    table = ev.evaluate(*parts, schema=heart_schema(), by=()).set_index("metric")
    assert table.value[table.goal.notna()].notna().all()  # others are of other kinds of outcome
    assert "trained on 20,000 of 21,000 rows" in table.note["tstr_auc"]


@pytest.mark.usefixtures("few_trees")
def test_a_group_that_train_lacks_has_no_floor_and_tiny_ones_say_why(tables):
    _, train, holdout, fake = tables
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = ev.evaluate(
            train[train.sex == 1], holdout, fake, draws=1, boot=2, by=("sex",)
        ).set_index(["metric", "group"])
        tiny = ev.evaluate(train, holdout.head(3), fake, draws=1, boot=2, by=("age",), min_rows=1)
    assert np.isfinite(table.value["column_shapes", "sex=0"]) and np.isnan(
        table.floor["column_shapes", "sex=0"]
    )
    lost = tiny[(tiny.metric == "c2st_auc") & tiny.value.isna()]
    assert len(lost) and lost.note.str.startswith("too small").all()


def test_a_groups_two_sample_test_says_how_many_rows(tables, table):
    _, _, holdout, fake = tables
    women = table[(table.metric == "c2st_auc") & (table.group == "sex=0")].note.iloc[0]
    assert (
        f"of {(holdout.sex == 0).sum()} held-out and {(fake.sex == 0).sum()} synthetic in the group"
        in women
    )


def test_small_tables_say_nothing_of_subsampling(table):
    whole = table[table.group == "all"].set_index("metric").note
    assert "bootstrap" not in whole["column_shapes"] and "trained on" not in whole["tstr_auc"]


@pytest.mark.usefixtures("few_trees")
def test_train_as_holdout_is_refused(tables):
    _, train, holdout, fake = tables
    with pytest.raises(ValueError, match="212 of 212 rows are train rows.*allow_train=True"):
        ev.evaluate(train, train, fake)
    table = ev.evaluate(train, train, fake, draws=1, boot=2, by=(), allow_train=True)
    assert len(table) == len(METRICS)


def test_a_few_train_rows_in_the_holdout_are_stated(tables):
    _, train, holdout, fake = tables
    mixed = pd.concat([holdout, train.head(7)])
    note = ev.evaluate(train, mixed, fake, draws=1, boot=2, by=()).note
    assert note.str.endswith("; 7 of 98 held-out rows equal a train row").all()
    assert (
        not ev.evaluate(train, holdout, fake, draws=1, boot=2, by=())
        .note.str.contains("equal a train row")
        .any()
    )


def test_refusals_name_what_is_wrong(tables):
    _, train, holdout, fake = tables
    with pytest.raises(ValueError, match="columns differ .age"):
        ev.evaluate(train, holdout.drop(columns="age"), fake)
    with pytest.raises(ValueError, match="fake: needs at least 2 rows, got 1"):
        ev.evaluate(train, holdout, fake.head(1))
    with pytest.raises(ValueError, match="no column in common"):
        ev.evaluate(train, holdout, fake.add_prefix("z"))
    with pytest.raises(ValueError, match="fake: column 'age' appears more than once"):
        ev.evaluate(train, holdout, pd.concat([fake, fake[["age"]]], axis=1))
    for name, least in (("draws", 1), ("boot", 0), ("seed", 0)):
        with pytest.raises(ValueError, match=f"{name}: must be at least {least}, got {least - 1}"):
            ev.evaluate(train, holdout, fake, **{name: least - 1})
    with pytest.raises(ValueError, match="metric must be one of .*did you mean 'coverage'"):
        ev.evaluate(train, holdout, fake, metrics=["covrage"])
    with pytest.raises(ValueError, match="'nothing' is not a column"):
        ev.evaluate(train, holdout, fake, "nothing")
    with pytest.raises(ValueError, match="by: 'height' is not a column"):
        ev.evaluate(train, holdout, fake, by=("height",))


@pytest.mark.usefixtures("few_trees")
def test_no_outcome_continuous_outcome_and_a_lost_column(tables):
    _, train, holdout, fake = tables
    outcome = dict(columns={"target": "disease"})  # a table without a column of that name
    for names, target, word in (({}, "chol", "continuous"), (outcome, None, "no outcome")):
        parts = [df.rename(**names) if names else df for df in (train, holdout, fake)]
        table = ev.evaluate(*parts, target, draws=1, boot=2, by=()).set_index("metric")
        assert np.isnan(table.value["tstr_auc"]) and word in table.note["tstr_auc"]
        assert np.isfinite(table.value["c2st_auc"])
    lost = ev.evaluate(
        train, holdout, fake.drop(columns="target"), draws=1, boot=2, by=()
    ).set_index("metric")
    assert "lacks target" in lost.note["column_shapes"] and lost.value["c2st_auc"] == 1
    assert (
        lost.value["invalid_share"] == 1 and "fewer than two known classes" in lost.note["tstr_auc"]
    )


@pytest.mark.usefixtures("few_trees")
def test_hostile_synthetic_cells(tables):
    _, train, holdout, fake = tables
    wild = fake.head(200).astype(object)
    wild.loc[0:50, "chol"] = "high"
    wild.loc[51:99, "age"] = 1e300
    wild.loc[100:150, "cp"] = "strange"
    wild.loc[151:180, "oldpeak"] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = ev.evaluate(train, holdout, wild, draws=1, boot=2, by=()).set_index("metric")
    assert table.value["invalid_share"] >= 180 / 200 and np.isfinite(table.value["c2st_auc"])


@pytest.mark.usefixtures("few_trees")
def test_words_booleans_dates_and_categories():
    rng = np.random.default_rng(11)
    n = 160
    df = pd.DataFrame(
        {
            "when": pd.Timestamp("2001-05-04") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "smoker": rng.random(n) < 0.4,
            "stage": pd.Categorical(rng.choice(["I", "II", "III"], n)),
            "bmi": rng.normal(27, 4, n).round(1),
            "died": rng.choice(["no", "yes"], n),
        }
    )
    df.loc[3:9, "bmi"] = np.nan
    train, holdout = df[:100], df[100:]
    table = ev.evaluate(train, holdout, train, target="died", draws=1, boot=2, by=("stage", "bmi"))
    whole = table[table.group == "all"].set_index("metric").value
    assert (
        whole["copies_train"] == 1
        and np.isfinite(whole[["c2st_auc", "tstr_auc", "column_pairs"]]).all()
    )
    assert {"stage=I", "stage=II", "stage=III"} < set(table.group)


# ---------------------------------------- references


def test_known_order_of_the_references(corners):
    value = corners
    assert value.loc["column_shapes", INDEPENDENT_NAME] > value.loc["column_shapes", FLOOR_NAME]
    assert value.loc["column_pairs", COPY_NAME] > value.loc["column_pairs", INDEPENDENT_NAME]
    assert (
        value.loc["association_error", INDEPENDENT_NAME]
        > 2 * value.loc["association_error", COPY_NAME]
    )
    assert value.loc["c2st_auc", INDEPENDENT_NAME] > 0.65
    assert abs(value.loc["c2st_auc", FLOOR_NAME] - 0.5) < 0.1
    assert value.loc["tstr_auc", COPY_NAME] == value.loc["trtr_auc", COPY_NAME] > 0.85
    assert value.loc["tstr_auc", INDEPENDENT_NAME] < 0.7
    assert (
        value.loc["copies_train", COPY_NAME] == 1
        and value.loc["copies_train", INDEPENDENT_NAME] < 0.01
    )
    assert (value.loc["invalid_share", [INDEPENDENT_NAME, COPY_NAME]] == 0).all()
    assert value.loc["coverage", FLOOR_NAME] > value.loc["coverage", INDEPENDENT_NAME]


# ---------------------------------------- deeper looks


def test_giveaways_name_the_broken_column(tables):
    _, train, holdout, _ = tables
    table = ev.giveaways(holdout, train.assign(chol=train.chol + 150), draws=1)
    assert table.column[0] == "chol" and table.loss[0] > 0.2 and table.attrs["auc"] > 0.85
    assert set(table.column) == set(train.columns)


# ---------------------------------------- tables and figures


def test_feature_table_has_all_columns_in_their_units(tables):
    real, _, _, fake = tables
    table = ev.feature_table(real, fake, heart_schema())
    assert list(table.index) == list(real.columns) and table.loc["chol", "unit"] == "mg/dl"
    assert (
        table.loc["chol", "real"]
        == f"{real.chol.mean():.1f} ± {real.chol.std():.1f}"
        == "246.7 ± 51.8"
    )
    assert (
        table.loc["sex", "real_mean"] == pytest.approx(real.sex.mean())
        and "male 68 %" in table.loc["sex", "real"]
    )
    assert table.loc["ca", "synthetic_sd"] == pytest.approx(fake.ca.std())


def test_classification_report_equals_scikit_learn(tables):
    _, train, holdout, _ = tables
    report = ev.classification_report(train, holdout, train.sample(150, random_state=0))
    space = fit_space(train, None, holdout)
    found = ev.predict_outcome(train, holdout, space, learners=("random forest",))
    guess = found.proba["random forest"].argmax(axis=1)
    real = report[report.trained_on == "real"].set_index("outcome")
    assert real.accuracy.iloc[0] == pytest.approx(accuracy_score(holdout.target, guess))
    assert real.f1["1"] == pytest.approx(f1_score(holdout.target, guess))
    assert real.f1["mean"] == pytest.approx(f1_score(holdout.target, guess, average="macro"))
    assert real.rows.tolist() == [49, 42, 91]


@pytest.mark.usefixtures("few_trees")
def test_figures_have_findings_and_equal_bytes(tables, table, tmp_path):
    real, train, holdout, fake = tables
    schema = heart_schema()
    report = ev.classification_report(train, holdout, fake)
    makers = {
        "histograms": lambda: ev.plot_histograms(real, fake, schema),
        "categories": lambda: ev.plot_categories(real, fake, schema),
        "associations": lambda: ev.plot_associations(real, fake, schema),
        "classification": lambda: ev.plot_classification(report),
        "groups": lambda: ev.plot_groups(table, "coverage"),
        "subgroups": lambda: ev.plot_subgroups(table),
        "embedding": lambda: ev.plot_embedding(ev.embedding(real, fake, schema, cap=80)),
    }
    for name, make in makers.items():
        figure = make()
        assert any(c.isdigit() for c in figure.get_label()), name
        assert figure.get_suptitle().replace("\n", " ") in figure.get_label(), name
        assert len(figure.get_label()) > len(figure.get_suptitle()) + 20, (
            f"{name}: no word on what is drawn"
        )
        svg, png = save_figure(figure, tmp_path / "a", name)
        again = save_figure(make(), tmp_path / "b", name)
        assert svg.suffix == ".svg" and png.stat().st_size > 5000
        assert (
            svg.read_bytes() == again[0].read_bytes() and png.read_bytes() == again[1].read_bytes()
        ), name
    assert not [p for p in tmp_path.rglob(".*")]


def test_figures_take_a_collapsed_and_a_partial_table(tables):
    real, _, _, fake = tables
    odd = fake.drop(columns="target").assign(chol=298.2, sex=0.39)
    assert "chol" in ev.plot_histograms(real, odd).get_label()
    ev.plot_categories(real, odd)
    ev.plot_associations(real, odd)
    assert np.isnan(ev.feature_table(real, odd).loc["target", "synthetic_mean"])


@pytest.mark.usefixtures("few_trees")
def test_schema_is_inferred_from_train_and_holdout_together(tables):
    real, train, holdout, fake = tables
    a = ev.evaluate(train, holdout, fake, draws=1, boot=2, by=())
    b = ev.evaluate(train, holdout, fake, draws=1, boot=2, by=(), schema=infer_schema(real))
    np.testing.assert_allclose(a.value, b.value)


def test_embedding_counts_neighbours(tables):
    real, train, _, _ = tables
    near, far = (
        ev.embedding(real, t, heart_schema(), cap=150).attrs["mixing"]
        for t in (train, train.assign(chol=690))
    )
    assert near > 0.3 and far < 0.02
    with pytest.raises(ValueError, match="at least 12 rows in each table, got 5"):
        ev.embedding(real, train.head(5))


def test_subgroup_figure_counts_what_is_clearly_worse(table):
    title = ev.plot_subgroups(table, ["c2st_auc"]).get_suptitle()
    part = table[(table.metric == "c2st_auc") & (table.group != "all")].dropna(subset="value")
    worse = ((part.value > part.floor) & (part.ci_low > part.floor)).sum()
    assert title.startswith(
        f"{worse} of {len(part)} group results"
    ) and "2 more have no number" in title.replace("\n", " ")
    every = ev.plot_subgroups(table).get_suptitle().replace("\n", " ")
    few = table.note.str.startswith("too small") & ~table.metric.isin(
        ["trtr_auc", "copies_holdout"]
    )
    assert few.sum() > 2 and f"{few.sum()} more have no number" in every


@pytest.mark.parametrize("rows", [2, 40, 300])
def test_rank_correlations_with_gaps_equal_pandas(rows):
    rng = np.random.default_rng(rows)
    numbers = np.round(rng.normal(size=(rows, 6)), 1)  # ties
    numbers[:, 1::2][rng.random((rows, 3)) < 0.3] = np.nan
    found = ev._spearman(numbers)
    expected = pd.DataFrame(numbers).corr(method="spearman").to_numpy()
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(found[off], expected[off], atol=1e-12)


def test_patterns_of_many_columns_are_told_apart():
    rng = np.random.default_rng(1)
    real, fake = (rng.random((400, 70)) < 0.01 for _ in range(2))
    counts = [pd.Series(map(bytes, t)).value_counts(normalize=True) for t in (real, fake)]
    distance = counts[0].sub(counts[1], fill_value=0).abs().sum() / 2
    assert ev._patterns(real, fake) == pytest.approx(1 - distance)


def test_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(2, 600, 3))
    learners = ("logistic regression", "random forest")
    settings = {"draws": 1, "seed": 0, "folds": 2, "learners": learners}
    several = tell_apart(real, fake, **settings).scores
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    pd.testing.assert_frame_equal(several, tell_apart(real, fake, **settings).scores)


def test_progress_is_shown_where_asked_for(tables, capsys):
    _, train, holdout, fake = tables
    settings = {"by": (), "metrics": ["column_shapes", "copies_train"], "boot": 0}
    ev.evaluate(train, holdout, fake, **settings)
    assert capsys.readouterr().err == ""
    ev.evaluate(train, holdout, fake, progress=True, **settings)
    assert capsys.readouterr().err.strip() == ""  # done before two seconds were over
