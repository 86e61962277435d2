"""`make lowest`: the usual way through the library, with whatever versions are installed."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import synthheart as sh


def main() -> None:
    "Fit, sample, save, load, read, write, evaluate and attack; any error ends it."
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, pandas {pd.__version__}")
    train, holdout = sh.train_holdout_split(sh.load_heart(), seed=0)
    for name in ("copula", "trees", "gan"):
        model = sh.Synthesizer(name, epochs=20 if name == "gan" else None)
        fake = model.fit(train, progress=False).sample(300, seed=1)
        with TemporaryDirectory() as folder:
            again = sh.Synthesizer.load(model.save(Path(folder) / "m.synth")).sample(300, seed=1)
            path = sh.write_table(fake, Path(folder) / "f.csv")
            assert sh.read_table(path).shape == fake.shape
        pd.testing.assert_frame_equal(fake, again)
        print(f"{name}: {fake.shape[0]} rows")
    table = pd.concat([sh.evaluate(train, holdout, fake), sh.attack(train, holdout, fake)])
    print(sh.verdict(table))


if __name__ == "__main__":
    main()
