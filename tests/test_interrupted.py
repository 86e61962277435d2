"""Stopped at any point, a command leaves what was there, and nothing half-done."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthheart.runs import Draft, Run, drafting, failed_folder, find_unfinished, write_whole
from synthheart.synthesizer import Synthesizer

posix = pytest.mark.skipif(os.name == "nt", reason="no such signals there")
NOBODY = 2**22 + 1  # no process has this number


def names(folder: Path) -> list[str]:
    "What lies in a folder."
    return sorted(path.name for path in folder.iterdir())


WRITES = """
import sys, time
from pathlib import Path
from synthheart.runs import replacing
from synthheart.cli import _ended_in_order
with _ended_in_order(), replacing(sys.argv[1]) as part:
    for _ in range(2000):
        with part.open("a") as file:
            file.write("half")
        print("at work", flush=True)
        time.sleep(0.01)
"""


@posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.0, 0.13])
def test_a_writer_that_is_stopped_leaves_the_old_file_alone(tmp_path, sent, wait):
    path = write_whole(tmp_path / "old.txt", "old")
    words = [sys.executable, "-c", WRITES, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        writer.stdout.readline()
        time.sleep(wait)
        writer.send_signal(sent)
        assert writer.wait(20) != 0
    assert names(tmp_path) == ["old.txt"] and path.read_text() == "old"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, suffix):
    from synthheart import runs

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def writes_some(df, path, schema):
        Path(path).write_text("half")
        full()

    path = write_whole(tmp_path / f"t.{suffix}", "old")
    monkeypatch.setitem(runs.WRITERS, f".{suffix}", writes_some)
    with pytest.raises(OSError, match="No space"):
        runs.write_table(pd.DataFrame({"a": [1]}), path)
    model = Synthesizer("independent").fit(pd.DataFrame({"a": np.arange(9.0), "b": [0, 1, 1] * 3}))
    monkeypatch.setattr("zipfile.ZipFile.writestr", full)
    with pytest.raises(OSError, match="No space"):
        model.save(tmp_path / "m.synth")
    assert names(tmp_path) == [f"t.{suffix}"] and path.read_text() == "old"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    "A folder with a table, its two parts, a model, and a finished public run."
    from synthheart.cohorts import DATASETS, load_heart
    from synthheart.runs import Recipe, make_manifest, start_run

    folder = tmp_path_factory.mktemp("made")
    run = start_run(folder / "run", DATASETS["cleveland"], seed=0)
    for name in ("synthetic", run.dataset.release):
        run.write(name, run.train.sample(300, replace=True, random_state=0).assign(chol=126))
    run.write("disclosure", "# Disclosure")
    run.write("manifest", make_manifest(run, Recipe(()), {}, {}))
    load_heart().to_csv(folder / "t.csv", index=False)
    run.train.to_csv(folder / "train.csv", index=False)
    run.holdout.to_csv(folder / "holdout.csv", index=False)
    Synthesizer("independent").fit(run.train).save(folder / "m.synth")
    return folder


SPLIT = ("--train", "train.csv", "--holdout", "holdout.csv", "--synthetic", "train.csv")
WRITTEN = {  # commands, before the path they write
    "fit": ("fit", "t.csv", "--model", "independent", "-o", "old.synth"),
    "sample csv": ("sample", "m.synth", "-n", 9000, "-o", "old.csv"),
    "sample parquet": ("sample", "m.synth", "-n", 9000, "-o", "old.parquet"),
    "evaluate": ("evaluate", *SPLIT, "--metrics", "column_shapes", "-o", "old.html"),
    "schema": ("schema", "t.csv", "-o", "old.json"),
    "share": ("share", "run", "-o", "old_synthetic.zip"),
}


@posix
@pytest.mark.parametrize("command", WRITTEN)
@pytest.mark.parametrize("room", [0, 500])
def test_a_command_that_finds_no_room_leaves_what_stood_there(made, command, room, monkeypatch):
    "A file may grow to `room` bytes, as on a disk that is full."
    import resource

    from shell import shell

    monkeypatch.chdir(made)
    words = WRITTEN[command]
    old = Path(words[-1])
    old.write_text("old")
    before, (soft, hard) = sorted(made.rglob("*")), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        answer = shell(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.exit_code not in (0, None) and "Traceback" not in answer.output, answer.output
    assert answer.stderr.strip().splitlines()[-1].startswith("Error"), answer.stderr
    assert old.read_text() == "old" and sorted(made.rglob("*")) == before
    old.unlink()


@posix
@pytest.mark.parametrize("command", ["sample csv", "share"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_sample_and_share_killed_at_any_time_leave_the_old_or_the_whole(made, command, sent):
    words = [str(999_000 if word == 9000 else word) for word in WRITTEN[command]]
    old = made / words[-1]
    old.write_text("old")
    before = set(made.rglob("*"))
    main = "from synthheart.cli import main; main()"
    wait = float(np.random.default_rng().uniform(0.5, 6))  # another point in every run
    with subprocess.Popen(
        [sys.executable, "-c", main, *words], cwd=made, stderr=subprocess.DEVNULL
    ) as running:
        time.sleep(wait)
        running.send_signal(sent)
        code = running.wait(60)
    left = set(made.rglob("*")) - before
    held = old.read_bytes()
    # The signal may come between the file's last byte and the command's end.
    whole = zipfile.is_zipfile(old) if command == "share" else held.count(b"\n") == 999_001
    assert held == b"old" or whole, (wait, code)
    if sent == signal.SIGKILL:
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in left}
        assert set(modes.values()) <= {"0o600"}, (wait, modes)
    else:
        assert not left, wait
    for path in {old, *left}:
        path.unlink()


def test_an_interrupted_fit_keeps_the_old_model(tmp_path, monkeypatch):
    from shell import shell

    path = write_whole(tmp_path / "m.synth", "old")
    table = pd.DataFrame({"a": np.arange(40.0), "target": [0, 1] * 20})
    table.to_csv(tmp_path / "t.csv", index=False)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("synthheart.engine._check_finite", stop)  # in the loop of the training
    answer = shell("fit", tmp_path / "t.csv", "-o", path, "--model", "vae", "--epochs", 300)
    assert answer.exit_code == 130, answer.output
    assert names(tmp_path) == ["m.synth", "t.csv"] and path.read_text() == "old"


@posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_fit_that_is_killed_at_any_time_leaves_the_old_model_or_a_whole_new_one(tmp_path, sent):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=3000), "target": rng.integers(0, 2, 3000)})
    table.to_csv(tmp_path / "t.csv", index=False)
    old = Synthesizer("independent").fit(table.head(50)).save(tmp_path / "m.synth").read_bytes()
    command = "from synthheart.cli import main; main()"
    words = ["fit", "t.csv", "-o", "m.synth", "--model", "copula", "--seed", "0"]
    for wait in np.random.default_rng().uniform(0, 8, 2):  # another two points in every run
        with subprocess.Popen(
            [sys.executable, "-c", command, *words], cwd=tmp_path, stderr=subprocess.DEVNULL
        ) as fit:
            time.sleep(wait)
            fit.send_signal(sent)
            code = fit.wait(60)
        model = Synthesizer.load(tmp_path / "m.synth")
        left = set(names(tmp_path)) - {"m.synth", "t.csv"}
        assert (tmp_path / "m.synth").read_bytes() == old or model.model == "copula", wait
        assert code != 0 or model.model == "copula", wait
        if sent == signal.SIGKILL:  # nothing can clean up after it; what stays is nobody else's
            assert all(stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600 for name in left)
        else:
            assert not left, wait
        Path(tmp_path / "m.synth").write_bytes(old)


@posix
def test_the_umask_and_the_model_files_mode_are_kept(tmp_path):
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)
    before = os.umask(0o022)
    try:
        model = Synthesizer("independent").fit(pd.DataFrame({"a": np.arange(9.0), "b": [0] * 9}))
        assert mode(model.save(tmp_path / "m.synth")) == 0o600
        assert mode(write_whole(tmp_path / "deep" / "a", "x")) == 0o644
        os.umask(0o077)
        assert mode(write_whole(tmp_path / "deep" / "b", "x")) == 0o600
    finally:
        os.umask(before)


def killed(folder: Path, key: str = "key", **done: float) -> Run:
    "The hidden folder of a build that was killed, with patients in it."
    import json

    Run(folder).write("train", pd.DataFrame({"a": [1, 2]}))
    draft = Draft(folder, key, done)
    draft.write("unfinished", json.loads(draft.text("unfinished")) | {"pid": NOBODY})
    return draft


@posix
def test_a_killed_build_leaves_no_patients_once_another_one_begins(tmp_path):
    killed(tmp_path / ".out.x", "another key", a=1.0)
    (tmp_path / ".out.mine").mkdir()  # nobody's state: not touched
    (tmp_path / ".out.mine" / "notes.txt").write_text("mine")
    with drafting(tmp_path / "out", "key") as draft:
        draft.write("manifest", {})
    assert names(tmp_path) == [".out.mine", "out"]


@posix
def test_a_report_that_was_on_its_way_out_comes_back(tmp_path):
    write_whole(tmp_path / f".out.{NOBODY}.old" / "manifest.json", "{}")
    with pytest.raises(ValueError, match="stopped"), drafting(tmp_path / "out", "key"):
        raise ValueError("stopped")
    assert names(tmp_path) == ["out", "out.failed"]


@posix
def test_a_build_killed_while_its_last_pages_are_written_goes_on(tmp_path):
    draft = killed(tmp_path / ".out.x", a=1.0, b=2.0)
    draft.finishing()
    assert "unfinished.json" not in draft.files()
    with drafting(tmp_path / "out", "key") as again:
        assert again.seconds == {"a": 1.0, "b": 2.0} and again.has("train")
        again.finishing()
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["train.csv"]


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_an_unfinished_build_that_was_edited_is_not_trusted(tmp_path, change):
    draft = killed(failed_folder(tmp_path / "out"), a=1.0)
    assert find_unfinished(tmp_path / "out", "key")[0] == draft.folder
    path = draft.path("train")
    path.write_text("a\n1\n3\n") if change == "edited" else path.unlink()
    assert find_unfinished(tmp_path / "out", "key") == (None, {})
