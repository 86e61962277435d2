"""A run's folder: whole files or none, one schema, what it was made from, and resuming."""

import datetime as dt
import json
import os
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes

from synthheart import reading, runs
from synthheart.cohorts import DATASETS, Dataset
from synthheart.inference import infer_schema
from synthheart.reading import read_table
from synthheart.runs import (
    FILES,
    Draft,
    Recipe,
    Run,
    build_key,
    check_target,
    code_sha256,
    csv_text,
    drafting,
    failed_folder,
    find_unfinished,
    hash_inputs,
    json_text,
    make_manifest,
    open_run,
    plugin_files,
    replacing,
    sha256,
    start_run,
    write_table,
    write_whole,
)
from synthheart.splitting import train_holdout_split
from synthheart.tables import Column, Schema, Spelling, find_duplicates

NOBODY = 2**22 + 1  # no process has this number


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Whole or not at all


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_stood_there(tmp_path, error):
    path = write_whole(tmp_path / "a.csv", "old")
    with pytest.raises(type(error)), replacing(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["a.csv"]


def test_text_that_cannot_be_encoded_leaves_what_stood_there(tmp_path):
    path = write_whole(tmp_path / "deep" / "a.txt", "ä\n")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_bytes() == "ä\n".encode() and names(path.parent) == ["a.txt"]


def test_a_file_is_never_seen_half_written(tmp_path):
    path, seen = write_whole(tmp_path / "a.txt", "0" * 100_000), set()

    def read() -> None:
        while len(seen) < 3:
            text = path.read_text()
            seen.add((len(text), len(set(text))))
            if done.is_set():
                return

    done = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    for digit in "123456789" * 5:
        write_whole(path, digit * 100_000)
    done.set()
    reader.join()
    assert seen == {(100_000, 1)}


@pytest.mark.skipif(os.name == "nt", reason="no such modes there")
def test_what_is_written_may_be_read_by_everybody(tmp_path):
    path = write_whole(tmp_path / "deep" / "a.txt", "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_text_is_utf_8_with_one_kind_of_line_end(tmp_path):
    assert write_whole(tmp_path / "a", "é\n").read_bytes() == "é\n".encode()
    assert csv_text(pd.DataFrame({"a": [1, 2]})) == "a\n1\n2\n"
    assert json.loads(json_text({"a": np.float64("nan"), "b": np.int64(3)})) == {"a": None, "b": 3}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_comes_back_as_it_was_written(tmp_path, suffix):
    table = DATASETS["hungarian"].load()
    path = write_table(table, tmp_path / f"a{suffix}")
    pd.testing.assert_frame_equal(read_table(path, DATASETS["hungarian"].schema), table)


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"a\.doc: unknown suffix '\.doc'; allowed: \.csv"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.doc")
    with pytest.raises(ValueError, match="columns are not the schema's"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.csv", DATASETS["va"].schema)
    assert names(tmp_path) == []


# A table in the spelling that its schema recorded

GRID = st.decimals(-9999, 9999, places=2).map(float)
CELLS = {  # the cells of a column of each kind
    "whole": st.integers(-99_999, 99_999),
    "number": GRID,
    "day": st.dates(dt.date(1950, 1, 1), dt.date(2030, 1, 1)).map(pd.Timestamp),
    "moment": st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2030, 1, 1)).map(
        lambda moment: pd.Timestamp(moment.replace(second=0, microsecond=0))
    ),
    "clock": st.integers(0, 1439),
    "truth": st.booleans(),
    "code": st.from_regex(r"0[0-9]{2}", fullmatch=True),
    "word": st.sampled_from(["light", "heavy, or more", "NA", 'a "b"', "=1+1", "1"]),
    "limit": st.one_of(st.integers(5, 90), GRID.map(abs), st.sampled_from(["<5", ">90"])),
}
DTYPES = {"whole": "Int64", "number": "float64", "day": "datetime64[us]", "clock": "Int64"}
DTYPES |= {"moment": "datetime64[us]", "truth": "boolean"}


@st.composite
def spelling_of(draw, kind: str) -> Spelling:
    "A spelling that can write a column's cells."
    pick = lambda *of: draw(st.sampled_from(of))
    decimal, thousands = pick((".", ""), (",", ""), (".", ","), (",", "."), (".", " "))
    number = Spelling("number", decimal=decimal, thousands=thousands, after=pick("", " mg", "%"))
    pair = pick(("Y", "N"), ("true", "false"), ("1", "0"))
    return {
        "whole": lambda: replace(number, whole=True, decimals=0),
        "number": lambda: replace(number, decimals=2, least=pick(0, 2), missing=pick("", "NA")),
        "limit": lambda: Spelling("number", decimal=decimal, limits=("<5", ">90")),
        "day": lambda: Spelling("date", format=pick("%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y%m%d")),
        "moment": lambda: Spelling("date", format=pick("%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M")),
        "clock": lambda: Spelling("clock", format="%H:%M", whole=True),
        "truth": lambda: Spelling("truth", true=pair[0], false=pair[1]),
    }.get(kind, Spelling)()


@st.composite
def spelled_tables(draw) -> tuple[pd.DataFrame, Schema]:
    "A typed table with gaps, and a schema that says how each column is spelled."
    rows = draw(st.integers(3, 10))
    df = pd.DataFrame({"key": [f"0{k}" for k in range(rows)]})
    columns = [Column("key", "continuous", "str", role="id")]
    for kind in draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, unique=True)):
        cells = draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows))
        if all(cell is None or cell == "" for cell in cells):
            continue
        spelling = draw(spelling_of(kind))
        df[kind] = pd.Series(cells, dtype=DTYPES.get(kind, "object"))
        more: dict = {"missing": True, "spelling": spelling}
        levels = {"word": ("light", "heavy, or more", "NA", 'a "b"', "=1+1", "1")}
        levels |= {"limit": ("<5", ">90"), "truth": (False, True)}
        levels["code"] = tuple(sorted({cell for cell in cells if cell} if kind == "code" else ()))
        sort = "categorical" if kind in ("word", "code", "truth") else "continuous"
        sort = "binary" if kind == "truth" else sort
        dtype = DTYPES.get(kind, "object" if kind == "limit" else "str")
        columns.append(Column(kind, sort, dtype, levels=levels.get(kind, ()), **more))
    return df, Schema(tuple(columns))


