"""A parcel holds no real row under any name, nothing that was changed, and no number that gives a
patient back.
"""

import base64
import gzip
import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from urllib.parse import quote

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from synthheart import parcel as par
from synthheart.cohorts import DATASETS, Dataset, load_heart
from synthheart.disclosure import (
    csv_label,
    disclosure_page,
    release_of,
    rule_fits,
    write_disclosure,
)
from synthheart.evaluation import evaluate, independent_marginals
from synthheart.judging import run_verdict
from synthheart.privacy import attack
from synthheart.runs import Recipe, Run, make_manifest, start_run
from synthheart.synthesizer import Synthesizer


def ward(seed: int = 0, rows: int = 240) -> pd.DataFrame:
    "Patients who are nobody's business."
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 95, rows)
    return pd.DataFrame(
        {
            "age": age,
            "weight": np.round(rng.normal(75, 14, rows), 1),
            "crp": np.round(rng.gamma(2, 9, rows), 2),
            "sex": rng.choice(["f", "m"], rows),
            "plan": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.37, 0.03]),
            "died": (age + rng.normal(0, 20, rows) > 80).astype(int),
        }
    )


def finish(run: Run) -> Run:
    "Write the manifest of a finished build."
    run.write("manifest", make_manifest(run, Recipe(()), {}, {}))
    return Run(run.folder)


SHAPES = ["column_shapes", "association_error", "invalid_share", "copies_train"]
ATTACKS = ["membership_distance", "singling_out"]


def measured(run: Run) -> None:
    "A few results of each kind."
    tables, quick = (run.train, run.holdout, run.synthetic), {"schema": run.schema, "seed": 0}
    run.results("evaluation", evaluate(*tables, boot=5, metrics=SHAPES, draws=1, **quick))
    found = attack(*tables, queries=20, metrics=ATTACKS, by=("sex",), **quick)
    run.results("privacy", found)


def built(folder, table: pd.DataFrame, fake: pd.DataFrame | None = None) -> Run:
    "A private run with what the parcel is made from: results on `fake`, and metrics."
    (folder / "private").mkdir(parents=True)
    run = start_run(folder, Dataset.from_table(table, "ward", target="died"), seed=0)
    if fake is None:
        fake = independent_marginals(run.train, 300)
    for name in ("synthetic", run.dataset.release):
        run.write(name, fake)
    measured(run)
    run.results("features", pd.DataFrame({"real_mean": run.train.mean(numeric_only=True)}))
    run.write("metrics", {"format": 2, "verdict": run_verdict(run).to_dict(), "x": 1 / 3})
    for name in ("history.csv", "figures/09_membership.svg", "report.pdf", "odds.csv"):
        run.write(name, "x,y\n0.12345678,1\n")
    found = run.table("privacy")
    page = disclosure_page(found, release_of(run), target="died", judged=run_verdict(run))
    write_disclosure(run, page, csv_label(run.synthetic, run.dataset.release, run.schema))
    return finish(run)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return built(tmp_path_factory.mktemp("runs") / "ward", ward())


@pytest.fixture
def public(tmp_path) -> Run:
    "A finished run of public patients."
    heart = start_run(tmp_path, DATASETS["cleveland"], seed=0)
    for name in ("synthetic", heart.dataset.release):
        heart.write(name, independent_marginals(heart.train, 300))
    heart.write("disclosure", "# Disclosure")
    heart.write("evaluation", "metric,group,value\na,all,0.123456789012\n")
    return finish(heart)


def contents(run: Run) -> dict[str, str]:
    "The parcel's files as text."
    return {name: part.decode() for name, part in par.parcel_contents(run).items()}


