"""`auto`: candidates are judged inside the training rows, and the choice can be followed."""

import numpy as np
import pandas as pd
import pytest

from synthheart.choosing import AutoConfig, Tried, decide, mean_of, on_grid, parts
from synthheart.inference import infer_schema
from synthheart.models import MODELS
from synthheart.preprocessing import RankGaussEncoder
from synthheart.synthesizer import Synthesizer

RNG = np.random.default_rng(0)


def made_up(rows: int = 400) -> pd.DataFrame:
    "A table in which one column follows from two others in a way that no correlation shows."
    a, b = RNG.integers(0, 2, (2, rows))
    either = (a ^ b) ^ (RNG.random(rows) < 0.05)
    names = np.array(["near", "far"])
    return pd.DataFrame({"a": a, "b": b, "dose": RNG.integers(0, 5, rows), "group": names[either]})


TABLE = made_up()
QUICK = {"candidates": ("copula", "trees", "independent")}


@pytest.fixture(scope="module")
def fitted():
    return Synthesizer("auto", options=QUICK).fit(TABLE, progress=False)


def test_what_the_copula_cannot_say_is_left_to_the_trees(fitted):
    table = fitted.choice_.table.set_index("model")
    assert fitted.chosen_ == "trees" and fitted.choice_.why.startswith("trees")
    assert table.c2st["trees"] + 0.05 < table.c2st["copula"] <= table.c2st["independent"] + 0.1


def test_the_chosen_model_is_that_model_itself(fitted):
    alone = Synthesizer("trees").fit(TABLE, progress=False)
    assert fitted.sample(100, seed=3).equals(alone.sample(100, seed=3))
    assert fitted.sample(20, seed=1, where={"group": "far"}).group.eq("far").all()


def test_the_choice_is_in_the_file(fitted, tmp_path):
    twin = Synthesizer.load(fitted.save(tmp_path / "m.synth"))
    assert (twin.model, twin.chosen_) == ("auto", "trees")
    assert twin.choice_.why == fitted.choice_.why
    assert "auto: trees" in twin._repr_html_()


def test_the_same_seed_chooses_the_same(fitted):
    again = Synthesizer("auto", options=QUICK).fit(TABLE, progress=False)
    kept = ["model", "c2st", "membership", "kept"]
    assert again.choice_.table[kept].equals(fitted.choice_.table[kept])


@pytest.mark.parametrize("rows, halves", [(240, 2), (120, 2)])
def test_parts_share_no_row(rows, halves):
    cut = list(parts(rows, AutoConfig(), seed=1))
    assert len(cut) == halves
    for part in cut:
        assert not set(part.learn) & set(part.ask)
        assert len(part.learn) + len(part.ask) == rows


def test_large_tables_are_capped():
    (part,) = parts(200, AutoConfig(halved=50, learned=60, asked=30), seed=0)
    assert (len(part.learn), len(part.ask)) == (60, 30)


def test_what_repeats_its_rows_is_not_chosen():
    tries = {
        "parrot": Tried(0.50, 0.01, 0.90, 0.01, 0.1),
        "plain": Tried(0.6, 0.01, 0.5, 0.01, 0.1),
    }
    choice = decide(tries, limit=0.525)
    assert choice.name == "plain" and "parrot (0.900)" in choice.why


def test_where_all_are_above_the_limit_the_lowest_is_taken():
    tries = {"a": Tried(0.5, 0.01, 0.9, 0.01, 0.1), "b": Tried(0.6, 0.01, 0.8, 0.01, 0.1)}
    assert decide(tries, limit=0.525).name == "b"


def test_the_mean_of_two_parts():
    mean = mean_of([Tried(0.5, 0.03, 0.5, 0.04, 1.0), Tried(0.6, 0.04, 0.6, 0.03, 2.0)])
    assert mean == pytest.approx((0.55, 0.025, 0.55, 0.025, 3.0))


def test_few_rows_leave_no_choice():
    fitted = Synthesizer("auto").fit(TABLE.head(30), progress=False)
    assert (fitted.chosen_, fitted.choice_.why) == ("copula", "copula: 30 rows leave no choice")


def test_a_setting_that_auto_has_not_is_refused():
    with pytest.raises(ValueError, match="auto"):
        Synthesizer("auto", options={"hidden": 8}).fit(TABLE, progress=False)
    with pytest.raises(ValueError, match="model must be one of"):
        Synthesizer("auto", options={"candidates": ("tree",)}).fit(TABLE, progress=False)


def test_no_choice_is_made_under_epsilon():
    assert not MODELS["auto"].private
    with pytest.raises(ValueError, match="only model 'gan'"):
        Synthesizer("auto", epsilon=1.0).fit(TABLE)


def test_an_empty_cell_does_not_stand_for_the_lowest_value():
    table = pd.DataFrame({"x": [np.nan, *range(1, 20)] * 4, "y": [0, 1] * 40})
    coded = RankGaussEncoder(infer_schema(table)).fit(table).code(table)
    lowest = coded.high[1, 0] / 2
    middle = (float(coded.low[1, 0]) + coded.high[1, 0]) / 2
    assert on_grid(np.array([[lowest]]), coded) == pytest.approx(np.array([[middle]]))
