"""More columns that are often read wrong: what each is, what is said of it, how it comes back."""

import re

import numpy as np
import pandas as pd
import pytest

from synthheart.inference import infer_schema
from synthheart.reading import read_table
from synthheart.runs import write_table
from synthheart.synthesizer import Synthesizer
from synthheart.tables import Column, validate

N = 120
RNG = np.random.default_rng(11)
DAYS = pd.Timestamp("2018-01-01") + pd.to_timedelta(RNG.integers(0, 1500, N), "D")
UNIQUE = RNG.permutation(90_000)[:N] + 10_000
NUMBERS = RNG.normal(0, 3, N).round(1)


def often(*cells: str) -> list[str]:
    "These cells, as many as the table has rows."
    return [cells[k % len(cells)] for k in RNG.permutation(N)]


def accountants(number: float) -> str:
    return f"({-number:.1f})" if number < 0 else f"{number:.1f}"


RIGHT = {  # what: name, cells, what the column is, a word of its doubt ("" where there is none)
    "negative in brackets": ("be", [*map(accountants, NUMBERS)], "continuous", "negative"),
    "a minus behind": (
        "be",
        [f"{abs(k):.1f}{'-' if k < 0 else ''}" for k in NUMBERS],
        "continuous",
        "negative",
    ),
    "a true minus": ("be", [f"{k:.1f}".replace("-", "−") for k in NUMBERS], "continuous", ""),
    "months": ("enrolled", DAYS.strftime("%Y-%m"), "date", "month"),
    "months in words": ("enrolled", DAYS.strftime("%b %Y"), "date", "month"),
    "quarters": ("enrolled", [f"{d.year}Q{d.quarter}" for d in DAYS], "date", "quarter"),
    "weeks": ("enrolled", DAYS.strftime("%G-W%V"), "date", "week"),
    "whole months": ("month", DAYS.strftime("%Y%m").astype(int), "date", "month"),
    "digits": ("admit", DAYS.strftime("%d%m%Y"), "date", "dates"),
    "a spreadsheet's days": (
        "admission_date",
        (DAYS - pd.Timestamp("1899-12-30")).days,
        "date",
        "spreadsheets",
    ),
    "no date yet": ("death_date", [*DAYS[20:].strftime("%Y%m%d"), *["0"] * 20], "date", "missing"),
    "minutes": ("seen", DAYS.strftime("%d.%m.%Y 06:45"), "date", ""),
    "record numbers": ("record", [f"00{k}" for k in UNIQUE], "id", "key"),
    "record numbers of a year": ("fall", [f"2019-{k}0" for k in UNIQUE], "id", "key"),
    "addresses of machines": ("ip", [f"10.{k % 200}.{k % 97}.7" for k in UNIQUE], "id", "key"),
    "telephones": ("contact", [f"030 {k}00" for k in UNIQUE], "person", "telephone"),
    "telephones in digits": ("phone", UNIQUE * 100_000, "person", "telephone"),
    "cases of a patient": ("PatNr", [f"12/{k}" for k in UNIQUE[:30]] * 4, "patient", "patients"),
    "initials": ("initials", often("AB", "CD", "EF", "GH", "KL"), "person", "people"),
    "ICD-9": ("icd9", often("410.10", "428.00", "250.00", "401.90"), "categorical", "codes"),
    "postcodes": ("PLZ", often(*map(str, range(10115, 10127))), "categorical", "codes"),
    "pressures": ("rr", often("120/80", "130/85", "140/90"), "categorical", "two numbers"),
    "bands of age": ("group", often("30-39", "40-49", "50-59"), "categorical", ""),
    "titers": ("titer", often("1:20", "1:40", "1:80"), "categorical", ""),
    "letters of both sizes": ("smoker", often("Yes", "yes", "no"), "categorical", "different"),
    "nines": ("grade", often("1", "2", "3", "9"), "categorical", "9"),
    "mol per litre": (
        "creatinine",
        [f"{k:.7f}" for k in RNG.normal(8e-5, 1e-5, N)],
        "continuous",
        "",
    ),
}


