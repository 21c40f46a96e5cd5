"""Files that list dependencies, edited in place: only the characters of a version that has to change do.

A file is read twice: by the readers of :mod:`conda_tf_doctor.environment.files`, which say what it asks for, and here,
where every entry is found with its place in the text. Nothing is parsed and written anew, so comments, order, quotes,
indentation, anchors and line endings cannot change.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ... import reading, versions
from ...environment.facts import CONDA, PIP
from ...environment.files.lists import is_conda_export
from ...environment.files.specs import readable
from ...environment.tensorflow import OWNERS
from ...errors import UsageError
from ...names import normalise
from ...specifiers import first_version, joined
from ..candidates import admits
from ..plan import Edit, Key, Plan, predecessor
from .entry import HEAD, IN_SECTION, NEW_SECTION, Entry, Listing, decode


def load(path: str, platform: str = "", python: str = "") -> Listing:
    """Read a file and find its entries.

    Args:
        path: The file.
        platform: What it is read for; entries for others do not count.
        python: Version of Python that it asks for, for environment markers.

    Raises:
        UsageError: It cannot be read, or is of a kind that is not edited.
    """
    try:
        data = reading.read_bytes(path)
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read: {error.strerror}.") from None
    text, encoding = decode(data, path)
    return parse(text, path, encoding, platform, python)


def parse(text: str, path: str, encoding: str = "utf-8", platform: str = "", python: str = "") -> Listing:
    """Find the entries of a file's text; see :func:`load`."""
    name = os.path.basename(path).lower()
    if name.endswith((".toml", "pipfile")):
        from .toml import entries_of_toml as find
    elif re.search(r"^[ \t]*@EXPLICIT[ \t]*$", text, re.M) or name.endswith(".lock") or _is_lock(text):
        raise UsageError(
            f"{path} lists one exact solution, which a change of one package would make inconsistent; "
            "repair the file it was made from, and make it again."
        )
    elif name.endswith((".yml", ".yaml")) or re.search(r"^[ \t]*[\"']?dependencies[\"']?[ \t]*:", text, re.M):
        from .yaml import entries_of_yaml as find
    elif name.endswith(".json") or text.lstrip()[:1] in ("[", "{"):
        raise UsageError(f"{path} is JSON that a tool wrote; repair the environment or the file it was made from.")
    elif is_conda_export(text):
        from .lists import entries_of_export as find
    else:
        from .requirements import entries_of_requirements as find
    entries, templates = find(text, path, platform, python)
    return Listing(path, text, encoding, entries, templates)


def _is_lock(text: str) -> bool:
    return bool(
        re.search(r"^[ \t]*lock[-_]?file[-_]?version|^metadata:[ \t]*$|^version:[ \t]*\d+[ \t]*$", text, re.M | re.I)
    ) and (bool(re.search(r"^package[s]?:", text, re.M)))


_OPERATOR = re.compile(r"\s*(===|==|!=|~=|>=|<=|=|>|<)?\s*(.*)\Z", re.S)


def respelled(old: str, edit: Edit, entry: Entry) -> str:
    """Return the version part for a changed entry, in the style of the old one.

    An exact version stays exact and as precise as it was, a range stays a range: it keeps what still holds of it.

    Args:
        old: The version part as written, operators and spaces included.
        edit: What the package has to satisfy, and the version that was chosen.
        entry: Where it stands.
    """
    core = old.strip()
    lead, tail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :] if core else ""
    spec = edit.spec
    if entry.manager == PIP:
        spec = spec or f"=={edit.version}"
    parts = core.split()
    body = (
        parts[0] if len(parts) == 2 and not parts[0].endswith(",") and not re.match(r"[<>=!~]+\Z", parts[0]) else core
    )
    if not body or body in ("*", "=*", "==*"):
        return _fresh(spec, edit, entry)
    matched = _OPERATOR.match(body)
    assert matched is not None
    operator, version = matched.group(1) or "", matched.group(2).strip()
    single = "," not in body and "|" not in body
    if operator == "=" and entry.manager == PIP:
        operator = "=="
    if single and operator in ("", "=", "==", "===", "~="):
        # A build string (=2.1=py310_0) belongs to the old version; a kind of build (=2.1=cuda*) does not.
        version, _, build = version.partition("=")
        version = version.strip()
        if re.fullmatch(r"(?:(?!py)[A-Za-z*])+", build) and "*" in build:
            return f"{lead}={edit.version}={build}{tail}"
        gap = body[matched.end(1) if matched.group(1) else 0 : matched.start(2)]
        return f"{lead}{operator}{gap}{_as_precise(version, edit, operator)}{tail}"
    joined = _joined(body, spec, edit, entry.manager)
    if entry.flow and "," in joined:
        joined = ("==" if entry.manager == PIP else "=") + edit.version
    return f"{lead}{joined}{tail}"


