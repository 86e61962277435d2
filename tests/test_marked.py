"""What a spreadsheet would compute is marked where a table is written for other people, in names
and in cells, and taken back where it is read: any table comes back equal.
"""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthheart.cohorts import Dataset
from synthheart.declared import raw_rows
from synthheart.large import survey
from synthheart.parts import write_parts
from synthheart.reading import read_table
from synthheart.runs import csv_text, start_run, write_table
from synthheart.synthesizer import Synthesizer

HOSTILE = ("=cmd()", "+1", "-x", "@x", "\tx", "\rx", "'=x", "''-y", "-5", "=HYPERLINK(1)")


def table_of(names: list[str], rows: int = 40) -> pd.DataFrame:
    "Whole numbers under these names, and a column of plain words."
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(k, 90 + k, rows) for k, name in enumerate(names)}
    return pd.DataFrame({**columns, "word": rng.choice(["a", "b"], rows)})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_hostile_names_come_back(tmp_path, suffix):
    table = table_of([*HOSTILE, "plain", "'q"])
    path = write_table(table, tmp_path / f"t{suffix}")
    pd.testing.assert_frame_equal(read_table(path), table)


def test_no_cell_of_a_written_header_is_a_formula(tmp_path):
    table = table_of(list(HOSTILE))
    for text in (csv_text(table), write_table(table, tmp_path / "t.csv").read_bytes().decode()):
        names = next(csv.reader(io.StringIO(text, newline="")))
        assert not [name for name in names if name[0] in "=+-@\t\r"]
    assert write_parts([table, table], tmp_path / "p.csv") == 80
    pd.testing.assert_frame_equal(read_table(tmp_path / "p.csv").head(40), table)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.text(st.sampled_from("=+-@'\t\rx1 ,\""), min_size=1, max_size=5)
        .map(lambda text: text.strip(" \t\r") or "x")
        .filter(lambda text: text.strip("'\" ,;") != ""),
        min_size=2, max_size=5, unique=True,
    )
)  # fmt: skip
def test_any_names_come_back(tmp_path_factory, names):
    table = table_of([name for name in names if name != "word"])
    path = write_table(table, tmp_path_factory.mktemp("t") / "t.csv")
    assert list(read_table(path, header=True)) == list(table)


def test_a_cell_with_a_carriage_return_comes_back(tmp_path):
    table = pd.DataFrame({"word": ["\r=x", "a", "b\rc", "-1+2"] * 9, "n": range(36)})
    pd.testing.assert_frame_equal(read_table(write_table(table, tmp_path / "t.csv")), table)
    write_parts([table, table], tmp_path / "p.csv")
    assert list(read_table(tmp_path / "p.csv").word) == list(table.word) * 2


def test_names_that_a_caller_gives_stay(tmp_path):
    path = write_table(table_of(["x", "y"]), tmp_path / "t.csv")
    assert list(read_table(path, names=["'=x", "y", "z"], header=True)) == ["'=x", "y", "z"]


def test_every_way_into_the_house_takes_the_marks_back(tmp_path):
    "The private path, a table read in parts, a run's folder, and what a model makes."
    table = table_of(["=x", "@y"], 60).assign(word=["=a", "-b+c"] * 30)
    path = write_table(table, tmp_path / "t.csv")
    raw = raw_rows(path)
    assert raw.names == list(table) and set(raw.cells["word"]) == {"=a", "-b+c"}
    known = survey(path).schema
    assert known.names == list(table) and set(known["word"].levels) == {"=a", "-b+c"}
    rows = Synthesizer("independent").fit(str(path), progress=False).sample(20)
    again = read_table(write_table(rows, tmp_path / "s.csv"))
    assert list(again) == list(table) and set(again.word) <= {"=a", "-b+c"}
    run = start_run(tmp_path / "run", Dataset.from_table(table, name="t", title="T"))
    assert list(run.rows("train")) == list(run.whole("train")) == list(table)
    run.write("evaluation", pd.DataFrame({"=m": ["-q r", "a"]}))
    assert run.table("evaluation").to_dict("list") == {"=m": ["-q r", "a"]}
