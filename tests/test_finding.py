"""What all rows keep and chance would not is found, and nothing that chance keeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from synthheart.finding import relations_of
from synthheart.inference import infer_schema
from synthheart.tables import Schema


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


def test_one_row_that_breaks_it_is_enough(found):
    table = ward()
    table.loc[7, "bmi"] += 1.0
    table.loc[8, "region"] = "e" if table.region[8] != "e" else "n"
    names = {one.columns[0] for one in relations_of(table, columns_of(table)) if one.exact}
    assert not {"bmi", "region"} & names
