"""Runs go where the caller's joblib backend says, and the numbers are the same, bit for bit."""

import os

import numpy as np
import pandas as pd
import pytest
from joblib import delayed, parallel_config
from pandas.testing import assert_frame_equal

from synthheart import hundred_splits
from synthheart.cohorts import load_heart
from synthheart.comparison import compare
from synthheart.exposure import outlier_attack, refit_distances
from synthheart.parallel import chosen_jobs, run_tasks
from synthheart.synthesizer import Synthesizer

SETTINGS = {"splits": 1, "rows": 100, "draws": 1, "progress": False}


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    "Two processes of Dask, as a cluster's would be."
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(folder)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def by_copula(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return Synthesizer("copula", seed=seed).fit(rows, progress=False).sample(200, seed=seed)


def process(_: int) -> int:
    return os.getpid()


def runs_of(**words) -> pd.DataFrame:
    found = compare(["copula"], load_heart().iloc[:150], **SETTINGS, **words).runs
    return found.drop(columns="seconds")


def test_compare_runs_on_dask_with_the_same_numbers(workers):
    with parallel_config("dask"):
        there = runs_of()
    assert_frame_equal(runs_of(n_jobs=1), there, check_exact=True)
    done = workers.run(lambda: "synthheart.comparison" in __import__("sys").modules)
    assert any(done.values())  # it was the workers who did it


def test_refits_run_on_dask_with_the_same_numbers(workers):
    real = load_heart()
    here = refit_distances(real, by_copula, 3)
    largest = outlier_attack(real, "chol", by_copula, 3)
    with parallel_config("dask"):
        there = refit_distances(real, by_copula, 3)
        again = outlier_attack(real, "chol", by_copula, 3)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
    assert_frame_equal(largest, again, check_exact=True)


def test_the_hundred_splits_run_where_compare_does(monkeypatch):
    asked = []

    def stand_in(models, **words):
        asked.append(words["n_jobs"])
        raise StopIteration

    monkeypatch.setattr(hundred_splits, "compare", stand_in)
    with pytest.raises(StopIteration):
        hundred_splits.measure_splits({"copula": "copula"}, 7, 1)
    assert asked == [None]  # the caller's backend, if there is one


def test_tasks_go_to_the_backend_and_come_back_in_order(workers):
    tasks = [delayed(pow)(k, 2) for k in range(20)]
    with parallel_config("dask"):
        assert run_tasks(tasks, -1, progress=False) == [k**2 for k in range(20)]
        pids = set(run_tasks([delayed(process)(k) for k in range(8)], -1, progress=False))
    assert pids <= set(workers.run(os.getpid).values())


def test_without_a_backend_refits_stay_here():
    assert chosen_jobs(None, alone=1) == 1
    assert chosen_jobs(None) == -1
    with parallel_config(n_jobs=2):
        assert chosen_jobs(None, alone=1) == 2


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_other_backends_do_too(backend):
    jobs = 1 if backend == "sequential" else 2
    with parallel_config(backend=backend, n_jobs=jobs):
        assert run_tasks([delayed(pow)(k, 2) for k in range(5)], jobs, progress=False) == [
            0,
            1,
            4,
            9,
            16,
        ]
