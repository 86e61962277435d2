"""What a user may rely on: form, domain, seeds, conditions, files, and refusals in one line."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from synthheart.cohorts import load_heart
from synthheart.inference import infer_schema
from synthheart.models import MODELS
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, Schema, validate

TRAIN, HOLDOUT = train_holdout_split(load_heart(), seed=0)
QUICK = {
    "gan": {"steps": 40, "latent": 8, "generator": [16], "critic": [16]},
    "naive-gan": {"steps": 3},
    "vae": {"steps": 60, "passes": 1, "latent": 4, "hidden": [16]},
    "rnn": {"steps": 40, "passes": 1, "units": 12, "embed": 6, "folds": 2},
    "auto": {"candidates": ["copula", "trees"]},
    "autoregressive": {"steps": 20, "prior_steps": 30, "hidden": 8, "embed": 4, "warm_rows": 500},
}


def quick(model: str, **kwargs) -> Synthesizer:
    return Synthesizer(model, options=QUICK.get(model), **kwargs)


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request):
    return quick(request.param).fit(TRAIN, progress=False)


def test_same_form_as_train(fitted):
    fake = fitted.sample(333, seed=4)
    assert fake.columns.tolist() == TRAIN.columns.tolist()
    assert fake.dtypes.tolist() == TRAIN.dtypes.tolist()
    assert len(fake) == 333
    if fitted.model != "naive-gan":
        assert validate(fake, fitted.schema_).empty


def test_seeds_repeat_and_differ(fitted):
    assert fitted.sample(100, seed=1).equals(fitted.sample(100, seed=1))
    assert not fitted.sample(100, seed=1).equals(fitted.sample(100, seed=2))
    again = clone(fitted).fit(TRAIN, progress=False)
    assert again.sample(100, seed=1).equals(fitted.sample(100, seed=1))


def test_chunks_are_the_whole(fitted):
    whole = fitted.sample(1000, seed=3)
    parts = list(fitted.sample(1000, seed=3, chunk=300))
    assert [len(p) for p in parts] == [300, 300, 300, 100]
    assert pd.concat(parts, ignore_index=True).equals(whole)


def test_a_file_brings_back_the_same_rows(fitted, tmp_path):
    path = fitted.save(tmp_path / "model.synth")
    twin = Synthesizer.load(path)
    assert twin.sample(50, seed=8).equals(fitted.sample(50, seed=8))
    assert twin.get_params() == fitted.get_params()
    assert twin.history_.equals(fitted.history_) or len(fitted.history_) == 0
    assert twin._repr_html_() == fitted._repr_html_()
    assert path.read_bytes() == fitted.save(tmp_path / "again.synth").read_bytes()


def test_the_file_holds_arrays_and_json_only(tmp_path):
    path = quick("gan").fit(TRAIN, progress=False).save(tmp_path / "model.synth")
    with zipfile.ZipFile(path) as archive:
        assert {name.rsplit(".")[-1] for name in archive.namelist()} == {"json", "csv", "npy"}
        assert not any("critic" in name for name in archive.namelist())


def test_missing_cells_come_back_in_about_trains_share():
    table = TRAIN.copy()
    table["chol"] = table.chol.astype(float).mask(np.random.default_rng(0).random(len(table)) < 0.3)
    fake = quick("copula").fit(table).sample(4000)
    assert abs(fake.chol.isna().mean() - table.chol.isna().mean()) < 0.04
    assert not quick("copula", missing="impute").fit(table).sample(500).isna().any(axis=None)


WISHES = [
    {"sex": 1},
    {"age": (40, 60)},
    {"sex": 0, "age": (0, 50), "cp": [3, 4]},
    {"slope": (2, 3)},
    {"chol": 240, "sex": 1},
]


@pytest.mark.filterwarnings("ignore:where")
@pytest.mark.parametrize("where", WISHES, ids=str)
def test_conditions_are_met_exactly(where):
    model = Synthesizer("copula").fit(TRAIN)
    fake = model.sample(60, where=where, seed=1)
    assert len(fake) == 60
    for name, wish in where.items():
        if isinstance(wish, tuple):
            assert fake[name].between(*wish).all()
        else:
            assert fake[name].isin(wish if isinstance(wish, list) else [wish]).all()
    assert validate(fake, model.schema_).empty


cells = {
    "whole": st.integers(-1000, 1000),
    "real": st.floats(-1e6, 1e6, allow_nan=False, width=32),
    "heavy": st.floats(0, 1).map(lambda u: round((1 - u) ** -3 if u < 0.99 else 1e6, 2)),
    "word": st.sampled_from(["a", "b", "café"]),
    "flag": st.booleans(),
    "constant": st.just(7),
}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_table_comes_back_in_its_form(data):
    rows = data.draw(st.integers(12, 40), label="rows")
    kinds = data.draw(
        st.lists(st.sampled_from(sorted(cells)), min_size=1, max_size=4), label="kinds"
    )
    table = pd.DataFrame(
        {
            f"{k}_{i}": data.draw(st.lists(cells[k], min_size=rows, max_size=rows))
            for i, k in enumerate(kinds)
        }
    )
    try:
        schema = infer_schema(table)
    except ValueError as e:
        assert "\n" not in str(e)
        return
    model = data.draw(st.sampled_from(["copula", "independent"]), label="model")
    if not schema.learned:  # one column of numbers that look like a key
        with pytest.raises(ValueError, match="no column is left to learn: '.*' is read as id; "):
            Synthesizer(model).fit(table, progress=False)
        return
    fake = Synthesizer(model).fit(table, progress=False).sample(30)
    assert fake.dtypes.tolist() == table.dtypes.tolist()
    assert validate(fake, schema).empty


def test_a_table_of_keys_alone_is_refused_with_a_way_on():
    table = pd.DataFrame({"patient_id": [f"P{i:04d}" for i in range(40)]})
    with pytest.raises(ValueError) as error:
        Synthesizer("copula").fit(table, progress=False)
    assert "no column is left to learn: 'patient_id' is read as id; " in str(error.value)
    assert "role" in str(error.value) and "\n" not in str(error.value)


TINY = {
    "gan": {"steps": 2, "latent": 4, "generator": (4,), "critic": (4,), "batch": 8},
    "vae": {"steps": 2, "passes": 1, "hidden": (4,)},
    "rnn": {"steps": 2, "passes": 1, "units": 4, "embed": 2, "folds": 1},
    "trees": None,
    "autoregressive": {"steps": 2, "prior_steps": 2, "warm_rows": 20, "hidden": 4, "embed": 2},
}


EVERYTHING = ["whole", "heavy", "constant", "word", "flag"]


@pytest.mark.parametrize(
    ("model", "names"),
    [("gan", ["real"]), ("gan", ["word", "flag"]), *((m, EVERYTHING) for m in TINY)],
)
def test_networks_take_any_table(model, names):
    values = {
        "whole": range(-12, 28),
        "real": np.linspace(0, 1, 40) ** 3 * 1e6,
        "heavy": [2.25] * 39 + [1e6],
        "constant": [7] * 40,
        "word": ["a", "b", "café", "a"] * 10,
        "flag": [True, False] * 20,
    }
    table = pd.DataFrame({name: values[name] for name in names})
    table["whole" if "whole" in names else names[0]] = (
        table[names[0]].sample(frac=1, random_state=0).to_numpy()
    )  # no counter
    fake = Synthesizer(model, options=TINY[model]).fit(table, progress=False).sample(30)
    assert fake.dtypes.tolist() == table.dtypes.tolist()
    assert validate(fake, infer_schema(table)).empty


RULES = ("trestbps > 110", "sex = 1 implies chol < 330")


@pytest.mark.parametrize("model", ["copula", "gan", "vae", "rnn", "trees", "autoregressive"])
@pytest.mark.filterwarnings("ignore:where", "ignore:.*training rows break")
def test_rules_hold_with_conditions_and_chunks(model):
    model = quick(model, rules=RULES).fit(TRAIN, progress=False)
    for where in (
        None,
        {"sex": 1, "age": (40, 65)},
        {"sex": 1, "age": (74, 77), "chol": (100, 180), "cp": 1, "exang": 1},
    ):
        whole = model.sample(300, seed=2, where=where)
        counts = model.corrections_
        parts = list(model.sample(300, seed=2, where=where, chunk=70))
        assert [len(part) for part in parts] == [70, 70, 70, 70, 20]
        assert pd.concat(parts, ignore_index=True).equals(whole)
        assert model.corrections_ == counts  # in however many pieces, the same rows are turned down
        assert (whole.trestbps > 110).all() and (whole[whole.sex == 1].chol < 330).all()
        assert validate(whole, model.schema_).empty
        for name, wish in (where or {}).items():
            assert (
                whole[name].between(*wish) if isinstance(wish, tuple) else whole[name] == wish
            ).all()


@pytest.mark.filterwarnings("ignore:.*training rows break")
def test_corrections_are_the_rows_that_were_turned_down():
    free, strict = (
        Synthesizer("copula", rules=rules).fit(TRAIN) for rules in ((), ("age < 60", "chol < 300"))
    )
    for where in (None, {"sex": 1}):
        kept = strict.sample(200, seed=1, where=where)
        stream = free.sample(2000, seed=1, where=where)
        last = int(np.flatnonzero((stream.age < 60) & (stream.chol < 300))[199])
        seen = stream[: last + 1]
        assert strict.corrections_ == {
            "age < 60": (seen.age >= 60).sum(),
            "chol < 300": ((seen.age < 60) & (seen.chol >= 300)).sum(),
        }
        assert kept.equals(seen[(seen.age < 60) & (seen.chol < 300)].reset_index(drop=True))


@pytest.mark.filterwarnings("ignore:.*training rows break")
def test_two_samples_at_once_count_apart():
    model = Synthesizer("copula", rules=["age < 60"]).fit(TRAIN)
    model.sample(500, seed=1)
    alone = dict(model.corrections_)
    pieces = model.sample(500, seed=1, chunk=100)
    mine = model.corrections_
    next(pieces)
    model.sample(50, seed=2)
    list(pieces)
    assert mine == alone


@pytest.mark.parametrize("model", ["gan", "vae", "rnn", "copula", "trees", "autoregressive"])
def test_what_is_all_but_impossible_is_found(model):
    model = quick(model).fit(TRAIN, progress=False)
    wish = {"age": (70, 77), "sex": 0, "chol": (380, 564), "cp": 1, "fbs": 1, "exang": 1, "ca": 3}
    with pytest.warns(UserWarning, match="cannot know more"):
        rows = model.sample(20, where=wish, seed=1)
    assert len(rows) == 20 and rows.age.between(70, 77).all() and rows.chol.between(380, 564).all()
    assert (rows[["sex", "cp", "fbs", "exang", "ca"]] == [0, 1, 1, 1, 3]).all(axis=None)
    with pytest.warns(UserWarning, match="cannot know more"):
        assert model.sample(20, where=wish, seed=1).equals(rows)


@pytest.mark.parametrize("model", ["rnn", "trees", "autoregressive"])
def test_a_model_that_writes_within_makes_what_is_drawn_and_kept(model):
    model = quick(model).fit(TRAIN, progress=False)
    wish = {"thalach": (150, 202), "ca": [0.0, 1.0], "slope": 1}
    told, free = model.sample(3000, where=wish, seed=1), model.sample(40_000, seed=2)
    kept = free[free.thalach.between(150, 202) & free.ca.isin([0, 1]) & (free.slope == 1)]
    assert len(kept) > 2000 and not told.duplicated().any()
    error = np.sqrt(told.var() / len(told) + kept.var() / len(kept))
    assert (abs(told.mean() - kept.mean()) <= 4 * error).all()
    both = abs(told.drop(columns="slope").corr() - kept.drop(columns="slope").corr())
    assert both.max(axis=None) < 0.1


def test_other_libraries_tables():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    table = pd.DataFrame(
        {
            "age": range(40, 100),
            "word": ["a", None, "b"] * 20,
            "flag": [True, False, False] * 20,
            "seen": pd.date_range("2020-01-01", periods=60).as_unit("ms"),
            "dose": [1.5, np.nan, 2.25] * 20,
        }
    )
    table["age"] = table.age.sample(frac=1, random_state=0).to_numpy()
    mine = Synthesizer("copula", seed=1).fit(table).sample(50)
    for other in (
        polars.from_pandas(table),
        pyarrow.Table.from_pandas(table),
        polars.from_pandas(table).with_columns(polars.col("seen").cast(polars.Date)),
        pyarrow.Table.from_pandas(table.set_index(pd.Index(range(5, 65)))),
    ):
        fake = Synthesizer("copula", seed=1).fit(other).sample(50)
        pd.testing.assert_frame_equal(fake, mine, check_dtype=False)
        assert fake.seen.dtype.kind == "M"


def test_numpy_numbers_are_numbers(tmp_path):
    plain = quick("gan", seed=3, epochs=2).fit(TRAIN, progress=False)
    numpy = quick("gan", seed=np.int64(3), epochs=np.int32(2)).fit(TRAIN, progress=False)
    rows = plain.sample(30, seed=5)
    assert numpy.sample(np.int64(30), seed=np.uint8(5)).equals(rows)
    assert (
        Synthesizer.load(numpy.save(tmp_path / "m.synth")).sample(30, seed=np.int16(5)).equals(rows)
    )
    assert (
        quick("gan", random_state=np.int64(3), epochs=2)
        .fit(TRAIN, progress=False)
        .sample(30, seed=5)
        .equals(rows)
    )
    assert list(numpy.sample(30, seed=5, chunk=np.int64(10)))[0].equals(rows[:10])
    assert (
        len(numpy.sample(5, where={"sex": np.int64(1), "age": (np.float64(40), np.int64(60))})) == 5
    )


def test_a_synthesizer_shows_itself():
    model = quick("gan", rules=["age < 60"], seed=7)
    assert "not fitted yet" in model._repr_html_()
    with pytest.warns(UserWarning, match="training rows break"):
        model.fit(TRAIN, progress=False)
    model.sample(50)
    shown = model._repr_html_()
    for words in (
        "gan",
        "seed=7",
        "212 rows, 14 columns",
        "target (outcome)",
        "age &lt; 60",
        "rows drawn again",
    ):
        assert words in shown
    assert "<script" not in Synthesizer(model="<script>")._repr_html_()
    assert model._repr_mimebundle_()["text/html"] == shown


ROWS = pd.DataFrame({"age": [50, 60, 70, *range(51, 68)], "sex": [0, 1, 1, 0] * 5})
HEART = Schema(
    (
        Column("age", "continuous", "int64", minimum=18, maximum=65, decimals=0),
        Column("sex", "binary", "int64", levels=(0, 1)),
    )
)
REFUSED = {
    "unknown model": (lambda: Synthesizer("gam").fit(ROWS), "model must be one of .* got 'gam'"),
    "epochs zero": (lambda: Synthesizer(epochs=0).fit(ROWS), "epochs must be .* got 0"),
    "epochs a word": (lambda: Synthesizer(epochs="many").fit(ROWS), "epochs must be .* got 'many'"),
    "missing": (lambda: Synthesizer(missing="drop").fit(ROWS), "missing must be .* got 'drop'"),
    "not a table": (lambda: Synthesizer().fit([1, 2]), "a table is needed.* got list"),
    "one row": (lambda: Synthesizer().fit(ROWS[:1]), "1 row; at least 2"),
    "no rows": (lambda: Synthesizer().fit(ROWS[:0]), "0 rows; at least 2"),
    "unknown target": (
        lambda: Synthesizer("copula").fit(ROWS, target="outcome"),
        "'outcome' is not a column",
    ),
    "schema breach": (
        lambda: Synthesizer("copula").fit(ROWS, schema=HEART),
        "age: 70 in row 2 .* 65",
    ),
    "schema column absent": (
        lambda: Synthesizer("copula").fit(ROWS[["age"]], schema=HEART),
        "sex: in the schema, but not",
    ),
    "n zero": (lambda: fit().sample(0), "n must be a whole number of at least 1, got 0"),
    "n a float": (lambda: fit().sample(1.5), "n must be a whole number of at least 1, got 1.5"),
    "chunk": (
        lambda: fit().sample(5, chunk=0),
        "chunk must be a whole number of at least 1, got 0",
    ),
    "where column": (
        lambda: fit().sample(5, where={"sxe": 1}),
        "no column 'sxe'; there are age, sex",
    ),
    "where level": (
        lambda: fit().sample(5, where={"sex": 2}),
        r"sex must be one of \[0, 1\], got 2",
    ),
    "where order": (lambda: fit().sample(5, where={"age": (60, 50)}), "age from 60 to 50 is empty"),
    "where outside": (
        lambda: fit().sample(5, where={"age": (90, 99)}),
        "age lies between 50 and 70, got 90 to 99",
    ),
    "all missing": (
        lambda: Synthesizer().fit(ROWS.assign(chol=np.nan)),
        "chol: all 20 cells are missing",
    ),
    "free text": (
        lambda: Synthesizer().fit(
            ROWS.assign(note=[f"came back after {k} days" for k in range(20)])
        ),
        "note: looks like free text",
    ),
    "word in a number": (
        lambda: Synthesizer().fit(pd.DataFrame({"chol": [*map(str, range(200, 219)), "abc"]})),
        "chol: 'abc' in row 19 is no number",
    ),
}


def fit() -> Synthesizer:
    return Synthesizer("copula", protect=0).fit(ROWS)


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refusals_are_one_line_with_name_and_value(case):
    attempt, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as refusal:
        attempt()
    assert "\n" not in str(refusal.value)


def test_an_all_but_impossible_condition_says_what_is_achievable():
    rare = pd.DataFrame({"a": np.arange(400) % 5, "b": np.arange(400) % 5})
    model = Synthesizer("copula").fit(rare)
    with pytest.raises(ValueError, match="the achievable share is below"):
        model.sample(500, where={"a": 0, "b": 4})


def test_not_fitted_yet():
    with pytest.raises(Exception, match="not fitted"):
        Synthesizer().sample(3)


def damaged(kind: str, path) -> None:
    good = Synthesizer("copula").fit(ROWS).save(path)
    if kind == "truncated":
        path.write_bytes(good.read_bytes()[:-200])
    elif kind == "not a zip":
        path.write_text("age,sex\n50,1\n")
    elif kind == "flipped byte":
        with zipfile.ZipFile(good) as archive:
            part = max(archive.infolist(), key=lambda entry: entry.compress_size)
        raw = bytearray(good.read_bytes())
        raw[part.header_offset + 30 + len(part.filename) + part.compress_size // 2] ^= 0xFF
        path.write_bytes(raw)
    else:
        with zipfile.ZipFile(good) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        about = json.loads(parts["about.json"])
        if kind == "newer":
            about["format"], about["synthheart"] = 99, "9.0"
        if kind == "no model":
            parts = {name: part for name, part in parts.items() if not name.startswith("model/")}
        if kind == "pickle inside":
            import io

            raw = io.BytesIO()
            np.save(raw, np.array([{"a": 1}], dtype=object), allow_pickle=True)
            parts["model/root.npy"] = raw.getvalue()
        parts["about.json"] = json.dumps(about).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)


@pytest.mark.parametrize(
    "kind", ["truncated", "not a zip", "flipped byte", "newer", "no model", "pickle inside"]
)
def test_a_bad_file_is_refused(kind, tmp_path):
    path = tmp_path / "model.synth"
    damaged(kind, path)
    words = "newer synthheart" if kind == "newer" else "damaged"
    with pytest.raises(ValueError, match=words) as refusal:
        Synthesizer.load(path)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_no_file():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.synth"):
        Synthesizer.load("nowhere.synth")


def test_saving_leaves_no_half_file(tmp_path, monkeypatch):
    model = fit()
    monkeypatch.setattr("synthheart.synthesizer.np.lib.format.write_array", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.save(tmp_path / "model.synth")
    assert list(tmp_path.iterdir()) == []
