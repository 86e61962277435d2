"How text becomes typed columns, and back: every kind of cell, column and file, and each refusal."

import datetime as dt
import gzip
import io
import itertools
import math
import struct
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthheart import reading
from synthheart.reading import (
    NO_HINT,
    BadCell,
    Hint,
    Note,
    ReadColumn,
    Reading,
    Spelling,
    far_codes,
    open_text,
    read_column,
    read_source,
    spell,
)
from synthheart.tables import Column, Schema

TABLES = Path(__file__).parent / "fixtures" / "tables"


def read(*cells, known: Column | None = None, hint: Hint = NO_HINT) -> ReadColumn:
    "A column of a few cells."
    return read_column(pd.Series(cells, dtype="object"), "x", known, hint)


def plain(column: ReadColumn) -> list:
    "The values of a column, None for a missing one."
    return [None if pd.isna(value) else value for value in column.values.tolist()]


def settled(kind: str = "continuous", dtype: str = "float64", **more) -> Column:
    "A schema's column, with the fields of a schema that settle how it is read."
    return Column("x", kind, dtype, missing=True, **more)


def file(text: str | bytes, **options) -> Reading:
    "A table from its text."
    return read_source(text if isinstance(text, bytes) else text.encode(), **options)


def line_of(error: pytest.ExceptionInfo) -> str:
    "The message of an error, checked to be one line for a person."
    text = str(error.value)
    assert text and "\n" not in text and len(text) < 400, text
    return text


# --- the small tables that are often read wrong


def table(name: str) -> Reading:
    return read_source(TABLES / f"{name}.csv")


def raw(name: str, **options) -> pd.DataFrame:
    "A small table with each cell as text."
    return pd.read_csv(TABLES / f"{name}.csv", dtype=str, keep_default_na=False, **options)


DTYPES = {  # table: columns that are not int64
    "below_limit": {"crp": "object"},
    "bom": {},
    "bools_caps": {"smoker": "bool", "yn": "str"},
    "clock": {},
    "comma_in_header": {},
    "comment_top": {},
    "date_off": {
        "admit": "datetime64[us]",
        "discharge": "datetime64[us]",
        "ts": "datetime64[us, UTC+01:00]",
    },
    "dates_9999": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "dates_german": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "dates_iso": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "dates_missing": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "dates_us": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "dates_yyyymmdd": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "decimal_comma": {"oldpeak": "float64", "bmi": "float64"},
    "excel_sep": {},
    "index_col": {},
    "int_missing": {"chol": "Int64"},
    "kaggle_4rows": {"oldpeak": "float64"},
    "kaggle_heart": {"oldpeak": "float64"},
    "latin1": {},
    "leading_zero": {"clinic": "str", "zip": "str"},
    "long_int_id": {},
    "long_subject_hash": {"subject#": "str"},
    "miss_None": {"chol": "Int64"},
    "miss_Unknown": {"chol": "Int64"},
    "miss_dot": {"chol": "Int64"},
    "noheader_distinct": {},
    "none_level": {"alcohol": "str", "country": "str"},
    "notes_repeat": {"notes": "str"},
    "percent_1200": {},
    "physician": {"physician": "str"},
    "pipe": {},
    "quoted_newline": {"note": "str"},
    "sentinel_-999": {"bp": "Int64"},
    "sentinel_9999": {"bp": "Int64"},
    "thousands": {},
    "title_top": {},
    "total_row": {},
    "trailing_rows": {},
    "unicode_names": {},
    "units_200": {},
    "utf16": {},
    "year": {"admit": "datetime64[us]", "discharge": "datetime64[us]"},
    "zero_chol": {},
}


def text_dtype(dtype: str) -> str:
    return "object" if dtype == "str" and pd.__version__ < "3" else dtype


@pytest.mark.parametrize("name", DTYPES)
def test_every_small_table_has_its_types(name):
    df = table(name).df
    expected = {column: text_dtype(DTYPES[name].get(column, "int64")) for column in df}
    assert {column: str(dtype) for column, dtype in df.dtypes.items()} == expected
    assert len(df) in (4, 59, 60, 61)


def test_all_small_tables_are_tried():
    assert {path.stem for path in TABLES.glob("*.csv")} == {*DTYPES, "date_bad"}


SAME_AS_TEXT = (  # every cell comes back as it was written
    "below_limit bools_caps clock date_off dates_german dates_iso dates_missing dates_us "
    "dates_yyyymmdd int_missing kaggle_heart leading_zero long_int_id long_subject_hash none_level "
    "notes_repeat percent_1200 physician quoted_newline thousands unicode_names units_200 year "
    "zero_chol"
)


@pytest.mark.parametrize("name", SAME_AS_TEXT.split())
def test_a_table_is_written_back_as_it_was(name):
    found, text = table(name), raw(name)
    assert list(found.df) == [column.strip() for column in text]
    for column, cells in zip(found.df, text, strict=True):
        back = spell(found.df[column], found.columns[column].spelling).fillna("")
        assert back.tolist() == text[cells].tolist(), column


@pytest.mark.parametrize("name", ["bom", "comma_in_header", "pipe", "excel_sep", "utf16", "latin1"])
def test_dialects_hold_the_same_patients(name):
    assert table(name).df.iloc[:5].to_numpy().tolist() == [
        [53, 1, 107],
        [55, 0, 145],
        [67, 0, 107],
        [77, 1, 129],
        [31, 0, 156],
    ]


def test_names_are_kept():
    assert list(table("comma_in_header").df) == ["Age, years", "Sex, M/F", "BP, systolic, mmHg"]
    assert list(table("unicode_names").df)[0] == "Age (years) ❤"
    assert list(table("unicode_names").df)[2] == "Blutdruck\tRR"
    assert list(table("latin1").df) == ["alter", "geschlecht", "größe"]
    assert list(table("noheader_distinct").df) == ["column_1", "column_2", "column_3"]


def test_dates_are_the_same_days_in_every_spelling():
    iso = table("dates_iso").df
    assert iso.admit.iloc[0] == pd.Timestamp("2019-09-16")
    for name in ("dates_german", "dates_us", "dates_yyyymmdd"):
        pd.testing.assert_frame_equal(table(name).df, iso)
    missing = table("dates_missing").df
    assert missing.discharge.isna().mean() == 0.2
    pd.testing.assert_frame_equal(missing.dropna(), iso[missing.discharge.notna()])


NOTES = {  # for each note: column, a word of what was seen, cells, how it was read, the setting
    "clock": [("time", "06:16", 60, "minutes since midnight", "dtype")],
    "below_limit": [("crp", "<5", 3, "levels of their own", "missing_codes")],
    "comment_top": [("", "# export of 2024-01-01", 1, "no part of the table", "skip_rows=0")],
    "title_top": [("", "Patients of ward 3", 1, "no part of the table", "skip_rows=0")],
    "total_row": [("", "Total", 1, "a total", "skip_end=0")],
    "trailing_rows": [("", "rows without a value", 5, "empty rows", "skip_end=0")],
    "index_col": [("", "counts the rows", 60, "row numbers", "index=False")],
    "noheader_distinct": [("", "53, 1, 107", 1, "a patient", "header=True")],
    "latin1": [("", "größe", 1, "cp1252", "encoding=")],
    "dates_9999": [("discharge", "9999-12-31", 6, "missing", "missing_codes=[]")],
    "dates_yyyymmdd": [
        ("admit", "20190916", 60, "dates", "int64"),
        ("discharge", "20191005", 60, "dates", "int64"),
    ],
    "miss_None": [("chol", "'None'", 5, "missing", "dtype")],
    "miss_Unknown": [("chol", "'Unknown'", 7, "missing", "dtype")],
    "miss_dot": [("chol", "'.'", 9, "missing", "dtype")],
    "none_level": [
        ("alcohol", "'None'", 28, "a level", "missing_codes"),
        ("country", "'NA'", 24, "a level", "missing_codes"),
    ],
    "sentinel_-999": [("bp", "-999", 8, "missing", "missing_codes=[]")],
    "sentinel_9999": [("bp", "9999", 7, "missing", "missing_codes=[]")],
    "zero_chol": [("chol", "0", 6, "a number", "missing_codes")],
    "thousands": [("platelets", "139,019", 60, "a thousands mark", "format")],
}


@pytest.mark.parametrize("name", DTYPES)
def test_what_is_doubted_is_said_and_nothing_else(name):
    notes, expected = table(name).notes, NOTES.get(name, [])
    assert len(notes) == len(expected), [note.text for note in notes]
    for note, (column, seen, cells, how, setting) in zip(notes, expected, strict=True):
        assert note.column == column and seen in note.seen and note.cells == cells
        assert how in note.read and setting in note.setting
        assert all(part in note.text for part in (column, seen, how, setting))


def test_missing_codes_are_recorded():
    assert table("miss_None").columns["chol"].missing_codes == ("None",)
    assert table("sentinel_-999").columns["bp"].missing_codes == ("-999",)
    assert table("dates_9999").columns["discharge"].missing_codes == ("9999-12-31",)
    assert table("none_level").columns["alcohol"].missing_codes == ()


def test_units_are_recorded():
    columns = table("percent_1200").columns
    assert (columns["ef"].unit, columns["los"].unit, columns["age"].unit) == ("%", "days", "")
    assert table("units_200").columns["bp"].unit == "mmHg"


def test_a_date_that_is_none_is_refused_with_row_and_setting():
    with pytest.raises(BadCell) as error:
        table("date_bad")
    text = line_of(error)
    assert "admit: '2019-13-01' in row 7 (line 9) is no date" in text
    assert 'missing_codes=["2019-13-01"] reads it as missing' in text
    schema = Schema((settled("continuous", "datetime64[us]", missing_codes=("2019-13-01",)),))
    cells = "x,n\n2019-09-16,1\n2019-13-01,2\n2020-01-31,3\n"
    assert file(cells, schema=schema).df.x.isna().tolist() == [False, True, False]


