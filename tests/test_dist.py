"""`make dist`: the same files give the same bytes, wherever and whenever they are packed."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EPOCH = "1700000000"
GNU_TAR = "GNU" in subprocess.run(["tar", "--version"], capture_output=True, text=True).stdout
TOP = ("MANIFEST.in", "Makefile", "README.md", "LICENSE", "LICENSE-DATA", "CITATION.cff")
TOP += ("CHANGELOG.md", "settings.ini", "pyproject.toml")


def copied(folder: Path, time: int) -> Path:
    "What is packed, in another folder, with other times and readable by its owner alone."
    for name in ("nbs", "synthheart", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in TOP:
        shutil.copy(ROOT / name, folder / name)
    for path in folder.rglob("*"):
        os.utime(path, (time, time))
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def packed(folder: Path) -> dict[str, Path]:
    "The files of `make dist` there, by name, with this environment in place of `.venv`."
    command = ["make", "-s", "dist", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.dev"]
    told = os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path.name: path for path in sorted((folder / "dist").iterdir())}


@pytest.mark.skipif(not GNU_TAR, reason="needs GNU tar")
def test_wheel_and_sdist_are_the_same_bytes_over_two_builds(tmp_path):
    first = packed(copied(tmp_path / "a", 1_600_000_000))
    again = packed(copied(tmp_path / "another place", 1_650_000_000))
    assert [Path(name).suffix for name in first] == [".whl", ".gz"]
    for name, path in first.items():
        one, two = (hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, again[name]))
        assert one == two, name
    wheel, sdist = first.values()
    inside = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("licenses/LICENSE-DATA") for name in inside)
    assert any(name.startswith("synthheart/notebooks/00_tables") for name in inside)
    with tarfile.open(sdist) as tar:
        assert {(m.mtime, m.uid, m.uname) for m in tar.getmembers()} == {(int(EPOCH), 0, "")}
        assert {m.mode & 0o077 for m in tar.getmembers()} == {0o044, 0o055}
