"""What all tests share: quiet libraries, one thread a process, compiled programs, few trees, and a
writer of tiny notebooks."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Before anything imports them: tests run side by side; small tables are slower with more threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "agg")

# A network takes longer to compile than to train here, so what one process has compiled the others
# read: TensorFlow stores a program under its hash, and compares all of it before it takes it.
# Workers and subprocesses inherit the folder. It fits this machine and this TensorFlow alone, and
# goes with the run that made it (`make test` names one of its own, shared with the notebooks).
if "TF_XLA_FLAGS" not in os.environ:
    compiled = tempfile.mkdtemp(prefix="synthheart-compiled-")
    atexit.register(shutil.rmtree, compiled, ignore_errors=True)
    os.environ["TF_XLA_FLAGS"] = (
        f"--tf_xla_persistent_cache_directory='{compiled}' "
        "--tf_xla_persistent_cache_device_types=CPU,XLA_CPU_JIT"
    )

from hypothesis import settings  # noqa: E402

settings.register_profile("synthheart", deadline=None, print_blob=True)
# A build server tries the same examples every time: what chance finds is found at a desk, pinned.
settings.register_profile("ci", settings.get_profile("synthheart"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "synthheart")


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@contextmanager
def fewer_trees() -> Iterator[None]:
    """The classifiers and regressions that judge a table grow a tenth of their trees, in this
    process. For tests of what becomes of their numbers, not of the numbers."""
    from synthheart import outcomes, two_samples

    def small(grow: Callable) -> Callable:
        return lambda *n, max_iter=None, **rest: grow(10, **rest) if n else grow(max_iter=5, **rest)

    with pytest.MonkeyPatch.context() as patch:
        for room, kind in ((two_samples, "Classifier"), (outcomes, "Regressor")):
            for name in (f"RandomForest{kind}", f"HistGradientBoosting{kind}"):
                patch.setattr(room, name, small(getattr(room, name)))
        yield


@pytest.fixture
def few_trees() -> Iterator[None]:
    """`fewer_trees` for a test."""
    with fewer_trees():
        yield


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
