"""Whatever a model file's bytes are: the rows that were saved, or one line that says why not; at
once and in little memory.
"""

import io
import json
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthheart import archive as arc
from synthheart.synthesizer import Synthesizer

FIXTURES = Path(__file__).parent / "fixtures"
FILES = sorted(FIXTURES.glob(f"*-v{arc.FORMAT}.synth"))
PLAIN = FIXTURES / f"copula-v{arc.FORMAT}.synth"
ROWS = Synthesizer.load(PLAIN).sample(40, seed=7).to_csv()


def outcome(path: Path) -> str:
    "`same` where the file gives the rows that were saved, else the refusal, which is one line."
    began = time.process_time()
    try:
        model = Synthesizer.load(path)
    except ValueError as refusal:
        words = str(refusal)
        assert words.isprintable() and words.startswith(str(path)) and len(words) < 500, words
        assert time.process_time() - began < 1
        return words
    assert model.sample(40, seed=7).to_csv() == ROWS
    return "same"


def members(path: Path = PLAIN) -> dict[str, bytes]:
    "The members of a model file."
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def hashed(parts: dict[str, bytes]) -> dict[str, bytes]:
    "The members with checksums that fit them, as a forger would write them."
    import hashlib

    own = {name: part for name, part in parts.items() if name != "hashes.json"}
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in own.items()}
    return own | {"hashes.json": json.dumps(sums).encode()}


