"""Versions and their ranges: PEP 440 for wheels, conda's own order for records.

``packaging`` knows PEP 440 better than anyone, but importing its specifiers takes three times as long as starting
Python. Plain numbers (``2.10.0``: nearly every version there is) are therefore compared here, and everything else
(pre-releases, epochs, odd spellings) is parsed by ``packaging``; a property test holds both to the same answers.
"""

from __future__ import annotations

from itertools import groupby, zip_longest

from ._light import lru_cache, re
from ._typing import NamedTuple

# Patterns are compiled where they are first used (re keeps them): compiling all costs a tenth of a check.
_LEADING = r"\s*v?(\d+(?:\.\d+)*)"
_FINAL = (3, 0)
_NOTHING = -1
_LAST = 1 << 60

# epoch, release without trailing zeros, pre-release, post-release, dev-release
Key = tuple[int, tuple[int, ...], tuple[int, int], int, int]


# Python converts no more than 4,300 digits; no version, size or number of anything has a fraction of that.
_MOST_DIGITS = 300


def number(digits: str) -> int:
    """Return the number that decimal digits write; one that is longer than any there is counts as the largest."""
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _stripped(release: tuple[int, ...]) -> tuple[int, ...]:
    end = len(release)
    while end > 1 and release[end - 1] == 0:
        end -= 1
    return release[:end]


@lru_cache(maxsize=4096)
def key(version: str) -> Key:
    """Return a key by which versions sort as PEP 440 has it.

    Args:
        version: A version; a local part (``+cu117``) does not count. What is no version at all sorts by its leading
            number, or lowest where it has none.
    """
    written = version.split(".")
    if version.isascii() and all(map(str.isdigit, written)):
        numbers = map(int if len(version) <= _MOST_DIGITS else number, written)
        return (0, _stripped(tuple(numbers)), _FINAL, _NOTHING, _LAST)
    for place, letters in enumerate(("a", "b", "rc", "dev")):
        head, there, count = version.partition(letters)
        parts = head.removesuffix(".").split(".")
        # Without a number it is the first one: TensorFlow asks for protobuf<6.0.0dev.
        if there and version.isascii() and f"0{count}".isdigit() and all(part.isdigit() for part in parts):
            counted, released = number(count or "0"), _stripped(tuple(map(number, parts)))
            pre, dev = ((_NOTHING, 0), counted) if letters == "dev" else ((place, counted), _LAST)
            return (0, released, pre, _NOTHING, dev)
    from packaging.version import Version

    try:
        parsed = Version(version)
    except ValueError:  # no version, or of thousands of digits
        lead = re.match(_LEADING, version)
        return key(lead.group(1)) if lead else (0, (_NOTHING,), _FINAL, _NOTHING, _LAST)
    if parsed.pre is not None:
        pre = ({"a": 0, "b": 1, "rc": 2}[parsed.pre[0]], parsed.pre[1])
    elif parsed.post is None and parsed.dev is not None:
        pre = (_NOTHING, 0)
    else:
        pre = _FINAL
    post = _NOTHING if parsed.post is None else parsed.post
    dev = _LAST if parsed.dev is None else parsed.dev
    return (parsed.epoch, _stripped(tuple(parsed.release)), pre, post, dev)


def release(version: str) -> tuple[int, ...]:
    """Return the release numbers (``(2, 10)`` of ``2.10.0rc1``), without trailing zeros."""
    return key(version)[1]


def minor(version: str) -> str:
    """Return ``2.10`` of ``2.10.0``; a version of one number gains ``.0``, an empty one stays empty."""
    numbers = release(version) if version else ()
    if not numbers or numbers[0] < 0:
        return ""
    return f"{numbers[0]}.{numbers[1] if len(numbers) > 1 else 0}"


def is_prerelease(version: str) -> bool:
    """Tell whether the version is a pre-release or a development release."""
    return _is_before_release(key(version))


def _is_before_release(parsed: Key) -> bool:
    return parsed[2] != _FINAL or parsed[4] != _LAST


def _starts_with(version: Key, prefix: Key) -> bool:
    wanted = prefix[1]
    padded = version[1] + (0,) * (len(wanted) - len(version[1]))
    return version[0] == prefix[0] and padded[: len(wanted)] == wanted


def _prefix_key(text: str) -> Key:
    # A prefix keeps its zeros: ==1.0.* is not ==1.*
    numbers = tuple(number(part) for part in text.split(".") if part.isdigit())
    return (0, numbers, _FINAL, _NOTHING, _LAST)


_OPERATORS = ("===", "==", "!=", "~=", ">=", "<=", ">", "<")


