"""A model file loads in every version of its format, and gives the rows that were recorded beside
it.
"""

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from synthheart.archive import FORMAT
from synthheart.models import MODELS
from synthheart.synthesizer import Synthesizer
from synthheart.tables import validate

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(FIXTURES.glob(f"*-v{FORMAT}.synth"))
OLD = sorted(set(FIXTURES.glob("*.synth")) - set(FILES))
PLAIN = ("copula", "independent")  # NumPy alone: the same bytes wherever they run


def test_every_kind_of_model_is_kept():
    kept = {file.stem.rpartition("-v")[0] for file in FILES}
    own = {name for name, record in MODELS.items() if record.valid}
    assert kept == own - {"auto"}  # it is kept under the name of the model that it chose
    assert max(file.stat().st_size for file in FILES) < 50_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_saved_file_gives_its_rows(file):
    model = Synthesizer.load(file)
    rows, text = model.sample(12, seed=5), file.with_suffix(".csv").read_text(encoding="utf-8")
    now, then = (pd.read_csv(io.StringIO(t), dtype=str) for t in (rows.to_csv(index=False), text))
    assert now.columns.tolist() == then.columns.tolist() and now.shape == then.shape
    assert [str(d) for d in rows.dtypes] == [c.dtype for c in model.schema_]
    assert validate(rows, model.schema_).empty and (rows.age > 31).all()
    same = (now == then) | (now.isna() & then.isna())
    # Other processors add in another order: a cell in twenty may fall on the other side of a
    # rounding.
    assert same.all(axis=None) if model.model in PLAIN else same.to_numpy().mean() > 0.95


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_saved_file_can_be_saved_again(file, tmp_path):
    model = Synthesizer.load(file)
    twin = Synthesizer.load(model.save(tmp_path / file.name))
    assert twin.sample(5).equals(model.sample(5))
    assert twin.history_.columns.tolist() == model.history_.columns.tolist()


@pytest.mark.parametrize("file", OLD, ids=lambda file: file.stem)
def test_a_file_of_an_earlier_format_is_refused_in_one_line(file):
    number = file.stem.rpartition("-v")[2]
    words = rf"^{re.escape(str(file))}: written by an earlier .*format {number};.*: fit again$"
    with pytest.raises(ValueError, match=words):
        Synthesizer.load(file)


def test_a_file_of_each_earlier_format_is_kept_to_be_refused():
    assert len(OLD) == FORMAT - 1
