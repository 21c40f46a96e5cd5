"""Real broken environments, repaired by real conda and pip until ``check`` is content."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import MAIN_LIBRARY, SMALL, TENSORFLOW_OF, WINDOWS, Living, binaries_of, site_of

# What TensorFlow's wheel declares, as far as a missing one is an error; of the minor version that runs.
STACK = {
    "2.10.1": [
        "numpy==1.23.5", "protobuf==3.19.6", "keras==2.10.0", "tensorflow-estimator==2.10.0", "tensorboard==2.10.1",
    ],
    "2.15.0": [
        "numpy==1.26.4", "protobuf==4.25.8", "keras==2.15.0", "tensorflow-estimator==2.15.0", "tensorboard==2.15.2",
        "ml-dtypes==0.2.0",
    ],
    "2.19.0": ["numpy==1.26.4", "protobuf==5.28.3", "keras==3.5.0", "tensorboard==2.19.0", "ml-dtypes==0.5.3"],
    "2.20.0": [
        "numpy==2.1.3", "protobuf==5.28.3", "keras==3.10.0", "tensorboard==2.20.0", "ml-dtypes==0.5.3",
        "h5py==3.14.0", "flatbuffers==25.2.10",
    ],
}  # fmt: skip
OTHERS = [*(f"{name}=={version}" for name, version in SMALL.items()), "flatbuffers==23.5.26", "h5py==3.10.0"]


def beside(version: str) -> list[str]:
    """Return all that goes with TensorFlow of that version."""
    found = {text.split("==")[0]: text for text in (*OTHERS, *STACK[version])}
    holder = binaries_of(version)
    return [*found.values(), *([f"{holder}=={version}"] if holder != "tensorflow" else [])]


def _stack(version: str) -> list[str]:
    return [f"tensorflow=={version}", *beside(version)]


def _of(cases: dict[str, str], living: Living) -> str:
    """Return what a case is made of with the Python that runs."""
    if living.minor not in cases:
        pytest.skip(f"there is no such environment with Python {living.minor}")
    return cases[living.minor]


def _with_tensorflow(living: Living, *instead: str, name: str = "tf", version: str = "") -> Path:
    """Make an environment with pip's TensorFlow, whole but for what the case puts in its place."""
    version = version or TENSORFLOW_OF[living.minor]
    prefix = living.env(name)
    replaced = {text.split("==")[0] for text in instead}
    stack = [text for text in _stack(version) if text.split("==")[0] not in replaced]
    living.pip(prefix, *stack)
    if instead:
        living.pip(prefix, *instead)
    return prefix


def _codes(living: Living, prefix: Path, *severities: str) -> set[str]:
    document = living.doctor("check", "-p", prefix, "--json").json()
    return {finding["code"] for finding in document["findings"] if finding["severity"] in (severities or ("error",))}


def _repaired(living: Living, prefix: Path, *args: str) -> dict[str, object]:
    before = {path.name for path in (prefix / "conda-meta").iterdir()}
    result = living.doctor("fix", "-p", prefix, "--apply", "--yes", "--json", *args)
    document: dict[str, object] = result.json()
    assert result.rc == 0, document["message"] or result.err
    assert document["applied"] is True
    assert living.doctor("check", "-p", prefix).rc == 0
    again = living.doctor("fix", "-p", prefix, "--apply", "--yes", "--json").json()
    assert again["changes"] == []
    assert not [name for name in {p.name for p in (prefix / "conda-meta").iterdir()} - before if "journal" in name]
    return document


def test_numpy_2(living: Living) -> None:
    expected = _of({"3.10": "TFD603", "3.11": "TFD603"}, living)
    prefix = _with_tensorflow(living, "numpy==2.1.3")
    assert expected in _codes(living, prefix)
    document = _repaired(living, prefix)
    assert [(c["package"], c["from"], c["where"]) for c in document["changes"]] == [("numpy", "2.1.3", "pip")]  # type: ignore[attr-defined]


