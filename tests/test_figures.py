"""How figures look, what they say of themselves, where they lie, where the report shows them."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest

from synthheart import figures as fg
from synthheart.cohorts import heart_schema, load_heart
from synthheart.evaluation import _tenths, plot_associations
from synthheart.figures import contrast
from synthheart.runs import Run
from synthheart.tables import Column


def test_small_cells_and_balanced_titles():
    assert [_tenths(v) for v in (0.44, -0.38, 1, -1, 0.04, -0.04, 0, np.nan)] == [
        ".4",
        "-.4",
        "1",
        "-1",
        "",
        "",
        "",
        "",
    ]
    figure, _ = fg.new_figure(7, 3)
    text = "one line and then a very short word stands alone below it, "
    text += "which looks like a mistake of the maker"
    lines = fg.set_title(figure, text).get_suptitle().split("\n")
    assert " ".join(lines) == text and len(lines) == 2 and len(lines[1]) > 0.8 * len(lines[0])


def bars():
    figure, (ax,) = fg.new_figure(5, 3)
    ax.bar(["a", "b"], [1, 2], color=fg.REAL)
    return fg.set_title(figure, "b has 2, a has 1", "Two blue bars.")


def test_a_figure_drawn_again_has_the_same_bytes(tmp_path):
    svg, png = fg.save_figure(bars(), tmp_path, "bars")
    for path in (svg, png):
        assert path.read_bytes() == fg.figure_bytes(bars(), "bars", path.suffix[1:])
    assert "b has 2, a has 1. Two blue bars." in svg.read_text(encoding="utf-8")
    assert b"matplotlib.org" not in png.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bars.png", "bars.svg"]


def test_a_run_keeps_figures_unless_it_is_temporary(tmp_path):
    figure = bars()
    assert fg.keep(Run(tmp_path), figure, "08_bars") is figure
    kept = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert kept == ["08_bars.png", "08_bars.svg", "page", "phone"]
    run = Run()
    fg.keep(run, bars(), "08_bars")
    assert not (run.folder / "figures").exists()


def test_axis_labels_say_what_and_in_which_unit():
    column = Column("chol", "continuous", unit="mg/dl", description="serum cholesterol")
    assert fg.axis_label(column) == "serum cholesterol (mg/dl)"
    assert fg.axis_label(Column("chol", "continuous")) == "chol"


def test_intervals_and_floors_stand_at_their_rows():
    table = pd.DataFrame(
        {"value": [0.6, np.nan], "ci_low": [0.5, np.nan], "ci_high": [0.8, np.nan], "floor": 0.5}
    )
    figure, (ax,) = fg.new_figure(4, 2)
    fg.draw_intervals(ax, table, [0, 1], fg.FAKE, label="synthetic")
    fg.draw_floors(ax, table, [0, 1], label="floor")
    fg.legend_below(figure, ax)
    assert set(ax.get_legend_handles_labels()[1]) == {"synthetic", "floor"}


def test_the_reports_figures_have_captions_and_places_of_their_own():
    for section in {record.section for record in fg.FIGURES.values()} - {""}:
        records = fg.figures_of(section)
        assert [r.order for r in records] == sorted({r.order for r in records}), section
        assert all(r.caption.endswith(".") for r in records)
    fidelity = [record.name for record in fg.figures_of("fidelity")]
    drawn_in_08 = ["08_associations", "08_embedding"]
    assert [name for name in fidelity if name in drawn_in_08] == drawn_in_08


def test_a_dollar_in_a_name_is_no_formula(tmp_path):
    names = ["a$$b", "$x^2$", "cost in $", "{_", "\\frac"]
    figure, (ax, other) = fg.new_figure(6, 3, 1, 2)
    ax.bar(names, range(5))
    ax.set(xlabel="$$", title="a$b$c")
    other.plot([1, 10, 100], [1, 2, 3], label="$_")
    other.set_xscale("log")
    other.legend()
    fg.set_title(figure, "Columns $$ and $")
    path = fg.write_figure(Run(tmp_path), figure, "08_dollar")
    text = (tmp_path / "figures" / "page" / "08_dollar.svg").read_text("utf-8")
    assert "a$$b" in text and "mathdefault" not in text and path


def test_marks_and_letters_stand_out_from_white():
    for colour in {*fg.PALETTE, fg.BAD, fg.GREY, fg.FLOOR, fg.INK}:
        assert contrast(colour, "white") >= 3, colour
    for name in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"):
        assert contrast(matplotlib.rcParams[name], "white") >= 4.5, name
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)  # WCAG's own example


def test_numbers_stand_out_from_the_cells_of_a_heat_map():
    schema = heart_schema()
    real, fake = load_heart(), load_heart().sample(frac=1, random_state=1)
    figure = plot_associations(real.dropna(), fake.dropna(), schema)
    checked = 0
    for ax in figure.axes[:3]:
        mesh = ax.collections[0]
        cells = mesh.get_facecolors().reshape(*mesh.get_array().shape, 4)
        for text in ax.texts:
            x, y = text.get_position()
            assert contrast(text.get_color(), cells[int(y), int(x)][:3]) >= 4.5
            checked += 1
    assert checked > 200


def test_letters_of_the_committed_figures_stand_out(root):
    """Letters are drawn in groups of their own, black where the group names no colour; white ones
    stand in the cells of a heat map, which the test above measures."""
    for path in sorted((root / "reports" / "reference" / "figures").glob("*.svg")):
        text = path.read_text(encoding="utf-8")
        groups = re.findall(r"<g(?=[^>]*scale\()[^>]*fill:\s*(#[0-9a-f]{3,6})", text)
        dark = [colour for colour in {*groups} if colour != "#fff"]
        assert all(contrast(colour, "white") >= 4.5 for colour in dark), (path.name, dark)
