"""The comparison: what it counts against scipy and by hand, and that no run disappears."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import fewer_trees
from scipy import stats

from synthheart import comparison as cm
from synthheart import evaluation as ev
from synthheart.catalogue import COPY_NAME, FLOOR_NAME, INDEPENDENT_NAME, METRICS, of_kind
from synthheart.cohorts import Dataset, load_heart
from synthheart.inference import infer_schema
from synthheart.models import MODELS
from synthheart.privacy import membership_wins
from synthheart.registry import use_plugins
from synthheart.runs import Run
from synthheart.space import fit_space, shared_space
from synthheart.splitting import train_holdout_split
from synthheart.statistics import corrected_t_test, holm
from synthheart.synthesizer import Synthesizer
from synthheart.two_samples import tell_apart


def halves(train, n, seed):
    """Each cell from one of two real rows: quick, neither a copy nor independent."""
    rng = np.random.default_rng(seed)
    a, b = (train.iloc[rng.integers(0, len(train), n)].reset_index(drop=True) for _ in range(2))
    return a.where(rng.random(a.shape) < 0.8, b).astype(train.dtypes)


def broken(train, n, seed):
    if len(train) and seed >= 0:
        raise RuntimeError("no luck\nat all")


def sick(train, n, seed):
    return halves(train, n, seed).assign(target=1)


@pytest.fixture(scope="module")
def result():
    models = {"halves": halves, "copula": "copula", "broken": broken, "sick": sick}
    few = {"splits": 2, "seeds": 2, "rows": 300, "draws": 1, "n_jobs": 1}
    with fewer_trees():
        return cm.compare(models, **few, progress=False)


def test_corrected_t_test():
    rng = np.random.default_rng(12)
    a, b = rng.normal(0.6, 0.03, 10), rng.normal(0.63, 0.03, 10)
    plain, ours = stats.ttest_rel(a, b), corrected_t_test(a, b, 212, 91)
    assert ours["mean"] == pytest.approx(np.mean(a - b))
    t = plain.statistic / np.sqrt(10 * (1 / 10 + 91 / 212))
    assert ours["p"] == pytest.approx(2 * stats.t.sf(abs(t), 9)) and ours["p"] > plain.pvalue
    with pytest.raises(ValueError, match="at least 2 splits, got 1"):
        corrected_t_test([0.5], [0.6], 212, 91)
    with pytest.raises(ValueError, match="the same splits for both, got 3 and 2"):
        corrected_t_test([0.5, 0.6, 0.7], [0.6, 0.6], 212, 91)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.02, 0.01, 0.5, np.nan]), [0.04, 0.03, 0.5, np.nan])
    assert np.isnan(holm([np.nan])).all() and holm([0.9, 0.8]).max() == 1


def test_every_run_is_there(result):
    names = {"halves", "copula", "broken", "sick", INDEPENDENT_NAME, FLOOR_NAME, COPY_NAME}
    assert set(result.runs.model) == names
    counts = result.runs[result.runs.metric == "c2st_auc"].groupby("model").size()
    assert (counts[["halves", "copula", "broken", "sick"]] == 4).all() and (
        counts.drop(["halves", "copula", "broken", "sick"]) == 2
    ).all()
    assert not result.runs.duplicated(["model", "split", "seed", "metric"]).any()
    assert set(result.runs.metric) == {*METRICS, *of_kind("membership")}


@pytest.mark.usefixtures("few_trees")
def test_a_run_is_what_its_parts_say(result):
    train, held = (t.reset_index(drop=True) for t in train_holdout_split(load_heart(), seed=1))
    schema, fake = infer_schema(load_heart()), halves(train, 300, 1001)
    own = (
        result.runs.query("model == 'halves' and split == 1 and seed == 1")
        .set_index("metric")
        .value
    )
    whole, space = load_heart(), fit_space(train, schema, held)
    points = [space.embed(space.code(df)) for df in (held, fake)]
    density, coverage = ev.density_coverage(held, fake, seed=1, space=space)
    expected = {
        "column_shapes": ev.column_shapes(whole, fake, schema),
        "column_pairs": ev.column_pairs(whole, fake, schema),
        "association_error": ev.association_error(whole, fake, schema),
        "missing_patterns": ev.missing_patterns(whole, fake, schema),
        "column_shapes_holdout": ev.column_shapes(held, fake, schema),
        "column_pairs_holdout": own["column_pairs_holdout"],  # cut at the quartiles of all rows
        "association_error_holdout": ev.association_error(held, fake, schema),
        "missing_patterns_holdout": ev.missing_patterns(held, fake, schema),
        "c2st_auc": tell_apart(*points, draws=1, seed=1).auc().auc.iloc[0],
        "density": density,
        "coverage": coverage,
        "tstr_auc": ev.tstr_auc(train, held, fake, schema=schema, seed=1),
        "trtr_auc": ev.trtr_auc(train, held, schema=schema, seed=1),
        "invalid_share": ev.invalid_share(fake, schema),
        "copies_train": ev.copies(fake, train),
        "copies_holdout": ev.copies(fake, held),
    }
    space = shared_space(train, held, schema)
    rows = [space.embed(space.code(df)) for df in (train, held, fake)]
    expected |= {name: wins.mean() for name, wins in membership_wins(*rows).items()}
    # Heart has an outcome of two levels: no other kind has a value, and no relation is kept by all.
    assert set(own.dropna().index) == {*expected, "brier_gap"}
    for name, value in expected.items():
        assert own[name] == pytest.approx(value), name


def test_means_and_intervals_over_splits(result):
    own = result.runs.query("model == 'copula' and metric == 'column_pairs'")
    by_split = own.groupby("split").value.mean()
    row = result.table.set_index(["model", "metric"]).loc[("copula", "column_pairs")]
    assert (
        row.value == pytest.approx(by_split.mean())
        and row.note.startswith("2 splits x 2 seeds; sees differences from ")
        and row.goal == 1
    )
    half = stats.t.ppf(0.975, 1) * np.sqrt((1 / 2 + 91 / 212) * by_split.var())
    assert (row.ci_low, row.ci_high) == pytest.approx(
        (max(0, row.value - half), min(1, row.value + half))
    )
    pair = result.pairs.query(
        "metric == 'column_pairs' and first == 'halves' and second == 'copula'"
    ).iloc[0]
    other = (
        result.runs.query("model == 'halves' and metric == 'column_pairs'")
        .groupby("split")
        .value.mean()
    )
    assert (
        pair.difference == pytest.approx((other - by_split).mean())
        and pair.splits == 2
        and pair.p_holm >= pair.p
    )


def test_what_failed_stays_and_says_why(result):
    lost = result.table[result.table.model == "broken"]
    assert (
        len(lost) == len(METRICS) + 3
        and lost.value.isna().all()
        and (lost.note == "RuntimeError: no luck").all()
    )
    assert result.runs.seconds[result.runs.model == "broken"].isna().all()
    assert result.runs.seconds[result.runs.model.isin(["halves", "copula"])].between(0, 60).all()
    last = result.ranking.iloc[-1]
    assert last.model == "broken" and pd.isna(last["rank"]) and last.note == "RuntimeError: no luck"
    one = result.table.set_index(["model", "metric"]).loc[("sick", "tstr_auc")]
    assert np.isnan(one.value)
    assert "fewer than two known classes among 300 training rows" in one.note
    assert result.table.set_index(["model", "metric"]).value[("sick", "c2st_auc")] > 0.5
    pairs = result.pairs[(result.pairs.second == "broken") | (result.pairs.first == "broken")]
    assert pairs.difference.isna().all() and (pairs.note == "needs at least 2 splits").all()


def test_ranking_is_the_distance_from_the_floor(result):
    ranking = result.ranking.set_index("model")
    assert ranking.shortfall[FLOOR_NAME] == 0 and ranking["rank"].dropna().tolist() == [1, 2, 3]
    for row in ranking.drop(index="broken").itertuples():
        assert row.shortfall == pytest.approx(
            np.sqrt(row.told_apart**2 + row.utility_lost**2 + row.exposed**2)
        )
    assert ranking.exposed[COPY_NAME] > 0.4 and ranking.told_apart[COPY_NAME] == 0
    assert ranking.utility_lost["sick"] == pytest.approx(
        result.table.set_index(["model", "metric"]).floor[("sick", "tstr_auc")] - 0.5
    )
    assert ranking.loc["copula", "shortfall"] < ranking.loc[INDEPENDENT_NAME, "shortfall"]


def test_a_rank_comes_with_its_interval():
    """Twelve splits of three models: two that nobody can tell from each other, and one that is far
    behind; two splits say nothing."""
    rows = []
    for split in range(12):
        swing = 0.02 * (-1) ** split
        told = {"a": 0.6 + swing, "b": 0.6 - swing, "c": 0.8, cm.FLOOR_NAME: 0.5}
        for model, auc in told.items():
            values = {"c2st_auc": auc, "tstr_auc": 0.9}
            values |= dict.fromkeys(cm.of_kind("membership"), 0.5)
            shared = {"model": model, "split": split, "seed": 0, "goal": 0.5, "note": ""}
            shared |= {"train_rows": 212, "test_rows": 91}
            rows += [{**shared, "metric": name, "value": value} for name, value in values.items()]
    for splits, ends in ((12, {(1, 2): 2, (3, 3): 1}), (2, {(1, 3): 3}), (1, {(1, 3): 3})):
        runs = pd.DataFrame([row for row in rows if row["split"] < splits])
        found = cm.rank_intervals(runs, cm.rank_models(cm.summarise(runs))).set_index("model")
        pairs = found[["rank_low", "rank_high"]].dropna().apply(tuple, axis=1)
        assert pairs.value_counts().to_dict() == ends
        inside = found["rank"].between(found.rank_low, found.rank_high)
        assert inside.dropna().all() and pd.isna(found.rank_low[cm.FLOOR_NAME])
    assert cm.rank_words(2, 1, 3) == "2 (1 to 3)" and cm.rank_words(np.nan, 1, 3) == ""


def test_processes_change_nothing():
    a, b = (
        cm.compare(
            {"halves": halves, "copula": Synthesizer("copula")},
            load_heart().head(120),
            splits=1,
            rows=80,
            draws=1,
            n_jobs=jobs,
            progress=False,
        )
        for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(
        a.runs.drop(columns="seconds"), b.runs.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(a.table, b.table, check_exact=True)


def test_files_are_equal_bytes(result, tmp_path):
    first, second = (result.write(Run(tmp_path / name)) for name in ("a", "b"))
    assert {p.name for p in first} >= {
        "comparison.csv",
        "comparison.json",
        "comparison_pairs.csv",
        "09a_comparison.svg",
    }
    assert not {"seconds", "goal"} & set(Run(tmp_path / "a").table("comparison_runs"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name
    records = json.loads((tmp_path / "a" / "comparison.json").read_text(encoding="utf-8"))
    assert {
        "model",
        "metric",
        "group",
        "value",
        "ci_low",
        "ci_high",
        "floor",
        "goal",
        "note",
    } == set(records[0])
    assert "no model comes clearly nearest" in result.plot().get_label()  # two splits


def test_a_model_is_trained_afresh_with_its_own_seed():
    train = load_heart().head(100)
    estimator = Synthesizer("copula", seed=9)
    a, b, c = (
        cm.make_release(m, train, 20, s) for m, s in ((estimator, 1), ("copula", 1), (estimator, 2))
    )
    pd.testing.assert_frame_equal(a, b)
    assert not a.equals(c) and estimator.seed == 9 and not hasattr(estimator, "model_")


@pytest.mark.usefixtures("few_trees")
def test_the_originals_gan_takes_part():
    result = cm.compare(
        {"original": Synthesizer("naive-gan", epochs=2), "copula": "copula"},
        splits=1,
        rows=200,
        draws=1,
        n_jobs=1,
        progress=False,
    )
    ranking = result.ranking.set_index("model")
    assert ranking["rank"].dropna().tolist() == [1, 2] and ranking.told_apart["original"] > 0.35
    assert (
        result.table.ci_low.isna().all()
        and result.table.note.str.contains("no interval from one split").any()
    )
    result.plot()


@pytest.mark.parametrize(
    "models, problem",
    [
        ({}, "at least one"),
        (["magic"], "magic must be one of"),
        ({"copy of train": "copula"}, "name of a baseline"),
        ({"x": 3}, "must be a name, an estimator or a function, got int"),
    ],
)
def test_refusals(models, problem):
    with pytest.raises(ValueError, match=problem):
        cm.compare(models, progress=False)
    with pytest.raises(ValueError, match="splits: must be at least 1, got 0"):
        cm.compare(["copula"], splits=0)


@pytest.mark.usefixtures("few_trees")
def test_a_dataset_brings_its_schema_and_its_outcome():
    """Any table: the outcome is called otherwise, and a run's own schema is used."""
    table = load_heart().rename(columns={"target": "died"})
    ward = Dataset.from_table(table, "ward", target="died")
    settings = {"splits": 1, "rows": 300, "draws": 1, "n_jobs": 1, "progress": False}
    a = cm.compare({"halves": halves}, ward, **settings)
    b = cm.compare({"halves": halves}, load_heart(), **settings)
    a, b = (found.runs.drop(columns="seconds") for found in (a, b))
    b["note"] = b.note.str.replace("'target'", "'died'")
    pd.testing.assert_frame_equal(a, b)
    with pytest.raises(ValueError, match="target 'grade' is not a column"):
        cm.compare({"halves": halves}, table, target="grade")