# --- one column: the kinds of cell

NUMBERS = {
    "whole": (["1", "2", "-30"], [1, 2, -30], "int64"),
    "whole with holes": (["1", None, "30"], [1, None, 30], "Int64"),
    "decimals": (["1.5", "2", "30.25"], [1.5, 2, 30.25], "float64"),
    "fixed decimals": (["1.50", "2.00"], [1.5, 2], "float64"),
    "decimals of a program": (["1.0", "2.25"], [1, 2.25], "float64"),
    "far below rounding": (["0.000000003", "0.000000012"], [3e-9, 1.2e-8], "float64"),
    "exponents": (["3e-9", "1.2e-8"], [3e-9, 1.2e-8], "float64"),
    "exponents of a spreadsheet": (["3.0E-09", "1.2E+10"], [3e-9, 1.2e10], "float64"),
    "some exponents": (["0.5", "1e-05", "0.001"], [0.5, 1e-5, 1e-3], "float64"),
    "written signs": (["+0.50", "-1.25", "+2.00"], [0.5, -1.25, 2], "float64"),
    "no zero": ([".5", ".25", "1.5"], [0.5, 0.25, 1.5], "float64"),
    "decimal comma": (["3,0", "23,6"], [3, 23.6], "float64"),
    "comma thousands": (["1,234.5", "12.0"], [1234.5, 12], "float64"),
    "dot thousands": (["1.234,50", "12,00"], [1234.5, 12], "float64"),
    "millions": (["1,234,567", "12,000"], [1234567, 12000], "int64"),
    "blank thousands": (["1 234", "12", "123 456"], [1234, 12, 123456], "int64"),
    "narrow blanks": (["1\u202f234", "12\u202f345"], [1234, 12345], "int64"),
    "apostrophes": (["1'234", "12'345"], [1234, 12345], "int64"),
    "a unit": (["120 mmHg", "98 mmHg"], [120, 98], "int64"),
    "a unit without a blank": (["5.4mg", "7.1mg"], [5.4, 7.1], "float64"),
    "a unit of digits": (["5.4 x10^9/L", "7.1 x10^9/L"], [5.4, 7.1], "float64"),
    "degrees": (["37.2°C", "36.5°C"], [37.2, 36.5], "float64"),
    "a word of one's own": (["5 puffs", "7 puffs", "12 puffs"], [5, 7, 12], "int64"),
    "percent": (["55%", "31%"], [55, 31], "int64"),
    "percent apart": (["55.5 %", "31.0 %"], [55.5, 31], "float64"),
    "dollars": (["$5.00", "$7.50"], [5, 7.5], "float64"),
    "euros": (["1.234,50 €", "12,00 €"], [1234.5, 12], "float64"),
    "one day": (["13 days", "1 day", "2 days"], [13, 1, 2], "int64"),
    "below a limit": (["<5", "7", "12"], ["<5", 7, 12], "object"),
    "above a limit": (["≥ 90", "7.5", "12.0"], ["≥ 90", 7.5, 12], "object"),
    "over ninety": (["90+", "7", "12"], ["90+", 7, 12], "object"),
    "a limit with a unit": (["<5 mg/L", "7 mg/L", "12 mg/L"], ["<5 mg/L", 7, 12], "object"),
    "years": (["2000", "2019", "2005"], [2000, 2019, 2005], "int64"),
    "numbers of eight digits": (["81239123", "12345678"], [81239123, 12345678], "int64"),
    "zero and one": (["1", "0"], [1, 0], "int64"),
    "an accountant's": (["(12.5)", "3.0", "(0.5)"], [-12.5, 3, -0.5], "float64"),
    "an accountant's money": (["($1,234.50)", "$12.00"], [-1234.5, 12], "float64"),
    "a minus behind": (["12.5-", "3.0", "0.5-"], [-12.5, 3, -0.5], "float64"),
    "a minus before a unit": (["-$5.00", "$7.50"], [-5, 7.5], "float64"),
    "a true minus": (["−3.5", "2.0"], [-3.5, 2], "float64"),
    "base excess": (["-3", "2", "-9", "5"], [-3, 2, -9, 5], "int64"),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_are_read_and_written_back(what):
    cells, values, dtype = NUMBERS[what]
    column = read(*cells)
    assert (plain(column), str(column.values.dtype)) == (values, dtype)
    assert spell(column.values, column.spelling).tolist() == cells


DATES = {
    "ISO": (["2019-09-16", "2020-01-31"], ["2019-09-16", "2020-01-31"]),
    "ISO with slashes": (["2019/9/6", "2020/11/30"], ["2019-09-06", "2020-11-30"]),
    "day first": (["16.09.2019", "05.10.2019"], ["2019-09-16", "2019-10-05"]),
    "day first, short": (["6.9.2019", "16.11.2020"], ["2019-09-06", "2020-11-16"]),
    "month first": (["09/16/2019", "10/05/2019"], ["2019-09-16", "2019-10-05"]),
    "a month's name": (["31 Jan 2024", "1 Feb 2024"], ["2024-01-31", "2024-02-01"]),
    "a statistician's": (["31JAN2024", "01FEB2024"], ["2024-01-31", "2024-02-01"]),
    "American": (["Jan 31, 2024", "Feb 1, 2024"], ["2024-01-31", "2024-02-01"]),
    "German": (["31. Januar 2024", "1. März 2024"], ["2024-01-31", "2024-03-01"]),
    "French": (["31 janvier 2024", "1 août 2024"], ["2024-01-31", "2024-08-01"]),
    "with a time": (
        ["2024-01-31 06:16", "2024-02-01 19:02"],
        ["2024-01-31T06:16", "2024-02-01T19:02"],
    ),
    "with seconds": (
        ["2024-01-31T06:16:05", "2024-02-01T19:02:00"],
        ["2024-01-31T06:16:05", "2024-02-01T19:02:00"],
    ),
    "with thousandths": (
        ["2024-01-31 06:16:05.120", "2024-02-01 19:02:00.004"],
        ["2024-01-31T06:16:05.120", "2024-02-01T19:02:00.004"],
    ),
    "in the afternoon": (
        ["01/31/2024 6:16 PM", "02/01/2024 11:02 AM"],
        ["2024-01-31T18:16", "2024-02-01T11:02"],
    ),
}


@pytest.mark.parametrize("what", DATES)
def test_dates_are_read_and_written_back(what):
    cells, moments = DATES[what]
    column = read(*cells)
    assert plain(column) == [pd.Timestamp(moment) for moment in moments]
    assert str(column.values.dtype) == "datetime64[us]" and not column.notes
    assert spell(column.values, column.spelling).tolist() == cells


PARTS = {
    "months": (["2024-01", "2024-12"], ["2024-01-01", "2024-12-01"]),
    "months first": (["01/2024", "12/2024"], ["2024-01-01", "2024-12-01"]),
    "months with dots": (["01.2024", "12.2024"], ["2024-01-01", "2024-12-01"]),
    "months in words": (["January 2024", "May 2024"], ["2024-01-01", "2024-05-01"]),
    "months in short": (["Jan-24", "May-23"], ["2024-01-01", "2023-05-01"]),
    "quarters": (["2024Q1", "2023Q4"], ["2024-01-01", "2023-10-01"]),
    "quarters in front": (["Q1 2024", "Q4 2023"], ["2024-01-01", "2023-10-01"]),
    "weeks": (["2024-W01", "2020-W53"], ["2024-01-01", "2020-12-28"]),
    "digits": (
        [f"{day:02}012024" for day in (31, 1, 9, 14, 25)],
        [f"2024-01-{day:02}" for day in (31, 1, 9, 14, 25)],
    ),
    "a doubtful order": (
        [f"0{k}022024" for k in range(1, 7)],
        [f"2024-02-0{k}" for k in range(1, 7)],
    ),
}


@pytest.mark.parametrize("what", PARTS)
def test_parts_of_a_year_are_dates_and_said(what):
    cells, days = PARTS[what]
    column = read(*cells)
    assert plain(column) == [pd.Timestamp(day) for day in days]
    note = column.notes[-1]
    assert note.cells == len(cells) and "dates" in note.read and "in the schema" in note.setting
    assert len(column.notes) == 1 + ("%y" in column.spelling.format)
    assert spell(column.values, column.spelling).tolist() == cells
    known = settled(dtype="datetime64[us]", format=column.spelling.format)
    assert plain(read(*cells, known=known)) == plain(column)
    words = settled("categorical", "str", levels=tuple(dict.fromkeys(cells)))
    assert plain(read(*cells, known=words)) == cells


def named(name: str, *cells: object, known: Column | None = None) -> ReadColumn:
    "A column of a few cells with a name of its own."
    return read_column(pd.Series(cells), name, known)


COUNTED = {  # name, cells, the first day, the format
    "a spreadsheet's days": ("admission_date", [43831, 43900, 44561], "2020-01-01", "%E"),
    "a birthday": ("dob", [18264, 30000, 25001], "1950-01-01", "%E"),
    "months": ("visitMonth_date", [202001, 202012, 201907], "2020-01-01", "%Y%m"),
    "two digits of a year": (
        "Datum",
        [200101, 201231, 190730, 180101, 170101],
        "2020-01-01",
        "%y%m%d",
    ),
    "no date yet": ("death_date", [20200101, 0, 20211231, 0], "2020-01-01", "%Y%m%d"),
    "nines": ("death_date", [20200101, 99999999, 20211231], "2020-01-01", "%Y%m%d"),
}


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("what", COUNTED)
def test_whole_numbers_under_a_name_of_dates_are_dates_and_said(what, typed):
    name, numbers, first, form = COUNTED[what]
    cells = numbers if typed else [str(number) for number in numbers]
    column = named(name, *cells)
    assert plain(column)[0] == pd.Timestamp(first) and column.spelling.format == form
    assert "dates" in column.notes[0].read and 'dtype="int64"' in column.notes[0].setting
    none = [number for number in numbers if str(number) in column.missing_codes]
    assert len(column.notes) == 1 + len(set(none))
    assert column.values.isna().tolist() == [number in none for number in numbers]
    known = Column(
        name,
        "continuous",
        "datetime64[us]",
        missing=True,
        format=form,
        missing_codes=column.missing_codes,
    )
    again = named(name, *cells, known=known)
    assert plain(again) == plain(column) and not again.notes
    numbers_again = named(name, *cells, known=replace(known, dtype="int64", format=""))
    assert [n for n in numbers if n not in none] == numbers_again.values.dropna().tolist()


def test_whole_numbers_that_speak_of_no_date_stay():
    for name in ("platelets", "candidate", "cost"):
        assert plain(named(name, "43831", "43900", "44561")) == [43831, 43900, 44561]
    assert plain(named("visit_date", "1", "2", "30")) == [1, 2, 30]
    assert plain(named("time", "0645", "1930")) == [405, 1170]
    assert plain(named("ward", "0645", "1930")) == ["0645", "1930"]
    assert plain(named("case_no", "2021-01", "2021-02")) == ["2021-01", "2021-02"]


def test_an_odd_minus_is_said():
    for cells in (["(12.5)", "3.0"], ["12.5-", "3.0"]):
        (note,) = read(*cells).notes
        assert cells[0] in note.seen and note.cells == 1 and "negative" in note.read
    assert plain(read("(999)", "40", known=settled(missing_codes=("-999",)))) == [None, 40]


def test_levels_that_differ_in_capital_letters_and_nines_among_codes_are_said():
    (note,) = read("Yes", "yes", "no").notes
    assert "'Yes' and 'yes'" in note.seen and note.cells == 2
    (note,) = read("1", "2", "9", "9").notes
    assert note.seen.startswith("9 ") and note.cells == 2 and 'missing_codes=["9"]' in note.setting
    assert not read("1", "5", "9", "9").notes and not read("1", "2", "9").notes


@pytest.mark.parametrize("offset", ["+01:00", "-0530", "Z"])
def test_an_offset_is_kept(offset):
    cells = [f"2020-01-01T07:00:00{offset}", f"2020-02-01T08:30:00{offset}"]
    column = read(*cells)
    assert [str(t)[:19] for t in column.values] == ["2020-01-01 07:00:00", "2020-02-01 08:30:00"]
    assert column.values.iloc[0] == pd.Timestamp(cells[0])
    assert spell(column.values, column.spelling).tolist() == cells


def test_two_offsets_become_one_time_and_it_is_said():
    column = read("2020-01-01T07:00:00+01:00", "2020-07-01T07:00:00+02:00")
    assert [t.hour for t in column.values] == [6, 5]
    assert "+01:00, +02:00" in column.notes[0].text and "UTC" in column.notes[0].read


CLOCKS = {
    "minutes": (["06:16", "19:02"], [376, 1142], "min"),
    "short": (["6:16", "19:02"], [376, 1142], "min"),
    "halves": (["6:16 pm", "11:02 am"], [1096, 662], "min"),
    "seconds": (["06:16:30", "19:02:00"], [22590, 68520], "s"),
    "parts of a second": (["06:16:30.5", "19:02:00.0"], [22590.5, 68520.0], "s"),
}


@pytest.mark.parametrize("what", CLOCKS)
def test_times_of_day_are_read_and_written_back(what):
    cells, values, unit = CLOCKS[what]
    column = read(*cells)
    assert (plain(column), column.unit) == (values, unit)
    assert spell(column.values, column.spelling).tolist() == cells


TEXTS = {
    "clinics": ["007", "012", "113"],
    "zip codes": ["02139", "10115"],
    "ICD": ["I21.0", "E11", "410"],
    "ICD-9": ["410", "250.83", "V57", "E812", "V45", "401"],
    "long digits": ["12345678901234567", "22345678901234567"],
    "telephone": ["030 1234567", "030 7654321"],
    "two numbers": ["120/80", "130/85"],
    "versions": ["1.2.3", "1.2.4"],
    "titers": ["1:20", "1:40"],
    "titers beyond an hour": ["1:20", "1:40", "1:80", "1:160", "1:320"],
    "addresses": ["12 Main Street", "5 Oak Avenue", "9 Hill Road"],
    "ranges": ["10-19", "20-29", "30-39"],
    "stages": ["I", "II", "IIIa"],
    "yes and no": ["Y", "N", "Y"],
    "ja": ["ja", "nein", None],
    "grades": ["1+", "2+", "0", "neg"],
    "seasons": ["2019/20", "2020/21"],
    "cases of a year": ["2024-01", "2024-13"],
    "school grades": ["1", "2-", "3", "2-", "3-", "3-"],
    "footnotes": ["(1)", "(2)", "(3)"],
    "words": ["Light", "Heavy", "Light"],
    "a blank inside": ["no complaints", "chest pain"],
    "long times": ["26:30", "125:10", "3:05"],
}


@pytest.mark.parametrize("what", TEXTS)
def test_text_stays_text(what):
    column = read(*TEXTS[what])
    assert (plain(column), column.spelling.kind) == (TEXTS[what], "text")
    assert spell(column.values, column.spelling).tolist() == TEXTS[what]


@pytest.mark.parametrize("words", ["TRUE FALSE", "True False", "true false", "WAHR FALSCH"])
def test_true_and_false_keep_their_case(words):
    true, false = words.split()
    column = read(true, false, true)
    assert plain(column) == [True, False, True] and column.values.dtype == bool
    assert spell(column.values, column.spelling).tolist() == [true, false, true]
    holed = read(true, None, false)
    assert plain(holed) == [True, None, False] and str(holed.values.dtype) == "boolean"
    assert spell(holed.values, holed.spelling).tolist() == [true, None, false]


# --- doubts


MARKS = """NA n/a NaN NULL None . -- - ? unknown UNK n/k missing nd #N/A #VALUE! *""".split()


@pytest.mark.parametrize("mark", [*MARKS, "not done", "Not Done", " n/a "])
def test_a_usual_mark_is_missing_among_numbers_and_dates_and_a_level_among_words(mark):
    shown = mark.strip()
    for cells in (
        ["1", "2", "3"],
        ["2019-09-16", "2020-01-31", "2020-02-01"],
        ["1.5%", "2.5%", "7%"],
    ):
        column = read(*cells, mark, mark)
        assert plain(column)[3:] == [None, None] and None not in plain(column)[:3]
        assert column.missing_codes == (shown,)
        (note,) = [note for note in column.notes if note.read == "missing"]
        assert note.cells == 2 and repr(shown) in note.seen and "row 3" in note.seen
    column = read("Light", "Heavy", mark, mark)
    assert plain(column) == ["Light", "Heavy", mark, mark]
    (note,) = column.notes
    assert (note.cells, note.read) == (2, "a level") and "missing_codes" in note.setting


@pytest.mark.parametrize("code", ["-9", "-99", "-999", "9999", "-9.0", "-99.00", "-9999"])
def test_a_far_code_is_missing_and_said(code):
    column = read("120", "95", "80", code, "133", code)
    assert plain(column) == [120, 95, 80, None, 133, None]
    (note,) = column.notes
    assert note.cells == 2 and f"{float(code):g}" in note.seen and "row 3" in note.seen
    assert note.setting.startswith("missing_codes")
    assert [float(word) for word in column.missing_codes] == [float(code)]
    back = spell(column.values, column.spelling).tolist()
    assert back[3] is None and float(back[0]) == 120


def test_codes_that_are_values_stay():
    for cells in (
        ["0", "1", "2", "9"],
        ["400", "30", "999", "800"],
        ["95", "99", "97"],
        ["-3", "-9", "5"],
    ):
        column = read(*cells)
        assert plain(column) == [int(cell) for cell in cells] and not column.notes
    assert far_codes(np.array([2000.0, 2019, 9999])) == [9999]
    assert far_codes(np.array([np.nan, 5, 5, 999])) == []
    assert far_codes(np.array([])) == []


def test_zeros_far_below_stay_and_are_said():
    cells = [str(n) for n in range(120, 200)]
    column = read(*cells, "0", "0")
    assert plain(column)[-2:] == [0, 0]
    (note,) = column.notes
    assert note.cells == 2 and 'missing_codes=["0"]' in note.setting
    assert not read(*map(str, range(100))).notes
    assert not read("0", "1", "1", "0").notes


@pytest.mark.parametrize("code", ["9999-12-31", "2099-12-31", "1900-01-01"])
def test_a_far_date_is_missing_and_said(code):
    column = read("2019-09-16", "2020-01-31", code)
    assert plain(column)[2] is None and column.missing_codes == (code,)
    assert column.notes[0].read == "missing" and code in column.notes[0].seen
    german = "{2}.{1}.{0}".format(*code.split("-"))
    column = read("16.09.2019", "31.01.2020", german)
    assert plain(column)[2] is None and column.missing_codes == (german,)


def test_a_birthday_in_1900_stays():
    assert not read("1900-01-01", "1931-05-05", "1990-01-31").notes
    assert not read("1970-01-01", "1931-05-05", "1990-01-31").notes


def test_whole_numbers_that_are_dates_are_dates_and_said():
    column = read("20190916", None, "20201116")
    assert plain(column) == [pd.Timestamp("2019-09-16"), None, pd.Timestamp("2020-11-16")]
    assert "20190916" in column.notes[0].seen and "int64" in column.notes[0].setting
    assert spell(column.values, column.spelling).tolist() == ["20190916", None, "20201116"]
    numbers = read("20190916", "20201116", known=settled("continuous", "int64"))
    assert plain(numbers) == [20190916, 20201116] and not numbers.notes
    dates = read("20190916", "20201116", known=settled("continuous", "datetime64[us]"))
    assert plain(dates)[0] == pd.Timestamp("2019-09-16") and not dates.notes
    with pytest.raises(BadCell, match="20191399"):
        read(*(f"201901{day:02}" for day in range(1, 30)), "20191399")


def test_day_and_month_are_told_apart_by_the_whole_column_or_doubted():
    assert not read("05/04/2024", "31/12/2023").notes
    column = read("05/04/2024", "11/12/2023")
    assert column.undecided == "order" and plain(column)[0] == pd.Timestamp("2024-05-04")
    assert "month before day" in column.notes[0].read and "%d/%m/%Y" in column.notes[0].setting
    german = read("05.04.2024", "11.12.2023")
    assert plain(german)[0] == pd.Timestamp("2024-04-05") and german.undecided == "order"
    day_first = read("05/04/2024", "11/12/2023", hint=Hint(day_first=True))
    assert plain(day_first)[0] == pd.Timestamp("2024-04-05") and day_first.notes
    known = read("05/04/2024", known=settled(dtype="datetime64[us]", format="%d/%m/%Y"))
    assert plain(known) == [pd.Timestamp("2024-04-05")] and not known.notes
    with pytest.raises(BadCell, match="'06/13/2019' in row 2"):
        read("13/06/2019", "10/11/2019", "06/13/2019")


def test_the_other_columns_decide_what_one_does_not():
    days = [f"{day:02}/05/2020,{1 + day % 9:02}/07/2020" for day in range(1, 29)]
    found = file("\n".join(["a,b", *days]))
    assert found.df.b.iloc[0] == pd.Timestamp("2020-07-02")
    numbers = [f"{k},5;1,23{k % 10}" for k in range(20)]
    assert file("\n".join(["a;b", *numbers])).df.b.iloc[3] == 1.233
    points = [f"{k}.5,1.23{k % 10}" for k in range(20)]
    assert file("\n".join(["a,b", *points])).df.b.iloc[3] == 1.233


def test_two_digits_of_a_year_are_doubted():
    column = read("05.04.45", "31.12.23")
    assert [t.year for t in plain(column)] == [2045, 2023]
    assert "1969 to 2068" in column.notes[0].read
    born = settled(dtype="datetime64[us]", maximum=12_000)  # days: the end of 2002
    assert [t.year for t in plain(read("05.04.45", "31.12.98", known=born))] == [1945, 1998]


def test_an_ambiguous_mark_is_doubted_and_settled():
    column = read("1.234", "2.345")
    assert plain(column) == [1.234, 2.345] and column.undecided == "decimal"
    assert "1.234" in column.notes[0].seen and 'format="1.234,5"' in column.notes[0].setting
    known = read("1.234", "2.345", known=settled(dtype="int64", format="1.234,5"))
    assert plain(known) == [1234, 2345] and not known.notes
    assert plain(read("1,234", "2,345", known=settled(format="1234,5"))) == [1.234, 2.345]
    assert plain(read("1.234", "2.345", hint=Hint(","))) == [1234, 2345]
    assert not read("1.234", "0.987").notes and not read("1.234", "12.5").notes


def test_a_decimal_comma_among_points_is_read_and_said():
    column = read("36.6", "36.9", "37,1")
    assert plain(column) == [36.6, 36.9, 37.1] and "'37,1'" in column.notes[0].seen


def test_some_cells_without_the_unit_are_read_and_said():
    column = read("5 mg", "7", "3 mg")
    assert plain(column) == [5, 7, 3] and column.unit == "mg"
    assert "'7' (first in row 1)" in column.notes[0].text


def test_few_leading_zeros_make_text_and_are_said():
    column = read(*map(str, range(10, 60)), "012")
    assert column.spelling.kind == "text" and "'012'" in column.notes[0].seen
    assert plain(read("012", "10", known=settled(dtype="int64"))) == [12, 10]


def test_levels_that_differ_in_blanks_are_said():
    column = read("Male ", "Male", "Female")
    assert plain(column) == ["Male ", "Male", "Female"] and "'Male '" in column.notes[0].seen


def test_a_column_of_marks_alone():
    assert plain(read("NA", "NA", "")) == [None, None, None]
    assert read("NA", "NA", "").notes[0].cells == 2
    assert plain(read("None", "None")) == ["None", "None"]
    assert read("", None).values.dtype == "float64" and not read("", None).notes


# --- refusals of a cell

BAD = {
    "a word": ([*map(str, range(10, 60)), "high"], "'high' in row 50 is no number"),
    "two words": ([*map(str, range(60)), "high", "low"], "(so are 'low')"),
    "infinity": ([*map(str, range(60)), "inf"], "'inf'"),
    "a long number": ([*map(str, range(60)), "1" * 20], "too large a number"),
    "half a group": (["1,234.5", "12,34", "2,345.5", "7,500.0"], "'12,34' in row 1 is no number"),
    "another unit": (["5 mg", "7 mg", "1 g"], "'1 g' in row 2 carries another unit than mg"),
    "months among years": (["5 years", "6 months", "7 years"], "another unit than years"),
    "no such day": (["2019-02-28", "2019-02-30", "2020-02-29"], "'2019-02-30' in row 1 is no date"),
    "a word among dates": ([f"2019-01-{d:02}" for d in range(1, 30)] + ["soon"], "'soon'"),
    "an offset missing": (["2020-01-01T07:00:00Z"] * 9 + ["2020-01-01T08:00:00"], "08:00:00"),
    "no such time": ([f"{h:02}:30" for h in range(24)] + ["24:30"], "is no time of day"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_cell_is_refused_with_row_and_settings(what):
    cells, words = BAD[what]
    with pytest.raises(BadCell) as error:
        read(*cells)
    text = line_of(error)
    assert text.startswith("x: ") and words in text
    assert "missing_codes=[" in text and 'dtype="str"' in text
    word = cells[error.value.row]
    assert (
        plain(read(*cells, known=settled("categorical", "str", levels=tuple(set(cells))))) == cells
    )
    if what not in ("two words",):
        kind = "datetime64[us]" if "date" in text else "float64"
        known = settled(dtype=kind, missing_codes=(word,))
        if "time of day" in text:
            known = settled(dtype="float64", format="%H:%M", missing_codes=(word,))
        assert plain(read(*cells, known=known))[error.value.row] is None


def test_a_repeated_word_among_few_numbers_is_a_level_and_said():
    column = read("1", "2", "3", "X", "X", "2")
    assert plain(column) == ["1", "2", "3", "X", "X", "2"]
    assert "'X' (first in row 3) in 2 cells" in column.notes[0].text
    grades = ["9", "10", "11", "12"] * 200
    column = read(*grades, *["other"] * 5)
    assert set(plain(column)) == {"9", "10", "11", "12", "other"}
    assert "'other' (first in row 800) in 5 cells" in column.notes[0].text
    with pytest.raises(BadCell, match="'other' in row 800 is no number"):
        read(*grades, *["other"] * 4)  # too few to be more than a slip


# --- a schema settles it


def test_a_schema_settles_words_and_codes():
    alcohol = settled("categorical", "str", levels=("None", "Light"))
    assert plain(read("None", "Light", "", known=alcohol)) == ["None", "Light", None]
    assert not read("None", "Light", known=alcohol).notes
    missing = settled("categorical", "str", levels=("Light",), missing_codes=("None",))
    assert plain(read("None", "Light", known=missing)) == [None, "Light"]
    pressure = settled(dtype="int64")
    assert plain(read("98", "120", "-999", known=pressure)) == [98, 120, -999]
    assert not read("98", "120", "-999", known=pressure).notes
    coded = settled(dtype="int64", missing_codes=(-999,))
    assert plain(read("98", "120", "-999", "-999.0", known=coded)) == [98, 120, None, None]
    assert plain(read("98", "?", "", known=pressure)) == [98, None, None]
    assert plain(read("0", "152", known=settled(dtype="int64", missing_codes=("0",)))) == [
        None,
        152,
    ]


def test_a_schema_settles_types():
    assert str(read("1", "2", known=settled()).values.dtype) == "float64"
    assert str(read("1", "", known=settled(dtype="int64")).values.dtype) == "Int64"
    assert str(read("1", "2", known=settled(dtype="float32")).values.dtype) == "float32"
    assert plain(read("1", "2", known=settled("binary", "str", levels=("1", "2")))) == ["1", "2"]
    assert plain(read("1", "0", known=settled("binary", "int64", levels=(0, 1)))) == [1, 0]
    time = read("06:16", known=settled(dtype="int64", format="%H:%M"))
    assert plain(time) == [376] and not time.notes
    spelled = settled(dtype="float64", spelling=Spelling("number", decimal=",", after=" €"))
    assert plain(read("1,5 €", known=spelled)) == [1.5]
    truth = settled("binary", "bool", levels=(False, True))
    assert plain(read("TRUE", "false", "NA", known=truth)) == [True, False, None]
    with pytest.raises(BadCell, match="'maybe' in row 1 is neither true nor false"):
        read("TRUE", "maybe", known=truth)
    assert plain(read("TRUE", "FALSE", "maybe")) == ["TRUE", "FALSE", "maybe"]
    with pytest.raises(ValueError, match="no part of a date"):
        read("2019", known=settled(dtype="datetime64[us]", format="%U"))


# --- columns that have a type already


def test_objects_mean_what_their_text_means():
    assert plain(read(1, 2, None)) == [1, 2, None] and str(read(1, 2, None).values.dtype) == "Int64"
    assert str(read(1, 2, 3).values.dtype) == "int64"
    assert plain(read(1, 2.5, None)) == [1, 2.5, None]
    assert plain(read(True, None, False)) == [True, None, False]
    assert plain(read("<5", 7, 12.5)) == ["<5", 7, 12.5]
    assert plain(read(7, "unknown", 9, 11)) == [7, None, 9, 11]
    assert plain(read(dt.date(2020, 1, 31), None))[0] == pd.Timestamp("2020-01-31")
    assert plain(read(dt.date(2020, 1, 31), dt.date(2020, 2, 1), dt.date(9999, 12, 31)))[2] is None
    assert plain(read(dt.time(6, 16), dt.time(7, 0))) == [22560, 25200]
    for strange in ([1], b"x", {"a": 1}):
        with pytest.raises(ValueError, match="x: .* in row 0 is a .*; text or a number is needed"):
            read(strange, strange)


def test_a_schema_cuts_no_decimals_off():
    known = settled(dtype="int64", kind="continuous")
    halves = pd.Series([200.0, 200.5], name="x")
    assert read_column(halves, "x", known).values.tolist() == [200, 200.5]
    assert str(read_column(pd.Series([200.0, 201.0]), "x", known).values.dtype) == "int64"


def test_typed_columns_are_asked_for_codes_too():
    def typed(values, dtype, known=None):
        return read_column(pd.Series(values, dtype=dtype), "x", known)

    assert plain(typed([120, 95, -999, 80], "int64")) == [120, 95, None, 80]
    assert plain(typed([120, 95.5, -999, 80], "float64")) == [120, 95.5, None, 80]
    assert plain(typed([20190916, 20201116], "int64"))[0] == pd.Timestamp("2019-09-16")
    assert plain(typed([20190916, None, 20201116], "float64"))[0] == pd.Timestamp("2019-09-16")
    kept = typed([120, 95, -999, 80], "int64", settled(dtype="int64"))
    assert plain(kept) == [120, 95, -999, 80] and not kept.notes
    coded = typed([120, 95, 7], "int64", settled(dtype="int64", missing_codes=("7",)))
    assert plain(coded) == [120, 95, None]
    stays = ["2019-10-05", "2020-11-21", "9999-12-31"]
    assert plain(typed(stays, "datetime64[us]"))[2] is None
    assert plain(typed(["a", "b"], "category")) == ["a", "b"]
    assert plain(typed([1.5, 2.0], "float32")) == [1.5, 2.0]
    assert spell(*(lambda c: (c.values, c.spelling))(typed([1.5, 2.0], "float64"))).tolist() == [
        "1.5",
        "2.0",
    ]


def test_index_and_order_stay():
    cells = pd.Series(["1,5", "2,5"], index=[7, 3], dtype="object")
    column = read_column(cells, "x")
    assert column.values.index.tolist() == [7, 3] and column.values.name == "x"
    assert spell(column.values, column.spelling).index.tolist() == [7, 3]
    with pytest.raises(BadCell, match="in row q"):
        read_column(pd.Series([*"1234567890", "x"], index=[*"abcdefghijq"]), "x")


# --- round trips

DIGITS = st.integers(-(10**9), 10**9)
UNITS = st.sampled_from(["", " mmHg", "%", " %", " mg/dl", "°C", " €"])


@st.composite
def number_spellings(draw) -> Spelling:
    decimal = draw(st.sampled_from(".,"))
    decimals = draw(st.integers(0, 6))
    groups = ["", "'", " ", "\u202f", ",."[decimal == ","]]
    return Spelling(
        "number",
        whole=decimals == 0,
        decimals=decimals,
        least=draw(st.integers(0, decimals)),
        decimal=decimal,
        thousands=draw(st.sampled_from(groups)),
        after=draw(UNITS),
        plus=draw(st.booleans()),
        bare=draw(st.booleans()) and decimals > 0,
    )


def again(values: pd.Series, spelling: Spelling, dtype: str) -> None:
    "Spelled and read again, with the spelling known, a column is the same."
    known = settled(dtype=dtype, spelling=spelling)
    if dtype == "bool":
        known = settled("binary", dtype, levels=(False, True), spelling=spelling)
    back = read_column(spell(values, spelling), "x", known)
    assert not back.notes
    pd.testing.assert_series_equal(back.values, values, check_names=False)


@given(st.lists(st.none() | DIGITS, min_size=1, max_size=30), number_spellings())
def test_numbers_come_back_from_any_spelling(numbers, spelling):
    scale = 10.0**-spelling.decimals
    if spelling.whole:
        values = pd.Series(numbers, dtype="Int64" if None in numbers else "int64")
    else:
        values = pd.Series(
            [math.nan if n is None else round(n * scale, spelling.decimals) for n in numbers],
            dtype="float64",
        )
    again(values, spelling, "int64" if spelling.whole else "float64")


@given(
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30)
)
def test_any_number_comes_back(numbers):
    values = pd.Series(numbers, dtype="float64")
    again(values, Spelling("number", exponent="e+00"), "float64")
    again(values, Spelling("number", exponent="E0", scientific=True), "float64")


@given(st.lists(st.none() | DIGITS, min_size=1, max_size=30))
def test_whole_numbers_come_back_unaided(numbers):
    values = pd.Series(numbers, dtype="Int64" if None in numbers else "int64")
    column = read_column(spell(values, Spelling("number", whole=True)), "x")
    kept = column.values.notna() | values.isna()
    if not column.notes and values.notna().any():
        pd.testing.assert_series_equal(column.values, values, check_names=False)
    assert all(float(n) in map(float, column.missing_codes) for n in values[~kept])


DATE_FORMATS = [
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%-d.%-m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d-%b-%Y",
    "%B %-d, %Y",
    "%Y%m%d",
]
TIME_FORMATS = ["%H:%M", "%H:%M:%S", "%H:%M:%S.%3f", "%-I:%M %p", "%I:%M:%S %p"]


@given(
    st.lists(
        st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)), min_size=1, max_size=30
    ),
    st.sampled_from(DATE_FORMATS),
)
def test_dates_come_back_from_any_format(days, form):
    again(pd.Series(days, dtype="datetime64[us]"), Spelling("date", format=form), "datetime64[us]")


