"""The page: all of the run is on it, it needs no network, a screen reader finds its way."""

import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import fewer_trees
from matplotlib.figure import Figure
from reference import stale
from reference import write as write_reference
from sklearn.datasets import load_diabetes

from synthheart import disclosure, report
from synthheart.catalogue import ATTACKS, METRICS
from synthheart.cohorts import DATASETS, Dataset
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.figures import FIGURES, FigureRecord, write_figure
from synthheart.judging import measure, run_verdict
from synthheart.privacy import attack
from synthheart.runs import Run, start_run
from synthheart.statistics import detectable

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
        "rank_low": [np.nan, 1, 1],
        "rank_high": [np.nan, 2, 2],
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


def measured_run(folder: Path, dataset: Dataset, rows: int = 1000) -> Run:
    "A run whose columns are drawn one by one, quickly measured."
    run = start_run(folder, dataset, seed=0)
    run.write("synthetic", independent_marginals(run.train, rows, 0))
    tables, schema = (run.train, run.holdout, run.synthetic), run.schema
    target = schema.target
    with fewer_trees():
        run.results("evaluation", evaluate(*tables, target, schema=schema, draws=1, boot=10))
    run.results("privacy", attack(*tables, schema=schema))
    return run


def disclose(run: Run) -> None:
    "Write what a committee reads into a run."
    told = {"judged": run_verdict(run)}
    page = disclosure.disclosure_page(run.table("privacy"), disclosure.release_of(run), **told)
    label = disclosure.csv_label(run.synthetic, run.dataset.release, run.schema)
    disclosure.write_disclosure(run, page, label)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    "A small run with what all other notebooks leave."
    run = measured_run(tmp_path_factory.mktemp("run"), DATASETS["cleveland"])
    run.write("naive", run.synthetic.head(50))
    run.write("relations", RELATIONS)
    run.write("comparison_ranking", RANKING)
    run.write("comparison_pairs", PAIRS)
    run.write("dp_tradeoff", TRADEOFF)
    for name in ("08_embedding", "08a_odds", "09_exposure", "99_new"):
        figure = Figure(figsize=(4, 3))
        figure.set_label(f"A finding of {name}. What is <drawn>.")
        write_figure(run, figure, name)
    disclose(run)
    run.write("executed/00_data.ipynb", "{}")
    for name in ("report", "poster"):
        run.write(name, b"%PDF")
    report.write_report(run)
    report.write_page(run, later=["manifest.json"])
    return run


@pytest.fixture(scope="module")
def folder(run) -> Path:
    return run.folder


class Page(HTMLParser):
    "Elements with their attributes, and the text of each."

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link", "input", "hr", "source"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

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


def test_nothing_is_wider_than_a_phone(text):
    "No fixed width but that of a drawing, which shrinks; what may be long breaks or scrolls alone."
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    found = re.findall(r"(?<![-\w])(?:min-)?width:\s*(\d+(?:\.\d+)?(?:px|rem|em|pt))", style)
    media = re.findall(r"@media \(min-width: ([^)]+)\)", style)
    assert sorted(found) == sorted(media)
    assert "overflow-wrap" in style and not re.findall(r'style="(?!--w)', text)
    assert all("--w" in image["style"] for _, image in Page(text).elements if _ == "img")
    assert text.count("<source media=") == text.count("<img")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    "Of two colours, as WCAG 2.2 computes it."
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_stand_out_from_their_ground_by_day_by_night_and_on_paper(text):
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    palettes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", root))
        for root in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3  # a screen, a dark one, paper
    for colours in palettes:
        for name in ("ink", "soft", "link", "real", "fake", "good", "bad", "unsure"):
            for ground in ("paper", "wash"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground, colours)
        assert contrast(colours["mark"], colours["on"]) >= 4.5
        for name in ("pale", "dark", "soft", "ink"):  # of the little drawings
            for ground in ("paper", "wash"):
                assert contrast(colours[name], colours[ground]) >= 3, (name, ground, colours)
    assert "#ffffff" == palettes[0]["paper"] != palettes[1]["paper"]


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page):
    scrolling = [d for d in page.all("div") if d.get("class") == "scroll"]
    assert scrolling and all(
        d["tabindex"] == "0" and d["role"] == "region" and d["aria-label"] for d in scrolling
    )


def test_every_figure_of_the_run_is_shown_with_words(folder, page, text):
    "But for those whose record gives them no section: the page itself shows what is on them."
    shown = {f["id"] for f in page.all("figure")}
    there = {p.stem for p in (folder / "figures").glob("*.svg")}
    assert shown == there - {"10_columns"} >= {"10_tradeoff", "08a_odds", "99_new"}
    assert all(len(i["alt"]) > 20 for i in page.all("img"))
    assert all(s["aria-label"] for s in page.all("svg"))
    assert "What is &lt;drawn&gt;." in text and "<drawn>" not in text


