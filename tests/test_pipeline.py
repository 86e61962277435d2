"""The runner: refused input, failed notebooks, profiles, resuming, the same bytes for one seed."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shell import refused, shell

from synthheart import pipeline, runs
from synthheart.pipeline import (
    BuildError,
    check_parameters,
    choose_profile,
    needed,
    read_stage,
    run_notebook,
    run_pipeline,
    waits_for,
)

ROOT = Path(__file__).resolve().parent.parent
WRITE = (
    "from pathlib import Path\nimport random\n"
    "Path(run_dir, 'rows.csv').write_text(f'x\\n{random.Random(seed).random()}\\n')"
)


def quiet(line: str) -> None:
    """Progress that nobody reads."""


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
    code = "import sys; from synthheart.cli import main; main(sys.argv[1:])"
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        assert "runs" in process.stderr.readline()
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 130
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


def test_plugins_are_those_of_one_build(tiny, tmp_path, monkeypatch):
    plugin = tmp_path / "toy_figure.py"
    plugin.write_text("FOUND = 'the toy'")
    monkeypatch.syspath_prepend(tmp_path)
    tiny("00_first", "import os; print(os.environ.get('SYNTHHEART_PLUGINS') or 'none')")
    told = []
    for given in (["toy_figure"], []):
        out = tmp_path / f"out{len(given)}"
        manifest = run_pipeline(out, notebooks=tmp_path / "nbs", say=quiet, plugins=given)
        cells = json.loads((out / "executed" / "00_first.ipynb").read_text())["cells"]
        told.append((manifest["plugins"], "".join(cells[-1]["outputs"][0]["text"]).strip()))
        assert ("plugins/toy_figure.py" in manifest["inputs"]) == bool(given)
    assert told == [(["toy_figure"], "toy_figure"), ([], "none")]
    sys.modules.pop("toy_figure", None)


def test_a_plugin_that_fails_is_refused_before_anything_runs(tiny, tmp_path):
    tiny("00_first", "1 / 0")
    with pytest.raises(ValueError, match="plugin no_such: ModuleNotFoundError"):
        run_pipeline(tmp_path / "out", None, tmp_path / "nbs", say=quiet, plugins=["no_such"])
    assert not (tmp_path / "out").exists()


def test_progress_names_notebook_and_rest(tiny, tmp_path):
    lines = []
    tiny("00_first", WRITE)
    tiny("01_second")
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=lines.append)
    assert lines[0] == "00_first runs; 1 more to start"
    assert lines[1].startswith("00_first took") and "1 of 2 done after 0:0" in lines[1]
    assert lines[-1].startswith("01_second took") and "2 of 2 done" in lines[-1]


def test_notebooks_that_touch_no_file_of_the_run_go_beside_the_others(tiny, tmp_path):
    moment = (
        "import time, json; began = time.time(); time.sleep(1.5)\n"
        "print(json.dumps([began, time.time()]))"
    )
    for name in ("00_a", "01_b", "10a_last"):
        tiny(name, moment)
    tiny("10_report", moment, stage="reads = ['*']\nwrites = ['page']")
    for name in ("02_free", "03_free"):
        tiny(name, moment, parameters="seed: int = 0", stage="")
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
    tiny("01_free", "import time; time.sleep(60)", parameters="seed: int = 0", stage="")
    tiny("02_last")
    began = time.perf_counter()
    with pytest.raises(BuildError, match="00_first failed: ValueError: soon"):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    assert time.perf_counter() - began < 30


# What notebooks say of themselves


def test_who_reads_a_part_waits_for_who_writes_it(tiny):
    stages = [
        read_stage(tiny(name, stage=stage))
        for name, stage in {
            "00_split": "reads = []\nwrites = ['train']",
            "01_model": "reads = ['train']\nwrites = ['synthetic']",
            "02_other": "reads = ['train']\nwrites = ['other']",
            "03_unsaid": None,
            "04_late": "reads = ['other']",
            "05_page": "reads = ['synthetic', '*']\nwrites = ['page']",
        }.items()
    ]
    assert waits_for(stages) == {
        "00_split": set(),
        "01_model": {"00_split"},
        "02_other": {"00_split"},
        "03_unsaid": {"00_split", "01_model", "02_other"},
        "04_late": {"02_other", "03_unsaid"},
        "05_page": {"00_split", "01_model", "02_other", "03_unsaid", "04_late"},
    }
    assert [stage.stem for stage in needed(stages)] == ["00_split", "01_model", "05_page"]


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("read = []", "the stage cell knows no 'read'"),
        ("reads = list(range(3))", "must be a plain value"),
        ("profiles = {'fast': {'seed': 1}}", "00_first: speaks of an unknown profile 'fast'"),
    ],
)
def test_a_stage_cell_that_means_nothing_is_refused(tiny, tmp_path, stage, message):
    tiny("00_first", "1 / 0", stage=stage)
    refused(shell("report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"), message)


def test_a_notebook_takes_part_by_its_own_word(tiny, tmp_path):
    tiny("00_stage")
    tiny("01_lesson", parameters="seed: int = 0", stage="")
    tiny("02_room", parameters="seed: int = 0")
    found = pipeline.find_notebooks(tmp_path / "nbs")
    assert [path.stem for path in found] == ["00_stage", "01_lesson"]


ROWS = "from pathlib import Path\nPath(run_dir, 'rows.csv').write_text('x\\n' * rows)"
TAKES_ROWS = "seed: int = 0\nrows: int = 9  # rows to write\nrun_dir: str = ''"
SAYS_ROWS = "reads = []\nwrites = ['page']\nprofiles = {'quick': {'rows': 2}}"


def test_a_profile_is_a_set_of_parameters_and_the_hand_wins(tiny, tmp_path):
    tiny("00_first", ROWS, parameters=TAKES_ROWS, stage=SAYS_ROWS)
    tiny("01_lesson", "print('long')", parameters="seed: int = 0", stage="")
    one, quick, hand = (
        run_pipeline(tmp_path / f"out{i}", given, tmp_path / "nbs", say=quiet, profile=name)
        for i, (name, given) in enumerate([("default", {}), ("quick", {}), ("quick", {"rows": 4})])
    )
    assert [m["profile"] for m in (one, quick, hand)] == ["default", "quick", "quick"]
    assert [m["notebooks"]["00_first"]["rows"] for m in (one, quick, hand)] == [9, 2, 4]
    assert list(one["seconds"]) == ["00_first", "01_lesson"]
    assert list(quick["seconds"]) == ["00_first"]
    assert quick["parameters"] == {"seed": 0, "rows": 2}
    assert (tmp_path / "out2" / "rows.csv").read_text() == "x\n" * 4


@pytest.mark.parametrize(
    ("name", "stage", "message"),
    [
        ("fast", "", "unknown profile 'fast'; known: default, quick"),
        (
            "quick",
            "profiles = {'quick': {'rowz': 2}}",
            "profile 'quick': unknown parameter 'rowz'; did you mean rows?",
        ),
        ("quick", "profiles = {'quick': {'rows': 'two'}}", "must be int (00_first), got 'two'"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(tiny, tmp_path, name, stage, message):
    tiny("00_first", "1 / 0", parameters=TAKES_ROWS, stage=stage)
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    refused(shell(*words, "--profile", name), message)
    assert not (tmp_path / "out").exists()


def test_two_notebooks_cannot_want_two_values_of_one_profile(tiny):
    stages = [
        read_stage(
            tiny(name, parameters=TAKES_ROWS, stage=f"profiles = {{'full': {{'rows': {n}}}}}")
        )
        for name, n in {"00_one": 1, "01_two": 2}.items()
    ]
    with pytest.raises(ValueError, match="profile 'full': 01_two: sets 'rows' to another value"):
        choose_profile("full", stages)


STAGES = [read_stage(path) for path in pipeline.find_notebooks(ROOT / "nbs")]


def test_the_shipped_profiles_fit_the_notebooks():
    for name in pipeline.PROFILES:
        chosen = {stage.stem for stage in choose_profile(name, STAGES)[1]}
        assert {
            "00e_runs",
            "07_synthesizer",
            "08_evaluation",
            "09_privacy",
            "09d_disclosure",
            "10_report",
            "10a_paper",
        } <= chosen
    assert choose_profile("full", STAGES)[1] == STAGES == choose_profile("default", STAGES)[1]
    assert len(choose_profile("quick", STAGES)[1]) == 7


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.stem)
def test_a_stage_says_all_that_it_reads_and_writes(stage):
    """What its cells ask of `run` stands in its stage cell: else it could start too early."""
    reads, writes = parts_in_code(stage.path)
    if stage.in_run:
        assert stage.reads is not None and stage.writes is not None, "it has no stage cell"
        said = {*stage.reads, *stage.writes}
        assert writes <= said, "what it reads, it may write where nobody has"
        assert "*" in stage.reads or reads <= said
    else:
        assert not stage.reads and not stage.writes


def test_every_part_that_is_read_is_written_before():
    written = set()
    for stage in STAGES:
        assert set(stage.reads or ()) - {"*"} <= written, stage.stem
        written |= set(stage.writes or ())


def parts_in_code(notebook: Path) -> tuple[set[str], set[str]]:
    """Parts that a notebook's cells read from `run` and write into it; exported cells apart."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    reads, writes = set(), set()
    for source in sources:
        if source.startswith("#| export"):
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Attribute) or getattr(node.value, "id", "") != "run":
                continue
            if node.attr in ("train", "holdout", "synthetic", "schema", "dataset"):
                reads.add(node.attr)
            if node.attr == "real":
                reads |= {"train", "holdout"}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("run."):
                named = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
                kinds = {"write": writes, "results": writes, "table": reads, "rows": reads}
                kinds.get(node.func.attr, set()).update(named)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "synthetic_rows":
                reads.add("synthetic")
    return reads, writes


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
    assert not (tmp_path / "out" / "unfinished.json").exists()
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
        "import time\nfrom pathlib import Path\n"
        "page, end = Path(run_dir) / 'executed' / '00_first.html', time.time() + 60\n"
        "while not page.exists():\n    assert time.time() < end\n    time.sleep(0.1)",
    )
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    assert (tmp_path / "out" / "executed" / "01_second.html").exists()


