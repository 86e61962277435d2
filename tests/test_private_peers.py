"""Tables go to the peers as codes and come back as values; what was measured is whole."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthheart import private_peers as peers
from synthheart.cohorts import heart_schema, load_heart
from synthheart.tables import validate


def table_of(name: str, rows: int = 300) -> tuple[pd.DataFrame, object]:
    "Rows of any kind that a public schema allows."
    schema, rng = peers.LARGER[name], np.random.default_rng(0)
    cells = {}
    for column in schema:
        if column.kind == "continuous":
            values = pd.Series(rng.integers(column.minimum, column.maximum + 1, rows))
        else:
            values = pd.Series(rng.choice(np.array(column.levels, object), rows))
        values = values.astype(object)
        cells[column.name] = values.mask(rng.random(rows) < 0.1 * column.missing)
        cells[column.name] = cells[column.name].astype(column.dtype)
    return pd.DataFrame(cells), schema


@pytest.mark.parametrize("name", ["cleveland", *peers.LARGER])
def test_codes_come_back_as_values_of_the_same_bins(name):
    table, schema = (load_heart(), heart_schema()) if name == "cleveland" else table_of(name)
    codes, sizes = peers.peer_codes(table, schema)
    assert (codes.min() >= 0).all() and (codes.max() < pd.Series(sizes)).all()
    back = peers.peer_rows(codes, schema, seed=1)
    validate(back, schema)
    pd.testing.assert_frame_equal(peers.peer_codes(back, schema)[0], codes)
    pd.testing.assert_frame_equal(back.isna(), table.isna())
    assert list(back) == schema.names


def test_a_peer_that_is_not_there_is_written_down_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "our_release", lambda train, *_: peers.Release(train, 0.0))
    monkeypatch.setattr(peers, "worth", lambda *_: {"tstr_less_trtr": 0.0})
    path = tmp_path / "peers.csv"
    found = peers.measure_private_peers(path, sys.executable, {"cleveland": 1}, (1.0,))
    assert found.groupby("model").note.first()["gan"] == ""
    notes = found[found.model != "gan"].note
    assert len(notes) == 2 and notes.str.contains("dpmm").all()
    before = path.read_bytes()
    again = peers.measure_private_peers(path, "no python", {"cleveland": 1}, (1.0,))
    assert path.read_bytes() == before and len(again) == len(found)
    shown = peers.peer_summary(again)
    assert len(shown) == 3 and shown.note.str.contains("dpmm").sum() == 2


def test_what_was_measured_beside_the_peers_is_whole():
    place = Path(__file__).resolve().parent.parent / "reports" / "reference"
    table = pd.read_csv(place / "private_peers.csv")
    assert {"cleveland"} <= set(table.table) and set(table.model) == {"gan", "mst", "aim"}
    one = table.groupby(["table", "epsilon", "model", "split"])
    assert not one.metric.apply(lambda names: names.duplicated().any()).any()
    assert table.value.notna().all() or table.note[table.value.isna()].notna().all()
    cleveland = table[table.table == "cleveland"]
    assert cleveland[cleveland.model != "gan"].delta.eq(1e-4).all()