def cells_of(df: pd.DataFrame) -> dict[str, list]:
    "The cells of a table, None for a missing one."
    return {name: [None if pd.isna(c) else c for c in df[name].tolist()] for name in df}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".xlsx"])
def test_a_written_table_comes_back_equal_through_every_format(suffix, tmp_path):
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl")

    @settings(max_examples=40)
    @given(spelled_tables())
    def there_and_back(made):
        df, schema = made
        path = write_table(df, tmp_path / f"a{suffix}", schema)
        assert cells_of(read_table(path, schema)) == cells_of(df)
        assert cells_of(read_table(path, Schema.from_json(schema.to_json()))) == cells_of(df)

    there_and_back()


def test_text_files_are_written_as_the_schema_recorded(tmp_path):
    text = 'ward,seen,dose,crp,ill\n007,31.01.2024,"1,5 mg",<5,Y\n012,,3 mg,7,N\n'
    (tmp_path / "a.csv").write_text(text)
    found, known = read_table(tmp_path / "a.csv"), infer_schema(tmp_path / "a.csv")
    assert write_table(found, tmp_path / "b.csv", known).read_text() == text


def test_whole_numbers_with_holes_have_no_decimals(tmp_path):
    whole = Column("n", "continuous", "float64", missing=True, decimals=0)
    codes = Column("ca", "binary", "float64", levels=(0, 3), missing=True)
    df = pd.DataFrame({"n": [1.0, None, 70.0], "ca": [0.0, 3.0, None]})
    path = write_table(df, tmp_path / "a.csv", Schema((whole, codes)))
    assert path.read_text() == "n,ca\n1,0\n,3\n70,\n"
    assert write_table(df.astype("Int64"), path).read_text() == "n,ca\n1,0\n,3\n70,\n"


def test_cells_of_another_kind_than_the_spelling_are_written_as_they_are(tmp_path):
    date = Column("seen", "continuous", "datetime64[us]", format="%d.%m.%Y")
    df = pd.DataFrame({"seen": ["2024-01-31", "soon"]})
    assert write_table(df, tmp_path / "a.csv", Schema((date,))).read_text() == (
        "seen\n2024-01-31\nsoon\n"
    )


