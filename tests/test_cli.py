"""The shell's commands: what they print and write, and what they refuse, on one line."""

import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.shell_completion import ShellComplete
from shell import refused, shell

from synthheart import cli, reading, runs
from synthheart.catalogue import COLUMNS, METRICS
from synthheart.cli import (
    CODING,
    READER,
    How,
    main,
    parse_read,
    parse_where,
    read_described,
    read_patients,
)
from synthheart.cohorts import CODINGS, DATASETS, heart_schema, load_heart, original_5000
from synthheart.conditions import check_where
from synthheart.inference import infer_schema
from synthheart.models import MODELS
from synthheart.reading import read_table
from synthheart.registry import PLUGINS
from synthheart.report import METRICS_FORMAT
from synthheart.runs import Recipe, make_manifest, start_run
from synthheart.splitting import train_holdout_split
from synthheart.tables import Column, Schema

pytestmark = pytest.mark.usefixtures("few_trees")

WRITE = "from pathlib import Path\nPath(run_dir, 'rows.csv').write_text(f'x\\n{seed}\\n')"


def test_share_packs_what_may_be_shared(tmp_path):
    run, out = tmp_path / "run", tmp_path / "SYNTHETIC_release.zip"
    started = start_run(run, DATASETS["cleveland"], seed=0)
    for name in ("synthetic_heart_disease.csv", "disclosure.md", "model.synth"):
        started.write(name, name)
    refused(shell("share", run, "-o", out), "no manifest.json")
    started.write("manifest", make_manifest(started, Recipe(()), {}, {}))
    answer = shell("share", run, "-o", out)
    assert answer.exit_code == 0, answer.output
    assert (
        "packed  synthetic_heart_disease.csv" in answer.stdout
        and "stays   train.csv: real patients" in answer.stdout
    )
    with zipfile.ZipFile(out) as archive:
        assert {Path(n).name for n in archive.namelist()} == {
            "synthetic_heart_disease.csv",
            "disclosure.md",
            "schema.json",
        }
    refused(shell("share", run, "-o", tmp_path / "patients.zip"), "patients.zip", "synthetic")
    refused(shell("share", tmp_path / "none"), "none", "no such folder")
    (run / "disclosure.md").unlink()
    refused(shell("share", run, "-o", tmp_path / "synthetic.zip"), "disclosure.md: changed since")
    started.write("manifest", make_manifest(started, Recipe(()), {}, {}))
    refused(shell("share", run, "-o", tmp_path / "synthetic.zip"), "no disclosure.md")
    assert not (tmp_path / "synthetic.zip").exists()


@pytest.fixture
def patients(tmp_path) -> Path:
    """60 real patients as CSV."""
    path = tmp_path / "patients.csv"
    load_heart().head(60).to_csv(path, index=False)
    return path


@pytest.fixture
def model(patients, tmp_path) -> Path:
    """A model of independent columns: quick, and no network."""
    path = tmp_path / "patients.synth"
    answer = shell("fit", patients, "-o", path, "--model", "independent")
    assert answer.exit_code == 0, answer.output
    assert "60 rows and 14 columns" in answer.stdout
    return path


def test_fit_and_sample(model, tmp_path):
    out = tmp_path / "fake.csv"
    answer = shell(
        "sample",
        model,
        "-n",
        25,
        "-o",
        out,
        "--seed",
        1,
        "--where",
        "sex=1",
        "--where",
        "age=40:60",
    )
    assert answer.exit_code == 0, answer.output
    fake = pd.read_csv(out)
    assert len(fake) == 25 and set(fake.sex) == {1} and fake.age.between(40, 60).all()
    piped = shell(
        "sample",
        model,
        "-n",
        25,
        "-o",
        "-",
        "--seed",
        1,
        "--where",
        "sex=1",
        "--where",
        "age=40:60",
    )
    assert piped.stdout == out.read_text()
    parquet = tmp_path / "fake.parquet"
    assert shell("sample", model, "-n", 5, "-o", parquet).exit_code == 0
    assert len(pd.read_parquet(parquet)) == 5


def test_fit_from_a_pipe(patients, tmp_path):
    answer = shell(
        "fit",
        "-",
        "-o",
        tmp_path / "m.synth",
        "--model",
        "independent",
        input=patients.read_bytes(),
    )
    assert answer.exit_code == 0, answer.output


def test_evaluate(tmp_path):
    train, holdout = train_holdout_split(load_heart().head(150), seed=0)
    for name, table in (
        ("train", train),
        ("holdout", holdout),
        ("fake", train.sample(80, replace=True, random_state=0)),
    ):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    words = [
        "evaluate",
        "--train",
        tmp_path / "train.csv",
        "--holdout",
        tmp_path / "holdout.csv",
        "--synthetic",
        tmp_path / "fake.csv",
    ]
    answer = shell(*words, "--no-privacy", "-o", tmp_path / "metrics.csv")
    assert answer.exit_code == 0, answer.output
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert {"metric", "group", "value", "ci_low", "ci_high", "floor", "goal", "note"} <= set(
        table.columns
    )
    assert table[(table.metric == "copies_train") & (table.group == "all")].value.item() == 1
    holdout.drop(columns="chol").to_csv(tmp_path / "holdout.csv", index=False)
    refused(shell(*words), "--holdout", "'chol'")


