"""A synthesizer as other libraries use it: scikit-learn, pickles, threads, forks, any frame."""

import datetime as dt
import io
import multiprocessing
import pickle
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator
from test_synthesizer import HOLDOUT, TRAIN, quick

from synthheart.cohorts import Dataset
from synthheart.comparison import compare
from synthheart.evaluation import copies, evaluate, invalid_share
from synthheart.finding import relations_of
from synthheart.inference import infer_schema, typed_by
from synthheart.models import MODELS
from synthheart.privacy import attack
from synthheart.reading import read_table
from synthheart.runs import write_table
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import EXPECTED_FAILED_CHECKS, Synthesizer, needs_fresh_process
from synthheart.tables import Column, Schema, find_duplicates, validate

X, Y = TRAIN.drop(columns="target"), TRAIN.target


# --- scikit-learn


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["independent", "copula"])
def test_scikit_learns_checks_pass(model):
    found = check_estimator(
        Synthesizer(model),
        expected_failed_checks=EXPECTED_FAILED_CHECKS,
        on_skip=None,
    )
    assert len(found) > 30
    assert {one["status"] for one in found} <= {"passed", "skipped", "xfail"}


def test_nothing_is_expected_to_fail():
    assert EXPECTED_FAILED_CHECKS == {}


@pytest.mark.parametrize("model", sorted(MODELS))
def test_parameters_are_read_and_cloned(model):
    one = Synthesizer(model, epochs=3, seed=None, rules=["age > 20"])
    again = clone(one)
    assert again.get_params() == one.get_params()
    assert again.set_params(seed=4).seed == 4 and one.seed is None
    assert not hasattr(again, "n_features_in_")


def outcomes() -> dict:
    "The outcome in every form that it may come in."
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    values = Y.to_numpy()
    return {
        "series": Y,
        "unnamed": Y.rename(None),
        "another index": Y.set_axis(np.arange(len(Y))[::-1]),
        "array": values,
        "column": values[:, None],
        "list": values.tolist(),
        "tuple": tuple(values),
        "frame": Y.to_frame(),
        "polars": polars.Series("target", values),
        "unnamed polars": polars.Series(values),
        "polars frame": polars.DataFrame({"target": values}),
        "arrow": pyarrow.array(values),
        "chunked": pyarrow.chunked_array([values]),
    }


def test_the_outcome_is_taken_row_by_row():
    whole = Synthesizer("copula").fit(TRAIN, progress=False)
    rows = whole.sample(50, seed=1)
    for form, y in outcomes().items():
        model = Synthesizer("copula").fit(X, y, progress=False)
        assert model.schema_.target == "target", form
        assert model.sample(50, seed=1).equals(rows), form
        assert model.n_features_in_ == 13 and list(model.feature_names_in_) == list(X)


def test_the_outcome_goes_by_its_name():
    model = Synthesizer("independent").fit(X, Y.rename("died"), progress=False)
    assert model.schema_.target == "died" and model.sample(3).columns[-1] == "died"
    model = Synthesizer("independent").fit(X, Y.to_numpy(), target="died", progress=False)
    assert model.schema_.target == "died"
    model = Synthesizer("independent").fit(TRAIN, Y.rename("died"), progress=False)
    assert model.schema_.target == "died"  # although there is a column `target`


REFUSED = {
    "two outcomes": (lambda: fit(X, TRAIN[["sex", "target"]]), "y: one outcome is needed, got 2"),
    "too few": (lambda: fit(X, [1, 0]), "y: 2 values for a table of 212 rows"),
    "taken": (lambda: fit(TRAIN, Y), "a column 'target' already"),
    "two names": (lambda: fit(X, Y, target="died"), "'died' is not the name of y, .* 'target'"),
    "sparse": (lambda: fit(sparse()), "sparse tables are not supported"),
    "complex": (lambda: fit(np.ones((9, 2)) * 1j), "x0: Complex data not supported"),
    "no columns": (lambda: fit(pd.DataFrame(index=range(9))), "no columns"),
    "a negative seed": (lambda: Synthesizer(seed=-1).fit(TRAIN), "seed must be .* got -1"),
    "half a seed": (lambda: Synthesizer(seed=0.5).fit(TRAIN), "seed must be .* got 0.5"),
    "random state": (
        lambda: Synthesizer(random_state="x").fit(TRAIN),
        "random_state must be .* got 'x'",
    ),
    "sample's seed": (lambda: fit(TRAIN).sample(3, seed=1.5), "seed must be .* got 1.5"),
}


def sparse():
    from scipy.sparse import csr_array

    return csr_array(np.eye(9))


def fit(*args, **words) -> Synthesizer:
    return Synthesizer("independent").fit(*args, progress=False, **words)


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_learned_is_refused_in_one_line(case):
    attempt, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as refusal:
        attempt()
    assert "\n" not in str(refusal.value)


