"""README.md is nbs/index.ipynb, run and turned into Markdown.

`python tests/readme.py --write` writes it.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def readme(root: Path = ROOT) -> str:
    "README.md as the index notebook of `root` gives it: the code is left out, its output stays."
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter

    notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": root / "nbs"}}
    ).execute()
    exporter = MarkdownExporter(exclude_input=True, exclude_output_prompt=True)
    text, _ = exporter.from_notebook_node(notebook)
    text = re.sub(r"\]\(\.\./", "](", text)  # links of a file in nbs/, seen from the root
    text = re.sub(r"\]\((\w+\.ipynb)\)", r"](nbs/\1)", text)
    return (
        "<!-- made from nbs/index.ipynb by `make readme` -->\n"
        + re.sub(r"\n{3,}", "\n\n", text).strip()
        + "\n"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (ROOT / "README.md").write_text(readme(), encoding="utf-8")
    else:
        print(readme())