def test_every_known_figure_has_a_caption_and_a_place():
    for record in FIGURES.values():
        assert record.caption and record.section in report.PICTURED, record.name


def test_the_first_screen_answers_and_the_sections_follow_the_questions(text, page):
    first = text[: text.index('id="summary"')]
    for part in (
        "SYNTHETIC DATA: no row is a real patient",
        report.build_day(),
        "1,000",
        "What to do next",
        "What was not tested",
        "shadow models",
    ):
        assert part in first, part
    for answer in re.findall(r'<li class="(yes|no|unclear)"><strong>\w+: (\w+)\.', first):
        assert answer[0] == answer[1]
    names = [a["id"] for tag, a in page.elements if tag == "h2"]
    wanted = "answers summary columns relations analysis privacy release model appendix"
    assert names == wanted.split()
    bars = re.findall(r"<nav.*?</nav>", text, re.DOTALL)
    assert len(bars) == 2
    for bar in bars:
        for name in set(names) - {"summary"}:
            assert f'href="#{name}"' in bar, name


def test_numbers_of_other_releases_stand_in_the_appendix(text):
    appendix = text.index('id="appendix"')
    for name in ("10_tradeoff", "09_exposure", "99_new"):
        assert text.index(f'<figure id="{name}"') > appendix
    assert text.index("Models and references") > appendix
    assert text.index('<figure id="08_embedding"') < appendix


def test_each_column_is_a_line_that_opens_and_each_measure_says_what_it_is(run, text):
    table = re.search(r'<table class="sortable columns searchable">.*?</table>', text, re.DOTALL)[0]
    assert table.count("<tr>") == 1 + len(run.schema) == table.count("<details>") + 1
    assert table.count("<svg") == 2 * len(run.schema)
    scores = [float(x) for x in re.findall(r'data-head="Score"><b>([\d.]+)', table)]
    assert scores == sorted(scores)
    measures = re.findall(r'<table class="sortable measures">.*?</table>', text, re.DOTALL)
    told = "".join(measures)
    found = pd.concat([run.table("evaluation"), run.table("privacy")])
    here = set(found[found.value.notna() | found.goal.notna()].metric)  # of what the table has
    for record in (*METRICS.values(), *ATTACKS.values()):
        if record.name in here:
            assert (f"<summary>{html.escape(record.title)}</summary>" in told) == (
                not record.yardstick
            ), record.name


def test_a_metric_that_somebody_adds_is_shown_and_relations_have_lines(run):
    found = report.read_findings(run)
    extra = found.measured[found.measured.metric == "invalid_share"].head(1)
    extra = extra.assign(group="relation=a <= b")
    measured = pd.concat([found.measured, extra])
    more = report.Findings(run, measured, found.model, found.history, found.tables)
    lines = report.relation_measures(more)
    assert [line.title for line in lines.readings] == ["a <= b"]
    assert "a &lt;= b" in report.part_html(lines)
    assert report.relation_measures(found) is None
    assert report.measures(found, (), "none") is None


def test_a_figure_that_somebody_adds_is_drawn_and_shown(run, tmp_path):
    def draw(run: Run) -> Figure:
        figure = Figure(figsize=(3, 2))
        figure.set_label(f"{len(run.train)} patients taught the model. A blank sheet.")
        return figure

    shutil.copytree(run.folder, tmp_path / "run")
    FIGURES.add(FigureRecord("98_added", "privacy", "Added by a test.", 99, draw))
    try:
        report.write_report(Run(tmp_path / "run"))
    finally:
        FIGURES.remove("98_added")
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    privacy = text[text.index('<h2 id="privacy">') :]
    privacy = privacy[: privacy.index("</section>")]
    assert 'id="98_added"' in privacy and "Added by a test." in privacy
    assert "212 patients taught the model" in privacy


def test_sections_and_files_are_there(text, page):
    for title in (
        "Three answers",
        "Five numbers that matter",
        "Would an analysis come out the same?",
    ):
        assert f">{title}</h2>" in text, title
    for title in ("Other releases: models, budgets, repeated fits", "Disclosure", "All metrics"):
        assert f">{title}</h3></summary>" in text, title
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
    assert "No model is clearly first" in text and ">2 (1 to 2)<" in text
    assert "no proof of anonymity" in text and "Safe Harbor" in text


def test_tables_can_be_sorted_and_their_text_is_safe(page, text):
    assert all(t["class"].split()[0] == "sortable" for t in page.all("table"))
    assert len(page.all("thead")) == len(page.all("tbody")) == len(page.all("table"))
    assert all(h.get("scope") in ("col", "row") for h in page.all("th"))
    assert "aria-sort" in text and "&lt;copula&gt;" in text and "<copula>" not in text


