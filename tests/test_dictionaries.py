"Dictionaries from elsewhere: REDCap's and Frictionless' words as a schema, and each refusal."

import csv
import io
import json

import pandas as pd
import pytest
from messages import one_line

from synthheart.dictionaries import (
    choices_of,
    draft_schema,
    formula_of,
    frictionless_schema,
    is_dictionary,
    match_schema,
    read_draft,
    read_schema,
    redcap_schema,
    unit_of,
)
from synthheart.inference import infer_schema
from synthheart.reading import read_source, read_table
from synthheart.splitting import train_holdout_split
from synthheart.tables import Column, Schema, validate

HEADER = (
    "Variable / Field Name|Form Name|Section Header|Field Type|Field Label|"
    "Choices, Calculations, OR Slider Labels|Field Note|"
    "Text Validation Type OR Show Slider Number|Text Validation Min|Text Validation Max|"
    "Identifier?|Branching Logic (Show field only if...)|Required Field?|Custom Alignment|"
    "Question Number (surveys only)|Matrix Group Name|Matrix Ranking?|Field Annotation"
).split("|")
API = (
    "field_name form_name section_header field_type field_label select_choices_or_calculations "
    "field_note text_validation_type_or_show_slider_number text_validation_min text_validation_max "
    "identifier branching_logic required_field custom_alignment question_number matrix_group_name "
    "matrix_ranking field_annotation"
).split()


def field(name: str, kind: str = "text", label: str = "", **more: str) -> list[str]:
    "A row of a data dictionary."
    place = {"choices": 5, "note": 6, "check": 7, "low": 8, "high": 9, "identifier": 10}
    place |= {"branching": 11, "required": 12, "annotation": 17}
    row = [name, "form_1", "", kind, label, *[""] * 13]
    for word, text in more.items():
        row[place[word]] = text
    return row


def dictionary(*rows: list[str], header: list[str] = HEADER, sep: str = ",") -> str:
    "A data dictionary as CSV, a record's field first."
    out = io.StringIO()
    csv.writer(out, delimiter=sep).writerows([header, field("record_id"), *rows])
    return out.getvalue()


def one(*given, **more) -> tuple[Column, list[str]]:
    "The first column that one field makes, and what is noted of it."
    schema = redcap_schema(dictionary(field(*given, **more)))
    return schema.columns[1], [note.text for note in schema.notes]


# REDCap