def _as_precise(version: str, edit: Edit, operator: str) -> str:
    star = version.endswith("*")
    components = [part for part in version.rstrip("*").split(".") if part]
    new = edit.version.split(".")
    if operator == "~=" and len(components) == 2:
        return ".".join([*new, "0"][:2])
    # numpy=2 becomes numpy=1.26: one number would admit too much to be sure of.
    count = max(len(components), 2)
    shortened = ".".join(new[:count])
    if (operator == "==" and not star and edit.manager == PIP) or operator == "===":
        return edit.version
    if len(new) > count and not star and operator in ("", "==") and edit.manager != PIP:
        return edit.version  # conda's ==2.1 and bare "2.1" are exact
    return shortened + (".*" if star and len(new) >= count else "")


def _fresh(spec: str, edit: Edit, entry: Entry) -> str:
    if "|" not in spec and "*" not in spec and "," in spec:
        spec = joined(spec) or spec  # what several rules ask for, without the looser bounds
    if entry.bare:
        return spec if entry.manager != PIP or spec[:1] in "<>=!~" else f"=={spec}"
    plain = spec[:1] not in "<>=!~"
    if entry.flow and "," in spec:
        return ("==" if entry.manager == PIP else "=") + edit.version
    return f"={spec}" if plain and entry.manager != PIP else spec if entry.manager == PIP else f" {spec}"


def _joined(old: str, spec: str, edit: Edit, manager: str) -> str:
    """Return the old range with what the plan asks for added; the plan's alone where the two contradict."""
    compact = re.sub(r"(?<!\s)\s*,\s*", ",", old.strip())
    if re.fullmatch(r"(?:==)?[\w.+!]+", spec):
        return f"=={edit.version}"
    if "|" in compact or "*" in spec or "|" in spec or not admits(manager, compact, edit.version):
        return spec if spec[:1] in "<>=!~" or manager != PIP else f"=={spec}"

    both = joined(compact, spec) or spec
    # The same bounds in another order are no change.
    return old.strip() if set(both.split(",")) == set(compact.split(",")) else both


_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")
_EXTRAS = re.compile(r"\s*\[[^\[\]]*\]")
_EXTRAS_OF_TOML = re.compile(r"\s*,\s*extras\s*=\s*\[[^\]]*\]|\bextras\s*=\s*\[[^\]]*\]\s*,\s*")


_ENTRY, _HEAD, _IN_SECTION = 1, 2, 3


class Replacement(NamedTuple):
    """A change of the text; of several at one place the order tells which comes first.

    What an entry gains, a new entry (1), the head of a new section (2), an entry of that (3).
    """

    start: int
    end: int
    text: str
    order: int = 0


