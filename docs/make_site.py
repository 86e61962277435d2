"""The documentation site: `python docs/make_site.py` writes docs/_site, offline.

It puts the pages together in build/docs (those of docs/, the lessons of nbs/, the catalogue of
metrics, the API, the changelog), has MkDocs render them, and then follows every link of the site.
"""

import base64
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from links import broken, needing_a_home  # noqa: E402

from synthheart.classroom import cell_tags, is_lesson  # noqa: E402

PAGES, SITE = ROOT / "build" / "docs", ROOT / "docs" / "_site"
REFERENCE = ROOT / "reports" / "reference"
WORKER = "https://unpkg.com/iframe-worker/shim"
GUIDES = {
    "own-table": "Your own table",
    "conditions": "Conditions and rules",
    "relations": "Relations",
    "privacy": "Differential privacy",
    "extending": "Extending",
    "scale": "Scale",
}
API = {
    "Tables": ("load_heart", "read_table", "write_table", "infer_schema", "read_schema"),
    "Tables larger than memory": ("read_sample", "survey"),
    "What is known of them": (
        *("Schema", "Column", "Dataset", "find_relations", "giveaways", "train_holdout_split"),
    ),
    "Models": ("Synthesizer",),
    "Judgement": ("evaluate", "attack", "compare", "verdict", "build_report"),
    "Adding": ("use_plugins",),
    "Warnings": ("SynthheartWarning",),
}


def executed(path: Path) -> dict:
    "The notebook, with the outputs of those cells that the reference report has run as they are."
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept = REFERENCE / "executed" / path.name
    if kept.exists():
        cells = json.loads(kept.read_text(encoding="utf-8"))["cells"]
        ran = {(c["id"], "".join(c["source"])): c.get("outputs", []) for c in cells}
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"] = ran.get((cell["id"], "".join(cell["source"])), [])
    return notebook


def printed(text: str) -> str:
    return f'<pre class="output"><code>{html.escape(text)}</code></pre>'


def output(out: dict, name: str) -> str:
    "One output of a cell as Markdown; figures become files beside the page."
    if out["output_type"] == "stream":
        return "" if out["name"] == "stderr" else printed("".join(out["text"]))
    if out["output_type"] == "error":
        return printed("\n".join(out["traceback"][-1:]))
    data = {
        kind: "".join(value) if isinstance(value, list) else value
        for kind, value in out["data"].items()
    }
    if "flipbook" in out.get("metadata", {}):  # pictures with a slider, kept beside the still
        return str(out["metadata"]["flipbook"])
    for kind, ending in (("image/svg+xml", "svg"), ("image/png", "png")):
        if kind in data:
            raw = data[kind].encode() if ending == "svg" else base64.b64decode(data[kind])
            (PAGES / "lessons" / f"{name}.{ending}").write_bytes(raw)
            told = out.get("metadata", {}).get(kind, {}).get("alt")
            alt = (told or data.get("text/plain", "figure")).replace("\n", " ").strip("<>")
            return f"![{alt}]({name}.{ending})"
    if "text/markdown" in data:
        return data["text/markdown"]
    if "text/html" in data:
        bare = re.sub(r"<style.*?</style>", "", data["text/html"], flags=re.DOTALL)
        return re.sub(r"\n\s*\n", "\n", bare)
    return printed(data.get("text/plain", ""))


def lesson(path: Path) -> str:
    "A lesson as a page: machinery and solutions folded, outputs where there are some."
    parts = []
    for number, cell in enumerate(executed(path)["cells"]):
        text = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        text = re.sub(r"^#\|.*\n?", "", text, flags=re.M).strip()
        if text and not re.match(r"#\|\s*(hide|default_exp)", "".join(cell["source"])):
            shown = f"```python\n{text}\n```"
            if cell["metadata"].get("jupyter", {}).get("source_hidden"):
                kind = next((t for t in ("solution", "check") if t in cell_tags(cell)), "machinery")
                opened = f'<details markdown="1" data-search-exclude><summary>{kind}</summary>'
                shown = f"{opened}\n\n{shown}\n\n</details>"
            parts.append(shown)
        parts += [output(o, f"{path.stem}-{number}-{k}") for k, o in enumerate(cell["outputs"])]
    page = "\n\n".join(part for part in parts if part)
    page = page.replace("<details><summary>", '<details markdown="1"><summary>')
    page = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", page)
    return re.sub(r"\]\(\.\./(reports|docs)/", "](../", page) + "\n"


def lessons() -> Iterator[tuple[str, str, str]]:
    "Stem, title and purpose of each lesson, whose pages are written on the way."
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if is_lesson(notebook):
            title, purpose = "".join(notebook["cells"][0]["source"]).split("\n")[:2]
            (PAGES / "lessons" / f"{path.stem}.md").write_text(lesson(path), encoding="utf-8")
            yield path.stem, title.lstrip("# "), purpose.lstrip("> ")


