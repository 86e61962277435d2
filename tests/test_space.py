"""One coding of a table: levels, missing cells, distances, groups from the schema."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import pairwise_distances

from synthheart import space as sp
from synthheart.cohorts import heart_schema, load_heart
from synthheart.inference import infer_schema
from synthheart.tables import Schema


def test_distances_of_copies_are_zero():
    x = np.random.default_rng(9).normal(size=(40, 30)) * 3
    assert (np.diag(sp.row_distances(x, x.copy())) == 0).all()
    assert np.allclose(sp.row_distances(x, x[::-1]), pairwise_distances(x, x[::-1]), atol=1e-6)


def test_files_change_types_not_levels():
    real = load_heart()
    space = sp.fit_space(real, heart_schema())
    text = real.astype(object).map(lambda cell: cell if pd.isna(cell) else str(cell))
    a, b, c = (space.code(df) for df in (real, real.astype(float), text))
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.codes, c.codes)
    np.testing.assert_array_equal(a.numbers, c.numbers)


def test_missing_and_strange_cells_have_codes_of_their_own():
    real = load_heart()
    space = sp.fit_space(real, heart_schema())
    j = space.discrete.index("ca")
    known = len(space.levels[j])
    odd = space.code(pd.DataFrame({"ca": [0, None, 9, "x"]}))
    assert odd.codes[:, j].tolist() == [0, known, known + 1, known + 1]
    assert (odd.codes[:, space.discrete.index("sex")] == 2).all()  # an absent column is missing
    assert np.isnan(odd.numbers).all() and np.isfinite(space.embed(odd)).all()


def test_embedded_columns_stand_where_their_blocks_say():
    real = load_heart()
    space = sp.fit_space(real, heart_schema())
    points, blocks = space.embed(space.code(real)), sp.column_blocks(space)
    assert set(blocks) == set(real.columns)
    assert sorted(i for block in blocks.values() for i in block) == list(range(points.shape[1]))
    np.testing.assert_array_equal(points[:, blocks["sex"]].argmax(axis=1), real.sex)
    dropped = space.embed(space.code(real), drop=("sex", "age"))
    assert dropped.shape[1] == points.shape[1] - len(blocks["sex"]) - len(blocks["age"])


def test_rows_are_equal_whatever_their_types():
    real = load_heart()
    assert sp.copied_rows(real.astype(float), real).all()
    assert not sp.copied_rows(real.assign(age=real.age + 0.5), real).any()


def test_groups_come_from_the_schema():
    real, schema = load_heart(), heart_schema()
    plan = sp.group_plan(real, sp.fit_space(real, schema))
    assert plan == {"sex": (), "age": (45, 55, 65), "target": ()}
    assert sp.group_columns(schema, outcome=False) == ["sex", "age"]
    roles = [replace(c, role="group" if c.name == "cp" else "") for c in schema]
    assert sp.group_columns(Schema(tuple(roles), "target")) == ["cp", "target"]
    plain = Schema(tuple(replace(c, role="", bands=()) for c in schema), None)
    space = sp.fit_space(real, plain)
    assert sp.group_plan(real, space) == {"sex": (), "age": (48.0, 56.0, 61.0)}  # quartiles
    with pytest.raises(ValueError, match="by: 'height' is not a column"):
        sp.group_plan(real, space, ["height"])


def test_a_table_without_groups_has_none():
    df = pd.DataFrame({"x": np.arange(90) / 7, "y": np.arange(90) % 7 / 3})
    space = sp.fit_space(df, infer_schema(df))
    assert sp.group_plan(df, space) == {}
    assert list(sp.group_masks(df, space, {})) == ["all"]


def test_bands_hold_everybody_with_a_number():
    df = pd.DataFrame({"age": [30, 44, 45, 54.5, 65, np.nan]})
    space = sp.fit_space(load_heart(), heart_schema())
    masks = sp.group_masks(df, space, {"age": (45, 55, 65)})
    assert list(masks) == ["all", "age=<45", "age=45-54", "age=55-64", "age=65+"]
    assert [int(mask.sum()) for mask in masks.values()] == [6, 2, 2, 0, 1]
    halves = sp.group_masks(df, space, {"age": (44.5, 60.5)})
    assert list(halves) == ["all", "age=<44.5", "age=44.5 to <60.5", "age=60.5+"]


def test_drawn_rows_are_few_and_in_order():
    real = load_heart()
    tables = sp.Three(real, real.head(90), real)
    index = sp.drawn_positions(tables, sp.Three(50, 100, 303), seed=1)
    assert [len(rows) for rows in index] == [50, 90, 303]
    assert (np.diff(index.train) > 0).all()
    again = sp.drawn_positions(tables, sp.Three(50, 100, 303), seed=1)
    np.testing.assert_array_equal(index.train, again.train)
    with pytest.raises(ValueError, match="holdout: the attacks need at least 3 rows, got 2"):
        sp.drawn_positions(sp.Three(real, real.head(2), real), sp.Three(9, 9, 9), seed=1)
