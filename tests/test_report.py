"""The page: everything of the run is on it, it needs no network, and a screen reader finds its way."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from reference import stale
from reference import write as write_reference

from synthheart import disclosure, report
from synthheart.cohorts import heart_schema, load_heart
from synthheart.tables import train_holdout_split
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.figures import save_figure
from synthheart.privacy import attack

RELATIONS = pd.DataFrame(
    {
        "relation": ["heart rate falls with age", "men have more disease"],
        "group": "all",
        "measure": "odds ratio",
        "real": [-0.392, 3.569],
        "real_low": [-0.486, 2.097],
        "real_high": [-0.288, 6.072],
        "synthetic": [-0.372, 2.126],
        "real_holds": "clearly",
        "synthetic_holds": "yes",
        "agree": [True, False],
    }
)
RANKING = pd.DataFrame(
    {
        "rank": [np.nan, 1, 2],
        "model": ["real rows (floor)", "gan", "<copula>"],
        "shortfall": [0, 0.1071, 0.2071],
        "told_apart": 0.058,
        "utility_lost": 0.0,
        "exposed": 0.09,
        "c2st_auc": [0.55, 0.613, 0.7],
        "tstr_auc": 0.9,
        "attack": "membership_ratio",
        "attack_auc": 0.598,
        "note": np.nan,
    }
)
PAIRS = pd.DataFrame(
    {
        "metric": ["c2st_auc"],
        "first": ["gan"],
        "second": ["vae"],
        "difference": [-0.03],
        "ci_low": [-0.4],
        "ci_high": [0.34],
        "p": [0.5],
        "p_holm": [1.0],
        "splits": [2],
        "note": [np.nan],
    }
)
TRADEOFF = pd.DataFrame(
    [
        (0, "GAN", 0.5, 0.85, 0.80, 0.9),
        (0, "GAN", 10.0, 0.88, 0.63, 0.95),
        (0, "GAN", np.inf, 0.89, 0.60, 0.97),
        (0, "copy of train", np.inf, 0.90, 0.52, 0.98),
    ],
    columns=["split", "what", "epsilon", "tstr_auc", "c2st_auc", "column_shapes"],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    "A small run with what all other notebooks leave."
    folder = tmp_path_factory.mktemp("run")
    train, holdout = train_holdout_split(load_heart(), seed=0)
    fake = independent_marginals(train, 1000, 0)
    for name, table in {
        "train": train,
        "holdout": holdout,
        "synthetic": fake,
        "naive": fake.head(50),
        "relations": RELATIONS,
        "comparison_ranking": RANKING,
        "comparison_pairs": PAIRS,
        "dp_tradeoff": TRADEOFF,
    }.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "schema.json").write_text(heart_schema().to_json())
    evaluate(train, holdout, fake, draws=1, boot=10).to_csv(folder / "evaluation.csv", index=False)
    found = attack(train, holdout, fake)
    found.to_csv(folder / "privacy.csv", index=False)
    for name in ("08_embedding", "08a_odds", "09_exposure", "99_new"):
        figure = Figure(figsize=(4, 3))
        figure.set_label(f"A finding of {name}. What is <drawn>.")
        save_figure(figure, folder / "figures", name)
    page = disclosure.disclosure(
        found, train=212, holdout=91, released=1000, facts={"model": "x"}, source="UCI."
    )
    disclosure.write_disclosure(folder, page, disclosure.csv_label(fake))
    (folder / "executed").mkdir()
    (folder / "executed" / "00_data.ipynb").write_text("{}")
    for name in ("report.pdf", "poster.pdf"):
        (folder / name).write_bytes(b"%PDF")
    report.build_report(folder)
    report.write_page(folder, later=["manifest.json"])
    return folder


class Page(HTMLParser):
    "Elements with their attributes, and the text of each."

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link", "input", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def text(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_tags_match(page):
    assert page.open == []


def test_no_network(text, page):
    assert not re.findall(r'(?:src|data|poster)="(?!data:)', text)
    assert not re.findall(r"@import|<link|<script [^>]*src|fetch\(|XMLHttpRequest", text)
    outside = {a["href"] for a in page.all("a") if a["href"].startswith("http")}
    assert outside == {"https://doi.org/10.24432/C52P4X"}


def test_headings_go_down_step_by_step(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:]))


def test_every_address_inside_the_page_exists_once(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")} <= set(ids)
    assert {s["aria-labelledby"] for s in page.all("section")} <= set(ids)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page):
    scrolling = [d for d in page.all("div") if d.get("class") == "scroll"]
    assert scrolling and all(
        d["tabindex"] == "0" and d["role"] == "region" and d["aria-label"] for d in scrolling
    )


def test_every_figure_of_the_run_is_shown_with_words(folder, page, text):
    shown = {f["id"] for f in page.all("figure")}
    assert (
        shown
        == {p.stem for p in (folder / "figures").glob("*.svg")}
        >= {"10_columns", "10_tradeoff", "08a_odds", "99_new"}
    )
    assert all(len(i["alt"]) > 20 for i in page.all("img"))
    assert "What is &lt;drawn&gt;." in text and "<drawn>" not in text


def test_every_known_figure_has_a_caption_and_a_place():
    placed = [name for names in report.DRAWN.values() for name in names]
    assert sorted(placed) == sorted(report.CAPTIONS) and len(placed) == len(set(placed))


def test_sections_and_files_are_there(text, page):
    for title in (
        "Five numbers that matter",
        "Would a clinician conclude the same?",
        "Beside other generators",
        "Limits",
        "Disclosure",
        "All metrics",
        "Files",
    ):
        assert f">{title}</h2>" in text, title
    links = {a["href"] for a in page.all("a")}
    assert {
        "report.pdf",
        "poster.pdf",
        "metrics.json",
        "manifest.json",
        "disclosure.md",
        "SHARING.md",
        "executed/00_data.html",
        "synthetic_heart_disease.csv",
    } <= links
    assert "no proof of anonymity" in text and "Safe Harbor" in text


def test_tables_can_be_sorted_and_their_text_is_safe(page, text):
    assert all(t.get("class") == "sortable" for t in page.all("table"))
    assert len(page.all("thead")) == len(page.all("tbody")) == len(page.all("table"))
    assert all(h.get("scope") in ("col", "row") for h in page.all("th"))
    assert "aria-sort" in text and "&lt;copula&gt;" in text and "<copula>" not in text


def test_metrics_hold_what_the_page_shows(folder, text):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert [r["model"] for r in metrics["comparison"]["ranking"]] == list(RANKING.model)
    assert metrics["clinical"]["relations"][1]["agree"] is False
    assert [r["epsilon"] for r in metrics["privacy"]["tradeoff"]] == [0.5, 10.0, None, None]
    prose = re.sub(r"<(script|style|img)\b.*?(</\1>|>)", "", text, flags=re.DOTALL)
    known = json.dumps(metrics) + (folder / "disclosure.md").read_text()
    numbers = {float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", known)}
    rounded = {f"{x:.3f}" for x in numbers} | {f"{abs(x):.3f}" for x in numbers}
    own = {report.measure(metrics, "tstr_auc").value - report.measure(metrics, "trtr_auc").value}
    rounded |= {f"{abs(x):.3f}" for x in own} | {"0.500"}
    strange = set(re.findall(r"(?<![\d.])\d\.\d{3}(?!\d)", prose)) - rounded
    assert strange == set()


def test_same_files_same_bytes(folder, text):
    before = (folder / "metrics.json").read_bytes()
    report.build_report(folder)
    report.write_page(folder, later=["manifest.json"])
    assert (folder / "report.html").read_text(encoding="utf-8") == text
    assert (folder / "metrics.json").read_bytes() == before


def test_a_short_run_says_less(folder, tmp_path):
    for name in ("train.csv", "holdout.csv", "synthetic.csv", "evaluation.csv", "privacy.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    report.build_report(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (
        "Beside other generators" not in text
        and "Disclosure</h2>" not in text
        and "report.pdf" not in text
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["comparison"] == {}
    assert Page(text).open == []


def test_markdown_is_made_harmless():
    told = report.markdown_html(
        "# Title\n\n## Part\n\n<script>x</script>\n\n| a | b |\n|:--|--:|\n| **1** | 2 |\n"
    )
    assert "<h1" not in told and "<h3>Part</h3>" in told and "<script" not in told
    assert (
        told.count('<th scope="col">') == 2 and "<thead>" in told and "<strong>1</strong>" in told
    )


def test_labels_of_the_tradeoff_do_not_overlap():
    places = report._apart([0.90, 0.5, 0.89, 0.895], 0.02)
    assert np.diff(sorted(places)).min() >= 0.02 - 1e-12 and places[1] == 0.5


# The reference


@pytest.fixture
def latest(folder, tmp_path) -> Path:
    import shutil

    latest = tmp_path / "latest"
    shutil.copytree(folder, latest)
    (latest / "manifest.json").write_text(json.dumps({"code": {}, "inputs": {}}))
    return latest


def test_the_reference_is_made_whole_and_keeps_what_others_put_there(latest, tmp_path):
    pytest.importorskip("typst")
    out = tmp_path / "reference"
    out.mkdir()
    (out / "benchmarks.json").write_text("{}")
    (out / "10_columns.png").write_text("old")
    assert write_reference(latest, out) < 8_000_000
    names = {p.name for p in out.iterdir()}
    assert {
        "report.html",
        "poster.png",
        "report.pdf",
        "benchmarks.json",
        "figures",
        "manifest.json",
    } <= names
    assert not {"10_columns.png", "train.csv", "model.synth", "executed", "naive.csv"} & names
    links = {a["href"] for a in Page((out / "report.html").read_text(encoding="utf-8")).all("a")}
    assert not [x for x in links if not x.startswith(("http", "#")) and not (out / x).exists()]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".reference")] == []


def test_a_reference_of_another_size_is_refused(latest, tmp_path):
    fake = pd.read_csv(latest / "synthetic.csv").head(400)
    fake.to_csv(latest / "synthetic.csv", index=False)
    with pytest.raises(ValueError, match="has 400 synthetic patients, the reference holds 1000"):
        write_reference(latest, tmp_path / "reference")
    assert not (tmp_path / "reference").exists()
    (latest / "poster.pdf").unlink()
    with pytest.raises(ValueError, match="poster.pdf: missing"):
        write_reference(latest, tmp_path / "reference")


def test_only_code_and_data_make_a_reference_old(tiny, tmp_path):
    from synthheart.pipeline import code_sha256, sha256

    data = tmp_path / "synthheart" / "datasets" / "a.csv"
    data.parent.mkdir(parents=True)
    data.write_text("age\n63\n")
    one, page = tiny("00_data", "x = 1"), tiny("10_report", "y = 1")
    manifest = {
        "code": {p.stem: code_sha256(p) for p in (one, page)},
        "inputs": {"synthheart/datasets/a.csv": sha256(data)},
    }
    assert stale(manifest, tmp_path) == []
    tiny("10_report", "y = 2")
    notebook = json.loads(one.read_text())
    notebook["cells"].append(
        {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": "A word."}
    )
    one.write_text(json.dumps(notebook))
    assert stale(manifest, tmp_path) == []
    tiny("00_data", "x = 2")
    tiny("01_new", "z = 1")
    data.write_text("age\n64\n")
    assert stale(manifest, tmp_path) == ["00_data", "01_new", "synthheart/datasets/a.csv"]
