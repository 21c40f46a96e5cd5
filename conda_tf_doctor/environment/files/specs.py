"""MatchSpecs, PEP 508 requirements and file names of packages, as facts.

A file may ask for one version or for a range. One version (``==2.10.0``, ``=2.10.0``) is a package's version. A range
stays in ``Package.spec``; the version is then the minor that the range leaves (``=2.10``, ``>=3.8,<3.9``), or empty:
what an installer will pick is unknown, and an unknown never makes an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ... import versions
from ...errors import UsageError
from ...specifiers import conda_all_of, is_empty
from ..channels import channel_name
from ..facts import CONDA, PIP, Package, reader_of

# Channels whose TensorFlow is known; where a file lists several channels, conda takes the first that has a package.
KNOWN_CHANNELS = ("conda-forge", "defaults")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*\Z")
_CONDA_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_CHANNEL = re.compile(r"\[[^\[\]]*\bchannel\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]\s]+))")
# What a requirement says that pip does not understand, where it is plain what was meant; and how pip reads it.
UNREADABLE, READABLE = "unreadable", "readable"
# The folders that conda-build works in show up in what `pip freeze` says of conda's own packages.
_CONDA_BUILT = re.compile(r"feedstock_root|/croot/|/conda-bld/|\\conda-bld\\|/b/abs_|[Ww]ork/_?conda", re.I)


def _term(term: str) -> tuple[str, str]:
    matched = re.match(r"(===|==|!=|~=|>=|<=|=|>|<)?\s*(.*)\Z", term.strip(), re.S)
    assert matched is not None
    return matched.group(1) or "", matched.group(2).strip()


def _next_minor(version: str) -> str:
    release = versions.release(version)
    return f"{release[0]}.{(release[1] if len(release) > 1 else 0) + 1}"


def _of_range(terms: list[tuple[str, str]]) -> str:
    """Return the lower end of a range that stays within one minor, else nothing."""
    low = next((version for operator, version in terms if operator in (">=", ">")), "")
    high = next((version for operator, version in terms if operator in ("<", "<=")), "")
    if not low or not high or not _NUMBERS.match(low) or "." not in low:
        return ""
    # 2.11.0a0 stands for "before anything of 2.11".
    bound = re.sub(r"(?<![a-z.])(?:\.?(?:a|rc|dev)\d{0,20}){1,9}\Z", "", high.rstrip("*").rstrip("."))
    return low if versions.key(bound) <= versions.key(_next_minor(low)) else ""


def pinned(spec: str, manager: str) -> tuple[str, str]:
    """Return the version that a range leaves, and the range where it leaves more than that one.

    Args:
        spec: The version part of a MatchSpec, or a PEP 440 specifier set.
        manager: ``conda`` or ``pip``, which tells the two apart: conda's ``=2.10`` is a range, ``2.10`` is not.

    Returns:
        ``("2.10.0", "")`` for one version, ``("2.10", "=2.10")`` for one minor, ``("", ">=2")`` for a range.
    """
    spec = spec.strip()
    if not spec or spec in ("*", "=*", "==*"):
        return "", ""
    if "|" in spec:
        leaves = {pinned(alternative, manager)[0] for alternative in spec.strip("()").split("|")}
        minors = {versions.minor(version) if "." in version else "" for version in leaves}
        return (min(leaves, key=len) if len(minors) == 1 and "" not in minors else ""), spec
    if is_empty(spec, reader_of(manager)):
        return "", spec
    terms = [_term(term) for term in spec.split(",") if term.strip()]
    if len(terms) == 1:
        operator, version = terms[0]
        fuzzy = version.endswith("*") or (operator == "=" and manager == CONDA)
        plain = version.rstrip("*").rstrip(".")
        if operator in ("", "=", "==", "===") and not fuzzy:
            return version, ""
        if operator in ("", "=", "==") and fuzzy and _NUMBERS.match(plain):
            parts = plain.count(".") + 1
            if parts >= 3 and not version.endswith("*"):
                return plain, ""
            return (plain if parts >= 2 else ""), spec
        if operator in ("", "=") and fuzzy and "*" not in version:
            return version, ""  # =2.10.0rc1
        if operator == "~=" and version.count(".") >= 2:
            return version, spec
    return _of_range(terms), spec


def all_of(packages: Sequence[Package]) -> Package:
    """Return the package that satisfies several requirements of one name and one manager at once.

    Args:
        packages: As they stand in a file, the first first; what is not said of it (build, channel) a later one says.
    """
    first, contains = packages[0], reader_of(packages[0].manager)
    terms = list(dict.fromkeys(filter(None, (p.spec or (p.version and f"=={p.version}") for p in packages))))
    exact = next((p for p in packages if p.version and not p.spec), None)
    if exact is not None and all(contains(term, exact.version) for term in terms):
        version, left = exact.version, ""
    elif first.manager == PIP:
        version, left = pinned(",".join(terms), PIP)
    else:
        version, left = pinned(conda_all_of(terms), CONDA)
    build = next((package.build for package in packages if package.build), "")
    channel = next((package.channel for package in packages if package.channel), "")
    metadata = {name: value for package in reversed(packages) for name, value in package.metadata.items()}
    metadata["sources"] = tuple(package.source for package in packages)
    return Package(first.name, version, first.manager, build, channel, first.source, metadata, left)


def main_channel(channels: Sequence[str]) -> str:
    """Return the channel that a package without one comes from; empty where the list does not tell.

    The only one, or else the first of those that are known to have TensorFlow's stack: conda's channel priority.
    """
    names = [channel_name(channel) for channel in channels]
    names = [name for name in names if name and name != "nodefaults"]
    if len(set(names)) == 1:
        return names[0]
    return next((name for name in names if name in KNOWN_CHANNELS), "")


def conda_file(location: str) -> tuple[str, str, str] | None:
    """Return name, version and build of a conda archive's name or URL; ``None`` where it is none."""
    file = re.split(r"[/\\]", location.split("#")[0].split("?")[0])[-1]
    for suffix in (".conda", ".tar.bz2"):
        if file.endswith(suffix):
            parts = file[: -len(suffix)].rsplit("-", 2)
            if len(parts) == 3 and all(parts):
                return parts[0], parts[1], parts[2]
    return None


