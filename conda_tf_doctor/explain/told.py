"""What an error text tells of an environment beside its failure: whose Python's files it names, which TensorFlow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..environment.facts import Environment

# .../lib/python3.11/site-packages, C:\...\Python311\Lib\..., x.cpython-311-x86_64-linux-gnu.so,
# x.cp311-win_amd64.pyd. No wheel's name, which may be of another Python than the one that refuses it.
_PYTHON = re.compile(
    r"\blib[\\/]python(?P<dotted>3\.\d{1,2})[\\/]|[\\/]Python(?P<folder>3\d{1,2})[\\/]|\.c(?:p|python-)(?P<tag>3\d{1,2})[-.]",
    re.I,
)
# pip's "tensorflow 2.15.0 requires ...", a wheel's or sdist's file, a folder of metadata
_TENSORFLOW = re.compile(
    r"(?<![\w.-])tensorflow(?: (?P<needs>\d+\.\d+\.\d+\w*) requires |-(?P<file>\d+\.\d+\.\d+\w*)(?:-cp|\.dist-info))",
    re.I,
)


def _only(found: set[str]) -> str:
    return found.pop() if len(found) == 1 else ""


def _minor(digits: str) -> str:
    return digits if "." in digits else f"{digits[0]}.{digits[1:]}"


def python_of(text: str) -> str:
    """Return the minor version of the Python whose files a text names; empty where it names none, or several."""
    return _only({_minor(next(filter(None, m.groups()))) for m in _PYTHON.finditer(text)})


def take(env: Environment) -> None:
    """Add to the facts what nothing else tells, and the text does."""
    if not env.python.version and (python := python_of(env.error_text)):
        env.python = env.python._replace(version=python, source="error_text")
    package = env.package("tensorflow")
    if package is not None and not package.version and not package.spec:
        package.version = _only({next(filter(None, m.groups())) for m in _TENSORFLOW.finditer(env.error_text)})
