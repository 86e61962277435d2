"""Clinical value against scikit-learn, scipy and formulas by hand, on any table."""

from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from synthheart import clinical as cl
from synthheart import evaluation as ev
from synthheart.cohorts import DATASETS, Dataset, heart_schema, load_heart
from synthheart.runs import start_run
from synthheart.splitting import train_holdout_split

CLEVELAND = DATASETS["cleveland"]
RELATIONS = CLEVELAND.relations


@pytest.fixture(scope="module")
def tables():
    real = load_heart()
    train, holdout = train_holdout_split(real, seed=0)
    return real, train, holdout, ev.independent_marginals(train, 600, seed=0)


@pytest.fixture(scope="module")
def utility(tables):
    _, train, holdout, _ = tables
    found = cl.predict_designs(
        train, holdout, train.sample(150, random_state=0), learners=ev.CLASSIFIERS[:2]
    )
    return cl.utility_table(found), found


# ------------------------------------------------------------------ predictions


def test_utility_table_equals_scikit_learn(tables, utility):
    holdout, (table, found) = tables[2], utility
    for design in ("TRTR", "TSTR", "augmented"):
        row = table.set_index(["design", "classifier"]).loc[(design, "random forest")]
        p = found[design].proba["random forest"][:, 1]
        assert row.auc == pytest.approx(roc_auc_score(holdout.target, p))
        assert row.brier == pytest.approx(brier_score_loss(holdout.target, p))
        for name, score in (
            ("f1", f1_score),
            ("precision", precision_score),
            ("recall", recall_score),
        ):
            assert row[name] == pytest.approx(score(holdout.target, p > 0.5))
        assert row.too_high == pytest.approx(p.mean() - holdout.target.mean())
        p = np.clip(p, 0.01, 0.99)
        line = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(
            np.log(p / (1 - p))[:, None], holdout.target
        )
        assert row.slope == pytest.approx(line.coef_[0, 0], rel=1e-3)
    assert list(dict.fromkeys(table.design)) == ["TSTR", "TRTR", "augmented", "TRTS"]
    assert table.query("design == 'TRTS'").trained_on.eq("real").all()


def test_calibration_groups(tables, utility):
    holdout, found = tables[2], utility[1]
    table = cl.calibration_table(found, groups=4).query("design == 'TRTR'")
    p = np.mean(list(found["TRTR"].proba.values()), axis=0)[:, 1]
    assert table.rows.sum() == len(holdout) and (
        table.rows * table.observed
    ).sum() == pytest.approx(holdout.target.sum())
    assert (table.rows * table.predicted).sum() == pytest.approx(
        p.sum()
    ) and table.predicted.is_monotonic_increasing
    low, high = stats.binomtest(
        round(table.rows.iloc[1] * table.observed.iloc[1]), int(table.rows.iloc[1])
    ).proportion_ci(method="wilson")
    assert (table.ci_low.iloc[1], table.ci_high.iloc[1]) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5, 0.8])
def test_net_benefit_by_hand(tables, utility, threshold):
    holdout, found = tables[2], utility[1]
    table = cl.decision_curve(found, [threshold]).set_index("design").net_benefit
    p = np.mean(list(found["TSTR"].proba.values()), axis=0)[:, 1]
    tn, fp, fn, tp = confusion_matrix(holdout.target, p >= threshold).ravel()
    odds, n = threshold / (1 - threshold), len(holdout)
    assert table["TSTR"] == pytest.approx(tp / n - fp / n * odds)
    assert table["treat all"] == pytest.approx(
        holdout.target.mean() - (1 - holdout.target.mean()) * odds
    )
    assert table["treat none"] == 0


def test_decision_title_says_on_which_side(utility):
    table = cl.decision_curve(utility[1])
    wide = table.pivot(index="threshold", columns="design", values="net_benefit")
    gap = 100 * (wide.TSTR - wide.TRTR).mean()
    swapped = table.replace({"design": {"TSTR": "TRTR", "TRTR": "TSTR"}})
    for t, value in ((table, gap), (swapped, -gap)):
        title = cl.plot_decisions(t).get_suptitle().replace("\n", " ")
        assert f"{abs(value):.1f} per 100 patients {'below' if value < 0 else 'above'}" in title


def test_thresholds_are_checked(utility):
    with pytest.raises(ValueError, match="strictly between 0 and 1, got 0"):
        cl.decision_curve(utility[1], [0, 0.5])


