"""Mutated input for every reader: an answer or one sentence, soon; `dev.py fuzz` runs as many as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.matrix.load import load_matrix
from tools import fuzz

EACH = 40


def test_mutated_input_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    load_matrix()
    count = EACH * len(fuzz.kinds(tmp_path / "listed"))
    told = list(fuzz.run(tmp_path / "work", count, 20_261_129))
    assert [(kind, outcome, data) for kind, outcome, data in told if outcome not in ("answer", "sentence")] == []
    # What is never refused, or never understood, tests nothing.
    assert {kind for kind, outcome, _ in told if outcome == "answer"} == {kind for kind, _, _ in told}
