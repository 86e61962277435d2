"""Who may read what is written, whatever the umask: models, splits and private parts their owner
alone; nothing may be written by others.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from synthheart.cli import main
from synthheart.runs import PRIVATE_FOLDER, drafting, failed_folder, write_whole


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request) -> Iterator[int]:
    "A umask for one test."
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    "The bits of a file's or a folder's mode."
    return stat.S_IMODE(path.stat().st_mode)


def test_the_shell_keeps_models_and_patients_to_their_owner(tmp_path, umask):
    tmp_path.chmod(0o777 & ~umask)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(0, 1, 60).round(2), "b": rng.choice(["x", "y"], 60)})
    table.to_csv(tmp_path / "w.csv", index=False)
    file, model, parts = (str(tmp_path / name) for name in ("w.csv", "m.synth", "parts"))
    for args in (
        ["fit", file, "-o", model, "--model", "independent"],
        ["sample", model, "-n", "30", "-o", str(tmp_path / "s.csv")],
        ["split", file, "-o", parts],
    ):
        assert CliRunner().invoke(main, args).exit_code == 0, args
    assert mode(tmp_path / "m.synth") == 0o600 and mode(tmp_path / "parts") == 0o700
    assert {mode(path) for path in (tmp_path / "parts").iterdir()} == {0o600}
    assert mode(tmp_path / "s.csv") == 0o644 & ~umask


def test_a_report_on_patients_is_its_owners(tmp_path, umask):
    out = tmp_path / "out"
    with drafting(out, "key", private=True) as draft:
        draft.write("train", pd.DataFrame({"age": [50, 60]}))
        draft.write("metrics", {"a": 1})
        hidden = draft.folder
        assert mode(hidden) == mode(hidden / PRIVATE_FOLDER) == 0o700
    assert mode(out) == mode(out / PRIVATE_FOLDER) == 0o700
    assert {mode(path) for path in out.rglob("*.*")} == {0o600}
    with drafting(tmp_path / "open", "key") as draft:
        draft.write("metrics", {"a": 1})
    assert mode(tmp_path / "open") == 0o755 & ~umask
    assert mode(write_whole(tmp_path / "open" / "x.csv", "x")) == 0o644 & ~umask


def test_an_unfinished_build_is_closed_again_and_followed_nowhere(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for hostile in (False, True):
        with pytest.raises(KeyboardInterrupt):
            with drafting(tmp_path / "out", "key", private=True) as draft:
                draft.write("train", pd.DataFrame({"age": [50, 60]}))
                draft.note(one=1.0)
                raise KeyboardInterrupt
        failed = failed_folder(tmp_path / "out")
        (failed / PRIVATE_FOLDER).chmod(0o777)
        if hostile:
            (failed / PRIVATE_FOLDER).rename(elsewhere / "theirs")
            (failed / PRIVATE_FOLDER).symlink_to(elsewhere / "theirs")
        with pytest.raises(KeyboardInterrupt):
            with drafting(tmp_path / "out", "key", private=True) as draft:
                assert (draft.seconds == {}) is hostile
                assert not (draft.folder / PRIVATE_FOLDER).is_symlink()
                assert mode(draft.folder / PRIVATE_FOLDER) == 0o700
                raise KeyboardInterrupt
