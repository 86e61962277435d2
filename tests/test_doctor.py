"""`synthheart doctor`: what is installed, said without loading any of it."""

import json
import subprocess
import sys
from importlib import metadata

from shell import shell

from synthheart import cli


def test_it_loads_nothing_heavy():
    script = (
        "import sys; from synthheart.cli import main; main(['doctor'], standalone_mode=False); "
        "print(*sorted({'tensorflow', 'numpy', 'pandas', 'sklearn'} & set(sys.modules)), "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.split() == []
    assert done.stdout.startswith("synthheart ")


def test_json_says_versions_extras_threads_and_cards():
    answer = shell("doctor", "--json")
    found = json.loads(answer.stdout)
    assert answer.exit_code == 0 and found["ok"]
    assert found["packages"]["numpy"]["version"] == metadata.version("numpy")
    assert {"report", "lab", "dev"} <= set(found["extras"])
    assert found["extras"]["dev"] == {"complete": True, "lacks": []}
    assert found["threads"]["cores"] >= 1
    assert set(found["gpu"]) == {"cards", "cuda_libraries"}


def test_what_is_missing_or_too_old_is_named(monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "pyarrow":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "pandas" else real(name)

    monkeypatch.setattr(cli.metadata, "version", version)
    answer = shell("doctor")
    assert answer.exit_code == 1
    assert "extra parquet: lacks pyarrow: pip install 'synthheart[parquet]'" in answer.stdout
    line = next(line for line in answer.stdout.splitlines() if line.startswith("pandas"))
    assert line.split() == ["pandas", "0.1", "needs", ">=2.2"]
    assert "pip install --upgrade synthheart" in answer.stdout
