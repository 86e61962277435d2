"""What both chains keep, of trees and as a network: relations, shapes, bytes, conditions."""

from types import SimpleNamespace

import numpy as np
import pytest
from streams import mixed

from synthheart.synthesizer import Synthesizer
from synthheart.tables import validate

CHAINS = {  # rows to learn from, options, and how near each comes
    "trees": (900, {}, {"zeros": 0.05, "gaps": 0.05, "class": 0.03, "slope": 0.12, "shape": 0.06}),
    "autoregressive": (
        1500,
        {"hidden": 24, "embed": 8, "steps": 800, "warm_below": 2},
        {"zeros": 0.06, "gaps": 0.2, "class": 0.15, "slope": 0.15, "shape": 0.07},
    ),
}


@pytest.fixture(scope="module", params=CHAINS)
def chain(request):
    """The table, two fits to it, a sample, and how near it must come."""
    rows, options, near = CHAINS[request.param]
    table = mixed(rows)
    fitted, again = (
        Synthesizer(request.param, options=options).fit(table, progress=False) for _ in range(2)
    )
    fake = fitted.sample(40_000, seed=1)
    return SimpleNamespace(table=table, fitted=fitted, again=again, fake=fake, near=near)


def test_relations_zeros_and_gaps_come_back(chain):
    fake, table, near = chain.fake, chain.table, chain.near
    assert validate(fake, chain.fitted.schema_).empty
    assert abs((fake.nodes == 0).mean() - (table.nodes == 0).mean()) < near["zeros"]
    for ward in ("low", "usual"):
        gaps = [df[df.ward == ward].test.isna().mean() for df in (fake, table)]
        assert abs(gaps[0] - gaps[1]) < near["gaps"]
    right = np.where(fake.dose > 0.8, "high", np.where(fake.dose < -0.8, "low", "usual"))
    assert (right != fake.ward).mean() < near["class"]
    assert abs(np.corrcoef(fake.dose, fake.target)[0, 1] - 0.45) < near["slope"]


@pytest.mark.parametrize("name", ["dose", "nodes", "test"])
def test_shapes_of_columns(chain, name):
    real, made = chain.table[name].dropna(), chain.fake[name].dropna()
    at = np.quantile(real, np.linspace(0.05, 0.95, 19))
    apart = [(real <= x).mean() - (made <= x).mean() for x in at]
    assert np.abs(apart).max() < chain.near["shape"]


def test_same_seed_same_rows_other_seed_other_rows(chain):
    rows = chain.fitted.sample(500, seed=4)
    assert chain.again.sample(500, seed=4).equals(rows)
    assert not chain.again.sample(500, seed=5).equals(rows)


def test_a_file_gives_the_same_bytes(chain, tmp_path):
    path = chain.fitted.save(tmp_path / "a.synth")
    twin = Synthesizer.load(path)
    assert twin.sample(5000, seed=2).equals(chain.fitted.sample(5000, seed=2))
    assert twin.save(tmp_path / "b.synth").read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore:where")
@pytest.mark.parametrize(
    "where", [{"ward": "high"}, {"dose": (0.5, 1.0), "target": 1}, {"test": (0, 0.2)}]
)
def test_conditions_are_met_and_weighted(chain, where):
    asked, free = chain.fitted.sample(400, where=where, seed=3), chain.fake
    assert len(asked) == 400
    for name, wish in where.items():
        low, high = wish if isinstance(wish, tuple) else (wish, wish)
        assert asked[name].between(low, high).all()
        free = free[free[name].between(low, high)]
    assert abs(asked.dose.mean() - free.dose.mean()) < 0.15
    assert abs(asked.nodes.mean() - free.nodes.mean()) < 0.6
