"""Slides of the 90-minute course: `python docs/make_slides.py REVEAL` writes build/slides.

REVEAL is a folder with reveal.js in it (`dist/` and `plugin/`), which is copied beside the slides,
so that they open without a network. A slide is a cell with `slideshow` metadata in a notebook of
the course; outputs are taken from an executed notebook of a report, else the notebook is run.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import SlidesExporter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from synthheart.runs import code_sha256  # noqa: E402

OUT = ROOT / "build" / "slides"
COURSE = ("00_tables", "01_preprocessing", "02_gan", "08_evaluation", "09_privacy")
EXECUTED = [ROOT / "reports" / name / "executed" for name in ("latest", "reference")]
# nbconvert's page without what it would load from a network: no jQuery, RequireJS, MathJax.
TEMPLATE = """
{%- extends "reveal/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block footer_js -%}
<style>.reveal .flipbook { text-align: center } .reveal .flipbook img { width: 60% }</style>
<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>Reveal.initialize({hash: true, slideNumber: true, plugins: [RevealNotes],
  width: 1280, height: 800});</script>
{%- endblock -%}
"""


def run(name: str) -> nbformat.NotebookNode:
    "The notebook with its outputs: those of a report where its code is the same."
    source = ROOT / "nbs" / f"{name}.ipynb"
    for folder in EXECUTED:
        kept = folder / source.name
        if kept.exists() and code_sha256(kept) == code_sha256(source):
            return nbformat.read(kept, as_version=4)
    print(f"slides: running {name}", file=sys.stderr)
    notebook = nbformat.read(source, as_version=4)
    place = {"metadata": {"path": source.parent}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    return notebook


def chosen(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    "The cells that are slides, without what a program printed on standard error."
    cells = [c for c in notebook.cells if "slideshow" in c.metadata]
    for cell in cells:
        if cell.cell_type == "markdown":  # slides stand alone: nothing to link to
            cell.source = re.sub(r"\[([^\]]*)\]\((?:\.\./|\w+\.ipynb)[^)]*\)", r"\1", cell.source)
        else:
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
            for out in cell.outputs:
                if page := out.get("metadata", {}).get("flipbook"):  # kept beside the still
                    out.data["text/html"] = page
    return cells


def write(notebooks: list[nbformat.NotebookNode], reveal: Path, out: Path = OUT) -> Path:
    "Write the slides of executed notebooks, with reveal.js beside them; returns index.html."
    first = nbformat.v4.new_markdown_cell(
        "# Synthetic patients\n\nA network that fails, and how one would know",
        metadata={"slideshow": {"slide_type": "slide"}},
    )
    cells = [first, *(cell for notebook in notebooks for cell in chosen(notebook))]
    deck = nbformat.v4.new_notebook(cells=cells, metadata={"title": "Synthetic patients"})
    exporter = SlidesExporter(raw_template=TEMPLATE, reveal_url_prefix="reveal")
    exporter.reveal_theme = "white"  # its fonts lie beside it
    exporter.exclude_input = True
    exporter.exclude_output_prompt = True
    page, _ = exporter.from_notebook_node(deck)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(reveal, out / "reveal", ignore=shutil.ignore_patterns("*.map", "*.esm.js"))
    (out / "index.html").write_text(page, encoding="utf-8")
    return out / "index.html"


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(write([run(name) for name in COURSE], Path(sys.argv[1])))
