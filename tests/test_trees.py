"""The chain of trees: it learns relations, copies nobody, keeps its stream, and takes any table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streams import check_endless, check_from_uniforms, made_up, mixed

from synthheart.preprocessing import Coded, RankGaussEncoder
from synthheart.synthesizer import Synthesizer
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


def test_numbers_are_interpolated():
    fine = pd.DataFrame({"a": np.random.default_rng(0).normal(size=300)})
    made = Synthesizer("trees").fit(fine, progress=False).sample(3000)
    assert not np.isin(made.a, fine.a).any()


def test_the_stream_is_one_and_is_made_of_uniforms():
    model = ChainOfTrees().fit(made_up(400, 2, SIZES), SIZES, progress=False)
    check_endless(model)
    check_from_uniforms(model)


def test_the_outcome_is_written_first_and_a_flag_before_its_number():
    codec = RankGaussEncoder().fit(mixed(900))
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
