"""``conda-meta/pinned``: our pins in a block of their own, every other byte as the user left it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

from .. import reading, versions
from ..environment.facts import CONDA
from ..errors import UsageError
from ..names import normalise
from ..specifiers import conda_all_of
from . import atomic
from .plan import Plan

NAME = os.path.join("conda-meta", "pinned")
# Libmamba parses comments as if they were pins: `# numpy >=2` fails every later `micromamba install`, and of
# `# word:numpy 2.*` it holds the numpy. One word that is no package's name passes, so what is set aside is written as
# one, in the encoding of addresses.
_BEGIN, _END = "# conda-tf-doctor:begin", "# conda-tf-doctor:end"
_ASIDE = "# conda-tf-doctor:aside-"
# As earlier releases wrote them.
_BEGINS, _ENDS = (_BEGIN, "# >>> conda-tf-doctor >>>"), (_END, "# <<< conda-tf-doctor <<<")
_OLD_ASIDE = "  # set aside by conda-tf-doctor, see below"


class Pin(NamedTuple):
    """One line of the file.

    Attributes:
        line: 1-based.
        text: As written, without comment.
        name: Normalised.
        version: Version part of the MatchSpec.
    """

    line: int
    text: str
    name: str
    version: str


class Clash(NamedTuple):
    """A pin of the user that the plan cannot honour."""

    pin: Pin
    package: str
    wanted: str


def decode(data: bytes) -> str:
    """Return the file's text so that encoding it again gives the same bytes, whatever they were."""
    return data.decode(*_encoding(data))


def encode(text: str, like: bytes = b"") -> bytes:
    """Return the bytes of a decoded text, in the encoding of what is replaced."""
    return text.encode(*_encoding(like))


def _encoding(data: bytes) -> tuple[str, str]:
    encoding = reading.marked(data) or "utf-8"
    return encoding, "surrogateescape" if encoding == "utf-8" else "surrogatepass"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _block(lines: list[str]) -> tuple[int, int]:
    """Return where our block begins and ends (exclusive); both the end of the file where there is none."""
    begin = next((i for i, line in enumerate(lines) if line.startswith(_BEGINS)), -1)
    if begin < 0:
        return len(lines), len(lines)
    end = next((i for i in range(begin, len(lines)) if lines[i].startswith(_ENDS)), -1)
    if end < 0:
        raise UsageError(
            f"{NAME} has the line {lines[begin].strip()!r} but not the one that ends the block ({_END!r}); "
            "put it back, or remove both."
        )
    return begin, end + 1


def users_pins(text: str) -> list[Pin]:
    """Return the pins outside our block."""
    lines = _lines(text)
    begin, end = _block(lines)
    found = []
    for number, line in enumerate(lines, 1):
        if begin < number <= end:
            continue
        found += _parsed(number, line)
    return found


def our_pins(text: str) -> list[Pin]:
    """Return the pins of our block."""
    lines = _lines(text)
    begin, end = _block(lines)
    return [pin for number in range(begin + 1, end + 1) for pin in _parsed(number, lines[number - 1])]


def _parsed(number: int, line: str) -> list[Pin]:
    text = line.split("#")[0].lstrip("\ufeff").strip()
    if not text:
        return []
    spec = versions.parse_matchspec(text)
    return [Pin(number, text, normalise(spec.name), spec.version)] if spec.name else []


def wanted(plan: Plan) -> dict[str, tuple[str, str, str]]:
    """Return what the plan pins: by normalised name the conda name, the version spec and the version expected."""
    found = {}
    for edit in plan.conda_edits:
        if edit.removes or edit.reinstall or not edit.spec:
            continue
        found[edit.name] = (edit.spelled, edit.spec, edit.version)
        for text in edit.also:
            spec = versions.parse_matchspec(text)
            found.setdefault(normalise(spec.name), (spec.name, spec.version, ""))
    return found


def clashes(text: str, plan: Plan) -> list[Clash]:
    """Return the user's pins that the plan contradicts."""
    found = []
    plans = wanted(plan)
    for pin in users_pins(text):
        if pin.name in plans and pin.version:
            spelled, spec, version = plans[pin.name]
            if version and not versions.conda_contains(pin.version, version):
                found.append(Clash(pin, spelled, spec))
    for edit in plan.of(CONDA):
        if edit.removes:
            found += [Clash(pin, edit.spelled, "") for pin in users_pins(text) if pin.name == edit.name]
    return found


