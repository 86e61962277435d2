"""Whatever table or model file a programmer brings: described, learned, read, or one line."""

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synthheart.cohorts import load_heart
from synthheart.inference import infer_schema
from synthheart.reading import read_table
from synthheart.synthesizer import Synthesizer
from synthheart.tables import validate

CELLS = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=6), st.booleans())
TABLES = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.lists(CELLS, min_size=6, max_size=6),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_any_table_is_described_or_refused_in_one_line(table):
    frame = pd.DataFrame(table)
    try:
        found = infer_schema(frame)
    except ValueError as error:
        in_a_name = any("\n" in str(column) for column in frame.columns)
        assert in_a_name or "\n" not in str(error).replace(repr("\n"), "")
        return
    assert found.names == list(frame.columns)
    assert validate(read_table(frame, found), found).empty


def fitted_or_refused(table: dict, model: str, **settings) -> None:
    frame = pd.concat([pd.DataFrame(table)] * 3, ignore_index=True)
    try:
        fitted = Synthesizer(model, **settings).fit(frame, progress=False)
    except ValueError:
        return
    fake = fitted.sample(5)
    assert fake.columns.tolist() == frame.columns.tolist()
    fake = read_table(fake, fitted.schema_)
    assert validate(fake, fitted.schema_).empty, validate(fake, fitted.schema_)


SMALL = {"latent": 2, "generator": [4], "critic": [4], "batch": 8}


# each form of a table compiles anew
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(TABLES)
def test_any_table_is_fitted_or_refused_by_a_network(table):
    fitted_or_refused(table, "gan", epochs=1, options=SMALL)


# 2 to the 64th is one too many for int64
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(TABLES, st.sampled_from(["copula", "independent"]))
@example({"0": [None, None, None, 0, 1.8446744073709552e19, 0.5]}, "copula")
@example({"0": [None, 0, 10**400, 0.5]}, "copula")
@example({"0": [0, 10**20, 0.5, 1e300]}, "independent")
def test_any_table_is_fitted_or_refused(table, model):
    fitted_or_refused(table, model)


def test_a_number_beyond_64_bits_is_fitted():
    most = [None, None, None, None, None, 0]
    fitted_or_refused({"a": [None, None, None, 0, 2.0**64, 0.5], "b": most}, "copula")


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models") / "m.synth"


@pytest.fixture(scope="module")
def good(path) -> bytes:
    "A model file."
    return Synthesizer("independent").fit(load_heart()[["age", "sex"]]).save(path).read_bytes()


def test_the_file_that_is_fuzzed_is_good(good):
    assert zipfile.ZipFile(io.BytesIO(good)).testzip() is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 255))
def test_any_file_is_loaded_or_refused(path, good, junk, place, flip):
    path.write_bytes(junk)
    with pytest.raises(ValueError, match="m.synth"):
        Synthesizer.load(path)
    raw = bytearray(good)
    raw[place % len(raw)] ^= flip
    path.write_bytes(bytes(raw))
    try:
        Synthesizer.load(path).sample(3)
    except ValueError as error:
        assert "m.synth" in str(error)


def test_a_bit_turned_in_the_directory_of_the_zip_is_noticed_or_harmless(path, good):
    "The directory has no checksum: it may ask for what no reader can, or lose an array unseen."
    path.write_bytes(good)
    rows, found = Synthesizer.load(path).sample(3), []
    for place in range(good.rindex(b"PK\5\6") - good.count(b"PK\1\2") * 64, len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 64]) + good[place + 1 :])
        try:
            assert Synthesizer.load(path).sample(3).equals(rows)
        except ValueError as error:
            found.append(str(error))
    assert all(text.startswith(f"{path}: ") and "\n" not in text for text in found)
    assert len(found) > 10
