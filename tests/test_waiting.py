"""What a build says before and while it runs: what is refused at once, how long it still takes, and
that it was interrupted."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import one_line
from shell import refused, shell

from synthheart import pipeline
from synthheart.pipeline import build_report, read_stage, run_pipeline
from synthheart.runs import PRIVATE_FOLDER, Run, drafting
from synthheart.tables import Column, Schema
from synthheart.timing import TRUSTED, pace, seconds_left, time_left

posix = pytest.mark.skipif(os.name == "nt", reason="no such signals there")
names = st.sampled_from("abcdef")
seconds = st.floats(0, 1000)


def ward(path, n: int = 60):
    "A small table of one's own."
    rng = np.random.default_rng(2)
    table = {"age": rng.integers(30, 90, n), "crp": rng.gamma(2, 9, n).round(1)}
    pd.DataFrame(table | {"died": rng.integers(0, 2, n)}).to_csv(path, index=False)
    return path


# The time left


@given(st.dictionaries(names, st.floats(1, 1000), min_size=1), st.floats(0.2, 8))
def test_the_pace_is_that_of_what_is_through(expected, factor):
    took = {name: value * factor for name, value in expected.items()}
    assert pace(expected, {}) == 1
    assert min(1, factor) - 1e-9 <= pace(expected, took) <= max(1, factor) + 1e-9
    total = sum(expected.values())
    assert pace(expected, took) == pytest.approx((TRUSTED + factor * total) / (TRUSTED + total))


@given(st.dictionaries(names, seconds), st.dictionaries(names, st.sets(names)), st.integers(1, 4))
def test_a_build_played_through_is_no_shorter_than_it_can_be(left, needs, jobs):
    order = sorted(left)
    needs = {a: {b for b in some if b < a} for a, some in needs.items()}  # no circles
    told = time_left({name: left[name] for name in order}, needs, jobs=jobs)
    chains: dict[str, float] = {}
    for name in order:
        before = [chains[b] for b in needs.get(name, ()) if b in chains]
        chains[name] = left[name] + max(before, default=0.0)
    shortest = max([sum(left.values()) / jobs, *chains.values()])
    assert shortest - 1e-6 <= told <= sum(left.values()) + 1e-6
    # A list schedule takes less than twice the best one.
    assert told <= 2 * shortest + 1e-6


def test_the_estimate_is_true_from_the_second_stage_on():
    """A machine that takes 1.7 times as long as the notebooks say, nine stages, two jobs."""
    expected = {"a": 8, "b": 40, "c": 60, "d": 30, "e": 25, "f": 12, "g": 90, "h": 20, "i": 9}
    expected = {name: float(value) for name, value in expected.items()}
    needs = {"b": {"a"}, "c": {"b"}, "d": {"b"}, "e": {"c", "d"}, "i": set("abcdefgh")}
    takes = {name: 1.7 * value for name, value in expected.items()}
    whole, now, took, began = time_left(takes, needs, jobs=2), 0.0, {}, {}
    checked = 0
    while len(took) < len(expected):
        for name in expected:
            free = needs.get(name, set()) <= took.keys() and name not in began
            if free and len(began) - len(took) < 2:
                began[name] = now
        if len(took) >= 2:
            had = {name: now - since for name, since in began.items() if name not in took}
            told = time_left(seconds_left(expected, took, had), needs, list(had), 2)
            assert told == pytest.approx(whole - now, rel=0.3, abs=5)
            checked += 1
        ends = {name: since + takes[name] for name, since in began.items() if name not in took}
        first = min(ends, key=ends.__getitem__)
        now = ends[first]
        took[first] = takes[first]
    assert checked == 7 and now == pytest.approx(whole)


def test_a_stage_that_has_had_more_than_expected_is_not_through():
    assert seconds_left({"a": 10.0}, {}, {"a": 100.0}) == {"a": 10.0}
    assert seconds_left({"a": 10.0}, {"a": 12.0}, {}) == {}


def test_a_large_table_is_expected_to_take_longer(tiny):
    stage = "reads = []\nwrites = []\nseconds = {'default': 5, 'own': 9}\ngrowth = {'own': 3}"
    found = read_stage(tiny("00_first", stage=stage))
    assert (found.expected("default"), found.expected("own"), found.expected("full")) == (5, 9, 5)
    assert found.expected("own", cells=300_000) == 18


# Refused before anything runs


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ({"epsilon": 1.0}, "the schema must be public"),
        ({"epsilon": 1.0, "model": "trees"}, "only model 'gan'"),
        ({"model": "gann"}, "gann"),
        ({"holdout_share": 0.999}, "rows"),
    ],
)
def test_what_file_schema_and_parameters_tell_is_refused_at_once(
    tmp_path, monkeypatch, pairs, says
):
    monkeypatch.setattr(pipeline, "run_notebook", lambda *a, **k: pytest.fail("it ran"))
    data, out = ward(tmp_path / "ward.csv"), tmp_path / "reports" / "ward"
    with pytest.raises(ValueError) as error:
        build_report(data, target="died", out=out, parameters=pairs)
    assert says in one_line(error)
    assert [p.name for p in tmp_path.iterdir()] == ["ward.csv"]


def test_epsilon_with_a_public_schema_goes_on(tmp_path, monkeypatch):
    data = ward(tmp_path / "ward.csv")
    columns = (
        Column("age", "continuous", "int64", minimum=18, maximum=110),
        Column("crp", "continuous", minimum=0, maximum=500),
        Column("died", "binary", "int64", levels=(0, 1)),
    )
    public = Schema(columns, "died", public=True, rows=1000)
    (tmp_path / "ward.json").write_text(public.to_json())
    called = []
    monkeypatch.setattr(pipeline, "run_pipeline", lambda *a, **k: called.append(k))
    pairs = {"epsilon": 1.0, "seed": 1}
    build_report(data, tmp_path / "ward.json", out=tmp_path / "out", parameters=pairs)
    assert called[0]["cells"] == 180
    (tmp_path / "ward.json").write_text(replace(public, rows=None).to_json())
    with pytest.raises(ValueError, match="no public bound on the number of rows"):
        build_report(data, tmp_path / "ward.json", out=tmp_path / "out", parameters=pairs)


def test_without_the_extra_a_report_says_what_to_install(tmp_path, monkeypatch):
    find = pipeline.find_spec
    hidden = ("papermill", "typst")
    monkeypatch.setattr(pipeline, "find_spec", lambda name: None if name in hidden else find(name))
    data = ward(tmp_path / "ward.csv")
    for words in (["report", data, "--out", tmp_path / "out"], ["report"]):
        refused(shell(*words), "needs papermill, typst", "pip install 'synthheart[report]'")
    assert [p.name for p in tmp_path.iterdir()] == ["ward.csv"]


def test_the_extra_is_what_a_build_asks_for(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["report"]
    assert [need.split(">")[0] for need in extra] == list(pipeline.EXTRA)


def test_a_build_shows_what_was_read_and_what_was_doubtful(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "run_pipeline", lambda *a, **k: {})
    rng, lines = np.random.default_rng(1), []
    table = {f"x{k}": np.where(rng.random(80) < 0.2, "<5", "7") for k in range(12)}
    pd.DataFrame(table | {"y": rng.normal(size=80)}).to_csv(tmp_path / "ward.csv", index=False)
    words = {"parameters": {"seed": 1}, "say": lines.append}
    build_report(tmp_path / "ward.csv", out=tmp_path / "out", title="Ward 3", **words)
    assert lines[0] == "Ward 3: 80 rows, 13 columns; no outcome (--target names its column)"
    assert len(lines) == 12 and lines[1].startswith("Note: x0: ")
    assert "2 more; they will stand in" in lines[-1] and "doubts.csv" in lines[-1]


# Interrupted

SLEEPS = "import time; time.sleep(60)"
RUNS = "import sys; from synthheart.cli import main; main(sys.argv[1:])"


@posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_says_so_and_ends_as_the_shell_expects(tiny, tmp_path, sent):
    tiny("00_first", SLEEPS)
    words = ["report", "--notebooks", tmp_path / "nbs", "--out", tmp_path / "out"]
    heard = partial(signal.signal, sent, signal.SIG_DFL)  # tests may run under nohup
    with subprocess.Popen(
        [sys.executable, "-c", RUNS, *words], stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as process:
        assert "runs" in process.stderr.readline()
        time.sleep(2)
        process.send_signal(sent)
        assert process.wait(30) == 128 + sent
        assert process.stderr.read() == "Interrupted.\n"
    assert not (tmp_path / "out").exists()


@posix
def test_the_seed_of_a_private_build_goes_into_its_private_part(tiny, tmp_path):
    tiny("00_first", "print(seed)")
    data, out = ward(tmp_path / "ward.csv"), tmp_path / "ward"
    values = {"notebooks": tmp_path / "nbs", "say": lambda _: None}
    tiny("00_first", "print(seed)", parameters="seed: int = 0\ndata: str = ''\nrun_dir: str = ''\n"
         "schema_file: str = ''\noutcome: str = ''\ntitle: str = ''")  # fmt: skip
    build_report(data, target="died", out=out, profile="default", **values)
    kept = out / PRIVATE_FOLDER / "seed.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    first = json.loads(kept.read_text())["seed"]
    waiting = tmp_path / ".ward.seed"
    assert not waiting.exists()
    waiting.write_text(str(first))  # killed after the report was whole: that seed is used up
    build_report(data, target="died", out=out, profile="default", **values)
    assert json.loads(kept.read_text())["seed"] != first and not waiting.exists()
    waiting.write_text("")  # the power went while it was written
    build_report(data, target="died", out=out, profile="default", **values)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nbs", "ward", "ward.csv"]


@posix
def test_a_refused_build_leaves_no_seed(tmp_path):
    data = ward(tmp_path / "ward.csv")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="no earlier report"):
        build_report(data, target="died", out=tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "ward.csv"]


@posix
def test_a_build_killed_before_it_wrote_anything_is_swept_away(tmp_path):
    nobody = 2**22 + 1
    dead, alive = (tmp_path / f".out.{pid}.abcd_123" for pid in (nobody, os.getpid()))
    foreign = tmp_path / f".out.{nobody}.notes.txt"
    for folder in (dead, alive, foreign):
        (folder / PRIVATE_FOLDER).mkdir(parents=True)
    with drafting(tmp_path / "out", "key") as draft:
        assert draft.folder.name.startswith(f".out.{os.getpid()}.")
        Run(draft.folder).write("manifest", {})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([alive.name, foreign.name, "out"])


def test_a_build_may_be_run_again_at_once(tiny, tmp_path):
    tiny("00_first", "x = 1")
    for _ in range(2):
        run_pipeline(tmp_path / "out", notebooks=tmp_path / "nbs", say=lambda _: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nbs", "out"]


def test_a_release_is_as_large_as_what_it_is_learned_from(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(pipeline, "run_pipeline", lambda out, values, **k: seen.append(values))
    data = tmp_path / "large.csv"
    pd.DataFrame({"x": range(3000), "y": [0, 1, 1] * 1000}).to_csv(data, index=False)
    for chosen in ({}, {"holdout_share": 0.5}, {"rows": 70}):
        build_report(data, out=tmp_path / "out", parameters=chosen, say=lambda _: None)
    assert [values["rows"] for values in seen] == [2100, 1500, 70]
