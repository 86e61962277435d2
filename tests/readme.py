"""README.md is nbs/index.ipynb, docs/results.md is nbs/results.ipynb, run and turned into Markdown.

`python tests/readme.py --write` writes both.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"index": "README.md", "results": "docs/results.md"}


def readme(root: Path = ROOT, name: str = "index") -> str:
    "The page that the notebook `name` of `root` gives: the code is left out, its output stays."
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter

    notebook = nbformat.read(root / "nbs" / f"{name}.ipynb", as_version=4)
    # What is meant for whoever opens the notebook itself is tagged so.
    notebook.cells = [c for c in notebook.cells if "lab" not in c.metadata.get("tags", [])]
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": root / "nbs"}}
    ).execute()
    exporter = MarkdownExporter(exclude_input=True, exclude_output_prompt=True)
    text, _ = exporter.from_notebook_node(notebook)
    if name == "index":  # links of a file in nbs/, seen from the root
        text = re.sub(r"\]\(\.\./", "](", text)
        text = re.sub(r"\]\((\w+\.ipynb)\)", r"](nbs/\1)", text)
    else:  # and from docs/
        text = re.sub(r"\]\((\w+\.ipynb)\)", r"](../nbs/\1)", text)
    return (
        f"<!-- made from nbs/{name}.ipynb by `make readme` -->\n"
        + re.sub(r"\n{3,}", "\n\n", text).strip()
        + "\n"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for name, page in PAGES.items():
            (ROOT / page).write_text(readme(ROOT, name), encoding="utf-8")
    else:
        print(readme())
