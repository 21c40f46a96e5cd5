"""Ranges of versions: between the forms that conda and pip write, and joined."""

from __future__ import annotations

from . import versions
from ._light import re
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def to_conda(spec: str) -> str:
    """Return a PEP 440 specifier set as the version part of a MatchSpec."""
    return spec.replace(" ", "").replace("||", "|").replace("===", "==").replace("==", "")


def to_pip(spec: str) -> str:
    """Return the version part of a MatchSpec as a PEP 440 specifier set; alternatives give the last one.

    Conda's ``11.2.*`` is ``==11.2.*``, its ``=11.2`` too, and ``<12.0a0`` means ``<12.0``.
    """
    terms = []
    for term in spec.split("|")[-1].split(","):
        term = term.strip()
        if not term or term == "*":
            continue
        if re.match(r"[<>!~]|==", term):
            terms.append(re.sub(r"a0$", "", term) if term[0] == "<" else term)
        elif term.startswith("="):
            terms.append(f"=={term[1:].rstrip('*').rstrip('.')}.*")
        else:
            terms.append(f"=={term}")
    return ",".join(terms)


def plain_number(version: str) -> str:
    """Return the leading number of what reports call a version (``10.1 Update 2``, ``10.0 (leftovers)``)."""
    matched = re.match(r"\D*(\d+(?:\.\d+)*)", version)
    return matched.group(1) if matched else ""


def major_minor(version: str) -> str:
    """Return the first two numbers of a version; all of it where it has fewer."""
    return ".".join(version.split(".")[:2])


def conda_range(spec: str) -> str:
    """Return a PEP 440 range as conda writes it."""
    return spec.replace("==", "").replace(" ", "").replace("||", "|")


def bounds(spec: str) -> tuple[str, str, list[str]]:
    """Return the lower bound, the upper bound and the other terms of a specifier set, each as written."""
    lower = upper = ""
    others = []
    for term in filter(None, (part.strip() for part in spec.split(","))):
        if term.startswith("~="):
            parts = term[2:].strip().split(".")
            head = parts[:-1]
            terms = (
                [">=" + ".".join(parts), "<" + ".".join([*head[:-1], str(versions.number(head[-1]) + 1)])]
                if head
                else [term]
            )
        elif term.startswith("==") and term.endswith(".*"):
            parts = term[2:-2].strip().split(".")
            terms = [">=" + ".".join(parts), "<" + ".".join([*parts[:-1], str(versions.number(parts[-1]) + 1)])]
        else:
            terms = [term]
        for each in terms:
            if each.startswith(">"):
                lower = _tighter(lower, each, 1)
            elif each.startswith("<"):
                upper = _tighter(upper, each, -1)
            elif each not in others:
                others.append(each)
    return lower, upper, others


# `=11.2`, which is 11.2.* by another name.
_SERIES = r"^=([\d.]+)$"


def _excludes(text: str) -> bool:
    """Tell whether no version is all of what has to hold together: two of its series, or a series and a range."""
    series = [f"=={term}" if re.fullmatch(r"[\d.]+\.\*", term) else term for term in text.split(",")]
    lower, upper, _ = bounds(",".join(series))
    if lower and upper and not _admits_any(lower, upper):
        return True
    named = [term.removesuffix(".*") for term in text.split(",") if term[:1].isdigit() and "*" not in term[:-1]]
    return any(not f"{one}.".startswith(f"{other}.") for one in named for other in named if len(one) >= len(other))


def _tight(terms: Iterable[str]) -> str:
    """Join conditions on a conda version that hold together, without those that another one implies."""
    kept = list(dict.fromkeys(re.sub(_SERIES, r"\1.*", term) for term in terms if term and term != "*"))
    exact = next((term for term in kept if term[:1].isdigit() and "*" not in term), "")
    if exact:
        kept = [term for term in kept if term == exact or not versions.conda_contains(term, exact)]
    lower, upper, others = bounds(",".join(kept))
    return ",".join(filter(None, (lower, upper, *others)))


def conda_all_of(specs: Iterable[str]) -> str:
    """Return the conda version spec that admits what all of these admit.

    In a version spec ``,`` binds before ``|``: alternatives are multiplied out, not joined. (Parentheses are conda's
    alone: libmamba does not read them.)
    """
    written: list[str] = []
    for spec in specs:
        text = spec.replace(" ", "")
        written += [part.strip("()") for part in re.split(r",(?=\()|(?<=\)),", text)] if "(" in text else [text]
    alternatives: list[tuple[str, ...]] = [()]
    for text in dict.fromkeys(filter(None, written)):
        alternatives = [(*left, *right.split(",")) for left in alternatives for right in dict.fromkeys(text.split("|"))]
    found = list(dict.fromkeys(map(_tight, alternatives)))
    return "|".join([text for text in found if not _excludes(text)] or found)


def _tighter(one: str, other: str, sign: int) -> str:
    if not one:
        return other
    left, right = versions.key(one.lstrip("<>=")), versions.key(other.lstrip("<>="))
    if left == right:
        return one if "=" not in one[:2] else other
    return one if (left > right) == (sign > 0) else other


def joined(*specs: str) -> str:
    """Return the tightest range that satisfies all specifier sets; the last one alone where they contradict.

    The first are what is declared, the last is what works: where no version satisfies both, what works counts.
    """
    specs = tuple(spec.split(";")[0].strip() for spec in specs if spec.strip())
    if not specs:
        return ""
    if any("||" in spec for spec in specs):
        return specs[-1]
    lower, upper, others = bounds(",".join(specs))
    if lower and upper and not _admits_any(lower, upper):
        return specs[-1]
    exact = [term[2:] for term in others if term.startswith("==")]
    if exact and not all(versions.contains(specs[-1], version) for version in exact):
        return specs[-1]
    if exact:
        return others[0]
    inside = [t for t in others if versions.contains(",".join(filter(None, (lower, upper))), t.lstrip("!=~"))]
    return ",".join(filter(None, (lower, _without_suffix(upper), *inside)))


def _admits_any(lower: str, upper: str) -> bool:
    low, high = versions.key(lower.lstrip("<>=")), versions.key(upper.lstrip("<>="))
    return low < high or (low == high and "=" in lower and "=" in upper)


def _without_suffix(upper: str) -> str:
    # <5.0.0dev means <5: conda and pip read the plain form alike.
    return re.sub(r"\.?(dev|a|rc)\d*$", "", upper)


def within(inner: str, outer: str) -> bool:
    """Tell whether a range lies within another one; ``none`` is the range of a package that is not there."""
    if "none" in (inner, outer) or "||" in inner + outer or not inner:
        return False
    low, high, exact = bounds(inner)
    outer_low, outer_high, _ = bounds(outer)
    version = next((term[2:] for term in exact if term.startswith("==")), "")
    if version:
        return versions.contains(outer, version)
    return (not outer_low or bool(low and _tighter(low, outer_low, 1) == low)) and (
        not outer_high or bool(high and _tighter(high, outer_high, -1) == high)
    )