def test_a_private_parcel_holds_tables_of_known_form_and_no_long_number(run):
    found = contents(run)
    assert set(found) == {
        "synthetic_ward.csv",
        "synthetic_ward.csv-metadata.json",
        "disclosure.md",
        "metrics.json",
        *(f"{name}.{suffix}" for name in ("evaluation", "privacy") for suffix in ("csv", "json")),
    }
    for name, text in found.items():
        if not name.startswith("synthetic"):
            assert not re.search(r"\d\.\d{5}", text), name
    assert "nearest ten" in found["disclosure.md"] and "nearest ten" in found["metrics.json"]
    table = run.table("evaluation")
    assert (
        "168" not in found["disclosure.md"]
        and "learned from 170 patients" in found["disclosure.md"]
    )
    assert any(re.search(r"\d\.\d{9}", f"{v}") for v in table.value.dropna())  # at home they stay


def test_answers_are_those_of_the_run(run):
    told = json.loads(contents(run)["metrics.json"])["verdict"]
    exact = run_verdict(run)
    for question in ("faithful", "useful", "safe"):
        assert told[question] == getattr(exact, question)
        said = next(s for s in told["sentences"] if s.lower().startswith(question))
        assert said.startswith(f"{question.capitalize()}: {told[question]}.")


def test_bands_are_not_called_by_patients_values(run):
    groups = pd.Series(json.loads(contents(run)["evaluation.json"])).map(lambda r: r["group"])
    cut = set(run.table("evaluation").group) - {"all", "sex=f", "sex=m", "died=0", "died=1"}
    cut = {group for group in cut if not group.startswith("relation=")}
    assert cut and not cut & set(groups)
    assert "age=band 1" in set(groups)


def test_groups_of_few_patients_are_left_out():
    table = pd.DataFrame(
        {
            "metric": "column_shapes",
            "group": ["all", "plan=c"],
            "value": [0.91234, 0.8],
            "ci_low": [0.88, 0.7],
            "ci_high": [0.94, 0.9],
            "floor": [0.953, 0.9],
            "goal": 1.0,
            "note": ["400 real rows", "too small: 7 rows"],
        }
    )
    found = par.rounded_tidy(table, 120, {"all": "all"})
    assert found.group.tolist() == ["all"] and found.note.tolist() == [""]
    assert found.iloc[0, 2:6].tolist() == [0.92, 0.88, 0.94, 0.96]


