"""A fit with epsilon, from the bytes of a file to the noise's input: one row moves it by at most
the stated sensitivity, whatever that row is.
"""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import refused, shell

from synthheart import dp
from synthheart.cohorts import CODINGS, heart_schema, load_heart
from synthheart.declared import (
    MISSING,
    UNREAD,
    RawRows,
    cell_reader,
    declared_rows,
    heart_rows,
    raw_frame,
    raw_rows,
    raw_text,
    read_cells,
)
from synthheart.neighbours import KINDS, NoiseInput, audit_neighbours, neighbours
from synthheart.preprocessing import RankGaussEncoder
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Schema

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PAIRS = 220  # of files for each table; `audit_neighbours(..., pairs=)` takes more

WARD = Schema(
    (
        Column("seen", "continuous", "datetime64[s]", minimum=18000, maximum=20000, decimals=0,
               format="%d.%m.%Y"),
        Column("crp", "continuous", "float64", "mg/l", 0, 300, 1, missing=True,
               missing_codes=(-999,)),
        Column("dose", "continuous", "float64", minimum=0, maximum=5, format="1.234,5"),
        Column("ward", "categorical", "str", levels=("A", "B", "not known"), missing=True),
        Column("ill", "binary", "bool", levels=(False, True)),
        Column("grade", "ordinal", "str", levels=("1", "2", "3")),
    ),
    "ill",
    public=True,
    rows=1000,
)  # fmt: skip


def ward(n: int = 40) -> pd.DataFrame:
    "Rows of the ward's table, as text."
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "seen": [f"{d:02}.{m:02}.2021" for d, m in rng.integers(1, 13, (n, 2))],
            "crp": rng.choice(["1.5", "299", "", "-999", "7 mg/l"], n),
            "dose": rng.choice(['"1,5"', "2", '"0,25"'], n),
            "ward": rng.choice(["A", "B", "not known", "NA"], n),
            "note": rng.choice(["x", "", '"says ""no"""'], n),
            "ill": rng.choice(["true", "FALSE", "yes", "0"], n),
            "grade": rng.choice(["1", "2", "3.0"], n),
        }
    )


@pytest.mark.parametrize("name", ["heart", "ward"])
def test_one_row_more_moves_the_noises_input_by_the_sensitivity_at_most(name):
    table, schema = {"heart": (load_heart(), heart_schema()), "ward": (ward(), WARD)}[name]
    found = audit_neighbours(table, schema, PAIRS, seed=1)
    assert set(found.kind) == set(KINDS) and found.pairs.sum() == PAIRS
    assert found.worst.max() <= 1 + 1e-9, found.loc[found.worst.idxmax()]
    assert found.worst.max() > 0.5  # a row counts


@pytest.mark.parametrize("leak", ["a column at once", "a line is lost", "a count more"])
def test_the_audit_catches_a_planted_leak(leak):
    schema = heart_schema()
    own = NoiseInput(schema)

    def leaky(path):
        raw = heart_rows(raw_rows(path))
        if leak == "a column at once":  # one word makes it a column of text
            for name, cells in raw.cells.items():
                if not pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").notna().all():
                    raw.cells[name] = ["text"] * raw.rows
        if leak == "a line is lost" and raw.broken:
            raw = RawRows({name: cells[:0] for name, cells in raw.cells.items()}, 0)
        sums = own(path)
        if raw.rows:
            cells = dp.public_cells(own.tables.codec_, raw, own.tables.design_)
            sums[: len(sums) - 78] = (
                own.tables.design_.sums(*cells) / own.tables.design_.sensitivity
            )
        return sums * (1.5 if leak == "a count more" else 1) * (raw.rows > 0)

    assert audit_neighbours(load_heart(), schema, 110, seed=2, read=leaky).worst.max() > 1.2


@pytest.fixture
def caught(monkeypatch):
    "What was handed to the noise, by the very call; the fit ends there."
    sums = []

    def catch(vectors, scale, normals):
        sums.append(vectors.sum(0))
        raise ValueError("handed to the noise")

    monkeypatch.setattr(dp, "noisy_sum", catch)
    return sums


