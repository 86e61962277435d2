"""Outcomes of every kind: levels, numbers, counts, a time with an event, and none at all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import brier_score_loss, r2_score, roc_auc_score

from synthheart import outcomes as out
from synthheart.evaluation import evaluate
from synthheart.inference import infer_schema
from synthheart.judging import verdict
from synthheart.outcomes import Survival
from synthheart.space import fit_space
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Schema, survival_columns

MEASURED = [record.name for record in out.OUTCOME_METRICS]
KINDS = {  # outcome: its columns, the target, the record that decides, the kind of its score
    "binary": (["sick"], "sick", "auc"),
    "levels": (["stage"], "stage", "auc"),
    "number": (["dose"], "dose", "r2"),
    "count": (["visits"], "visits", "r2"),
    "survival": (["days", "died"], None, "concordance"),
}
CHANCE = {"auc": 0.5, "r2": 0.0, "concordance": 0.5}


def cohort(n: int = 300, seed: int = 0) -> pd.DataFrame:
    "Made-up patients whose outcomes of every kind follow from a number and a category."
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=n), rng.choice(["a", "b"], n)
    risk = 1.2 * x + (arm == "b")
    ends, lost = np.ceil(30 * rng.exponential(np.exp(-risk))), rng.integers(5, 90, n)
    return pd.DataFrame(
        {
            "x": x.round(6),
            "arm": arm,
            "sick": (risk + rng.logistic(size=n) > 0).astype(int),
            "stage": np.array(["I", "II", "III"])[
                np.digitize(risk + rng.normal(size=n), [-0.7, 0.9])
            ],
            "dose": (2 * risk + rng.normal(size=n)).round(2),
            "visits": rng.poisson(np.exp(0.7 * risk + 0.5)) + 3 * rng.integers(0, 4, n),
            "days": np.minimum(ends, lost),
            "died": (ends <= lost).astype(int),
        }
    )


def declared(df: pd.DataFrame, target: str | None = None) -> Schema:
    "The table's schema; `days` and `died`, where they are there, as a time with its event."
    schema = infer_schema(df, target=target)
    roles = {"days": "time", "died": "event"}
    columns = [replace(c, role=roles.get(c.name, c.role)) for c in schema.columns]
    return Schema.from_json(replace(schema, columns=tuple(columns)).to_json())


def case_of(kind: str) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    "Train, holdout and schema of a kind of outcome."
    columns, target, _ = KINDS[kind]
    df = cohort()[["x", "arm", *columns]]
    schema = declared(df, target)
    return *train_holdout_split(df, holdout=0.4, seed=0, schema=schema), schema


def measured(train, holdout, fake, schema, **settings) -> pd.DataFrame:
    "The records of the outcome, all rows alone."
    settings = {"by": (), "boot": 10, "metrics": MEASURED} | settings
    table = evaluate(train, holdout, fake, schema=schema, **settings)
    return table.set_index("metric") if settings["by"] == () else table


# ---------------------------------------- each kind, end to end


@pytest.mark.filterwarnings("ignore:.*rows repeat")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_two_records(kind):
    train, holdout, schema = case_of(kind)
    model = Synthesizer("copula", seed=0).fit(train, schema=schema, progress=False)
    table = measured(train, holdout, model.sample(300, seed=1), schema)
    score = KINDS[kind][2]
    assert list(table.index) == MEASURED
    own = table.loc[[f"tstr_{score}", f"trtr_{score}"]]
    assert own[["value", "ci_low", "ci_high", "floor", "goal"]].notna().all(axis=None)
    assert (own.ci_low < own.value).all() and (own.value < own.ci_high).all()
    assert (own.goal == own.value.iloc[1]).all() and own.value.iloc[1] > CHANCE[score] + 0.1
    assert own.value.iloc[0] > CHANCE[score] + 0.05  # the copula keeps the relation
    beside = {"binary": ["brier_gap"], "survival": ["survival_gap"]}.get(kind, [])
    assert table.loc[beside, ["value", "ci_low", "ci_high"]].notna().all(axis=None)
    others = table.drop([*own.index, *beside])
    assert others[["value", "goal"]].isna().all(axis=None) and others.note.ne("").all()
    said = verdict(table.reset_index())
    useful = said.records[said.records.answer == "useful"]
    assert list(useful.metric) == [f"tstr_{score}"]
    word = {"auc": "AUC", "r2": "R²", "concordance": "concordance"}[score]
    assert word in said.sentences[1] or said.useful == "yes"


@pytest.mark.filterwarnings("ignore:.*rows repeat")
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_of_train_teaches_the_same(kind):
    train, holdout, schema = case_of(kind)
    score = KINDS[kind][2]
    copy = measured(train, holdout, train.sample(frac=1, random_state=0), schema)
    tie = 0.02 if score == "r2" else 0.01  # trees see the rows in another order
    assert copy.value[f"tstr_{score}"] == pytest.approx(copy.value[f"trtr_{score}"], abs=tie)
    same = measured(train, holdout, train, schema)
    assert same.value[f"tstr_{score}"] == same.value[f"trtr_{score}"]


def learned(kind: str, fit_on: pd.DataFrame, holdout: pd.DataFrame, schema: Schema) -> float:
    "The score of the simplest model of a kind of outcome."
    space, score = fit_space(fit_on, schema, holdout), KINDS[kind][2]
    if score == "auc":
        one = ("logistic regression",)
        return out.predict_outcome(fit_on, holdout, space, learners=one).auc().value
    if score == "r2":
        one = ("ridge regression",)
        return out.predict_number(fit_on, holdout, space, learners=one).r2().value
    return out.predict_risk(fit_on, holdout, space).concordance().value


@pytest.mark.filterwarnings("ignore:.*rows repeat")
@pytest.mark.parametrize("kind", KINDS)
def test_a_shuffled_outcome_teaches_nothing_on_average(kind):
    """One shuffle may lean either way, and a ranking leans for all patients at once."""
    train, holdout, schema = case_of(kind)
    columns, _, score = KINDS[kind]
    values = []
    for seed in range(40):
        moved = train[columns].sample(frac=1, random_state=seed).set_axis(train.index)
        values.append(learned(kind, train.assign(**moved), holdout, schema))
    chance, true = CHANCE[score], learned(kind, train, holdout, schema)
    assert abs(np.mean(values) - chance) < max(0.05, 3 * np.std(values) / np.sqrt(40))
    assert true > np.mean(values) + 0.15


def test_a_table_without_an_outcome_says_so():
    df = cohort()[["x", "arm"]]
    train, holdout = df[:200], df[200:]
    table = measured(train, holdout, train.sample(50, random_state=0), infer_schema(df))
    assert table.value.isna().all()
    assert table.note[["tstr_auc", "tstr_r2"]].str.startswith(out.NO_OUTCOME).all()
    said = verdict(table.reset_index())
    assert said.useful == "unclear"
    assert said.sentences[1].startswith("Useful: unclear. No outcome could be predicted")


def test_what_cannot_be_learned_keeps_its_line_and_its_reason():
    for kind, few in (("number", "fewer than two known values"), ("survival", "two events")):
        train, holdout, schema = case_of(kind)
        column = KINDS[kind][0][-1]
        flat = train.assign(**{column: train[column].min()})
        table = measured(train, holdout, flat, schema)
        name = f"tstr_{KINDS[kind][2]}"
        assert few in table.note[name] and np.isnan(table.value[name])
        assert verdict(table.reset_index()).useful == "unclear"


def test_groups_are_scored_but_not_those_that_the_outcome_makes():
    train, holdout, schema = case_of("survival")
    table = measured(train, holdout, train, schema, by=("arm", "died"))
    value = table.pivot(index="group", columns="metric", values="value")
    assert (
        value.loc[["arm=a", "arm=b"], ["tstr_concordance", "survival_gap"]].notna().all(axis=None)
    )
    apart = table[table.group.str.startswith("died=") & table.note.ne("")]
    assert set(apart.metric) >= {"tstr_concordance", "trtr_concordance", "survival_gap"}
    assert apart.note.str.contains("part of the outcome").all() and apart.value.isna().all()


def test_no_part_of_an_outcome_predicts_another():
    df = cohort()[["x", "arm", "sick", "days", "died"]]
    schema = declared(df, "sick")
    leak = df.assign(days=np.where(df.sick == 1, 1.0, 80.0))  # days would tell everything
    space = fit_space(leak, schema)
    assert out.outcome_columns(schema) == ["sick", "days", "died"]
    assert out.predict_outcome(leak[:200], leak[200:], space).auc().value < 0.95


# ---------------------------------------- formulas against second sources


def test_macro_auc_and_brier_scores_equal_scikit_learns():
    train, holdout, schema = case_of("levels")
    space = fit_space(train, schema, holdout)
    found = out.predict_outcome(train, holdout, space)
    by_sklearn = [
        roc_auc_score(holdout.stage, p, multi_class="ovr", average="macro")
        for p in found.proba.values()
    ]
    assert found.auc().value == pytest.approx(np.mean(by_sklearn))
    train, holdout, schema = case_of("binary")
    space = fit_space(train, schema, holdout)
    a, b = (out.predict_outcome(t, holdout, space) for t in (train.head(60), train))
    score = [
        np.mean([brier_score_loss(holdout.sick, p[:, 1]) for p in f.proba.values()]) for f in (a, b)
    ]
    assert out.brier_gap(a, b).value == pytest.approx(score[0] - score[1])
    with pytest.raises(ValueError, match="two levels, got 3"):
        out.brier_gap(found, found)


def test_r2_equals_scikit_learns_in_any_unit():
    train, holdout, schema = case_of("number")
    found = out.predict_number(train, holdout, fit_space(train, schema, holdout))
    expected = [r2_score(found.truth, p) for p in found.predicted.values()]
    assert found.r2().value == pytest.approx(np.mean(expected))
    larger = [t.assign(dose=1000 * t.dose + 5) for t in (train, holdout)]
    again = infer_schema(pd.concat(larger, ignore_index=True), target="dose")
    scaled = out.predict_number(*larger, fit_space(larger[0], again, larger[1]))
    assert scaled.r2().value == pytest.approx(found.r2().value, abs=1e-6)


def test_the_error_of_r2_is_the_spread_over_fresh_test_rows():
    rng = np.random.default_rng(0)

    def drawn(n: int) -> out.Numbers:
        x = rng.normal(size=n)
        return out.Numbers({"line": x}, x + rng.normal(size=n))

    values = [drawn(200).r2() for _ in range(400)]
    spread = np.std([v.value for v in values], ddof=1)
    assert np.mean([v.error for v in values]) == pytest.approx(spread, rel=0.12)


def test_r2_without_spread_or_rows_is_none():
    flat = out.Numbers({"line": np.zeros(5)}, np.ones(5))
    assert np.isnan(flat.r2().value)
    assert np.isnan(out.Numbers({"line": np.arange(5.0)}, np.arange(5.0)).r2(np.arange(5) < 1)[0])
    with pytest.raises(ValueError, match="regression: must be one of"):
        out.make_regressor("oracle")


def test_kaplan_meier_by_hand():
    # five patients: events at 1, 3 and 3, one lost at 2, one at 4
    seen = Survival(np.array([1.0, 2, 3, 3, 4]), np.array([True, False, True, True, False]))
    curve = out.kaplan_meier(seen)
    assert curve.time.tolist() == [1, 3]
    assert curve.share == pytest.approx([4 / 5, 4 / 5 * 1 / 3])
    first = 1 / (5 * 4)
    expected = [np.sqrt(first) * 0.8, np.sqrt(first + 2 / (3 * 1)) * 0.8 / 3]
    assert curve.error == pytest.approx(expected)
    assert curve.at(np.array([0, 1, 2.9, 3, 9])) == pytest.approx([1, 0.8, 0.8, 0.8 / 3, 0.8 / 3])
    with pytest.raises(ValueError, match="no row with a known time"):
        out.kaplan_meier(Survival(np.array([np.nan]), np.array([True])))


def test_the_gap_is_that_of_the_distributions_where_nobody_is_lost():
    rng = np.random.default_rng(1)
    a, b = rng.exponential(1, 200), rng.exponential(2, 300)
    real, fake = (Survival(t, np.ones(len(t), dtype=bool)) for t in (a, b))
    assert out.survival_gap(real, fake) == pytest.approx(ks_2samp(a, b).statistic)
    assert out.survival_gap(real, real) == 0
    assert np.isnan(out.survival_gap(real, Survival(np.array([np.nan]), np.array([True]))))


def by_pairs(risk: np.ndarray, seen: Survival) -> float:
    "Harrell's C, pair by pair."
    won = compared = 0.0
    for i in range(len(risk)):
        for j in range(len(risk)):
            earlier = seen.time[i] < seen.time[j]
            earlier |= seen.time[i] == seen.time[j] and not seen.event[j]
            if i != j and seen.event[i] and earlier:
                compared += 1
                won += 1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j])
    return won / compared


def survivors(n: int, seed: int) -> tuple[np.ndarray, Survival]:
    "Columns [n, 3] and times with ties, a third of them censored."
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    time = np.ceil(8 * rng.exponential(np.exp(-x @ [0.8, -0.5, 0])))
    return x, Survival(time, rng.random(n) < 0.7)


@pytest.mark.parametrize("seed", range(3))
def test_concordance_equals_brute_force(seed):
    x, seen = survivors(60, seed)
    risk = x[:, 0].round(0)  # with ties
    assert out.concordance(risk, seen).value == pytest.approx(by_pairs(risk, seen))
    none = Survival(seen.time, np.zeros(60, dtype=bool))
    assert np.isnan(out.concordance(risk, none).value)


def test_the_error_of_concordance_is_its_spread():
    found = [out.concordance(x[:, 0], seen) for x, seen in (survivors(80, s) for s in range(300))]
    spread = np.std([c.value for c in found], ddof=1)
    assert np.mean([c.error for c in found]) == pytest.approx(spread, rel=0.12)


def test_a_cox_model_is_at_the_top_of_its_likelihood():
    """The likelihood written out event by event, with Efron's ties, has no slope at the result."""
    x, seen = survivors(70, 5)

    def by_events(beta: np.ndarray) -> float:
        score, total = x @ beta, 0.0
        for t in np.unique(seen.time[seen.event]):
            here = np.flatnonzero((seen.time == t) & seen.event)
            at_risk, tied = np.exp(score[seen.time >= t]).sum(), np.exp(score[here]).sum()
            for k in range(len(here)):
                total += score[here[k]] - np.log(at_risk - k / len(here) * tied)
        return total - 0.5 * (beta**2).sum()

    beta = out.fit_cox(x, seen, ridge=1)
    for j in range(3):
        step = 1e-5 * np.eye(3)[j]
        assert abs(by_events(beta + step) - by_events(beta - step)) / 2e-5 < 1e-4
    assert by_events(beta) > max(by_events(beta + 0.05 * d) for d in np.eye(3))
    with pytest.raises(ValueError, match="no row has an event"):
        out.fit_cox(x, Survival(seen.time, np.zeros(70, dtype=bool)))