BAD_TABLES = {
    "empty": (b"", "empty"),
    "header only": (b"age,sex\n", "no rows"),
    "not text": (b"age,sex\n\x00\x00,1\n", "NUL"),
    "one row": (b"age,sex\n63,1\n", ""),
    "all-missing column": (
        b"age,sex,chol\n" + b"".join(b"%d,%d,\n" % (40 + i % 9, i % 2) for i in range(30)),
        "chol",
    ),
    "column twice": (b"age,age\n1,2\n3,4\n", "age"),
    "ragged": (b"age,sex\n1,2,3,4\n3,4\n", ""),
    "words in a number": (
        load_heart()
        .head(30)
        .astype({"chol": object})
        .assign(chol=lambda d: d.chol.where(d.index != 3, "high"))
        .to_csv(index=False)
        .encode(),
        "high",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_refused_in_one_line(case, tmp_path):
    content, word = BAD_TABLES[case]
    data, out = tmp_path / "bad.csv", tmp_path / "m.synth"
    data.write_bytes(content)
    refused(shell("fit", data, "-o", out, "--model", "independent"), word)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv"], "nothing half-written"


def test_bad_words_are_refused_in_one_line(patients, model, tmp_path):
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "x.csv"
    fit, sample = ["fit", patients, "-o"], ["sample", model, "-n"]
    refused(
        shell("fit", tmp_path / "none.csv", "-o", tmp_path / "m.synth"), "none.csv", "no such file"
    )
    refused(shell(*fit, tmp_path / "m.pickle"), "m.pickle", ".synth")
    refused(shell(*fit, tmp_path / "no" / "m.synth"), "does not exist")
    refused(shell(*fit, tmp_path / "m.synth", "--model", "gann"), "gann")
    refused(
        shell(*fit, tmp_path / "m.synth", "--model", "copula", "--target", "outcome"), "outcome"
    )
    refused(shell(*fit, tmp_path / "m.synth", "--epochs", "0"), "--epochs")
    refused(
        shell(*fit, tmp_path / "m.synth", "--schema", tmp_path / "s.json"), "s.json", "no such file"
    )
    refused(shell(*fit, tmp_path / "m.synth", "--schema", patients), "not a schema")
    refused(shell("sample", tmp_path / "none.synth", "-n", 5, "-o", out), "none.synth")
    refused(shell("sample", patients, "-n", 5, "-o", out), "patients.csv")
    refused(shell(*sample, 0, "-o", out), "0")
    refused(shell(*sample, 5, "-o", tmp_path / "x.doc"), ".doc", ".csv")
    refused(shell(*sample, 5, "-o", out, "--where", "sexx=1"), "sexx", "did you mean sex?")
    refused(shell(*sample, 5, "-o", out, "--where", "sex"), "NAME=VALUE")
    refused(shell(*sample, 5, "-o", out, "--where", "sex=3"), "sex", "3")
    refused(shell(*sample, 5, "-o", out, "--where", "age=old"), "age", "old")
    refused(shell(*sample, 5, "-o", out, "--where", "age=60:40"), "age")
    refused(shell("report", "-p", "nonsense", "1", "--out", tmp_path / "r"), "nonsense")
    refused(shell("report", "-p", "seed", "one", "--out", tmp_path / "r"), "seed", "one")
    refused(shell("report", "--notebooks", tmp_path / "none"), "no such folder")
    assert sorted(tmp_path.iterdir()) == before, "nothing half-written"


def test_report_runs_from_the_shell(tiny, tmp_path):
    tiny("00_first", WRITE)
    answer = shell(
        "report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out", "-p", "seed", "7"
    )
    assert answer.exit_code == 0, answer.output
    assert str(tmp_path / "out" / "rows.csv") in answer.stdout
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["parameters"] == {"seed": 7}
    tiny("00_first", "raise RuntimeError('no luck')")
    answer = shell("report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out")
    assert answer.exit_code == 1 and "00_first failed: RuntimeError: no luck" in answer.stderr


def test_help_lists_the_notebooks_parameters():
    text = shell("report", "--help").stdout
    assert "seed (int)" in text and "run_dir" not in text


def tab(*words: str) -> set[str]:
    "What the tab key offers for the last word; `file` where it leaves that to the shell."
    found = ShellComplete(main, {}, "synthheart", "_SYNTHHEART_COMPLETE").get_completions(
        list(words[:-1]), words[-1]
    )
    return {item.value if item.type == "plain" else item.type for item in found}


def test_the_tab_key_knows_commands_models_and_files():
    assert tab("") >= {"fit", "sample", "evaluate", "report", "schema", "share", "split"}
    assert tab("fit", "in.csv", "--model", "") == set(MODELS)
    assert tab("fit", "--mi") == {"--missing"}
    for words in (
        "fit",
        "schema",
        "split",
        "sample",
        "share",
        "split x.csv -o",
        "evaluate --schema",
        "fit x.csv -o",
        "fit x.csv --schema",
        "evaluate --train",
    ):
        assert tab(*words.split(), "pat") == {"file"}, words


def test_parquet_without_pyarrow_is_refused_before_any_work(model, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    for words in (
        ["sample", str(model), "-n", "3", "-o", str(tmp_path / "out.parquet")],
        ["fit", str(tmp_path / "in.parquet"), "-o", str(tmp_path / "out.synth")],
    ):
        result = shell(*words)
        assert (
            result.exit_code == 2
            and "Parquet needs pyarrow (pip install 'synthheart[parquet]')" in result.stderr
        )
    assert not list(tmp_path.glob("out.*"))


def test_a_word_that_a_column_does_not_hold_is_answered_with_those_it_holds():
    columns = (Column("ward", "categorical", "str", levels=("A", "B")), Column("x", "continuous"))
    with pytest.raises(ValueError, match="ward cannot be 'C'; allowed: A, B"):
        parse_where(["ward=C"], Schema(columns))
    with pytest.raises(ValueError, match="x cannot be 'C'; allowed: a number or LOW..HIGH"):
        parse_where(["x=C"], Schema(columns))


def test_where_words_take_the_columns_type():
    assert parse_where(["cp=4", "oldpeak=0:1.5"], heart_schema()) == {
        "cp": 4,
        "oldpeak": (0.0, 1.5),
    }


@pytest.fixture(scope="module")
def shifts():
    "A table with times of day and two kinds of date, and its schema."
    rng = np.random.default_rng(0)
    minutes, days = rng.integers(360, 1200, 200), rng.integers(0, 365, 200)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")
    table = pd.DataFrame(
        {
            "seen": [f"{m // 60:02d}:{m % 60:02d}" for m in minutes],
            "admitted": day.strftime("%d.%m.%Y"),
            "drawn": (day + pd.to_timedelta(minutes, "min")).strftime("%Y-%m-%d %H:%M"),
            "age": rng.integers(20, 90, 200),
        }
    )
    return table, infer_schema(table)


@pytest.mark.parametrize(
    "text, wish",
    [
        ("seen=08:00..12:30", ("08:00", "12:30")),
        ("seen=07:15", "07:15"),
        ("admitted=01.02.2024..31.03.2024", ("01.02.2024", "31.03.2024")),
        ("admitted=2024-02-01..2024-03-31", ("2024-02-01", "2024-03-31")),
        ("admitted=2024-02-01:2024-03-31", ("2024-02-01", "2024-03-31")),
        ("admitted=2024-02-01", "2024-02-01"),
        ("drawn=2024-02-01 08:00", "2024-02-01 08:00"),
        ("drawn=2024-02-01 08:00..2024-02-02 09:30", ("2024-02-01 08:00", "2024-02-02 09:30")),
        ("drawn=2024-02-01 08:00:2024-02-02 09:30", ("2024-02-01 08:00", "2024-02-02 09:30")),
        ("age=40..60", (40.0, 60.0)),
        ("age=40:60", (40.0, 60.0)),
        ("age=40.5..60", (40.5, 60.0)),
        ("age=44", 44.0),
    ],
)
def test_where_takes_ranges_of_numbers_dates_and_times_of_day(shifts, text, wish):
    schema = shifts[1]
    where = parse_where([text], schema)
    assert where == {text.partition("=")[0]: wish}
    assert check_where(where, schema)


@pytest.mark.parametrize("name, low", [("seen", "12:00"), ("admitted", "2024-06-01"), ("age", 50)])
def test_where_takes_a_range_with_one_end(shifts, name, low):
    table, schema = shifts
    typed = read_table(table, schema)
    for text, end in ((f"{name}={low}..", 1), (f"{name}=..{low}", 0)):
        (condition,) = check_where(parse_where([text], schema), schema)
        own = (schema[name].minimum, schema[name].maximum)[end]
        assert (condition.low, condition.high)[end] == own
        inside = condition.met(typed)
        assert 0 < inside.sum() < len(typed)


def test_a_range_of_times_is_drawn_and_an_empty_one_refused(shifts, tmp_path):
    path, model, out = tmp_path / "s.csv", tmp_path / "s.synth", tmp_path / "o.csv"
    shifts[0].to_csv(path, index=False)
    shell("fit", path, "-o", model, "--model", "independent")
    words = ["sample", model, "-n", 30, "-o", out]
    answer = shell(*words, "--where", "seen=08:00..12:30", "--where", "admitted=01.03.2024..")
    assert answer.exit_code == 0, answer.output
    seen = pd.read_csv(out, dtype=str)
    assert seen.seen.between("08:00", "12:30").all() and len(seen) == 30
    assert (pd.to_datetime(seen.admitted, format="%d.%m.%Y") >= "2024-03-01").all()
    refused(shell(*words, "--where", "seen=12:30..08:00"), "12:30 to 08:00 is empty")
    refused(shell(*words, "--where", "seen=25:00"), "seen", "25:00")


# Plugins


TOY = """
import dataclasses

from synthheart.models import MODELS

MODELS.add(dataclasses.replace(MODELS["independent"], name="toy", sentence="a toy"))
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A module in the present folder that adds a model; it is gone again after the test."""
    (tmp_path / "toy_model.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(PLUGINS, "")
    yield "toy_model"
    sys.modules.pop("toy_model", None)
    if "toy" in MODELS:
        MODELS.remove("toy")


def test_a_plugin_is_there_before_the_models_name_is_read(toy, patients):
    refused(shell("fit", patients, "-o", "m.synth", "--model", "toy"), "'toy'", "'gan'")
    answer = shell("fit", patients, "-o", "m.synth", "--model", "toy", "--plugin", toy)
    assert answer.exit_code == 0, answer.output
    assert "|toy]" in shell("fit", "--plugin", toy, "--help").output
    refused(
        shell("sample", "m.synth", "-n", 3, "-o", "x.csv", "--plugin", "none_such"), "none_such"
    )


def test_a_builders_kernels_see_the_plugin_and_the_manifest_names_it(toy, tiny, tmp_path):
    tiny("00_first", "from synthheart.models import MODELS\nassert 'toy' in MODELS")
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    answer = shell(*words, "--plugin", toy)
    assert answer.exit_code == 0, answer.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["plugins"] == [toy] and "plugins/toy_model.py" in manifest["inputs"]


def test_help_names_the_models_and_imports_nothing_heavy():
    code = (
        "import sys; from synthheart.cli import main\n"
        "main(['fit', '--help'], standalone_mode=False)\n"
        "print('heavy:', *{'pandas', 'tensorflow', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    named = re.search(r"--model \[([^]]+)\]", done.stdout)
    assert named and set("".join(named[1].split()).split("|")) == set(MODELS)
    assert done.stdout.splitlines()[-1] == "heavy:"


# What a table was read as, and its split


WARD = "patient,clinic,seen,dose,crp,ill\n" + "".join(
    f"P{k // 2:03},00{k % 3},{k % 28 + 1:02}.0{k % 6 + 1}.2024,{k % 9 + 1} mg,"
    f"{'<5' if k % 4 == 0 else k % 37 + 5},{k * k % 5 % 2}\n"
    for k in range(80)
)


@pytest.fixture
def ward(tmp_path) -> Path:
    """Visits of 40 patients, with keys, codes with zeros, German dates, units and limits."""
    path = tmp_path / "ward.csv"
    path.write_text(WARD)
    return path


def names(folder: Path) -> list[str]:
    "What lies in a folder, hidden drafts too."
    return sorted(path.name for path in folder.iterdir())


def test_schema_shows_what_was_read_and_doubted(ward, tmp_path):
    answer = shell("schema", ward, "--target", "ill")
    assert answer.exit_code == 0, answer.output
    head, *lines = answer.stdout.splitlines()
    assert head.split() == "column kind read as may hold role missing".split()
    told = {line.split()[0]: line for line in lines if not line.startswith("Note: ")}
    assert list(told) == "patient clinic seen dose crp ill".split()
    for name, words in {
        "patient": "- text patient",
        "clinic": "categorical text 000, 001, 002",
        "seen": "continuous dates %d.%m.%Y 2024-01-01 to",
        "dose": "whole numbers, mg",
        "crp": "whole numbers and words 5 to 41, <5",
        "ill": "binary whole numbers 0, 1 outcome",
    }.items():
        assert words in " ".join(told[name].split()), told[name]
    notes = [line for line in lines if line.startswith("Note: ")]
    assert any("crp: '<5'" in note for note in notes)
    assert any(note.startswith("Note: patient: ") for note in notes)
    assert names(tmp_path) == ["ward.csv"]


def test_schema_writes_json_that_fit_takes(ward, tmp_path):
    path = tmp_path / "s.json"
    answer = shell("schema", ward, "--target", "ill", "-o", path)
    assert answer.exit_code == 0 and f"{path}: 6 columns" in answer.stdout
    piped = shell("schema", "-", "--target", "ill", "-o", "-", input=WARD.encode())
    assert json.loads(piped.stdout) == json.loads(path.read_text())
    assert "Note: crp" in piped.stderr
    answer = shell(
        "fit", ward, "-o", tmp_path / "m.synth", "--model", "independent", "--schema", path
    )
    assert answer.exit_code == 0, answer.output
    notes = [line for line in answer.stderr.splitlines() if line.startswith("Note: ")]
    assert any(note.startswith("Note: seed ") for note in notes)  # ... was drawn
    notes = [note for note in notes if not note.startswith("Note: seed ")]
    # of reading, no doubt is left; what was taken away is said with the shell's own way on
    assert notes and all("extreme rows" in note and "--protect 0" in note for note in notes), notes
    rows = shell("sample", tmp_path / "m.synth", "-n", 30, "-o", "-").stdout.splitlines()[1:]
    shape = re.compile(r"[^,]+,00[012],\d\d\.0[1-6]\.2024,\d mg,(<5|\d+),[01]")
    assert len(rows) == 30 and all(shape.fullmatch(row) for row in rows), rows[:3]


def test_fit_says_its_doubts(ward, tmp_path):
    answer = shell("fit", ward, "-o", tmp_path / "m.synth", "--model", "independent")
    assert answer.exit_code == 0 and "Note: crp: '<5'" in answer.stderr, answer.output


def test_split_writes_a_folder_that_reads_back(ward, tmp_path):
    parts = tmp_path / "parts"
    answer = shell("split", ward, "-o", parts, "--target", "ill", "--seed", 3)
    assert answer.exit_code == 0, answer.output
    assert names(parts) == ["holdout.csv", "schema.json", "train.csv"]
    train, holdout = (pd.read_csv(parts / f"{n}.csv", dtype=str) for n in ("train", "holdout"))
    assert f"{parts / 'train.csv'}: {len(train)} rows of 28 patients" in answer.stdout
    assert f"{parts / 'holdout.csv'}: {len(holdout)} rows of 12 patients" in answer.stdout
    assert not set(train.patient) & set(holdout.patient)
    lines = [set((parts / f"{n}.csv").read_text().splitlines()[1:]) for n in ("train", "holdout")]
    assert lines[0] | lines[1] == set(WARD.splitlines()[1:]) and not lines[0] & lines[1]
    words = ["fit", parts / "train.csv", "-o", tmp_path / "m.synth", "--model", "independent"]
    answer = shell(*words, "--schema", parts / "schema.json")
    assert answer.exit_code == 0, answer.output
    again = tmp_path / "again"
    shell("split", ward, "-o", again, "--target", "ill", "--seed", 3)
    for name in names(parts):
        assert (again / name).read_bytes() == (parts / name).read_bytes()


def test_split_replaces_an_earlier_one_and_no_other_folder(ward, tmp_path):
    parts = tmp_path / "parts"
    for share, rows in ((0.5, 40), (0.25, 20)):
        assert shell("split", ward, "-o", parts, "--holdout", share).exit_code == 0
        assert len(pd.read_csv(parts / "holdout.csv")) == rows
    before = {name: (parts / name).read_bytes() for name in names(parts)}
    (parts / "mine.txt").write_text("mine")
    refused(shell("split", ward, "-o", parts), "mine.txt")
    refused(shell("split", ward, "-o", ward), "ward.csv: is a file")
    refused(shell("split", ward, "-o", tmp_path / "no" / "parts"), "does not exist")
    refused(
        shell("split", ward, "-o", tmp_path / "p", "--holdout", 1.5), "between 0 and 1, got 1.5"
    )
    refused(shell("split", ward, "-o", tmp_path / "p", "--target", "died"), "'died'")
    refused(shell("split", tmp_path / "none.csv", "-o", tmp_path / "p"), "none.csv: no such file")
    assert {name: (parts / name).read_bytes() for name in before} == before
    assert names(tmp_path) == ["parts", "ward.csv"]


@pytest.mark.parametrize("words", [["schema", "-o", "s.json"], ["split", "-o", "parts"]])
def test_interrupted_nothing_is_written(words, ward, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "write_whole", stop)
    answer = shell(words[0], ward, *words[1:])
    assert answer.exit_code == 130 and "Traceback" not in answer.output
    assert names(tmp_path) == ["ward.csv"]


def test_a_bad_cell_has_a_way_on(ward, tmp_path):
    ward.write_text(WARD.replace("03.03.2024", "31.02.2024"))
    refused(shell("split", ward, "-o", tmp_path / "p"), "seen", "31.02.2024", "missing_codes")
    path = tmp_path / "s.json"
    answer = shell("schema", ward, "-o", path)
    assert "seen: '31.02.2024' (first in row 2)" in answer.stdout
    answer = shell("split", ward, "-o", tmp_path / "p", "--schema", path)
    assert answer.exit_code == 0, answer.output


REDCAP = (
    "Variable / Field Name,Form Name,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Text Validation Type OR Show Slider Number,'
    "Text Validation Min,Text Validation Max,Identifier?,Branching Logic,Required Field?\n"
    "patient,f,text,Record,,,,,,,\n"
    'ill,f,radio,Ill?,"0, healthy | 1, ill",,,,,,y\n'
    "dose,f,text,Dose (mg),,integer,1,20,,,\n"
    "gone,f,text,Not exported,,integer,,,,,\n"
)


def test_a_redcap_dictionary_is_a_schema_everywhere(ward, tmp_path):
    told = tmp_path / "redcap.csv"
    told.write_text(REDCAP)
    answer = shell("schema", ward, "--schema", told, "--target", "ill", "-o", tmp_path / "s.json")
    assert answer.exit_code == 0, answer.output
    assert "0 healthy, 1 ill" in answer.stdout and "1 to 20 mg" in answer.stdout
    assert "fields that the table has not (gone)" in answer.stdout
    parts = tmp_path / "parts"
    answer = shell("split", ward, "-o", parts, "--schema", told, "--target", "ill")
    assert answer.exit_code == 0 and "40 patients" not in answer.stdout, answer.output
    words = ["fit", parts / "train.csv", "-o", tmp_path / "m.synth", "--model", "independent"]
    answer = shell(*words, "--schema", told, "--target", "ill")
    assert answer.exit_code == 0, answer.output
    answer = shell("sample", tmp_path / "m.synth", "-n", 60, "-o", tmp_path / "fake.csv")
    assert answer.exit_code == 0, answer.output
    files = ["--train", parts / "train.csv", "--holdout", parts / "holdout.csv"]
    answer = shell(
        "evaluate", *files, "--synthetic", tmp_path / "fake.csv", "--schema", told, "--no-privacy"
    )
    assert answer.exit_code == 0 and "column_shapes" in answer.stdout, answer.output
    told.write_text(REDCAP.replace("radio", "rodeo"))
    refused(shell(*words, "--schema", told), "redcap.csv", "field ill", "'rodeo'")


def test_evaluate_reads_text_dates_as_fit_does(ward, tmp_path):
    parts = tmp_path / "parts"
    assert shell("split", ward, "-o", parts, "--target", "ill").exit_code == 0
    shell("fit", parts / "train.csv", "-o", tmp_path / "m.synth", "--model", "independent")
    shell("sample", tmp_path / "m.synth", "-n", 60, "-o", tmp_path / "fake.csv")
    files = ["--train", parts / "train.csv", "--holdout", parts / "holdout.csv"]
    words = ["evaluate", *files, "--synthetic", tmp_path / "fake.csv", "--no-privacy"]
    answer = shell(*words, "--target", "ill", "-o", tmp_path / "metrics.csv")
    assert answer.exit_code == 0, answer.output
    table = pd.read_csv(tmp_path / "metrics.csv")
    invalid = table[(table.metric == "invalid_share") & (table["group"] == "all")]
    assert invalid.value.item() == 0


def test_doubts_about_a_heart_file_are_said_too(tmp_path):
    text = "made by a registry\n" + load_heart().to_csv(index=False)
    (tmp_path / "heart.csv").write_text(text)
    answer = shell("schema", tmp_path / "heart.csv")
    assert answer.exit_code == 0 and "made by a registry" in answer.stdout, answer.output
    assert "0 no disease, 1 disease" in answer.stdout


# Codings, options of the reader, and what `evaluate` writes


def kaggle_csv(real: pd.DataFrame) -> str:
    "Cleveland in the coding of Kaggle's heart.csv."
    turned = {name: real[name].map(codes) for name, codes in TO_KAGGLE.items()}
    table = real.assign(**turned, target=1 - real.target).fillna({"thal": 0, "ca": 4})
    return table.astype({"thal": "int64", "ca": "int64"}).to_csv(index=False)


TO_KAGGLE = {
    "cp": {4: 0, 2: 1, 3: 2, 1: 3},
    "restecg": {2: 0, 0: 1, 1: 2},
    "slope": {3: 0, 2: 1, 1: 2},
    "thal": {6: 1, 3: 2, 7: 3},
}


@pytest.fixture
def heart(tmp_path) -> Path:
    """The heart table in Kaggle's coding."""
    path = tmp_path / "heart.csv"
    path.write_text(kaggle_csv(load_heart()))
    return path


def test_the_shell_s_words_are_the_rooms():
    assert set(CODING) == set(CODINGS) and CODING[0] == "uci"
    assert READER == tuple(field.name for field in fields(reading.Options))


def test_a_coding_is_said_wherever_a_real_heart_table_is_read(heart, tmp_path):
    says = "heart.csv: cp: 0 in row 1 is no code of --coding uci", "--coding kaggle would take"
    parts, model = tmp_path / "parts", tmp_path / "m.synth"
    for words in (
        ["schema", heart],
        ["split", heart, "-o", parts],
        ["fit", heart, "-o", model, "--model", "independent"],
        ["evaluate", "--train", heart, "--holdout", heart, "--synthetic", heart],
    ):
        refused(shell(*words), *says)
    answer = shell("schema", heart, "--coding", "kaggle", "-o", tmp_path / "s.json")
    assert answer.exit_code == 0 and "1 typical angina" in answer.stdout, answer.output
    assert shell("split", heart, "-o", parts, "--coding", "kaggle").exit_code == 0
    halves = pd.concat([pd.read_csv(parts / f"{name}.csv") for name in ("train", "holdout")])
    assert sorted(halves.to_csv(index=False)) == sorted(load_heart().to_csv(index=False))
    words = ["fit", heart, "-o", model, "--model", "independent", "--coding", "kaggle"]
    for more in ([], ["--schema", tmp_path / "s.json"], ["--schema", parts / "schema.json"]):
        answer = shell(*words, *more)
        assert answer.exit_code == 0, answer.output
    rows = shell("sample", model, "-n", 200, "-o", "-").stdout
    assert set(pd.read_csv(io.StringIO(rows)).cp) == {1, 2, 3, 4}


def test_the_original_coding_says_what_is_lost(tmp_path):
    original_5000(n=303).to_csv(tmp_path / "heart.csv", index=False)
    words = ["fit", tmp_path / "heart.csv", "-o", tmp_path / "m.synth", "--model", "independent"]
    answer = shell(*words, "--coding", "original")
    assert answer.exit_code == 0 and "what cannot be recovered" in answer.stderr, answer.output


def test_a_release_in_another_coding_is_counted_not_refused(heart, tmp_path):
    parts = tmp_path / "parts"
    assert shell("split", heart, "-o", parts, "--coding", "kaggle").exit_code == 0
    files = ["--train", parts / "train.csv", "--holdout", parts / "holdout.csv", "--no-privacy"]
    answer = shell("evaluate", *files, "--synthetic", heart, "-o", tmp_path / "m.json")
    assert answer.exit_code == 0, answer.output
    assert value_of(tmp_path / "m.json", "invalid_share") > 0.5
    fake = load_heart().astype(object)
    fake.loc[:9, "chol"] = "high"
    fake.to_csv(tmp_path / "fake.csv", index=False)
    words = ["evaluate", *files, "--synthetic", tmp_path / "fake.csv", "-o", tmp_path / "m.json"]
    answer = shell(*words)
    assert answer.exit_code == 0, answer.output
    assert value_of(tmp_path / "m.json", "invalid_share") == pytest.approx(10 / 303)


def value_of(path: Path, metric: str) -> float:
    "The value of a metric for all rows in a JSON file that `evaluate` wrote."
    records = json.loads(path.read_text())["records"]
    (found,) = [r["value"] for r in records if (r["metric"], r["group"]) == (metric, "all")]
    return found


def test_a_heart_rate_of_99_is_no_missing_cell(tmp_path):
    real = load_heart()
    few = real[real.thalach.between(120, 124) | (real.thalach == 99)].reset_index(drop=True)
    assert reading.read_table(few).thalach.isna().any()
    few.assign(los=[7] * 9 + [999] * (len(few) - 9)).to_csv(tmp_path / "few.csv", index=False)
    read = read_patients(str(tmp_path / "few.csv"))
    pd.testing.assert_frame_equal(read.df[list(few)], few)


def test_the_other_columns_of_a_heart_table_are_read_as_anywhere(tmp_path):
    real = load_heart()
    rest = {"seen": "31.01.2024", "code": "007", "dose": "5 mg"}
    real.assign(**rest).to_csv(tmp_path / "heart.csv", index=False)
    found = read_described(str(tmp_path / "heart.csv"), None, None)
    assert found.table.seen.dtype.kind == "M" and set(found.table.code) == {"007"}
    assert found.table.dose.eq(5).all() and found.schema["dose"].unit == "mg"


@pytest.mark.parametrize(
    ("text", "words", "columns"),
    [
        ("age|sex;b\n50|1;x\n61|0;y\n", "sep=|", ["age", "sex;b"]),
        ("age\tsex\n50\t1\n61\t0\n", "sep=tab", ["age", "sex"]),
        ("50,1\n61,0\n70,1\n", "names=age, sex", ["age", "sex"]),
        ("ill,well\nill,well\nwell,well\n", "header=true", ["ill", "well"]),
        ("a title\nage,sex\n50,1\n61,0\n", "skip_rows=1", ["age", "sex"]),
        ("age,sex\n50,1\n61,0\n70,1\nchecked,by\n", "skip_end=1", ["age", "sex"]),
        ("nr,age\n1,50\n2,61\n3,70\n", "index=true", ["age"]),
        ("nr,age\n1,50\n2,61\n3,70\n", "index=false", ["nr", "age"]),
        ("Gr\xf6\xdfe,sex\n180,1\n171,0\n", "encoding=latin-1", ["Größe", "sex"]),
    ],
)
def test_the_reader_s_options_are_the_shell_s(text, words, columns, tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(text.encode("latin-1"))
    answer = shell("schema", path, "--read", words, "-o", tmp_path / "s.json")
    assert answer.exit_code == 0, answer.output
    fields = json.loads((tmp_path / "s.json").read_text())["fields"]
    assert [field["name"] for field in fields] == columns
    assert "skip_" not in answer.stdout and "header=" not in answer.stdout


def test_a_sheet_is_chosen_by_name_or_number(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "ward.xlsx"
    with pd.ExcelWriter(path) as book:
        for sheet, column in (("notes", "a"), ("2024", "b"), ("Visits", "c")):
            pd.DataFrame({column: range(20)}).to_excel(book, sheet_name=sheet, index=False)
    told = shell("schema", path)
    assert "read as the first, notes; --read sheet= reads it otherwise" in told.stdout
    for sheet, column in (("2024", "b"), ("Visits", "c"), ("2", "c"), ("0", "a")):
        options = parse_read([f"sheet={sheet}"])
        assert list(read_patients(str(path), how=How(options=options)).df) == [column]


def test_the_ways_on_that_a_note_names_are_ways_on(tmp_path):
    path = tmp_path / "ward.csv"
    rows = "".join(f"{k * 7 % 31 + 40},{k % 2}\n" for k in range(30))
    path.write_text(f"Ward 7,x\nage,sex\n{rows}Total,15\n")
    told = shell("schema", path).stdout
    ways = ["skip_rows=0", "skip_end=0"]
    assert re.findall(r"--read (\w+=\w+) reads it otherwise", told) == ways
    kept = shell("schema", path, "--read", ways[1])
    assert "'Total' (first in row 30)" in kept.stdout and "skip_end" not in kept.stdout
    options = ["--read", "skip_rows=1", "--read", "skip_end=1"]
    assert "Note: " not in shell("schema", path, *options).stdout


@pytest.fixture(scope="module")
def measures() -> dict[str, pd.DataFrame]:
    """The table that the words of `measured` give; the first test that types them fills it."""
    return {}


@pytest.fixture
def measured(tmp_path, measures, monkeypatch) -> list[str]:
    """The words that measure 80 rows drawn from train, without attacks; measured once a module."""

    def once(*words) -> pd.DataFrame:
        if "table" not in measures:
            measures["table"] = measure(*words)
        return measures["table"].copy()

    measure = cli._measure
    monkeypatch.setattr(cli, "_measure", once)
    train, holdout = train_holdout_split(load_heart().head(150), seed=0)
    fake = train.sample(80, replace=True, random_state=0)
    for name, table in (("train", train), ("holdout", holdout), ("synthetic", fake)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    named = [(f"--{name}", tmp_path / f"{name}.csv") for name in ("train", "holdout", "synthetic")]
    return ["evaluate", *(str(word) for pair in named for word in pair), "--no-privacy"]


def test_measures_as_json(measured, tmp_path):
    for name in ("a.json", "b.json"):
        answer = shell(*measured, "-o", tmp_path / name)
        assert answer.exit_code == 0 and answer.stdout.startswith(str(tmp_path / name))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found) == ["format", "verdict", "records"]
    assert found["format"] == METRICS_FORMAT
    jsonschema = pytest.importorskip("jsonschema")
    known = Path(cli.__file__).parent / "templates" / "metrics.schema.json"
    jsonschema.validate(found, json.loads(known.read_text()))
    assert {tuple(record) for record in found["records"]} == {COLUMNS}
    assert shell(*measured, "-o", tmp_path / "m.csv").exit_code == 0
    table = pd.read_csv(tmp_path / "m.csv")
    assert [r["metric"] for r in found["records"]] == table.metric.tolist()
    small = [r for r in found["records"] if r["value"] is None]
    assert small and all(record["note"] for record in small)


def test_measures_as_a_page(measured, tmp_path):
    page = tmp_path / "m.html"
    answer = shell(*measured, "-o", page)
    assert answer.exit_code == 0 and f"{page}: " in answer.stdout, answer.output
    text = page.read_text()
    shown = set(re.findall(r'<th scope="row">([^<]+)</th>', text))
    titles = {m.title for m in METRICS.values() if m.kind in ("fidelity", "utility", "validity")}
    assert len(shown & titles) >= 8 and "column_shapes" not in shown
    for head in ("floor", "goal", "value", "from", "to"):
        assert f">{head}</th>" in text
    assert "105 rows" in text and "synthetic.csv" in text and str(tmp_path) not in text
    assert not re.search(r"(src|href)=\"(?!#)", text) and "<script src" not in text
    before = page.read_bytes()
    assert shell(*measured, "-o", page).exit_code == 0 and page.read_bytes() == before


def test_a_page_escapes_what_a_table_says(measured, measures, tmp_path):
    assert shell(*measured, "-o", tmp_path / "m.json").exit_code == 0
    table = measures["table"].replace({"group": {"sex=0": "sex=<b>f</b>"}})
    text = cli.evaluation_page(table, {"--train": "a.csv"}, {"--train": 2})
    assert "<b>" not in text and "sex=&lt;b&gt;f&lt;/b&gt;" in text


def test_measures_in_the_shell_are_titled_in_words(measured):
    answer = shell(*measured)
    assert answer.exit_code == 0, answer.output
    told, verdict = answer.stdout.split("\n\n")
    assert len(verdict.splitlines()) == 3
    head, *lines = told.splitlines()
    assert head.split() == "what metric value from to floor goal can see verdict".split()
    names = [next(word for word in line.split() if word in METRICS) for line in lines]
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(METRICS[name].title + " "), line
        assert line.endswith((" met", " missed", " cannot tell", " -")), line
    assert names[:2] == ["column_shapes", "column_pairs"]
    assert len({len(line) for line in (head, *lines)}) == 1


# A hospital's table from end to end


STAYS = 90


def stays() -> str:
    "Stays of 45 patients with German dates, keys, units and decimal commas; no one leaves early."
    rng = np.random.default_rng(5)
    arrival = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 360, STAYS), unit="D")
    stay = pd.to_timedelta(rng.integers(0, 21, STAYS), unit="D")
    weight = rng.normal(78, 12, STAYS).round(1)
    dose = rng.choice([5, 10, 20], STAYS)
    table = pd.DataFrame(
        {
            "Patienten-ID": [f"PAT-{1000 + k // 2 * 7}" for k in range(STAYS)],
            "Aufnahme": arrival.strftime("%d.%m.%Y"),
            "Entlassung": (arrival + stay).strftime("%d.%m.%Y"),
            "Gewicht": [f"{value:.1f} kg".replace(".", ",") for value in weight],
            "Dosis": [f"{value} mg" for value in dose],
            "verstorben": rng.choice(["ja", "nein"], STAYS, p=[0.3, 0.7]),
        }
    )
    return table.to_csv(index=False, sep=";")


SHAPES = {
    "Aufnahme": r"\d\d\.\d\d\.202[34]",
    "Entlassung": r"\d\d\.\d\d\.202[34]",
    "Gewicht": r"\d+,\d kg",
    "Dosis": r"(5|10|20) mg",
    "verstorben": r"ja|nein",
}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory) -> Path:
    """A folder in which schema, split, fit and sample have run on the stays."""
    folder = tmp_path_factory.mktemp("hospital")
    (folder / "stays.csv").write_bytes(stays().encode("cp1252"))
    parts, target = folder / "parts", ["--target", "verstorben"]
    for words in (
        ["schema", folder / "stays.csv", *target, "-o", folder / "s.json"],
        ["split", folder / "stays.csv", "-o", parts, "--schema", folder / "s.json"],
        ["fit", parts / "train.csv", "-o", folder / "m.synth", "--model", "copula"]
        + ["--schema", parts / "schema.json"],
        ["sample", folder / "m.synth", "-n", 300, "-o", folder / "fake.csv"],
    ):
        answer = shell(*words)
        assert answer.exit_code == 0, answer.output
    return folder


def as_text(path: Path) -> pd.DataFrame:
    "The cells of a CSV file as they are written."
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_the_hospital_s_spelling_comes_back(hospital):
    real = pd.read_csv(hospital / "stays.csv", sep=";", dtype=str)
    fake = as_text(hospital / "fake.csv")
    assert list(fake) == list(real) and len(fake) == 300
    for name, shape in SHAPES.items():
        assert real[name].str.fullmatch(shape).all(), name
        assert fake[name].str.fullmatch(shape).all(), fake[name][~fake[name].str.fullmatch(shape)]


def test_the_hospital_s_keys_are_made_up(hospital):
    real = pd.read_csv(hospital / "stays.csv", sep=";", dtype=str)
    fake, key = as_text(hospital / "fake.csv"), "Patienten-ID"
    assert not set(fake[key]) & set(real[key]) and (fake[key] != "").all()
    assert b"PAT-1" not in (hospital / "m.synth").read_bytes()
    halves = [as_text(hospital / "parts" / f"{name}.csv") for name in ("train", "holdout")]
    assert not set(halves[0][key]) & set(halves[1][key])
    assert sum(map(len, halves)) == STAYS


def test_no_one_leaves_the_hospital_before_arriving(hospital):
    fake = as_text(hospital / "fake.csv")
    first, last = (
        pd.to_datetime(fake[name], format="%d.%m.%Y") for name in ("Aufnahme", "Entlassung")
    )
    assert (first <= last).all()
    told = shell("schema", hospital / "stays.csv").stdout
    assert "Aufnahme" in told and "kept by construction" in told


def test_the_hospital_s_release_is_measured(hospital, tmp_path):
    parts = hospital / "parts"
    words = ["evaluate", "--train", parts / "train.csv", "--holdout", parts / "holdout.csv"]
    words += ["--synthetic", hospital / "fake.csv", "--schema", parts / "schema.json"]
    answer = shell(*words, "-o", tmp_path / "m.json")
    assert answer.exit_code == 0, answer.output
    assert value_of(tmp_path / "m.json", "invalid_share") == 0
    assert value_of(tmp_path / "m.json", "copies_train") == 0
    assert value_of(tmp_path / "m.json", "column_shapes") > 0.8
    answer = shell(*words[:-2], "--target", "verstorben", "--no-privacy")
    assert answer.exit_code == 0 and "Invalid rows" in answer.stdout, answer.output


def test_fit_and_sample_as_json(ward, tmp_path):
    path, out = tmp_path / "ward.synth", tmp_path / "made.csv"
    words = ["fit", ward, "-o", path, "--model", "copula", "--json"]
    answer = shell(*words, "--seed", 3)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    said = [line[6:] for line in answer.stderr.splitlines() if line.startswith("Note: ")]
    assert told["notes"] == said and said
    assert (told["format"], told["model"], told["model_file"]) == (1, "copula", str(path))
    assert told["seed"] == 3 and told["epsilon"] is None and told["seconds"] > 0
    assert told["rows"] == told["table_rows"] == len(pd.read_csv(ward))
    told = json.loads(shell("sample", path, "-n", 7, "-o", out, "--json").stdout)
    assert (told["rows"], told["seed"], told["rows_file"]) == (7, 0, str(out))
    assert told["columns"] == list(pd.read_csv(out)) == list(pd.read_csv(ward))


def test_a_drawn_seed_is_not_in_the_json(ward, tmp_path):
    path = tmp_path / "ward.synth"
    answer = shell("fit", ward, "-o", path, "--model", "independent", "--json")
    assert json.loads(answer.stdout)["seed"] is None
    seed = re.search(r"seed (\d+) was drawn", answer.stderr)[1]
    assert seed not in answer.stdout


def test_more_notes_than_are_shown_are_in_the_json(tmp_path):
    table = pd.DataFrame({f"v{k}": ["<5", "7", "12", "30"] * 10 for k in range(25)})
    table.to_csv(tmp_path / "limits.csv", index=False)
    words = ["fit", tmp_path / "limits.csv", "-o", tmp_path / "m.synth", "--model", "independent"]
    answer = shell(*words, "--json")
    notes = json.loads(answer.stdout)["notes"]
    assert "more; `synthheart schema` shows all" in answer.stderr
    assert len(notes) >= 25 and not any("shows all" in note for note in notes)


def test_json_and_rows_do_not_share_standard_output(model):
    refused(shell("sample", model, "-n", 5, "-o", "-", "--json"), "--json", "-o -")


def test_json_tells_what_a_budget_spent(tmp_path):
    load_heart().head(60).to_csv(tmp_path / "h.csv", index=False)
    words = ["fit", tmp_path / "h.csv", "-o", tmp_path / "m.synth", "--epsilon", 3, "--json"]
    answer = shell(*words, "--epochs", 1)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["model"], told["delta"]) == ("gan", 1e-4)
    assert told["epsilon"] == pytest.approx(3) and told["rows"] > 0