def test_a_page_that_cannot_be_made_fails_the_build(tiny, tmp_path, monkeypatch):
    def fail(path):
        raise OSError(f"no room for {path.stem}")

    tiny("00_first", "x = 1")
    monkeypatch.setattr(pipeline, "render_page", fail)
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
        monkeypatch.setattr(runs, "package_files", lambda: {})
    if change != "notebook":
        tiny_state = json.loads((tmp_path / "out.failed" / "unfinished.json").read_text())
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
    code = "import sys; from synthheart.cli import main; main(sys.argv[1:])"
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
        + "\nPath(run_dir, 'SHARING.md').write_text('')"
        + "\nPath(run_dir, 'train.csv').write_text('age')",
    )
    tiny("01_second", "open(run_dir + '/late.csv', 'w').write('x')")
    run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=quiet)
    page = (tmp_path / "out" / "SHARING.md").read_text()
    must_stay = page[page.index("## Must stay") :]
    for name in ("train.csv", "late.csv", "manifest.json", "executed/01_second.html"):
        assert f"`{name}`" in must_stay


def test_a_build_of_private_data_draws_a_seed_and_keeps_it_in_the_private_part(
    tmp_path, monkeypatch
):
    data, seeds = tmp_path / "ward.csv", []
    data.write_text("age,ill\n" + "".join(f"{40 + k},{k % 2}\n" for k in range(60)))

    def build(out, values, **_):
        seeds.append(values["seed"])
        if len(seeds) == 1:
            raise KeyboardInterrupt
        runs.Run(out).write(pipeline.SEED, {"seed": values["seed"]})  # as `_finish` does
        runs.Run(out).write("manifest", {})
        return {}

    monkeypatch.setattr(pipeline, "run_pipeline", build)
    out = tmp_path / "reports" / "ward"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build_report(data, out=out)
    assert (out.parent / ".ward.seed").stat().st_mode & 0o777 == 0o600
    pipeline.build_report(data, out=out)  # goes on with the seed of the interrupted build
    kept = out / "private" / "seed.json"
    assert json.loads(kept.read_text())["seed"] == seeds[0] == seeds[1]
    assert not (out.parent / ".ward.seed").exists()
    pipeline.build_report(data, out=out, parameters={"seed": 3})
    pipeline.build_report(data, out=out)
    assert seeds[2] == 3 and seeds[3] != seeds[0]