SCHEMA = infer_schema(TRAIN)
MISSPELT = {
    "fit": lambda t: fit(TRAIN, target=t),
    "fit, schema": lambda t: fit(TRAIN, target=t, schema=SCHEMA),
    "infer": lambda t: infer_schema(TRAIN, target=t),
    "split": lambda t: train_holdout_split(TRAIN, target=t),
    "split, schema": lambda t: train_holdout_split(TRAIN, target=t, schema=SCHEMA),
    "evaluate": lambda t: evaluate(TRAIN, HOLDOUT, TRAIN, target=t),
    "evaluate, schema": lambda t: evaluate(TRAIN, HOLDOUT, TRAIN, target=t, schema=SCHEMA),
    "attack": lambda t: attack(TRAIN, HOLDOUT, TRAIN, target=t),
    "attack, schema": lambda t: attack(TRAIN, HOLDOUT, TRAIN, target=t, schema=SCHEMA),
    "dataset": lambda t: Dataset.from_table(TRAIN, target=t),
    "compare": lambda t: compare(["independent"], data=TRAIN, target=t),
}


@pytest.mark.parametrize("case", sorted(MISSPELT))
def test_a_misspelt_outcome_is_an_error(case):
    with pytest.raises(ValueError, match="target 'tagret' is not a column") as refusal:
        MISSPELT[case]("tagret")
    assert "\n" not in str(refusal.value)


def test_no_seed_draws_one():
    one, two = (quick("gan", seed=None).fit(TRAIN, progress=False) for _ in range(2))
    assert one.seed_ != two.seed_ and one.seed is None
    assert not one.sample(30, seed=1).equals(two.sample(30, seed=1))
    told = quick("gan", seed=one.seed_).fit(TRAIN, progress=False)
    assert told.sample(30, seed=1).equals(one.sample(30, seed=1))
    assert not one.sample(30, seed=None).equals(one.sample(30, seed=None))


def test_a_file_knows_no_drawn_seed_but_the_features(tmp_path):
    model = Synthesizer("independent", seed=None).fit(X, Y, progress=False)
    again = Synthesizer.load(model.save(tmp_path / "m.synth"))
    assert (again.seed, again.seed_) == (None, None) and model.seed_ is not None
    told = (tmp_path / "m.synth").read_bytes()
    assert str(model.seed_).encode() not in told or model.seed_ < 10**5
    assert again.n_features_in_ == 13 and list(again.feature_names_in_) == list(X)


# --- pickles, threads, forks


def stored(model: Synthesizer) -> Synthesizer:
    "The model through joblib."
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request):
    return quick(request.param).fit(TRAIN, progress=False)


@pytest.mark.filterwarnings("ignore:where")
def test_a_pickle_gives_the_same_rows(fitted):
    before = stored(quick(fitted.model)).fit(TRAIN, progress=False)
    after = pickle.loads(pickle.dumps(before))
    rows = fitted.sample(30, seed=3).to_csv()
    for twin in (before, after, stored(fitted), stored(stored(fitted))):
        assert twin.sample(30, seed=3).to_csv() == rows
    wish = {"sex": 1, "age": (40, 60)}
    if fitted.model != "naive-gan":
        rows = fitted.sample(30, seed=3, where=wish)
        assert after.sample(30, seed=3, where=wish).equals(rows)