def test_worker_processes_know_plugins(tmp_path, monkeypatch):
    """A model that a plugin adds is known in processes that have not imported the plugin."""
    (tmp_path / "extra_model.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SYNTHHEART_PLUGINS", "")
    use_plugins(["extra_model"])
    try:
        few = {"splits": 1, "rows": 80, "draws": 1, "n_jobs": 2}
        found = cm.compare(["shuffled"], load_heart().head(120), **few, progress=False)
    finally:
        MODELS.remove("shuffled")
    row = found.ranking.set_index("model").loc["shuffled"]
    assert row.note == "" and row.told_apart > 0.1


PLUGIN = """
from dataclasses import replace

from synthheart.models import MODELS

MODELS.add(replace(MODELS["independent"], name="shuffled"))
"""


@pytest.mark.parametrize("score", ["tstr_auc", "tstr_r2", "tstr_concordance", ""])
def test_models_are_ranked_by_the_score_of_the_tables_outcome(score):
    """Ten splits: one model loses the outcome, which counts where the table has one."""
    rows = []
    for split in range(10):
        swing = 0.01 * (-1) ** split
        for model, used in {"keeps": 0.6, "loses": 0.2, cm.FLOOR_NAME: 0.65}.items():
            values = dict.fromkeys(("tstr_auc", "tstr_r2", "tstr_concordance"), np.nan)
            values |= {"c2st_auc": 0.5 if model == cm.FLOOR_NAME else 0.55 + swing}
            values |= dict.fromkeys(cm.of_kind("membership"), 0.5)
            values |= {score: used + swing} if score else {}
            shared = {"model": model, "split": split, "seed": 0, "goal": 0.5, "note": ""}
            shared |= {"train_rows": 212, "test_rows": 91}
            rows += [{**shared, "metric": name, "value": value} for name, value in values.items()]
    runs = pd.DataFrame(rows)
    found = cm.rank_intervals(runs, cm.rank_models(cm.summarise(runs))).set_index("model")
    shown = [name for name in ("tstr_auc", "tstr_r2", "tstr_concordance") if name in found]
    assert shown == ([score] if score else [])
    lost = 0.45 if score else 0.0
    assert found.utility_lost["loses"] == pytest.approx(lost)
    assert found.rank_high["keeps"] == (1 if score else 2)
    assert score in {*cm.paired_differences(runs).metric, ""}


def test_a_number_worse_predicted_than_its_mean_loses_no_more_than_all():
    value = pd.Series({"c2st_auc": 0.6, "tstr_r2": -30.0})
    floor = pd.Series({"c2st_auc": 0.5, "tstr_r2": 0.4, "tstr_auc": np.nan})
    assert cm._shortfall(value, floor, "").utility_lost == pytest.approx(0.4)