@pytest.mark.parametrize("k", range(0, len(KINDS), 2))
def test_neighbours_through_the_shell(tmp_path, caught, k):
    heart = load_heart()
    rows = heart.astype(object).where(heart.notna(), "?").astype(str).to_numpy().tolist()
    pair = neighbours(list(heart), rows, KINDS[k], np.random.default_rng(k))
    for content in (pair.without, pair.with_it):
        (tmp_path / "heart.csv").write_bytes(content)
        answer = shell("fit", tmp_path / "heart.csv", "-o", tmp_path / "m.synth", "--epsilon", 1)
        refused(answer, "handed to the noise")
    one, other = caught
    design = dp.build_design(RankGaussEncoder.from_schema(heart_schema()))
    assert np.linalg.norm(one - other) <= design.sensitivity + 1e-9
    assert not (tmp_path / "m.synth").exists()


def test_a_public_schema_a_coding_and_a_declared_separator_through_the_shell(tmp_path, caught):
    (tmp_path / "s.json").write_text(WARD.to_json())
    ward().to_csv(tmp_path / "w.csv", index=False, sep="|", quoting=3)
    fit = ("fit", tmp_path / "w.csv", "-o", tmp_path / "m.synth", "--epsilon", 1)
    schema = ("--schema", tmp_path / "s.json")
    refused(shell(*fit, *schema, "--read", "sep=|"), "handed to the noise")
    refused(shell(*fit, *schema, "--read", "index=true"), "index", "does not go with epsilon")
    refused(shell(*fit, *schema, "--coding", "kaggle"), "--coding kaggle")
    (tmp_path / "s.json").write_text(WARD.to_json().replace('"public": true', '"public": false'))
    refused(shell(*fit, *schema), "the schema must be public")
    turned = {cp: code for code, cp in CODINGS["kaggle"].codes["cp"].items()}
    load_heart().assign(cp=load_heart().cp.map(turned)).to_csv(tmp_path / "w.csv", index=False)
    refused(shell(*fit, "--coding", "kaggle"), "handed to the noise")
    assert len(caught) == 2


def test_a_fit_through_the_shell_says_nothing_exact(tmp_path):
    load_heart().to_csv(tmp_path / "h.csv", index=False)
    words = ("fit", tmp_path / "h.csv", "-o", tmp_path / "m.synth", "--epochs", 1, "--epsilon", 1)
    answer = shell(*words)
    assert answer.exit_code == 0, answer.output
    assert "303" not in answer.stdout and "delta 0.0001" in answer.stdout
    seed = answer.stderr.partition("Note: seed ")[2].split()[0]
    with zipfile.ZipFile(tmp_path / "m.synth") as file:
        about = file.read("about.json").decode()
    assert seed.isdigit() and seed not in about and '"seed": null' in about
    assert Synthesizer.load(tmp_path / "m.synth").delta_ == pytest.approx(1e-4)


# One cell, one row


cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from([cell for kind in ward() for cell in ward()[kind].unique()]),
    st.none(), st.booleans(), st.integers(), st.floats(),
    st.datetimes(), st.dates(),
)  # fmt: skip


@quick
@given(st.lists(cells, max_size=8), st.lists(cells, max_size=8), st.sampled_from(WARD.columns))
def test_a_cell_is_read_as_itself_whatever_stands_beside_it(one, other, column):
    def read(some):
        return read_cells(np.array([*some, None], object)[:-1], column)

    np.testing.assert_array_equal(read([*one, *other]), np.append(read(one), read(other)))
    allowed = np.append(np.arange(len(column.levels)), [MISSING, UNREAD])
    if column.kind != "continuous":
        assert np.isin(read(one), allowed[~np.isnan(allowed)]).sum() + np.isnan(
            read(one)
        ).sum() == (len(one))