def catalogue() -> str:
    "The metrics and attacks, from their records."
    from synthheart import ATTACKS, METRICS

    lines = ["# The catalogue", "", "Every metric and attack, from its record in the library.", ""]
    for title, records in (("Metrics", METRICS), ("Attacks", ATTACKS)):
        lines += [f"## {title}", "", "| name | what | ideal | floor | source |"]
        lines.append("|---|---|---|---|---|")
        for record in records.values():
            ideal = "–" if record.ideal is None else f"{record.ideal:g}"
            what = f"**{record.title}.** {record.meaning}"
            cells = (f"`{record.name}`", what, ideal, record.floor, record.citation)
            lines.append("| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def api() -> str:
    "Directives for the public names, each from the room that owns it."
    import synthheart

    lines = ["# API", "", "All of it is importable from the top: `from synthheart import ...`.", ""]
    lists = "`MODELS`, `METRICS`, `ATTACKS`, `FIGURES` and `DATASETS` are the lists that grow"
    lines += [f"{lists}: see [extending](extending.md).", ""]
    for title, names in API.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += [f"::: {getattr(synthheart, name).__module__}.{name}", ""]
    return "\n".join(lines)


def links_home(text: str) -> str:
    "A page of docs/ in the site: what the site does not hold of the checkout loses its link."
    text = re.sub(r"\]\(\.\./nbs/(\w+)\.ipynb\)", r"](lessons/\1.md)", text)
    text = re.sub(r"\]\(\.\./reports/reference/", "](reference/", text)
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", text)


def assemble() -> list:
    "Write all pages to build/docs; returns the navigation."
    shutil.rmtree(PAGES, ignore_errors=True)
    (PAGES / "lessons").mkdir(parents=True)
    for path in (ROOT / "docs").glob("*.md"):
        text = links_home(path.read_text(encoding="utf-8"))
        (PAGES / path.name).write_text(text, encoding="utf-8")
    for name in ("site.css", "worker.js"):
        shutil.copy(ROOT / "docs" / name, PAGES)
    (PAGES / "reference").mkdir()
    for path in sorted(REFERENCE.glob("*.*")):
        if path.suffix != ".md":  # MkDocs would render it; it is copied at the end
            shutil.copy(path, PAGES / "reference")
    known = list(lessons())
    rows = "\n".join(f"- [{title}]({stem}.md): {purpose}" for stem, title, purpose in known)
    made = {
        "lessons/index": f"# Lessons\n\nIn their order; each runs alone.\n\n{rows}\n",
        "catalogue": catalogue(),
        "api": api(),
        "changelog": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for name, text in made.items():
        (PAGES / f"{name}.md").write_text(text, encoding="utf-8")
    parts = {
        "Start": {"Welcome": "index", "Install": "install", "Five minutes": "tour"},
        "Guides": {title: name for name, title in GUIDES.items()},
        "Class": {"For teachers": "teaching", "For students": "students", "Glossary": "glossary"},
        "Lessons": {"All": "lessons/index"} | {title: f"lessons/{s}" for s, title, _ in known},
        "Reference": {
            "API": "api",
            "Metrics and attacks": "catalogue",
            "Results": "results",
            "Changelog": "changelog",
        },
    }
    return [
        {part: [{title: f"{name}.md"} for title, name in pages.items()]}
        for part, pages in parts.items()
    ]


def finish() -> None:
    """What MkDocs leaves: the worker of the search comes from this site, not from a network; its
    404 page would only work at the root of a server.
    """
    (SITE / "404.html").unlink(missing_ok=True)
    shutil.copy(REFERENCE / "disclosure.md", SITE / "reference")
    for path in SITE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        here = os.path.relpath(SITE / "worker.js", path.parent)
        path.write_text(text.replace(WORKER, here), encoding="utf-8")


def main() -> None:
    "Build the site; ends with an error where a link leads nowhere."
    navigation = assemble()
    settings = ROOT / "build" / "mkdocs.yml"
    base = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
    base = base.replace("../build/docs", str(PAGES)).replace(": _site", f": {SITE}")
    base = base.replace("paths: [..]", f"paths: [{json.dumps(str(ROOT))}]")
    settings.write_text(base + "\nnav: " + json.dumps(navigation) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", str(settings)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    subprocess.run(command, check=True, env=environment)
    finish()
    dead = broken(SITE)
    if dead:
        sys.exit("docs: links that lead nowhere:\n" + "\n".join(dead))
    print(f"docs/_site: {sum(1 for _ in SITE.rglob('*.html'))} pages, all links lead somewhere")
    for line in needing_a_home(ROOT):
        print(f"needs a public home: {line}")


if __name__ == "__main__":
    main()