def edited(listing: Listing, plan: Plan) -> str:
    """Return the file's text with a plan carried out.

    Raises:
        UsageError: An entry cannot be edited; the message says which and why.
    """
    changes: list[Replacement] = []
    successors = _successors(listing, plan)
    taken = {edit.key for edit in successors.values()}
    for edit in plan.edits.values():
        if edit.key in successors:
            changes += _renamed(listing, edit, successors[edit.key])
        elif edit.key not in taken:
            changes += _replacements(listing, edit)
    for entry in unreadable(listing):
        if not any(change.start <= entry.start < change.end for change in changes):
            changes.append(Replacement(entry.start, entry.end, readable(listing.text[entry.start : entry.end])))
    of_section = sorted(change.text for change in changes if change.order == _IN_SECTION)
    if of_section and listing.templates[NEW_SECTION][0].startswith(","):
        changes = [change for change in changes if change.order != _IN_SECTION]
        changes.append(_bracketed(listing, of_section))
    elif of_section:
        changes.append(_section(listing))
    text = listing.text
    changes = sorted(set(changes), key=lambda c: (c.start, c.end, c.order, c.text))
    # The last line, which has no end, goes: what is put in its place needs none before it.
    gone = not text.endswith(("\n", "\r")) and any(change.end == len(text) and not change.text for change in changes)
    if gone and changes[-1].start == len(text):
        place = next(i for i, change in enumerate(changes) if change.start == len(text))
        changes[place] = changes[place]._replace(text=changes[place].text.removeprefix(listing.newline))
    for change in reversed(changes):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def unreadable(listing: Listing) -> list[Entry]:
    """Return the entries that no pip of today reads: with conda's single ``=``, or what it took before 24.1.

    A list that names Python is conda's (``conda install --file``): pip has no package of that name.
    """
    if any(entry.manager == PIP and entry.name == "python" for entry in listing.entries):
        return []
    return [
        entry
        for entry in listing.entries
        if entry.manager == PIP and not entry.bare and not entry.fixed
        and readable(old := listing.text[entry.start : entry.end]) != old
    ]  # fmt: skip


def _successors(listing: Listing, plan: Plan) -> dict[Key, Edit]:
    """Return by the key of each package that goes for another name of it the one that takes its place in the file."""
    mine = [edit for edit in plan.edits.values() if edit.name in OWNERS]
    gone = [edit for edit in mine if edit.removes and places(listing, edit)]
    new = [edit for edit in mine if edit.version and not edit.reinstall and not places(listing, edit)]
    found: dict[Key, Edit] = {}
    for edit in new:
        old = next((e for e in gone if e.manager == edit.manager and e.key not in found), None)
        if old is not None:
            found[old.key] = edit
    for edit in plan.edits.values():
        old = None if edit.name in OWNERS or places(listing, edit) else predecessor(edit, plan.edits)
        if old is not None and old.name not in OWNERS and places(listing, old):
            found.setdefault(old.key, edit)
    return found


def _renamed(listing: Listing, old: Edit, new: Edit) -> list[Replacement]:
    """The new distribution is written over the old one's entry: its comment, marker and quotes stay."""
    changes = []
    for entry in places(listing, old):
        _refuse_fixed(listing, entry, new)
        found = _NAME.finditer(listing.text, entry.first, entry.start)
        spelled = next(matched for matched in found if normalise(matched.group()) == entry.name)
        version = listing.text[entry.start : entry.end]
        if not (version.strip() and admits(entry.manager, version.strip(), new.version)):
            changes.append(Replacement(entry.start, entry.end, respelled(version, new, entry)))
        changes.append(Replacement(spelled.start(), spelled.end(), new.spelled))
    return changes


def effective(listing: Listing, plan: Plan) -> Plan:
    """Return the plan without what the user asked for and the file already says (``numpy<2``)."""
    edits = {
        key: edit
        for key, edit in plan.edits.items()
        if "--to" not in edit.codes or edit.removes or not places(listing, edit) or _replacements(listing, edit)
    }
    said = {(edit.manager, edit.spelled) for edit in edits.values()}
    return plan._replace(edits=edits, changes=tuple(c for c in plan.changes if (c.where, c.package) in said))


def places(listing: Listing, edit: Edit) -> list[Entry]:
    """Return the entries that an edit is about."""
    return [e for e in listing.entries if e.manager == edit.manager and e.name == normalise(edit.spelled) and e.applies]


def _replacements(listing: Listing, edit: Edit) -> list[Replacement]:
    found = places(listing, edit)
    if not found:
        if edit.removes or edit.reinstall:
            return []
        return [_addition(listing, edit)]
    changes = []
    for entry in found:
        _refuse_fixed(listing, entry, edit)
        if edit.removes:
            changes.append(Replacement(entry.first, entry.last, ""))
            continue
        if edit.bare:
            changes += _without_extras(listing, entry)
        old = listing.text[entry.start : entry.end]
        new = old if edit.bare and not edit.specs else respelled(old, edit, entry)
        if new != old:
            changes.append(Replacement(entry.start, entry.end, new))
    for follower in followers(listing, edit):
        changes += _replacements(listing, follower)
    for text in edit.also:
        spec = versions.parse_matchspec(text)
        also = Edit(edit.manager, normalise(spec.name), spec.name, (spec.version,), first_version(spec.version))
        changes += _replacements(listing, also)
    return changes


