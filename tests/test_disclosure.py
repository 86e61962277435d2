"""What a committee reads says what was found, and only what is harmless is packed."""

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from synthheart import disclosure as dis
from synthheart.cohorts import DATASETS, Dataset, load_heart
from synthheart.evaluation import independent_marginals
from synthheart.inference import infer_schema
from synthheart.judging import verdict
from synthheart.parcel import pack
from synthheart.privacy import attack
from synthheart.runs import Recipe, Run, make_manifest, start_run
from synthheart.synthesizer import Synthesizer


def disclose(run: Run, attacks: pd.DataFrame, **options) -> None:
    "Write what a committee reads into a run."
    page = dis.disclosure_page(attacks, dis.release_of(run), **options)
    label = dis.csv_label(run.synthetic, run.dataset.release, run.schema)
    dis.write_disclosure(run, page, label)


def finish(run: Run) -> None:
    "Write the manifest of a finished build."
    run.write("manifest", make_manifest(run, Recipe(()), {}, {}))


@pytest.fixture(scope="module")
def attacks() -> pd.DataFrame:
    "The attacks on columns drawn one by one."
    run = start_run(None, DATASETS["cleveland"], seed=0)
    return attack(run.train, run.holdout, independent_marginals(run.train, 300), by=())


@pytest.fixture
def run(tmp_path, attacks) -> Run:
    "A run's folder as the notebooks leave it, its patients under many names."
    run = start_run(tmp_path, DATASETS["cleveland"], seed=0)
    for name in ("synthetic", run.dataset.release):
        run.write(name, independent_marginals(run.train, 300))
    for name in (
        "figures/08_histograms.svg",
        "figures/09_membership.svg",
        "figures/09_exposure.png",
        "report.html",
        "executed/00_data.ipynb",
        "checkpoint.keras",
        "unheard.of",
    ):
        run.write(name, "x")
    groups = dis.small_groups(run.train, run.synthetic, schema=run.schema)
    disclose(run, attacks, model=dis.ModelFacts("independent"), groups=groups)
    run.write("model.synth", "x")
    finish(run)
    return run


def test_small_groups_add_up(run):
    train, fake = run.train, independent_marginals(run.train, 500)
    groups = dis.small_groups(train, fake)
    assert groups.train.sum() == len(train) and groups.release.sum() == 500
    old = train[(train.age >= 65) & (train.sex == 0)]
    row = groups[(groups.age == "65+") & (groups.sex == "0")].iloc[0]
    assert row.train == len(old) and row.risk_train == pytest.approx(1 / len(old))
    assert row.below_11 == (len(old) < 11)
    with pytest.raises(ValueError, match="'ward' is not a column"):
        dis.small_groups(train, fake, by=("ward",))


def test_only_the_harmless_is_packed(run):
    with zipfile.ZipFile(pack(run, run.folder)) as archive:
        names = {name.removeprefix("SYNTHETIC_not_real_patients/") for name in archive.namelist()}
        assert b"SYNTHETIC" in archive.comment
    assert names == {
        "synthetic_heart_disease.csv",
        "synthetic_heart_disease.csv-metadata.json",
        "disclosure.md",
        "schema.json",
        "figures/09_membership.svg",
    }
    first = run.path("SYNTHETIC_release.zip").read_bytes()
    assert pack(run, run.folder).read_bytes() == first
    sharing = dis.sharing_page(run)
    stays = sharing[sharing.index("Must stay") :]
    for name in (
        "train.csv",
        "model.synth",
        "executed/00_data.ipynb",
        "report.html",
        "unheard.of",
        "figures/09_exposure.png",
    ):
        assert f"`{name}`" in stays


def inferred(run: Run) -> Run:
    "The run, opened anew, after its schema was learned from its patients."
    run.write("schema", infer_schema(run.train).to_json())
    return Run(run.folder)


def test_papers_go_where_their_dictionary_is_public(run):
    papers = ["report.pdf", "poster.pdf"]
    results = ["comparison_ranking.csv", "utility.json", "figures/08a_odds.svg"]
    private = ["naive.csv", "figures/08_embedding.svg"]
    for name in papers + results + private:
        run.write(name, "x")
    found = dis.shareable(run).set_index("file").share
    assert found[papers + results].all()
    assert not found[[*private, "report.html"]].any()
    assert not dis.shareable(inferred(run)).set_index("file").share[papers].any()
    run.path("schema").unlink()
    assert not dis.shareable(Run(run.folder)).set_index("file").share[papers].any()


def test_patients_under_the_releases_name_stay(run):
    run.write(run.dataset.release, run.path("holdout").read_bytes())
    finish(run)
    with pytest.raises(ValueError, match="nothing was packed"):
        pack(run, run.folder)
    assert not list(run.folder.glob("*.zip"))


def test_names_say_synthetic(run):
    for call in (
        lambda: pack(run, run.folder / "patients.zip"),
        lambda: dis.csv_label(run.train, "patients.csv"),
    ):
        with pytest.raises(ValueError, match="synthetic"):
            call()
    label = json.loads(run.text("synthetic_heart_disease.csv-metadata.json"))
    assert label["dc:title"].startswith("SYNTHETIC")
    assert label["url"] == "synthetic_heart_disease.csv"
    assert [c["name"] for c in label["tableSchema"]["columns"]] == run.schema.names


