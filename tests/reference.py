"""reports/reference/: one small report, kept in the repository, and ward/ in it, one about a table
of one's own.

`python tests/reference.py --write` makes the first from reports/latest/, `--ward TABLE` writes the
made-up table of the second, and `--write-ward TABLE` keeps what was built from it in reports/ward/.

They hold no models and no files of real rows. What others keep in the folder (benchmarks, recipes,
and in executed/ the lessons with their outputs, by docs/keep_lessons.py) stays.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENTS = 1000
MOST_BYTES = 8_000_000
COPIED = (
    "report.pdf",
    "poster.pdf",
    "metrics.json",
    "manifest.json",
    "disclosure.md",
    "synthetic_heart_disease.csv",
    "synthetic_heart_disease.csv-metadata.json",
)
WARD_BYTES = 3_000_000
WARD_FILES = (
    "report.html",
    "report.pdf",
    "poster.pdf",
    "metrics.json",
    "manifest.json",
    "disclosure.md",
    "SHARING.md",
    "synthetic_ward.csv",
)
EARLIER = ("10_columns.png",)  # what older versions of this script left


def write(
    latest: Path = ROOT / "reports" / "latest", reference: Path = ROOT / "reports" / "reference"
) -> int:
    """Make `reference` from the report in `latest`; returns the bytes of its files together.

    Raises ValueError, and nothing has changed then.
    """
    from synthheart.paper import gather_facts, set_pages
    from synthheart.report import read_findings, render_page
    from synthheart.runs import Run

    for name in COPIED:
        if not (latest / name).exists():
            raise ValueError(f"{latest / name}: missing; run make report first")
    run = Run(latest)
    if len(run.synthetic) != PATIENTS:
        raise ValueError(
            f"{latest}: has {len(run.synthetic)} synthetic patients, "
            f"the reference holds {PATIENTS}; leave out -p rows"
        )
    reference.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reference.", dir=reference.parent) as scratch:
        made = Path(scratch)
        for name in COPIED:
            shutil.copyfile(latest / name, made / name)
        (made / "figures").mkdir()
        for path in sorted((latest / "figures").glob("*.svg")):
            shutil.copyfile(path, made / "figures" / path.name)
        page = render_page(read_findings(run), executed=(), files=COPIED)
        (made / "report.html").write_text(page, encoding="utf-8")
        poster = set_pages(gather_facts(run), "poster", run, "png", ppi=36)[0]
        (made / "poster.png").write_bytes(poster)
        total = sum(p.stat().st_size for p in made.rglob("*") if p.is_file())
        if total > MOST_BYTES:
            raise ValueError(
                f"{reference}: would hold {total:,} bytes, more than {MOST_BYTES:,}; "
                "nothing was written"
            )
        shutil.rmtree(reference / "figures", ignore_errors=True)
        for name in EARLIER:
            (reference / name).unlink(missing_ok=True)
        for path in sorted(made.iterdir()):
            path.replace(reference / path.name)
    return total


def write_ward(
    table: Path,
    built: Path = ROOT / "reports" / "ward",
    kept: Path = ROOT / "reports" / "reference" / "ward",
) -> int:
    """Keep the report in `built` about the made-up `table`; returns the bytes of all its files.

    The table goes along: it is made up, so it may be seen. Raises ValueError, and nothing has
    changed then.
    """
    files = {name: built / name for name in WARD_FILES} | {"ward.csv": table}
    for path in files.values():
        if not path.exists():
            raise ValueError(f"{path}: missing; run make reference")
    total = sum(path.stat().st_size for path in files.values())
    if total > WARD_BYTES:
        raise ValueError(f"{kept}: would hold {total:,} bytes, more than {WARD_BYTES:,}")
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name, path in files.items():
        shutil.copyfile(path, kept / name)
    return total


def stale(manifest: dict, root: Path = ROOT) -> list[str]:
    """What has changed since the report of `manifest` was made, of all that shapes its numbers.

    That is the code of the notebooks up to 09d, from which the library's modules are exported, and
    the shipped data. Prose does not count, nor do the notebooks after 09d and the templates: they
    set pages and measure nothing.
    """
    from synthheart.runs import code_sha256, numbered_notebooks, sha256

    notebooks = {p.stem: code_sha256(p) for p in numbered_notebooks(root / "nbs") if p.stem < "10"}
    data = {
        f"synthheart/datasets/{p.name}": sha256(p)
        for p in sorted((root / "synthheart" / "datasets").iterdir())
    }
    then = {k: v for k, v in manifest["code"].items() if k < "10"} | {
        k: v for k, v in manifest["inputs"].items() if k.startswith("synthheart/datasets/")
    }
    now = notebooks | data
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def main(words: list[str]) -> str:
    "Do what the command line asks for; returns what to print."
    if words[:1] == ["--ward"]:
        from synthheart.ward import made_up_ward

        path = Path(words[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        made_up_ward().to_csv(path, index=False)
        return str(path)
    if words[:1] == ["--write-ward"]:
        return f"reports/reference/ward: {write_ward(Path(words[1])) / 1e6:.1f} MB"
    if words == ["--write"]:
        return f"reports/reference: {write() / 1e6:.1f} MB"
    manifest = (ROOT / "reports" / "reference" / "manifest.json").read_text(encoding="utf-8")
    return "\n".join(stale(json.loads(manifest))) or "as new as the code"


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"reference: {error}")