def followers(listing: Listing, edit: Edit) -> list[Edit]:
    """Return the edits of TensorFlow's parts whose versions the file names: an installer moves only others along."""
    found = [edit._replace(name=name, spelled=name, follows=(), also=(), bare=False) for name in edit.follows]
    return [each for each in found if any(entry.start != entry.end for entry in places(listing, each))]


def _without_extras(listing: Listing, entry: Entry) -> list[Replacement]:
    end = entry.last if entry.bare else entry.start
    found = (_EXTRAS_OF_TOML if entry.bare else _EXTRAS).search(listing.text, entry.first, end)
    return [Replacement(found.start(), found.end(), "")] if found else []


def _refuse_fixed(listing: Listing, entry: Entry, edit: Edit) -> None:
    if entry.fixed and not (edit.removes and entry.removable):
        what = f"{edit.spelled} has to go" if edit.removes else f"{edit.spelled} has to change to {edit.pin}"
        raise UsageError(f"{listing.path}, line {entry.line}: {what}, but {entry.fixed}.")


def _addition(listing: Listing, edit: Edit) -> Replacement:
    """A package that the file does not list yet goes behind TensorFlow's own entry, or at the end of its list."""
    groups = [g for g in listing.templates if g.startswith(edit.manager)]
    if not groups:
        raise UsageError(f"{listing.path} has no place for {edit.pin} of {edit.manager}; add it by hand.")
    beside = [e for e in listing.entries if e.manager == edit.manager and "tensorflow" in e.name and e.group in groups]
    beside = [e for e in beside if e.applies] or beside
    group = beside[-1].group if beside else groups[0]
    template, end = listing.templates[group]
    blank = Entry(
        edit.manager, edit.name, 0, 0, 0, 0, 0, group, bare='"{version}"' in template, flow="," in template[:2]
    )
    spec = _fresh(edit.spec or f"=={edit.version}", edit, blank)
    line = template.replace("{name}", edit.spelled).replace("{version}", spec)
    at = beside[-1].last if beside and not blank.flow else end
    order = _IN_SECTION if group == NEW_SECTION else _ENTRY
    if blank.flow or template.lstrip().startswith('"'):
        return Replacement(end, end, line, order)
    return Replacement(at, at, _as_line(listing, at, line), order)


def _section(listing: Listing) -> Replacement:
    """Return the head of the section that pip's packages get; without pip beside it, conda asks for that."""
    if HEAD in listing.templates:
        head, end = listing.templates[HEAD]
        return Replacement(end, end, _as_line(listing, end, head.replace("\n", listing.newline)), _HEAD)
    template, end = listing.templates[NEW_SECTION]
    indent = template.removesuffix(IN_SECTION)
    lines = [f"{indent}- pip"] * (not _has_pip(listing)) + [f"{indent}- pip:"]
    return Replacement(end, end, _as_line(listing, end, listing.newline.join(lines)), _HEAD)


def _bracketed(listing: Listing, entries: list[str]) -> Replacement:
    """Return the whole section of a list that stands between brackets; each entry begins with its comma."""
    end = listing.templates[NEW_SECTION][1]
    before = "" if _has_pip(listing) else ", pip"
    return Replacement(end, end, f"{before}, {{pip: [{''.join(entries).removeprefix(', ')}]}}", _HEAD)


def _has_pip(listing: Listing) -> bool:
    return any(entry.manager == CONDA and entry.name == "pip" and entry.applies for entry in listing.entries)


def _as_line(listing: Listing, at: int, line: str) -> str:
    """Return a line as it is put in somewhere; the file's last one may have no end."""
    ended = not at or listing.text[:at].endswith(("\n", "\r"))
    return line + listing.newline if ended else listing.newline + line
