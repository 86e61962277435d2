"""Slides: every notebook of the course has some, and the page loads nothing from a network."""

import sys
from pathlib import Path

import nbformat
from links import broken

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs"))

import make_slides  # noqa: E402


def test_the_page_needs_no_network(tmp_path):
    reveal = tmp_path / "reveal"
    for name in (
        "dist/reveal.js",
        "dist/reveal.css",
        "dist/theme/white.css",
        "plugin/notes/notes.js",
    ):
        (reveal / name).parent.mkdir(parents=True, exist_ok=True)
        (reveal / name).write_text("")
    notebooks = [
        nbformat.read(ROOT / "nbs" / f"{name}.ipynb", as_version=4) for name in make_slides.COURSE
    ]
    assert all(make_slides.chosen(notebook) for notebook in notebooks)
    out = tmp_path / "slides"
    page = make_slides.write(notebooks, reveal, out).read_text(encoding="utf-8")
    assert page.count("<section") > 10 and "Failure 2: collapse" in page
    assert not broken(out)
    assert "cdnjs" not in page and "unpkg" not in page


def test_a_slider_of_a_kept_lesson_moves_on_its_slide():
    output = nbformat.v4.new_output(
        "display_data",
        {"image/png": "", "text/plain": "A bar of height 2"},
        metadata={"flipbook": '<figure class="flipbook"></figure>'},
    )
    cell = nbformat.v4.new_code_cell(outputs=[output], metadata={"slideshow": {}})
    (slide,) = make_slides.chosen(nbformat.v4.new_notebook(cells=[cell]))
    assert 'class="flipbook"' in slide.outputs[0].data["text/html"]
