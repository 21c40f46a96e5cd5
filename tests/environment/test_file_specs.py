"""MatchSpecs and requirements in every notation."""

from __future__ import annotations

import pytest

from conda_tf_doctor.environment.files.specs import conda_package, pinned

# MatchSpec, version, range, build, channel. With a build behind it, conda takes `=1.24` for exactly that.
MATCHSPECS = [
    ("numpy", "", "", "", ""),
    ("numpy *", "", "", "", ""),
    ("numpy=1.24", "1.24", "=1.24", "", ""),
    ("numpy=1.24.3", "1.24.3", "", "", ""),
    ("numpy==1.24.3", "1.24.3", "", "", ""),
    ("numpy 1.24.3", "1.24.3", "", "", ""),
    ("numpy==1.24", "1.24", "", "", ""),
    ("numpy=1", "", "=1", "", ""),
    ("numpy=1.24.*", "1.24", "=1.24.*", "", ""),
    ("numpy 1.24.*", "1.24", "1.24.*", "", ""),
    ("numpy>=1.20", "", ">=1.20", "", ""),
    ("numpy >=1.20,<2", "", ">=1.20,<2", "", ""),
    ("numpy >=1.20, <1.21", "1.20", ">=1.20,<1.21", "", ""),
    ("numpy>=1.24.2,<1.25.0a0", "1.24.2", ">=1.24.2,<1.25.0a0", "", ""),
    ("numpy<2", "", "<2", "", ""),
    ("numpy!=1.24.0", "", "!=1.24.0", "", ""),
    ("numpy~=1.24.1", "1.24.1", "~=1.24.1", "", ""),
    ("cudatoolkit 11.2|11.2.*", "11.2", "11.2|11.2.*", "", ""),
    ("cudatoolkit 10.1|11.2.*", "", "10.1|11.2.*", "", ""),
    ("numpy=1.24.3=py310hd5efca6_0", "1.24.3", "", "py310hd5efca6_0", ""),
    ("numpy 1.24.3 py310hd5efca6_0", "1.24.3", "", "py310hd5efca6_0", ""),
    ("tensorflow=2.15=*cuda120*", "2.15", "", "cuda120", ""),
    ("tensorflow>=2.17=cuda12*", "", ">=2.17", "cuda12", ""),
    ("tensorflow=*=gpu_*", "", "", "gpu_", ""),
    ("libabseil =20220623.0=cxx17*", "20220623.0", "", "cxx17", ""),
    ("conda-forge::numpy=1.24", "1.24", "=1.24", "", "conda-forge"),
    ("defaults::numpy", "", "", "", "defaults"),
    ("pkgs/main::numpy", "", "", "", "defaults"),
    ("conda-forge/linux-64::numpy==1.24.3", "1.24.3", "", "", "conda-forge"),
    ("https://conda.anaconda.org/conda-forge::numpy", "", "", "", "conda-forge"),
    ("numpy[version='>=1.20,<2',build=py310_0]", "", ">=1.20,<2", "py310_0", ""),
    ('numpy[version="1.24.*", channel=conda-forge]', "1.24", "1.24.*", "", "conda-forge"),
    ("numpy 2.0.0rc1", "2.0.0rc1", "", "", ""),
    ("https://conda.anaconda.org/conda-forge/linux-64/numpy-1.24.3-py_0.conda", "1.24.3", "", "py_0", "conda-forge"),
    ("https://repo.anaconda.com/pkgs/main/win-64/numpy-1.24.3-py_0.tar.bz2#012", "1.24.3", "", "py_0", "defaults"),
    ("https://conda.anaconda.org/t/tk-1-2/acme/linux-64/numpy-1.24.3-0.conda", "1.24.3", "", "0", "acme"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version", "spec", "build", "channel"), MATCHSPECS, ids=[row[0] for row in MATCHSPECS]
)
def test_matchspecs(text: str, version: str, spec: str, build: str, channel: str) -> None:
    package = conda_package(text, [], "f.yml", "item 1")
    assert package.name in text and package.name in ("numpy", "scipy", "cudatoolkit", "tensorflow", "libabseil")
    assert package.manager == "conda"
    assert (package.version, package.spec, package.build, package.channel) == (version, spec, build, channel)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("==2.10.0", ("2.10.0", "")),
        ("===2.10.0", ("2.10.0", "")),
        ("==2.10.*", ("2.10", "==2.10.*")),
        ("==2.*", ("", "==2.*")),
        ("~=2.10.0", ("2.10.0", "~=2.10.0")),
        ("~=2.10", ("", "~=2.10")),
        (">=2.10,<2.11", ("2.10", ">=2.10,<2.11")),
        ("<2.11,>=2.10.1", ("2.10.1", "<2.11,>=2.10.1")),
        (">=2.10,<2.12", ("", ">=2.10,<2.12")),
        (">=2.11", ("", ">=2.11")),
        ("", ("", "")),
    ],
)
def test_requirements_ranges(spec: str, expected: tuple[str, str]) -> None:
    assert pinned(spec, "pip") == expected