def test_an_inferred_schema_stays(run):
    found = dis.shareable(inferred(run)).set_index("file")
    private = infer_schema(run.train) != DATASETS["cleveland"].schema
    assert found.share["schema.json"] != private


def test_the_disclosure_page_says_what_was_found(run, attacks):
    page = run.text("disclosure")
    for words in (
        "no proof of anonymity",
        "SYNTHETIC",
        "What was not tried",
        "Safe Harbor",
        "Recital 26",
        "**None.**",
        "Intended use",
        "Residual risk",
        "fewer than 11",
    ):
        assert words in page
    said = verdict(attacks).sentences[2]
    assert page.count(said) == 2 and said in page[page.index("Residual risk") :]
    assert "learned from 212 patients; 91 others" in page and "`independent`; defaults" in page


def test_a_leak_is_called_a_leak(run):
    release = dis.Release("synthetic.csv", 212, 212, 91, "UCI.")
    model = dis.ModelFacts("copy", {"latent": 3})
    leak = dis.disclosure_page(attack(run.train, run.holdout, run.train, by=()), release, model)
    assert "Safe: no. Membership: distance 1.000" in leak and "AUC 1.00" in leak
    assert "`copy`; `latent=3`)" in leak


def test_a_page_with_a_budget_shows_nothing_that_saw_real_rows(run):
    found = attack(run.train, run.holdout, run.train, by=())
    release = dis.Release("synthetic.csv", 2000, 212, 91, "UCI.")
    model = dis.ModelFacts("gan", {"epsilon": 1.0}, {}, 1.0, 1e-4)
    page = dis.disclosure_page(found, release, model, dis.small_groups(run.train, run.train))
    assert "epsilon 1 and delta 0.0001" in page and "2,000 synthetic rows" in page
    for words in ("212", "91", "Safe", "AUC", "Verdict", "risk |", "below 11"):
        assert words not in page, words


def test_a_parcel_with_a_budget_holds_what_came_from_the_noise_only(tmp_path):
    run = start_run(tmp_path, DATASETS.find("cleveland"))
    model = Synthesizer("gan", epochs=1, epsilon=1.0).fit(run.train, progress=False)
    model.save(run.path("model"))
    release = run.dataset.release
    for name in (release, "metrics.json", "privacy.csv", "features.csv", "history.csv"):
        run.path(name).write_text("x\n1\n")
    run.write("disclosure", "page")
    may = dis.shareable(run)
    assert set(may.file[may.share.astype(bool)]) == {release, "disclosure.md"}


def test_a_release_of_strangers_is_no_leak():
    rng = np.random.default_rng(3)
    release, members, control = (
        load_heart().iloc[i].reset_index(drop=True) for i in np.array_split(rng.permutation(303), 3)
    )
    told = dis.Release("synthetic.csv", 101, 101, 101, "UCI.")
    clean = dis.disclosure_page(attack(members, control, release, by=()), told)
    assert "Safe: unclear." in clean and "Safe: no." not in clean


def test_another_table_is_spoken_of_by_its_name(tmp_path):
    frame = load_diabetes(as_frame=True, scaled=False).frame
    ward = Dataset.from_table(frame, "ward 7", title="Ward 7, 2024", target="target")
    run = start_run(tmp_path, ward, seed=0)
    for name in ("synthetic", run.dataset.release):
        run.write(name, independent_marginals(run.train, 100, 0))
    found = attack(run.train, run.holdout, run.synthetic, by=())
    disclose(run, found, target=run.schema.target)
    finish(run)
    page = run.text("disclosure")
    assert "`synthetic_ward_7.csv`: 100 synthetic rows" in page
    assert "Ward 7, 2024: not public." in page
    for text in (page, run.text("sharing")):
        assert not re.search(r"\bheart|cleveland|\buci\b", text, re.IGNORECASE)
    with zipfile.ZipFile(pack(run, run.folder)) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert names == {
        "synthetic_ward_7.csv",
        "synthetic_ward_7.csv-metadata.json",
        "disclosure.md",
    }


def test_a_folder_that_names_no_dataset_has_no_release(run):
    run.path("dataset").unlink()
    finish(Run(run.folder))
    found = dis.shareable(Run(run.folder)).set_index("file").share
    assert not found["synthetic_heart_disease.csv"]
    with pytest.raises(ValueError, match="nothing was packed"):
        pack(Run(run.folder), run.folder)


def test_the_model_file_is_read_once_for_all(run):
    run.path("model").unlink(missing_ok=True)
    assert dis.model_facts(run) == dis.ModelFacts()
    assert dis.model_facts(run).name == "unknown"


def test_a_row_that_was_not_computed_says_why():
    row = {"metric": "linkability", "group": "all", "value": np.nan, "ci_low": np.nan}
    row |= {"ci_high": np.nan, "floor": np.nan, "goal": 0.0, "note": "too few rows"}
    (found,) = dis.attack_rows(pd.DataFrame([row]))
    assert (found.result, found.interval, found.floor) == ("not computed: too few rows", "–", "–")
