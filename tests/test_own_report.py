"""A report about anyone's own table: what is private stays so, and nothing runs on bad input."""

import dis
import json
import os
import stat
import zipfile

import nbformat
import numpy as np
import pandas as pd
import pytest
from messages import one_line

from synthheart import pipeline
from synthheart.cohorts import Dataset
from synthheart.paper import metric_facts, strips
from synthheart.pipeline import (
    PROFILES,
    build_report,
    choose_profile,
    default_notebooks,
    find_notebooks,
    is_private,
    kernel_environment,
    read_stage,
)
from synthheart.report import patients_in
from synthheart.runs import PRIVATE_FOLDER, Recipe, Run, drafting, make_manifest, start_run
from synthheart.synthesizer import Synthesizer, synthetic_rows


def ward_csv(path, n: int = 80) -> pd.DataFrame:
    "A made-up ward as a hospital writes it: keys, names, German dates, a limit, leading zeros."
    rng = np.random.default_rng(4)
    admit = pd.Timestamp("2022-03-01") + pd.to_timedelta(rng.integers(0, 400, n), "D")
    stay = rng.integers(0, 20, n)
    table = pd.DataFrame(
        {
            "patient_id": rng.permutation(90_000)[:n] + 10_000,
            "ward": rng.choice(["007", "012"], n),
            "admit": admit.strftime("%d.%m.%Y"),
            "discharge": (admit + pd.to_timedelta(stay, "D")).strftime("%d.%m.%Y"),
            "crp": np.where(rng.random(n) < 0.3, "<5", rng.integers(5, 90, n).astype(str)),
            "physician": rng.choice(["Dr. A. Abel", "Dr. B. Bach"], n),
            "died": rng.integers(0, 2, n),
        }
    )
    table.to_csv(path, index=False)
    return table


@pytest.fixture
def run(tmp_path) -> Run:
    "A private run of the ward."
    ward_csv(tmp_path / "ward.csv")
    folder = tmp_path / "run"
    (folder / PRIVATE_FOLDER).mkdir(parents=True, mode=0o700)
    return start_run(folder, Dataset.from_table(tmp_path / "ward.csv", target="died"), seed=1)


def test_what_holds_patients_lies_in_the_private_part(run):
    assert run.dataset.name == "ward" and run.path("release").name == "synthetic_ward.csv"
    open_parts = [name for name in run.files() if not name.startswith(PRIVATE_FOLDER)]
    assert open_parts == ["dataset.json"]
    for name in ("train", "holdout", "schema", "doubts"):
        assert run.path(name).parent.name == PRIVATE_FOLDER and run.has(name)
        assert stat.S_IMODE(os.stat(run.path(name)).st_mode) == 0o600
    assert "patient_id" not in run.text("dataset.json")


def test_keys_and_words_are_not_measured_and_come_back_spelled(run):
    assert run.schema.names == ["ward", "admit", "discharge", "crp", "crp: word", "died"]
    assert list(run.train) == run.schema.names and run.train.admit.dtype.kind == "M"
    assert run.whole("train").columns.tolist() == run.whole_schema.names
    fake = synthetic_rows(run, rows=60, model="independent")
    assert list(fake) == run.schema.names
    text = pd.read_csv(run.path("synthetic"), dtype=str, keep_default_na=False)
    real = pd.read_csv(run.path("train"), dtype=str)
    assert list(text) == run.whole_schema.names
    assert (
        not set(text.patient_id) & set(real.patient_id) and not text.patient_id.duplicated().any()
    )
    assert not set(text.physician) & set(real.physician)
    assert set(text.ward) <= {"007", "012"} and "<5" in set(text.crp)
    assert text.admit.str.fullmatch(r"\d\d\.\d\d\.\d{4}").all()
    days = [pd.to_datetime(text[name], format="%d.%m.%Y") for name in ("admit", "discharge")]
    assert (days[1] >= days[0]).all()


