"""How long each lesson takes, run alone from top to bottom: `python docs/time_lessons.py [NAME]...`

Writes reports/reference/lesson_times.csv: seconds of the clock, and of processors (user and system,
of the kernel and what it starts), with the load of the machine at the end. With names (02_gan) it
measures those anew and keeps the others' rows. Processor seconds grow too where other work shares
the cores, so measure on a quiet machine; Makefile's QUIET is what its numbers were taken with.
"""

import csv
import os
import sys
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from synthheart.classroom import is_lesson  # noqa: E402

TIMES = ROOT / "reports" / "reference" / "lesson_times.csv"
COLUMNS = ("lesson", "clock_seconds", "processor_seconds", "load")


def lessons() -> list[Path]:
    "The lessons' notebooks, in their order."
    paths = sorted((ROOT / "nbs").glob("[0-9]*.ipynb"))
    return [path for path in paths if is_lesson(nbformat.read(path, as_version=4))]


def processor_seconds(process: psutil.Process) -> float:
    "User and system seconds of a process and of all it has started."
    taken = 0.0
    for one in (process, *process.children(recursive=True)):
        taken += sum(one.cpu_times()[:4])
    return taken


def measure(path: Path) -> dict[str, str]:
    "A row of the table; raises where a cell fails."
    began, notebook = time.perf_counter(), nbformat.read(path, as_version=4)
    place = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, timeout=900, kernel_name="python3", resources=place)
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
        taken = processor_seconds(psutil.Process(client.km.provisioner.pid))
    clock, load = time.perf_counter() - began, os.getloadavg()[0]
    return dict(zip(COLUMNS, (path.stem, f"{clock:.0f}", f"{taken:.0f}", f"{load:.1f}")))


def read() -> dict[str, dict[str, str]]:
    "The rows that are there, by lesson."
    if not TIMES.exists():
        return {}
    with TIMES.open(encoding="utf-8", newline="") as file:
        return {row["lesson"]: row for row in csv.DictReader(file)}


def main(names: list[str]) -> None:
    known = [path.stem for path in lessons()]
    if unknown := {*names} - {*known}:
        raise SystemExit(f"no lesson: {', '.join(sorted(unknown))}")
    for path in lessons():
        if names and path.stem not in names:
            continue
        rows = read() | {path.stem: measure(path)}  # read anew: an interrupted run loses nothing
        with TIMES.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows[name] for name in known if name in rows)
        print(*rows[path.stem].values())


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:])