def rewritten(text: str, plan: Plan, set_aside: Iterable[Clash] = ()) -> str:
    """Return the file with our block brought up to date.

    Pins of earlier repairs stay unless this plan speaks of the package. A pin of the user on the same package is
    joined with ours, for solvers let the last line on a package win.

    Args:
        text: The file now.
        plan: What to pin.
        set_aside: Pins of the user that become comments, because the user agreed to it.
    """
    lines = _lines(text)
    newline = _newline(text)
    aside = {clash.pin.line for clash in set_aside}
    plans = wanted(plan)
    gone = {edit.name for edit in plan.conda_edits if edit.removes}
    users = {pin.name: pin for pin in users_pins(text) if pin.line not in aside}
    pins: dict[str, str] = {}
    for pin in our_pins(text):
        if pin.name not in gone:
            pins[pin.name] = _plain(pin)
    for name, (spelled, spec, _) in plans.items():
        user = users.get(name)
        if user is not None and user.version and user.version != spec:
            spec = conda_all_of((user.version, spec))
        elif user is not None and user.version:
            pins.pop(name, None)
            continue
        pins[name] = f"{spelled} {spec}"
    begin, end = _block(lines)
    block = [_BEGIN + newline, *(pins[name] + newline for name in sorted(pins)), _END + newline] if pins else []
    kept = [_commented(line) if number in aside else _renewed(line) for number, line in enumerate(lines, 1)]
    before, after = kept[:begin], kept[end:]
    if block and before and not before[-1].endswith(("\n", "\r")):
        block[0] = newline + block[0]
    return "".join([*before, *block, *after])


def _plain(pin: Pin) -> str:
    """Return one of our pins as every solver reads it; earlier releases wrote parentheses, and ranges in any order."""
    name, *fields = pin.text.split()
    mixed = "(" in pin.text or {"|", ","} <= set(pin.text)
    return " ".join([name, conda_all_of([pin.version]), *fields[1:]]) if mixed else pin.text


def _commented(line: str) -> str:
    body = line.rstrip("\r\n")
    return f"{_ASIDE}{quote(body, safe='', errors='surrogateescape')}{line[len(body) :]}"


def _renewed(line: str) -> str:
    """Return a line of the user's as it is; one that an earlier release set aside as we set it aside now."""
    written = _uncommented(line)
    return line if written == line or line.startswith(_ASIDE) else _commented(written)


def path_of(prefix: str) -> str:
    """Return the path of a prefix's pinned file."""
    return os.path.join(prefix, NAME)


def read(prefix: str) -> str:
    """Return the text of a prefix's pinned file; empty where it has none.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return decode(atomic.read(path_of(prefix)) or b"")
    except OSError as error:
        raise UsageError(f"{path_of(prefix)} cannot be read: {error.strerror}.") from None


def write(prefix: str, text: str) -> None:
    """Write the pinned file.

    Raises:
        OSError: The file is still the old one.
    """
    path = path_of(prefix)
    old = atomic.read(path)
    if text or old is not None:
        atomic.write(path, encode(text, old or b""))


def before(prefix: str) -> str | None:
    """Return the text of the pinned file; ``None`` where there is none, so that undoing removes what was not there."""
    return read(prefix) if os.path.exists(path_of(prefix)) else None


def undo(prefix: str, old: str | None) -> str:
    """Put the pinned file back to what it was; return its text. What the user wrote into it since then stays.

    Args:
        prefix: The environment.
        old: What it was; ``None`` where there was none.

    Raises:
        OSError: The file is still as it was.
    """
    text = _taken_back(read(prefix), old or "")
    if old is None and not text:
        atomic.remove(path_of(prefix))
    else:
        path = path_of(prefix)
        atomic.write(path, encode(text, atomic.read(path) or b""))
    return text


def _taken_back(now: str, old: str) -> str:
    """Return the old text; where the user has edited the file since, theirs with the old block in the place of ours."""
    lines, before = _lines(now), _lines(old)
    begin, end = _block(lines)
    mine = before[slice(*_block(before))]
    users = [_uncommented(line) for line in lines[:begin]], [_uncommented(line) for line in lines[end:]]
    others = [_uncommented(line) for line in before if line not in mine]
    if [line.strip() for line in (*users[0], *users[1]) if line.strip()] == [o.strip() for o in others if o.strip()]:
        return old
    return "".join([*users[0], *mine, *users[1]])


def _uncommented(line: str) -> str:
    if line.startswith(_ASIDE):
        return unquote(line.removeprefix(_ASIDE), errors="surrogateescape")
    body = line.rstrip("\r\n")
    aside = body.startswith("# ") and body.endswith(_OLD_ASIDE)
    return f"{body[2:].removesuffix(_OLD_ASIDE)}{line[len(body) :]}" if aside else line