def packed(path: Path, parts: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    "A zip of these members."
    with zipfile.ZipFile(path, "w", how) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return path


def test_a_bit_turned_over_changes_no_row(tmp_path):
    good, rng, path = PLAIN.read_bytes(), np.random.default_rng(0), tmp_path / "m.synth"
    said = set()
    for at in rng.integers(0, len(good) * 8, 300):
        turned = bytearray(good)
        turned[at // 8] ^= 1 << (at % 8)
        path.write_bytes(turned)
        said.add(outcome(path) == "same")
    assert False in said  # and some are flags or dates of the zip, which nothing hangs on


def test_a_file_cut_or_filled_anywhere_changes_no_row(tmp_path):
    good, rng, path = PLAIN.read_bytes(), np.random.default_rng(1), tmp_path / "m.synth"
    for at in rng.integers(0, len(good), 60):
        path.write_bytes(good[:at])
        assert outcome(path) != "same"
        path.write_bytes(good[:at] + bytes(rng.integers(0, 256, 50, np.uint8)) + good[at:])
        outcome(path)
    path.write_bytes(rng.bytes(5000))
    assert "damaged" in outcome(path)


def test_a_member_that_was_exchanged_is_noticed(tmp_path):
    rng, parts = np.random.default_rng(2), members()
    names = list(parts)
    for k in range(80):
        name, other = rng.choice(names, 2, replace=False)
        forged = dict(parts)
        if k % 4 == 0:
            forged[name] = parts[other]
        elif k % 4 == 1:
            del forged[name]
        elif k % 4 == 2:
            forged[f"model/extra{k}.npy"] = parts[other]
        elif name != "hashes.json":  # a blank there means nothing
            forged[name] = parts[name] + b"\n"
        if forged == parts:  # two arrays of the same numbers
            continue
        words = outcome(packed(tmp_path / "m.synth", forged))
        assert words != "same" and ("damaged" in words or "written by" in words)


def about_with(**changes) -> dict[str, bytes]:
    "The members with other settings, under checksums that fit."
    parts = members()
    about = json.loads(parts["about.json"]) | changes
    return hashed(parts | {"about.json": json.dumps(about).encode()})


def array(values, name: str = "model/root") -> dict[str, bytes]:
    "The members with another array, under checksums that fit."
    raw = io.BytesIO()
    np.save(raw, values, allow_pickle=True)
    return hashed(members() | {f"{name}.npy": raw.getvalue()})


def greedy(shape: tuple[int, ...]) -> dict[str, bytes]:
    "The members with an array that asks for more than it has."
    raw = io.BytesIO()
    told = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(raw, told)
    return hashed(members() | {"model/root.npy": raw.getvalue()})


CODEC = json.loads(members()["about.json"])["codec"]
FORGED = {
    "an object": lambda: array(np.array([{"a": 1}], object)),
    "a word": lambda: array(np.array(["word"])),
    "NaN": lambda: array(np.full((9, 9), np.nan)),
    "infinity": lambda: array(np.full((9, 9), np.inf)),
    "another shape": lambda: array(np.eye(2)),
    "a complex number": lambda: array(np.eye(9) * 1j),
    "5 GB": lambda: greedy((600_000_000,)),
    "more than there is": lambda: greedy((2**62, 2**62)),
    "less than nothing": lambda: greedy((-1,)),
    "shares beyond one": lambda: array(np.array([0.9, 0.9, 0.9]), "model/share/0"),
    "levels in no order": lambda: array(np.array([0, 0, 0]), "model/order/0"),
    "values that fall": lambda: array(np.arange(40.0)[::-1], "codec/values/0"),
    "counts of a whole world": lambda: array(
        np.full(len(np.load(io.BytesIO(members()["codec/values/0.npy"]))), 2**45),
        "codec/counts/0",
    ),
    "counts below one": lambda: array(np.zeros(5, int), "codec/counts/0"),
    "no model": lambda: about_with(parameters={"model": "nobody", "rules": []}),
    "settings of another class": lambda: about_with(parameters={"epochs": 3}),
    "epochs in words": lambda: about_with(
        parameters={"model": "copula", "epochs": "x", "rules": []}
    ),
    "rows in words": lambda: about_with(rows="many"),
    "no shape": lambda: about_with(shape=None),
    "more columns": lambda: about_with(model={"continuous": 9, "discrete": 4}),
    "an endless range": lambda: about_with(codec=CODEC | {"limits": [[0, float("inf")]] * 3}),
    "a range upside down": lambda: about_with(codec=CODEC | {"limits": [[9, 1]] * 3}),
    "a list": lambda: hashed(members() | {"about.json": b"[1]"}),
    "deep lists": lambda: hashed(members() | {"about.json": b"[" * 200_000}),
    "words in the history": lambda: hashed(members() | {"history.csv": b"step\n<b>\n"}),
    "another name": lambda: hashed(members() | {"../../evil.py": b""}),
    "a newer format": lambda: about_with(format=99),
    "a format with words": lambda: about_with(format=99, synthheart="\x1b[31m\n<b>"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_forged_settings_are_refused_in_one_line(kind, tmp_path):
    tracemalloc.start()
    try:
        words = outcome(packed(tmp_path / "m.synth", FORGED[kind]()))
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert words != "same" and ("damaged" in words or "newer synthheart" in words)


def test_a_small_file_cannot_ask_for_a_large_one(tmp_path, monkeypatch):
    path = tmp_path / "m.synth"
    bomb = members() | {"model/root.npy": bytes(50_000_000)}
    assert "compressed" in outcome(packed(path, bomb, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 100_000
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("about.json", "{}")
    assert "twice" in outcome(path)
    monkeypatch.setattr(arc, "MOST_MEMBERS", 50)
    with zipfile.ZipFile(path, "w") as file:
        for k in range(51):
            file.writestr(f"{k}", b"")
    assert "members" in outcome(path)
    with path.open("wb") as file:  # as long as it likes, for nothing is read
        file.truncate(arc.MOST_BYTES + 1)
    assert "bytes" in outcome(path)


def test_counts_take_no_memory(tmp_path):
    "A value that a forger lets occur a thousand million times is one value."
    counts = np.load(io.BytesIO(members()["codec/counts/0.npy"])).copy()
    counts[len(counts) // 2] = 10**9
    path = packed(tmp_path / "m.synth", array(counts, "codec/counts/0"))
    tracemalloc.start()
    try:
        assert len(Synthesizer.load(path).sample(40, seed=7)) == 40
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_numbers_of_another_table_are_refused(file, tmp_path):
    "Arrays of each kind of model, shorter by a number, and settings that are not there."
    parts = members(file)
    names = [name for name in parts if name.startswith("model/")]
    for name in names[:: max(1, len(names) // 8)]:
        values = np.load(io.BytesIO(parts[name]))
        if values.size < 2:
            continue
        raw = io.BytesIO()
        np.save(raw, values[..., :-1])
        with pytest.raises(ValueError, match="damaged"):
            Synthesizer.load(packed(tmp_path / "m.synth", hashed(parts | {name: raw.getvalue()})))
    for change in (
        {"model": {"layout": 1}},
        {"codec": {}},
        {"rows": 0},
        {"shape": {"schema": {}}},
    ):
        about = json.loads(parts["about.json"]) | change
        forged = hashed(parts | {"about.json": json.dumps(about).encode()})
        with pytest.raises(ValueError, match="damaged"):
            Synthesizer.load(packed(tmp_path / "m.synth", forged))


def test_a_file_does_not_vouch_for_its_epsilon(tmp_path):
    parts = members(FIXTURES / f"gan-v{arc.FORMAT}.synth")
    about = json.loads(parts["about.json"])
    about["parameters"] |= {"epsilon": 1.0, "delta": 1e-5}
    forged = hashed(parts | {"about.json": json.dumps(about | {"spent": [1.0, 1e-5]}).encode()})
    model = Synthesizer.load(packed(tmp_path / "m.synth", forged))
    said = model.privacy_statement()
    assert "No seal stands on these numbers: whoever made the file vouches" in said
    assert "whoever made the file" in model._repr_html_()
    about["spent"] = [-1.0, 1e-5]
    with pytest.raises(ValueError, match="epsilon must be a positive number"):
        forged = hashed(parts | {"about.json": json.dumps(about).encode()})
        Synthesizer.load(packed(tmp_path / "m.synth", forged))
    table = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30) % 2})
    plain = Synthesizer("independent").fit(table, progress=False)
    assert plain.privacy_statement().startswith("No differential privacy")


def test_columns_that_do_not_fit_what_was_learned_are_refused(tmp_path):
    "A name changed in one of the two schemas, a word among numbers without its column, no key."
    table = pd.DataFrame(
        {
            "pid": [f"K{k:05}" for k in range(60)],
            "crp": ["<5"] * 20 + [str(k) for k in range(10, 50)],
            "x": np.arange(60.0) / 7,
        }
    )
    model = Synthesizer("copula").fit(table, progress=False)
    parts = members(model.save(tmp_path / "m.synth"))
    for old, new in ((b'"name": "x"', b'"name": "y"'), (b'"crp: word"', b'"crp: w"')):
        first = parts["about.json"].replace(old, new, 1)
        forged = packed(tmp_path / "x.synth", hashed(parts | {"about.json": first}))
        with pytest.raises(ValueError, match="damaged"):
            Synthesizer.load(forged)
    about = json.loads(parts["about.json"])
    assert about["shape"]["plans"].pop("pid")
    forged = hashed(parts | {"about.json": json.dumps(about).encode()})
    with pytest.raises(ValueError, match="other columns"):
        Synthesizer.load(packed(tmp_path / "x.synth", forged))