def test_python_too_new_for_pips_tensorflow(living: Living, fake_pip_install) -> None:
    version = TENSORFLOW_OF[living.minor]
    newer = _of({"3.10": "3.11", "3.11": "3.12", "3.12": "3.13"}, living)
    prefix = living.env("tf", python=newer)
    stack = _stack(version)
    if WINDOWS and living.minor == "3.12":
        # No release of it has a wheel for this Python there, nor is one asked for: it would hold back the Python.
        stack = [text for text in stack if not text.startswith("tensorflow-io-gcs-filesystem")]
    for text in stack:
        name, _, number = text.partition("==")
        fake_pip_install(prefix, name, number)
    assert "TFD201" in _codes(living, prefix)
    document = _repaired(living, prefix)
    assert {change["package"] for change in document["changes"]} >= {"python"}  # type: ignore[attr-defined]
    assert living.conda.records(prefix)["python"].startswith(living.minor)
    assert (site_of(prefix, living.minor) / "tensorflow" / "__init__.py").is_file()
    assert "python >=" in (prefix / "conda-meta" / "pinned").read_text(encoding="utf-8")


def test_two_distributions_of_tensorflow(living: Living) -> None:
    version = TENSORFLOW_OF[living.minor]
    other = _of({"3.10": "2.15.0", "3.11": "2.14.0", "3.12": "2.15.0", "3.13": "2.19.0"}, living)
    if binaries_of(other) != "tensorflow":  # a name alone, whose files are those of the one that both ask for
        version, other = "2.19.0", "2.20.0"
    prefix = _with_tensorflow(living, version=version)
    living.pip(prefix, f"tensorflow-cpu=={other}")
    assert "TFD602" in _codes(living, prefix, "warning")
    _repaired(living, prefix)
    assert "TFD602" not in _codes(living, prefix, "warning", "error")
    site = site_of(prefix)
    # What they share was put back after one of them took it along.
    assert version in (site / "tensorflow" / "__init__.py").read_text(encoding="utf-8")
    assert not list(site.glob("tensorflow_cpu-*.dist-info"))


@pytest.mark.skipif(WINDOWS, reason="conda-forge has no TensorFlow 2 for Windows")
def test_pips_tensorflow_over_condas(living: Living) -> None:
    in_conda = _of({"3.10": "2.10.0", "3.11": "2.15.0", "3.12": "2.18.0"}, living)
    prefix = living.env("tf", f"tensorflow={in_conda}=cpu*")
    by_pip = _of({"3.10": "2.10.1", "3.11": "2.15.1", "3.12": "2.19.0"}, living)
    living.pip(prefix, f"tensorflow=={by_pip}", *_stack(TENSORFLOW_OF[living.minor])[1:])
    assert "TFD601" in _codes(living, prefix, "warning")
    _repaired(living, prefix)
    assert "TFD601" not in _codes(living, prefix, "warning", "error")
    document = living.doctor("check", "-p", prefix, "--json").json()
    assert document["tensorflow"]["version"]


def test_what_pips_index_lacks_is_not_planned(living: Living, wheelhouse: Path) -> None:
    prefix = _with_tensorflow(living)
    older = _of({"3.10": ">2.10.1,<2.15", "3.11": "<2.15", "3.12": "<2.19"}, living)
    document = living.doctor("fix", "-p", prefix, "--dry-run", "--json", "--to", f"tensorflow{older}").json()
    planned = next(c["to"] for c in document["changes"] if c["package"] == "tensorflow")
    # Not the newest of the matrix, but the newest that pip's index has.
    assert list(wheelhouse.glob(f"tensorflow-{planned}-*.whl")), document["unverified"]


def test_a_plan_that_pip_refuses_is_none(living: Living) -> None:
    prefix = _with_tensorflow(living)
    absent = _of({"3.10": "2.13", "3.11": "2.13", "3.12": "2.17", "3.13": "2.21"}, living)
    result = living.doctor("fix", "-p", prefix, "--dry-run", "--json", "--to", f"tensorflow={absent}")
    document = result.json()
    assert (result.rc, document["changes"]) == (1, [])
    assert "pip says" in document["conflict"]["why"].lower() and "from versions" in document["conflict"]["why"]


def test_damaged_library_is_put_back(living: Living) -> None:
    prefix = _with_tensorflow(living)
    library = site_of(prefix) / "tensorflow" / "python" / MAIN_LIBRARY
    whole = library.read_bytes()
    assert living.doctor("check", "-p", prefix).rc == 0
    library.write_bytes(whole[:40])
    assert "TFD502" in _codes(living, prefix)
    document = living.doctor("fix", "-p", prefix, "--apply", "--yes", "--json").json()
    assert [(c["package"], c["reinstall"]) for c in document["changes"]] == [
        (binaries_of(TENSORFLOW_OF[living.minor]), True)
    ]
    assert library.read_bytes() == whole
    assert living.doctor("check", "-p", prefix).rc == 0
