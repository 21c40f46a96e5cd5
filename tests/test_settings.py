"""Settings where no conda runs: from the files that conda itself would read, the one that wins there first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conda_tf_doctor.settings import without_conda


def test_a_condarc_of_the_installation_counts_and_the_users_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = tmp_path / "miniconda", tmp_path / "home"
    for folder in (root, home / ".conda", home / ".config" / "conda"):
        folder.mkdir(parents=True)
    for name in ("CONDARC", "CONDA_PREFIX", "CONDA_ROOT", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONDA_EXE", str(root / ("Scripts/conda.exe" if os.name == "nt" else "bin/conda")))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    places = [
        root / ".condarc",
        home / ".config" / "conda" / "condarc",
        home / ".conda" / ".condarc",
        home / ".condarc",
    ]
    for place, mode in zip(places, ("block", "repair", "disabled", "warn"), strict=True):
        place.write_text(f"plugins:\n  tf_doctor_mode: {mode}\n", encoding="utf-8")
        assert without_conda().mode == mode
