"""What was opened before a fork, a thread or a pickle answers as before: nothing of it is moved by another."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.prefix import read_prefix
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from tools.prefixes import add_dist, add_record, make_prefix

ROUNDS = 40
_opened: dict[str, Any] = {}


def answers(matrix: Matrix, prefix: str, number: int) -> list[Any]:
    """Look up what no process has looked up before, and check an environment."""
    versions = [f"2.{minor}.0" for minor in range(4, 20)]
    turned = versions[number % 16 :] + versions[: number % 16]
    found = {version: [build.id for build in matrix.builds("tensorflow", version)] for version in turned}
    return [sorted(found.items()), diagnose(read_prefix(prefix), matrix).to_json()]


def in_process(number: int) -> list[Any]:
    return answers(_opened["matrix"], _opened["prefix"], number)


def given(matrix: Matrix, prefix: str, number: int) -> list[Any]:
    return answers(matrix, prefix, number)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    made = make_prefix(tmp_path / "env", "linux-64")
    add_record(made, "linux-64", "tensorflow", "2.15.0", "cpu_py310h0_0", depends=["numpy <2"])
    add_dist(made, "numpy", "2.0.0")
    return str(made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_matrix_that_was_opened_before_a_fork(prefix: str) -> None:
    right = answers(load_matrix(), prefix, 0)
    _opened.update(matrix=load_matrix(), prefix=prefix)
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
        assert [*pool.map(in_process, range(ROUNDS))] == [right] * ROUNDS


def test_a_matrix_that_threads_share(prefix: str) -> None:
    right, matrix = answers(load_matrix(), prefix, 0), load_matrix()
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda number: answers(matrix, prefix, number), range(ROUNDS))] == [right] * ROUNDS


def test_a_matrix_and_what_was_found_are_sent_to_other_processes(prefix: str) -> None:
    matrix = load_matrix()
    right = answers(matrix, prefix, 0)
    assert answers(pickle.loads(pickle.dumps(load_matrix())), prefix, 3) == right
    diagnosis = diagnose(read_prefix(prefix), matrix)
    assert pickle.loads(pickle.dumps(diagnosis)).to_json() == diagnosis.to_json()
    assert pickle.loads(pickle.dumps(read_prefix(prefix))).package("numpy").version == "2.0.0"
