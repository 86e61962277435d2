"""Round trips of random tables through the encoder, and what each refusal says."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from sklearn.base import clone

from synthheart.cohorts import heart_schema, load_heart
from synthheart.inference import infer_schema
from synthheart.preprocessing import (
    Coded,
    ContinuousCode,
    Interpolator,
    MissingImputer,
    NaiveScaler,
    RankGaussEncoder,
    counted_quantile,
    one_hot,
    quantile_knots,
    smooth_shares,
)
from synthheart.splitting import train_holdout_split
from synthheart.tables import Column, Schema, validate

SHAPES = ("spread", "heavy tail", "ties", "constant", "two values")
NUMBERS = ("int64", "int16", "float64", "float32", "Int64", "Float64")
CODES = (
    "int64",
    "float64",
    "str",
    "object",
    "bool",
    "boolean",
    "category",
    "ordered",
    "numbered",
    "Int64",
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def numbers(rng: np.random.Generator, n: int, shape: str, dtype: str) -> pd.Series:
    "One continuous column: whole numbers, up to three decimals, or all of them."
    x = {
        "spread": lambda: rng.normal(50, 20, n),
        "heavy tail": lambda: np.clip(rng.standard_cauchy(n) * 5, -3e4, 3e4),
        "ties": lambda: rng.choice([0.0, 1.5, 120.0, 120.1], n),
        "constant": lambda: np.full(n, 7.25),
        "two values": lambda: rng.choice([-3.5, 12.0], n),
    }[shape]()
    if dtype.lower().startswith("int"):
        return pd.Series(np.rint(x)).astype(dtype)
    decimals = rng.choice([0, 1, 3, 16])
    return pd.Series(np.round(x, decimals) if decimals < 16 else x).astype(dtype)


def codes(rng: np.random.Generator, n: int, dtype: str) -> tuple[pd.Series, tuple]:
    "One discrete column and its levels."
    levels = {
        "bool": (False, True),
        "boolean": (False, True),
        "str": ("high", "low", "mid"),
        "object": ("a", "b"),
        "category": ("x", "y", "z"),
        "ordered": ("low", "mid", "high"),
    }.get(dtype, (1, 3, 6, 7))
    values = [levels[i] for i in rng.integers(0, len(levels), n)]
    if dtype in ("category", "ordered", "numbered"):
        return pd.Series(
            pd.Categorical(values, categories=list(levels), ordered=dtype == "ordered")
        ), levels
    return pd.Series(values).astype(object if dtype == "str" else dtype).astype(dtype), levels


@st.composite
def tables(draw) -> tuple[pd.DataFrame, Schema]:
    "A random table of 2 to 60 rows with its schema: all types, missing cells where they may be."
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 60))
    kinds = draw(
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from(SHAPES), st.sampled_from(NUMBERS)),
                st.tuples(st.just("code"), st.sampled_from(CODES)),
            ),
            min_size=1,
            max_size=6,
        )
    )
    data, columns = {}, []
    for i, (shape, dtype) in enumerate(kinds):
        name, levels = f"c{i}", ()
        if shape == "code":
            series, levels = codes(rng, n, dtype)
        else:
            series = numbers(rng, n, shape, dtype)
        can_miss = dtype not in ("int64", "int16", "bool")
        missing = can_miss and draw(st.booleans())
        if missing:
            hole = rng.random(n) < 0.3
            hole[rng.integers(n)] = False
            series = series.mask(hole)
        data[name] = series
        columns.append((name, shape, levels, bool(series.isna().any())))
    df = pd.DataFrame(data, index=rng.permutation(n))
    return df, Schema(tuple(column(df[name], *rest) for name, *rest in columns))


def column(s: pd.Series, shape: str, levels: tuple, missing: bool) -> Column:
    "The column's entry in the schema; range and decimals are the column's own."
    if shape == "code":
        return Column(s.name, "ordinal", str(s.dtype), levels=levels, missing=missing)
    seen = s.dropna().to_numpy(dtype=float)
    noise = 1e-6 if s.dtype == "float32" else 1e-9
    slack = noise * np.maximum(1, np.abs(seen))
    decimals = next(
        (d for d in range(7) if (np.abs(np.round(seen, d) - seen) <= slack).all()), None
    )
    return Column(
        s.name,
        "continuous",
        str(s.dtype),
        minimum=seen.min(),
        maximum=seen.max(),
        decimals=decimals,
        missing=missing,
    )


def assert_same_form(got: pd.DataFrame, df: pd.DataFrame) -> None:
    assert list(got.columns) == list(df.columns)
    assert got.dtypes.to_dict() == df.dtypes.to_dict()


@quick
@given(tables(), st.integers(0, 9))
def test_round_trip_gives_train_back(table, seed):
    df, schema = table
    encoder = RankGaussEncoder(schema).fit(df)
    back = encoder.inverse_transform(encoder.transform(df, seed=seed))
    assert_same_form(back, df)
    for c in schema:
        was, now = df[c.name].reset_index(drop=True), back[c.name]
        assert (was.isna() == now.isna()).all()
        if c.kind != "continuous":
            pd.testing.assert_series_equal(was, now)
            continue
        was, now = was.dropna().to_numpy(dtype=float), now.dropna().to_numpy(dtype=float)
        noise = 1e-6 * np.maximum(1, np.abs(was))
        values, counts = np.unique(was, return_counts=True)
        half = np.concatenate([[np.inf], np.diff(values) / 2, [np.inf]])
        at = np.searchsorted(values, was)
        tied = counts[at] > 1
        assert (np.abs(now - was)[tied] <= (noise[tied] if c.dtype == "float32" else 0)).all()
        assert (now >= was - half[at] - noise).all() and (now <= was + half[at + 1] + noise).all()
        assert now.min() >= values[0] and now.max() <= values[-1]


@quick
@given(tables(), st.integers(0, 2**32 - 1))
def test_any_score_becomes_a_valid_row(table, seed):
    df, schema = table
    encoder = RankGaussEncoder(schema).fit(df)
    rng = np.random.default_rng(seed)
    scores = rng.standard_cauchy((40, encoder.n_continuous_)) * 3
    scores[:2] = [[-np.inf], [np.inf]]
    levels = np.stack(
        [rng.integers(0, k, 40) for k in encoder.cardinalities_] or [np.zeros(40, int)], axis=1
    )
    got = encoder.decode(scores, levels)
    assert_same_form(got, df)
    if not any(
        c.dtype == "float32" for c in schema.continuous
    ):  # 32 bits cannot hold 0.1: read as 64 they are off
        assert validate(got, schema).empty
    again = encoder.decode(scores.astype(np.float32), levels.astype(np.int32))
    assert_same_form(again, df)


@quick
@given(tables())
def test_state_holds_everything_and_survives_json(table):
    df, schema = table
    encoder = RankGaussEncoder(schema).fit(df)
    arrays, config = encoder.to_state()
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in arrays.values())
    again = RankGaussEncoder.from_state(arrays, json.loads(json.dumps(config)))
    X = encoder.transform(df, seed=3)
    np.testing.assert_array_equal(again.transform(df, seed=3), X)
    pd.testing.assert_frame_equal(again.inverse_transform(X), encoder.inverse_transform(X))


@quick
@given(tables())
def test_an_inferred_schema_holds_the_same_guarantees(table):
    df, _ = table
    try:
        schema = infer_schema(df)
    except (
        ValueError
    ):  # what must not be learned from (identifiers, too many categories) is refused there
        return
    encoder = RankGaussEncoder().fit(df)
    assert encoder.schema_ == schema
    back = encoder.inverse_transform(encoder.transform(df))
    assert_same_form(back, df)
    for c in schema:
        was, now = df[c.name].reset_index(drop=True), back[c.name]
        assert (was.isna() == now.isna()).all()
        same = was.isna() | (c.kind != "continuous") | was.duplicated(keep=False)
        if c.dtype != "float32":
            pd.testing.assert_series_equal(was[same], now[same])


@quick
@given(tables())
def test_code_is_a_table_of_intervals(table):
    df, schema = table
    encoder = RankGaussEncoder(schema).fit(df)
    coded = encoder.code(df)
    assert coded.low.dtype == coded.high.dtype == np.float32 and coded.levels.dtype == np.int32
    assert ((0 < coded.low) & (coded.low < coded.high) & (coded.high < 1)).all()
    assert np.isfinite(coded.scores(np.random.default_rng(0))).all()
    assert (coded.levels >= 0).all() and (coded.levels < encoder.cardinalities_).all()
    X = encoder.transform(df)
    assert X.dtype == np.float32 and X.shape == (len(df), encoder.width_)
    assert len(encoder.get_feature_names_out()) == encoder.width_
    np.testing.assert_array_equal(
        X[:, encoder.n_continuous_ :], one_hot(coded.levels, encoder.cardinalities_)
    )


@quick
@given(tables())
def test_imputer_fills_every_cell_and_keeps_the_form(table):
    df, schema = table
    filled = MissingImputer(schema).fit(df).transform(df)
    assert_same_form(filled, df)
    assert filled.index.equals(df.index) and not filled.isna().any().any()
    for name in df:
        pd.testing.assert_series_equal(filled[name][df[name].notna()], df[name].dropna())


@quick
@given(tables())
def test_naive_scaler_gives_filled_train_back(table):
    df, schema = table
    scaler = NaiveScaler(schema).fit(df)
    z = scaler.transform(df)
    back = scaler.inverse_transform(z)
    assert_same_form(back, df)
    filled = MissingImputer(schema).fit(df).transform(df).reset_index(drop=True)
    arrays, config = scaler.to_state()
    again = NaiveScaler.from_state(arrays, json.loads(json.dumps(config)))
    np.testing.assert_array_equal(again.transform(df), z)
    pd.testing.assert_frame_equal(again.inverse_transform(z), back)
    for c in schema:
        if c.kind == "continuous":
            np.testing.assert_allclose(
                back[c.name].to_numpy(dtype=float),
                filled[c.name].to_numpy(dtype=float),
                rtol=1e-4,
                atol=1e-4 * max(1, float(scaler.scale_[schema.names.index(c.name)])),
            )
        else:
            pd.testing.assert_series_equal(back[c.name], filled[c.name])


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=80), st.floats(-200, 200))
@settings(max_examples=100, deadline=None)
def test_new_values_have_an_interval_that_decodes_near_them(train, new):
    values, counts = np.unique(np.array(train, float), return_counts=True)
    code = ContinuousCode(values, counts, values[0], values[-1], 0)
    low, high = code.interval(np.array([new]))
    assert 0 < low[0] <= high[0] < 1
    got = code.invert((low + high) / 2.0)[0]
    inside = np.clip(new, values[0], values[-1])
    below = values[max(np.searchsorted(values, inside, "left") - 1, 0)]
    above = values[min(np.searchsorted(values, inside, "right"), len(values) - 1)]
    assert below <= got <= above


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_intervals_partition_the_unit_and_keep_shares(train):
    values, counts = np.unique(np.array(train, float), return_counts=True)
    u, x = quantile_knots(values, counts, (values[0], values[-1]))
    assert u[0] == 0 and u[-1] == 1 and (np.diff(u) >= 0).all() and (np.diff(x) >= 0).all()
    code = ContinuousCode(values, counts, values[0], values[-1], 0)
    made = code.invert((np.arange(20_000) + 0.5) / 20_000)
    for value, count in zip(values, counts, strict=True):
        if count > 1:
            assert (made == value).mean() >= count / len(train) - 1e-3


@given(st.lists(st.integers(0, 40), min_size=2, max_size=120), st.floats(0.5, 10))
@settings(max_examples=100, deadline=None)
def test_smoothed_shares_are_shares_and_leave_no_patient_out(train, width):
    count = np.bincount(train)
    share = smooth_shares(count, width)
    assert share.sum() == pytest.approx(1) and (share >= 0).all() and (share[count > 0] > 0).all()


def test_a_digit_preference_keeps_its_share_and_an_accident_does_not():
    rng = np.random.default_rng(0)
    count = np.bincount(
        np.clip(rng.normal(100, 15, 300).round().astype(int), 0, 200), minlength=201
    )
    most = count.argmax()
    assert smooth_shares(count, 5)[most] < count[most] / 300
    count[120] += 100
    assert smooth_shares(count, 5)[120] == pytest.approx(count[120] / 400, rel=1e-3)


@given(
    st.lists(st.integers(-60, 60), min_size=3, max_size=150), st.integers(0, 2), st.integers(0, 30)
)
@settings(max_examples=100, deadline=None)
def test_every_value_of_a_smoothed_column_comes_back_and_none_leaves_the_range(
    train, decimals, beyond
):
    values, counts = np.unique(np.array(train) / 10.0**decimals, return_counts=True)
    limits = tuple(np.round((values[0] - beyond, values[-1] + beyond), decimals))
    code = ContinuousCode(values, counts, *limits, decimals, smooth=True)
    assume(code.smoothed)
    low, high = code.interval(values)
    assert (code.invert(ndtr(ndtri((low + high) / 2))) == values).all()
    made = code.invert((np.arange(3000) + 0.5) / 3000)
    assert (np.diff(made) >= 0).all() and made.min() >= limits[0] and made.max() <= limits[1]


def heart(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    return train_holdout_split(load_heart(), seed=seed)


def test_inferred_schema_round_trip_on_the_heart_table():
    train, holdout = heart()
    encoder = RankGaussEncoder().fit(train)
    assert_same_form(encoder.inverse_transform(encoder.transform(holdout)), train)
    assert encoder.n_continuous_ == 5 and encoder.cardinalities_ == (2, 4, 2, 3, 2, 3, 5, 4, 2)
    back = encoder.inverse_transform(encoder.transform(train))
    assert validate(back, infer_schema(train)).empty
    np.testing.assert_array_equal(
        encoder.transform(train, seed=1), encoder.transform(train, seed=1)
    )
    assert (encoder.transform(train, seed=1) != encoder.transform(train, seed=2)).any()


def test_a_missing_measurement_gets_its_own_code_and_comes_back():
    df = heart()[0].assign(chol=lambda d: d.chol.where(d.chol % 7 > 0))
    encoder = RankGaussEncoder().fit(df)
    assert encoder.names_[-1] == "chol is missing" and encoder.cardinalities_[-1] == 2
    coded = encoder.code(df)
    at = encoder.continuous_names_.index("chol")
    empty = df.chol.isna().to_numpy()
    assert (coded.low[empty, at] < 1e-6).all() and (coded.high[empty, at] > 1 - 1e-6).all()
    back = encoder.inverse_transform(encoder.transform(df))
    assert (back.chol.isna().to_numpy() == empty).all()


def test_dates_come_back_as_dates():
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2001-01-01") + pd.to_timedelta(rng.integers(0, 900, 80), unit="D")
    df = pd.DataFrame(
        {"visit": pd.Series(day).mask(rng.random(80) < 0.1), "x": rng.normal(size=80).round(2)}
    )
    encoder = RankGaussEncoder().fit(df)
    back = encoder.inverse_transform(encoder.transform(df))
    assert_same_form(back, df)
    assert (back.visit.isna() == df.visit.isna()).all()
    tied = df.visit.duplicated(keep=False) & df.visit.notna()
    assert tied.any() and (back.visit[tied] == df.visit[tied]).all()
    assert back.visit.min() >= df.visit.min() and back.visit.max() <= df.visit.max()


def test_a_highest_value_that_ends_the_range_is_approached_and_not_copied():
    code = ContinuousCode(np.array([1.0, 2.0, 100.0]), np.array([5, 5, 1]), 1.0, 100.0, None)
    made = code.invert(ndtr(np.random.default_rng(0).normal(size=5000)))
    assert 95 < made.max() < 100
    wider = ContinuousCode(np.array([1.0, 2.0, 100.0]), np.array([5, 5, 1]), 0.0, 130.0, None)
    assert 100 < wider.invert(np.array([0.999]))[0] <= 130


def test_public_encoder_learns_nothing_and_refuses_an_open_range():
    train, _ = heart()
    public = RankGaussEncoder.from_schema(heart_schema())
    assert all(len(code.values) == 0 for code in public.codes_.values())
    made = public.inverse_transform(public.transform(train))
    numeric = [c.name for c in heart_schema().continuous]
    pd.testing.assert_frame_equal(
        made[numeric], train[numeric].reset_index(drop=True), check_dtype=False
    )
    state = public.to_state()
    again = RankGaussEncoder.from_state(state[0], json.loads(json.dumps(state[1])))
    pd.testing.assert_frame_equal(again.inverse_transform(public.transform(train)), made)
    with pytest.raises(ValueError, match="x: the schema must give a minimum and a maximum"):
        RankGaussEncoder.from_schema(Schema((Column("x", "continuous"),)))


def test_fit_on_train_only():
    train, holdout = heart()
    encoder = RankGaussEncoder().fit(train)
    before = json.dumps(
        [{k: v.tolist() for k, v in encoder.to_state()[0].items()}, encoder.to_state()[1]]
    )
    encoder.transform(holdout)
    after = json.dumps(
        [{k: v.tolist() for k, v in encoder.to_state()[0].items()}, encoder.to_state()[1]]
    )
    assert before == after


@pytest.mark.parametrize("make", [RankGaussEncoder, MissingImputer, NaiveScaler])
def test_scikit_learn_habits(make):
    from sklearn.exceptions import NotFittedError

    fresh = clone(make(heart_schema()))
    assert fresh.schema == heart_schema()
    with pytest.raises(NotFittedError):
        fresh.transform(heart()[0])


def broken(**values) -> pd.DataFrame:
    "Cleveland's train with one cell of each named column replaced, in the row labelled 4."
    df = heart()[0].copy()
    for name, value in values.items():
        df[name] = df[name].astype(object if isinstance(value, str) else float)
        df.loc[4, name] = value
    return df


@pytest.mark.parametrize(
    "table, message",
    [
        (lambda: broken(age=154), "age: 154 in row 4 is outside 18 to 100"),
        (lambda: broken(thal=5.0), "thal: 5.0 in row 4 is not one of 3, 6, 7"),
        (lambda: broken(trestbps="high"), "trestbps: 'high' in row 4 is not a number"),
        (lambda: broken(age=54.5), "age: 54.5 has more decimals than the schema's 0"),
        (lambda: broken(sex=np.nan), "sex: the cell in row 4 is missing, the schema forbids that"),
        (
            lambda: heart()[0].drop(columns="thal"),
            "thal: the schema has this column, the table has not",
        ),
    ],
)
def test_refusals_name_column_row_and_value(table, message):
    with pytest.raises(ValueError) as error:
        RankGaussEncoder(heart_schema()).fit(table())
    assert str(error.value) == message


def test_refusals_after_fit():
    train = heart()[0].assign(ca=lambda d: d.ca.fillna(0))
    encoder = RankGaussEncoder().fit(train)
    with pytest.raises(
        ValueError, match="ca: the cell in row 4 is missing, train has no missing cell"
    ):
        encoder.code(broken(ca=np.nan))
    with pytest.raises(ValueError, match="thal: train's column is not in the table"):
        encoder.code(train.drop(columns="thal"))
    with pytest.raises(ValueError, match=r"expected an array of \d+ columns, got shape \(3, 2\)"):
        encoder.inverse_transform(np.zeros((3, 2)))
    scores = np.zeros((3, 5))
    scores[1, 2] = np.nan
    with pytest.raises(ValueError, match="scores must be numbers, row 1 holds NaN"):
        encoder.decode(scores, np.zeros((3, 9), np.int32))
    with pytest.raises(ValueError, match="x: all 3 cells are missing"):
        schema = Schema((Column("x", "continuous", minimum=0, maximum=1, missing=True),))
        RankGaussEncoder(schema).fit(pd.DataFrame({"x": [np.nan] * 3}))


def test_a_million_rows_take_about_a_second():
    from time import process_time

    encoder = RankGaussEncoder().fit(heart()[0])
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((1_000_000, 5), dtype=np.float32)
    levels = np.stack(
        [rng.integers(0, k, 1_000_000, dtype=np.int32) for k in encoder.cardinalities_], axis=1
    )
    start = process_time()
    made = encoder.decode(scores, levels)
    assert (
        process_time() - start < 3
    )  # 0.3 s where it was written; generous, because machines differ
    assert isinstance(encoder.code(made.head(10)), Coded)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [2.0**60, 1e300])
def test_numbers_too_large_for_a_grid_are_left_unsmoothed(far):
    values = far * np.array([1.0, 2.0, 3.0, 4.0])
    code = ContinuousCode(values, np.array([1, 2, 1, 3]), values[0], values[-1], 0, smooth=True)
    assert not code.smoothed


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), max_size=40), st.integers(0, 2**32 - 1))
def test_the_fast_interpolation_is_numpys_to_the_bit(inner, seed):
    at = np.sort(np.array([0.0, *inner, 1.0]))
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(0, 100, len(at)))
    u = np.concatenate([rng.random(100), at, np.nextafter(at, 0), np.nextafter(at, 1)])
    u = u[(u >= 0) & (u <= 1)]
    np.testing.assert_array_equal(Interpolator(at, values)(u), np.interp(u, at, values))
    crowd = np.sort(
        np.concatenate([at, np.linspace(0.5, 0.5 + 1e-9, 100)])
    )  # too many in a cell: np.interp itself
    heights = np.linspace(0, 1, len(crowd))
    np.testing.assert_array_equal(Interpolator(crowd, heights)(u), np.interp(u, crowd, heights))


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60),
    st.integers(1, 40), st.sampled_from([0.25, 0.75, 0.5, 0.1]),
)  # fmt: skip
def test_quantiles_of_counted_values_are_those_of_all(values, most, q):
    at = np.unique(values)
    counts = np.random.default_rng(len(values)).integers(1, most + 1, len(at))
    assert counted_quantile(at, counts, q) == np.quantile(np.repeat(at, counts), q)