def test_importance_equals_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    df = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        target=(x[:, 0] + 0.5 * x[:, 1] + rng.normal(size=600) > 0) * 1
    )
    train, holdout = df[:300], df[300:].reset_index(drop=True)
    table = cl.importance_agreement(train, holdout, train, repeats=40).set_index("column")
    model = RandomForestClassifier(100, min_samples_leaf=2, random_state=0).fit(
        train[["a", "b", "c"]], train.target
    )
    other = permutation_importance(
        model,
        holdout[["a", "b", "c"]],
        holdout.target,
        scoring="roc_auc",
        n_repeats=40,
        random_state=1,
    )
    np.testing.assert_allclose(
        table.loc[["a", "b", "c"], "real"], other.importances_mean, atol=0.02
    )
    np.testing.assert_allclose(table.real, table.synthetic)
    assert table.attrs["agreement"] == pytest.approx(1) and list(table.index) == ["a", "b", "c"]


def test_importance_needs_two_outcomes(tables):
    _, train, holdout, fake = tables
    with pytest.raises(ValueError, match="one outcome only among 600"):
        cl.importance_agreement(train, holdout, fake.assign(target=1))
    with pytest.raises(ValueError, match="'chol': importances need a column with two outcomes"):
        cl.importance_agreement(train, holdout, fake, "chol")


# ------------------------------------------------------------------ odds ratios, relations


def test_synthetic_intervals_carry_the_chance_of_the_training_rows():
    """An estimate from k rows of a model of n patients: v (1 + k / n), checked by drawing."""
    rng, n, k = np.random.default_rng(0), 200, 1000
    taught = rng.normal(size=(2000, n))
    means = rng.normal(taught.mean(axis=1), taught.std(axis=1, ddof=1) / np.sqrt(k))
    assert cl.inflation(k, 303, n) == 6
    assert means.var() == pytest.approx(cl.inflation(k, 303, n) / k, rel=0.1)
    assert (cl.inflation(k, 500), cl.inflation(100, 500)) == (2, 1)


def test_the_association_that_is_furthest_off_is_named():
    odds = pd.DataFrame(
        [("one vessel", 4.5, 2.1, 9.6, 1.5), ("age", 1.1, 0.8, 1.6, 4.0), ("sex", 3.0, 2, 5, 2.9)],
        columns=["term", "real", "real_low", "real_high", "synthetic"],
    )
    said = "Furthest off of the 2 clear ones is one vessel: 4.50 (2.10 to 9.60) in the real"
    assert cl.largest_shift(odds).startswith(said)
    assert cl.largest_shift(odds[1:2]) == ""
    ends = odds.assign(synthetic_low=[1.1, 0.5, 2.4], synthetic_high=[2.0, 9.0, 3.4])
    told = cl.largest_shift(ends)
    assert "1.50 (1.10 to 2.00) in the synthetic ones. Of 3 terms there are 1 whose" in told
    assert "does not meet the real one (one vessel) and 1 whose" in told
    assert told.endswith("the intervals meeting (age).")


def test_odds_ratios_equal_scikit_learn(tables):
    real, _, _, fake = tables
    table = cl.odds_ratios(real, fake, schema=heart_schema())
    space = ev.fit_space(real, heart_schema())
    x, names = cl._design_matrix(space.code(real), space, heart_schema())
    model = LogisticRegression(C=1.0, max_iter=5000, tol=1e-10).fit(x[:, 1:], real.target)
    np.testing.assert_allclose(np.log(table.real), model.coef_[0], atol=1e-3)
    assert names[1:] == table.term.tolist() and len(table) == 20
    known = table.set_index("term")
    assert (
        known.loc["sex: male", "real_low"] > 1
        and known.loc["thal: reversible defect", "real_low"] > 1
    )
    same = cl.odds_ratios(real, real, schema=heart_schema())
    assert (same.overlap > 0.999).all() and same.same_sign.all()
    low, high, low2, high2 = np.log(
        known.loc["sex: male", ["real_low", "real_high", "synthetic_low", "synthetic_high"]].astype(
            float
        )
    )
    shared = max(0, min(high, high2) - max(low, low2))  # Karr et al. 2006
    assert known.overlap["sex: male"] == pytest.approx(
        (shared / (high - low) + shared / (high2 - low2)) / 2
    )
    clear = (known.real_low > 1) | (known.real_high < 1)
    kept = clear & ((known.real > 1) == (known.synthetic > 1))
    still = kept & ((known.synthetic_low > 1) | (known.synthetic_high < 1))
    title = cl.plot_odds_ratios(table).get_suptitle().replace("\n", " ")
    assert title.startswith(
        f"Of the {clear.sum()} clear associations {kept.sum()} keep their direction and "
        f"{still.sum()} stay clear"
    )
    with pytest.raises(ValueError, match="only one outcome in the synthetic table"):
        cl.odds_ratios(real, fake.assign(target=1))


