"""Synthetic patients from a table of real ones, and how good and how private they are.

The usual way through it::

    import pandas as pd
    import synthheart as sh

    real = sh.load_heart()                                  # or sh.read_table("ward.csv")
    train, holdout = sh.train_holdout_split(real)
    model = sh.Synthesizer("gan").fit(train)
    fake = model.sample(1000, seed=1)
    table = sh.evaluate(train, holdout, fake)               # fidelity, utility, validity, copies
    risks = sh.attack(train, holdout, fake)                 # membership and the three GDPR risks
    print(sh.verdict(pd.concat([table, risks])))            # faithful? useful? safe?

Reading and describing: `load_heart`, `read_table`, `write_table`, `infer_schema`,
`find_relations`, `Schema`, `Column`, `Dataset`, `train_holdout_split`; of tables larger than memory
`read_sample` and `survey`. Making: `Synthesizer`, `MODELS`. Judging: `evaluate`, `attack`,
`verdict`, `compare`, `METRICS`, `ATTACKS`. Adding to it: `use_plugins`, and the lists `MODELS`,
`METRICS`, `ATTACKS`, `FIGURES`, `DATASETS`. Warnings are of the class `SynthheartWarning`.

Names are looked up when they are first used, so that the import is quick; TensorFlow is imported
when a network is built. The one module that is written by hand; every other one is exported from a
notebook in `nbs/`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from synthheart.catalogue import ATTACKS, METRICS
    from synthheart.cohorts import DATASETS, Dataset, load_heart
    from synthheart.comparison import compare
    from synthheart.dictionaries import read_schema
    from synthheart.evaluation import evaluate, giveaways
    from synthheart.figures import FIGURES
    from synthheart.inference import infer_schema
    from synthheart.judging import verdict
    from synthheart.keeping import find_relations
    from synthheart.large import read_sample, survey
    from synthheart.models import MODELS
    from synthheart.pipeline import build_report
    from synthheart.privacy import attack
    from synthheart.reading import read_table
    from synthheart.registry import use_plugins
    from synthheart.runs import write_table
    from synthheart.splitting import train_holdout_split
    from synthheart.synthesizer import Synthesizer
    from synthheart.tables import Column, Schema, SynthheartWarning

# Where each public name lives.
_ROOM_OF = {
    "load_heart": "cohorts",
    "read_table": "reading",
    "read_sample": "large",
    "survey": "large",
    "write_table": "runs",
    "infer_schema": "inference",
    "find_relations": "keeping",
    "read_schema": "dictionaries",
    "Schema": "tables",
    "Column": "tables",
    "SynthheartWarning": "tables",
    "Dataset": "cohorts",
    "train_holdout_split": "splitting",
    "Synthesizer": "synthesizer",
    "evaluate": "evaluation",
    "giveaways": "evaluation",
    "attack": "privacy",
    "compare": "comparison",
    "verdict": "judging",
    "build_report": "pipeline",
    "MODELS": "models",
    "METRICS": "catalogue",
    "ATTACKS": "catalogue",
    "FIGURES": "figures",
    "DATASETS": "cohorts",
    "use_plugins": "registry",
}

# The rooms that add records to a list, by what they add: a registry imports them at its first look.
ROOMS: dict[str, tuple[str, ...]] = {
    "dataset": ("cohorts",),
    "model": ("training", "autoregressive", "trees", "vae", "rnn", "baselines", "gan", "choosing"),
    "metric": ("evaluation", "broken"),
    "attack": ("privacy",),
    "figure": ("evaluation", "clinical", "privacy", "comparison", "exposure", "report"),
}

__all__ = [
    "ATTACKS",
    "DATASETS",
    "FIGURES",
    "METRICS",
    "MODELS",
    "Column",
    "Dataset",
    "Schema",
    "Synthesizer",
    "SynthheartWarning",
    "__version__",
    "attack",
    "build_report",
    "compare",
    "evaluate",
    "find_relations",
    "giveaways",
    "infer_schema",
    "load_heart",
    "read_sample",
    "read_schema",
    "read_table",
    "survey",
    "train_holdout_split",
    "use_plugins",
    "verdict",
    "write_table",
]


def __getattr__(name: str) -> object:
    "Import the room of a public name at its first use (PEP 562)."
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    "The public names, also those that nobody has used yet."
    return sorted(__all__)
