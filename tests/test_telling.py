"""Which rows a classifier tells from real ones, by classifiers that have not seen them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from synthheart.evaluation import giveaways
from synthheart.telling import giveaway_rows, plot_giveaways


def cohort(n: int, seed: int) -> pd.DataFrame:
    "Made-up patients."
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"age": rng.normal(55, 9, n).round(), "bp": rng.normal(130, 17, n)})
    return table.assign(sex=rng.integers(0, 2, n))


def test_rows_of_the_same_population_are_not_told():
    rows = giveaway_rows(cohort(150, 0), cohort(200, 1), draws=1)
    assert sorted(rows.row) == list(range(200)) and (rows.times >= 1).all()
    assert rows.probability.is_monotonic_decreasing and rows.probability.between(0, 1).all()
    assert abs(rows.probability.mean() - 0.5) < 0.08


def test_spoiled_rows_are_told_and_their_column_named():
    fake = cohort(200, 1)
    fake.loc[::4, "bp"] += 150
    rows, columns = (work(cohort(150, 0), fake, draws=1) for work in (giveaway_rows, giveaways))
    spoiled = rows.row % 4 == 0
    assert rows.probability[spoiled].mean() > 0.6 > rows.probability[~spoiled].mean()
    assert columns.column[0] == "bp"
    figure = plot_giveaways(columns, rows)
    assert "bp gives most away" in " ".join(text.get_text() for text in figure.texts)
    plt.close(figure)


def test_a_few_rows_are_refused():
    with pytest.raises(ValueError, match="needs 20 rows"):
        giveaway_rows(cohort(10, 0), cohort(200, 1))