@given(
    st.lists(
        st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2199, 1, 1)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(DATE_FORMATS),
    st.sampled_from(TIME_FORMATS),
    st.sampled_from(["", "Z", "+01:00", "-0530"]),
)
def test_moments_come_back_from_any_format(moments, day, time, zone):
    unit = "ms" if "%3f" in time else "s" if "%S" in time else "min"
    values = pd.Series(moments, dtype="datetime64[us]").dt.floor(unit)
    spelling = Spelling("date", format=f"{day} {time}" + "%z" * bool(zone), zone=zone)
    dtype = "datetime64[us]"
    if zone:
        offset = "UTC" if zone == "Z" else f"UTC{zone[:3]}:{zone[-2:]}"
        dtype = f"datetime64[us, {offset}]"
        values = values.dt.tz_localize("UTC").astype(dtype)
    again(values, spelling, dtype)


@given(
    st.lists(st.none() | st.integers(0, 86399), min_size=1, max_size=30),
    st.sampled_from(TIME_FORMATS),
)
def test_times_of_day_come_back(seconds, form):
    spelling = Spelling("clock", format=form, whole="f" not in form)
    unit = 1 if "%S" in form else 60
    numbers = [None if s is None else s // unit for s in seconds]
    dtype = "float64" if "f" in form else "int64"
    values = pd.Series(numbers, dtype="Int64" if None in numbers and dtype == "int64" else dtype)
    again(values, spelling, dtype)


@given(
    st.lists(st.none() | st.booleans(), min_size=1, max_size=30),
    st.sampled_from(["TRUE FALSE", "vrai faux"]),
)
def test_truth_comes_back(truths, words):
    true, false = words.split()
    values = pd.Series(truths, dtype="boolean" if None in truths else "bool")
    again(values, Spelling("truth", true=true, false=false), "bool")


@given(
    st.lists(
        st.none() | st.sampled_from(["<5", ">90"]) | st.integers(5, 90), min_size=1, max_size=30
    )
)
def test_limits_come_back(cells):
    values = pd.Series(cells, dtype="object")
    known = settled(dtype="object", spelling=Spelling("number", whole=True))
    back = read_column(spell(values, Spelling("number", whole=True)), "x", known)
    assert plain(back) == cells


@given(st.lists(st.none() | st.text(min_size=1, max_size=8), min_size=1, max_size=30))
def test_text_is_never_changed(words):
    "Whatever a column of text is read as, it is written back as it was, or what is lost was said."
    cells = pd.Series(words, dtype="object")
    try:
        column = read_column(cells, "x")
    except BadCell:
        return
    if column.spelling.kind == "text":
        kept = [word if word and word.strip() else None for word in words]
        if not column.missing_codes:
            assert plain(column) == kept
    elif not column.notes:
        back = spell(column.values, column.spelling)
        again_read = read_column(back, "x")
        pd.testing.assert_series_equal(again_read.values, column.values, check_names=False)


@given(
    number_spellings() | st.builds(Spelling, st.just("date"), format=st.sampled_from(DATE_FORMATS))
)
def test_a_spelling_survives_json(spelling):
    import json

    assert Spelling.from_dict(json.loads(json.dumps(spelling.to_dict()))) == spelling


# --- files: what stands round a table

ROWS = [
    (53, 1, 107),
    (55, 0, 145),
    (67, 0, 118),
    (77, 1, 129),
    (31, 0, 156),
    (48, 1, 133),
    (59, 0, 121),
]
HEADER = "age,sex,bp\n"
BODY = "".join(",".join(map(str, row)) + "\n" for row in ROWS)
SUMS = [sum(column) for column in zip(*ROWS, strict=True)]


def holds(found: Reading, *words: str) -> None:
    "The seven patients and nobody else, in whole numbers; the words stand in the one note."
    assert found.df.to_numpy().tolist() == [list(row) for row in ROWS]
    assert all(dtype == "int64" for dtype in found.df.dtypes)
    assert len(found.notes) == bool(words), [note.text for note in found.notes]
    for word in words:
        assert word in found.notes[0].text


AROUND = {
    "nothing": (HEADER + BODY, ()),
    "carriage returns": ((HEADER + BODY).replace("\n", "\r\n"), ()),
    "old carriage returns": ((HEADER + BODY).replace("\n", "\r"), ()),
    "no last newline": ((HEADER + BODY).rstrip(), ()),
    "blank lines below": (HEADER + BODY + "\n\n\n", ()),
    "blanks after commas": ((HEADER + BODY).replace(",", ", "), ()),
    "blanks round names": (" age , sex,bp \n" + BODY, ()),
    "a title": ("Patients of ward 3\n" + HEADER + BODY, ("ward 3", "1 line", "skip_rows=0")),
    "two titles": ("Patients of ward 3\n2024-01-01\n\n" + HEADER + BODY, ("ward 3", "2 lines")),
    "a title with commas": ("Patients, ward 3,\n" + HEADER + BODY, ("Patients, ward 3",)),
    "a title of more cells": ("Patients,of,ward,3\n" + HEADER + BODY, ("Patients, of, ward, 3",)),
    "facts above": ("Exported:,2024-01-01,\nWard:,3,\n" + HEADER + BODY, ("Exported", "2 lines")),
    "groups above": ("person,,vitals\n" + HEADER + BODY, ("person, vitals",)),
    "remarks": ("# a\n# b, c\n#\n" + HEADER + BODY, ("# a", "3 lines")),
    "a total": (HEADER + BODY + f"Total,,{SUMS[2]}\n", ("Total", "skip_end=0")),
    "a German total": (HEADER + BODY + f"Summe:,{SUMS[1]},{SUMS[2]}\n", ("Summe",)),
    "a mean": (HEADER + BODY + "Mean,,129.9\n", ("Mean",)),
    "a count": (HEADER + BODY + "N = 7,,\n", ("N = 7",)),
    "a maximum": (HEADER + BODY + "Max,,156\n", ("Max",)),
    "two totals": (HEADER + BODY + "Mean,,129.9\nSD,,16.4\n", ("Mean", "2 lines")),
    "sums without a word": (HEADER + BODY + ",".join(map(str, SUMS)), ("sums", "skip_end=0")),
    "means without a word": (HEADER + BODY + "55.7,0.4,129.9\n", ("means", "skip_end=0")),
    "empty rows": (HEADER + BODY + ",,\n,,\n", ("without a value", "2 lines")),
    "a source": (HEADER + BODY + "Source: hospital\n", ("Source: hospital", "a remark")),
    "a source with commas": (HEADER + BODY + "Source: hospital,,\n", ("Source: hospital",)),
    "a last remark": (HEADER + BODY + "# end, of, export, 7\n", ("# end",)),
    "an empty column": ("age,sex,bp,\n" + BODY.replace("\n", ",\n"), ("1 column",)),
    "an empty column without a comma": (HEADER + BODY.replace("\n", ",\n"), ("1 column",)),
}  # fmt: skip


@pytest.mark.parametrize("what", AROUND)
def test_what_stands_round_a_table_is_left_out_and_said(what):
    text, words = AROUND[what]
    holds(file(text), *words)


def numbered(name: str, first: int = 0) -> str:
    "The table with a row number in front."
    rows = enumerate(BODY.splitlines(), start=first)
    return f"{name},{HEADER}" + "".join(f"{k},{row}\n" for k, row in rows)


LINES = BODY.splitlines()
INDEXED = {
    "no name": numbered(""),
    "quoted no name, from 1": numbered('""', 1),
    "Unnamed: 0": numbered("Unnamed: 0"),
    "R's X": numbered("X", 1),
    "shuffled": ",age,sex,bp\n" + "".join(f"{(3 * k) % 7},{row}\n" for k, row in enumerate(LINES)),
    "one name fewer": HEADER + "".join(f"{k + 1},{row}\n" for k, row in enumerate(LINES)),
}


@pytest.mark.parametrize("what", INDEXED)
def test_a_row_number_is_left_out_and_said(what):
    holds(file(INDEXED[what]), "counts the rows", "index=False")
    assert file(INDEXED[what], index=False).df.shape == (7, 4)
    assert file(INDEXED[what], index=True).df.shape == (7, 3)


def test_a_named_number_is_a_column():
    assert list(file(numbered("id")).df) == ["id", "age", "sex", "bp"]
    assert list(file(numbered("Unnamed: 0", 5).replace("5,53", "4,53")).df)[0] == "Unnamed: 0"


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_separators(sep):
    holds(file((HEADER + BODY).replace(",", sep)))
    holds(file(f"sep={sep}\n" + (HEADER + BODY).replace(",", sep)))
    holds(file((HEADER + BODY).replace(",", sep), sep=sep))


def test_a_table_without_a_header():
    for found in (file(BODY), file("Ward 3,,\n" + BODY)):
        assert list(found.df) == ["column_1", "column_2", "column_3"] and len(found.df) == 7
        assert "header=True" in found.notes[-1].text
    words = "".join(f"{s},{a},{g}\n" for s, a, g in zip("MFMFFM", "ynynny", "abcabc", strict=True))
    assert file(words).df.shape == (6, 3)
    assert list(file("sex,ans,grp\n" + words).df) == ["sex", "ans", "grp"]
    mixed = "53,M,2019-01-11\n61,F,2019-02-11\n47,F,2019-03-11\n"
    assert file(mixed).df.shape == (3, 3)
    assert list(file("0,1,2\n" + BODY).df) == ["0", "1", "2"]
    assert list(file("ward,2019,2020\nA,7,8\nB,9,4\n").df) == ["ward", "2019", "2020"]
    assert list(file(BODY, header=True).df) == ["53", "1", "107"]
    named = file(BODY, header=False, names=["age", "sex", "bp"])
    holds(named)
    assert list(named.df) == ["age", "sex", "bp"]
    assert file("sex,ans,grp\n" + words, header=False).df.shape == (7, 3)


def test_no_patient_is_lost():
    named = "name,bp\n" + "".join(f"P{k},{row[2]}\n" for k, row in enumerate(ROWS))
    assert len(file(named + "Max,120\n").df) == 8
    assert len(file(named + "Total,120\n", skip_end=0).df) == 8
    assert len(file(named + f"Total,{SUMS[2]}\n").df) == 7
    assert len(file(named + f",{SUMS[2]}\n").df) == 7
    assert len(file(named + ",120\n").df) == 8
    with pytest.raises(ValueError) as error:
        file(named + "Total,120\n")
    assert "skip_end=1 leaves it out, skip_end=0 keeps it" in line_of(error)
    rare = "a,b\n" + "0,0\n" * 20 + "1,0\n0,1\n1,1\n"
    assert len(file(rare).df) == 23
    gap = file(HEADER + BODY[: BODY.index("67")] + ",,\n" + BODY[BODY.index("67") :])
    assert len(gap.df) == 8 and "rows without a value" in gap.notes[0].text
    assert len(file(HEADER + BODY, skip_end=2).df) == 5
    assert len(file("x\n" + HEADER + BODY, skip_rows=1).df) == 7


FILES = {
    "nothing": (b"", "the file is empty"),
    "blank lines": (b"\n\n", "the file is empty"),
    "a header": (HEADER.encode(), "has a header and no rows"),
    "a longer row": (HEADER.encode() + b"1,2,3\n1,2,3,4\n", "line 3 has 4 cells, the header 3"),
    "a shorter row": (HEADER.encode() + b"1,2,3\n1,2\n1,2,3\n", "line 3 has 2 cells, the header 3"),
    "a shorter last row": (HEADER.encode() + BODY.encode() + b"53\n", "line 9 has 1 cells"),
    "a remark inside": (HEADER.encode() + b"1,2,3\n# x\n4,5,6\n", "line 3 has 1 cells"),
    "rows longer than the header": (b"a,b\n50,1,7\n60,0,8\n", "rows and header do not match"),
    "an open quotation": (b'a,b\n1,"x\n2,y\n', "a quotation mark in line 2 is never closed"),
    "two equal names": (b"age,age\n1,2\n3,4\n", "column name 'age' occurs more than once; names="),
    "no name": (b"age,,bp\n1,2,3\n4,5,6\n", "the column at position 1 has no name; names="),
    "no name in front": (b",bp\nA,2\nB,5\n", "index=True leaves it out"),
    "a zero byte": (b"a,b\n1,\0\n", "NUL"),
    "a workbook": (b"PK\x03\x04....", "an Excel or zip file"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0", "a picture"),
    "control characters": (bytes(range(1, 32)) * 20, "control characters"),
    "half a gzip": (gzip.compress(BODY.encode() * 50)[:-20], "the gzip file is damaged"),
    "a bad cell": (HEADER.encode() + BODY.encode() * 3 + b"53,1,high\n", "row 21 (line 23)"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_is_refused_with_one_line(what):
    content, words = FILES[what]
    with pytest.raises(ValueError) as error:
        file(content)
    assert words in line_of(error)
    named = io.BytesIO(content)
    named.name = "ward.csv"
    with pytest.raises(ValueError) as error:
        read_source(named)
    assert "ward.csv" in line_of(error) or isinstance(error.value, BadCell)


def test_lines_count_quoted_newlines():
    with pytest.raises(BadCell, match=r"row 12 \(line 16\)"):
        file('a,n,b\n1,"x\ny",5\n2,"x\ny",6\n' + "3,q,6\n" * 10 + "3,q,bad\n")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings_that_tell_themselves(encoding, tmp_path):
    text = "größe,name\n170,Zoë\n182,Šimon ❤\n" * 1
    found = file(text.encode(encoding))
    assert list(found.df) == ["größe", "name"] and found.df.name.tolist() == ["Zoë", "Šimon ❤"]
    assert not found.notes
    packed = tmp_path / "ward.csv.gz"
    packed.write_bytes(gzip.compress(text.encode(encoding)))
    assert read_source(packed).df.name.tolist() == ["Zoë", "Šimon ❤"]


def test_other_encodings_are_said_or_settled():
    text = "größe,name\n170,Zoë €\n".encode("cp1252")
    found = file(text)
    assert found.df.name.tolist() == ["Zoë €"] and found.notes[0].read == "cp1252"
    assert found.notes[0].cells == 2 and "größe" in found.notes[0].seen
    late = b"a,b\n" + b"1,x\n" * 100_000 + "2,é\n".encode("cp1252")
    assert file(late).df.b.iloc[-1] == "é"
    assert file("a,b\n1,ж\n".encode("cp1251"), encoding="cp1251").df.b.tolist() == ["ж"]
    assert open_text(b"a\n\x81\n").encoding == "latin-1"
    for wrong in ("nope", "utf-8"):
        with pytest.raises(ValueError, match="encoding"):
            file("a,b\n1,ж\n".encode("cp1251"), encoding=wrong)


def test_quotes_and_what_they_hold():
    found = file('a,b\n1,"x, y"\n2,"say ""hi"""\n3,"two\nlines"\n4,5" pipe\n')
    assert found.df.b.tolist() == ["x, y", 'say "hi"', "two\nlines", '5" pipe']
    assert file('a, b\n1, "x, y"\n2, "z"\n').df.b.tolist() == ["x, y", "z"]


def test_one_column():
    assert file("x\n1\n2\n3\n").df.x.tolist() == [1, 2, 3]
    assert file("x\n1,5\n2,25\n").df.x.tolist() == [1.5, 2.25]
    assert file("x;y\n1,5;2,5\n3;4\n").df.x.tolist() == [1.5, 3]
    assert file('x\n1\n""\n3\n').df.x.isna().tolist() == [False, True, False]


def test_a_long_cell_and_many_rows():
    long = "y" * 3_000_000
    found = file(f"a,b\n1,{long}\n2,x\n")
    assert found.df.b.str.len().tolist() == [3_000_000, 1]
    many = "a,b,c\n" + "".join(f'{k},"w{k % 7},",{k / 8}\n' for k in range(60_000)) + "Total,,5\n"
    found = file(many)
    assert len(found.df) == 60_000 and found.df.a.iloc[-1] == 59_999 and len(found.notes) == 1


def test_many_different_words_are_text_quickly_and_marks_are_said():
    words = pd.Series([f"P{k:07}" for k in range(20_000)] + ["unknown", " "], dtype="object")
    column = read_column(words, "x")
    assert plain(column)[-2:] == ["unknown", None] and plain(column)[0] == "P0000000"
    assert column.notes[0].cells == 1


WITHOUT = "below_limit decimal_comma dates_us quoted_newline none_level int_missing total_row"


@pytest.mark.parametrize("name", WITHOUT.split())
def test_without_pyarrow_all_is_the_same(name, monkeypatch):
    found = table(name)
    monkeypatch.setattr(reading, "find_spec", lambda library: None)
    other = table(name)
    assert other.notes == found.notes and other.columns.keys() == found.columns.keys()
    for column in found.df:
        assert plain(SimpleNamespace(values=other.df[column])) == plain(
            SimpleNamespace(values=found.df[column])
        )
        assert other.columns[column].spelling == found.columns[column].spelling
    with pytest.raises(ValueError, match="line 3 has 1 cells"):
        file("a,b\n1,2\n3\n4,5\n")


# --- random tables through every format

CELLS = {
    # Codes such as -9 and 77 may stand for a missing cell where they lie far from all others.
    "whole": st.integers(-500, 500).filter(lambda n: n not in reading.NINES),
    "number": st.integers(-500, 500)
    .map(lambda n: n / 4 + 0.1)
    .filter(lambda x: x not in reading.NINES),
    "word": st.sampled_from(["Light", "Heavy", "so, so", 'a "b"', "größer", "two\nlines"]),
    "code": st.sampled_from(["007", "012", "I21.0"]),
    "day": st.dates(dt.date(2001, 1, 1), dt.date(2024, 12, 31)),
    "truth": st.booleans(),
}
TYPES = {"whole": "Int64", "number": "float64", "day": "datetime64[us]", "truth": "boolean"}


@st.composite
def tables(draw) -> pd.DataFrame:
    "A typed table with gaps; each column holds two different values at least, and no row is empty."
    rows = draw(st.integers(4, 12))
    df = pd.DataFrame({"key": [f"k{k}" for k in range(rows)]})
    for kind in draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5, unique=True)):
        cell = st.none() | CELLS[kind]
        cells = draw(st.lists(cell, min_size=rows, max_size=rows))
        if len({c for c in cells if c is not None}) > 1:
            df[kind] = pd.Series(cells, dtype=TYPES.get(kind, "object"))
    return df


def same(found: pd.DataFrame, df: pd.DataFrame) -> None:
    "The same cells, whatever the dtypes."
    assert list(found) == list(df)
    for name in df:
        cells = [plain(SimpleNamespace(values=frame[name])) for frame in (found, df)]
        assert cells[0] == cells[1], name


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_random_tables_come_back_from_csv(df, sep, encoding):
    read_back = file(df.to_csv(index=False, sep=sep).encode(encoding))
    same(read_back.df, df)
    text = df.assign(
        **{name: spell(read_back.df[name], read_back.columns[name].spelling) for name in df}
    )
    same(file(text.to_csv(index=False)).df, df)


@given(tables())
def test_random_tables_come_back_from_parquet_and_stata(df):
    packed, stata = io.BytesIO(), io.BytesIO()
    packed.name, stata.name = "a.parquet", "a.dta"
    df.to_parquet(packed)
    packed.seek(0)
    same(read_source(packed).df, df)
    plain_df = df.drop(columns=[c for c in ("truth", "word") if c in df]).copy()
    for name in plain_df.columns.intersection(["code"]):
        plain_df[name] = plain_df[name].fillna("")
    plain_df.to_stata(stata, write_index=False)
    stata.seek(0)
    same(read_source(stata).df, plain_df.replace({"code": {"": None}}))


@settings(max_examples=25)
@given(tables(), st.sampled_from([".csv.gz", ".tsv.gz", ".txt"]))
def test_random_tables_come_back_from_packed_files_and_plain_ones(tmp_path_factory, df, suffix):
    path = tmp_path_factory.mktemp("packed") / f"a{suffix}"
    df.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    same(read_source(path).df, df)


@settings(max_examples=25)
@given(tables())
def test_random_tables_come_back_from_workbooks(df):
    pytest.importorskip("openpyxl")
    book = io.BytesIO()
    book.name = "a.xlsx"
    df.to_excel(book, index=False)
    book.seek(0)
    same(read_source(book).df, df)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-500, 500).map(lambda n: n / 4),
            st.sampled_from(["007", "012", "Light", "I21.0"]),
            st.integers(15_000, 23_000),
        ),
        min_size=4,
        max_size=12,
    ).filter(lambda rows: len({row[0] for row in rows} - {None}) > 1)
)
def test_random_tables_come_back_from_sas_transport_files(rows):
    values, words, days = (list(cells) for cells in zip(*rows, strict=True))
    columns = {
        "VALUE": ("", "", [cell if cell is None else float(cell) for cell in values]),
        "WORD": ("", "", words),
        "DAY": ("", "DATE", [float(day) for day in days]),
    }
    packed = io.BytesIO(transport_file(columns))
    packed.name = "a.xpt"
    found = read_source(packed).df
    assert plain(SimpleNamespace(values=found.VALUE)) == values and found.WORD.tolist() == words
    first = pd.Timestamp("1960-01-01")
    assert found.DAY.tolist() == [first + pd.Timedelta(days=day) for day in days]


