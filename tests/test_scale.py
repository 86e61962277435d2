"""Tables larger than memory: read in parts, learned from a sample, written in parts."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from pandas.testing import assert_frame_equal
from shell import shell

from synthheart import large, synthesizer
from synthheart.cohorts import load_heart
from synthheart.large import draw_from, large_parts, read_sample, survey
from synthheart.parts import write_parts
from synthheart.reading import read_table
from synthheart.runs import write_table
from synthheart.synthesizer import Synthesizer


def ward(rows: int = 3000, seed: int = 0) -> pd.DataFrame:
    "Keys, dates in order, a limit among numbers, rare levels, gaps."
    rng = np.random.default_rng(seed)
    admitted = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), "D")
    lab = rng.normal(20, 6, rows).clip(1).round(1).astype(object)
    lab[rng.random(rows) < 0.1] = "<1"
    return pd.DataFrame(
        {
            "case": np.arange(rows) + 100_000,
            "age": rng.integers(18, 90, rows),
            "ward": rng.choice(["north", "south", "east"], rows),
            "admitted": admitted,
            "discharged": admitted + pd.to_timedelta(rng.integers(0, 30, rows), "D"),
            "lab": lab,
            "weight": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(80, 12, rows).round(1)),
            "died": rng.integers(0, 2, rows),
        }
    )


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "ward.csv"
    df = ward()
    df.loc[2990, "age"] = 101  # the oldest, beyond any sample of a hundred
    df.loc[[1, 2, 3, 4, 5, 6], "ward"] = "west"  # six rows: enough to come back
    df.loc[7, "ward"] = "annex"  # one row: too few
    df.loc[2999, "case"] = 8_123_456  # the last key, beyond all others
    df.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def folder(csv, tmp_path_factory):
    place = tmp_path_factory.mktemp("parquet") / "ward"
    (place / "year=2021").mkdir(parents=True)
    df = read_table(csv)
    for k in range(3):
        write_table(df.iloc[k * 1000 : (k + 1) * 1000], place / "year=2021" / f"{k}.parquet")
    return place


@pytest.fixture
def small(monkeypatch):
    "Every file is large, and a part is 700 rows."
    monkeypatch.setattr(large, "LARGE_FILE", 1000)
    monkeypatch.setattr(large, "PART_ROWS", 700)


def test_a_small_limit_learns_all_rows_as_reading_at_once_does(csv, small, monkeypatch):
    model = Synthesizer("copula").fit(csv, target="died", progress=False)
    assert (model.rows_, model.table_rows_) == (3000, 3000)
    monkeypatch.setattr(large, "LARGE_FILE", 1 << 28)
    at_once = Synthesizer("copula").fit(csv, target="died", progress=False)
    assert model.schema_ == at_once.schema_
    assert_frame_equal(model.sample(500), at_once.sample(500))


@pytest.mark.parametrize("where", ["csv", "folder"])
def test_the_domain_is_that_of_all_rows(where, small, request):
    source = request.getfixturevalue(where)
    found = survey(source, target="died", rows=100)
    assert (len(found.reading.df), found.rows) == (100, 3000)
    assert found.schema["age"].maximum == 101
    assert {"north", "south", "east", "west", "annex"} == set(found.schema["ward"].levels)
    assert found.seen["ward"].counts["west"] == 6
    assert found.plans["case"].above >= 8_123_456


@pytest.mark.parametrize("where", ["csv", "folder"])
def test_protection_counts_all_rows(where, small, request):
    source = request.getfixturevalue(where)
    model = Synthesizer("copula").fit(source, target="died", rows=200, progress=False)
    assert (model.rows_, model.table_rows_) == (200, 3000)
    assert "west" in model.schema_["ward"].levels
    assert "annex" not in model.schema_["ward"].levels
    ages = np.sort(read_table(request.getfixturevalue("csv")).age)
    assert model.schema_["age"].maximum == round(ages[-5:].mean())
    fake = model.sample(300)
    assert fake.case.min() > 8_123_456
    assert (fake.discharged >= fake.admitted).all()
    assert "200 rows drawn from 3,000" in model._repr_html_()


def test_a_model_file_says_of_how_many_rows(csv, small, tmp_path):
    model = Synthesizer("copula").fit(csv, target="died", rows=200, progress=False)
    again = Synthesizer.load(model.save(tmp_path / "w.synth"))
    assert (again.rows_, again.table_rows_) == (200, 3000)


def test_relations_that_one_row_breaks_are_dropped(small, tmp_path):
    df = ward()
    df.loc[1234, "discharged"] = df.admitted[1234] - pd.Timedelta(days=3)
    df.to_csv(tmp_path / "w.csv", index=False)
    found = survey(tmp_path / "w.csv", rows=100)
    sample_says = survey(tmp_path / "w.csv", rows=3000).schema.rules
    assert not found.schema.rules and not sample_says
    note = next(n for n in found.schema.notes if "kept by the sample" in str(n))
    assert note.cells == 1 and "discharged >= admitted" in str(note)


def test_a_word_among_numbers_is_refused_by_row(small, tmp_path):
    df = ward().astype({"age": object})
    df.loc[2222, "age"] = "old"
    df.to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(ValueError, match="age.*'old'.*2222"):
        survey(tmp_path / "w.csv", rows=100)


def test_a_given_schema_is_kept(csv, small):
    known = survey(csv, target="died", rows=3000).schema
    assert survey(csv, known, rows=50).schema == known
    column = known["age"].__class__(**{**vars(known["age"]), "maximum": 100})
    narrow = known.__class__(tuple(column if c.name == "age" else c for c in known), "died")
    with pytest.raises(ValueError, match="age: 101"):
        survey(csv, narrow, rows=50)


def test_epsilon_and_y_say_what_to_do(csv, folder, small):
    with pytest.raises(ValueError, match="target="):
        Synthesizer("copula").fit(csv, [0, 1], progress=False)
    with pytest.raises(ValueError, match="with epsilon, a table must be"):
        Synthesizer("gan", epsilon=1.0).fit(folder, progress=False)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 60), st.integers(0, 9))
def test_what_is_drawn_does_not_depend_on_the_parts(sizes, most, seed):
    rows = sum(sizes)
    if not rows:
        return
    ends = np.cumsum([0, *sizes])
    parts = (pd.DataFrame({"k": np.arange(a, b)}) for a, b in zip(ends, ends[1:]))
    drawn = draw_from(parts, most, seed)
    whole = draw_from(iter([pd.DataFrame({"k": np.arange(rows)})]), most, seed)
    assert drawn.rows == rows and list(drawn.table.k) == list(whole.table.k)
    assert len(drawn.table) == min(most, rows) and drawn.table.k.is_monotonic_increasing


def test_every_row_has_the_same_chance(monkeypatch):
    monkeypatch.setattr(large, "PART_ROWS", 10)
    hits = np.zeros(200)
    for seed in range(400):
        parts = (pd.DataFrame({"k": np.arange(a, a + 20)}) for a in range(0, 200, 20))
        hits[draw_from(parts, 20, seed).table.k] += 1
    assert abs(hits.mean() - 40) < 1e-9 and hits.std() < 3 * np.sqrt(40 * 0.9)
    assert abs(hits[:100].sum() - 4000) < 4 * np.sqrt(4000)


def test_a_sample_is_typed(folder, csv, small):
    for source in (folder, csv):
        few = read_sample(source, rows=50, seed=3)
        assert len(few) == 50 and str(few.admitted.dtype).startswith("datetime64")
    with pytest.raises(ValueError, match="at least 1"):
        read_sample(csv, rows=0)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_parts_are_the_table(tmp_path, suffix):
    model = Synthesizer("copula").fit(ward(400), target="died", progress=False)
    whole, schema = model.sample(1000, seed=2), model.schema_
    at_once, in_parts = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_table(whole, at_once, schema)
    assert write_parts(model.sample(1000, seed=2, chunk=300), in_parts, schema) == 1000
    if suffix == ".parquet":
        assert pq.ParquetFile(in_parts).num_row_groups == 4
        assert_frame_equal(pd.read_parquet(in_parts), pd.read_parquet(at_once))
    else:
        assert in_parts.read_bytes() == at_once.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_shell_streams(tmp_path, monkeypatch, suffix):
    path = Synthesizer("copula").fit(load_heart(), progress=False).save(tmp_path / "m.synth")
    once, streamed = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    assert shell("sample", path, "-n", "900", "-o", once).exit_code == 0
    monkeypatch.setattr(synthesizer, "PARTITION_CHUNK", 250)
    answer = shell("sample", path, "-n", "900", "-o", streamed)
    assert answer.exit_code == 0 and "900 synthetic rows, 14 columns" in answer.output
    assert_frame_equal(read_table(once), read_table(streamed))
    if suffix == ".csv":
        assert once.read_bytes() == streamed.read_bytes()
        assert shell("sample", path, "-n", "900", "-o", "-").stdout == once.read_text()


def test_a_stream_that_fails_leaves_what_was_there(tmp_path):
    def parts():
        yield load_heart()
        raise ValueError("lost")

    path = tmp_path / "old.parquet"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="lost"):
        write_parts(parts(), path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rules", [(), ("age > 40",)])
def test_partitions_do_not_depend_on_the_workers(tmp_path, rules, monkeypatch):
    monkeypatch.setattr(synthesizer, "PARTITION_CHUNK", 130)
    model = Synthesizer("copula", rules=rules).fit(ward(400), target="died", progress=False)
    alone = model.sample_partitions(1000, tmp_path / "a", partitions=3, seed=5)
    with parallel_config(backend="threading", n_jobs=2):
        model.sample_partitions(1000, tmp_path / "b", partitions=3, seed=5)
    assert [path.name for path in alone] == [f"part-0000{k}.parquet" for k in range(3)]
    for path in alone:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    whole = pd.concat([pd.read_parquet(path) for path in alone], ignore_index=True)
    drawn = [model.sample_partition(1000, 3, k, seed=5) for k in range(3)]
    assert list(map(len, drawn)) == [333, 333, 334] and len(whole) == 1000
    assert whole.case.is_unique and (whole.discharged >= whole.admitted).all()
    if rules:
        assert (whole.age > 40).all() and not whole.drop(columns="case").duplicated().any()
    columns = ["case", "age", "ward", "died", "admitted"]
    assert_frame_equal(whole[columns], pd.concat(drawn, ignore_index=True)[columns])


def test_without_rules_partitions_are_the_sample(tmp_path):
    model = Synthesizer("copula").fit(load_heart(), progress=False)
    paths = model.sample_partitions(700, tmp_path / "a", partitions=4, seed=2)
    whole = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    assert_frame_equal(whole, model.sample(700, seed=2))
    (tmp_path / "a" / "mine.txt").write_text("not to be lost")
    with pytest.raises(ValueError, match="mine.txt"):
        model.sample_partitions(10, tmp_path / "a")
    with pytest.raises(ValueError, match="between 1 and the 3 rows"):
        model.sample_partitions(3, tmp_path / "b", partitions=4)


@pytest.mark.usefixtures("few_trees")
def test_the_shell_fits_and_measures_a_folder(folder, tmp_path, small):
    model, fake = tmp_path / "w.synth", tmp_path / "SYNTHETIC.parquet"
    fit = ("fit", folder, "-o", model, "--model", "copula", "--target", "died", "--rows", "300")
    answer = shell(*fit)
    assert answer.exit_code == 0, answer.output
    assert "fitted to 300 of 3000 rows" in answer.stdout
    assert shell("sample", model, "-n", "400", "-o", fake).exit_code == 0
    ward(2000, seed=1).to_csv(tmp_path / "h.csv", index=False)
    asked = ("--train", folder, "--holdout", tmp_path / "h.csv", "--synthetic", fake)
    asked = (*asked, "--target", "died")
    answer = shell("evaluate", *asked, "--rows", "150", "--no-privacy", "-o", tmp_path / "m.csv")
    assert answer.exit_code == 0, answer.output
    assert "150 of 3000 rows, drawn at random" in answer.output


def test_parts_of_text_say_what_is_wrong(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("name,age\nJosé,4\n".encode("cp1252"))
    with pytest.raises(ValueError, match="encoding="):
        list(large_parts(path))
    assert len(next(large_parts(path, encoding="cp1252"))) == 1
    with pytest.raises(ValueError, match="sheet="):
        list(large_parts(path, sheet=1))
    with pytest.raises(ValueError, match="a.xlsx"):
        list(large_parts(tmp_path / "a.xlsx"))