def test_releases_that_differ_by_a_patient_do_not_give_the_patient_back(tmp_path):
    "The same release beside tables with and without one patient, who is far from all others."
    table = ward(3)
    odd = table.iloc[[0]].assign(age=94, weight=240.0, crp=310.0)
    first = built(tmp_path / "one", pd.concat([table, odd], ignore_index=True))
    fake = first.whole("synthetic")
    second = built(tmp_path / "two", table, fake)
    # the rest of the rows fall into the same parts: only the patient is gone
    for name in ("train", "holdout"):
        rows = first.whole(name)
        gone = (rows.weight == 240.0) & (rows.crp == 310.0)
        second.write(name, rows[~gone].reset_index(drop=True))
    second = Run(second.folder)
    assert len(first.real) == len(second.real) + 1
    measured(second)
    second = finish(second)
    told, exact = ([], [])
    for one in (first, second):
        parcel, own = contents(one), one.table("evaluation")
        told.append(pd.DataFrame(json.loads(parcel["evaluation.json"])))
        exact.append(own)
    keys = ["metric", "group"]
    parcel = told[0].merge(told[1], on=keys)
    home = exact[0].merge(exact[1], on=keys)
    parcel, home = (t[t.group == "all"] for t in (parcel, home))
    assert (home.value_x != home.value_y).any()  # at home the patient shows
    steps = (parcel.value_x - parcel.value_y).abs()
    assert (steps < 0.051).all() and (steps == 0).any()
    counts = [json.loads(contents(one)["metrics.json"])["rows"] for one in (first, second)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("half, rows, step", [(0.04, 300, 0.02), (0.5, 300, 0.5), (30, 300, 20)])
def test_a_number_is_given_to_what_its_interval_supports(half, rows, step):
    assert par.step_of(half, rows) == pytest.approx(step)
    assert par.to_step(123.456, step) == pytest.approx(round(123.456 / step) * step)
    assert par.step_of(1e-9, rows) >= 1 / rows and par.step_of(float("nan"), rows) >= 1 / rows


def test_a_folder_that_was_edited_is_not_packed(public):
    good = par.parcel_contents(public)
    assert "evaluation.csv" in good and b"0.123456789012" in good["evaluation.csv"]
    page = public.path("disclosure")
    text = page.read_text()
    page.write_text(text + " ")
    with pytest.raises(ValueError, match=r"disclosure\.md: changed since the build"):
        par.parcel_contents(public)
    page.unlink()
    page.symlink_to(public.path("train"))
    with pytest.raises(ValueError, match=r"disclosure\.md: changed since the build"):
        par.parcel_contents(public)
    page.unlink()
    with pytest.raises(ValueError, match=r"disclosure\.md: changed since the build"):
        par.parcel_contents(public)
    page.write_text(text)
    assert par.parcel_contents(public) == good
    (public.folder / "privacy.csv").write_bytes(
        public.path("train").read_bytes()
    )  # not of the build
    (public.folder / "evaluation.d").mkdir()
    (public.folder / "evaluation.d" / "x.csv").write_text("1,2\n")
    (public.folder / "history.csv").symlink_to(public.path("train"))
    assert par.parcel_contents(public) == good
    public.path("manifest").write_text("{}")
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        par.parcel_contents(public)
    public.path("manifest").unlink()
    with pytest.raises(ValueError, match="no finished build"):
        par.parcel_contents(public)


def as_real(table: pd.DataFrame, how: str) -> str:
    "Real rows in another dress."
    shuffled = table.sample(frac=1, random_state=3)
    if how == "line ends":
        return shuffled.to_csv(index=False, lineterminator="\r\n")
    if how == "columns in another order":
        return shuffled[shuffled.columns[::-1]].to_csv(index=False, sep=";")
    if how == "a subset":
        return shuffled.head(20).to_csv(index=False, sep="\t")
    if how == "no header":
        return shuffled.to_csv(index=False, header=False)
    if how == "JSON":
        return shuffled.head(40).to_json(orient="records")
    if how == "JSON lists":
        return json.dumps({"records": json.loads(shuffled.to_json(orient="values"))})
    if how == "columns of columns":
        return shuffled.to_json()
    if how == "some columns":
        return shuffled[["chol", "age", "thalach", "oldpeak", "trestbps"]].to_csv()
    if how == "an index and no header":
        return shuffled.to_csv(header=False)
    if how == "a table in Markdown":
        lines = ["| " + " | ".join(map(str, row)) + " |" for row in shuffled.to_numpy()]
        return "\n".join(["# Figures, a title; with, marks", "", *lines])
    if how == "metadata of a drawing":
        return f"<svg><metadata>\n{shuffled.to_csv(index=False, sep=';')}</metadata></svg>"
    if how == "a line of a picture":
        return "x" * 300_000 + "\n" + shuffled.to_csv(index=False)
    if how == "other decimals":
        return shuffled.astype(float).to_csv(index=False)
    raise KeyError(how)


DRESSES = (
    "line ends",
    "columns in another order",
    "a subset",
    "no header",
    "JSON",
    "JSON lists",
    "other decimals",
    "columns of columns",
    "some columns",
    "an index and no header",
    "a table in Markdown",
    "metadata of a drawing",
    "a line of a picture",
)


@pytest.mark.parametrize("how", DRESSES)
@pytest.mark.parametrize("name", ["evaluation.csv", "odds.json"])
def test_real_rows_are_found_under_any_name(public, name, how):
    public.write(name, as_real(public.train, how))
    with pytest.raises(ValueError, match="those of real patients"):
        par.parcel_contents(finish(public))


def hidden(table: pd.DataFrame) -> dict[str, str | bytes]:
    "Real rows in what is no table of rows."
    text, values = table.to_csv(index=False), table.to_numpy()
    records = table.to_dict("records")
    lines = [",".join(map(str, row)) for row in values]
    return {
        "other marks": text.replace(",", ":"),
        "blanks": text.replace(",", "  "),
        "on its side": table.T.to_csv(header=False),
        "JSON on its side": json.dumps(table.T.to_numpy().tolist()),
        "a text in JSON": json.dumps({"title": "t", "note": text}),
        "lines in JSON": json.dumps(lines),
        "base64": base64.b64encode(text.encode()).decode(),
        "gzip in base64 in JSON": json.dumps(
            {"note": base64.b64encode(gzip.compress(text.encode())).decode()}
        ),
        "hexadecimal": text.encode().hex(),
        "a URL": quote(text),
        "HTML": "".join("<tr>" + "".join(f"<td>{v}</td>" for v in row) + "</tr>" for row in values),
        "entities": text.replace(",", "&#44;"),
        "texts of a drawing": "".join(f"<text>{line}</text>" for line in lines),
        "attributes": "".join(
            "<g " + " ".join(f'data-{n}="{v}"' for n, v in row.items()) + "/>" for row in records
        ),
        "a cell a line": "\n".join(str(v) for row in values for v in row),
        "assignments": "\n".join(" ".join(f"{n}={v}" for n, v in row.items()) for row in records),
        "decimal commas": table.to_csv(index=False, sep=";", decimal=","),
        "capitals": "\n".join(lines).upper(),
        "sentences": "\n".join(
            "The next: " + ", then ".join(map(str, row)) + "." for row in values
        ),
    }


@pytest.mark.parametrize("rows", [3, 60])
def test_real_rows_are_found_in_what_is_no_table(rows):
    table = ward()
    records = table.astype(object).to_dict("records")
    people = par.People([{n: par._plain_cell(v) for n, v in row.items()} for row in records])
    for how, text in hidden(table.head(rows)).items():
        with pytest.raises(ValueError, match=f"{rows} real patients stand together"):
            par.check_hidden("odds.csv", text.encode(), people)
            raise AssertionError(how)
    strangers = ward(seed=7).head(rows)
    for text in hidden(strangers).values():
        par.check_hidden("odds.csv", text.encode(), people)


def test_a_parcel_is_searched_for_them(public):
    for text in list(hidden(public.train.dropna().head(20)).values())[::5]:
        public.write("odds.csv", text)
        with pytest.raises(ValueError, match="stand together in it; nothing was packed"):
            par.parcel_contents(finish(public))
    public.write("odds.csv", "x,y\n0.12345678,1\n")
    text = public.text(public.dataset.release)
    (public.folder / public.dataset.release).write_text(text + "58:1:4:130\n")
    with pytest.raises(ValueError, match="its lines have 1 to 14 cells"):
        par.parcel_contents(finish(public))


def test_nothing_hides_in_a_picture(public):
    figure = io.BytesIO()
    plt.figure(figsize=(1, 1)).savefig(figure, format="png")
    (public.folder / "figures").mkdir()
    text = public.train.dropna().head(20).to_csv(index=False)
    noted = io.BytesIO()
    plt.figure(figsize=(1, 1)).savefig(noted, format="png", metadata={"Comment": text})
    path = public.folder / "figures" / "08_groups.png"
    for content, told in (
        (figure.getvalue() + text.encode(), "is not what its name says"),
        (noted.getvalue(), "20 real patients stand together"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=told):
            par.parcel_contents(finish(public))
    path.write_bytes(figure.getvalue())
    assert "figures/08_groups.png" in par.parcel_contents(finish(public))


def test_no_file_of_the_committed_report_names_a_patient():
    rows = load_heart().astype(object).to_dict("records")
    people = par.People([{n: par._plain_cell(v) for n, v in row.items()} for row in rows])
    for path in sorted(Path("reports/reference").glob("*.*")):
        if path.suffix in (".csv", ".json", ".md", ".pdf"):
            par.check_hidden(path.name, path.read_bytes(), people)


def packages(table: pd.DataFrame) -> dict[str, bytes]:
    "Real rows in what is no text."
    text, held = table.to_csv(index=False), io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("x.csv", text)
    frame = io.BytesIO()
    table.to_parquet(frame)
    return {
        "zip": held.getvalue(),
        "gzip": gzip.compress(text.encode()),
        "parquet": frame.getvalue(),
        "UTF-16": text.encode("utf-16"),
        "nul": text.encode() + b"\0",
    }


@pytest.mark.parametrize("name", ["evaluation.csv", "odds.xlsx", "figures/08_groups.png"])
def test_what_cannot_be_searched_is_not_packed(public, name):
    for content in packages(public.train).values():
        (public.folder / "figures").mkdir(exist_ok=True)
        (public.folder / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not what its name says"):
            par.parcel_contents(finish(public))


def test_other_names_are_not_packed_whatever_the_manifest_says(public):
    good = set(par.parcel_contents(public))
    rows = public.train.to_csv(index=False)
    others = ("EVALUATION.CSV", "évaluation.csv", ".evaluation.csv", "evaluation.csv.bak",
              "executed/09.ipynb", "figures/.08_groups.svg")  # fmt: skip
    for name in others:
        path = public.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(rows)
    assert set(par.parcel_contents(finish(public))) == good


def test_real_rows_among_synthetic_ones_are_found(public):
    mixed = pd.concat([public.synthetic, public.holdout.head(40)]).sample(frac=1, random_state=0)
    public.write(public.dataset.release, mixed)
    with pytest.raises(ValueError, match="40 of its 340 rows"):
        par.parcel_contents(finish(public))


def test_what_chance_gives_is_no_copy():
    coarse = load_heart()[["sex", "fbs", "exang"]]
    real = [tuple(row) for row in coarse.astype(str).to_numpy()]
    assert par.most_by_chance(100, real) > 95  # every row has a double
    fine = [(str(k),) for k in range(300)]
    assert par.most_by_chance(300, fine) < 10


@pytest.fixture
def twin(run, tmp_path) -> Run:
    "A copy of the private run, to be spoiled."
    return Run(shutil.copytree(run.folder, tmp_path / "twin"))


def test_a_run_with_an_epsilon_sends_no_result(run, monkeypatch):
    facts = par.model_facts(run)
    from synthheart import disclosure

    noisy = type(facts)("gan", {}, {}, 1.0, 1e-4)
    for room in (par, disclosure):
        monkeypatch.setattr(room, "model_facts", lambda run: noisy)
    found = contents(run)
    assert set(found) == {
        "synthetic_ward.csv",
        "synthetic_ward.csv-metadata.json",
        "disclosure.md",
    }
    assert "epsilon 1" in found["disclosure.md"] and "AUC" not in found["disclosure.md"]


def test_without_its_private_part_a_run_is_not_taken_for_a_public_one(twin):
    shutil.rmtree(twin.folder / "private")
    with pytest.raises(ValueError, match="nothing was packed|missing"):
        par.parcel_contents(Run(twin.folder))


def test_patterns_stay_in_their_folder():
    assert rule_fits("figures/08_groups.svg", "figures/08_groups.*")
    assert not rule_fits("figures/08_groups.d/train.csv", "figures/08_groups.*")
    assert not rule_fits("features.x/train.csv", "features.*")


def test_equal_contents_give_equal_bytes(public, tmp_path):
    first = par.pack(public, tmp_path / "synthetic_1.zip").read_bytes()
    assert par.pack(public, tmp_path / "synthetic_2.zip").read_bytes() == first
    with zipfile.ZipFile(tmp_path / "synthetic_1.zip") as file:
        assert all(name.startswith("SYNTHETIC_not_real") for name in file.namelist())


def test_a_model_without_a_seed_in_its_page(twin):
    model = Synthesizer("independent", seed=918273).fit(twin.train, schema=twin.schema)
    model.save(twin.path("model"))
    assert "918273" not in "".join(contents(finish(twin)).values())
