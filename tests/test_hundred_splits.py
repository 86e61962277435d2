"""The hundred splits: what is summed up, what is met, that a stopped measurement goes on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthheart import hundred_splits
from synthheart.catalogue import COPY_NAME, FLOOR_NAME, INDEPENDENT_NAME
from synthheart.cohorts import load_heart
from synthheart.hundred_splits import (
    ATTACKS,
    FRESH,
    KEPT,
    TARGETS,
    TEN,
    against,
    contestants,
    measure_hundred,
    measure_splits,
    met,
    sequential_trees,
    split_means,
    standing,
    ten_split_means,
)
from synthheart.splitting import train_holdout_split

TRAIN, _ = train_holdout_split(load_heart(), seed=0)


def rows(model: str, splits, value=0.5) -> pd.DataFrame:
    return pd.DataFrame([{"model": model, "split": s} | dict.fromkeys(KEPT, value) for s in splits])


def test_the_trees_hand_out_real_values_and_know_their_seed():
    made = sequential_trees(TRAIN, 500, 3)
    assert made.shape == (500, TRAIN.shape[1])
    for column in TRAIN:
        assert set(made[column].dropna()) <= set(TRAIN[column].dropna()), column
    pd.testing.assert_frame_equal(made, sequential_trees(TRAIN, 500, 3))
    assert not made.equals(sequential_trees(TRAIN, 500, 4))


def test_trees_that_are_one_leaf_know_no_relations():
    made = sequential_trees(TRAIN, 4000, 0, leaf=len(TRAIN))
    relations = made.corr().to_numpy()[np.triu_indices(made.shape[1], 1)]
    assert np.abs(relations).max() < 5 / np.sqrt(len(made))
    deep = sequential_trees(TRAIN, 4000, 0)
    assert deep.thalach.corr(deep.age) < -0.2  # as among the patients: -0.4


def test_the_trees_refuse_words():
    with pytest.raises(ValueError, match="^colour: the trees need numbers or codes, got 'red'$"):
        sequential_trees(pd.DataFrame({"x": [1, 2], "colour": ["red", "blue"]}), 5, 0)


@pytest.mark.usefixtures("few_trees")
def test_splits_are_those_of_their_seeds():
    seen = []

    def spy(train, n, seed):
        seen.append(train)
        return sequential_trees(train, n, seed)

    found = measure_splits({"spy": spy}, 41, 2, draws=1, n_jobs=1)
    assert found[found.model == "spy"].split.tolist() == [41, 42]
    for train, split in zip(seen, (41, 42), strict=True):
        pd.testing.assert_frame_equal(
            train, train_holdout_split(load_heart(), seed=split)[0].reset_index(drop=True)
        )


def test_a_target_is_met_up_to_its_edge():
    edge = {name: target.value for name, target in TARGETS.items()}
    beyond = {name: t.value + (-1e-9 if t.more else 1e-9) for name, t in TARGETS.items()}
    found = met(pd.DataFrame([edge, beyond]))
    assert found.loc[0].all() and not found.loc[1].any()


def test_a_target_is_met_missed_or_neither_by_its_interval():
    table = rows("gan", range(40))
    swing = 0.02 * np.where(table.split % 2, 1, -1)
    table["c2st_auc"], table["coverage"] = 0.5 + swing, 0.96 + swing
    found = standing(table)
    assert found.judged[["told apart", "worst attack"]].eq("met").all()
    assert found.judged["coverage"] == "cannot tell"
    assert standing(table, test_rows=0).judged["coverage"] == "met"  # for these patients
    table["coverage"] -= 0.2
    assert standing(table).judged["coverage"] == "missed"
    assert standing(table[:1]).judged.eq("cannot tell").all()


def test_the_worst_attack_is_that_of_the_means():
    table = rows("gan", range(4))
    table[list(ATTACKS)] = [[0.9, 0.5, 0.4], [0.5, 0.9, 0.4], [0.5, 0.4, 0.9], [0.5, 0.6, 0.7]]
    assert split_means(table).loc["gan", "worst attack"] == pytest.approx(
        table[list(ATTACKS)].mean().max()
    )


def test_differences_are_the_first_minus_the_second_on_shared_splits():
    table = pd.concat(
        [rows("gan", range(12), 0.6), rows("copula", range(2, 14), 0.5)], ignore_index=True
    )
    noise = np.random.default_rng(0).normal(0, 0.02, len(table))
    table["c2st_auc"] += noise
    found = against(table, "copula").loc["told apart"]
    gaps = table.c2st_auc[2:12].to_numpy() - table.c2st_auc[12:22].to_numpy()
    assert found.difference == pytest.approx(gaps.mean())
    assert found.half == pytest.approx(
        2.2621571627 * gaps.std(ddof=1) / np.sqrt(10)
    )  # t, 9 degrees of freedom
    assert found.half_others > 2 * found.half
    with pytest.raises(ValueError, match="share 0 splits"):
        against(rows("gan", range(3)), "copula")


def test_means_of_ten_scatter_as_theory_says():
    table = rows("gan", range(100)).assign(
        c2st_auc=np.random.default_rng(1).normal(0.56, 0.04, 100)
    )
    spread = ten_split_means(table, draws=4000)["told apart"].std()
    expected = table.c2st_auc.std(ddof=1) * np.sqrt(
        (1 - 10 / 100) / 10
    )  # ten of a hundred, without replacement
    assert spread == pytest.approx(expected, rel=0.05)


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path, monkeypatch):
    asked = []

    def stand_in(models, first, splits, draws=2, n_jobs=-1):
        asked.append((first, splits, list(models)))
        if len(asked) == 3:
            raise KeyboardInterrupt
        parts = [rows(name, range(first, first + splits)) for name in models]
        return pd.concat(parts, ignore_index=True)

    monkeypatch.setattr(hundred_splits, "measure_splits", stand_in)
    path = tmp_path / "verdict.csv"
    with pytest.raises(KeyboardInterrupt):
        measure_hundred(path, splits=24)
    held = pd.read_csv(path)
    assert set(held.split) == {*range(TEN, TEN + 10), *range(FRESH, FRESH + 10)}
    table = measure_hundred(path, splits=24)
    starts = [(first, splits) for first, splits, _ in asked]
    assert starts == [(TEN, 10), (FRESH, 10), (FRESH + 10, 10), (FRESH + 10, 10), (FRESH + 20, 4)]
    assert not table.duplicated(["model", "split"]).any()
    assert len(table) == 34 * len(contestants())
    pd.testing.assert_frame_equal(pd.read_csv(path), table, check_dtype=False)
    assert len(measure_hundred(path, splits=24)) == len(table) and len(asked) == 5


def test_a_new_contestant_is_measured_alone(tmp_path, monkeypatch):
    asked = []

    def stand_in(models, first, splits, draws=2, n_jobs=-1):
        asked.append(list(models))
        return pd.concat([rows(name, range(first, first + splits)) for name in models])

    monkeypatch.setattr(hundred_splits, "measure_splits", stand_in)
    path = tmp_path / "verdict.csv"
    first = measure_hundred(path, splits=10)
    first[first.model != "copula"].to_csv(path, index=False)
    again = measure_hundred(path, splits=10)
    assert asked[2:] == [["copula"], ["copula"]] and len(again) == len(first)


def test_the_file_is_whole():
    table = pd.read_csv(Path(__file__).parents[1] / "reports" / "reference" / "verdict.csv")
    models = [*contestants(), INDEPENDENT_NAME, FLOOR_NAME, COPY_NAME]
    splits = [*range(TEN, TEN + 10), *range(FRESH, FRESH + 100)]
    assert sorted(zip(table.model, table.split, strict=True)) == sorted(
        (m, s) for m in models for s in splits
    )
    assert table[list(KEPT)].notna().all(axis=None)
    copies = table[table.model == COPY_NAME]
    assert (copies.copies_train == 1).all() and (
        copies.membership_distance > 0.95
    ).all()  # the attacks work