def test_relations_are_the_data_sheets_and_scipys(tables):
    real, _, _, fake = tables
    table = cl.known_relations(real, fake, RELATIONS, schema=heart_schema()).set_index("relation")
    r = stats.spearmanr(real.age, real.thalach).statistic
    assert (
        table.real["maximum heart rate falls with age"] == pytest.approx(r) and round(r, 2) == -0.39
    )
    for name, column, rounded in (
        ("angina on exercise goes with higher odds of disease", "exang", 7.4),
        ("men have more disease", "sex", 3.6),
    ):
        found = stats.contingency.odds_ratio(
            pd.crosstab(real[column], real.target).to_numpy(), kind="sample"
        )
        interval = found.confidence_interval(0.95)
        row = table.loc[name]
        assert row.real == pytest.approx(found.statistic) and round(row.real, 1) == rounded
        assert (row.real_low, row.real_high) == pytest.approx(
            (interval.low, interval.high), rel=1e-3
        )
    row = table.loc["more ST depression with disease"]
    a, b = real.oldpeak[real.target == 1], real.oldpeak[real.target == 0]
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert (
        row.real == pytest.approx(a.mean() - b.mean()) and row.measure == "difference of means (mm)"
    )
    assert (row.real - row.real_low) / 1.96 == pytest.approx(row.real / welch.statistic)
    assert (
        table.real_holds.eq("clearly").all()
        and table.loc["more coloured vessels, more disease", "real_rows"] == 299
    )


def test_independent_columns_break_the_relations(tables):
    real, _, _, fake = tables
    table = cl.known_relations(real, fake, RELATIONS)
    assert (table.synthetic_holds == "clearly").sum() <= 1 and not table.agree.astype(bool).any()


def test_a_relation_that_cannot_be_measured_stays_and_says_why(tables):
    real, _, _, fake = tables
    odd = fake.drop(columns="ca").assign(sex=1, target=lambda t: t.target.astype(object))
    odd.loc[0:590, "oldpeak"] = np.nan
    table = cl.known_relations(real, odd, RELATIONS).set_index("relation")
    assert len(table) == len(RELATIONS)
    assert table.synthetic_holds["more coloured vessels, more disease"] == "no column ca"
    assert table.synthetic_holds["men have more disease"] == "sex does not vary"
    assert (
        table.synthetic_holds["more ST depression with disease"]
        == "too small: 9 rows, at least 20 are needed"
    )
    lost = table[table.synthetic.isna()]
    assert len(lost) == 3 and lost.agree.isna().all()
    cl.plot_relations(table.reset_index())


def test_relations_by_group(tables):
    real, _, _, fake = tables
    table = cl.known_relations(real, fake, RELATIONS, by=("sex", "age"))
    assert not (
        (table.group.str.startswith("sex")) & (table.relation == "men have more disease")
    ).any()
    women = table[(table.group == "sex=0") & table.relation.str.startswith("angina")]
    part = real[real.sex == 0]
    expected = stats.contingency.odds_ratio(
        pd.crosstab(part.exang, part.target).to_numpy(), kind="sample"
    ).statistic
    assert women.real.iloc[0] == pytest.approx(expected)


# ------------------------------------------------------------------ groups and other hospitals


def test_group_means_equal_pandas(tables):
    real, _, _, fake = tables
    table = cl.group_means(real, fake, heart_schema()).set_index(["group", "column", "level"])
    for sex in (0, 1):
        row = table.loc[(f"sex={sex}", "chol", "")]
        assert row.real == pytest.approx(real.chol[real.sex == sex].mean()) and row.unit == "mg/dl"
        assert row.synthetic == pytest.approx(fake.chol[fake.sex == sex].mean())
        assert (row.real_rows, row.synthetic_rows) == (
            (real.sex == sex).sum(),
            (fake.sex == sex).sum(),
        )
        assert row.ci_low < row.difference < row.ci_high
    vessels = table.loc[("all", "ca", "none")]
    assert (
        vessels.real == pytest.approx(100 * (real.ca.dropna() == 0).mean())
        and vessels.real_rows == 299
    )


def test_a_group_that_is_too_small_says_so(tables):
    real, _, _, fake = tables
    table = cl.group_means(real, fake[fake.age < 65], heart_schema())
    old = table[table.group == "age=65+"]
    assert (
        old.real.isna().all()
        and (old.note == "too small: 0 synthetic rows, at least 20 are needed").any()
    )
    cl.plot_group_means(table)


def test_what_is_missing_abroad():
    table = cl.missing_abroad(CLEVELAND)
    assert table.loc["chol", "switzerland"] == 1 and table.loc["ca", "hungarian"] == pytest.approx(
        291 / 294
    )
    assert table.index[table.shared].tolist() == [
        "age",
        "sex",
        "cp",
        "trestbps",
        "restecg",
        "thalach",
        "exang",
        "oldpeak",
    ]
    assert table.why[~table.shared].str.len().min() > 20