def subdir_of(location: str) -> str:
    """Return the subdir of a conda package's URL; empty where it has none."""
    parts = re.split(r"[/\\]", location.split("#")[0].split("?")[0])
    return parts[-2] if len(parts) > 1 else ""


def conda_url(location: str, source: str) -> Package | None:
    """Return the conda package that a URL or path names; ``None`` where it is none."""
    parts = conda_file(location)
    if parts is None:
        return None
    name, version, build = parts
    channel = ""
    if "://" in location:
        channel = channel_name(re.split(r"/[^/]*\Z", location.split("#")[0])[0], subdir_of(location))
    return Package(name, version, CONDA, build, channel, source)


def conda_package(text: str, channels: Sequence[str], path: str, where: str, strict: bool = False) -> Package:
    """Return the package that a MatchSpec asks for.

    Args:
        text: A MatchSpec in any of its notations, or the URL of a package.
        channels: The channels of the file, in order of priority.
        path: The file, for messages.
        where: The line or field, for messages and evidence.
        strict: Whether only the first channel that has a package counts: conda's strict channel priority.

    Raises:
        UsageError: It is no MatchSpec.
    """
    source = f"{path}: {where}"
    by_url = conda_url(text.strip(), source)
    if by_url is not None:
        return by_url
    in_brackets = _CHANNEL.search(text)
    head, separator, _ = text.partition("::")
    channel = ""
    if in_brackets:
        channel = channel_name(next(filter(None, in_brackets.groups()), ""))
    elif separator:
        # channel/subdir::name, channel:namespace:name
        channel = channel_name(head.strip().split("[")[0])
    spec = versions.parse_matchspec(text)
    if not _CONDA_NAME.match(spec.name) and spec.name != "*":
        raise UsageError(f"The file {path} cannot be used: {where} is no package specification: {text.strip()!r}.")
    version, left = pinned(spec.version, CONDA)
    # A build like *cuda112* tells the variant as well as the whole string does.
    build = spec.build.strip("*") if spec.build not in ("*", "") else ""
    metadata = None
    if not channel:
        metadata = {"channels": tuple(map(channel_name, channels)), "strict": strict}
        from_any = not strict and _several(channels)
        if not (spec.name.startswith("tensorflow") and not version and from_any):
            channel = main_channel(channels)
    return Package(spec.name, version, CONDA, build, channel, source, metadata, left)


def _several(channels: Sequence[str]) -> bool:
    """Tell whether more than one channel has TensorFlow: what is asked of no version may then come from any of them.

    That is conda's flexible priority: a channel of less priority is asked where those before it have nothing that fits.
    """
    return len({channel_name(channel) for channel in channels} & set(KNOWN_CHANNELS)) > 1


def python_package(requires: str, path: str) -> Package | None:
    """Return the Python that a project asks for; ``None`` where it asks for none.

    Args:
        requires: PEP 440 specifier set (``>=3.10``, ``==3.12.*``).
        path: The file, for evidence.
    """
    # Conda's notation, in which the Python of every other file is read.
    spec = ",".join(term.strip().removeprefix("==") for term in requires.split(",") if term.strip())
    version, left = pinned(spec, CONDA)
    return Package("python", version, "", "", "", f"{path}: requires-python", spec=left) if spec else None