def test_a_dictionary_of_every_kind_of_field(tmp_path):
    text = dictionary(
        field("mrn", "text", "Record number", identifier="y"),
        field("surname", "text", "Surname", identifier="y"),
        field("email", "text", "E-mail", check="email"),
        field("born", "text", "Date of birth", check="date_dmy", identifier="y"),
        field("sex", "radio", "Sex", choices="1, Male | 2, Female", required="y"),
        field("site", "dropdown", "Site", choices="01, North | 02, South | 03, East"),
        field("smokes", "yesno", "Smokes?"),
        field("sure", "truefalse", "Sure?"),
        field("race", "checkbox", "Race", choices="1, A | -9, Unknown | b, B"),
        field("age", "text", "Age (years)", check="integer", low="18", high="110", required="y"),
        field("crp", "text", "CRP", check="number_2dp", low="0", note="mg/L"),
        field("bp", "text", "Pressure [mmHg]", check="number"),
        field("dose", "text", "Dose", check="number_1dp_comma_decimal", high="12,5"),
        field("seen", "text", "Seen", check="date_ymd", low="2020-01-01", high="today"),
        field("drawn", "text", "Drawn", check="datetime_seconds_mdy", low="2020-01-01 12:00:00"),
        field("meal", "text", "Meal", check="time", low="06:00"),
        field("pain", "slider", "Pain", choices="none | some | worst"),
        field("story", "notes", "What happened"),
        field("scan", "file", "Scan"),
        field("hello", "descriptive", "Hello"),
        field("lookup", "sql", "Lookup", choices="select 1"),
        field("weight", "text", "Weight (kg)", check="number"),
        field("height", "text", "Height (cm)", check="number"),
        field("bmi", "calc", "BMI", choices="round([weight]/([height]/100)^2, 1)"),
        field("older", "calc", "Older", choices="if([age] > 60, 1, 0)"),
    )
    (tmp_path / "d.csv").write_text(text)
    schema = read_schema(tmp_path / "d.csv")
    roles = {column.name: column.role for column in schema if column.role}
    assert roles == {
        "record_id": "patient",
        "mrn": "id",
        "surname": "person",
        "email": "person",
        "born": "person",
        "story": "drop",
    }
    kinds = {column.name: (column.kind, column.dtype) for column in schema.measured}
    assert kinds == {
        "sex": ("binary", "int64"),
        "site": ("categorical", "str"),
        "smokes": ("binary", "Int64"),
        "sure": ("binary", "Int64"),
        "race___1": ("binary", "Int64"),
        "race____9": ("binary", "Int64"),
        "race___b": ("binary", "Int64"),
        "age": ("continuous", "int64"),
        "crp": ("continuous", "float64"),
        "bp": ("continuous", "float64"),
        "dose": ("continuous", "float64"),
        "seen": ("continuous", "datetime64[us]"),
        "drawn": ("continuous", "datetime64[us]"),
        "meal": ("continuous", "Int64"),
        "pain": ("continuous", "Int64"),
        "weight": ("continuous", "float64"),
        "height": ("continuous", "float64"),
        "bmi": ("continuous", "float64"),
        "older": ("continuous", "float64"),
    }
    assert schema["site"].levels == ("01", "02", "03")
    assert schema["smokes"].levels == (0, 1) and schema["smokes"].labels == ("No", "Yes")
    assert schema["race____9"].description == "Race: Unknown"
    assert (schema["age"].minimum, schema["age"].maximum, schema["age"].missing) == (18, 110, False)
    assert [schema[name].unit for name in ("age", "crp", "bp")] == ["years", "mg/L", "mmHg"]
    assert (schema["crp"].decimals, schema["dose"].decimals, schema["dose"].maximum) == (2, 1, 12.5)
    assert schema["dose"].format == "1234,5"
    assert (schema["seen"].minimum, schema["seen"].maximum, schema["seen"].decimals) == (
        18262,
        None,
        0,
    )
    assert (schema["drawn"].minimum, schema["drawn"].decimals) == (18262.5, None)
    assert (schema["meal"].minimum, schema["meal"].maximum) == (360, 1439)
    assert (schema["pain"].minimum, schema["pain"].maximum) == (0, 100)
    assert [d.column for d in schema.derived] == ["bmi"] and schema["bmi"].decimals == 1
    said = "\n".join(note.text for note in schema.notes)
    for words in ("scan: file field", "hello: descriptive", "lookup: sql", "story: notes field"):
        assert words in said
    for words in ("calculation if([age]", "Text Validation Max today", "none | some | worst"):
        assert words in said
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("header", [HEADER, API], ids=["page", "api"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_every_way_to_export_it(sep, header, encoding, tmp_path):
    sex = field("sex", "radio", "Sexe (à la naissance)", choices="1, Mâle | 2, Fe<i>melle</i>, né")
    text = dictionary(sex, header=header, sep=sep)
    (tmp_path / "d.csv").write_bytes(text.encode(encoding))
    column = read_schema(tmp_path / "d.csv")["sex"]
    assert column.levels == (1, 2) and column.labels == ("Mâle", "Fe melle , né")
    assert column.description == "Sexe (à la naissance)"


def test_a_condition_may_leave_a_required_field_empty_and_is_said():
    shown = {"required": "y", "branching": "[sex] = '2'"}
    column, notes = one("births", "text", check="integer", **shown)
    assert column.missing and "branching logic [sex] = '2'" in notes[0]


def test_what_identifies_has_a_role_and_keeps_its_levels():
    column, notes = one("village", "radio", choices="1, A | 2, B", identifier="y")
    assert (column.role, column.levels) == ("person", (1, 2)) and "Identifier? y" in notes[0]
    for check, role in (("phone", "person"), ("zipcode", "person"), ("mrn_10d", "id")):
        assert one("x", check=check)[0].role == role


def test_the_order_of_a_date_is_the_files_and_is_said():
    column, notes = one("seen", check="datetime_mdy")
    assert column.format == "" and 'format="%m-%d-%Y %H:%M" in a schema' in notes[0]
    schema = redcap_schema(dictionary(field("seen", check="date_dmy")))
    for cells in ("2024-01-31,2024-02-01", "31-01-2024,01-02-2024"):
        rows = "".join(f"{k},{cell}\n" for k, cell in enumerate(cells.split(",")))
        df = read_table(f"record_id,seen\n{rows}".encode(), schema)
        assert df.seen.tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]


def test_annotations_and_matrices_are_said_once():
    rows = [field(f"x{k}", check="number", annotation="@HIDDEN", note="mg") for k in range(5)]
    notes = redcap_schema(dictionary(*rows)).notes
    assert "field notes" not in notes[0].text
    assert [note.column for note in notes] == [""] and "x0, x1, x2, ..." in notes[0].text


REDCAP_REFUSED = {
    "no type": ("a,b\n1,2\n", "no column 'Variable / Field Name'"),
    "empty": ("", "no column"),
    "no fields": (",".join(HEADER[:4]) + "\n", "has no fields"),
    "unknown type": (dictionary(field("x", "matrix")), "field x, Field Type: 'matrix' is unknown"),
    "no choices": (dictionary(field("x", "radio")), "field x, Choices, Calculations"),
    "code twice": (dictionary(field("x", "radio", choices="1, a | 1, b")), "has the code 1 twice"),
    "no code": (dictionary(field("x", "dropdown", choices=", a | 2, b")), "without a code"),
    "bad limit": (
        dictionary(field("x", check="number", low="low")),
        "field x, Text Validation Min: 'low' is no number",
    ),
    "bad date": (
        dictionary(field("x", check="date_ymd", high="2020-13-01")),
        "Text Validation Max: '2020-13-01'",
    ),
    "ends": (dictionary(field("x", check="integer", low="9", high="1")), "x: minimum 9 is above"),
    "twice": (dictionary(field("x"), field("x")), "'x' occurs more than once"),
    "no name": (dictionary(field("")), "has no name"),
}


def test_choices_and_units():
    given = {"name": "x", "choices": "1, Yes, of course|2,|3 | M, Male &amp; more"}
    want = {"1": "Yes, of course", "2": "", "3": "3", "M": "Male & more"}
    assert choices_of(given) == want
    assert unit_of("Weight (kg)") == "kg" and unit_of("Age (in words)") == ""
    assert unit_of("Chol", "mg/dL") == "mg/dL" and unit_of("Sugar [mmol/l]:") == "mmol/l"


@pytest.mark.parametrize(
    "text, formula",
    {
        "[a]+[b]": "a+b",
        "([a]*10000)/(([b])^(2))": "(a*10000)/((b)**(2))",
        "round([a]/2, 1)": "a/2",
        "ROUNDDOWN([a]/2)": "a/2",
        "round([a])+round([b])": None,
        "round(([a])+([b])": None,
        "sum([a],[b])": None,
        "datediff([a],[b],'d')": None,
        "[baseline_arm_1][a]*2": None,
        "[a] + today": None,
        "__import__('os')": None,
        "": None,
    }.items(),
)
def test_only_plain_arithmetic_is_a_formula(text, formula):
    found = formula_of(text)
    assert (found.text if found else None) == formula


def test_a_calculation_on_what_is_left_out_or_unknown_is_said():
    for calculation in ("[other] * 2", "[story] * 2", "[twice] + 1"):
        rows = [field("story", "notes"), field("twice", "calc", choices=calculation)]
        schema = redcap_schema(dictionary(*rows))
        assert not schema.derived and "a number like any other" in schema.notes[-1].text


# Frictionless


def table_schema(*fields: dict, **more) -> Schema:
    "A Table Schema's fields as a schema."
    return frictionless_schema({"fields": list(fields), **more})


COLUMNS = {
    "integer": ({"type": "integer"}, ("continuous", "Int64", 0)),
    "number": ({"type": "number"}, ("continuous", "float64", None)),
    "required": (
        {"type": "integer", "constraints": {"required": True}},
        ("continuous", "int64", 0),
    ),
    "boolean": ({"type": "boolean"}, ("binary", "boolean", None)),
    "date": ({"type": "date"}, ("continuous", "datetime64[us]", 0)),
    "datetime": ({"type": "datetime"}, ("continuous", "datetime64[us]", None)),
    "yearmonth": ({"type": "yearmonth"}, ("continuous", "datetime64[us]", 0)),
    "year": ({"type": "year"}, ("continuous", "Int64", 0)),
    "time": ({"type": "time"}, ("continuous", "Int64", 0)),
    "enum": ({"type": "string", "constraints": {"enum": ["a", "b", "c"]}}, ("categorical", "str")),
    "two": ({"type": "string", "constraints": {"enum": ["a", "b"]}}, ("binary", "str")),
    "codes": ({"type": "integer", "constraints": {"enum": ["1", "2", "3"]}}, ("categorical",)),
    "ordered": (
        {"type": "string", "categories": ["low", "mid", "high"], "categoriesOrdered": True},
        ("ordinal", "str"),
    ),
    "text": ({"type": "string"}, ("categorical", "str", None, "drop")),
    "nothing": ({}, ("categorical", "str", None, "drop")),
    "mail": ({"type": "string", "format": "email"}, ("categorical", "str", None, "person")),
    "uuid": ({"type": "string", "format": "uuid"}, ("categorical", "str", None, "id")),
    "unique": (
        {"type": "integer", "constraints": {"unique": True}},
        ("continuous", "Int64", 0, "id"),
    ),
    "place": ({"type": "geopoint"}, ("categorical", "str", None, "drop")),
}


@pytest.mark.parametrize("what", COLUMNS)
def test_every_type_of_field(what):
    given, want = COLUMNS[what]
    column = table_schema({"name": "x", **given}).columns[0]
    assert (column.kind, column.dtype, column.decimals, column.role)[: len(want)] == want


def test_labels_marks_and_missing_values():
    schema = table_schema(
        {
            "name": "pain",
            "type": "integer",
            "title": "Pain",
            "categories": [{"value": 0, "label": "none"}, {"value": 1, "label": "much"}],
            "missingValues": [{"value": "-9", "label": "refused"}, ""],
        },
        {"name": "dose", "type": "number", "decimalChar": ",", "groupChar": ".", "unit": "mg"},
        {"name": "cells", "type": "integer", "groupChar": "."},
        {"name": "ill", "type": "boolean", "trueValues": ["Y", "yes"], "falseValues": ["N"]},
        missingValues=["", "NK"],
    )
    assert schema["pain"].labels == ("none", "much") and schema["pain"].missing_codes == ("-9",)
    assert schema["pain"].description == "Pain"
    assert schema["dose"].missing_codes == ("NK",) and schema["dose"].unit == "mg"
    text = 'pain,dose,cells,ill\n0,"1.200,5",1.500,Y\n-9,NK,2,N\n1,"3,5",NK,y\n'
    df = read_table(text.encode(), schema)
    assert df.dose.tolist()[::2] == [1200.5, 3.5] and df.cells.tolist()[:2] == [1500, 2]
    assert df.ill.tolist() == [True, False, True] and df.isna().sum().tolist() == [1, 1, 1, 0]
    assert "more words for true and false (yes)" in schema.notes[0].text


def test_dates_in_their_own_format_and_open_ends():
    schema = table_schema(
        {
            "name": "day",
            "type": "date",
            "format": "%d/%m/%Y",
            "constraints": {"minimum": "01/02/2020", "maximum": "2020-12-31"},
        },
        {"name": "at", "type": "time", "format": "%H:%M", "constraints": {"minimum": "06:30"}},
        {"name": "n", "type": "integer", "constraints": {"exclusiveMinimum": 0}},
        {"name": "x", "type": "number", "constraints": {"exclusiveMaximum": "2.5"}},
    )
    assert (schema["day"].minimum, schema["day"].maximum) == (18293, 18627)
    assert (schema["at"].minimum, schema["at"].unit) == (390, "min")
    assert (schema["n"].minimum, schema["x"].maximum) == (1, 2.5)
    df = read_table(b"day,at,n,x\n03/02/2020,07:15,1,2\n", schema)
    assert df.day[0] == pd.Timestamp("2020-02-03") and df["at"][0] == 435


def test_keys_by_primary_and_foreign_key():
    fields = [{"name": name, "type": "string"} for name in ("visit", "who", "where")]
    keys = [
        {"fields": "who", "reference": {"resource": "patients", "fields": "id"}},
        {"fields": ["where"], "reference": {"resource": "wards", "fields": "id"}},
    ]
    schema = table_schema(*fields, primaryKey=["visit"], foreignKeys=keys)
    assert [column.role for column in schema] == ["id", "patient", "drop"]


def test_what_changes_nothing_is_said_once():
    schema = table_schema(
        {"name": "a", "type": "number", "rdfType": "x", "constraints": {"pattern": "y"}},
        {"name": "b", "type": "number", "rdfType": "x"},
        fieldsMatch="subset",
    )
    assert len(schema.notes) == 1
    keys = [{"fields": "a", "reference": {"resource": "wards", "fields": "id"}}]
    more = table_schema(
        {"name": "a", "type": "boolean", "constraints": {"enum": [True], "unique": True}},
        {"name": "b", "type": "date", "constraints": {"enum": ["2020-01-01"]}},
        primaryKey=["a", "b"],
        foreignKeys=keys,
    )
    for words in ("unique (of a)", "enum (of b)", "primaryKey (of the", "foreignKeys (of the"):
        assert words in more.notes[0].text
    for words in ("rdfType (of a, b)", "pattern (of a)", "fieldsMatch (of the schema)"):
        assert words in schema.notes[0].text


def test_a_package_a_resource_and_a_file_beside_it(tmp_path):
    plain = {"fields": [{"name": "age", "type": "integer"}]}
    (tmp_path / "own.json").write_text(json.dumps(plain))
    wholes = [
        plain,
        {"name": "ward", "path": "ward.csv", "schema": plain},
        {"resources": [{"schema": plain}, {"schema": {"fields": [{"name": "b"}]}}]},
        {"resources": [{"schema": "own.json"}]},
    ]
    found = []
    for whole in wholes:
        (tmp_path / "s.json").write_text("\ufeff" + json.dumps(whole), encoding="utf-8")
        found.append(read_schema(tmp_path / "s.json"))
        assert is_dictionary(tmp_path / "s.json")
    assert all(schema == found[0] for schema in found)
    assert "2 resources" in found[2].notes[0].text


def test_our_own_files_are_read_as_before(tmp_path):
    df = pd.DataFrame({"age": [30 + k * 7 % 41 for k in range(50)], "sex": [0, 1] * 25})
    schema = infer_schema(df, "sex")
    path = tmp_path / "s.json"
    path.write_text(schema.to_json())
    assert read_schema(path) == schema and not is_dictionary(path)
    path.write_text(schema.to_json().replace('"minimum"', '"minimun"'))
    with pytest.raises(ValueError, match="unknown word 'minimun' in constraints"):
        read_schema(path)
    mixed = json.loads(schema.to_json())
    mixed["fields"].append({"name": "x", "type": "string", "categories": ["a", "b"], "role": ""})
    path.write_text(json.dumps(mixed))
    assert read_schema(path)["x"].levels == ("a", "b") and read_schema(path).target == "sex"


JSON_REFUSED = {
    "no json": ("{", "not JSON"),
    "a list": ("[1]", "a JSON object with fields is needed"),
    "no fields": ('{"fields": []}', "fields must be a list of columns"),
    "a field": ('{"fields": [3]}', "field 0: must be a JSON object, got 3"),
    "no name": ('{"fields": [{"type": "integer"}]}', "column names must be text, got None"),
    "type": ('{"fields": [{"name": "x", "type": "int"}]}', "schema, x: type 'int' is unknown"),
    "enum": (
        '{"fields": [{"name": "x", "type": "integer", "constraints": {"enum": ["a"]}}]}',
        "schema, x: enum ['a'] are no numbers",
    ),
    "a number": (
        '{"fields": [{"name": "x", "type": "number", "constraints": {"minimum": "low"}}]}',
        "low",
    ),
    "no type": ('{"fields": [{"name": "x", "type": ["any"]}]}', "x: type ['any'] is unknown"),
    "deep": ("[" * 100000, "not a schema"),
    "no list": ('{"fields": [{"name": "x", "categories": "a"}]}', "schema, x: categories must be"),
    "date": (
        '{"fields": [{"name": "x", "type": "date", "constraints": {"minimum": "soon"}}]}',
        "'soon' is not an ISO date",
    ),
    "web": ('{"resources": [{"schema": "https://a.b/c.json"}]}', "is no file beside the package"),
    "away": ('{"resources": [{"schema": "../c.json"}]}', "is no file beside the package"),
    "gone": ('{"resources": [{"schema": "c.json"}]}', "c.json"),
}


REFUSED = {"d.csv": REDCAP_REFUSED, "s.json": JSON_REFUSED}


@pytest.mark.parametrize(
    ("name", "what"), [(name, what) for name, cases in REFUSED.items() for what in cases]
)
def test_a_bad_file_is_refused_with_one_line(name, what, tmp_path):
    text, says = REFUSED[name][what]
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        read_schema(path)
    assert says in one_line(error) and str(error.value).startswith(f"{path}: not a schema (")


def test_other_files_are_refused_with_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json: no such file"):
        read_schema(tmp_path / "none.json")
    (tmp_path / "s.yaml").write_text("fields:")
    with pytest.raises(ValueError, match=r"s\.yaml: not a schema \(unknown suffix '\.yaml'"):
        read_schema(tmp_path / "s.yaml")


# A dictionary and a table


@pytest.fixture
def study() -> tuple[Schema, pd.DataFrame]:
    "A dictionary, and an export with several rows a record and columns of REDCap's own."
    schema = redcap_schema(
        dictionary(
            field("sex", "radio", "Sex", choices="1, Male | 2, Female", required="y"),
            field("weight", "text", "Weight (kg)", check="number_1dp"),
            field("height", "text", "Height (cm)", check="integer"),
            field("bmi", "calc", "BMI", choices="round([weight]/([height]/100)^2,1)"),
            field("empty", "text", "Never filled", check="integer"),
            field("gone", "text", "Not exported", check="integer"),
            field("story", "notes", "Story"),
        )
    )
    rows = ["record_id,redcap_event_name,sex,weight,height,bmi,empty,story,form_1_complete"]
    for k in range(30):
        weight, height = 60 + k * 7 % 31, 150 + k * 5 % 40
        bmi = round(weight / (height / 100) ** 2, 1)
        rows.append(f"{k},visit_1,{1 + k % 2},{weight}.0,{height},{bmi},,well since {k} days,2")
        rows.append(f"{k},visit_2,,{weight + 1}.0,,,,,0")
    return schema, read_table("\n".join(rows).encode(), schema)


def test_a_dictionary_is_cut_to_a_table(study):
    schema, df = study
    found = match_schema(schema, df, "sex")
    assert found.names == list(df) and found.target == "sex"
    assert found["sex"].missing and found["sex"].dtype == "Int64"
    assert found["redcap_event_name"].levels == ("visit_1", "visit_2")
    assert found["empty"].role == "drop" and found["record_id"].role == "patient"
    assert [d.column for d in found.derived] == ["bmi"]
    said = "\n".join(note.text for note in found.notes)
    for words in ("sex: an empty cell of a required field in 30", "empty: no value", "(gone)"):
        assert words in said
    assert validate(df, found).empty
    train, holdout = train_holdout_split(df.drop(columns="sex"), 0.3, 0, None, None)
    train, holdout = train_holdout_split(df, 0.3, 0, None, match_schema(schema, df))
    assert not set(train.record_id) & set(holdout.record_id)
    with pytest.raises(ValueError, match="target 'died' is not a column"):
        match_schema(schema, df, "died")


def test_a_public_schema_is_left_alone(study):
    schema, df = study
    public = frictionless_schema({"fields": [{"name": "a", "type": "integer"}], "public": True})
    assert match_schema(public, df) == public


def test_text_without_an_enum_is_read_off_the_table_where_it_can_be():
    fields = [{"name": name, "type": "string"} for name in ("ward", "who", "why")]
    schema = frictionless_schema({"fields": fields})
    df = pd.DataFrame({"ward": ["east", "west"] * 30})
    df["who"] = [f"{k * 7919 % 10007:05x}{k}q" for k in range(60)]
    df["why"] = [f"fell down the stairs at home for the {k}th time this year" for k in range(60)]
    found = match_schema(schema, df)
    assert found["ward"].levels == ("east", "west")
    assert found["who"].role in ("id", "patient") and found["why"].role == "drop"


def test_a_key_that_comes_again_is_the_patients():
    schema = frictionless_schema({"fields": [{"name": "k", "type": "string"}], "primaryKey": "k"})
    found = match_schema(schema, pd.DataFrame({"k": ["a", "a", "b"]}))
    assert found["k"].role == "patient" and "earlier row too in 1 cell" in found.notes[-1].text


def test_a_draft_goes_on_where_a_table_is_refused():
    rows = [f"{40 + k * 7 % 23},ache in the left arm since day {k} of march\n" for k in range(40)]
    text = "age,why\n" + "".join(rows) + "old,none at all since the day before\n"
    reading = read_draft(io.BytesIO(text.encode()))
    schema = draft_schema(reading)
    assert (schema["age"].missing_codes, schema["why"].role) == (("old",), "drop")
    said = "\n".join(note.text for note in schema.notes)
    assert "'old' (first in row 40), which is no number" in said and "looks like free text" in said
    again = read_source(text.encode(), Schema.from_json(schema.to_json()))
    assert again.df.age.isna().sum() == 1


@pytest.mark.parametrize("bad", [list("abcdefghijkl"), ["5 mmol/l", "7 mmol/l", "9 mmol/l"]])
def test_a_draft_reads_a_column_with_many_bad_cells_as_text(bad):
    cells = [f"{90 + k} mg/dl" if "mmol" in bad[0] else f"{k}" for k in range(200)]
    text = "glucose,age\n" + "".join(
        f"{cell},{40 + k % 37}\n" for k, cell in enumerate(cells + bad)
    )
    with pytest.raises(ValueError, match="glucose"):
        read_source(text.encode())
    schema = draft_schema(read_draft(io.BytesIO(text.encode())))
    assert not schema["glucose"].is_learned and schema["age"].kind == "continuous"
    notes = [note.text for note in schema.notes if note.column == "glucose"]
    assert any("read as text" in note for note in notes) and len(notes) == 2
