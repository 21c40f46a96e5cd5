"""Whether a change of packages can concern TensorFlow, from the names of files alone.

This is what every transaction of every environment pays for, so nothing is opened and no more than names is imported
until there is a TensorFlow, and a change that only its own requirements can tell about.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..names import normalise
from .stack import TENSORFLOW, are_required, is_member

# By which nearly every name is told apart before it is looked at.
_LETTERS = frozenset(letter for name in TENSORFLOW for letter in (name[0], name[0].upper()))


def _folders(prefix: str) -> Iterator[str]:
    """Yield every site-packages of a prefix: what pip installed for an earlier Python stays in the folder of that."""
    for lib in ("lib", "Lib"):
        path = os.path.join(prefix, lib)
        for name in os.listdir(path) if os.path.isdir(path) else ():
            folder = os.path.join(path, name, "" if name == "site-packages" else "site-packages")
            if name.startswith(("python", "site-packages")) and os.path.isdir(folder):
                yield folder


def _tensorflows(prefix: str) -> Iterator[str]:
    """Yield the paths of the records and dist-infos of every TensorFlow in a prefix."""
    meta = os.path.join(prefix, "conda-meta")
    for folder in (meta, *_folders(prefix)):
        for file in os.listdir(folder) if os.path.isdir(folder) else ():
            name = ""
            if file[:1] not in _LETTERS:
                continue
            if folder == meta and file.endswith(".json"):
                name = normalise(file.rsplit("-", 2)[0])
            elif file.endswith((".dist-info", ".egg-info")):
                name = normalise(file.partition("-")[0])
            if name in TENSORFLOW:
                yield os.path.join(folder, file)


def may_concern_tensorflow(prefix: str, changed: Iterable[str]) -> bool:
    """Tell whether a verdict may hang on a change.

    Args:
        prefix: The environment's folder; need not exist.
        changed: Names of the packages that change.

    Raises:
        OSError: A folder or a record cannot be read.
        ValueError: A record is none.
    """
    names = {normalise(name) for name in changed}
    there = list(_tensorflows(prefix))
    if not there:
        return not TENSORFLOW.isdisjoint(names)
    if any(map(is_member, names)):
        return True
    return any(are_required(names, _required(path)) for path in there)


def _required(path: str) -> Iterable[str]:
    """Return what a record or a dist-info declares to require; most environments have one kind of these alone."""
    if path.endswith(".json"):
        from .condameta import read_record as read
    else:
        from .requires import read_requirements as read
    required: Iterable[str] = read(path).get("depends") or ()
    return required