def test_numbers_and_words_go_into_parquet_as_text(tmp_path):
    df = pd.DataFrame({"crp": pd.Series([7, "<5", 1.5, None], dtype=object)})
    path = write_table(df, tmp_path / "a.parquet")
    assert cells_of(pd.read_parquet(path)) == {"crp": ["7", "<5", "1.5", None]}


def test_a_workbook_needs_its_library(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs openpyxl \(pip install 'synthheart\[excel\]'\)"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_that_cannot_be_written_leaves_what_stood_there(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"before")

    def half(df, part, schema):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setitem(runs.WRITERS, suffix, half)
    with pytest.raises(KeyboardInterrupt):
        write_table(pd.DataFrame({"a": [1]}), path)
    assert path.read_bytes() == b"before" and [p.name for p in tmp_path.iterdir()] == [path.name]


# The run


@pytest.mark.parametrize("name", DATASETS.names())
def test_a_run_keeps_the_patients_and_one_schema(name, tmp_path):
    dataset = DATASETS[name]
    start_run(tmp_path, dataset, seed=3)
    run = open_run(tmp_path)
    train, holdout = train_holdout_split(dataset.load(), 0.3, 3, dataset.schema.target)
    pd.testing.assert_frame_equal(run.train, train.reset_index(drop=True))
    pd.testing.assert_frame_equal(run.holdout, holdout.reset_index(drop=True))
    assert run.schema == dataset.schema and run.dataset == dataset
    assert len(run.real) == len(dataset.load()) == len(run.dataset.load())
    always = {"dataset.json", "holdout.csv", "schema.json", "train.csv"}
    assert (
        always <= set(run.files()) <= always | {"proposals.csv"}
    )  # where nearly all rows keep one


def test_a_run_of_anyones_own_table(tmp_path):
    table = load_diabetes(as_frame=True).frame
    table["seen"] = pd.date_range("2021-01-01", periods=len(table)).astype("datetime64[s]")
    start_run(tmp_path, Dataset.from_table(table, "ward 7"))
    run = Run(tmp_path)
    real = pd.concat(train_holdout_split(table), ignore_index=True)
    pd.testing.assert_frame_equal(run.real, real)
    assert run.whole_schema == Dataset.from_table(table).schema
    assert run.schema.names == infer_schema(table).names
    assert (run.dataset.title, run.path("release").name) == ("ward 7", "synthetic_ward_7.csv")
    assert "heart" not in (run.text("dataset") + run.text("schema")).lower()


def test_the_share_kept_back_and_the_seed_decide_the_split():
    cleveland = DATASETS["cleveland"]
    one, two, other = (start_run(None, cleveland, seed=s, holdout=0.2) for s in (1, 1, 2))
    assert one.train.equals(two.train) and not one.train.equals(other.train)
    assert len(one.holdout) == pytest.approx(0.2 * len(one.real), abs=2)
    assert find_duplicates(pd.concat([one.train, other.train])).rows.sum() > 0


def test_a_temporary_run_goes_when_nobody_holds_it():
    run = open_run(seed=1)
    folder = run.folder
    assert run.temporary and folder.is_dir()
    del run
    assert not folder.exists()


def test_a_missing_part_is_one_line(tmp_path):
    for ask in (
        lambda run: run.train,
        lambda run: run.schema,
        lambda run: run.table("evaluation"),
        lambda run: run.text("metrics"),
    ):
        with pytest.raises(ValueError, match="missing; an earlier notebook of the run writes it"):
            ask(Run(tmp_path))
    assert not Run(tmp_path).has("release")


def test_parts_lie_where_they_always_lay(tmp_path):
    run = Run(tmp_path)
    assert {name: run.path(name).name for name in FILES} == FILES
    assert run.path("evaluation") == tmp_path / "evaluation.csv"
    assert run.path("figures/08_pairs.svg") == tmp_path / "figures" / "08_pairs.svg"


def test_what_is_written_anew_is_read_anew(tmp_path):
    run = start_run(tmp_path, DATASETS["va"])
    run.write("synthetic", run.train.head(5))
    assert len(run.synthetic) == 5
    run.write("synthetic", run.train.head(7))
    assert len(run.synthetic) == 7


def test_results_are_for_people_and_for_programs(tmp_path):
    table = pd.DataFrame({"metric": ["tstr_auc"], "value": [0.1 + 0.2], "note": [np.nan]})
    paths = Run(tmp_path).results("evaluation", table)
    assert [path.name for path in paths] == ["evaluation.csv", "evaluation.json"]
    assert json.loads(paths[1].read_text()) == [
        {"metric": "tstr_auc", "value": pytest.approx(0.3), "note": None}
    ]
    pd.testing.assert_frame_equal(Run(tmp_path).table("evaluation"), table)


# What was built from what


@pytest.fixture
def recipe(tiny) -> Recipe:
    return Recipe((tiny("00_first", "1 + 1"),), {"seed": 0})


def test_equal_recipes_have_equal_keys(recipe):
    assert build_key(recipe) == build_key(recipe._replace(parameters={"seed": 0}))


@pytest.mark.parametrize(
    "change", ["parameter", "notebook", "package", "plugin", "version", "file"]
)
def test_whatever_decides_the_result_changes_the_key(recipe, tiny, tmp_path, change, monkeypatch):
    data = write_whole(tmp_path / "ward.csv", "age\n63\n")
    recipe = recipe._replace(parameters={"seed": 0, "data": str(data)})
    before = build_key(recipe)
    if change == "parameter":
        recipe = recipe._replace(parameters=recipe.parameters | {"seed": 1})
    elif change == "notebook":
        tiny("00_first", "1 + 2")
    elif change == "package":
        monkeypatch.setattr(runs, "package_files", dict)
    elif change == "plugin":
        recipe = recipe._replace(plugins=("json.tool",))
    elif change == "version":
        monkeypatch.setattr(runs, "versions", lambda: {"numpy": "0"})
    else:
        write_whole(data, "age\n64\n")
    assert build_key(recipe) != before


def test_prose_changes_no_number(recipe):
    (notebook,) = recipe.notebooks
    code, whole = code_sha256(notebook), sha256(notebook)
    cells = json.loads(notebook.read_text())
    prose = {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": "A word."}
    cells["cells"].append(prose)
    notebook.write_text(json.dumps(cells))
    assert code_sha256(notebook) == code and sha256(notebook) != whole


def test_plugins_are_hashed_whole(tmp_path, monkeypatch):
    write_whole(tmp_path / "toys" / "__init__.py", "")
    write_whole(tmp_path / "toys" / "deep" / "toy.py", "x = 1")
    write_whole(tmp_path / "single.py", "x = 1")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    files = plugin_files(["toys", "single", "sys"])
    assert sorted(files) == [
        "plugins/single.py",
        "plugins/toys/__init__.py",
        "plugins/toys/deep/toy.py",
    ]
    assert all(path.is_file() for path in files.values())


def test_the_manifest_names_all_that_went_in_and_came_out(recipe, tiny, tmp_path):
    tiny("01_room", "def useful(): ...", parameters="")
    run = Run(tmp_path / "run")
    run.write("rows", "x\n1\n")
    run.write("manifest", {"of": "an earlier try"})
    manifest = make_manifest(run, recipe, {"00_first": {"seed": 0}}, {"00_first": 1.26})
    assert manifest["outputs"] == {"rows.csv": sha256(run.path("rows"))}
    assert manifest["inputs"] == hash_inputs(recipe)
    assert {"nbs/00_first.ipynb", "synthheart/datasets/va.csv"} <= set(manifest["inputs"])
    assert manifest["seconds"] == {"00_first": 1.3} and manifest["seed"] == 0
    assert list(manifest["code"]) == ["00_first", "01_room"], "rooms of the house count too"
    assert json.loads(json_text(manifest)) == manifest


# All or nothing


def test_a_build_appears_whole_and_the_earlier_one_goes(tmp_path):
    out = tmp_path / "latest"
    for turn in ("1", "2"):
        with drafting(out, "key") as draft:
            draft.write("rows", turn)
            draft.write("manifest", {})
            assert out.exists() == (turn == "2")
        assert Run(out).text("rows") == turn
    assert names(tmp_path) == ["latest"] and Run(out).files() == ["manifest.json", "rows.csv"]
    if os.name != "nt":
        assert stat.S_IMODE(out.stat().st_mode) == 0o755


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_build_that_fails_is_kept_and_taken_up(tmp_path, error):
    out = tmp_path / "latest"
    with pytest.raises(type(error)), drafting(out, "key") as draft:
        draft.write("rows", "half")
        draft.note(**{"00_first": 2.5})
        raise error
    assert names(tmp_path) == ["latest.failed"]
    with drafting(out, "key") as draft:
        assert draft.seconds == {"00_first": 2.5} and draft.text("rows") == "half"
    assert names(tmp_path) == ["latest"]


@pytest.mark.parametrize("fresh", [True, False])
def test_another_recipe_or_a_fresh_start_takes_nothing_over(tmp_path, fresh):
    out = tmp_path / "latest"
    with pytest.raises(ValueError), drafting(out, "key") as draft:
        draft.note(**{"00_first": 2.5})
        raise ValueError
    with drafting(out, "key" if fresh else "another", fresh) as draft:
        assert draft.seconds == {} and draft.files() == ["unfinished.json"]


def test_the_unfinished_build_that_is_furthest_is_found(tmp_path):
    out = tmp_path / "latest"
    for folder, done in ((failed_folder(out), 1), (tmp_path / ".latest.x", 2)):
        draft = Draft(folder, "key", {str(i): 1.0 for i in range(done)})
        draft.write("unfinished", json.loads(draft.text("unfinished")) | {"pid": NOBODY})
    assert find_unfinished(out, "key")[0] == tmp_path / ".latest.x"
    Draft(tmp_path / ".latest.x", "key", {"a": 1.0, "b": 1.0})  # now this process is at it
    assert find_unfinished(out, "key")[0] == failed_folder(out)


@pytest.mark.parametrize(
    "state", ["", "[]", '{"key": "key"}', '{"key": "key", "pid": 1, "done": 3}']
)
def test_a_state_that_cannot_be_read_is_no_state(tmp_path, state):
    write_whole(tmp_path / "latest.failed" / "unfinished.json", state)
    assert find_unfinished(tmp_path / "latest", "key") == (None, {})


def test_notes_of_notebooks_that_end_side_by_side_are_all_kept(tmp_path):
    draft = Draft(tmp_path, "key")
    threads = [threading.Thread(target=draft.note, kwargs={f"n{i}": 1.0}) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(draft.text("unfinished"))["done"]) == 20


def test_a_folder_that_is_no_report_is_not_touched(tmp_path):
    write_whole(tmp_path / "mine" / "thesis.txt", "years of work")
    for out, message in (
        (tmp_path / "mine", "no earlier report; nothing was replaced"),
        (tmp_path / "mine" / "thesis.txt", "is a file"),
    ):
        with pytest.raises(ValueError, match=message):
            check_target(out)
        with pytest.raises(ValueError, match=message), drafting(out, "key"):
            raise AssertionError("nothing may be built")
    assert names(tmp_path) == ["mine"] and names(tmp_path / "mine") == ["thesis.txt"]


def test_text_of_a_run_is_no_formula_in_a_spreadsheet(tmp_path):
    words = ["=1+1", "@b", "-x", "+y", "plain", "-5"] * 10
    table = pd.DataFrame({"=name": words, "n": range(60), "y": [0, 1, 1] * 20})
    run = start_run(tmp_path, Dataset.from_table(table, "ward", target="y"), seed=0)
    run.write(run.dataset.release, run.train)
    run.results("found", pd.DataFrame({"group": ["=name==1+1", "all"], "value": [0.5, -1.5]}))
    for path in tmp_path.rglob("*.csv"):
        cells = path.read_text("utf-8").splitlines()[1:]
        assert not any(line.startswith(("=", "@", "+", "-x")) for line in cells), path
    assert set(run.train["=name"]) == set(words)
    assert run.table("found").group.tolist() == ["=name==1+1", "all"]
    assert run.table("found").value.tolist() == [0.5, -1.5]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_text_is_no_formula_in_a_spreadsheet(tmp_path, suffix):
    words = ["=1+1", "@b", "-x", "+y", "plain", "-5", "-", "'=z"] * 3
    table = pd.DataFrame({"w": words, "n": range(24), "g": pd.Categorical(words)})
    path = write_table(table, tmp_path / f"t{suffix}")
    cells = path.read_text("utf-8").splitlines()[1:9]
    assert [line[0] for line in cells] == ["'", "'", "'", "'", "p", "-", "-", "'"]
    back = read_table(path)
    assert back.w.tolist() == words and back.g.tolist() == words
