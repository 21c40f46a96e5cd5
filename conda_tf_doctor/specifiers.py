"""Ranges of versions: between the forms that conda and pip write, and joined."""

from __future__ import annotations

from . import versions
from ._light import re
from ._typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


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


def first_version(spec: str) -> str:
    """Return the version that a range names first (``>=8.1,<9`` is 8.1, ``==2.15.*`` 2.15): mostly its lower bound."""
    matched = re.match(r"[\s<>=!~]*([^\s,|*]*)", spec)
    return matched.group(1).rstrip(".") if matched else ""


def major_minor(version: str) -> str:
    """Return the first two numbers of a version; all of it where it has fewer."""
    return ".".join(version.split(".")[:2])


def with_globs(spec: str) -> str:
    """Return a PEP 440 range that conda reads alike: to it ``==4.21.*`` is 4.21 alone."""
    return re.sub(r"==(?=[\w.!+]*\*)", "", spec)


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
_SERIES = r"^=([\d.]*\d)(?:\.\*)?$"
_ONE_SERIES = r"[\d.]+\.\*"


def _excludes(text: str) -> bool:
    """Tell whether no version is all of what has to hold together: two of its series, or a series and a range."""
    series = [f"=={term}" if re.fullmatch(_ONE_SERIES, term) else term for term in text.split(",")]
    lower, upper, _ = bounds(",".join(series))
    if lower and upper and not _admits_any(lower, upper):
        return True
    exact = [term for term in text.split(",") if term[:1].isdigit() and "*" not in term]
    if any(not versions.conda_contains(term, version) for version in exact for term in text.split(",")):
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

    In a version spec ``,`` binds before ``|``, so alternatives are multiplied out, not joined. To libmamba it is the
    other way round, and no parentheses reach it from conda: sorted alternatives, each from its lower bound to its upper
    one, are the same to both (``>=1,<2|>=3,<4`` is ``>=1,(<2|>=3),<4`` as well).
    """
    written: list[str] = []
    for spec in specs:
        text = spec.replace(" ", "")
        written += [part.strip("()") for part in re.split(r",(?=\()|(?<=\)),", text)] if "(" in text else [text]
    alternatives: list[tuple[str, ...]] = [()]
    for text in dict.fromkeys(filter(None, written)):
        alternatives = [(*left, *right.split(",")) for left in alternatives for right in dict.fromkeys(text.split("|"))]
    found = list(dict.fromkeys(map(_tight, alternatives)))
    found = [text for text in found if not _excludes(text)] or found
    is_mixed = len(found) > 1 and any("," in text for text in found)
    return "|".join(_ascending(found) if is_mixed else found)


class _Span(NamedTuple):
    """An alternative as versions from one to another: its text, and its ends as they sort."""

    text: str
    low: tuple[object, ...]
    high: tuple[object, ...]


def _between(lower: str, upper: str, text: str = "") -> _Span:
    low, high = lower.lstrip(">="), upper.lstrip("<=")
    return _Span(
        text or ",".join(filter(None, (lower, upper))),
        (1, versions.key(low), "=" not in lower) if low else (0,),
        (1, versions.key(high), "=" in upper) if high else (2,),
    )


def _spans(text: str) -> list[_Span]:
    """Return what an alternative admits, cut at what it excludes; nothing where that is not known."""
    terms = text.split(",")
    series = [term for term in terms if re.fullmatch(_ONE_SERIES, term)]
    lower, upper, others = bounds(",".join(f"=={term}" if term in series else term for term in terms))
    if len(terms) == 1 and re.fullmatch(r"\d[^*]*", text):
        return [_between(f">={text}", f"<={text}", text)]
    if not all(term.startswith("!=") and "*" not in term for term in others):
        return []
    for term in series:
        begin, end, _ = bounds(f"=={term}")
        if (begin, end) == (lower, upper) and not others:
            return [_between(lower, upper, term)]
        upper = f"{upper}.0a0" if upper == end else upper
    found = []
    for version in sorted((term[2:] for term in others), key=versions.key):
        if versions.conda_contains(",".join(filter(None, (lower, upper))), version):
            found.append(_between(lower, f"<{version}"))
            lower = f">{version}"
    return [*found, _between(lower, upper)]


def _ascending(alternatives: Sequence[str]) -> Sequence[str]:
    """Return alternatives in the order of their versions, without what another one has; as they are where unknown."""
    found = [_spans(text) for text in alternatives]
    if not all(found):
        return alternatives
    spans = [span for each in found for span in each]
    # Of those that begin together the widest comes first.
    spans.sort(key=lambda span: span.high, reverse=True)
    spans.sort(key=lambda span: span.low)
    kept: list[_Span] = []
    for span in spans:
        if not kept or span.high > kept[-1].high:
            kept.append(span)
    return [span.text for span in kept]


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


# A condition with nothing but numbers: what sorts before a release, or is somebody's own build, is not judged here.
_OF_NUMBERS = r"(?:===?|!=|~=|>=|<=|=|>|<)?\d+(?:\.\d+)*(?:\.?\*)?"


def is_empty(spec: str, contains: Callable[[str, str], bool]) -> bool:
    """Tell whether no version at all is what a range asks for (``>=3,<2``, ``==1.26.0,<1.24``).

    Args:
        spec: Its conditions, joined by commas; alternatives are never judged, nor is what is no plain number.
        contains: How its notation is read: :func:`~conda_tf_doctor.versions.contains`, or conda's.
    """
    terms = spec.replace(" ", "").split(",")
    if len(terms) < 2 or not all(re.fullmatch(_OF_NUMBERS, term) for term in terms):
        return False
    numbers = {tuple(map(int, re.findall(r"\d+", term))) for term in terms}
    return not any(contains(spec, point) for number in numbers for point in _around(number))


def _around(number: Sequence[int]) -> Iterator[str]:
    """Yield a version, what comes right after and before it, and the same of the end of its series.

    Between two versions lies one that is right after the first, so that these decide every range made of them.
    """
    *head, last = number
    for end in (last, last + 1):
        version = ".".join(map(str, (*head, end)))
        yield from (version, f"{version}.0.0.0.1")
    below = [*head, last]
    while below and not below[-1]:
        below.pop()
    if below:
        below[-1] -= 1
        yield ".".join(map(str, (*below, 99999)))


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
