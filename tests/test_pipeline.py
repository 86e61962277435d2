"""The runner and the shell commands: refused input, failed notebooks, and the same bytes for the same seed."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from synthheart import pipeline
from synthheart.cohorts import load_heart
from synthheart.tables import train_holdout_split
from synthheart.pipeline import (
    BuildError,
    check_parameters,
    main,
    parse_where,
    run_notebook,
    run_pipeline,
)
from synthheart.models import MODELS

WRITE = "from pathlib import Path\nimport random\nPath(run_dir, 'rows.csv').write_text(f'x\\n{random.Random(seed).random()}\\n')"


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def shell(*words: str, **options):
    """Run `synthheart WORDS` in this process; exit code and lines of standard error."""
    return CliRunner().invoke(main, [str(w) for w in words], **options)


def refused(answer, *parts: str) -> None:
    """One line, exit status 2, and every part of the message in it."""
    lines = [
        line
        for line in answer.stderr.splitlines()
        if not line.startswith(("Usage:", "Try ", "Note: ")) and line
    ]
    assert answer.exit_code == 2, answer.output
    assert len(lines) == 1, lines
    assert "Traceback" not in answer.output
    for part in parts:
        assert part in lines[0], lines[0]


# The runner


def test_two_builds_with_one_seed_are_equal(tiny, tmp_path):
    tiny("00_first", WRITE)
    tiny("01_second", "print(open(run_dir + '/rows.csv').read())")
    one, two, other = (
        run_pipeline(tmp_path / name, {"seed": seed}, tmp_path / "nbs", say=quiet)
        for name, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    for key in ("parameters", "seed", "notebooks", "versions", "inputs"):
        assert one[key] == two[key]
    assert one["outputs"]["rows.csv"] == two["outputs"]["rows.csv"] != other["outputs"]["rows.csv"]
    assert (one["seed"], other["seed"]) == (3, 4)
    assert json.loads((tmp_path / "one" / "manifest.json").read_text()) == one
    assert {"executed/00_first.ipynb", "executed/00_first.html", "rows.csv"} <= set(one["outputs"])
    assert (
        "nbs/00_first.ipynb" in one["inputs"]
        and "synthheart/datasets/cleveland.csv" in one["inputs"]
    )
    assert str(tmp_path) not in (tmp_path / "one" / "executed" / "00_first.ipynb").read_text()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epocks": 5}, "unknown parameter 'epocks'; did you mean epochs?"),
        ({"zzz": 5}, "unknown parameter 'zzz'; known: epochs, run_dir, seed"),
        ({"epochs": "5"}, "parameter 'epochs' must be int (00_first), got '5'"),
        ({"epochs": 5.5}, "got 5.5"),
        ({"epochs": True}, "got True"),
        ({"seed": None}, "parameter 'seed' must be int"),
        ({"run_dir": "x"}, "set by the runner"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(tiny, tmp_path, parameters, message):
    tiny(
        "00_first",
        "1 / 0",
        parameters="seed: int = 0\nepochs: int = 5  # training epochs\nrun_dir: str = ''",
    )
    with pytest.raises(ValueError) as error:
        run_pipeline(tmp_path / "out", parameters, tmp_path / "nbs", say=quiet)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_union_annotations_are_known(tiny):
    path = tiny("00_first", parameters="epsilon: float | None = None  # privacy budget")
    check_parameters([path], {"epsilon": None})
    check_parameters([path], {"epsilon": 1})
    with pytest.raises(ValueError, match="must be float"):
        check_parameters([path], {"epsilon": "one"})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "raise ValueError('column age:\\n430 is above 120')",
            "01_second failed: ValueError: 430 is above 120",
        ),
        ("import time; time.sleep(60)", "01_second failed: timed out: a cell ran longer than 1 s"),
        ("import os; os._exit(1)", "01_second failed: its kernel died"),
        ("def broken(:", "01_second failed: SyntaxError"),
        ("import sys; sys.exit(3)", "01_second failed: SystemExit"),
    ],
)
def test_a_failed_notebook_fails_the_build(tiny, tmp_path, code, message):
    tiny("00_first", WRITE)
    tiny("01_second", code)
    tiny("02_third", "print('never')")
    old = tmp_path / "latest"
    old.mkdir()
    (old / "manifest.json").write_text("{}")
    with pytest.raises(BuildError) as error:
        run_pipeline(old, notebooks=tmp_path / "nbs", timeout=1, say=quiet)
    assert message in str(error.value) and "\n" not in str(error.value)
    executed = tmp_path / "latest.failed" / "executed"
    assert str(executed / "01_second.ipynb") in str(error.value)
    assert (executed / "01_second.ipynb").exists() and not (executed / "02_third.ipynb").exists()
    assert [p.name for p in old.iterdir()] == ["manifest.json"], (
        "the earlier report stays as it was"
    )
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".latest")], (
        "nothing half-built is left"
    )


def test_an_interrupted_build_leaves_the_earlier_report(tiny, tmp_path):
    tiny("00_first", "import time; time.sleep(60)")
    code = "import sys; from synthheart.pipeline import main; main(sys.argv[1:])"
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        assert "runs" in process.stderr.readline()
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_report_is_never_replaced(tiny, tmp_path):
    tiny("00_first", WRITE)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="no earlier report"):
        run_pipeline(tmp_path / "mine", notebooks=tmp_path / "nbs", say=quiet)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_environment_and_folder_are_put_back(tiny, tmp_path):
    before, folder = dict(os.environ), os.getcwd()
    run_notebook(tiny("00_first", "import os; os.environ['X'] = 'y'"), tmp_path / "out.ipynb")
    assert (dict(os.environ), os.getcwd()) == (before, folder)


def test_progress_names_notebook_and_rest(tiny, tmp_path):
    lines = []
    tiny("00_first", WRITE)
    tiny("01_second")
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=lines.append)
    assert lines[0] == "00_first runs; 1 more to start"
    assert lines[1].startswith("00_first took") and "1 of 2 done after 0:0" in lines[1]
    assert lines[-1].startswith("01_second took") and "2 of 2 done" in lines[-1]


def test_notebooks_that_touch_no_file_of_the_run_go_beside_the_others(tiny, tmp_path):
    moment = "import time, json, pathlib; began = time.time(); time.sleep(1.5); print(json.dumps([began, time.time()]))"
    for name in ("00_a", "01_b", "10_report", "10a_last"):
        tiny(name, moment)
    for name in ("02_free", "03_free"):
        tiny(name, moment, parameters="seed: int = 0")
    lines = []
    manifest = run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=lines.append)
    assert list(manifest["seconds"]) == [
        "00_a",
        "01_b",
        "02_free",
        "03_free",
        "10_report",
        "10a_last",
    ]
    times = {}
    for path in sorted((tmp_path / "out" / "executed").glob("*.ipynb")):
        times[path.stem] = json.loads(
            json.loads(path.read_text())["cells"][-1]["outputs"][0]["text"][0]
        )
    assert times["00_a"][1] <= times["01_b"][0], "those with run_dir keep their order"
    assert times["02_free"][0] < times["00_a"][1], "a free one starts beside them"
    assert times["10_report"][0] >= max(end for name, (_, end) in times.items() if name < "10"), (
        "the page waits for all"
    )
    assert times["10a_last"][0] >= times["10_report"][1]


def test_the_first_failure_ends_the_others(tiny, tmp_path):
    tiny("00_first", "import time; time.sleep(1); raise ValueError('soon')")
    tiny("01_free", "import time; time.sleep(60)", parameters="seed: int = 0")
    tiny("02_last")
    began = time.perf_counter()
    with pytest.raises(BuildError, match="00_first failed: ValueError: soon"):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    assert time.perf_counter() - began < 30


# Profiles


@pytest.fixture
def profiles(monkeypatch):
    """Two small profiles in place of the real ones."""
    small = {
        "default": pipeline.Profile("as they are"),
        "quick": pipeline.Profile("fewer rows", {"rows": 2}, without=("01_lesson",), timeout=7),
        "wrong": pipeline.Profile("a mistake", {"rowz": 2}),
        "stale": pipeline.Profile("gone", without=("05_gone",)),
    }
    monkeypatch.setattr(pipeline, "PROFILES", small)


ROWS = "from pathlib import Path\nPath(run_dir, 'rows.csv').write_text('x\\n' * rows)"
TAKES_ROWS = "seed: int = 0\nrows: int = 9  # rows to write\nrun_dir: str = ''"


def test_a_profile_is_a_set_of_parameters_and_the_hand_wins(tiny, tmp_path, profiles):
    tiny("00_first", ROWS, parameters=TAKES_ROWS)
    tiny("01_lesson", "print('long')", parameters="seed: int = 0")
    one, quick, hand = (
        run_pipeline(tmp_path / f"out{i}", given, tmp_path / "nbs", say=quiet, profile=name)
        for i, (name, given) in enumerate([("default", {}), ("quick", {}), ("quick", {"rows": 4})])
    )
    assert [m["profile"] for m in (one, quick, hand)] == ["default", "quick", "quick"]
    assert [m["notebooks"]["00_first"]["rows"] for m in (one, quick, hand)] == [9, 2, 4]
    assert list(one["seconds"]) == ["00_first", "01_lesson"] and list(quick["seconds"]) == [
        "00_first"
    ]
    assert quick["parameters"] == {"seed": 0, "rows": 2}
    assert (tmp_path / "out2" / "rows.csv").read_text() == "x\n" * 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fast", "unknown profile 'fast'; known: default, quick"),
        ("wrong", "profile 'wrong': unknown parameter 'rowz'; did you mean rows?"),
        ("stale", "profile 'stale' leaves out '05_gone', which is not among the notebooks"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(tiny, tmp_path, profiles, name, message):
    tiny("00_first", "1 / 0", parameters=TAKES_ROWS)
    refused(
        shell(
            "report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out", "--profile", name
        ),
        message,
    )
    assert not (tmp_path / "out").exists()


def test_the_shipped_profiles_fit_the_notebooks():
    paths = pipeline.find_notebooks(pipeline.default_notebooks())
    for name in pipeline.PROFILES:
        _, chosen = pipeline.choose_profile(name, paths)
        stems = {p.stem for p in chosen}
        assert {
            "00_data",
            "07_synthesizer",
            "08_evaluation",
            "09_privacy",
            "09c_disclosure",
            "10_report",
            "10a_paper",
        } <= stems
    assert (
        pipeline.choose_profile("full", paths)[1]
        == paths
        == pipeline.choose_profile("default", paths)[1]
    )


# An interrupted build


COUNT = (
    "from pathlib import Path\nlog = Path(run_dir, 'log.txt')\n"
    "log.write_text((log.read_text() if log.exists() else '') + '{}\\n')"
)
DIES_ONCE = (
    COUNT.format("second") + "\nimport os\nif log.read_text().count('second') == 1: os._exit(1)"
)


def test_a_build_goes_on_after_the_last_finished_notebook(tiny, tmp_path):
    tiny("00_first", COUNT.format("first"))
    tiny("01_second", DIES_ONCE)
    tiny("02_third", COUNT.format("third"))
    with pytest.raises(BuildError, match="01_second failed: its kernel died"):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    lines = []
    manifest = run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=lines.append)
    assert lines[0].startswith(
        "goes on with an unfinished build of the same inputs: 1 of 3 notebooks are done"
    )
    assert "00_first runs" not in "\n".join(lines)
    assert (tmp_path / "out" / "log.txt").read_text().split() == [
        "first",
        "second",
        "second",
        "third",
    ]
    assert list(manifest["seconds"]) == ["00_first", "01_second", "02_third"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nbs", "out"]
    assert not (tmp_path / "out" / pipeline.STATE).exists()
    pages = sorted((tmp_path / "out" / "executed").glob("*.html"))
    assert [p.stem for p in pages] == ["00_first", "01_second", "02_third"]
    for (
        page
    ) in pages:  # a page shows what its notebook wrote in the end, not what an earlier try did
        assert page.stem.split("_")[1] in page.read_text(encoding="utf-8")


def test_pages_of_notebooks_are_made_while_others_run(tiny, tmp_path):
    tiny("00_first", "x = 1")
    tiny(
        "01_second",
        "import time\nfrom pathlib import Path\npage = Path(run_dir) / 'executed' / '00_first.html'\n"
        "end = time.time() + 60\nwhile not page.exists():\n    assert time.time() < end\n    time.sleep(0.1)",
    )
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    assert (tmp_path / "out" / "executed" / "01_second.html").exists()


def test_a_page_that_cannot_be_made_fails_the_build(tiny, tmp_path, monkeypatch):
    def fail(path):
        raise OSError(f"no room for {path.stem}")

    tiny("00_first", "x = 1")
    monkeypatch.setattr(pipeline, "_render_page", fail)
    with pytest.raises(OSError, match="no room for 00_first"):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    assert not (tmp_path / "out").exists() and (tmp_path / "out.failed").exists()


@pytest.mark.parametrize("change", ["notebook", "parameter", "package", "fresh"])
def test_a_build_of_anything_else_starts_anew(tiny, tmp_path, change, monkeypatch):
    tiny("00_first", COUNT.format("first"))
    tiny("01_second", DIES_ONCE)
    with pytest.raises(BuildError):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    if change == "notebook":
        tiny("01_second", "print('mended')")
    if change == "package":
        monkeypatch.setattr(pipeline, "_package_files", lambda: {})
    if change != "notebook":
        tiny_state = json.loads((tmp_path / "out.failed" / pipeline.STATE).read_text())
        assert list(tiny_state["done"]) == ["00_first"]
    lines = []
    try:
        run_pipeline(
            tmp_path / "out",
            {"seed": 1} if change == "parameter" else None,
            tmp_path / "nbs",
            say=lines.append,
            fresh=change == "fresh",
        )
    except BuildError:
        assert change != "notebook"
    assert lines[0].startswith("00_first runs")


def test_a_killed_build_is_taken_up(tiny, tmp_path):
    """No time to clean up: the power went."""
    tiny("00_first", COUNT.format("first"))
    tiny(
        "01_second",
        COUNT.format("second")
        + "\nimport time\nif log.read_text().count('second') == 1: time.sleep(60)",
    )
    code = "import sys; from synthheart.pipeline import main; main(sys.argv[1:])"
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        while "01_second runs" not in process.stderr.readline():
            assert process.poll() is None
        for log in tmp_path.glob(".out.*/log.txt"):
            while "second" not in log.read_text():
                time.sleep(0.1)
        process.kill()
    answer = shell(*words)
    assert answer.exit_code == 0 and "1 of 2 notebooks are done" in answer.stderr
    assert (tmp_path / "out" / "log.txt").read_text().split() == ["first", "second", "second"]


def test_what_lists_the_files_is_written_last(tiny, tmp_path):
    tiny(
        "00_first",
        WRITE
        + "\nPath(run_dir, 'SHARING.md').write_text('')\nPath(run_dir, 'train.csv').write_text('age')",
    )
    tiny("01_second", "open(run_dir + '/late.csv', 'w').write('x')")
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    page = (tmp_path / "out" / "SHARING.md").read_text()
    must_stay = page[page.index("## Must stay") :]
    for name in ("train.csv", "late.csv", "manifest.json", "executed/01_second.html"):
        assert f"`{name}`" in must_stay


def test_share_packs_what_may_be_shared(tmp_path):
    run, out = tmp_path / "run", tmp_path / "SYNTHETIC_release.zip"
    run.mkdir()
    for name in ("synthetic_heart_disease.csv", "disclosure.md", "train.csv", "model.synth"):
        (run / name).write_text(name)
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
        }
    refused(shell("share", run, "-o", tmp_path / "patients.zip"), "patients.zip", "synthetic")
    refused(shell("share", tmp_path / "none"), "none", "no such folder")
    (run / "disclosure.md").unlink()
    refused(shell("share", run, "-o", tmp_path / "synthetic.zip"), "no disclosure.md")
    assert not (tmp_path / "synthetic.zip").exists()


# The shell


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


def test_evaluate(model, tmp_path):
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
    "not utf-8": (b"age,sex\n\xff\xfe,1\n", "UTF-8"),
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
    refused(shell(*sample, 5, "-o", tmp_path / "x.xlsx"), ".xlsx", ".csv")
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
    "What the tab key offers for the last word; `file` where it hands over to the shell's own list of files."
    found = ShellComplete(main, {}, "synthheart", "_SYNTHHEART_COMPLETE").get_completions(
        list(words[:-1]), words[-1]
    )
    return {item.value if item.type == "plain" else item.type for item in found}


def test_the_tab_key_knows_commands_models_and_files():
    assert tab("") >= {"fit", "sample", "evaluate", "report", "schema", "share"}
    assert tab("fit", "in.csv", "--model", "") == set(MODELS)
    assert tab("fit", "--mi") == {"--missing"}
    for words in (
        "fit",
        "schema",
        "sample",
        "share",
        "fit x.csv -o",
        "fit x.csv --schema",
        "evaluate --train",
    ):
        assert tab(*words.split(), "pat") == {"file"}, words


def test_parquet_without_pyarrow_is_refused_before_any_work(model, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "find_spec", lambda name: None)
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    for words in (
        ["sample", str(model), "-n", "3", "-o", str(tmp_path / "out.parquet")],
        ["fit", str(tmp_path / "in.parquet"), "-o", str(tmp_path / "out.synth")],
    ):
        result = CliRunner().invoke(main, words)
        assert (
            result.exit_code == 2
            and "Parquet needs pyarrow (pip install 'synthheart[parquet]')" in result.stderr
        )
    assert not list(tmp_path.glob("out.*"))


def test_where_words_take_the_columns_type():
    from synthheart.cohorts import heart_schema

    assert parse_where(["cp=4", "oldpeak=0:1.5"], heart_schema()) == {
        "cp": 4,
        "oldpeak": (0.0, 1.5),
    }
