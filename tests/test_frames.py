"""What takes a table takes polars and pyarrow too, and says the same."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from test_synthesizer import TRAIN

from synthheart import clinical, disclosure, evaluation, privacy, space
from synthheart.inference import infer_schema, resolve_schema
from synthheart.judging import verdict
from synthheart.keeping import proposals
from synthheart.runs import csv_text
from synthheart.splitting import same_patient, train_holdout_split
from synthheart.synthesizer import Synthesizer


def pieces() -> list[pd.DataFrame]:
    "Train, holdout and synthetic rows."
    train, holdout = train_holdout_split(TRAIN.reset_index(drop=True), seed=1)
    fake = Synthesizer("independent").fit(train, progress=False).sample(120)
    return [df.reset_index(drop=True) for df in (train, holdout, fake)]


PIECES = pieces()
SCHEMA = infer_schema(TRAIN)
FOUND = evaluation.evaluate(*PIECES, draws=1, boot=2)
RISKS = privacy.attack(*PIECES, boot=2, queries=20)
ODDS = clinical.odds_ratios(PIECES[0], PIECES[2])
MEANS = clinical.group_means(PIECES[0], PIECES[2])
SPACE = space.fit_space(PIECES[0])

WORK = {
    "shape_scores": lambda t, a, b, c: evaluation.shape_scores(a, c),
    "column_shapes": lambda t, a, b, c: evaluation.column_shapes(a, c),
    "column_pairs": lambda t, a, b, c: evaluation.column_pairs(a, c),
    "association_error": lambda t, a, b, c: evaluation.association_error(a, c),
    "association_matrix": lambda t, a, b, c: evaluation.association_matrix(c),
    "missing_patterns": lambda t, a, b, c: evaluation.missing_patterns(a, c),
    "density_coverage": lambda t, a, b, c: evaluation.density_coverage(b, c),
    "feature_table": lambda t, a, b, c: evaluation.feature_table(a, c),
    "plot_histograms": lambda t, a, b, c: evaluation.plot_histograms(a, c),
    "plot_categories": lambda t, a, b, c: evaluation.plot_categories(a, c),
    "plot_associations": lambda t, a, b, c: evaluation.plot_associations(a, c),
    "plot_groups": lambda t, a, b, c: evaluation.plot_groups(t(FOUND), "column_shapes"),
    "plot_subgroups": lambda t, a, b, c: evaluation.plot_subgroups(t(FOUND)),
    "plot_attacks": lambda t, a, b, c: privacy.plot_attacks({"table": t(RISKS)}),
    "plot_risks": lambda t, a, b, c: privacy.plot_risks({"table": t(RISKS)}),
    "odds_ratios": lambda t, a, b, c: clinical.odds_ratios(a, c),
    "plot_odds_ratios": lambda t, a, b, c: clinical.plot_odds_ratios(t(ODDS)),
    "group_means": lambda t, a, b, c: clinical.group_means(a, c),
    "plot_group_means": lambda t, a, b, c: clinical.plot_group_means(t(MEANS)),
    "fit_space": lambda t, a, b, c: space.fit_space(a).names,
    "group_plan": lambda t, a, b, c: space.group_plan(a, SPACE),
    "copied_rows": lambda t, a, b, c: space.copied_rows(c, a),
    "verdict": lambda t, a, b, c: str(verdict(t(FOUND))),
    "small_groups": lambda t, a, b, c: disclosure.small_groups(a, c),
    "same_patient": lambda t, a, b, c: same_patient(a, None),
    "proposals": lambda t, a, b, c: proposals(a, SCHEMA),
    "csv_text": lambda t, a, b, c: csv_text(c),
    "resolve_schema": lambda t, a, b, c: resolve_schema(a),
}


def turned(library: str):
    "What makes a frame of another library."
    if library == "polars":
        return pytest.importorskip("polars").from_pandas
    table = pytest.importorskip("pyarrow").Table
    return lambda df: table.from_pandas(df, preserve_index=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
@pytest.mark.parametrize("name", WORK)
def test_any_librarys_frames_give_the_same(name, library):
    turn = turned(library)
    real = WORK[name](lambda df: df, *PIECES)
    other = WORK[name](turn, *map(turn, PIECES))
    if isinstance(real, Figure):
        titles = [figure.texts[0].get_text() if figure.texts else "" for figure in (real, other)]
        assert titles[0] == titles[1]
        plt.close("all")
    elif isinstance(real, (pd.DataFrame, pd.Series)):
        real, other = pd.DataFrame(real), pd.DataFrame(other)
        pd.testing.assert_frame_equal(real, other, check_dtype=False)
    elif isinstance(real, np.ndarray):
        np.testing.assert_array_equal(real, other)
    else:
        assert real == other
