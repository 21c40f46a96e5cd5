"""Python's own files of TensorFlow's stack, held to what their packages recorded, and which of them an import reads.

Only names and sizes are compared: TensorFlow's 3,000 modules take 20 ms that way. What an import reads is looked up in
the sources, and only where something is amiss.
"""

from __future__ import annotations

import os

from .. import reading
from .._light import re
from .._typing import TYPE_CHECKING, NamedTuple
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.stack import OWNERS, TENSORFLOW
from ..names import MEMBERS
from ..reading import RECORD, read_bytes
from ..versions import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..binaries.integrity import Damage
    from ..binaries.records import Recorded
    from ..binaries.remembered import Remembered

# What TensorFlow imports, and what that imports in its turn, by normalised name.
_STACK = frozenset(name for name, member in MEMBERS.items() if member.imported)
# One line of RECORD (PEP 376), and one entry of conda's paths_data as its writers lay it out.
# These patterns are compiled when they are used: most checks of a list of packages never use one.
_RECORD_LINE = r"(?P<path>[^,\r\n]+\.py),(?:[\w-]+=[\w-]+)?,(?P<size>\d{1,18})\r?\Z"
# What is of no platform says where it lies below a Python's folder.
_ENTRY = r'\{\s*"_path":\s*"(?P<path>(?:[^"\\]+/)?site-packages/[^"\\]+\.py)"(?P<rest>[^{}]*)\}'
_SIZE = r'"size_in_bytes":\s*(\d{1,18})'
# People take tests away to make images smaller.
_SPARE = r"(?:^|/)(?:tests?|testing|testdata|include)/|(?:_test|/conftest)\.py\Z"
# Statements at the margin run whenever the module is imported; those of a package's __init__ may stand in a branch.
_IMPORT = (
    r"(?:from[ \t]+(?P<base>\.*[\w.]*)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^\n]*)|import[ \t]+(?P<modules>[^\n]*))"
)
_AT_MARGIN, _ANYWHERE = "(?m)^" + _IMPORT, r"(?m)^[ \t]*" + _IMPORT


def damaged_sources(env: Environment, site_packages: str, kept: Remembered | None = None) -> list[Damage]:
    """Return the Python files of the stack that are missing, or of another size than was recorded.

    Args:
        env: A prefix on this disk.
        site_packages: Its site-packages folder.
        kept: What earlier runs read of the records, and remembers this one.
    """
    whole: set[str] = set()
    amiss: dict[str, Recorded] = {}
    for record in _records(env, site_packages):
        for path, size in _listed(record, site_packages, kept):
            if _size(path) == size:
                whole.add(path)
            else:
                amiss.setdefault(path, _entry(record, path, size))
    # Several may name one file (two distributions): it is as recorded where it is as any of them says.
    suspects = [entry for path, entry in amiss.items() if path not in whole]
    if not suspects:
        return []
    from ..binaries.integrity import compare

    damages = compare(suspects)
    return [] if _is_of_binaries_alone(env, site_packages, damages, whole) else damages


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: a zero byte in it
        return -1


def _is_of_binaries_alone(env: Environment, site_packages: str, damages: list[Damage], whole: set[str]) -> bool:
    """Tell whether TensorFlow was unpacked for its binaries: these are there, and next to none of its modules."""
    gone = [d.recorded for d in damages if d.kind == "gone" and d.recorded.owner in TENSORFLOW]
    folder = f"{_slashed(site_packages)}/tensorflow/"
    there = sum(path.startswith(folder) for path in whole)
    if not gone or there > 4 or os.path.isfile(os.path.join(folder, "__init__.py")):
        return False

    sources = {entry.source for entry in gone}
    from ..binaries.records import recorded_files

    entries = recorded_files(env.prefix, site_packages)
    return any(entry.source in sources and os.path.isfile(entry.path) for entry in entries)


def _slashed(folder: str) -> str:
    """Return a folder as records spell what lies in it: one spelling for each file, whoever lists it."""
    return folder.replace(os.sep, "/")


class _Record(NamedTuple):
    """A record that lists files: its path, and below which folder they lie; the package that it is of."""

    path: str
    source: str
    folder: str
    package: Package


def _records(env: Environment, site_packages: str) -> Iterator[_Record]:
    """Yield the records of the packages that are imported: pip's before conda's of the same name."""
    by_pip = {p.name for p in env.packages if p.manager == PIP}
    pips_tensorflow = any(name in by_pip for name in OWNERS)
    for package in env.packages:
        name = package.name
        if not package.source or not (name in _STACK or name in TENSORFLOW):
            continue
        if package.manager == PIP:
            # Of several folders of one name the newest counts; several owners of TensorFlow share theirs.
            if env.pip(name) is package:
                source = f"{package.source}/RECORD"
                yield _Record(f"{env.prefix}/{source}", source, site_packages, package)
            continue
        listed = package.source.endswith(".json") and name.removesuffix("-base") not in by_pip
        if listed and not (pips_tensorflow and name in TENSORFLOW):
            yield _Record(f"{env.prefix}/{package.source}", package.source, env.prefix, package)


