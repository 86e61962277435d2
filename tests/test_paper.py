"""The PDFs say what metrics.json says, the same files give the same bytes, a poster is a poster."""

import hashlib
import html
import io
import json
import re
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest
from conftest import fewer_trees

from synthheart import paper
from synthheart.catalogue import FLOOR_NAME, of_kind
from synthheart.cohorts import DATASETS
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.judging import WORDS, headlines, number, run_verdict
from synthheart.privacy import attack
from synthheart.report import write_report
from synthheart.runs import Run, start_run

pypdf = pytest.importorskip("pypdf")
pytest.importorskip("typst")
pytest.importorskip("segno")

POINTS_PER_MM = 72 / 25.4


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    "A small run: columns drawn one by one, quickly measured, and rows in the original's place."
    run = start_run(tmp_path_factory.mktemp("run"), DATASETS["cleveland"], seed=0)
    run.write("synthetic", independent_marginals(run.train, 300, 0))
    run.write("naive", independent_marginals(run.train, 50, 1))
    tables, schema = (run.train, run.holdout, run.synthetic), run.schema
    with fewer_trees():
        run.results("evaluation", evaluate(*tables, schema=schema, draws=1, boot=10))
    run.results("privacy", attack(*tables, schema=schema))
    losses = {"step": [10, 20, 30], "critic": [0.7, 0.6, 0.65], "generator": [0.8, 0.7, 0.75]}
    run.write("history", pd.DataFrame(losses))
    write_report(run)
    paper.build_papers(run)
    return run


@pytest.fixture(scope="module")
def folder(run) -> Path:
    return run.folder


@pytest.fixture(scope="module")
def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def read(path) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(path if isinstance(path, bytes) else Path(path).read_bytes()))


def words(path) -> str:
    "All text of a PDF, spaces made one, the typographic minus made a hyphen."
    return " ".join(
        " ".join(page.extract_text() for page in read(path).pages).replace("−", "-").split()
    )


def test_pages(folder):
    report, poster = read(folder / "report.pdf"), read(folder / "poster.pdf")
    assert 6 <= len(report.pages) <= 12
    assert len(poster.pages) == 1
    sizes = [
        [round(float(x) / POINTS_PER_MM) for x in (page.mediabox.width, page.mediabox.height)]
        for page in (report.pages[0], poster.pages[0])
    ]
    assert sizes == [[210, 297], [841, 594]]


def test_every_metric_of_the_run_is_in_the_report(folder, metrics):
    text, model = words(folder / "report.pdf"), metrics["model"]["name"]
    own = [r for r in metrics["records"] if r["model"] == model]
    assert len(own) > 30
    for record in own:
        for key in ("value", "floor"):
            assert number(record[key]) in text, (record["metric"], record["group"], key)
    for record in (r for r in own if r["group"] == "all"):
        for key in ("ci_low", "ci_high", "goal"):
            assert number(record[key]) in text, (record["metric"], key)
    for feature in metrics["features"]:
        if "±" in feature["real"]:
            assert feature["real"] in text and feature["synthetic"] in text


def test_the_abstract_is_built_from_the_numbers(folder, metrics):
    text = words(folder / "report.pdf")
    abstract = text[text.index("Abstract.") : text.index("Contents")]
    values = {
        r["metric"]: r
        for r in metrics["records"]
        if r["group"] == "all" and r["model"] == metrics["model"]["name"]
    }
    for metric in ("column_shapes", "column_pairs", "c2st_auc"):
        assert (
            number(values[metric]["value"]) in abstract
            and number(values[metric]["floor"]) in abstract
        )
    for metric in ("tstr_auc", "trtr_auc", "invalid_share", "copies_train"):
        assert number(values[metric]["value"]) in abstract
    assert number(max(values[m]["value"] for m in of_kind("membership"))) in abstract
    for rows in metrics["rows"].values():
        assert f"{rows:,}" in abstract


def test_the_poster_shows_values_beside_floors(folder, metrics):
    text, model = words(folder / "poster.pdf"), metrics["model"]["name"]
    drawn = [name for names in paper.drawn_metrics().values() for name in names]
    assert {"column_shapes", "c2st_auc", "tstr_auc", "coverage"} < set(drawn)
    assert {*of_kind("membership"), *of_kind("risk")} < set(drawn)
    for record in metrics["records"]:
        own = record["model"] == model and record["group"] == "all" and record["metric"] in drawn
        if own and record["value"] is not None:
            assert number(record["value"]) in text and number(record["floor"]) in text, record[
                "metric"
            ]


def test_every_page_repeats_the_verdict_and_judges_nothing(run, folder, metrics):
    "Columns drawn one by one: told from real patients, of little use."
    found = run_verdict(run)
    assert metrics["verdict"] == found.to_dict()
    assert (found.faithful, found.useful) == ("no", "no") and found.safe != "yes"
    page = html.unescape((folder / "report.html").read_text(encoding="utf-8"))
    pages = {"page": page} | {n: words(folder / f"{n}.pdf") for n in ("report", "poster")}
    for sentence in found.sentences:
        for name, text in pages.items():
            assert sentence in text, (name, sentence)
    for card in headlines(metrics):
        assert card.verdict in WORDS.values() and f">{card.verdict}<" in page


def test_the_floor_of_a_measure_is_the_same_everywhere(run, metrics):
    "References have floors of their own; a table that mixed them would contradict the abstract."
    changed = paper.gather_facts(run)
    changed["metrics"][FLOOR_NAME] = {
        k: {"all": {**by["all"], "t": "9.999"}}
        for k, by in changed["metrics"][metrics["model"]["name"]].items()
        if "all" in by
    }
    changed["metrics"]["copy of train"] = changed["metrics"][metrics["model"]["name"]]
    text = words(paper.set_pages(changed, "report", run)[0])
    assert "The references on the same measures." in text and "9.999" not in text