@quick
@given(st.lists(st.lists(cells, min_size=6, max_size=6), max_size=6), st.randoms())
def test_the_order_of_rows_and_columns_and_the_dtype_do_not_matter(rows, shuffle):
    df = pd.DataFrame(rows, columns=WARD.names, dtype=object)
    codec = RankGaussEncoder.from_schema(WARD)
    design = dp.build_design(codec)

    def sums(frame):
        return design.sums(*dp.public_cells(codec, frame, design))

    mixed = df.sample(frac=1, random_state=shuffle.randrange(99))[WARD.names[::-1]]
    np.testing.assert_array_equal(sums(df), sums(mixed))
    np.testing.assert_array_equal(sums(df), sums(df.infer_objects()))
    vectors = design.vectors(*dp.public_cells(codec, df, design))
    np.testing.assert_allclose(sums(df), vectors.sum(0), atol=1e-9)
    if len(df):
        assert np.linalg.norm(vectors, axis=1).max() <= design.sensitivity + 1e-9


def test_what_cells_mean():
    read = {column.name: cell_reader(column) for column in WARD}
    assert read["seen"]("31.12.2020") == 18627 and read["seen"]("2020-12-31") == UNREAD
    assert read["crp"]("7 mg/l") == 7 and np.isnan(read["crp"]("-999.0"))
    assert [read["dose"](x) for x in ("1,5", "1.5", "1.234,5")] == [1.5, UNREAD, 1234.5]
    assert read["ward"]("not known") == 2 and np.isnan(read["ward"]("unknown"))
    assert [read["ill"](x) for x in ("TRUE", "no", 1, False, "maybe")] == [1, 0, 1, 0, UNREAD]
    assert [read["grade"](x) for x in ("2", "2.0", 2, "4")] == [1, 1, 1, UNREAD]


def test_a_row_that_cannot_be_read_is_told_to_the_holder_and_counts_as_nothing():
    text = load_heart().head(30).to_csv(index=False) + "old,1,9,x,,,,,,,,,,\n1,2\n"
    raw = heart_rows(raw_text(io.StringIO(text)))
    read = declared_rows(raw, heart_schema())
    assert (read.rows, read.broken) == (31, 1)
    with pytest.warns(UserWarning, match="1 lines that are no rows, 1 cells of age, .*not for rel"):
        made = Synthesizer("gan", epochs=1, epsilon=1.0).fit(raw, progress=False)
    assert made.epsilon_ == pytest.approx(1)


def test_frames_and_files_hand_over_the_same(tmp_path):
    heart, schema = load_heart(), heart_schema()
    heart.to_csv(tmp_path / "a.csv", index=False)
    heart.assign(num=heart.target * 3).drop(columns="target").to_csv(
        tmp_path / "b.tsv", index=False, sep="\t", na_rep="?"
    )
    heart.fillna(-9).to_csv(tmp_path / "c.csv.gz", index=False, sep=";")
    heart.to_parquet(tmp_path / "d.parquet")
    frames = [heart, heart.astype(object), heart.astype("Float64"), heart.astype("float32")]
    files = [tmp_path / name for name in ("a.csv", "b.tsv", "c.csv.gz", "d.parquet")]
    raws = [*map(raw_frame, frames), *(heart_rows(raw_rows(file)) for file in files)]
    first, *others = [declared_rows(raw, schema) for raw in raws]
    for other in others:
        for name in schema.names:
            np.testing.assert_array_equal(first.values[name], other.values[name])
    with pytest.raises(ValueError, match="a.xlsx: with epsilon, a table must be .csv"):
        raw_rows(tmp_path / "a.xlsx")


def test_a_column_with_gaps_keeps_its_shape():
    "A missing number adds nothing to its column's sums, and the model knows how many there are."
    rng = np.random.default_rng(0)
    crp = np.where(rng.random(4000) < 0.4, np.nan, rng.normal(60, 15, 4000).round(1))
    schema = Schema((Column("crp", "continuous", "float64", "", 0, 300, 1, missing=True),))
    made = dp.NoisyTables(schema, 5.0).fit(pd.DataFrame({"crp": crp})).sample(4000)
    assert made.crp.isna().mean() == pytest.approx(0.4, abs=0.05)
    assert made.crp.mean() == pytest.approx(60, abs=4)