@given(tables())
def test_random_tables_come_back_from_frames(df):
    import polars as pl
    import pyarrow as pa

    arrow = pa.Table.from_pandas(df, preserve_index=False)
    same(read_source(df).df, df)
    same(read_source(arrow).df, df)
    same(read_source(pl.from_arrow(arrow)).df, df)


# --- other formats


def test_stata_labels_are_passed_on(tmp_path):
    df = pd.DataFrame(
        {"sex": [0, 1, 1, 0], "dose": [1.5, 2.5, None, 3.5], "who": ["a", "b", "a", ""]}
    )
    df.to_stata(
        tmp_path / "a.dta",
        write_index=False,
        value_labels={"sex": {0: "female", 1: "male", 2: "other"}},
        variable_labels={"sex": "Sex of the patient", "dose": "Dose (mg)"},
    )
    found = read_source(tmp_path / "a.dta")
    assert found.df.sex.tolist() == [0, 1, 1, 0]
    assert found.columns["sex"].labels == ((0, "female"), (1, "male"), (2, "other"))
    assert found.columns["sex"].description == "Sex of the patient"
    assert found.columns["dose"].labels == () and found.columns["dose"].description == "Dose (mg)"
    assert found.df.dose.isna().tolist() == [False, False, True, False]
    with pytest.raises(ValueError, match="a.dta: cannot be read as a Stata file"):
        (tmp_path / "a.dta").write_bytes(b"nothing")
        read_source(tmp_path / "a.dta")


