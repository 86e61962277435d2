"""A kept figure says names, fits a phone, and its file looks as matplotlib drew it."""

import re
import tomllib
import warnings
from io import StringIO
from operator import attrgetter
from xml.etree import ElementTree

import numpy as np
import pytest

from synthheart import figures as fg
from synthheart import fonts
from synthheart.cohorts import DATASETS
from synthheart.fonts import CARRIERS, INSTALL, OWN, lacking, other_fonts, region, set_letters
from synthheart.layout import (
    NARROW,
    fit_names,
    group_label,
    narrowed,
    shortened,
    slim_svg,
    spoken,
)
from synthheart.runs import start_run
from synthheart.tables import Column, Schema

SCHEMA = Schema(
    (
        Column("sex", "binary", "int64", levels=(0, 1), labels=("female", "male")),
        Column("thal", "categorical", "int64", levels=(3, 7), description="thallium scan"),
        Column("age", "continuous", minimum=20, maximum=90, unit="years"),
        Column("ward", "categorical", "str", levels=("007", "Ward B (old)")),
    )
)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("sex=0", "sex: female"),
        ("thal=7", "thallium scan: 7"),
        ("age=<45", "age: <45"),
        ("age=45-54", "age: 45-54"),
        ("age=65+", "age: 65+"),
        ("ward=Ward B (old)", "ward: Ward B (old)"),
        ("all", "all"),
        ("other=1", "other=1"),
        ("relation=a <= b", "a <= b"),
    ],
)
def test_groups_have_names(code, name):
    assert group_label(code, SCHEMA) == name
    if not code.startswith("relation"):
        assert (
            spoken(f"worst for {code}, then nothing", SCHEMA) == f"worst for {name}, then nothing"
        )


def test_only_whole_names_become_words():
    assert spoken("thal and thalach", SCHEMA) == "thallium scan and thalach"
    assert spoken("sex and age of patients", SCHEMA) == "sex and age of patients"


def test_a_description_that_stands_there_is_not_said_twice():
    slope = Column("slope", "categorical", levels=(1, 2), description="slope of the ST segment")
    schema = Schema((slope,))
    once = "slope of the ST\nsegment: similarity 0.98"  # a line broken in the midst of it
    assert spoken(once, schema) == once
    assert spoken("slope, then slope of the ST segment", schema).count("segment") == 2


def panels():
    figure, axes = fg.new_figure(12, 3, 1, 3, sharey=True)
    for ax in axes[:2]:
        ax.plot([0.123456, 1], [0, 1], label="a line")
        ax.set_yticks([0, 1], ["sex=0", "a name that is too long for a phone's screen"])
    axes[2].set_axis_off()
    fg.legend_below(figure, axes[0])
    return fg.set_title(figure, "A finding about sex=1 that is long, since it says thal", "Lines.")


def test_a_figure_has_a_layout_for_a_phone_and_stays_as_it_was():
    figure = panels()
    small = narrowed(figure)
    assert small.get_figwidth() == NARROW and figure.get_figwidth() == 12
    assert len(small.axes) == 2 and len(figure.axes) == 3
    assert all(len(line) <= 44 for line in small.get_suptitle().split("\n"))
    assert len(small.legends) == 1
    small.canvas.draw()
    right = [ax.get_tightbbox().x1 for ax in small.axes]
    assert max(right) <= NARROW * small.dpi + 1


def test_a_kept_figure_says_names_and_has_a_file_for_each_screen(tmp_path):
    run = start_run(tmp_path, DATASETS["cleveland"], seed=0)
    fg.write_figure(run, panels(), "lines")
    names = {f"figures/{folder}lines.svg" for folder in ("", "page/", "phone/")}
    assert names | {"figures/lines.png"} == set(run.files("figures/**/*.*"))
    for name in names:
        text = run.text(name)
        ElementTree.fromstring(text)
        told = re.search("<dc:description>(.*?)</dc:description>", text)[1]
        assert "sex: male" in told and "thallium scan" in told
    page = run.text("figures/page/lines.svg")
    assert "sex: female" in page and "sex=0" not in page
    assert len(page) < len(run.text("figures/lines.svg"))


def test_a_slim_file_refers_to_what_it_holds_and_has_the_same_marks():
    figure, (ax,) = fg.new_figure(4, 3)
    ax.scatter(np.arange(50), np.arange(50) % 7, alpha=0.5)
    ax.bar([1], [3], hatch="/")
    ax.set_title("a < b & c")
    file = StringIO()
    figure.savefig(file, format="svg")
    svg = file.getvalue()
    slim = slim_svg(svg, "x < y")
    assert len(slim) < 0.6 * len(svg) and "x &lt; y" in slim
    ids = set(re.findall(r' id="([^"]+)"', slim))
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', slim)
    assert {a or b for a, b in used} == ids
    assert slim.count("<use") == svg.count("<use")
    assert slim.count("<path") == svg.count("<path")
    assert not re.search(r"\d\.\d{3}", re.sub(r"scale\([^)]*\)", "", slim))


