"""Whatever is wrong with what a user brings: one line that names it, exit 2, nothing written."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from shell import shell

from synthheart.cohorts import load_heart
from synthheart.inference import infer_schema
from synthheart.splitting import train_holdout_split
from synthheart.synthesizer import Synthesizer

HEART = load_heart()
TRAIN, HOLDOUT = train_holdout_split(HEART, seed=0)


def csv(**changes) -> str:
    return HEART.assign(**changes).to_csv(index=False)


def cell(column: str, row: int, value) -> str:
    table = HEART.astype(object)
    table.loc[row, column] = value
    return table.to_csv(index=False)


SCHEMA = infer_schema(HEART).to_json()


def schema(change) -> str:
    words = json.loads(SCHEMA)
    change(words)
    return json.dumps(words)


# 90 words, some on one row and some on seven: no key, and too many to be levels of 303 rows
DRUGS = [f"{'aeiou'[k % 5]}{'bdkmt'[k // 5 % 5]}{'prslnz'[k // 25]}in" for k in range(90)]
DRUG = [DRUGS[90 * k * k // 303**2] for k in range(303)]

# name: (files to make, words to type, what the one line must say, a part or several)
FIT = "fit in.csv -o out.synth --model copula"
CASES = {
    "no such table": ({}, "fit nowhere.csv -o out.synth", "nowhere.csv: no such file"),
    "an empty file": ({"in.csv": ""}, FIT, "in.csv"),
    "a header and no rows": ({"in.csv": "age,sex\n"}, FIT, "no rows"),
    "one row": ({"in.csv": "age,sex\n50,1\n"}, FIT, "1 row"),
    "not the encoding that was said": (
        {"in.csv": "ward,sex\nJos\xe9,1\nAnn,0\n".encode("latin-1")},
        FIT + " --read encoding=utf-8",
        ("in.csv: is no utf-8 text", "--read encoding= says another"),
    ),
    "two columns of one name": ({"in.csv": "age,age\n50,51\n60,61\n"}, FIT, "age"),
    "more cells than the header": (
        {"in.csv": "age,sex\n50,1,7\n60,0,8\n"},
        FIT,
        ("in.csv", "line 2 has 3 cells, the header 2", "--read sep=", "--read skip_rows="),
    ),
    "an unknown ending": ({"in.xlsx": "age\n1\n2\n"}, "fit in.xlsx -o out.synth", "in.xlsx"),
    "an unknown ending of the model": ({"in.csv": csv()}, "fit in.csv -o out.pkl", "out.pkl"),
    "a word in a numeric column": (
        {"in.csv": cell("chol", 7, "high")},
        FIT,
        (
            "in.csv: chol: 'high' in row 7 (line 9) is no number",
            'missing_codes=["high"] reads it as missing',
            'dtype="str" keeps the column as text',
        ),
    ),
    "infinity": (
        {"in.csv": cell("oldpeak", 3, "inf")},
        FIT,
        ("in.csv: oldpeak: 'inf' in row 3 (line 5) is no number", 'missing_codes=["inf"]'),
    ),
    "a number of 401 digits": (
        {"in.csv": cell("chol", 7, "1" + "0" * 400)},
        FIT,
        (
            f"in.csv: chol: '1{'0' * 59}' in row 7 (line 9) is too large a number",
            'in a schema, dtype="str" keeps the column as text',
        ),
    ),
    "a range of 401 digits": (
        {"in.csv": csv(), "s.json": SCHEMA.replace('"maximum": 77', '"maximum": 1' + "0" * 400)},
        FIT + " --schema s.json",
        "age: maximum must be a finite number, got 1000",
    ),
    "an all-missing column": (
        {"in.csv": csv(chol=np.nan)},
        FIT,
        ("in.csv: chol: all 303 cells are missing", 'set its role to "drop" in a schema'),
    ),
    "free text": (
        {"in.csv": csv(note=[f"seen on day {i % 150} with pain in the chest" for i in range(303)])},
        FIT,
        ("in.csv: note: looks like free text", "'aaaa aa aaa 0 aaaa aaaa aa aaa aaaaa'", '"drop"'),
    ),
    "more categories than rows support": (
        {"in.csv": csv(drug=DRUG)},
        FIT,
        (
            "in.csv: drug: more categories than the rows support",
            f"({len(set(DRUG))} such as 'abpin' in 303 rows, at most 60)",
            'role "drop" in a schema',
        ),
    ),
    "a code of another coding": (
        {"in.csv": cell("cp", 4, 0)},
        FIT,
        ("in.csv: cp: 0 in row 4 is no code of --coding uci", "no --coding would take this table"),
    ),
    "a coding that is none": ({"in.csv": csv()}, FIT + " --coding kagle", "'kagle'"),
    "a coding of another table": (
        {"in.csv": csv().replace("thal,", "scan,")},
        FIT + " --coding kaggle",
        "in.csv: --coding kaggle is of a heart table; this one lacks thal",
    ),
    "an unknown option of the reader": (
        {"in.csv": csv()},
        FIT + " --read seb=;",
        ("no option 'seb'; did you mean sep?", "encoding, sep, header, names, skip_rows, skip_end"),
    ),
    "an option of the reader without a value": (
        {"in.csv": csv()},
        FIT + " --read header",
        "--read 'header': write NAME=VALUE",
    ),
    "an option of the reader twice": (
        {"in.csv": csv()},
        FIT + " --read sep=; --read sep=tab",
        "option 'sep' is given twice",
    ),
    "neither true nor false": (
        {"in.csv": csv()},
        "schema in.csv -o s.json --read header=yes",
        "--read header: must be true or false, got 'yes'",
    ),
    "rows in words": (
        {"in.csv": csv()},
        "split in.csv -o parts --read skip_rows=two",
        "--read skip_rows: must be a whole number, 0 or more, got 'two'",
    ),
    "a separator of two": (
        {"in.csv": csv()},
        FIT + " --read sep=;;",
        "--read sep: must be one character, or tab, got ';;'",
    ),
    "too few names": (
        {"in.csv": csv()},
        FIT + " --read names=age,sex",
        "in.csv: 2 names for 14 columns",
    ),
    "an unknown outcome": ({"in.csv": csv()}, FIT + " --target outcome", "outcome"),
    "an unknown model": ({"in.csv": csv()}, "fit in.csv -o out.synth --model gam", "'gam'"),
    "no epochs": ({"in.csv": csv()}, FIT + " --epochs 0", "0"),
    "epochs in words": ({"in.csv": csv()}, FIT + " --epochs many", "'many'"),
    "epsilon for a copula": ({"in.csv": csv()}, FIT + " --epsilon 1", "epsilon"),
    "epsilon of nothing": ({"in.csv": csv()}, "fit in.csv -o out.synth --epsilon 0", "epsilon"),
    "a rule that is none": (
        {"in.csv": csv()},
        [*FIT.split(), "--rule", "trestbps over 60"],
        "'trestbps over 60' is not a comparison",
    ),
    "a rule on no column": (
        {"in.csv": csv()},
        ["fit", "in.csv", "-o", "out.synth", "--rule", "pressure > 60"],
        "no column 'pressure'",
    ),
    "missing cells dropped": ({"in.csv": csv()}, FIT + " --missing drop", "'drop'"),
    "a schema of no table": ({}, "schema in.csv", "in.csv: no such file"),
    "an unknown ending of the schema": (
        {"in.csv": csv()},
        "schema in.csv -o s.yaml",
        "s.yaml: unknown suffix",
    ),
    "a schema for a column that is none": (
        {"in.csv": csv()},
        "schema in.csv -o s.json --target outcome",
        "outcome",
    ),
    "a day that is none": (
        {
            "in.csv": csv(
                seen=["2021-02-30"] * 9 + [f"2021-01-{d % 28 + 1:02d}" for d in range(294)]
            )
        },
        FIT,
        (
            "in.csv: seen: '2021-02-30' in row 0 (line 2) is no date of the form %Y-%m-%d",
            'missing_codes=["2021-02-30"] reads it as missing',
        ),
    ),
    "a condition on a date in words": (
        {"m.synth": ...},
        "sample m.synth -n 5 -o out.csv --where seen=soon",
        "seen needs a date",
    ),
    "no such schema": ({"in.csv": csv()}, FIT + " --schema s.json", "s.json: no such file"),
    "a schema that is no JSON": (
        {"in.csv": csv(), "s.json": "age: number"},
        FIT + " --schema s.json",
        "s.json: not a schema",
    ),
    "a schema with an unknown word": (
        {"in.csv": csv(), "s.json": schema(lambda s: s["fields"][0].update(colour="red"))},
        FIT + " --schema s.json",
        "colour",
    ),
    "a value outside the schema": (
        {"in.csv": cell("age", 4, 140), "s.json": SCHEMA},
        FIT + " --schema s.json",
        "in.csv: age: 140 in row 4 is above the maximum 77",
    ),
    "a level outside the schema": (
        {"in.csv": cell("cp", 4, 9), "s.json": SCHEMA},
        FIT + " --schema s.json",
        "in.csv: cp: 9 in row 4 is no code of --coding uci (1, 2, 3, 4)",
    ),
    "a column the table lacks": (
        {"in.csv": HEART.drop(columns="thal").to_csv(index=False), "s.json": SCHEMA},
        FIT + " --schema s.json",
        "in.csv: thal: in the schema, but not in the table",
    ),
    "no such model": ({}, "sample nowhere.synth -n 5 -o out.csv", "nowhere.synth: no such file"),
    "a table for a model": ({"m.synth": csv()}, "sample m.synth -n 5 -o out.csv", "m.synth"),
    "no rows asked for": ({"m.synth": None}, "sample m.synth -n 0 -o out.csv", "0"),
    "half a row": ({"m.synth": None}, "sample m.synth -n 1.5 -o out.csv", "1.5"),
    "an unknown ending of the sample": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.doc",
        "out.doc",
    ),
    "a condition on no column": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.csv --where sxe=1",
        "sxe",
    ),
    "a condition without a value": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.csv --where sex",
        "sex",
    ),
    "a level that is none": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.csv --where sex=3",
        "sex",
    ),
    "an empty range": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.csv --where age=60:50",
        "age",
    ),
    "a range outside": (
        {"m.synth": None},
        "sample m.synth -n 5 -o out.csv --where age=150:160",
        "age",
    ),
    "train as holdout": (
        {"t.csv": TRAIN, "f.csv": HOLDOUT},
        "evaluate --train t.csv --holdout t.csv --synthetic f.csv -o out.csv",
        "holdout: 212 of 212 rows are train rows",
    ),
    "an unknown ending of the measures": (
        {"t.csv": TRAIN, "h.csv": HOLDOUT, "f.csv": HOLDOUT},
        "evaluate --train t.csv --holdout h.csv --synthetic f.csv -o out.pdf",
        ("out.pdf: unknown suffix '.pdf'", ".json, .html"),
    ),
    "a synthetic table that lacks a column": (
        {"t.csv": TRAIN, "h.csv": HOLDOUT, "f.csv": HOLDOUT.drop(columns="ca")},
        "evaluate --train t.csv --holdout h.csv --synthetic f.csv -o out.csv",
        "'ca'",
    ),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> bytes:
    return (
        Synthesizer("copula")
        .fit(HEART)
        .save(tmp_path_factory.mktemp("model") / "m.synth")
        .read_bytes()
    )


@pytest.fixture(scope="module")
def dated(tmp_path_factory) -> bytes:
    table = pd.DataFrame(
        {"seen": pd.date_range("2021-01-01", periods=28), "x": [d % 3 for d in range(28)]}
    )
    return (
        Synthesizer("copula")
        .fit(table)
        .save(tmp_path_factory.mktemp("model") / "m.synth")
        .read_bytes()
    )


def test_there_are_at_least_thirty_cases():
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_one_line_exit_2_nothing_written(case, model, dated, tmp_path, monkeypatch):
    files, words, said = CASES[case]
    says, *more = (said,) if isinstance(said, str) else said
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        content = model if content is None else dated if content is ... else content
        content = content.to_csv(index=False) if isinstance(content, pd.DataFrame) else content
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = shell(*(words.split() if isinstance(words, str) else words))
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    refusal = [line for line in lines if "rror" in line or says in line][-1]
    assert says in refusal and all(part in refusal for part in more), refusal
    assert "Traceback" not in result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(files)


# name: (the table, words that name no file, notes that must be said, what stands on the way)
KEY = "read as a key of each row, not learned, and given back as made-up keys"
READ = {
    "not UTF-8": (
        "ward,sex\nJos\xe9,1\nAnn,0\nAnn,0\n".encode("latin-1"),
        "schema in.csv",
        "Note: bytes that are no UTF-8, such as in 'José' in 1 line, read as cp1252; "
        "--read encoding= reads it otherwise",
        "text Ann, José",
    ),
    "record numbers": (
        csv(record=range(1000, 1303)),
        FIT,
        "Note: record: 303 different whole numbers of the form '0000' that count the "
        f"rows in 303 cells, {KEY}",
        "fitted to 303 rows and 14 columns",
    ),
    "names": (
        csv(who=[f"Patient No {i}" for i in range(303)]),
        FIT,
        f"Note: who: 303 different values of the form 'Aaaaaaa Aa 0' in 303 cells, {KEY}",
        "fitted to 303 rows and 14 columns",
    ),
    "a schema of names": (
        csv(who=[f"Patient No {i}" for i in range(303)]),
        "schema in.csv",
        f"Note: who: 303 different values of the form 'Aaaaaaa Aa 0' in 303 cells, {KEY}",
        "who - text id",
    ),
    "a patient's key": (
        csv(patient=[f"c{i % 120}" for i in range(303)]),
        FIT,
        "Note: patient: 120 different values of the form 'a0' in 303 cells, read as "
        "the "
        "patients' key: on one side of a split, not learned, and made up again",
        "fitted to 303 rows and 14 columns",
    ),
    "decimal commas": (
        csv(chol=[f"1,{i}00" for i in range(303)]),
        "schema in.csv",
        "",
        "chol continuous numbers, mg/dl 1 to 1.99 mg/dl",
    ),
    "commas that may be either": (
        csv(chol=[f"{c // 100},{c % 100:02}0" for c in HEART.chol]),
        "schema in.csv",
        "Note: chol: '2,330' (first in row 0) in 303 cells, read as a thousands mark; "
        'format="1234,5" in the schema reads it otherwise',
        "chol continuous whole numbers, mg/dl 1260 to 5640 mg/dl",
    ),
    "a total": (
        csv() + f"Total,206{',' * 12}\n",
        "schema in.csv",
        "below the last patient in 1 line, read as a total, no patient; "
        "--read skip_end=0 reads it otherwise",
        "sex binary",
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_doubt_is_settled_and_said(case, tmp_path, monkeypatch):
    content, words, note, told = READ[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = shell(*words.split())
    assert result.exit_code == 0, result.output
    assert note in result.output, result.output
    assert told in " ".join(result.stdout.split()), result.stdout


def test_a_key_s_rows_get_made_up_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text(csv(who=[f"Patient No {i}" for i in range(303)]))
    assert shell(*FIT.split()).exit_code == 0
    rows = shell(*"sample out.synth -n 40 -o -".split()).stdout
    assert pd.read_csv(io.StringIO(rows)).who.is_unique and "Patient No" not in rows
    assert b"Patient No" not in (tmp_path / "out.synth").read_bytes()


def test_a_table_never_seen_goes_through_the_shell(tmp_path, monkeypatch):
    """CSV with dates, words, empty cells: described, learned, sampled under conditions."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 360, 90), unit="D")
    level = rng.lognormal(0, 0.4, 90).round(2)
    visits = pd.DataFrame(
        {
            "bmi": rng.normal(27, 4, 90).round(1),
            "ward": rng.choice(["ICU", "surgery"], 90),
            "admitted": pd.Timestamp("2023-01-01") + days,
            "creatinine": np.where(rng.random(90) < 0.2, np.nan, level),
        }
    )
    visits.to_csv("visits.csv", index=False)

    def done(words: str, *more: str, **options):
        result = shell(*words.split(), *more, **options)
        assert result.exit_code == 0, result.output
        return result

    done("schema visits.csv -o s.json")
    table = (tmp_path / "visits.csv").read_text()
    fit = "fit - -o v.synth --model copula --schema s.json --rule"
    fitted = done(fit, "bmi > 25", input=table)
    assert "v.synth: copula fitted to 90 rows and 4 columns" in fitted.stdout
    where = "--where ward=ICU --where admitted=2023-03-01:2023-06-30"
    drawn = done(f"sample v.synth -n 60 -o - {where}")
    fake = pd.read_csv(io.StringIO(drawn.stdout), parse_dates=["admitted"])
    assert len(fake) == 60 and (fake.bmi > 25).all() and set(fake.ward) == {"ICU"}
    assert fake.creatinine.isna().any()
    assert fake.admitted.between("2023-03-01", "2023-06-30").all()
    count = int(drawn.stderr.split("rule 'bmi > 25': ")[1].split()[0])
    assert count > 0 and "-: 60 synthetic rows, 4 columns" in drawn.stderr