def test_a_model_file_tells_no_key_and_no_name(run, tmp_path):
    model = Synthesizer("copula").fit(run.whole("train"), schema=run.whole_schema, progress=False)
    with zipfile.ZipFile(model.save(tmp_path / "m.synth")) as file:  # checksums hold any digits
        content = b"".join(file.read(name) for name in file.namelist() if name != "hashes.json")
    train = run.whole("train")
    assert not [key for key in train.patient_id if str(key).encode() in content]
    assert b"Abel" not in content and b"Bach" not in content


def test_a_private_build_may_be_read_by_its_owner_alone(tmp_path):
    before = os.umask(0o022)
    try:
        with drafting(tmp_path / "out", "key", private=True) as draft:
            draft.write("train", pd.DataFrame({"age": [50, 60]}))
            draft.write("metrics", {"a": 1})
        modes = {stat.S_IMODE(os.stat(p).st_mode) for p in (tmp_path / "out").rglob("*.*")}
        assert modes == {0o600}
        assert stat.S_IMODE(os.stat(tmp_path / "out").st_mode) == 0o700
    finally:
        os.umask(before)


def test_the_manifest_of_a_private_run_tells_no_seed_and_no_file(tmp_path):
    ward_csv(tmp_path / "ward.csv")
    (tmp_path / "run" / PRIVATE_FOLDER).mkdir(parents=True)
    run = Run(tmp_path / "run")
    run.write("train", "x\n1\n")
    run.write("metrics", {"a": 1})
    values = {"seed": 23, "data": str(tmp_path / "ward.csv"), "title": "Ward"}
    made = make_manifest(run, Recipe((), values), {"07": values}, {})
    assert made["seed"] is None and made["parameters"] == made["notebooks"]["07"] == {
        "title": "Ward"
    }
    assert list(made["outputs"]) == ["metrics.json"] and "ward.csv" not in json.dumps(made)


def test_whose_patients_are_private():
    assert not is_private({}) and not is_private({"dataset": "hungarian", "data": ""})
    assert is_private({"data": "ward.csv"})


def test_a_report_of_a_bad_table_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "run_pipeline", lambda *a, **k: pytest.fail("it ran"))
    path = tmp_path / "ward.csv"
    path.write_text("note,died\n" + "".join(f"came back after {k} days,0\n" for k in range(30)))
    for call, says in [
        (lambda: build_report(path), "note: looks like free text"),
        (lambda: build_report(tmp_path / "none.csv"), "no such file"),
        (lambda: build_report(target="died"), "go with data"),
    ]:
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            call()
        assert says in one_line(error)
    assert [p.name for p in tmp_path.iterdir()] == ["ward.csv"]


def test_a_report_of_ones_own_has_its_own_profile_and_place(tmp_path, monkeypatch):
    called = {}
    monkeypatch.setattr(
        pipeline, "run_pipeline", lambda out, values, **k: called.update(k, out=out, values=values)
    )
    monkeypatch.chdir(tmp_path)  # the place is relative to where one stands
    ward_csv(tmp_path / "ward.csv")
    build_report(tmp_path / "ward.csv", target="died", title="Ward 3")
    assert called["profile"] == "own" and called["out"].as_posix() == "reports/ward"
    assert called["values"]["outcome"] == "died" and called["values"]["title"] == "Ward 3"


# What a build leaves out, and tables of other kinds


def loaded(source: str) -> set[str]:
    "Names that the code of a cell looks up outside its functions' own."
    found, codes = set(), [compile(source, "cell", "exec")]
    while codes:
        code = codes.pop()
        found |= {
            step.argval
            for step in dis.get_instructions(code)
            if step.opname in ("LOAD_NAME", "LOAD_GLOBAL")
        }
        codes += [part for part in code.co_consts if hasattr(part, "co_code")]
    return found


def stored(source: str) -> set[str]:
    "Names that a cell gives a value at its top level."
    steps = dis.get_instructions(compile(source, "cell", "exec"))
    return {step.argval for step in steps if step.opname == "STORE_NAME"}


