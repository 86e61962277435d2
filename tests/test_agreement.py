"""Notebooks and library agree: what is committed is what the notebooks export."""

import ast
import configparser
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from readme import PAGES, readme

import synthheart
from synthheart.pipeline import find_notebooks, notebook_parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
NUMBERED = [p for p in NOTEBOOKS if p.stem[0].isdigit()]
MODULES = {
    p.stem: p for p in sorted((ROOT / "synthheart").glob("*.py")) if not p.stem.startswith("_")
}


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def default_exp(path: Path) -> list[str]:
    sources = ("".join(c["source"]) for c in cells(path))
    return [
        name
        for source in sources
        for name in re.findall(r"^#\|\s*default_exp\s+(\S+)", source, re.MULTILINE)
    ]


ORDER = {default_exp(p)[0]: i for i, p in enumerate(NUMBERED)}


def test_one_notebook_one_module():
    exported = [default_exp(p) for p in NUMBERED]
    assert all(len(names) == 1 for names in exported), exported
    names = [names[0] for names in exported]
    assert sorted(names) == sorted(MODULES), "a module without a notebook, or the reverse"
    assert len(set(names)) == len(names), (
        "two notebooks export to one module: the last would win silently"
    )
    assert [p.stem.split("_", 1)[1] for p in NUMBERED] == names
    assert not default_exp(ROOT / "nbs" / "index.ipynb")


def test_clean_and_export_change_nothing(tmp_path):
    """In a copy, so that a developer's tree is never touched."""
    for name in ("settings.ini", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("nbs", "synthheart"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
        )
    bin_ = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    for command in ("nbdev_clean", "nbdev_export"):
        subprocess.run(
            [bin_ / command], cwd=tmp_path, check=True, env=environment, capture_output=True
        )
    changed = [
        str(path.relative_to(tmp_path))
        for folder, pattern in (("nbs", "*.ipynb"), ("synthheart", "*.py"))
        for path in sorted((tmp_path / folder).glob(pattern))
        if not (ROOT / path.relative_to(tmp_path)).exists()
        or path.read_bytes() != (ROOT / path.relative_to(tmp_path)).read_bytes()
    ]
    assert not changed, f"run nbdev_clean and nbdev_export, then commit: {', '.join(changed)}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_no_outputs_and_stable_ids(path):
    found = cells(path)
    assert all(
        not c.get("outputs") and c.get("execution_count") is None
        for c in found
        if c["cell_type"] == "code"
    )
    ids = [c["id"] for c in found]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "path", [p for p in NUMBERED if p in find_notebooks(ROOT / "nbs")], ids=lambda p: p.stem
)
def test_one_parameters_cell_annotated_and_commented(path):
    tagged = [c for c in cells(path) if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1
    found = notebook_parameters(path)
    assert "seed" in {p.name for p in found}
    bare = [p.name for p in found if not p.kind or not p.help]
    assert not bare, f"{path.stem}: parameters without annotation or comment: {bare}"


def imported(tree: ast.AST) -> set[str]:
    """Modules of this package that the code imports, here or inside a function."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1:
                names |= {module.split(".")[0]} if module else {a.name for a in node.names}
            elif module == "synthheart":
                names |= {a.name for a in node.names}
            elif module.startswith("synthheart."):
                names.add(module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("synthheart.")}
    return names & set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_only_to_lower_numbers(name):
    later = {
        m
        for m in imported(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        if ORDER[m] >= ORDER[name]
    }
    assert not later, f"{name} imports {later}"


@pytest.mark.parametrize(
    "code", ["import synthheart", "from synthheart.cli import main; main(['--help'])"]
)
def test_starts_without_what_is_slow_to_import(code):
    """Under 1.5 s is the promise; `make bench` times it, this says what would break it."""
    slow = ("tensorflow", "keras", "sklearn", "matplotlib", "scipy", "pandas", "papermill")
    seen = f"print(*(m for m in {slow} if m in sys.modules), file=sys.stderr)"
    script = f"import sys, atexit; atexit.register(lambda: {seen}); {code}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == []


def test_library_imports_without_tensorflow():
    names = ", ".join(f"synthheart.{name}" for name in MODULES)
    script = f"import sys, {names}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize("name", PAGES)
def test_readme_and_results_are_their_notebooks(name):
    page = (ROOT / PAGES[name]).read_text(encoding="utf-8")
    assert page == readme(ROOT, name), "run make readme"


def test_the_readme_is_short():
    text = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(encoding="utf-8"))
    words = re.findall(r"[\w'][\w'./-]*", re.sub(r"\]\([^)]*\)", "]", text))
    assert len(words) < 700


def test_one_version():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini")
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert citation and settings["DEFAULT"]["version"] == citation[1] == synthheart.__version__


def pins(path: str) -> dict[str, str]:
    "Each package that a requirements file fixes, and its version."
    text = (ROOT / path).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE))


def asked(extra: str) -> set[str]:
    "What the package asks for by itself and with an extra, the extras it names in turn included."
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = set()
    for requirement in project["dependencies"] + project["optional-dependencies"][extra]:
        name, extras = re.match(r"([\w.-]+)(?:\[(.*?)\])?", requirement).groups()
        named = (extras or "").split(",") if name == "synthheart" else []
        names |= set().union(*map(asked, named)) if named else {name.lower()}
    return names


@pytest.mark.parametrize("extra", ["report", "dev", "lab", "docs"])
def test_every_dependency_is_locked_with_hashes(extra):
    path, chosen = f"locks/{extra}.txt", pins("constraints.txt")
    locked = pins(path)
    assert asked(extra) <= set(locked), "run make locks"
    assert all(chosen.get(name, version) == version for name, version in locked.items())
    packages = re.split(r"^(?=\S)", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)
    assert all("--hash=sha256:" in package for package in packages if package.strip())
    assert "://" not in "".join(packages)  # whoever installs says from where


def test_every_choice_is_in_a_lock():
    locks = (pins(f"locks/{extra}.txt") for extra in ("report", "dev", "lab", "docs"))
    assert set(pins("constraints.txt")) <= set().union(*locks)


def third_party(code: str) -> set[str]:
    "Top-level names of the packages that Python code imports, wherever it does."
    lines = "\n".join(
        "pass" if line.lstrip().startswith(("%", "!")) else line for line in code.splitlines()
    )
    names = set()
    for node in ast.walk(ast.parse(lines)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"synthheart"}


def test_the_report_extra_brings_all_that_its_notebooks_import():
    # `make report` on a fresh machine has this extra alone; a working copy has everything.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted, waiting = list(project["dependencies"]), ["report"]
    for extra in waiting:
        wanted += project["optional-dependencies"][extra]
        waiting += [
            name
            for need in wanted
            for name in re.findall(r"^synthheart\[(\w+)\]", need)
            if name not in waiting
        ]
    declared = {re.split(r"[<>=\[ ]", need)[0].lower() for need in wanted}
    code = [
        (path.stem, "".join(c["source"]))
        for path in find_notebooks(ROOT / "nbs")
        for c in cells(path)
        if c["cell_type"] == "code"
    ]
    packages = importlib.metadata.packages_distributions()
    assert any("jinja2" in third_party(source) for _, source in code)  # imported in a function
    brought = {
        "keras",
        "IPython",
        "mistune",
        "pygments",
    }  # by tensorflow, ipykernel and (two) nbconvert
    for notebook, source in code:
        for name in third_party(source) - brought:
            assert {d.lower() for d in packages.get(name, [name])} & declared, (
                f"{notebook} imports {name}"
            )
