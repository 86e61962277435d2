"""What all rows keep and chance would not is found, and nothing that chance keeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from synthheart.finding import Found, _uses, relations_of
from synthheart.formulas import compute
from synthheart.inference import infer_schema
from synthheart.shaping import computing_order
from synthheart.tables import Derived, Schema


def ward(n: int = 400, seed: int = 1) -> pd.DataFrame:
    "A made-up table full of relations."
    rng = np.random.default_rng(seed)
    height, weight = rng.normal(170, 10, n).round(), rng.normal(75, 12, n).round(1)
    admit = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    stay = rng.gamma(2, 4, n).astype(int)
    unit = rng.choice(list("ABCDEF"), n)
    table = pd.DataFrame(
        {
            "age": rng.integers(20, 90, n),
            "height": height,
            "weight": weight,
            "bmi": (weight / (height / 100) ** 2).round(1),
            "admit": admit,
            "discharge": admit + pd.to_timedelta(stay, "D"),
            "stay": stay,
            "unit": unit,
            "region": pd.Series(unit).map(dict(zip("ABCDEF", "nnssww", strict=True))),
            "ldl": rng.normal(130, 30, n).round(),
            "hdl": rng.normal(50, 12, n).round(),
            "celsius": rng.normal(37, 0.5, n).round(1),
        }
    )
    table["cholesterol"] = table.ldl + table.hdl
    table["fahrenheit"] = (table.celsius * 1.8 + 32).round(1)
    table["band"] = np.select([table.age < 40, table.age < 60], ["young", "mid"], "old")
    table["ef"] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(55, 8, n).round())
    table["lv"] = np.where(table.ef.isna(), np.nan, rng.normal(48, 5, n).round())
    return table


def columns_of(table: pd.DataFrame) -> Schema:
    "What the columns are, without the relations that inference finds too."
    return replace(infer_schema(table), rules=(), derived=(), together=())


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    table = ward()
    return {one.columns[0]: one for one in relations_of(table, columns_of(table))}


@pytest.mark.parametrize(
    "column, formula",
    [
        ("bmi", "10000 * weight / height ** 2"),
        ("stay", "discharge - admit"),
        ("cholesterol", "ldl + hdl"),
        ("fahrenheit", "1.8 * celsius + 32"),
    ],
)
def test_formulas_are_found_with_plain_weights(found, column, formula):
    assert found[column].derived.formula == formula


def test_orders_codes_cuts_and_gaps_are_found(found):
    assert found["discharge"].rule == "discharge >= admit"
    assert found["region"].derived.by == "unit"
    assert found["band"].derived.cuts == (40.0, 60.0)
    assert found["ef"].columns == ("ef", "lv")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is_related(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({f"x{k}": rng.normal(size=300).round(2) for k in range(8)})
    table["a"], table["b"] = rng.choice(list("pqr"), 300), rng.choice(list("uv"), 300)
    assert relations_of(table, columns_of(table)) == []


def test_one_row_that_breaks_it_is_enough():
    table = ward()
    table.loc[7, "bmi"] += 1.0
    table.loc[8, "region"] = "e" if table.region[8] != "e" else "n"
    names = {one.columns[0] for one in relations_of(table, columns_of(table)) if one.exact}
    assert not {"bmi", "region"} & names


def claims(n: int = 600, seed: int = 2) -> pd.DataFrame:
    "A made-up table of bills and scores: logarithms, a sum of many, codes that numbers decide."
    rng = np.random.default_rng(seed)
    parts = {f"part{k}": rng.gamma(1.0, 50, n).round(2) for k in range(5)}
    items = {f"item{k}": rng.integers(0, 4, n) for k in range(9)}
    plan = rng.integers(1, 13, n)
    table = pd.DataFrame({"plan": plan, **parts, **items})
    table["total"] = sum(parts.values())
    table["total"] = table.total.round(2)
    table["score"] = sum(items.values())
    table["log_total"] = np.log(table.total)
    table["log_part"] = np.log(np.maximum(table.part0, 1)).round(4)
    table["rate"] = np.array([0, 25, 50, 95] * 3)[plan - 1]
    table["price"] = np.array([9.5, 12.25, 7.0, 31.5, 18.25, 4.0] * 2)[plan - 1]
    return table


@pytest.fixture(scope="module")
def bills() -> dict[str, object]:
    table = claims()
    return {one.columns[0]: one for one in relations_of(table, columns_of(table))}


def test_sums_of_many_are_found(bills):
    assert bills["total"].derived.formula == "part0 + part1 + part2 + part3 + part4"
    assert bills["score"].derived.formula == " + ".join(f"item{k}" for k in range(9))


def test_functions_of_a_column_are_found(bills):
    assert bills["log_total"].derived.formula == "log(total)"
    assert bills["log_part"].derived.formula == "log(max(part0, 1))"


def test_numbers_of_few_values_decide_others(bills):
    assert bills["rate"].derived.by == bills["price"].derived.by == "plan"
    assert dict(zip(bills["price"].derived.keys, bills["price"].derived.values))[3] == 7.0


def test_what_is_found_can_be_computed_again():
    table = claims(seed=3)
    schema = infer_schema(claims())
    assert schema.derived
    for derived in schema.derived:
        again = compute(derived, table, schema)
        assert np.allclose(again.astype(float), table[derived.column].astype(float), atol=1e-9)


def test_single_precision_is_computed_as_it_is_written():
    rng = np.random.default_rng(0)
    income = rng.gamma(2.0, 4000.0, 800).astype("float32").astype(float)
    written = np.log(income).astype("float32")
    table = pd.DataFrame({"income": income, "noise": rng.normal(size=800)})
    table["log_income"] = [float(f"{x:.15g}") for x in written]
    (found,) = relations_of(table, columns_of(table))
    assert found.derived.rounding == "single" and found.derived.formula == "log(income)"
    again = compute(found.derived, table, infer_schema(table))
    assert (again == table.log_income).mean() > 0.99


def test_nothing_is_computed_from_itself():
    rng = np.random.default_rng(1)
    code = rng.integers(0, 12, 500)
    table = pd.DataFrame({"a": code, "b": (code * 7 + 3) % 13 * 1.5, "c": 2.0 * code + 1})
    table["free"] = rng.normal(size=500).round(3)
    schema = infer_schema(table)
    assert len(computing_order(schema)) == len(schema.derived) == 2


def test_a_number_between_the_keys_takes_the_nearest():
    table = pd.DataFrame({"dose": [1.0, 2.0, 4.0] * 10, "price": [5.0, 9.0, 17.0] * 10})
    derived = Derived("price", by="dose", keys=(1.0, 2.0, 4.0), values=(5.0, 9.0, 17.0))
    schema = columns_of(table)
    asked = pd.DataFrame({"dose": [0.2, 1.4, 2.9, 3.1, 9.0, np.nan]})
    numbers = replace(
        schema, columns=tuple(replace(c, kind="continuous", levels=()) for c in schema)
    )
    got = compute(derived, asked, numbers)
    assert got[:5].tolist() == [5.0, 5.0, 9.0, 17.0, 17.0] and np.isnan(got[5])


def test_large_whole_amounts_are_not_taken_for_single_precision():
    rng = np.random.default_rng(4)
    net, fee = rng.integers(0, 10_000_000, 300), rng.integers(0, 9, 300)
    table = pd.DataFrame({"net": net, "fee": fee, "total": net + fee})
    (found,) = relations_of(table, columns_of(table))
    assert found.derived.formula == "net + fee" and found.derived.rounding == "nearest"
    table["total"] = net + rng.integers(-3, 4, 300)
    assert relations_of(table, columns_of(table)) == []


@pytest.mark.parametrize("name", ["log", "max(x, 1)", "exp (", "a,b", "a`b", "a`b'c", "1 + 2"])
def test_names_that_look_like_formulas_are_computed_with(name):
    k = np.random.default_rng(5).integers(1, 31, 300)
    table = pd.DataFrame({name: k, "u": k[::-1], "y": np.log(k).round(4), "z": k + k[::-1]})
    schema = infer_schema(table)
    assert {"y", "z"} <= {derived.column for derived in schema.derived}
    for derived in schema.derived:
        assert np.allclose(compute(derived, table, schema), table[derived.column])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-40, 1e-13, 500, 1e39, 1e150, 1e250])
def test_huge_and_tiny_numbers_are_looked_at_without_a_warning(scale):
    x = np.random.default_rng(6).random((100, 3)) * scale
    table = pd.DataFrame(x, columns=list("abc"))
    assert relations_of(table, columns_of(table)) == []


def test_columns_computed_from_each_other_in_many_ways_take_no_time():
    found = {
        f"x{k}": Found("formula", (f"x{k}", f"x{k - 1}", f"x{k - 2}"), "", 1.0, 20)
        for k in range(2, 120)
    }
    assert _uses(found, "x119", "x0") and not _uses(found, "x119", "y")