@pytest.mark.parametrize("profile", ["default", "own", "quick"])
def test_no_cell_of_a_build_needs_one_that_is_left_out(profile):
    stages = [read_stage(path) for path in find_notebooks(default_notebooks())]
    left_out = PROFILES[profile].leaves_out
    for stage in choose_profile(profile, stages)[1]:
        have, gone = set(), set()
        for cell in json.loads(stage.path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] != "code":
                continue
            source = "".join(cell["source"])
            if {*cell["metadata"].get("tags", [])} & {*left_out}:
                gone |= stored(source)
                continue
            have |= stored(source)
            assert not loaded(source) & gone - have, (stage.stem, cell["id"])


def test_a_lean_build_keeps_headings_and_no_lesson(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nProse about hearts."),
        nbformat.v4.new_markdown_cell("## A lesson\n\nMore."),
        nbformat.v4.new_code_cell("1 + 1", metadata={"tags": ["lesson"]}),
        nbformat.v4.new_markdown_cell("## Kept"),
        nbformat.v4.new_code_cell("print(run_dir)"),
        nbformat.v4.new_markdown_cell("## Exercises\n\nTry."),
        nbformat.v4.new_code_cell("answer = 1", metadata={"tags": ["solution"]}),
    ]
    path = tmp_path / "00_x.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    kept = pipeline._shortened(path, PROFILES["own"].leaves_out).cells
    assert [cell.source for cell in kept] == ["# Title", "## Kept", "print(run_dir)"]
    whole = pipeline._shortened(path, PROFILES["full"].leaves_out).cells
    assert len(whole) == len(cells)


def test_kernels_share_compiled_programs_and_keep_the_callers_flags(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--own")
    assert kernel_environment()["TF_XLA_FLAGS"] == "--own"
    flags = kernel_environment((), tmp_path)["TF_XLA_FLAGS"].split()
    assert flags[0] == "--own" and f"--tf_xla_persistent_cache_directory={tmp_path}" in flags


def visits_csv(path) -> None:
    "Several visits of each patient."
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(40) + 500, 3)
    table = {"patient_id": patients, "weight": rng.normal(80, 9, 120).round(1)}
    pd.DataFrame(table | {"died": rng.integers(0, 2, 120)}).to_csv(path, index=False)


def test_rows_of_several_visits_are_not_called_patients(tmp_path):
    visits_csv(tmp_path / "visits.csv")
    run = start_run(None, Dataset.from_table(tmp_path / "visits.csv", target="died"), seed=1)
    several = patients_in(run)
    assert several is not None and sum(several.values()) == 40
    assert len(run.train) > several["train"]
    assert patients_in(start_run(None, Dataset.from_table(pd.DataFrame({"a": range(60)})))) is None


def test_lines_of_a_printed_figure_share_a_scale():
    records = [
        {
            "model": "trees",
            "metric": name,
            "group": "all",
            "value": value,
            "ci_low": value,
            "ci_high": value,
            "floor": floor,
            "goal": goal,
        }
        for name, value, floor, goal in (
            ("column_shapes", 0.97, 0.93, 1.0),
            ("association_error", 0.05, 0.08, 0.0),
        )
    ]
    lines = strips(metric_facts({"records": records}), "trees")["quality"]
    assert len(lines) == 2 and lines[0]["scale"] == lines[1]["scale"]
    low, high = lines[0]["scale"]
    assert low < 0 and high > 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 0),
        ("holdout_share", 1.0),
        ("holdout_share", float("nan")),
        ("epsilon", -1.0),
        ("epochs", -3),
        ("seed", -1),
        ("compare_splits", 0),
        ("epsilons", "1,a"),
        ("epsilons", "0"),
        ("model", "gann"),
        ("compare_models", "gan,gann"),
    ],
)
def test_a_value_that_cannot_be_run_with_is_refused_before_anything_runs(tmp_path, name, value):
    with pytest.raises(ValueError, match=r"must be|model"):
        pipeline.run_pipeline(tmp_path / "out", {name: value}, profile="full", say=lambda _: None)
    assert not list(tmp_path.iterdir())