def test_threads_sample_side_by_side(fitted):
    alone = {seed: fitted.sample(2000, seed=seed) for seed in range(3)}
    got: dict = {}
    threads = [
        threading.Thread(target=lambda s=seed: got.__setitem__(s, fitted.sample(2000, seed=s)))
        for seed in alone
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(got[seed].equals(rows) for seed, rows in alone.items())


@pytest.mark.filterwarnings("ignore:.*training rows break")
def test_threads_leave_a_whole_count_of_corrections():
    model = Synthesizer("copula", rules=["age < 60", "chol < 300"]).fit(TRAIN)
    alone = []
    for seed in range(4):
        model.sample(1500, seed=seed)
        alone.append(model.corrections_)
    threads = [threading.Thread(target=model.sample, args=(1500, seed)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.corrections_ in alone


def answer_in_a_fork(work) -> object:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=lambda: queue.put(work()))
    process.start()
    try:
        return queue.get(timeout=120)
    finally:
        process.kill()
        process.join()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork")
@pytest.mark.filterwarnings("ignore:.*fork")
@pytest.mark.parametrize("model", ["copula", "rnn"])
def test_a_forked_process_fits_and_samples(model):
    here = quick(model, rules=["age > 20"]).fit(TRAIN, progress=False)
    rows, wish = here.sample(200, seed=2), {"age": (40, 60)}
    wished = here.sample(20, seed=2, where=wish)

    def work():
        there = quick(model, rules=["age > 20"]).fit(TRAIN, progress=False)
        parts = list(here.sample(200, seed=2, chunk=90))
        try:
            here.sample(5, where={"age": (1, 2)})
        except ValueError as error:
            said = str(error)
        return [
            there.sample(200, seed=2).equals(rows),
            pd.concat(parts, ignore_index=True).equals(rows),
            here.sample(20, seed=2, where=wish).equals(wished),
            "age lies between" in said,
            needs_fresh_process(here.model_) == (model == "rnn"),
        ]

    quick("rnn").fit(TRAIN, progress=False)  # TensorFlow is at work here, whatever the model
    assert answer_in_a_fork(work) == [True] * 5


# --- frames of any library


def libraries() -> dict:
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    return {
        "polars": polars.from_pandas,
        "pyarrow": lambda df: pyarrow.Table.from_pandas(df, preserve_index=False),
    }


@pytest.mark.usefixtures("few_trees")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_every_function_takes_any_librarys_frames(library, tmp_path):
    turned = libraries()[library]
    real = TRAIN.reset_index(drop=True)
    train, holdout = train_holdout_split(real, seed=1)
    fake = Synthesizer("copula").fit(train, progress=False).sample(120)
    schema = infer_schema(real)
    three = [df.reset_index(drop=True) for df in (train, holdout, fake)]
    other = [turned(df) for df in three]
    same = pd.testing.assert_frame_equal
    assert infer_schema(turned(real)) == schema
    parts = train_holdout_split(turned(real), seed=1)
    same(parts[0], train, check_dtype=False)
    same(parts[1], holdout, check_dtype=False)
    few = {"draws": 1, "boot": 3}
    same(evaluate(*other, **few), evaluate(*three, **few))
    few = {"boot": 3, "queries": 20}
    same(attack(*other, **few), attack(*three, **few))
    assert Synthesizer("copula").fit(other[0], progress=False).sample(120).equals(fake)
    assert validate(turned(real), schema).empty
    same(find_duplicates(turned(real)), find_duplicates(real))
    assert invalid_share(other[2], schema) == 0 and copies(other[0], other[0]) == 1
    same(typed_by(turned(real), schema), typed_by(real, schema), check_dtype=False)
    assert relations_of(turned(real), schema) == relations_of(real, schema)
    write_table(turned(real), tmp_path / "a.csv"), write_table(real, tmp_path / "b.csv")
    same(read_table(tmp_path / "a.csv"), read_table(tmp_path / "b.csv"))
    assert Dataset.from_table(turned(real)).schema.names == schema.names


@pytest.mark.parametrize("what", [3, [1, 2], {"a": [1]}, None])
def test_what_is_no_frame_is_refused(what):
    for work in (
        lambda: validate(what, SCHEMA),
        lambda: train_holdout_split(what),
        lambda: write_table(what, "x.csv"),
        lambda: find_duplicates(what),
    ):
        with pytest.raises(ValueError, match="must be a DataFrame"):
            work()


# --- objects come back as objects


def test_objects_come_back_as_what_they_were(tmp_path):
    rng, n = np.random.default_rng(0), 80
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D")
    table = pd.DataFrame(
        {
            "age": rng.integers(30, 90, n).tolist(),
            "gaps": [None if k % 9 == 0 else int(v) for k, v in enumerate(rng.integers(0, 999, n))],
            "code": rng.integers(1, 4, n).tolist(),
            "dose": np.round(rng.gamma(2, 3, n), 2).tolist(),
            "flag": [True, False, None, True] * 20,
            "day": [day.date() for day in days],
            "moment": [day.to_pydatetime() for day in days],
            "clock": [dt.time(int(h), int(m)) for h, m in rng.integers(0, 24, (n, 2))],
            "limit": ["<5" if v < 15 else int(v) for v in rng.integers(0, 60, n)],
            "word": rng.choice(["a", "b"], n).tolist(),
        },
        dtype=object,
    )
    model = Synthesizer("copula").fit(table, progress=False)
    fake = model.sample(60)
    types = {
        "age": {int},
        "gaps": {int, type(None)},
        "code": {int},
        "dose": {float},
        "flag": {bool, type(None)},
        "day": {dt.date},
        "moment": {pd.Timestamp},
        "clock": {dt.time},
        "limit": {int, str},
        "word": {str},
    }
    found = {name: set(map(type, fake[name])) for name in fake}
    assert found == types
    assert all(str(dtype) == "object" for dtype in fake.dtypes)
    assert Synthesizer.load(model.save(tmp_path / "m.synth")).sample(60).equals(fake)
    assert validate(read_table(fake, model.schema_), model.schema_).empty


def test_a_file_is_read_by_its_schema():
    lines = [f"{k},{k * 37 % 50 + 100 if k % 7 else 'broken'}" for k in range(30, 90)]
    raw = "\n".join(["age,bp", *lines]).encode()
    with pytest.raises(ValueError, match="bp: 'broken' in row 5"):
        fit(io.BytesIO(raw))
    column = Column(
        "bp",
        "continuous",
        "Int64",
        minimum=90,
        maximum=160,
        missing=True,
        missing_codes=("broken",),
    )
    schema = Schema((Column("age", "continuous", "int64", minimum=0, maximum=99), column))
    assert fit(io.BytesIO(raw), schema=schema).sample(99).bp.isna().any()


def test_the_doubts_of_a_file_are_kept():
    path = Path(__file__).parent / "fixtures" / "tables" / "none_level.csv"
    assert fit(path).schema_.notes == infer_schema(path).notes != ()
