"""The chain of trees: it learns relations, copies nobody, keeps its stream, and takes any table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streams import check_endless, check_from_uniforms, made_up

from synthheart.preprocessing import Coded, RankGaussEncoder
from synthheart.synthesizer import Synthesizer
from synthheart.tables import validate
from synthheart.trees import (
    ChainOfTrees,
    LevelLeaves,
    TreesConfig,
    grow,
    plain_rows,
    quantile_function,
    table_order,
)

SIZES = (3, 2, 5)


def mixed(rows: int = 900, seed: int = 0) -> pd.DataFrame:
    "A bend, a sharp class, a number with many zeros, one with empty cells that go with the class."
    rng = np.random.default_rng(seed)
    dose = rng.normal(0, 1, rows).round(2)
    ward = np.where(dose > 0.8, "high", np.where(dose < -0.8, "low", "usual"))
    nodes = np.where(rng.random(rows) < 0.6, 0, rng.poisson(4, rows))
    test = np.where((ward == "low") | (rng.random(rows) < 0.1), np.nan, (dose**2).round(1))
    died = (dose + rng.normal(0, 1, rows) > 0.5).astype(int)
    return pd.DataFrame({"dose": dose, "ward": ward, "nodes": nodes, "test": test, "target": died})


@pytest.fixture(scope="module")
def table():
    return mixed()


@pytest.fixture(scope="module")
def fitted(table):
    return Synthesizer("trees").fit(table, progress=False)


def test_relations_zeros_and_gaps_come_back(table, fitted):
    fake = fitted.sample(6000, seed=1)
    assert validate(fake, fitted.schema_).empty
    assert abs((fake.nodes == 0).mean() - (table.nodes == 0).mean()) < 0.05
    for ward in ("low", "usual"):
        gap = fake[fake.ward == ward].test.isna().mean()
        assert abs(gap - table[table.ward == ward].test.isna().mean()) < 0.05
    right = np.where(fake.dose > 0.8, "high", np.where(fake.dose < -0.8, "low", "usual"))
    assert (right == fake.ward).mean() > 0.97
    assert abs(np.corrcoef(fake.dose, fake.target)[0, 1] - 0.45) < 0.12


def test_shapes_of_columns(table, fitted):
    fake = fitted.sample(6000, seed=1)
    for name in ("dose", "nodes", "test"):
        real, made = table[name].dropna(), fake[name].dropna()
        at = np.quantile(real, np.linspace(0.05, 0.95, 19))
        apart = [(real <= x).mean() - (made <= x).mean() for x in at]
        assert np.abs(apart).max() < 0.06, name


def test_numbers_are_interpolated():
    fine = pd.DataFrame({"a": np.random.default_rng(0).normal(size=300)})
    made = Synthesizer("trees").fit(fine, progress=False).sample(3000)
    assert not np.isin(made.a, fine.a).any()


def test_same_seed_same_rows_other_seed_other_rows(table, fitted):
    again = Synthesizer("trees").fit(table, progress=False)
    assert again.sample(500, seed=4).equals(fitted.sample(500, seed=4))
    assert not again.sample(500, seed=4).equals(fitted.sample(500, seed=5))


def test_the_stream_is_one_and_is_made_of_uniforms():
    model = ChainOfTrees().fit(made_up(400, 2, SIZES), SIZES, progress=False)
    check_endless(model)
    check_from_uniforms(model)


def test_a_file_gives_the_same_bytes(fitted, tmp_path):
    path = fitted.save(tmp_path / "a.synth")
    twin = Synthesizer.load(path)
    assert twin.sample(5000, seed=2).equals(fitted.sample(5000, seed=2))
    assert twin.save(tmp_path / "b.synth").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "where", [{"ward": "high"}, {"dose": (0.5, 1.0), "target": 1}, {"test": (0, 0.2)}]
)
@pytest.mark.filterwarnings("ignore:where")
def test_conditions_are_met_and_weighted(table, fitted, where):
    fake = fitted.sample(400, where=where, seed=3)
    assert len(fake) == 400
    free = fitted.sample(40_000, seed=9)
    for name, wish in where.items():
        low, high = wish if isinstance(wish, tuple) else (wish, wish)
        assert fake[name].between(low, high).all()
        free = free[free[name].between(low, high)]
    assert abs(fake.dose.mean() - free.dose.mean()) < 0.15
    assert abs(fake.nodes.mean() - free.nodes.mean()) < 0.5


def test_the_outcome_is_written_first_and_a_flag_before_its_number(table):
    codec = RankGaussEncoder().fit(table)
    schema = replace(codec.schema_, target="target")
    names = [codec.names_[j] for j in table_order(codec, schema)["order"]]
    assert names == ["target", "dose", "ward", "nodes", "test is missing", "test"]


def test_a_tree_parts_levels_in_one_question():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 12, 600)
    rows = np.column_stack([level, level % 2]).astype(float)
    tree = grow(rows, 1, [0], [12, 2], 20, 5)
    assert (tree.leaf >= 0).sum() == 2
    assert len(np.unique(tree.leaf_of(rows)[level % 2 == 1])) == 1


def test_one_row_no_relation_and_early_stop():
    for rows in (1, 2, 7):
        model = ChainOfTrees().fit(made_up(rows, 2, SIZES), SIZES, progress=False)
        assert np.isfinite(model.sample(20)[0]).all()
    stopped = ChainOfTrees().fit(
        made_up(300, 1, SIZES), SIZES, progress=False, callbacks=[lambda look: look.step == 2]
    )
    assert len(stopped.history_) == 4 and len(stopped.links_[2].tree.leaf) == 1


def test_an_empty_window_keeps_to_the_window():
    leaves, mass = LevelLeaves(np.array([[0.5, 1.0, 1.0]])).within(np.array([False, False, True]))
    assert (
        mass[0] == 0
        and leaves.draw(np.zeros(3, int), np.array([0.0, 0.5, 0.99])).tolist() == [2] * 3
    )


def test_quantiles_end_half_a_gap_beyond():
    assert quantile_function(np.array([0.5]), 4) == pytest.approx([0.5, 0.5])
    assert (np.diff(quantile_function(np.sort(np.random.default_rng(0).random(50)), 20)) >= 0).all()


def test_a_sharp_relation_is_followed_between_the_quantiles_too():
    place = np.random.default_rng(0).random(6000)
    rows = np.stack([place, place], 1)
    leaf = grow(rows, 1, [0], [0, 0], least=50, cuts=11).leaf_of(rows)
    width = [np.ptp(place[leaf == k]) for k in range(leaf.max() + 1)]
    assert len(width) > 60 and max(width) < 0.03


def test_empty_cells_are_minus_one():
    low = np.array([[0.1], [0.0]], np.float32)
    coded = Coded(low, low + 0.1, np.array([[0], [1]], np.int32))
    assert plain_rows(coded, (1,))[:, 0].tolist() == pytest.approx([0.15, -1.0])


def test_refusals():
    with pytest.raises(ValueError, match="leaves must be whole numbers of at least 1"):
        TreesConfig(leaves=(0, 5))
    with pytest.raises(ValueError, match="cuts must be at least 1, got 0"):
        Synthesizer("trees", options={"cuts": 0}).fit(mixed(50), progress=False)
