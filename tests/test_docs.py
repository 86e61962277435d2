"""The documentation: its sources link to what is there; so does the site, where it was built."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest
from links import broken, needing_a_home

from synthheart.classroom import glossary_words, is_lesson

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "_site"
SOURCES = sorted((ROOT / "docs").glob("*.md"))
sys.path.append(str(ROOT / "docs"))
MADE = ("lessons/", "reference/", "api.md", "catalogue.md", "changelog.md")  # by docs/make_site.py


@pytest.mark.parametrize(
    "path", [*SOURCES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_sources_link_to_what_is_there(path):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    dead = [
        link
        for link in links
        if not link.startswith(("http", *MADE)) and not (path.parent / link).exists()
    ]
    assert not dead


def test_the_course_names_sections_that_are_there():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\d\w+)` › ([^|,\n]+?)(?= *\||,|\.?\n|\.$)", text)
    assert len(named) > 10
    for notebook, section in named:
        cells = json.loads((ROOT / "nbs" / f"{notebook}.ipynb").read_text(encoding="utf-8"))[
            "cells"
        ]
        titles = re.findall(
            r"^#{2,4} (.+)$",
            "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"),
            re.MULTILINE,
        )
        assert section.strip() in titles, f"{notebook} has no section {section!r}"


def test_glossary_terms_are_told_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert len(terms) > 60 and len(set(terms)) == len(terms)
    told = re.split(r"^###? .+$", text, flags=re.MULTILINE)
    assert all(part.strip() for part in told[2:] if part != "\n\n")
    anchors = [re.sub(r"[^\w -]", "", term).strip().lower().replace(" ", "-") for term in terms]
    assert len({*anchors}) == len(anchors) and {*glossary_words(text).values()} <= {*anchors}


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">b</a><a href="c.html">c</a><a href="#low">low</a>'
        '<script src="https://example.org/x.js"></script><a href="https://example.org">out</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here">B</p><a href="a.html#top">a</a>')
    found = broken(tmp_path)
    assert [line.split(": ", 1)[1] for line in found] == [
        "would load https://example.org/x.js",
        "c.html",
        "#low (no such place on the page)",
    ]


def test_addresses_of_the_project_come_from_one_setting(tmp_path):
    for name in ("pyproject.toml", "CITATION.cff", "settings.ini"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert all(
        line.split(": ")[0] in ("pyproject.toml", "CITATION.cff", "settings.ini")
        for line in needing_a_home(tmp_path)
    )
    for path in [*SOURCES, ROOT / "README.md", *(ROOT / "nbs").glob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        assert "github.com/synthheart" not in text and "mybinder.org/v2/gh/synthheart" not in text


def test_binder_and_colab_open_what_is_there_once_the_project_has_a_home(tmp_path, monkeypatch):
    (tmp_path / "settings.ini").write_text(
        "[DEFAULT]\nhome = https://github.com/someone/place\nbranch = main\n"
    )
    (tmp_path / "nbs").mkdir()
    monkeypatch.chdir(tmp_path / "nbs")
    cells = json.loads((ROOT / "nbs" / "index.ipynb").read_text(encoding="utf-8"))["cells"]
    names = {"Markdown": str}
    exec("".join(next(c for c in cells if c["id"] == "badges")["source"]), names)
    text = names["badges"]()
    (binder,) = re.findall(
        r"mybinder\.org/v2/gh/someone/place/main\?urlpath=lab/tree/([^)]+)", text
    )
    (colab,) = re.findall(r"google\.com/github/someone/place/blob/main/([^)]+)", text)
    assert (ROOT / binder).is_file() and (ROOT / colab).is_file()
    assert "git+https://github.com/someone/place" in text


def test_the_lessons_times_are_what_the_guide_for_teachers_says():
    with (ROOT / "reports" / "reference" / "lesson_times.csv").open(encoding="utf-8") as file:
        rows = {row["lesson"]: row for row in csv.DictReader(file)}
    paths = (ROOT / "nbs").glob("[0-9]*.ipynb")
    lessons = {p.stem for p in paths if is_lesson(json.loads(p.read_text(encoding="utf-8")))}
    assert {*rows} == lessons
    seconds = {name: float(row["clock_seconds"]) for name, row in rows.items()}
    assert max(seconds.values()) < 60
    assert max(float(row["load"]) for row in rows.values()) < 2.5  # nothing else was running
    course = ("00_tables", "01_preprocessing", "02_gan", "08_evaluation", "09_privacy")
    assert sum(seconds[name] for name in course) < 240


def test_a_lesson_becomes_a_page(tmp_path, monkeypatch):
    import make_site

    (tmp_path / "lessons").mkdir()
    monkeypatch.setattr(make_site, "PAGES", tmp_path)
    page = make_site.lesson(ROOT / "nbs" / "03a_baselines.ipynb")
    assert page.startswith("# Baselines") and "<summary>solution</summary>" in page
    assert ".ipynb)" not in page
    stream = {"output_type": "stream", "name": "stdout", "text": ["a < b\n"]}
    assert "a &lt; b" in make_site.output(stream, "x")
    assert make_site.output({"output_type": "stream", "name": "stderr", "text": ["no"]}, "x") == ""


@pytest.mark.skipif(not SITE.exists(), reason="make docs builds it")
def test_the_site_links_to_what_is_there():
    assert not broken(SITE)


def test_the_api_page_has_every_public_name():
    import make_site

    import synthheart

    lists = {"MODELS", "METRICS", "ATTACKS", "FIGURES", "DATASETS", "__version__"}
    shown = [name for names in make_site.API.values() for name in names]
    assert sorted(shown) == sorted(set(synthheart.__all__) - lists)
    assert all(f"`{name}`" in make_site.api() for name in lists - {"__version__"})
