"""Copies for a class: no solution in a student's copy, checks that tell a blank from an error."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from synthheart.classroom import (
    BLANK,
    PARTS,
    cell_tags,
    check_answer,
    is_lesson,
    link_lessons,
    student_copy,
    write_copies,
)

ROOT = Path(__file__).resolve().parent.parent
LESSONS = {
    path.stem: notebook
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb"))
    if is_lesson(notebook := json.loads(path.read_text(encoding="utf-8")))
}


def text(cell: dict) -> str:
    return "".join(cell["source"])


def tagged(notebook: dict, tag: str) -> list[dict]:
    return [cell for cell in notebook["cells"] if tag in cell_tags(cell)]


def test_both_kinds_of_copies_are_notebooks(tmp_path):
    for solutions in (False, True):
        made = write_copies(ROOT / "nbs", tmp_path / str(solutions), solutions)
        assert [path.stem for path in made] == list(LESSONS)
        for path in made:
            nbformat.validate(nbformat.read(path, as_version=4))
            for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", path.read_text(encoding="utf-8")):
                if link.startswith("..") and link.endswith((".md", ".ipynb")):
                    assert (path.parent / link).exists(), (path.name, link)


@pytest.mark.parametrize("name", LESSONS)
def test_a_students_copy_holds_no_solution(name):
    made = student_copy(LESSONS[name])
    whole = "\n".join(map(text, made["cells"]))
    assert not tagged(made, "solution") and "<summary>Solution" not in whole
    blanks = [cell for cell in made["cells"] if text(cell) == BLANK]
    solved = [cell for cell in tagged(LESSONS[name], "solution") if cell["cell_type"] == "code"]
    assert len(blanks) == len(solved)
    for cell in tagged(LESSONS[name], "solution"):
        assert text(cell) not in whole


@pytest.mark.parametrize("name", LESSONS)
def test_solutions_are_folded_and_checked(name):
    cells = LESSONS[name]["cells"]
    for i, cell in enumerate(cells):
        if "solution" in cell_tags(cell) and cell["cell_type"] == "code":
            assert cell["metadata"]["jupyter"]["source_hidden"]
            assert any("check" in cell_tags(after) for after in cells[i + 1 : i + 3])
            assert cells[i - 1]["cell_type"] == "markdown"


@pytest.mark.parametrize("name", LESSONS)
def test_checks_run_on_blanks(name, monkeypatch, capsys):
    """The imports of a student's copy may stand anywhere above; the names of answers nowhere."""
    monkeypatch.delenv("IN_TEST", raising=False)
    for cell in tagged(LESSONS[name], "check"):
        for answer in re.findall(r'check_answer\(\s*globals\(\), "(\w+)"', text(cell)):
            made = "\n".join(
                text(c) for c in student_copy(LESSONS[name])["cells"] if c["cell_type"] == "code"
            )
            assert not re.search(rf"^\s*{answer}\b[^=\n]*=[^=]", made, re.MULTILINE), answer
            check_answer({}, answer, {})
            assert f"{answer}: not yet" in capsys.readouterr().out


def test_a_copy_runs_from_top_to_bottom(tmp_path):
    "The shortest lesson with checks, blanks and all; the others are run by hand before a course."
    (path,) = [
        p for p in write_copies(ROOT / "nbs", tmp_path / "student") if p.stem == "03a_baselines"
    ]
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = "".join(
        out.get("text", "")
        for cell in notebook.cells
        if "check" in cell_tags(cell)
        for out in cell.outputs
    )
    assert said.count("not yet") == len(tagged(LESSONS["03a_baselines"], "check")) > 0


def test_a_wrong_answer_is_told_and_fails_in_a_notebooks_test(monkeypatch, capsys):
    must = {"it is positive": lambda x: x > 0, "it is even": lambda x: x % 2 == 0}
    monkeypatch.delenv("IN_TEST", raising=False)
    check_answer({"n": 3}, "n", must)
    check_answer({"n": 4}, "n", must)
    check_answer({"n": "four"}, "n", must)
    check_answer({"n": ...}, "n", must)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["n: it is even", "n: right"]
    assert lines[2].startswith("n: it is positive (TypeError") and "not yet" in lines[3]
    monkeypatch.setenv("IN_TEST", "1")
    with pytest.raises(AssertionError, match="it is even"):
        check_answer({"n": 3}, "n", must)


def test_a_check_that_finds_nonsense_right_fails_in_a_notebooks_test(monkeypatch):
    monkeypatch.setenv("IN_TEST", "1")
    check_answer({"n": 4}, "n", {"it is positive": lambda x: x > 0})
    with pytest.raises(AssertionError, match="finds None right"):
        check_answer({"n": 4}, "n", {"anything will do": lambda x: True})


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_has_three_to_six_exercises_of_which_three_check_themselves(name):
    "Each check says what is wrong in more than one way, or in words of its own for the one way."
    notebook = LESSONS[name]
    prose = "\n".join(text(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    asked = [int(n) for n in re.findall(r"^\*\*(\d+)\.\*\* ", prose, re.MULTILINE)]
    assert asked == list(range(1, len(asked) + 1)) and 3 <= len(asked) <= 6
    checks = tagged(notebook, "check")
    assert 3 <= len(checks) <= 5
    for cell in checks:
        assert len(re.findall(r'^ {8}"[^"]+": lambda', text(cell), re.MULTILINE)) >= 2, cell["id"]
    assert "<summary>Solutions" not in prose, "one answer for all exercises"


def test_the_links_of_the_lessons_are_as_the_program_writes_them():
    "python -c \"from synthheart.classroom import link_lessons; link_lessons('nbs')\" mends them."
    assert not link_lessons(ROOT / "nbs", write=False)
    assert sorted(name for names in PARTS.values() for name in names) == sorted(LESSONS)


@pytest.mark.parametrize("name", LESSONS)
def test_links_of_a_lesson_lead_somewhere(name):
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", term).strip().lower().replace(" ", "-")
        for term in re.findall(r"^### (.+)$", glossary, re.MULTILINE)
    }
    for cell in LESSONS[name]["cells"]:
        if cell["cell_type"] == "markdown":
            for link in re.findall(r"\]\(([^)\s]+)\)", text(cell)):
                path, _, anchor = link.partition("#")
                if not path.startswith("http"):
                    assert (ROOT / "nbs" / path).exists(), link
                    assert path != "../docs/glossary.md" or anchor in anchors, link


@pytest.mark.parametrize("name", LESSONS)
def test_headings_come_in_order_and_pictures_have_words(name):
    "One h1, no level left out; goals at the top; no picture in prose without a description."
    prose = "\n".join(
        re.sub(r"```.*?```", "", text(c), flags=re.DOTALL)
        for c in LESSONS[name]["cells"]
        if c["cell_type"] == "markdown"
    )
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    assert not re.search(r"!\[\s*\]\(|<img(?![^>]*alt=)", prose)
    assert "After this notebook you can" in "\n".join(map(text, LESSONS[name]["cells"][:5]))


@pytest.mark.parametrize("name", LESSONS)
def test_every_drawn_figure_of_a_lesson_is_described(name):
    "`set_title` gives a figure the words that a page says in its place."
    for cell in LESSONS[name]["cells"]:
        source = text(cell)
        if cell["cell_type"] == "code" and re.search(r"= new_figure\(", source):
            if not source.startswith("#| export"):
                assert "set_title(" in source, cell["id"]