def test_survival_formulas_equal_lifelines():
    lifelines = pytest.importorskip("lifelines")
    from lifelines.utils import concordance_index

    x, seen = survivors(200, 7)
    curve = out.kaplan_meier(seen)
    theirs = lifelines.KaplanMeierFitter().fit(seen.time, seen.event)
    assert curve.share == pytest.approx(theirs.predict(curve.time).to_numpy())
    frame = pd.DataFrame(x).add_prefix("x").assign(time=seen.time, event=seen.event)
    fit = lifelines.CoxPHFitter().fit(frame, "time", "event")
    assert out.fit_cox(x, seen, ridge=0) == pytest.approx(fit.params_.to_numpy(), abs=1e-5)
    held = lifelines.CoxPHFitter(penalizer=1 / 200).fit(frame, "time", "event")
    # lifelines standardises the columns before it penalises
    scaled = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    ours = out.fit_cox(scaled, seen, ridge=1) / x.std(axis=0, ddof=1)
    assert ours == pytest.approx(held.params_.to_numpy(), abs=1e-4)
    risk = x[:, 0].round(1)
    assert out.concordance(risk, seen).value == pytest.approx(
        concordance_index(seen.time, -risk, seen.event)
    )


# ---------------------------------------- what the schema says


def test_roles_are_never_guessed_and_survive_json():
    df = cohort()[["x", "days", "died"]].rename(columns={"days": "time", "died": "event"})
    guessed = infer_schema(df)
    assert {c.role for c in guessed} <= {"", "group"} and survival_columns(guessed) is None
    schema = declared(cohort()[["x", "days", "died"]])
    assert survival_columns(schema) == ("days", "died")
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"days": "time"}, "'days' has the role time, but no column has the role event"),
        ({"died": "event"}, "'died' has the role event, but no column has the role time"),
        ({"days": "time", "x": "time", "died": "event"}, "one column can have the role time"),
        ({"days": "time", "dose": "event"}, "event 'dose' must have two levels"),
        ({"days": "time", "stage": "event"}, "event 'stage' must have two levels"),
        ({"days": "time", "arm": "event"}, "got 'a', 'b'"),
        ({"arm": "time", "died": "event"}, "time 'arm' must be a number"),
    ],
)
def test_a_schema_refuses_roles_that_make_no_outcome(roles, words):
    schema = infer_schema(cohort())
    with pytest.raises(ValueError, match=words):
        replace(
            schema,
            columns=tuple(replace(c, role=roles.get(c.name, c.role)) for c in schema.columns),
        )