def _term_holds(term: str, version: Key, version_is_pre: bool) -> bool:
    term = term.strip()
    wanted_text = term.lstrip("=!<>~")
    operator = term[: len(term) - len(wanted_text)]
    if operator not in _OPERATORS:
        operator = next((each for each in _OPERATORS if operator.startswith(each)), "")
        wanted_text = term[len(operator) :]
    wanted_text = wanted_text.lstrip()
    if not wanted_text or len(wanted_text.split()) > 1:
        return True
    operator = operator or "=="
    if wanted_text == "*":
        return True
    if wanted_text.endswith(".*"):
        same = _starts_with(version, _prefix_key(wanted_text[:-2]))
        return not same if operator == "!=" else same
    wanted = key(wanted_text)
    if operator in ("==", "==="):
        return version == wanted
    if operator == "!=":
        return version != wanted
    if operator == ">=":
        return version >= wanted
    if operator == "<=":
        return version <= wanted
    if operator == "<":
        # PEP 440: <2 does not admit 2.0rc1, unless a pre-release is named; of a post-release its own alone are out.
        count = 2 if wanted[3] == _NOTHING else 4
        if version_is_pre and not is_prerelease(wanted_text) and version[:count] == wanted[:count]:
            return False
        return version < wanted
    if operator == ">":
        # PEP 440: >1.7 does not admit 1.7.post1, unless a post-release is named; >1.7rc1 does.
        if version[3] != _NOTHING and wanted[3:] == (_NOTHING, _LAST) and version[:3] == wanted[:3]:
            return False
        return version > wanted
    numbers = wanted_text.split(".")
    while numbers and not numbers[-1].isdigit():
        numbers.pop()
    return version >= wanted and _starts_with(version, _prefix_key(".".join(numbers[:-1])))


@lru_cache(maxsize=4096)
def contains(spec: str, version: str) -> bool:
    """Tell whether a version lies in a PEP 440 specifier set.

    Args:
        spec: Such as ``>=1.19,<2``; alternatives are joined by ``||``; an empty one admits everything.
        version: Pre-releases are admitted where the range admits them.
    """
    if "||" in spec:
        return any(contains(alternative, version) for alternative in spec.split("||"))
    parsed = key(version)
    pre = _is_before_release(parsed)
    # A plain loop: a check asks a hundred times, and a generator costs as much as the answer.
    for term in spec.split(","):  # noqa: SIM110
        if term and not _term_holds(term, parsed, pre):
            return False
    return True


class MatchSpec(NamedTuple):
    """Name, version and build of a conda MatchSpec; ``version`` and ``build`` are empty where anything goes."""

    name: str
    version: str = ""
    build: str = ""


_OF_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*"
_BRACKETS = r"(?s)([^\[]*)\[(.*)\]\s*\Z"
_FIELD = r"(?<!\w)(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\s]+))"


@lru_cache(maxsize=1024)
def parse_matchspec(text: str) -> MatchSpec:
    """Split a MatchSpec (``cudatoolkit 11.2|11.2.*``, ``conda-forge::numpy>=1.20,<2``, ``libabseil =*=cxx17*``).

    Channel and subdir are dropped. What cannot be understood leaves the version open: an unreadable dependency is no
    reason for a finding.
    """
    text = text.split("#")[0].split(" if ")[0].strip()
    text = text.rsplit("::", 1)[-1].lstrip(":")
    fields: dict[str, str] = {}
    brackets = re.match(_BRACKETS, text) if "[" in text else None
    if brackets:
        found = re.finditer(_FIELD, brackets.group(2))
        fields = {m.group(1): m.group(2) or m.group(3) or m.group(4) or "" for m in found}
        text = brackets.group(1)
    text = text.strip()
    rest = text.lstrip(_OF_NAMES)
    name, rest = text[: len(text) - len(rest)], rest.strip()
    if not name:
        return MatchSpec(fields.get("name", ""), fields.get("version", ""), fields.get("build", ""))
    version, build = rest, ""
    if " " in rest and not rest.endswith((",", "|")):
        version, build = _version_and_build(rest)
    elif rest.startswith("=") and not rest.startswith("==") and "=" in rest[1:]:
        version, _, build = rest[1:].partition("=")
    elif rest and rest[0].isdigit() and rest.count("=") == 1 and not any(sign in rest for sign in _SIGNS):
        version, _, build = rest.partition("=")
    elif rest and rest[0] in "<>!~=":
        # A bound, and the build behind it: `>=2.17.0=cuda12*`.
        head, _, tail = rest.rpartition("=")
        if head and tail and head[-1] not in _OF_BOUNDS and not set(tail) & {*_OF_BOUNDS, "-"}:
            version, build = head, tail
    version = fields.get("version", version).strip()
    build = fields.get("build", build).strip()
    return MatchSpec(name.lower(), "" if version == "*" else version, "" if build == "*" else build)