def test_a_long_name_of_an_axis_is_broken_and_not_cut():
    figure, (ax,) = fg.new_figure(4, 3)
    ax.set_xlabel("a name of an axis that is much too long for a figure of four inches in width")
    figure = fit_names(figure)
    assert "\n" in ax.get_xlabel()
    figure.draw_without_rendering()
    box = ax.xaxis.label.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.get_figwidth() * figure.dpi


def test_titles_and_names_of_axes_leave_their_neighbours_room():
    figure, axes = fg.new_figure(9, 2.5, 1, 4)
    for ax in axes:
        ax.set(
            title="a title of a panel that is wider than it", xlabel="resting blood pressure, in"
        )
    figure = fit_names(figure)
    for part in ("title", "xaxis.label"):
        boxes = [attrgetter(part)(ax).get_window_extent() for ax in axes]
        assert all(a.x1 <= b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_names_at_ticks_do_not_overlap_on_a_phone():
    figure, (ax,) = fg.new_figure(9, 3)
    names = [f"a laboratory measurement with a long name: level {i}" for i in range(14)]
    ax.plot([0, 1], [0, 13])
    ax.set_yticks(range(14), names)
    small = narrowed(figure)
    boxes = [t.get_window_extent() for t in small.axes[0].get_yticklabels()]
    bottoms = sorted((b.y0, b.y1) for b in boxes)
    assert all(a[1] <= b[0] + 2 for a, b in zip(bottoms, bottoms[1:], strict=False))
    assert len({t.get_text() for t in small.axes[0].get_yticklabels()}) == 14


@pytest.mark.parametrize(
    "text", ["age", "a very long name of a column: level 3", "x" * 60, "年" * 40]
)
def test_a_name_is_cut_to_its_letters(text):
    short = shortened(text, 20)
    assert len(short) <= 20 and (short == text or "…" in short)
    assert not text.endswith("level 3") or short.endswith(": level 3")


def test_groups_with_long_names_are_told_apart():
    levels = "no disease (n = 164, 564)", "disease (n = 139, 436)"
    short = {shortened(f"a major vessel narrowed by more than 50 %: {one}", 30) for one in levels}
    assert len(short) == 2 and all(len(one) <= 30 for one in short)


def test_letters_of_another_script_come_from_another_font():
    figure, (ax,) = fg.new_figure(3, 2)
    plain, other = ax.text(0, 0, "возраст"), ax.text(0, 1, "年龄")
    assert lacking("возраст, Größe") == "" and lacking("年龄 age") == "年龄"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where no font has them
        set_letters([plain, other])
        assert other.get_fontfamily() == [OWN, *other_fonts("年龄")]
    assert plain.get_fontfamily() == ["sans-serif"]


def test_what_a_message_says_to_install_is_an_extra_and_carries_the_fonts(root):
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = extras["optional-dependencies"]["cjk"]
    assert "synthheart[cjk]" in INSTALL
    assert [re.split("[><=]", name)[0].replace("-", "_") for name in packages] == [*CARRIERS]


@pytest.mark.parametrize(
    ("word", "ending"), [("年龄", " SC"), ("年齢の分布", " JP"), ("나이 年齡", " KR")]
)
def test_a_font_is_of_the_region_of_the_letters(word, ending, monkeypatch):
    files = {f"Noto Sans CJK {where}": "x.ttc" for where in ("HK", "JP", "KR", "SC", "TC")}
    monkeypatch.setattr(fonts, "_plain_fonts", lambda: {"Some Latin": "y.ttf", **files})
    has = {"x.ttc": frozenset(map(ord, word)), "y.ttf": frozenset({65})}
    monkeypatch.setattr(fonts, "_letters_of", has.__getitem__)
    assert region(word) == ending
    assert other_fonts.__wrapped__(word) == (f"Noto Sans CJK{ending}",)


def test_a_scale_of_powers_of_ten_has_no_words_to_shorten():
    figure, (ax,) = fg.new_figure(6, 3)
    ax.plot([100, 10_000], [0, 1])
    ax.set_xscale("log")
    narrow = narrowed(figure)
    figure.canvas.draw()
    assert not any("…" in t.get_text() for t in narrow.axes[0].get_xticklabels())


def test_a_panels_title_is_not_cut_where_notes_beside_it_leave_no_room():
    figure, (ax,) = fg.new_figure(11, 4)
    ax.plot([1, 2], [0, 1])
    ax.set_title("Outcome predicted, AUC (higher is better)")
    at = ("axes fraction", "data")
    ax.annotate("a note beside the panel", (1.01, 0.5), xycoords=at)
    small = narrowed(figure)
    small.draw_without_rendering()
    box = small.axes[0].title.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= small.get_figwidth() * small.dpi