def test_stata_codes_for_a_missing_cell_are_counted_and_units_taken_from_labels(tmp_path):
    df = pd.DataFrame({"bp": [120.0, 7777.0, 7777.0, 8888.0, 130.5, None], "age": range(6)})
    df.to_stata(
        tmp_path / "a.dta",
        write_index=False,
        variable_labels={"bp": "Blood pressure [mmHg]", "age": "Age (at entry)"},
    )
    raw = (tmp_path / "a.dta").read_bytes()
    for number, code in ((7777.0, 1), (8888.0, 2)):  # .a and .b, as Stata stores them
        raw = raw.replace(
            struct.pack("<d", number), struct.pack("<Q", (0x7FE00 << 44) + (code << 40))
        )
    (tmp_path / "a.dta").write_bytes(raw)
    found = read_source(tmp_path / "a.dta")
    assert plain(SimpleNamespace(values=found.df.bp)) == [120, None, None, None, 130.5, None]
    assert found.columns["bp"].missing_codes == (".a", ".b")
    assert [(note.column, note.cells) for note in found.notes] == [("bp", 2), ("bp", 1)]
    assert (found.columns["bp"].unit, found.columns["age"].unit) == ("mmHg", "")


def ibm(value: float | None) -> bytes:
    "A number as SAS transport files hold it (IBM, base 16); None is a missing cell."
    if value is None:
        return b"." + bytes(7)
    if value == 0:
        return bytes(8)
    power = math.floor(math.log(abs(value), 16)) + 1
    part = int(abs(value) / 16.0**power * 2**56)
    return struct.pack(">B", 64 + power | (128 if value < 0 else 0)) + part.to_bytes(7, "big")