def test_metrics_hold_what_the_page_shows(folder, text):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert [r["model"] for r in metrics["comparison"]["ranking"]] == list(RANKING.model)
    assert metrics["clinical"]["relations"][1]["agree"] is False
    assert [r["epsilon"] for r in metrics["privacy"]["tradeoff"]] == [0.5, 10.0, None, None]
    drawn = re.sub(r"<svg\b.*?</svg>|<source\b[^>]*>", "", text, flags=re.DOTALL)
    prose = re.sub(r"<(script|style|img)\b.*?(</\1>|>)", "", drawn, flags=re.DOTALL)
    known = json.dumps(metrics) + (folder / "disclosure.md").read_text()
    numbers = {float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", known)}
    rounded = {f"{x:.3f}" for x in numbers} | {f"{abs(x):.3f}" for x in numbers}
    own = {measure(metrics, "tstr_auc").value - measure(metrics, "trtr_auc").value}
    ends = pd.DataFrame(metrics["records"])[["value", "ci_low", "ci_high"]].astype(float)
    own |= set(pd.Series(detectable(*(ends[name] for name in ends))).dropna())  # "can see"
    rounded |= {f"{abs(x):.3f}" for x in own} | {"0.500"}
    strange = set(re.findall(r"(?<![\d.])\d\.\d{3}(?!\d)", prose)) - rounded
    assert strange == set()


def test_same_files_same_bytes(run, folder, text):
    before = (folder / "metrics.json").read_bytes()
    report.write_report(run)
    report.write_page(run, later=["manifest.json"])
    assert (folder / "report.html").read_text(encoding="utf-8") == text
    assert (folder / "metrics.json").read_bytes() == before


def test_a_short_run_says_less(folder, tmp_path):
    parts = ("dataset", "schema", "train", "holdout", "synthetic", "evaluation", "privacy")
    for name in parts:
        path = Run(folder).path(name)
        shutil.copyfile(path, tmp_path / path.name)
    report.write_report(Run(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (
        "Other releases" not in text and "Disclosure</h3>" not in text and "report.pdf" not in text
    )
    assert json.loads((tmp_path / "metrics.json").read_text())["comparison"] == {}
    assert Page(text).open == []


def test_a_page_on_another_table_speaks_of_that_table(tmp_path):
    frame = load_diabetes(as_frame=True, scaled=False).frame
    ward = Dataset.from_table(frame, "ward <7>", title="Ward <7>", target="target")
    run = measured_run(tmp_path, ward, rows=200)
    disclose(run)
    names = [path.name for path in report.write_report(run)]
    assert names[0] == "synthetic_ward_7_.csv"
    page = run.text("page")
    assert Page(page).open == []
    assert "Synthetic patients: Ward &lt;7&gt;" in page and "Ward <7>" not in page
    for text in (page, run.text("disclosure"), run.text("sharing")):
        words = re.sub(r"data:image[^\"]*|<style>.*?</style>", "", text, flags=re.DOTALL).lower()
        assert not re.search(r"\bheart|cleveland|\buci\b|cardiolog", words)
    assert "Real data:" not in page


def test_markdown_is_made_harmless():
    told = report.markdown_html(
        "# Title\n\n## Part\n\n<script>x</script>\n\n| a | b |\n|:--|--:|\n| **1** | 2 |\n"
    )
    assert "<h1" not in told and "<h3>Part</h3>" in told and "<script" not in told
    assert (
        told.count('<th scope="col">') == 2 and "<thead>" in told and "<strong>1</strong>" in told
    )


def test_an_executed_notebook_is_a_page_without_code_and_noise(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    noise = "I0000 00:00:17.1 1 cudart_stub.cc:31] Could not find cuda drivers\n"
    outputs = [
        nbformat.v4.new_output("stream", name="stderr", text=noise),
        nbformat.v4.new_output("stream", name="stderr", text=f"{noise}a warning that counts\n"),
        nbformat.v4.new_output(
            "display_data", {"image/png": "aGk=", "text/plain": "Two bars. Blue < red."}
        ),
    ]
    code = nbformat.v4.new_code_cell("#| export\nx = 1", outputs=outputs)
    head = nbformat.v4.new_markdown_cell("# Bars & more\n\n## A part")
    path = tmp_path / "private" / "executed" / "08_bars.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[head, code]), path)
    told = report.notebook_page(path)
    assert Page(told).open == [] and "<title>Bars &amp; more</title>" in told
    assert "cudart" not in told and "a warning that counts" in told and "#| export" not in told
    assert "Two bars. Blue &lt; red." in re.search(r'<img[^>]*alt="([^"]*)"', told)[1]
    assert 'href="../../report.html"' in told and 'href="#A-part"' in told
    assert re.search(r"#code:not\(:checked\)[^{]*\.input \{ display: none", told)
    assert not re.findall(r'<link|<script|src="(?!data:)', told)


def test_labels_of_the_tradeoff_do_not_overlap():
    places = report._apart([0.90, 0.5, 0.89, 0.895], 0.02)
    assert np.diff(sorted(places)).min() >= 0.02 - 1e-12 and places[1] == 0.5


# The reference


@pytest.fixture
def latest(folder, tmp_path) -> Path:
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
    from synthheart.runs import code_sha256, sha256

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
