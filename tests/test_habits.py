"""What programmers expect: types, warnings of our own class, quiet modules, JSON for scripts."""

import ast
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
from shell import shell

import synthheart as sh
from synthheart import cli

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
MODULES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "synthheart").glob("*.py"))
    if path.stem != "_modidx"
}


def outer_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    "Functions and methods, but for those within functions, which compiled code is made of."
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bodies = [tree.body, *(node.body for node in classes)]
    return [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("name", MODULES)
def test_every_function_is_typed(name):
    bare = []
    for function in outer_functions(MODULES[name]):
        given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        typed = all(a.annotation is not None for a in given if a.arg not in ("self", "cls"))
        made = function.returns is not None or function.name == "__init__"
        if not (typed and made):
            bare.append(f"{function.name} in line {function.lineno}")
    assert not bare


@pytest.mark.parametrize("name", MODULES)
def test_warnings_are_of_our_own_class(name):
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
            assert "SynthheartWarning" in ast.unparse(node), f"line {node.lineno}"


def test_one_filter_silences_us_and_nobody_else():
    doubled = pd.concat([sh.load_heart()] * 2)
    with pytest.warns(sh.SynthheartWarning, match="repeat"):
        sh.train_holdout_split(doubled)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", sh.SynthheartWarning)
        sh.train_holdout_split(doubled)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"classroom", "benchmarks"}))
def test_the_library_does_not_print(name):
    """Pages of a class print, and so do the scripts that benchmarks run apart; progress of a build
    goes to standard error, where its caller gives no other place.
    """
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert "file=sys.stderr" in ast.unparse(node), f"line {node.lineno}"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    train, holdout = sh.train_holdout_split(sh.load_heart(), seed=0)
    fake = sh.Synthesizer("copula").fit(train).sample(200)
    for name, df in {"train": train, "holdout": holdout, "synthetic": fake}.items():
        sh.write_table(df, folder / f"{name}.csv")
    return folder


@pytest.mark.usefixtures("few_trees")
def test_evaluate_prints_json(tables, tmp_path):
    files = [w for n in ("train", "holdout", "synthetic") for w in (f"--{n}", tables / f"{n}.csv")]
    answer = shell("evaluate", *files, "--no-privacy", "--json", "-o", tmp_path / "m.json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert set(found["verdict"]) and found["records"][0]["metric"] == "column_shapes"
    assert json.loads((tmp_path / "m.json").read_text()) == found


def test_schema_prints_json(tables):
    answer = shell("schema", tables / "train.csv", "--json")
    assert sh.Schema.from_json(answer.stdout).names[0] == "age"
    answer = shell("schema", tables / "train.csv", "--json", "-o", "s.json")
    assert answer.exit_code == 2 and "leave one of the two out" in answer.output


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_tab_key_is_served(name):
    words = {"bash": "complete", "zsh": "compdef", "fish": "complete"}
    environment = {"_SYNTHHEART_COMPLETE": f"{name}_source", "PATH": "/usr/bin:/bin"}
    script = "from synthheart.cli import main; main(prog_name='synthheart')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    if name == "bash" and "bash" in done.stderr.lower():
        pytest.skip("bash is too old, or not there")
    assert words[name] in done.stdout and "_SYNTHHEART_COMPLETE" in done.stdout
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert f"_SYNTHHEART_COMPLETE={name}_source" in page


def test_the_tab_key_offers_commands_and_models():
    from click.shell_completion import BashComplete

    def offered(words: list[str], begun: str) -> list[str]:
        complete = BashComplete(cli.main, {}, "synthheart", "_SYNTHHEART_COMPLETE")
        return [item.value for item in complete.get_completions(words, begun)]

    assert offered([], "sa") == ["sample"]
    assert "copula" in offered(["fit", "a.csv", "--model"], "")


def test_a_notebook_shows_what_was_learned_and_no_more():
    hostile = pd.DataFrame(
        {
            "key": [f"Anna Doe {k}" for k in range(40)],
            "<script>alert(1)</script>": [k % 13 for k in range(40)],
            "ward": ["<b>north</b>", "south"] * 20,
        }
    )
    model = sh.Synthesizer("copula").fit(hostile, progress=False)
    page = model._repr_html_()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "Anna" not in page and "north" not in page
    assert "40 rows" in page and "not fitted" in sh.Synthesizer("copula")._repr_html_()


def test_without_tensorflow_a_network_says_what_to_do(tmp_path):
    """And what needs none works: `tensorflow` is hidden from a process of its own."""
    (tmp_path / "hide.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n == 'tensorflow' else real(n, *a)\n"
        "import synthheart as sh\n"
        "heart = sh.load_heart()\n"
        "sh.Synthesizer('copula').fit(heart, progress=False).sample(9)\n"
        "sh.Synthesizer('gan').fit(heart, progress=False)\n",
        encoding="utf-8",
    )
    words = {"capture_output": True, "text": True, "cwd": ROOT}
    done = subprocess.run([sys.executable, tmp_path / "hide.py"], **words, env=ENVIRONMENT)
    assert "a network needs TensorFlow: pip install tensorflow" in done.stderr.splitlines()[-1]


def test_the_citation_names_kinds_that_its_format_has():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    kinds = set(re.findall(r"^\s*(?:- )?type: (.+)$", text, re.MULTILINE))
    assert kinds <= {"software", "dataset", "data", "article"}
    references = text.split("references:")[1]  # the format knows data there, and no dataset
    assert "type: dataset" not in references


def test_versions_agree():
    setting = re.search(r"^version = (.+)$", (ROOT / "settings.ini").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert setting[1] == cited[1] == sh.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {sh.__version__}" in changes