def wheel_file(location: str) -> tuple[str, str] | None:
    """Return name and version of a wheel's or source archive's file name or URL; ``None`` where it is none."""
    file = re.split(r"[/\\]", location.split("#")[0].split("?")[0])[-1].replace("%2B", "+").replace("%2b", "+")
    if file.endswith(".whl"):
        parts = file[:-4].split("-")
        return (parts[0], parts[1]) if len(parts) >= 5 else None
    matched = re.match(r"(.+?)-(\d[^-]*)\.(?:tar\.gz|tar\.bz2|zip)\Z", file)
    return (matched.group(1), matched.group(2)) if matched else None


def pip_package(text: str, path: str, where: str) -> tuple[Package, str] | None:
    """Return the package that a line of pip's asks for and its environment marker; ``None`` where it names none.

    Args:
        text: A PEP 508 requirement, a wheel's path or URL, or a VCS URL.
        path: The file, for messages.
        where: The line or field, for messages and evidence.

    Raises:
        UsageError: It is no requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    source = f"{path}: {where}"
    text = text.strip()
    by_file = wheel_file(text.split(";")[0].strip()) if re.search(r"[/\\]|\.whl\b", text) and "@" not in text else None
    if by_file is not None:
        return Package(by_file[0], by_file[1], PIP, "", "pypi", source), ""
    egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", text)
    if re.match(r"(?:git|hg|svn|bzr)\+|https?:|file:|\.{0,2}[/\\]|[A-Za-z]:[/\\]", text):
        return (Package(egg.group(1), "", PIP, "", "pypi", source), "") if egg else None
    if re.match(r"\.{1,2}\s*(?:\[|;|\Z)", text) or (re.match(r"[\w.-]+[/\\]", text) and "@" not in text):
        return None
    old: dict[str, str] = {}
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        parsed = _legacy(text, source)
        if parsed is not None:
            return parsed, ""
        old = {UNREADABLE: text, READABLE: readable(text)}
        try:
            requirement = Requirement(old[READABLE])
        except InvalidRequirement:
            raise UsageError(f"The file {path} cannot be used: {where} is no requirement: {text!r}.") from None
    marker = str(requirement.marker or "")
    if requirement.url:
        built = wheel_file(requirement.url)
        if _CONDA_BUILT.search(requirement.url):
            # conda's own package, as pip sees it; its version is in the folder's name, if anywhere.
            found = re.search(rf"{re.escape(requirement.name)}[_-](\d+(?:\.\d+)+)", requirement.url, re.I)
            version = built[1] if built else found.group(1) if found else ""
            return Package(requirement.name, version, CONDA, "", "", source), marker
        return Package(requirement.name, built[1] if built else "", PIP, "", "pypi", source), marker
    version, left = pinned(_ordered(str(requirement.specifier)), PIP)
    extras = {"extras": tuple(sorted(requirement.extras))} if requirement.extras else {}
    return Package(requirement.name, version, PIP, "", "pypi", source, {**extras, **old} or None, spec=left), marker


def _ordered(spec: str) -> str:
    return ",".join(sorted(filter(None, (term.strip() for term in spec.split(",")))))


def _legacy(text: str, source: str) -> Package | None:
    """Accept what pip took before 24.1 (``name==2.0-beta_x``) and conda's single ``=``, which people write.

    What begins with no digit (``==latest``) is no version to any of them.
    """
    matched = re.match(r"([A-Za-z0-9][\w.-]*?)(?:\[[^\]]*\])?\s*(===?|=)\s*(v?\d[\w.!+*-]*|\*)\s*\Z", text)
    if matched is None:
        return None
    version, left = pinned(f"{matched.group(2).rstrip('=') or ''}=={matched.group(3)}", PIP)
    single = {UNREADABLE: text, READABLE: readable(text)} if matched.group(2) == "=" else None
    return Package(matched.group(1), version, PIP, "", "pypi", source, single, spec=left)


# What follows a bound in its version, and pip reads no more from 24.1 on: >=1.16.*, >=2.0+cu118, >=1.12.
_AFTER_A_BOUND = re.compile(r"((?:[<>]=?)\s*v?\d+(?:\.\d+)*)(?:\.\*|\+[\w.]+|\.)(?=\s*(?:[,;)<>=!~]|\Z))")
_NO_COMMA = re.compile(r"(?<=[\w*])(?=(?:[<>!~]=?|==)\s*v?\d)(?<!\s)")


def readable(text: str) -> str:
    """Return a requirement, or its version part, with what old pips took and conda's ``=`` as every pip reads it."""
    spec, semicolon, marker = text.partition(";")
    spec = re.sub(r"(?<![<>=!~])=(?!=)", "==", spec, count=1)
    terms = re.search(r"[<>=!~]", spec)
    at = terms.end() + 1 if terms else len(spec)
    spec = spec[:at] + _NO_COMMA.sub(",", spec[at:])
    return _AFTER_A_BOUND.sub(r"\1", spec) + semicolon + marker


def relative(path: str, other: str) -> str:
    """Return a file that another one names, relative to it."""
    return other if os.path.isabs(other) or path == "-" else os.path.join(os.path.dirname(path), other)
