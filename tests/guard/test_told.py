"""What is said of odd transactions is true: who stands in the way, what is lost, what has happened already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guard.worlds import build
from tools.condas import Conda, Result

DRY = ("--dry-run", "--yes", "--json")


def test_what_the_solver_adds_is_no_request(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """With `--only-deps` the classic solver puts dependencies into its request while it solves."""
    build("pip 2.10 with CUDA", make_env)
    refused = run("install", "-n", "env", "--only-deps", "tensorflow=2.15", *DRY, mode="block").json()
    assert refused["conflicts"] == ["tensorflow=2.15"], refused
    assert not [part for part in refused["command"] if "estimator" in part or "base" in part], refused
    if refused["command"]:
        done = run(*refused["command"][1:], *DRY, mode="block")
        assert done.rc == 0, done


def test_only_what_has_no_solution_stands_in_the_way(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """Anaconda's channel has no CUDA 11.2 for Windows; that is no fault of numpy's."""
    build("win pip 2.10, defaults", make_env)
    command = ("install", "-n", "env", "-c", "defaults", "--override-channels", "cudatoolkit", "numpy")
    refused = run(*command, *DRY, mode="block", subdir="win-64").json()
    assert refused["conflicts"] == ["cudatoolkit"], refused
    assert "honours the request cudatoolkit: tensorflow 2.10.0 needs cudatoolkit 11.2.*." in refused["message"]
    # What cures the last of three findings is no way out.
    assert "NVIDIA" not in refused["message"], refused


def test_what_goes_with_the_rules_is_not_in_the_way(run: Callable[..., Result], make_env: Callable[..., Path]) -> None:
    """numpy 1.26 is what was asked for, too."""
    build("pip 2.10 with CUDA", make_env)
    command = ("install", "-n", "env", "cudatoolkit=11.8", "numpy[version='>=1.24|2.*']")
    refused = run(*command, *DRY, mode="block").json()
    assert refused["conflicts"] == ["cudatoolkit=11.8"], refused
    (numpy,) = [part for part in refused["command"] if part.startswith("numpy")]
    assert "1.24" in numpy, refused
    done = run(*refused["command"][1:], *DRY, mode="block")
    assert done.rc == 0, done


def test_a_channel_that_was_named_stays(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    if conda.solver == "rattler":
        pytest.skip("it knows no channel that is a folder by its name")
    if conda.solver == "libmamba" and "%" in conda.channels.as_uri():
        pytest.skip("it finds nothing of a channel that is named, in a folder with a blank")
    build("pip 2.10 alone", make_env)
    refused = run("install", "-n", "env", "conda-forge::numpy>=2", "conda-forge::attrs", *DRY, mode="block").json()
    assert refused["conflicts"] == ["conda-forge::numpy>=2"], refused
    assert refused["command"][4:] == ["conda-forge::attrs", "conda-forge::numpy>=1.20,<2"], refused
    done = run(*refused["command"][1:], *DRY, mode="block")
    assert done.rc == 0, done


def test_lost_cuda_is_said_beside_other_findings(
    run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    build("pip 2.10 with CUDA", make_env)
    file = tmp_path / "environment.yml"
    file.write_text("name: env\ndependencies: [python=3.10, numpy]\n", encoding="utf-8")
    result = run("env", "update", "--prune", "-f", file)
    assert "error: TFD603 " in result.err, result
    lost = "cudatoolkit 11.2.2 and cudnn 8.1.0.77, with which tensorflow 2.10.0 could use a GPU, are removed"
    assert lost in result.err, result.err


def test_a_file_that_is_not_there_is_no_failure_of_the_search(
    run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    build("pip 2.10 with CUDA", make_env)
    file = tmp_path / "environment.yml"
    text = "name: env\ndependencies:\n- numpy>=2\n- pip:\n  - -r missing.txt\n"
    file.write_text(text, encoding="utf-8")
    result = run("env", "update", "-f", file, mode="block")
    assert result.rc == 1, result
    assert "The search" not in result.err, result.err
    assert f"The file {file} would work with: numpy>=1.20,<2, pip." in result.err, result.err


def test_no_half_of_a_remedy_is_told(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path], tmp_path: Path
) -> None:
    """What a rule says of its own commands ("Then …", "Or …") is nothing without them."""
    build("pip 2.10 with CUDA", make_env)
    folder = conda.channels / "conda-forge" / "linux-64"
    (name,) = [
        name
        for packages in ("packages", "packages.conda")
        for name, record in json.loads((folder / "repodata.json").read_text(encoding="utf-8"))[packages].items()
        if record["name"] == "cudatoolkit" and record["version"] == "11.8.0"
    ]
    file = tmp_path / "explicit.txt"
    file.write_text(f"@EXPLICIT\n{folder.as_uri()}/{name}\n", encoding="utf-8")
    result = run("install", "-n", "env", "--yes", "--file", file, mode="block")
    assert result.rc == int(conda.has_transaction_hooks), result
    assert "\nThen " not in result.err
    assert ("\nInstall CUDA 11.2 with cuDNN 8.1 from NVIDIA" in result.err) == conda.has_transaction_hooks, result.err


def test_what_conda_removed_first_is_not_said_to_be_there(
    conda: Conda, run: Callable[..., Result], make_env: Callable[..., Path]
) -> None:
    """`create` removes the environment that is there, before it asks its solver."""
    prefix = build("pip 2.10 with CUDA", make_env)
    made = ("create", "-n", "env", "-c", "inhouse", "tensorflow=2.15", "python=3.11", "numpy>=2", "--yes")
    result = run(*made, mode="block")
    assert result.rc == 1, result
    assert not prefix.exists()
    assert f"in {prefix}; nothing was installed." in result.err, result.err