@pytest.mark.parametrize("name", ["report", "poster"])
def test_a_changed_number_changes_the_page(run, name):
    "No result is typed into a template: every three-decimal number of a page comes from the facts."
    facts = paper.gather_facts(run)
    text = json.dumps(facts, ensure_ascii=False)
    changed = json.loads(re.sub(r'"(-?)\d\.\d{3}"', r'"\g<1>7.777"', text))
    page = words(paper.set_pages(changed, name, run)[0])
    assert "7.777" in page
    notes = " ".join(
        record["note"]
        for by in facts["metrics"].values()
        for g in by.values()
        for record in g.values()
    )
    settings = json.dumps(facts["settings"]) + " ".join(facts["verdict"])
    left = {x for x in re.findall(r"(?<![\d./])\d\.\d{3}(?![\d/])", page) if x != "7.777"}
    assert {x for x in left if x not in notes and x not in settings} == set()


def test_templates_hold_no_results():
    "In the words of the templates no number has three decimals, and none follows AUC."
    for name in ("report.typ", "poster.typ"):
        source = (resources.files("synthheart") / "templates" / name).read_text(encoding="utf-8")
        prose = "\n".join(
            line for line in source.splitlines() if not line.lstrip().startswith("//")
        )
        assert not re.findall(r"\b[01]\.\d{3,}", prose), name
        assert not re.findall(r"AUC \d", prose), name


@pytest.mark.parametrize("name", ["report", "poster"])
def test_same_bytes(run, folder, name):
    made = [paper.set_pages(paper.gather_facts(run), name, run)[0] for _ in range(2)]
    digests = {hashlib.sha256(pdf).hexdigest() for pdf in made}
    digests.add(hashlib.sha256((folder / f"{name}.pdf").read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["report", "poster"])
def test_fonts_are_inside_and_there_is_no_date(folder, name):
    pdf = read(folder / f"{name}.pdf")
    assert pdf.metadata.title
    assert "/CreationDate" not in pdf.metadata and "/ModDate" not in pdf.metadata
    seen = 0
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            descriptor = inner["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descriptor), descriptor["/FontName"]
            seen += 1
    assert seen


@pytest.mark.parametrize("name", ["report", "poster"])
def test_tagged_for_screen_readers(folder, name):
    catalogue = read(folder / f"{name}.pdf").trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert str(catalogue["/Lang"]).startswith("en")


def test_report_links_and_vectors(folder):
    report = read(folder / "report.pdf")
    assert len(report.outline) > 5
    for page in report.pages:
        assert not [
            o
            for o in page["/Resources"].get("/XObject", {}).values()
            if o.get_object()["/Subtype"] == "/Image"
        ]


def test_poster_can_be_read_from_two_metres(folder):
    "No letter below 24 points; section headings at least 48."
    sizes: dict[str, float] = {}

    def see(text, _, matrix, __, size):
        if text.strip():
            sizes[text.strip()] = min(sizes.get(text.strip(), 1e9), abs(size * matrix[3]))

    read(folder / "poster.pdf").pages[0].extract_text(visitor_text=see)
    assert sizes and min(sizes.values()) >= 23.9, sorted(sizes.items(), key=lambda kv: kv[1])[:5]
    for part in ("Introduction", "Impact", "Results", "Conclusion", "References"):
        assert max(size for text, size in sizes.items() if part in text) >= 48, part


def test_poster_has_the_original_sections_and_the_caveats(folder):
    text = words(folder / "poster.pdf")
    for part in (
        "Introduction",
        "Impact",
        "The GAN",
        "Process overview",
        "Before and after",
        "Results",
        "Privacy",
        "Conclusion",
        "References",
        "no proof of anonymity",
        "clinical use",
    ):
        assert part in text, part
    report = words(folder / "report.pdf")
    for part in (
        "no proof of anonymity",
        "No clinical use",
        "Goodfellow",
        "Huang",
        "Xu",
        "Detrano",
        "Janosi",
        "Giomi",
        "van Breugel",
        "Naeem",
        "Lopez-Paz",
        "Dwork",
        "McKenna",
        "Nadeau",
    ):
        assert part in report, part


def test_address_is_that_of_the_settings():
    settings = Path(__file__).parent.parent / "settings.ini"
    if not settings.exists():
        pytest.skip("not in a checkout")
    assert f"git_url = {paper.repository()}" in settings.read_text()


def test_qr_code_is_the_same_each_time_and_needs_no_network():
    code = paper.qr_code(paper.repository())
    assert (
        code == paper.qr_code(paper.repository())
        and code.startswith("<svg")
        and code != paper.qr_code("x")
    )


def test_no_bar_shows_a_single_patient(run):
    "The outermost bars are open and hold many; rare levels are public in the dictionary."
    facts = paper.gather_facts(run)
    for column in facts["columns"]:
        if column["edges"] is not None:
            assert min(column["bars"]["real"][0], column["bars"]["real"][-1]) > 0.02, column["name"]
            assert sum(column["bars"]["real"]) == pytest.approx(1)


def test_a_quick_run_without_history_and_model_still_gives_papers(folder, tmp_path):
    import shutil

    small = tmp_path / "small"
    shutil.copytree(folder, small)
    for name in ("history.csv", "report.pdf", "poster.pdf"):
        (small / name).unlink()
    shutil.rmtree(small / "figures")
    assert [p.name for p in paper.build_papers(Run(small))] == ["report.pdf", "poster.pdf"]


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="metrics.json: missing"):
        paper.build_papers(Run(tmp_path))
    assert list(tmp_path.iterdir()) == []
