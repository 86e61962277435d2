"""What a plain `pip install synthheart` brings is enough for the lessons, and gets on with a hosted
notebook's own versions.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from synthheart.classroom import is_lesson

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LESSONS = {
    path.stem: notebook
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb"))
    if is_lesson(notebook := json.loads(path.read_text(encoding="utf-8")))
}
# Packages that are imported by another name, or come with one that is asked for.
IMPORTED_AS = {"scikit-learn": "sklearn"}
WITH = {"keras": "tensorflow", "IPython": "whatever shows a notebook", "two_parents": "13_extend"}
# Lessons about the report's own tools need the extra that has them.
REPORTS = {"10_report", "10a_paper", "11_pipeline"}
COLAB = ("ipykernel==6.17.1", "fastcore==2.2.12", "attrs==26.1.0")  # seen there in 2026
UV = shutil.which("uv") or next(map(str, (ROOT / "build" / "uv" / "bin").glob("uv")), None)


def names(requirements: list[str]) -> set[str]:
    "How the packages of these requirements are imported."
    asked = [re.split(r"[\s<>=!\[;~]", line)[0] for line in requirements]
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in asked}


def imported(notebook: dict) -> set[str]:
    "Top-level packages that the cells of a notebook import, the standard library left out."
    found = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).split("\n")
            tree = ast.parse("\n".join(line for line in lines if not line.startswith("%")))
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add((node.module or "").split(".")[0])
    return found - {*sys.stdlib_module_names} - {"synthheart"}


@pytest.mark.parametrize("name", [name for name in LESSONS if name not in REPORTS])
def test_a_lesson_imports_what_a_plain_install_brings(name):
    assert not imported(LESSONS[name]) - names(PROJECT["dependencies"]) - {*WITH}


def test_colab_is_asked_for_the_extra_that_the_reports_lessons_need():
    index = (ROOT / "nbs" / "index.ipynb").read_text(encoding="utf-8")
    assert "synthheart[report] @ git+" in index and {*REPORTS} <= {*LESSONS}


@pytest.mark.skipif(
    not (UV and os.environ.get("SYNTHHEART_RESOLVE")),
    reason="SYNTHHEART_RESOLVE=1 asks a registry, with uv",
)
@pytest.mark.parametrize("extra", [(), ("--extra", "report")], ids=["plain", "report"])
def test_an_install_resolves_beside_the_versions_of_colab(tmp_path, extra):
    pins = tmp_path / "colab.txt"
    pins.write_text("\n".join(COLAB) + "\n", encoding="utf-8")
    command = [UV, "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header"]
    command += ["--no-annotate", "--python-version", "3.12", "--constraint", pins, *extra]
    done = subprocess.run(
        [*command, ROOT / "pyproject.toml"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "tensorflow==" in done.stdout and "fastcore==2.2.12" in done.stdout
