"""Records of metrics and attacks, and the one engine that measures them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthheart import catalogue as ct
from synthheart.cohorts import heart_schema, load_heart
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.privacy import attack, simple_attack
from synthheart.space import row_distances
from synthheart.splitting import train_holdout_split

QUICK = {"draws": 1, "boot": 0, "by": ()}


pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def tables():
    train, holdout = train_holdout_split(load_heart(), seed=0)
    return train, holdout, independent_marginals(train, 500, seed=0)


@pytest.fixture
def added():
    """Adds records to a list and takes them off it again."""
    kept = []

    def add(registry, record):
        kept.append((registry, record.name))
        return registry.add(record)

    yield add
    for registry, name in kept:
        registry.remove(name)


def oldest(real, fake, space):
    """Gap between the oldest of two tables, in years."""
    j = space.numeric.index("age")
    return abs(np.nanmax(real.numbers[:, j]) - np.nanmax(fake.numbers[:, j]))


def test_each_record_says_all_that_a_page_needs():
    for record in (*ct.METRICS.values(), *ct.ATTACKS.values()):
        words = (record.title, record.unit, record.meaning, record.floor, record.citation)
        assert all(words), record.name
        assert record.low <= record.ideal <= record.high
        assert record.reference in ("holdout", "train and holdout")
    titles = [r.title for r in (*ct.METRICS.values(), *ct.ATTACKS.values())]
    assert len(set(titles)) == len(titles)


def test_kinds_part_the_records():
    names = [name for kind in ct.KINDS for name in ct.of_kind(kind)]
    assert sorted(names) == sorted([*ct.METRICS, *ct.ATTACKS])
    assert ct.of_kind("membership") == tuple(
        f"membership_{how}" for how in ("distance", "ratio", "density")
    )
    assert ct.known_metric("linkability").kind == "risk"
    with pytest.raises(ValueError, match="did you mean 'coverage'"):
        ct.known_metric("covrage")


def test_metrics_are_chosen_and_keep_their_order(tables):
    chosen = ["copies_train", "density", "column_shapes"]
    table = evaluate(*tables, metrics=chosen, **QUICK)
    assert table.metric.tolist() == ["column_shapes", "density", "copies_train"]
    whole = evaluate(*tables, **QUICK).set_index("metric")
    np.testing.assert_array_equal(table.value, whole.value[table.metric])
    with pytest.raises(ValueError, match="metric must be one of"):
        evaluate(*tables, metrics=["linkability"])
    with pytest.raises(ValueError, match="attack must be one of"):
        attack(*tables, metrics=["coverage"])


def test_less_is_done_where_less_is_asked(tables):
    full = evaluate(*tables, draws=1, boot=5, by=()).set_index("metric")
    less = evaluate(*tables, floors=False, **QUICK).set_index("metric")
    np.testing.assert_array_equal(full.value, less.value)
    np.testing.assert_array_equal(full.goal, less.goal)
    assert less.floor.isna().all() and full.floor[full.value.notna()].notna().all()
    alike = ["column_shapes", "column_pairs", "association_error", "missing_patterns"]
    drawn = [*alike, *(f"{name}_holdout" for name in alike)]
    assert less.ci_low[drawn].isna().all() and full.ci_low[drawn].notna().all()
    others = full.index.difference(drawn)
    np.testing.assert_array_equal(full.ci_low[others], less.ci_low[others])


def test_an_earlier_table_lends_its_floors(tables):
    train, holdout, fake = tables
    first = evaluate(*tables, **QUICK)
    other = independent_marginals(train, 400, seed=1)
    measured = evaluate(train, holdout, other, **QUICK)
    lent = evaluate(train, holdout, other, floors=first, **QUICK)
    pd.testing.assert_frame_equal(measured, lent)
    first = attack(*tables, by=(), boot=0)
    measured = attack(train, holdout, other, by=(), boot=0)
    lent = attack(train, holdout, other, by=(), boot=0, floors=first)
    alone = r", from half of the held-out rows alone [\d.]+"  # is in no column that could be lent
    measured["note"] = measured.note.str.replace(alone, "", regex=True)
    pd.testing.assert_frame_equal(measured, lent)


def test_attacks_without_floors_are_ordered_by_their_goals(tables):
    table = attack(*tables, by=(), boot=0, floors=False)
    assert table.floor.isna().all()
    excess = (table.value - table.goal).dropna()
    assert excess.is_monotonic_decreasing and table.value.isna().iloc[len(excess) :].all()


def test_a_metric_of_ones_own(tables, added):
    train, holdout, fake = tables
    record = ct.simple_metric(
        "oldest", oldest, meaning="gap of the oldest", ideal=0, high=120, unit="years"
    )
    added(ct.METRICS, record)
    table = evaluate(*tables, metrics=["oldest"], boot=20).set_index("group")
    gaps = [abs(holdout.age.max() - df.age.max()) for df in (fake, train)]
    assert table.loc["all", ["value", "floor"]].tolist() == gaps
    assert {"sex=0", "sex=1", "target=1"} < set(table.index)
    known = table.dropna(subset="value")
    assert (known.ci_low <= known.value).all() and (known.ci_low >= 0).all()
    assert ct.known_metric("oldest").floor.startswith("train rows in place")
    assert "oldest" in set(evaluate(*tables, **QUICK).metric)


def test_a_bootstrap_interval_covers_what_it_should(added):
    """The gap of two means of one population: the interval holds 0 about 19 times in 20."""
    rng, held = np.random.default_rng(0), 0

    def gap(real, fake, space):
        return real.numbers[:, 0].mean() - fake.numbers[:, 0].mean()

    record = ct.simple_metric("gap", gap, meaning="gap of the means", ideal=0, low=-9, high=9)
    added(ct.METRICS, record)
    for seed in range(60):
        parts = [pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n)}) for n in [80] * 3]
        row = evaluate(*parts, metrics=["gap"], by=(), boot=60, seed=seed).iloc[0]
        held += row.ci_low <= 0 <= row.ci_high
    assert stats.binomtest(held, 60, 0.95).pvalue > 0.01


def test_an_attack_of_ones_own(tables, added):
    train, holdout, fake = tables

    def nearest(people, release):
        return -row_distances(people, release).min(axis=1)

    added(ct.ATTACKS, simple_attack("own", nearest, meaning="the nearest row, once more"))
    table = attack(*tables, metrics=["own", "membership_distance"], boot=0)
    own, known = (
        table[table.metric == name].set_index("group").drop(columns="metric")
        for name in ("own", "membership_distance")
    )
    pd.testing.assert_frame_equal(own, known.loc[own.index])


def test_what_cannot_be_measured_says_why(tables, added):
    def refuse(case):
        raise ValueError("it is Sunday")

    vague = ct.simple_metric("vague", lambda a, b, space: np.nan, meaning="nothing", ideal=0)
    closed = ct.Metric(**vars(vague) | {"name": "closed", "title": "Closed", "measure": refuse})
    for record in (vague, closed):
        added(ct.METRICS, record)
    table = evaluate(*tables, metrics=["vague", "closed"], boot=3, by=()).set_index("metric")
    assert table.value.isna().all() and table.ci_low.isna().all()
    assert table.note["closed"] == "it is Sunday" and table.note["vague"].startswith("not defined")


def test_a_function_that_forgets_its_metric_is_an_error(tables, added):
    base = ct.simple_metric("silent", oldest, meaning="nothing", ideal=0)
    added(ct.METRICS, ct.Metric(**vars(base) | {"measure": lambda case: []}))
    with pytest.raises(RuntimeError, match="silent: measured, but nothing came back"):
        evaluate(*tables, metrics=["silent"], by=())


def test_metrics_that_share_a_function_run_it_once(tables, added):
    calls = []

    def both(case):
        calls.append(case.groups)
        return [ct.Measured(name, "all", 1.0) for name in ("one", "two")]

    base = ct.simple_metric("one", oldest, meaning="one", ideal=0)
    for name in ("one", "two"):
        record = vars(base) | {"name": name, "title": name, "measure": both}
        added(ct.METRICS, ct.Metric(**record))
    assert evaluate(*tables, metrics=["two", "one"], by=()).metric.tolist() == ["one", "two"]
    assert len(calls) == 1


def test_groups_and_the_outcome_come_from_the_schema(tables):
    train, holdout, fake = tables
    whole = evaluate(*tables, schema=heart_schema(), metrics=["invalid_share"])
    assert list(whole.group)[:3] == ["all", "sex=0", "sex=1"] and "target=1" in set(whole.group)
    other = evaluate(*tables, "fbs", metrics=["invalid_share"])
    assert {"fbs=0", "fbs=1"} < set(other.group) and "target=1" not in set(other.group)
    with pytest.raises(ValueError, match="'ward' is not a column"):
        attack(*tables, "ward")