def what_it_is(column: Column) -> str:
    return column.role or ("date" if column.is_date else column.kind)


def table_of(name: str, cells: object) -> pd.DataFrame:
    "A column beside another one."
    return pd.DataFrame({name: list(cells), "sbp": RNG.integers(95, 180, N)})


@pytest.mark.parametrize("what", RIGHT)
def test_a_column_is_read_right_said_and_written_back(what, tmp_path):
    name, cells, right, doubt = RIGHT[what]
    table_of(name, cells).to_csv(tmp_path / "a.csv", index=False)
    schema = infer_schema(tmp_path / "a.csv")
    said = [note.text for note in schema.notes if note.column == name]
    assert what_it_is(schema[name]) == right
    assert any(doubt in text for text in said) if doubt else not said
    fake = Synthesizer("independent").fit(tmp_path / "a.csv", progress=False).sample(80, seed=1)
    typed = read_table(fake, schema)
    assert validate(typed, schema).empty
    written = write_table(fake, tmp_path / "fake.csv", schema)
    pd.testing.assert_frame_equal(read_table(written, schema), typed)


@pytest.mark.parametrize("what", [w for w, row in RIGHT.items() if row[2] == "date"])
def test_dates_come_back_in_the_words_of_the_table(what):
    name, cells, _, _ = RIGHT[what]
    table = table_of(name, cells)
    fake = Synthesizer("copula").fit(table, progress=False).sample(80, seed=1)
    assert fake.dtypes.equals(table.dtypes)
    shapes = [
        {re.sub(r"[A-Za-z]+", "a", re.sub(r"\d", "0", str(cell))) for cell in df[name].dropna()}
        for df in (fake, table)
    ]
    assert shapes[0] <= shapes[1]


REFUSED = {
    "pressures": ("rr", [f"{100 + k % 77}/{60 + k % 31}" for k in range(N)], "two numbers"),
    "heights": ("height", [f"{4 + k % 3}'{k // 3 % 12}\"" for k in range(N)], "feet and inches"),
    "spans": ("bypass", [f"{24 + k % 50}:{k % 60:02}" for k in range(N)], "spans of time"),
    "weeks of pregnancy": ("ga", [f"{24 + k % 19}+{k % 7}" for k in range(N)], "weeks and days"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_two_numbers_in_a_cell_are_refused_with_a_way_on(what):
    name, cells, words = REFUSED[what]
    with pytest.raises(ValueError, match=f"{name}: .*{words}.*a column of its own") as refusal:
        infer_schema(table_of(name, cells))
    assert "\n" not in str(refusal.value) and 'role "drop"' in str(refusal.value)


@pytest.mark.parametrize("first, last", [("%Y-%m", "%Y-%m-%d"), ("%Y-%m-%d", "%Y-%m")])
def test_months_and_days_keep_their_order(first, last):
    table = table_of("first", DAYS.strftime(first))
    table["last"] = (DAYS + pd.to_timedelta(RNG.integers(40, 300, N), "D")).strftime(last)
    model = Synthesizer("copula").fit(table, progress=False)
    fake = read_table(model.sample(200, seed=1), model.schema_)
    assert model.schema_.rules == ("last >= first",) and (fake["last"] >= fake["first"]).all()


def test_thirds_and_whole_codes_are_kept():
    table = table_of("dbp", RNG.integers(50, 95, N))
    table["dose"] = RNG.choice([5, 10, 15, 20, 40], N)
    table["map"] = ((table.sbp + 2 * table.dbp) / 3).round(1)
    table["total"] = table.dose * table.sbp
    model = Synthesizer("copula").fit(table, progress=False)
    fake = model.sample(300, seed=1)
    assert {one.column for one in model.schema_.derived} == {"map", "total"}
    assert ((fake["map"] - (fake.sbp + 2 * fake.dbp) / 3).abs() <= 0.0501).all()
    assert (fake.total == fake.dose * fake.sbp).all()
