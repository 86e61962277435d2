"""The lessons with their outputs, to be read without running: `python docs/keep_lessons.py`.

Writes reports/reference/executed: each lesson of nbs/ as it stands there, with the outputs that the
newest report has of its cells (reports/latest/executed), and runs those that no report runs, a
minute or two each. Light: pictures in few colours, no progress bars, long texts cut. The web page
of a repository shows such a notebook, and the documentation site is made from them.

`--from FOLDER` takes outputs from another folder of executed notebooks, where it has them; `--only`
runs nothing.
"""

import base64
import io
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from synthheart.classroom import is_lesson  # noqa: E402

KEPT = ROOT / "reports" / "reference" / "executed"
LATEST = ROOT / "reports" / "latest" / "executed"
MOST_BYTES = 10_000_000  # of all of them together
LONGEST = 8_000  # letters of a printed text
FOLDERS = re.compile(r"(?:/[\w.+-]+)*/(?:home|Users|root|work|tmp)(?:/[\w.+-]+)*/([\w.+-]+)")


def run(source: Path) -> dict:
    "The notebook, run as it stands."
    import nbformat
    from nbclient import NotebookClient

    print(f"lessons: running {source.stem}", file=sys.stderr)
    notebook = nbformat.read(source, as_version=4)
    place = {"metadata": {"path": source.parent}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=place).execute()
    return json.loads(nbformat.writes(notebook))


def small_picture(data: str, colours: int = 64) -> str:
    "A PNG (base64) in few colours, where that makes it smaller."
    from PIL import Image

    small, raw = io.BytesIO(), base64.b64decode(data)
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    picture.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(min(small.getvalue(), raw, key=len)).decode()


def plain(text: Any) -> str:
    "A printed text without the builder's folders, cut where it is very long."
    whole = FOLDERS.sub(r"\1", "".join(text))
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}\n[{len(whole)} letters, cut]"


def told(code: str, section: str) -> str:
    "Words for a figure without its own: the title that its cell sets, or the section it stands in."
    title = re.search(r'suptitle\(\s*"([^"]+)"', code) or re.search(r'\btitle="([^"]+)"', code)
    return title[1] if title else f"A figure of the section {section!r}"


def light(out: dict, words_else: str = "A figure of this lesson") -> dict | None:
    """An output as it is kept; None for what a library said on standard error.

    words_else: the words of a figure that says no more of itself than its size.
    """
    if out["output_type"] == "stream":
        return None if out["name"] == "stderr" else out | {"text": plain(out["text"])}
    if out["output_type"] == "error":
        raise ValueError(f"a cell failed: {out['ename']}: {out['evalue']}")
    data = {kind: value for kind, value in out["data"].items() if kind != "image/svg+xml"}
    words = plain(data.get("text/plain", ""))
    if "text/plain" in data:
        data["text/plain"] = words
    made = {**out, "data": data}
    if "image/png" in data:
        data["image/png"] = small_picture("".join(data["image/png"]))
        made["metadata"] = {"image/png": {"alt": words_else if words[:1] in ("", "<") else words}}
    page = FOLDERS.sub(r"\1", "".join(data.pop("text/html", "")))
    if 'class="flipbook"' in page:  # a repository's page would show neither it nor the still
        made["metadata"]["flipbook"] = page
    elif page:
        data["text/html"] = page
    return made


def with_outputs(source: dict, executed: dict) -> dict:
    "The lesson with the outputs that another copy has of the same cells, numbered anew."
    found = {
        cell["id"]: cell
        for cell in executed["cells"]
        if cell["cell_type"] == "code" and cell["outputs"]
    }
    number, section = 0, ""
    for cell in source["cells"]:
        if cell["cell_type"] != "code":
            text = "".join(cell["source"])
            section = ([section] + re.findall(r"^#+ (.+)$", text, re.MULTILINE))[-1]
            text = re.sub(r"\]\(\.\./reports/reference/", "](../", text)
            text = re.sub(r"\]\(\.\./(docs|reports)/", r"](../../../\1/", text)
            text = text.replace("](index.ipynb)", "](../../../nbs/index.ipynb)")
            cell["source"] = text.splitlines(True)
            continue
        ran = found.get(cell["id"])
        if ran and "".join(ran["source"]) == "".join(cell["source"]):
            number += 1
            cell["execution_count"] = number
            words = told("".join(cell["source"]), section)
            cell["outputs"] = [kept for out in ran["outputs"] if (kept := light(out, words))]
            for out in cell["outputs"]:
                if "execution_count" in out:
                    out["execution_count"] = number
    return source


def outputs_of(executed: dict | None) -> dict[str, str]:
    "The code of each cell that has run, by its id."
    cells = executed["cells"] if executed else []
    return {c["id"]: "".join(c["source"]) for c in cells if c["cell_type"] == "code"}


def is_of(executed: dict, source: dict) -> bool:
    "Has the executed copy run the lesson's code as it is now? Cells left out of a build are fine."
    now = outputs_of(source)
    ran = {k: v for k, v in outputs_of(executed).items() if k in now}
    tagged = {c["id"] for c in source["cells"] if {"solution", "check", "long"} & {*tags(c)}}
    same = all(now[k] == v for k, v in ran.items() if k not in tagged)
    return same and {*now} - {*ran} <= tagged


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def keep(folders: list[Path], kept: Path = KEPT, may_run: bool = True) -> int:
    """Write the lessons with their outputs; returns the bytes of all of them.

    Raises ValueError where they would be more than MOST_BYTES, and changes nothing then.
    """
    with tempfile.TemporaryDirectory(prefix=".executed.", dir=kept.parent) as scratch:
        made, total = Path(scratch) / "made", 0
        made.mkdir()
        for source in sorted((ROOT / "nbs").glob("[0-9]*.ipynb")):
            notebook = json.loads(source.read_text(encoding="utf-8"))
            if not is_lesson(notebook):
                continue
            files = [folder / source.name for folder in folders]
            there = [json.loads(f.read_text(encoding="utf-8")) for f in files if f.exists()]
            executed = next((e for e in there if is_of(e, notebook)), None)
            if executed is None and not may_run:
                print(f"lessons: {source.stem} has not run as it is now; left out", file=sys.stderr)
                continue
            page = with_outputs(notebook, executed or run(source))
            text = json.dumps(page, indent=1, ensure_ascii=False) + "\n"
            (made / source.name).write_text(text, encoding="utf-8")
            total += len(text.encode())
        if total > MOST_BYTES:
            raise ValueError(f"{kept}: would hold {total:,} bytes, more than {MOST_BYTES:,}")
        (made / "README.md").write_text(contents(made), encoding="utf-8")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(made, kept)
    return total


def contents(folder: Path) -> str:
    "A page that lists the lessons of a folder."
    lines = ["# The lessons, with their outputs", "", "To be read without running anything.", ""]
    for path in sorted(folder.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title, purpose = "".join(cells[0]["source"]).split("\n")[:2]
        lines.append(f"- [{title.lstrip('# ')}]({path.name}): {purpose.lstrip('> ')}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    words = sys.argv[1:]
    others = [Path(words[words.index("--from") + 1])] if "--from" in words else []
    size = keep([*others, LATEST], may_run="--only" not in words)
    print(f"reports/reference/executed: {size / 1e6:.1f} MB")
