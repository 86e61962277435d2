"""What takes a table takes polars and pyarrow too, and says the same."""

import functools

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from test_synthesizer import TRAIN

from synthheart import clinical, disclosure, evaluation, privacy, space, tables
from synthheart.finding import formulas_of, relations_of
from synthheart.identity import identity_of
from synthheart.inference import (
    infer_schema,
    measured_rows,
    resolve_schema,
    typed_by,
    with_relations,
)
from synthheart.judging import verdict
from synthheart.keeping import proposals
from synthheart.protecting import protect_rare
from synthheart.reading import read_table
from synthheart.runs import csv_text, spelled
from synthheart.splitting import patient_column, same_patient, train_holdout_split
from synthheart.synthesizer import Synthesizer


def pieces() -> list[pd.DataFrame]:
    "Train, holdout and synthetic rows."
    train, holdout = train_holdout_split(TRAIN.reset_index(drop=True), seed=1)
    fake = Synthesizer("independent").fit(train, progress=False).sample(120)
    return [df.reset_index(drop=True) for df in (train, holdout, fake)]


PIECES = pieces()
SCHEMA = infer_schema(TRAIN)
ODDS = clinical.odds_ratios(PIECES[0], PIECES[2])
MEANS = clinical.group_means(PIECES[0], PIECES[2])
SPACE = space.fit_space(PIECES[0])


@functools.cache
def found() -> pd.DataFrame:
    "Measures of the pieces."
    return evaluation.evaluate(*PIECES, draws=1, boot=2)


@functools.cache
def risks() -> pd.DataFrame:
    "Attacks on the pieces."
    return privacy.attack(*PIECES, boot=2, queries=20)


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
    "plot_groups": lambda t, a, b, c: evaluation.plot_groups(t(found()), "column_shapes"),
    "plot_subgroups": lambda t, a, b, c: evaluation.plot_subgroups(t(found())),
    "plot_attacks": lambda t, a, b, c: privacy.plot_attacks({"table": t(risks())}),
    "plot_risks": lambda t, a, b, c: privacy.plot_risks({"table": t(risks())}),
    "odds_ratios": lambda t, a, b, c: clinical.odds_ratios(a, c),
    "plot_odds_ratios": lambda t, a, b, c: clinical.plot_odds_ratios(t(ODDS)),
    "group_means": lambda t, a, b, c: clinical.group_means(a, c),
    "plot_group_means": lambda t, a, b, c: clinical.plot_group_means(t(MEANS)),
    "fit_space": lambda t, a, b, c: space.fit_space(a).names,
    "group_plan": lambda t, a, b, c: space.group_plan(a, SPACE),
    "copied_rows": lambda t, a, b, c: space.copied_rows(c, a),
    "verdict": lambda t, a, b, c: str(verdict(t(found()))),
    "small_groups": lambda t, a, b, c: disclosure.small_groups(a, c),
    "same_patient": lambda t, a, b, c: same_patient(a, None),
    "proposals": lambda t, a, b, c: proposals(a, SCHEMA),
    "c2st_auc": lambda t, a, b, c: evaluation.c2st_auc(b, c),
    "tstr_auc": lambda t, a, b, c: evaluation.tstr_auc(a, b, c),
    "trtr_auc": lambda t, a, b, c: evaluation.trtr_auc(a, b),
    "classification_report": lambda t, a, b, c: evaluation.classification_report(a, b, c),
    "independent_marginals": lambda t, a, b, c: evaluation.independent_marginals(a),
    "invalid_share": lambda t, a, b, c: evaluation.invalid_share(c, SCHEMA),
    "singling_out": lambda t, a, b, c: privacy.singling_out(a, b, c, queries=20),
    "linkability": lambda t, a, b, c: privacy.linkability(a, b, c),
    "attribute_inference": lambda t, a, b, c: privacy.attribute_inference(a, b, c),
    "plot_roc": lambda t, a, b, c: privacy.plot_roc(a, b, {"release": c}),
    "largest_shift": lambda t, a, b, c: clinical.largest_shift(t(ODDS)),
    "shared_space": lambda t, a, b, c: space.shared_space(a, b).names,
    "csv_label": lambda t, a, b, c: disclosure.csv_label(c, "synthetic.csv"),
    "patient_column": lambda t, a, b, c: patient_column(a),
    "same_row": lambda t, a, b, c: tables.same_row(a),
    "outcome_of": lambda t, a, b, c: tables.outcome_of(a),
    "validate": lambda t, a, b, c: tables.validate(c, SCHEMA),
    "find_duplicates": lambda t, a, b, c: tables.find_duplicates(a),
    "read_table": lambda t, a, b, c: read_table(a, SCHEMA),
    "infer_schema": lambda t, a, b, c: infer_schema(a),
    "relations_of": lambda t, a, b, c: [str(one) for one in relations_of(a, SCHEMA)],
    "formulas_of": lambda t, a, b, c: formulas_of(a, SCHEMA),
    "identity_of": lambda t, a, b, c: identity_of(PIECES[0]["chol"], "chol", a),
    "measured_rows": lambda t, a, b, c: measured_rows(a, SCHEMA),
    "with_relations": lambda t, a, b, c: with_relations(SCHEMA, a),
    "typed_by": lambda t, a, b, c: typed_by(a, SCHEMA),
    "split": lambda t, a, b, c: pd.concat(train_holdout_split(a, seed=3)),
    "protect_rare": lambda t, a, b, c: protect_rare(a, SCHEMA, 5).table,
    "spelled": lambda t, a, b, c: spelled(c, SCHEMA),
    "giveaways": lambda t, a, b, c: evaluation.giveaways(b, c),
    "fit": lambda t, a, b, c: (
        Synthesizer("copula", seed=1).fit(a, progress=False).sample(30, seed=1).to_numpy()
    ),
    "evaluate": lambda t, a, b, c: evaluation.evaluate(a, b, c, draws=1, boot=0, floors=False),
    "attack": lambda t, a, b, c: privacy.attack(a, b, c, boot=0, queries=10),
    "csv_text": lambda t, a, b, c: csv_text(c),
    "resolve_schema": lambda t, a, b, c: resolve_schema(a),
}


def turned(library: str):
    "What makes a frame of another library."
    if library == "polars":
        return pytest.importorskip("polars").from_pandas
    table = pytest.importorskip("pyarrow").Table
    return lambda df: table.from_pandas(df, preserve_index=False)


@functools.cache
def answered(name: str):
    "What the work says of pandas' frames, once for all libraries."
    return WORK[name](lambda df: df, *PIECES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("few_trees")
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
@pytest.mark.parametrize("name", WORK)
def test_any_librarys_frames_give_the_same(name, library):
    turn, real = turned(library), answered(name)
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
