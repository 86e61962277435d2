"""`make scale`: what was measured is what the guide shows, and a task that takes too long ends."""

from pathlib import Path

import pandas as pd

from synthheart.scale import BEGINS, Task, measure_scale, run_task, scale_lines, with_table

ROOT = Path(__file__).resolve().parent.parent
SCALE = ROOT / "reports" / "reference" / "scale.csv"


def test_the_guide_on_scale_shows_what_was_measured():
    table = pd.read_csv(SCALE, dtype={"learned": "Int64"})
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert page == with_table(page, table), "run make scale"
    assert with_table(with_table(page, table.head(1)), table) == page


def test_memory_is_flat():
    table = pd.read_csv(SCALE).query("ended == 0")
    groups = [part for _, part in table.groupby(["what", "learned"], dropna=False)]
    grown = [part for part in groups if part.rows.max() >= 10 * part.rows.min()]
    assert len(grown) >= 2  # a table read, a release written
    for part in grown:
        assert part.peak_mib.max() < 1.25 * part.peak_mib.min()


def test_a_small_measurement_fills_a_page(tmp_path):
    page, path = tmp_path / "page.md", tmp_path / "scale.csv"
    page.write_text(f"# Scale\n\n{BEGINS}| old |\n\nAfter.\n")
    measure_scale(path, page, few=20, learned=15, models=())
    table = pd.read_csv(path, dtype={"learned": "Int64"})
    assert len(table) == 8 and not table.ended.any() and (table.cpu_seconds > 0).all()
    assert page.read_text() == f"# Scale\n\n{BEGINS}{scale_lines(table)}\nAfter.\n"


def test_a_task_that_takes_too_long_is_ended(tmp_path):
    task = Task("endless", "while True: pass\n", 1)
    row = run_task(task, "", tmp_path, seconds=4)
    assert row["ended"] == 1 and row["cpu_seconds"] >= 4
    assert "ended after" in scale_lines(pd.DataFrame([row]))