def transport_file(columns: dict[str, tuple[str, str, list]]) -> bytes:
    "A SAS transport file; columns: label, format and values of each name."
    stamp = b"01JAN24:00:00:00"
    head = "HEADER RECORD*******{:<8}HEADER RECORD!!!!!!!{:030d}  "
    text = head.format("LIBRARY", 0).encode()
    text += b"SAS     SAS     SASLIB  9.4     LINUX   ".ljust(64) + stamp + stamp.ljust(80)
    text += b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!000000000000000001600000000140  "
    text += head.format("DSCRPTR", 0).encode()
    text += b"SAS     WARD    SASDATA 9.4     LINUX   ".ljust(64) + stamp + stamp + b" " * 64
    text += b"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!"
    text += f"000000{len(columns):04d}{0:020d}  ".encode()
    names, place = b"", 0
    for number, (name, (label, form, values)) in enumerate(columns.items(), start=1):
        words = isinstance(values[0], str)
        facts = (2 if words else 1, 0, 8, number, name.encode().ljust(8), label.encode().ljust(40))
        shown = (form.encode().ljust(8), 0, 0, 0, b"", b" " * 8, 0, 0, place, b"")
        part = struct.pack(">hhhh8s40s8shhh2s8shhl52s", *facts, *shown)
        names, place = names + part, place + 8
    text += names.ljust(-(-len(names) // 80) * 80)
    text += head.format("OBS", 0).encode()
    rows = b"".join(
        cell.encode().ljust(8) if isinstance(cell, str) else ibm(cell)
        for row in zip(*(values for _, _, values in columns.values()), strict=True)
        for cell in row
    )
    return text + rows.ljust(-(-len(rows) // 80) * 80)


def test_sas_transport_files_keep_labels_and_dates(tmp_path):
    columns = {
        "AGE": ("Age in years", "", [53.0, None, 61.0]),
        "SEEN": ("Day of admission", "DATE", [21_915.0, 22_000.0, 22_281.0]),
        "WARD": ("", "", ["007", "012", "007"]),
    }
    (tmp_path / "a.xpt").write_bytes(transport_file(columns))
    found = read_source(tmp_path / "a.xpt")
    assert plain(SimpleNamespace(values=found.df.AGE)) == [53, None, 61]
    assert found.df.SEEN.iloc[0] == pd.Timestamp("2020-01-01")
    assert found.df.WARD.tolist() == ["007", "012", "007"]
    assert found.columns["SEEN"].description == "Day of admission"
    (tmp_path / "a.xpt").write_bytes(b"nothing at all" * 100)
    with pytest.raises(ValueError, match="a.xpt: cannot be read as a SAS file"):
        read_source(tmp_path / "a.xpt")
    (tmp_path / "a.sas7bdat").write_bytes(b"nothing at all" * 100)
    with pytest.raises(ValueError, match="a.sas7bdat: cannot be read as a SAS file"):
        read_source(tmp_path / "a.sas7bdat")


@pytest.mark.parametrize(
    "suffix, library", [("xlsx", "openpyxl"), ("sav", "pyreadstat"), ("parquet", "pyarrow")]
)
def test_a_library_that_is_not_there_is_named(suffix, library, tmp_path, monkeypatch):
    (tmp_path / f"a.{suffix}").write_bytes(b"x")
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(ValueError) as error:
        read_source(tmp_path / f"a.{suffix}")
    assert f"needs {library} (pip install 'synthheart[" in line_of(error)


def test_spss_labels_and_missing_values_are_passed_on(tmp_path, monkeypatch):
    facts = SimpleNamespace(
        column_names_to_labels={"sex": "Sex", "bp": None},
        variable_value_labels={"sex": {1.0: "male", 2.0: "female"}},
        missing_ranges={"bp": [{"lo": 999.0, "hi": 999.0}, {"lo": -5.0, "hi": -1.0}]},
    )
    df = pd.DataFrame({"sex": [1.0, 2.0, 1.0, 2.0], "bp": [120.0, 999.0, -2.0, 130.0]})
    stub = ModuleType("pyreadstat")
    stub.read_sav = lambda path, **options: (df, facts)
    monkeypatch.setitem(sys.modules, "pyreadstat", stub)
    monkeypatch.setattr(reading, "find_spec", lambda name: True)
    (tmp_path / "a.sav").write_bytes(b"$FL2")
    found = read_source(tmp_path / "a.sav")
    assert found.df.bp.isna().tolist() == [False, True, True, False]
    assert set(found.columns["bp"].missing_codes) == {"999", "-2"}
    assert found.columns["sex"].labels == ((1.0, "male"), (2.0, "female"))
    assert found.columns["sex"].description == "Sex"


def test_a_workbook_is_read_like_a_text(tmp_path, monkeypatch):
    sheet = pd.DataFrame(
        [
            ["Ward 3", "", "", ""],
            ["seen", "age", "crp", "ward"],
            [dt.datetime(2024, 1, 31), 53, "<5", "007"],
            [dt.datetime(2024, 2, 1), 61, 12, "012"],
            [dt.datetime(2024, 2, 2), "", 7.5, "012"],
            ["Total", 114, "", ""],
        ],
        dtype=object,
    )

    class Book:
        sheet_names = ["patients", "remarks"]

        def __init__(self, *args, **options):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def parse(self, name, **options):
            assert name in self.sheet_names
            return sheet

    monkeypatch.setattr(pd, "ExcelFile", Book)
    monkeypatch.setattr(reading, "find_spec", lambda name: True)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    found = read_source(tmp_path / "a.xlsx")
    assert found.df.seen.iloc[0] == pd.Timestamp("2024-01-31")
    assert plain(SimpleNamespace(values=found.df.age)) == [53, 61, None]
    assert found.df.crp.tolist() == ["<5", 12, 7.5] and found.df.ward.tolist() == [
        "007",
        "012",
        "012",
    ]
    said = " ".join(note.text for note in found.notes)
    assert all(word in said for word in ("2 sheets", "sheet=", "Ward 3", "Total"))
    assert "sheets" not in " ".join(
        n.text for n in read_source(tmp_path / "a.xlsx", sheet="patients").notes
    )


def test_parquet_keeps_a_named_index(tmp_path):
    df = pd.DataFrame({"age": [53, 61]}, index=pd.Index(["a", "b"], name="who"))
    df.to_parquet(tmp_path / "a.parquet")
    assert list(read_source(tmp_path / "a.parquet").df) == ["who", "age"]
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="a.parquet: cannot be read as Parquet"):
        read_source(tmp_path / "a.parquet")


def test_doors_of_other_frames():
    df = pd.DataFrame({"age": [53, 61], "ward": ["007", "012"]})
    for door in ("to_pandas", "compute"):
        found = read_source(SimpleNamespace(**{door: lambda: df}))
        pd.testing.assert_frame_equal(found.df, df)
    with pytest.raises(ValueError, match="got int"):
        read_source(7)
    untouched = df.copy()
    read_source(df.assign(bp=[120, -999]))
    pd.testing.assert_frame_equal(df, untouched)


def test_unknown_suffixes_and_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.csv: no such file"):
        read_source(tmp_path / "nowhere.csv")
    (tmp_path / "a.xyz").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ValueError, match="unknown suffix '.xyz'; known are .csv"):
        read_source(tmp_path / "a.xyz")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        read_source(tmp_path / "folder.csv")
    with pytest.raises(TypeError, match="colour"):
        read_source(tmp_path / "a.csv", colour="red")


def test_open_files_of_both_kinds():
    holds(read_source(io.BytesIO((HEADER + BODY).encode())))
    holds(read_source(io.StringIO(HEADER + BODY)))


def test_notes_are_sentences():
    note = Note("bp", "-999 (first in row 3)", 1, "missing", "missing_codes=[] in the schema")
    assert (
        str(note)
        == note.text
        == (
            "bp: -999 (first in row 3) in 1 cell, read as missing; missing_codes=[] in the schema "
            "reads "
            "it otherwise"
        )
    )
    assert Note("", "x", 0, "y", "z=").text == "x, read as y; z= reads it otherwise"
    assert "2 lines" in Note("", "x", 2, "y", "z=").text


def test_a_bad_cell_travels_between_processes():
    import pickle

    with pytest.raises(BadCell) as error:
        read(*map(str, range(60)), "high")
    copy = pickle.loads(pickle.dumps(error.value))
    assert (str(copy), copy.row) == (str(error.value), 60)


def test_every_pair_of_marks_is_told_apart():
    for decimal, thousands in itertools.product(".,", ["", "'", " "]):
        cells = [f"1{thousands}234{decimal}56", f"7{decimal}25", f"12{thousands}345{decimal}00"]
        assert plain(read(*cells)) == [1234.56, 7.25, 12345]