def test_models_learn_time_and_event_as_any_other_columns():
    df = cohort()[["x", "arm", "days", "died"]]
    schema = declared(df)
    assert {"days", "died"} <= {column.name for column in schema.learned}
    fake = Synthesizer("independent", seed=0).fit(df, schema=schema, progress=False).sample(50)
    assert list(fake) == list(df) and set(fake.died) <= {0, 1} and fake.days.min() >= 1


@pytest.mark.parametrize("codes", [(0, 1), (1, 2), (False, True)])
def test_the_event_is_the_larger_of_two_codes(codes):
    df = cohort()[["x", "days", "died"]]
    coded = df.assign(died=df.died.map(dict(enumerate(codes))))
    schema = declared(coded)
    space = fit_space(coded, schema)
    seen = out.survival_of(space, space.code(coded))
    assert seen.event.tolist() == (df.died == 1).tolist()
    with pytest.raises(ValueError, match="roles time and event"):
        plain = fit_space(df, infer_schema(df))
        out.survival_of(plain, plain.code(df))


def test_a_missing_time_or_event_counts_nowhere():
    x, seen = survivors(50, 3)
    df = pd.DataFrame({"x": x[:, 0], "days": seen.time, "died": seen.event.astype(float)})
    df.loc[:4, "days"], df.loc[5:9, "died"] = np.nan, np.nan
    space = fit_space(df, declared(df))
    found = out.survival_of(space, space.code(df))
    assert np.isnan(found.time[:10]).all() and not np.isnan(found.time[10:]).any()
    risks = out.predict_risk(df, df, space)
    kept = Survival(seen.time[10:], seen.event[10:])
    expected = out.concordance(risks.risk[10:], kept).value
    assert risks.concordance().value == expected


# ---------------------------------------- figures


def test_figures_say_what_the_records_say():
    train, holdout, schema = case_of("survival")
    fake = train.sample(frac=1, random_state=1)
    table = measured(train, holdout, fake, schema)
    figure = out.plot_survival(holdout, fake, schema)
    points = f"{100 * table.value['survival_gap']:.0f} percentage points"
    assert points in figure.get_label()
    assert len(figure.axes[0].lines) == 2
    train, holdout, schema = case_of("number")
    table = measured(train, holdout, train, schema)
    figure = out.plot_number(train, holdout, train, schema)
    share = f"{100 * table.value['trtr_r2']:.0f} %"
    assert figure.get_label().count(share) == 2
