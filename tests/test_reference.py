"""The report kept in the repository is whole, small, and no older than the code that made it."""

import base64
import io
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from reference import COPIED, MOST_BYTES, PATIENTS, WARD_BYTES, WARD_FILES, stale

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "reports" / "reference"
sys.path.append(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((REFERENCE / "manifest.json").read_text(encoding="utf-8"))


def test_it_is_as_new_as_the_code(manifest):
    "Only the code of the notebooks up to 09d and the data shape the numbers; see `stale`."
    changed = stale(manifest)
    if changed:
        pytest.fail(
            f"run make reference: changed since it was made: {', '.join(changed)}", pytrace=False
        )


def test_it_is_whole_and_small():
    files = [p for p in REFERENCE.rglob("*") if p.is_file() and p.parent.name != "executed"]
    assert sum(p.stat().st_size for p in files) < MOST_BYTES
    for name in (*COPIED, "report.html", "poster.png"):
        assert (REFERENCE / name).stat().st_size > 0, name
    assert len(list((REFERENCE / "figures").glob("*.svg"))) > 10
    assert len(pd.read_csv(REFERENCE / "synthetic_heart_disease.csv")) == PATIENTS


def test_it_holds_no_real_rows_and_no_models():
    names = {p.name for p in REFERENCE.rglob("*") if p.is_file()}
    assert not {"train.csv", "holdout.csv", "naive.csv"} & names
    assert not [n for n in names if n.endswith((".synth", ".keras"))]


def test_its_links_lead_somewhere():
    page = (REFERENCE / "report.html").read_text(encoding="utf-8")
    links = {link for link in re.findall(r'href="([^"#]+)"', page) if not link.startswith("http")}
    assert {
        "report.pdf",
        "poster.pdf",
        "synthetic_heart_disease.csv",
        "metrics.json",
        "manifest.json",
    } <= links
    assert not [link for link in links if not (REFERENCE / link).exists()]


def test_it_names_no_folder_of_the_builder():
    for path in REFERENCE.glob("*.*"):
        if path.suffix in (".json", ".html", ".md", ".csv"):
            assert not re.search(
                r"/(home|Users|root|work|tmp)/", path.read_text(encoding="utf-8")
            ), path.name


LESSONS = sorted((REFERENCE / "executed").glob("*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_kept_lesson_can_be_read(path):
    "Outputs without errors and folders of the builder, described pictures, links that lead on."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    assert outputs and not [out for out in outputs if out["output_type"] == "error"]
    for out in outputs:
        if "image/png" in out.get("data", {}):
            assert out["metadata"]["image/png"]["alt"], path.stem
        shown = "".join(out.get("text", "")) + "".join(out.get("data", {}).get("text/plain", ""))
        assert not re.search(r"/(home|Users|root|work|tmp)/", shown), shown[:200]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", "".join(cell["source"])):
                if not link.startswith("http") and not link.endswith(".ipynb"):
                    assert (path.parent / link).exists(), link


def test_the_kept_lessons_are_light():
    from keep_lessons import MOST_BYTES as most

    assert sum(path.stat().st_size for path in LESSONS) < most


def test_outputs_go_to_the_cells_they_came_from():
    from keep_lessons import is_of, with_outputs
    from PIL import Image

    made, dot = io.BytesIO(), Image.new("RGB", (1, 1))
    dot.save(made, "PNG")
    picture = base64.b64encode(made.getvalue()).decode()
    ran = {"output_type": "display_data", "metadata": {}}
    ran["data"] = {"image/png": picture, "text/plain": "A dot in /home/somebody/nbs/dot.png"}
    noise = {"output_type": "stream", "name": "stderr", "text": "100%|###|"}
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    prose = {"cell_type": "markdown", "id": "a", "metadata": {}}
    prose["source"] = (
        "A [GAN](../docs/glossary.md#gan), its [page](../reports/reference/report.html)"
    )
    left_out = code | {"id": "c", "source": "answer = 1"}
    left_out["metadata"] = {"tags": ["solution"]}
    source = {"cells": [prose, code | {"id": "b", "source": "draw()"}, left_out]}
    executed = {"cells": [code | {"id": "b", "source": "draw()", "outputs": [noise, ran]}]}
    assert is_of(executed, source)
    assert not is_of({"cells": [code | {"id": "b", "source": "drew()"}]}, source)
    made = with_outputs(source, executed)["cells"]
    assert "(../../../docs/glossary.md#gan)" in "".join(made[0]["source"])
    assert "(../report.html)" in "".join(made[0]["source"])
    (out,) = made[1]["outputs"]
    assert out["metadata"]["image/png"]["alt"] == "A dot in dot.png"
    assert made[2]["outputs"] == []


def test_a_slider_is_kept_beside_its_still():
    from keep_lessons import light
    from make_site import output

    from synthheart.figures import new_figure, set_title
    from synthheart.moving import flipbook

    def draw(value: float):
        figure, (ax,) = new_figure(2, 2)
        ax.bar([0], [value])
        return set_title(figure, f"A bar of {value:g}")

    data = flipbook(draw, [1.0, 2.0], "height")._repr_mimebundle_()
    out = {"output_type": "execute_result", "metadata": {}, "data": data}
    kept = light(out)
    assert "text/html" not in kept["data"] and kept["metadata"]["image/png"]["alt"] == "A bar of 2"
    assert output(kept, "x").count("<img") == 2


def test_a_figure_that_says_its_size_alone_gets_words():
    from keep_lessons import light, told
    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (1, 1)).save(made, "PNG")
    data = {"image/png": base64.b64encode(made.getvalue()).decode()}
    data["text/plain"] = "<Figure size 700x300 with 1 Axes>"
    out = {"output_type": "display_data", "metadata": {}, "data": data}
    for code, words in (
        ('ax.set(xlabel="age", title="Older, slower")', "Older, slower"),
        ('fig.suptitle("No word for a bend", y=1.03)', "No word for a bend"),
        ('ax.set(title=f"{n} rows")', "A figure of the section 'Rows'"),
    ):
        assert light(out, told(code, "Rows"))["metadata"]["image/png"]["alt"] == words


needs_ward = pytest.mark.skipif(
    not (REFERENCE / "ward").is_dir(), reason="make reference writes reports/reference/ward"
)


@needs_ward
def test_the_example_of_an_own_table_is_whole_small_and_of_that_table():
    from synthheart.ward import made_up_ward

    ward = REFERENCE / "ward"
    assert sorted(p.name for p in ward.iterdir()) == sorted([*WARD_FILES, "ward.csv"])
    assert sum(p.stat().st_size for p in ward.iterdir()) < WARD_BYTES
    table = pd.read_csv(ward / "ward.csv", dtype=str, keep_default_na=False)
    made = made_up_ward().astype(object).where(lambda t: t.notna(), "").astype(str)
    assert table.equals(made)


@needs_ward
def test_nobody_of_the_example_table_comes_back():
    ward = REFERENCE / "ward"
    real, fake = (pd.read_csv(ward / name) for name in ("ward.csv", "synthetic_ward.csv"))
    assert list(fake) == list(real)
    assert not set(real.patient_id) & set(fake.patient_id)
    assert fake.drop(columns="patient_id").merge(real, how="inner").empty


@needs_ward
def test_the_example_table_is_not_about_the_heart():
    for name in ("report.html", "disclosure.md", "SHARING.md", "metrics.json", "manifest.json"):
        text = (REFERENCE / "ward" / name).read_text(encoding="utf-8")
        assert not re.search(r"(?i)cleveland|\bUCI\b|heart disease", text), name