def _entry(record: _Record, path: str, size: int) -> Recorded:
    from ..binaries.records import Recorded

    manager = PIP if record.package.manager == PIP else CONDA
    return Recorded(path, "", size, record.source, record.package.name, manager)


def _listed(record: _Record, site_packages: str, kept: Remembered | None) -> Iterator[tuple[str, int]]:
    """Yield the Python files that a record lists, with their sizes; a record that earlier runs read is not opened."""
    try:
        facts = os.stat(record.path)
        text = kept.of("sources", record.path, facts) if kept else None
        if not isinstance(text, str):
            data = read_bytes(record.path, RECORD)
            found = _of_pip(data) if record.package.manager == PIP else _of_conda(data)
            text = "\n".join(f"{size} {path}" for path, size in found if not re.search(_SPARE, path))
            if kept:
                kept.remember("sources", record.path, facts, text)
    except OSError:
        return
    if not text:
        return
    beside, inside = _slashed(os.path.dirname(site_packages)), _slashed(record.folder)
    for line in text.split("\n"):
        size, _, path = line.partition(" ")
        if size.isdigit():
            below = beside if path.startswith("site-packages/") else inside
            yield f"{below}/{path}", number(size)


def _text(data: bytes) -> str:
    # No path holds a zero byte, and the system takes none.
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def _of_pip(data: bytes) -> Iterator[tuple[str, str]]:
    for line in _text(data).split("\n"):
        match = re.match(_RECORD_LINE, line) if ".py," in line else None
        if match and not match["path"].startswith(("/", "..")) and ":" not in match["path"]:
            yield match["path"], match["size"]


def _of_conda(data: bytes) -> Iterator[tuple[str, str]]:
    # A record of megabytes is decoded only where it has something to say. Searching backwards is five times faster
    # here, for every entry ends with a quotation mark, and few have the letters before it.
    if data.rfind(b'.py"') < 0:
        return
    for match in re.finditer(_ENTRY, _text(data)):
        size = re.search(_SIZE, match["rest"])
        # What conda wrote the prefix into has another size than it had in the package.
        if size and "prefix_placeholder" not in match["rest"]:
            yield match["path"], size[1]


def is_whole(path: str) -> bool:
    """Tell whether a Python file can be compiled and does not end within a line."""
    try:
        with reading.open_regular(path) as stream:
            data = stream.read()
        compile(data, path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    return not data or data.endswith(b"\n")


def read_by(roots: Iterable[str], site_packages: str, among: Iterable[str]) -> set[str]:
    """Return which of some files an import of other modules reads, as far as statements at the margin tell.

    Args:
        roots: Names of modules (``tensorflow``).
        site_packages: Where they are.
        among: Paths of the files that are asked for, which need not exist.
    """
    from ..binaries.records import read_text

    wanted = {os.path.normcase(os.path.normpath(path)): path for path in among}
    found: set[str] = set()
    queue = [name.split(".") for name in roots]
    seen: set[str] = set()
    while queue and len(found) < len(wanted):
        parts = queue.pop()
        for length in range(1, len(parts) + 1):
            # A module imports the packages that it lies in.
            package = os.path.join(site_packages, *parts[:length])
            for path in (os.path.join(package, "__init__.py"), f"{package}.py"):
                if path in seen:
                    break
                if os.path.normcase(path) in wanted:
                    found.add(wanted[os.path.normcase(path)])
                elif not os.path.isfile(path):
                    continue
                seen.add(path)
                inside = parts[:length] if path.endswith("__init__.py") else parts[: length - 1]
                queue += _imported(read_text(path), inside, path.endswith("__init__.py"))
                break
    return found


def _imported(text: str, package: list[str], everywhere: bool) -> Iterator[list[str]]:
    for match in re.finditer(_ANYWHERE if everywhere else _AT_MARGIN, text):
        if match["modules"] is not None:
            for name in match["modules"].split("#")[0].split(","):
                yield name.split(" as ")[0].strip().split(".")
            continue
        dots = len(match["base"]) - len(match["base"].lstrip("."))
        base = [part for part in match["base"].split(".") if part]
        if dots:
            base = package[: len(package) - dots + 1] + base
        yield base
        for name in re.findall(r"[\w]+(?:[ \t]+as[ \t]+\w+)?", re.sub(r"#[^\n]*", "", match["names"])):
            yield [*base, name.split()[0]]