_OF_BOUNDS = "=!|,<>~"
_SIGNS = ("<=", ">=", "!=", "~=")


def _version_and_build(text: str) -> tuple[str, str]:
    """Split at the first blank that neither follows an operator nor stands beside a comma or a bar."""
    words = text.split()
    for place, word in enumerate(words[1:], 1):
        if words[place - 1][-1] not in ",|<>=!~" and word[0] not in ",|":
            return "".join(words[:place]), " ".join(words[place:])
    return "".join(words), ""


def _kind(character: str) -> int:
    return 0 if character.isdecimal() else 1 if character == "*" else 2


def _atoms(component: str) -> list[str]:
    """Split a component of a version into its numbers, its stars and what is neither."""
    return ["".join(atom) for _, atom in groupby(component, _kind)]


@lru_cache(maxsize=4096)
def _conda_key(version: str) -> tuple[int, tuple[tuple[tuple[int, int, str], ...], ...]]:
    text = version.lower().strip().split("+")[0]
    epoch, _, text = text.rpartition("!")
    components = []
    for component in text.replace("_", ".").replace("-", ".").split("."):
        atoms: list[tuple[int, int, str]] = []
        for atom in [component] if component.isdigit() else _atoms(component):
            if atom.isdigit():
                atoms.append((2, number(atom), ""))
            elif atom == "post":
                atoms.append((3, 0, ""))
            elif atom == "dev":
                atoms.append((0, 0, ""))
            else:
                atoms.append((1, 0, atom))
        # A component that starts with a letter counts as if a zero stood before it.
        if atoms and atoms[0][0] != 2:
            atoms.insert(0, (2, 0, ""))
        components.append(tuple(atoms) or ((2, 0, ""),))
    return (number(epoch) if epoch.isdecimal() else 0, tuple(components))


_ZERO = (2, 0, "")


def conda_compare(left: str, right: str) -> int:
    """Compare two versions in conda's order: negative, zero or positive (``12.0a0`` is before ``12.0``)."""
    left_epoch, left_parts = _conda_key(left)
    right_epoch, right_parts = _conda_key(right)
    if left_epoch != right_epoch:
        return left_epoch - right_epoch
    for one, other in zip_longest(left_parts, right_parts, fillvalue=(_ZERO,)):
        for a, b in zip_longest(one, other, fillvalue=_ZERO):
            if a != b:
                return -1 if a < b else 1
    return 0


def glob_match(glob: str, text: str) -> bool:
    """Tell whether a text matches a glob of conda's, in which ``*`` stands for anything."""
    head, *rest = glob.split("*")
    if not rest:
        return text == head
    if not text.startswith(head):
        return False
    place = len(head)
    for part in rest[:-1]:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return text.endswith(rest[-1]) and len(text) - len(rest[-1]) >= place


_CONDA_OPERATORS = ("==", "!=", "~=", ">=", "<=", ">", "<", "=")


def _conda_term_holds(term: str, version: str) -> bool:
    term = term.strip()
    operator = next((each for each in _CONDA_OPERATORS if term.startswith(each)), "")
    wanted = term[len(operator) :].strip()
    if wanted in ("", "*"):
        return operator != "!="
    if operator in (">=", "<=", ">", "<"):
        compared = conda_compare(version, wanted.rstrip("*").rstrip("."))
        return {">=": compared >= 0, "<=": compared <= 0, ">": compared > 0, "<": compared < 0}[operator]
    if operator == "~=":
        head = wanted.rsplit(".", 1)[0]
        return conda_compare(version, wanted) >= 0 and (version + ".").startswith(head + ".")
    if wanted.endswith(".*") or (operator == "=" and "*" not in wanted):
        head = wanted[:-2] if wanted.endswith(".*") else wanted
        same = conda_compare(version, head) == 0 or version == head or version.startswith(head + ".")
        return same != (operator == "!=")
    if "*" in wanted:
        return glob_match(wanted, version) != (operator == "!=")
    return (conda_compare(version, wanted) == 0) != (operator == "!=")


@lru_cache(maxsize=4096)
def conda_contains(spec: str, version: str) -> bool:
    """Tell whether a version satisfies the version part of a MatchSpec.

    Args:
        spec: Such as ``>=11.2,<12.0a0``, ``11.2.*``, ``11.2|11.2.*``, ``=8.1``; empty admits everything.
        version: A conda version.
    """
    return any(
        all(_conda_term_holds(term, version) for term in alternative.split(",") if term.strip())
        for alternative in spec.replace("(", "").replace(")", "").split("|")
    )
