"""Versions: the fast path answers as packaging does, conda's order as conda's documentation gives it."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from conda_tf_doctor.specifiers import conda_all_of
from conda_tf_doctor.versions import conda_compare, conda_contains, contains, key, minor, parse_matchspec

numbers = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
SUFFIXES = "a1 rc0 rc2 .post1 .post1 a1.post1 .dev3 b2.dev1 .post1.dev2 dev .dev .dev0 a .b1 rc"
suffixes = st.sampled_from(["", "", "", *SUFFIXES.split()])
versions = st.builds(lambda number, suffix: number + suffix, numbers, suffixes)
operators = st.sampled_from([">=", "<=", ">", "<", "==", "!="])
terms = st.builds(lambda operator, version: operator + version, operators, versions)
compatible = st.lists(st.integers(0, 9), min_size=2, max_size=4).map(lambda parts: "~=" + ".".join(map(str, parts)))
wildcards = st.builds(
    lambda operator, number: f"{operator}{number}.*", st.sampled_from(["==", "!="]), st.sampled_from(["1", "2.0", "0"])
)
specs = st.lists(st.one_of(terms, compatible, wildcards), min_size=1, max_size=3).map(",".join)


@given(versions, versions)
def test_the_order_is_that_of_packaging(left: str, right: str) -> None:
    assert (key(left) < key(right)) == (Version(left) < Version(right))
    assert (key(left) == key(right)) == (Version(left) == Version(right))


@example("<0.post1", "0a1")
@example("<0.post2", "0.post1.dev0")
@example("<0.post1", "0.post1.dev0")
@example(">0a1", "0.post1")
@example(">0a1.dev1", "0a1.post1")
@given(specs, versions)
def test_a_range_admits_what_packaging_admits(spec: str, version: str) -> None:
    assert contains(spec, version) == SpecifierSet(spec, prereleases=True).contains(version)


@pytest.mark.parametrize(
    ("spec", "version", "inside"),
    [
        ("", "1.0", True),
        (">=1.19,<2", "2.0.0rc1", False),
        (">=1,<2 || >=3", "3.1", True),
        (">=1,<2 || >=3", "2.1", False),
        ("==2.10.*", "2.10.1+cu117", True),
        ("<2", "not a version", True),
    ],
)
def test_ranges_by_hand(spec: str, version: str, inside: bool) -> None:
    assert contains(spec, version) is inside


@pytest.mark.parametrize(("version", "expected"), [("2.10.1", "2.10"), ("2", "2.0"), ("", ""), ("2.0.0-alpha0", "2.0")])
def test_minor(version: str, expected: str) -> None:
    assert minor(version) == expected


def test_conda_order_follows_its_documentation() -> None:
    ordered = [
        "0.4", "0.4.1.rc", "0.4.1", "0.5a1", "0.5b3", "0.5c1", "0.5", "0.9.6", "0.960923", "1.0",
        "1.1dev1", "1.1a1", "1.1.0dev1", "1.1.a1", "1.1.0rc1", "1.1.0", "1.1.0post1", "1996.07.12", "1!0.4.1",
    ]  # fmt: skip
    for left, right in pairwise(ordered):
        assert conda_compare(left, right) <= 0, (left, right)
    assert conda_compare("0.4", "0.4.0") == 0
    assert conda_compare("12.0a0", "12.0") < 0


@pytest.mark.parametrize(
    ("spec", "version", "inside"),
    [
        (">=11.2,<12.0a0", "11.8.0", True),
        (">=11.2,<12.0a0", "12.0.0", False),
        ("11.2|11.2.*", "11.2.2", True),
        ("11.2|11.2.*", "11.3.1", False),
        ("8.*", "8.4.1.50", True),
        ("8.*", "80.1", False),
        ("=11.2", "11.2.2", True),
        ("11.2*", "11.2.72", True),
        ("==0.4.0", "0.4", True),
        ("!=4.21.0", "4.21.0", False),
        (">=1.1.1q,<1.1.2a", "1.1.1s", True),
        (">=2.17,<3.0.a0", "2.31", True),
        ("*", "1", True),
    ],
)
def test_conda_ranges(spec: str, version: str, inside: bool) -> None:
    assert conda_contains(spec, version) is inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cudatoolkit 11.2|11.2.*", ("cudatoolkit", "11.2|11.2.*", "")),
        ("libabseil =20220623.0=cxx17*", ("libabseil", "20220623.0", "cxx17*")),
        ("libabseil =*=cxx17*", ("libabseil", "", "cxx17*")),
        ("vs2015_runtime 14.36.32532.* *_17", ("vs2015_runtime", "14.36.32532.*", "*_17")),
        ("__glibc >=2.17,<3.0.a0", ("__glibc", ">=2.17,<3.0.a0", "")),
        ("python_abi 3.7.* *_cp37m", ("python_abi", "3.7.*", "*_cp37m")),
        ("gast ==0.4.0", ("gast", "==0.4.0", "")),
        ("conda-forge::numpy>=1.20,<2", ("numpy", ">=1.20,<2", "")),
        ("tensorflow=2.10", ("tensorflow", "=2.10", "")),
        ("tensorflow=2.10=mkl*", ("tensorflow", "2.10", "mkl*")),
        ("tensorflow>=2.17.0=cuda12*", ("tensorflow", ">=2.17.0", "cuda12*")),
        ("tensorflow==2.4.1=gpu_py39h8236f22_0", ("tensorflow", "==2.4.1", "gpu_py39h8236f22_0")),
        ("tensorflow>=2,<2.11=*gpu*", ("tensorflow", ">=2,<2.11", "*gpu*")),
        ("numpy~=1.24.1", ("numpy", "~=1.24.1", "")),
        ("numpy[version='>=1.20,<2',build=py39*]", ("numpy", ">=1.20,<2", "py39*")),
        ("python >= 3.7, < 3.11", ("python", ">=3.7,<3.11", "")),
        ("numpy", ("numpy", "", "")),
    ],
)
def test_matchspecs(text: str, expected: tuple[str, str, str]) -> None:
    assert parse_matchspec(text) == expected


BOUNDS = ("", ">=1.1", ">1.2", "<1.4", "<=1.3", "!=1.2.1", "1.2.*", "1.3.*", "=1.4", "1.2.1", "1.3")
ALTERNATIVES = st.lists(st.sampled_from([*BOUNDS[1:], ">=1.1,<1.3", ">=1.3,<1.5"]), min_size=1, max_size=3)
VERSIONS = [f"1.{minor}{patch}" for minor, patch in product(range(6), ("", ".1", ".2"))]


def _to_libmamba(spec: str, version: str) -> bool:
    """Read a version spec as libmamba does: ``|`` binds before ``,``."""
    return all(any(conda_contains(term, version) for term in part.split("|")) for part in spec.split(","))


@given(st.lists(st.builds("|".join, ALTERNATIVES), min_size=1, max_size=2))
@example([">=1.1", "1.3.*|1.2.*"])
@example([">=1.3,<1.5|>=1.1,<1.3", "<1.4"])
@example(["1.2.1|1.3.*", "!=1.2.1"])
def test_alternatives_are_the_same_to_conda_and_to_libmamba(specs: list[str]) -> None:
    """What all of them admit, whichever of the two binds first."""
    found = conda_all_of(specs)
    admitted = [version for version in VERSIONS if all(conda_contains(spec, version) for spec in specs)]
    assert [version for version in VERSIONS if conda_contains(found, version)] == admitted, found
    if admitted:
        assert [version for version in VERSIONS if _to_libmamba(found, version)] == admitted, found