def test_external_validation_equals_scikit_learn(tables):
    _, train, _, fake = tables
    table = cl.external_validation(
        train, train.sample(frac=1, random_state=0), CLEVELAND, sites=("hungarian",)
    )
    names, abroad = table.attrs["columns"], load_heart(site="hungarian")
    space = ev.fit_space(train[[*names, "target"]], None, abroad[[*names, "target"]])
    found = ev.predict_outcome(train, abroad, space)
    aucs = [roc_auc_score(abroad.target, p[:, 1]) for p in found.proba.values()]
    real = table.set_index("trained_on").loc["real"]
    assert real.auc == pytest.approx(np.mean(aucs), abs=0.005) and (real.cases, real.others) == (
        106,
        188,
    )
    assert (
        abs(real.difference) < 0.02 and real.difference_low < real.difference < real.difference_high
    )
    assert "Budapest" in cl.plot_external(table).get_label()
    useless = cl.external_validation(train, fake, CLEVELAND, sites=("hungarian",)).difference.iloc[
        0
    ]
    assert useless < -0.15


def test_a_site_that_cannot_be_tested_stays(tables):
    _, train, _, fake = tables
    table = cl.external_validation(train, fake.assign(target=1), CLEVELAND, sites=("va",))
    assert table.auc.isna().all() and table.note.str.contains("fewer than two known classes").all()
    assert "No other place can be tested" in cl.plot_external(table).get_suptitle()


def test_figures_have_findings_and_alt_text(tables, utility):
    real, train, holdout, fake = tables
    schema = heart_schema()
    figures = [
        cl.plot_roc(utility[1]),
        cl.plot_calibration(utility[1]),
        cl.plot_decisions(cl.decision_curve(utility[1])),
        cl.plot_importance(cl.importance_agreement(train, holdout, fake, repeats=2)),
        cl.plot_odds_ratios(cl.odds_ratios(real, fake, schema=schema)),
        cl.plot_relations(cl.known_relations(real, fake, RELATIONS, schema=schema)),
        cl.plot_group_means(cl.group_means(real, fake, schema)),
    ]
    for figure in figures:
        title = figure.get_suptitle().replace("\n", " ")
        assert any(c.isdigit() for c in title) and figure.get_label().startswith(title)
        assert len(figure.get_label()) > len(title) + 20


# ------------------------------------------------------------------ any table


def ward(rows: int = 120) -> Dataset:
    "Not about hearts: an outcome of three levels, no relations, no sisters."
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"stay": rng.gamma(2, 3, rows).round(3), "unit": rng.integers(1, 4, rows)})
    return Dataset.from_table(table.assign(grade=rng.integers(0, 3, rows)), "ward", target="grade")


def test_a_dataset_without_relations_or_sisters_has_none_of_these_parts():
    dataset = ward()
    table = dataset.load()
    assert cl.known_relations(table, table, dataset.relations, dataset.schema).empty
    assert cl.missing_abroad(dataset).columns.tolist() == ["shared", "why"]
    found = cl.external_validation(table, table, dataset)
    assert found.empty and found.columns.tolist() == list(cl.EXTERNAL)
    with pytest.raises(ValueError, match="relations: the table has none"):
        cl.plot_relations(cl.known_relations(table, table, (), dataset.schema))
    with pytest.raises(ValueError, match="'grade': predictions need a column with two outcomes"):
        cl.predict_designs(table, table, table, schema=dataset.schema)
    means = cl.group_means(table, table, dataset.schema)
    assert set(means.column) == set(table) and set(means.group) >= {"all", "grade=0", "grade=2"}


def test_the_notebook_runs_on_any_table(root, tmp_path):
    run = start_run(tmp_path / "run", ward())
    run.write("synthetic", run.train)
    nb = nbformat.read(root / "nbs" / "08a_clinical.ipynb", as_version=4)
    for cell in nb.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += f"\nrun_dir = {str(run.folder)!r}"
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": str(root / "nbs")}}).execute()
    written = {path.name for path in run.folder.rglob("*") if path.suffix in (".csv", ".svg")}
    assert written >= {"group_means.csv", "08a_means.svg"}
    assert not written & {"relations.csv", "external.csv", "odds.csv", "08a_external.svg"}


def test_a_relation_of_an_unknown_kind_says_so(tables):
    real, _, _, fake = tables
    odd = [replace(RELATIONS[0], kind="hunch"), replace(RELATIONS[2], level=None)]
    table = cl.known_relations(real, fake, odd)
    assert table.real_holds.str.contains("cannot be measured").all() and table.agree.isna().all()
