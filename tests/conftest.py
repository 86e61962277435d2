"""What all tests share: quiet libraries, one thread a process, and a writer of tiny notebooks."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Before anything imports them: tests run side by side; small tables are slower with more threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "agg")

from hypothesis import settings  # noqa: E402

settings.register_profile("synthheart", deadline=None, print_blob=True)
# A build server tries the same examples every time: what chance finds is found at a desk, pinned.
settings.register_profile("ci", settings.get_profile("synthheart"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "synthheart")


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Writes `nbs/NAME.ipynb` in the test's folder: `parameters`, `stage`, a cell a text."""
    import nbformat

    def write(
        name: str,
        *cells: str,
        parameters: str = "seed: int = 0\nrun_dir: str = ''",
        stage: str | None = None,
    ) -> Path:
        tagged = {"parameters": parameters} | ({} if stage is None else {"stage": stage})
        first = [
            nbformat.v4.new_code_cell(source, metadata={"tags": [tag]})
            for tag, source in tagged.items()
        ]
        notebook = nbformat.v4.new_notebook(cells=[*first, *map(nbformat.v4.new_code_cell, cells)])
        notebook.metadata.kernelspec = {
            "name": "python3",
            "display_name": "python3",
            "language": "python",
        }
        path = tmp_path / "nbs" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return write
