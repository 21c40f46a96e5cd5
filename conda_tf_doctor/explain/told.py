"""What an error text tells of an environment beside its failure: whose Python's files it names, which versions ran.

The text was there when it failed. What it says of a package is a fact like any other; where a record says something
else, the record is not of what failed, and that is a finding of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import versions
from ..environment.facts import PIP, Package
from ..environment.tensorflow import find_tensorflow
from ..names import normalise
from .shown import normalise as as_shown

if TYPE_CHECKING:
    from ..environment.facts import Environment

# .../lib/python3.11/site-packages, C:\...\Python311\Lib\..., x.cpython-311-x86_64-linux-gnu.so,
# x.cp311-win_amd64.pyd. No wheel's name, which may be of another Python than the one that refuses it.
_PYTHON = re.compile(
    r"\blib[\\/]python(?P<dotted>3\.\d{1,2})[\\/]|[\\/]Python(?P<folder>3\d{1,2})(?:-32)?[\\/]|\.c(?:p|python-)(?P<tag>3\d{1,2})[-.]",
    re.I,
)
# What people say of their own Python, or an interpreter, a template or a table says of it: the more sure form first.
_NO_RANGE = r"(?![\w.]*\d|[ \t]*(?:[-\u2013+]|to |or |and (?:above|later|newer|below)))"
_RUNS = rf"(3\.\d{{1,2}})(?:\.\d+)?(?:rc\d+|[ab]\d+)?{_NO_RANGE}"
_MINE = r"\b(?:I(?:'m|'ve)?|am|my|using|running|installed|with|on|have)\b[^\n.]{0,30}?"
_PYTHON_TOLD = tuple(
    re.compile(pattern, re.I | re.M)
    for pattern in (
        rf"^Python {_RUNS}(?: [(|][^\n]*)?$",
        rf"\bpython version\W{{1,6}}(?:python )?v?{_RUNS}",
        rf"{_MINE}\bpython(?: version)?[ :=]{{0,3}}v?{_RUNS}",
        rf"\bpython(?: version)?[ :=]{{1,3}}v?{_RUNS}",
    )
)
# pip's "tensorflow 2.15.0 requires ...", a wheel's or sdist's file, a folder of metadata
_TENSORFLOW = re.compile(
    r"(?<![\w.-])tensorflow(?: (?P<needs>\d+\.\d+\.\d+\w*) requires |-(?P<file>\d+\.\d+\.\d+\w*)(?:-cp|\.dist-info))",
    re.I,
)

# TensorFlow calls its own pre-releases 2.0.0-beta1 and 2.3.0-dev20200603.
_VERSION = r"(?P<version>\d+(?:\.\d+)+(?:-?(?:dev|alpha|beta|a|b|rc)\d+)?\w*)"
# Where a message says which version of a package it met; `name` where it is in the message too.
_MET = tuple(
    (name, re.compile(pattern, re.I))
    for name, pattern in (
        ("tensorflow", rf"Detected an installation of version {_VERSION}"),
        ("tensorflow", rf"You have tensorflow {_VERSION} and"),
        ("numpy", rf"cannot be run in\s+NumPy {_VERSION} as it may crash"),
        ("protobuf", rf"gencode [\d.]+\s+runtime {_VERSION}"),
        ("", rf"requires [\w.-]+[^\s;]*,? but you have (?P<name>[\w.-]+) {_VERSION},? which is incompatible"),
    )
)


def _only(found: set[str]) -> str:
    return found.pop() if len(found) == 1 else ""


def _minor(digits: str) -> str:
    return digits if "." in digits else f"{digits[0]}.{digits[1:]}"


# Folders and words of a 32-bit Python for Windows: python.org's installer, and what the interpreter says of itself.
_OF_32_BITS = re.compile(r"[\\/]Python3\d{1,2}-32[\\/]|\[MSC v\.\d+ 32 bit \(Intel\)\]", re.I)


def python_of(text: str) -> str:
    """Return the minor version of the Python whose files a text names; empty where it names none, or several."""
    return _only({_minor(next(filter(None, m.groups()))) for m in _PYTHON.finditer(text)})


# What uv says of the Python that it looked for wheels for.
_PYTHON_OF_UV = re.compile(r"You require CPython 3\.\d+ \(`cp(3\d+)`\)|matching Python \w+ tag \(e\.g\., `cp(3\d+)`\)")


def python_told(text: str) -> str:
    """Return the minor version of the Python that a text says was run; empty where it tells none, or several."""
    if tags := {_minor(one or other) for one, other in _PYTHON_OF_UV.findall(text)}:
        return _only(tags)
    for pattern in _PYTHON_TOLD:
        if found := set(pattern.findall(text)):
            return _only(found)
    return ""


def met(text: str) -> dict[str, str]:
    """Return the versions of packages that a text says it met, by normalised name; none of which it names two."""
    found: dict[str, set[str]] = {}
    for name, pattern in _MET:
        for match in pattern.finditer(text):
            found.setdefault(name or normalise(match["name"]), set()).add(match["version"])
    return {name: version for name, several in found.items() if (version := _only(several))}


def _agrees(one: str, other: str) -> bool:
    """Tell whether two versions may be the same, of which one may be told in part (``2.16``), or spelled otherwise."""
    if versions.key(one) == versions.key(other):
        return True
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def take(env: Environment) -> None:
    """Add to the facts what the text tells, and note where it tells another version than a record."""
    env.error_text = as_shown(env.error_text)
    if not env.python.version and (python := python_of(env.error_text) or python_told(env.error_text)):
        env.python = env.python._replace(version=python, source="error_text")
    if not env.python.bits and _OF_32_BITS.search(env.error_text):
        env.python = env.python._replace(bits=32, source=env.python.source or "error_text")
    package = env.package("tensorflow")
    if package is not None and not package.version and not package.spec:
        package.version = _only({next(filter(None, m.groups())) for m in _TENSORFLOW.finditer(env.error_text)})
    for name, version in met(env.error_text).items():
        tensorflow = find_tensorflow(env)
        known = tensorflow.package if tensorflow and name == "tensorflow" else env.package(name)
        if known is None:
            manager = tensorflow.manager if tensorflow else PIP
            env.add([Package(name, version, manager, source="error_text")])
            continue
        if known.version and not known.spec and not _agrees(version, known.version) and known not in env.requested:
            env.contradicted[name] = (known.version, version)
        if not known.version or name in env.contradicted:
            known.version = version
