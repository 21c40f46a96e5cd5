"""Advice about the smaller packages that TensorFlow imports: TFD611, and what a solver could not add to."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import find
from ..environment.facts import PIP
from ..environment.tensorflow import OWNERS
from ..findings import Fix
from ..installers import ANEW
from ..matrix.model import PYPI
from ..names import normalise
from ..specifiers import joined
from .make import asking, before, by_pip, change, fresh, in_a_channel, needed, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# Modules that are imported under another name than their distribution's.
_DISTRIBUTIONS = {
    "absl": "absl-py", "google": "google-auth", "grpc": "grpcio", "pkg-resources": "setuptools",
    "distutils": "setuptools", "attr": "attrs", "clang": "libclang",
}  # fmt: skip
SOLVER = re.compile(
    r"UnsatisfiableError|The following packages? (?:are incompatible|could not be installed)|problems while solving"
    r"|Could not solve for|failed to solve"
)
_OF_KERAS_3_ALONE = ("namex", "optree", "rich")
# Where the message alone says which side of a range it is.
_KNOWN_RANGES = (
    (r"formatargspec", "wrapt", ">=1.14"),
    (r"_DictWrapper", "wrapt", "<1.15"),
    (r"distutils'? has no attribute 'version", "setuptools", "<59.6"),
    (r"gast'? has no attribute|Index\(\) |AutoGraph", "gast", "==0.2.2"),
    (r"float8_e4m3b11\b", "ml-dtypes", "<0.3"),
    (r"ml_dtypes'? has no attribute '(?:float[46]|float8_e(?:3m4|4m3'|8m0)|u?int[12]')", "ml-dtypes", ">=0.5"),
    (r"ml_dtypes'? has no attribute", "ml-dtypes", ">=0.3.1"),
    (r"TypeVar|typing_extensions", "typing-extensions", ">=4.6"),
    (r"pkg_resources", "setuptools", "<81"),
    (r"collections'?\b.*(?:Mapping|Iterable|Callable)", "werkzeug", ">=1"),
)  # fmt: skip


# Parts of Python, and the minor that has them no more: What's New In Python 3.12 and 3.13.
_LEFT_PYTHON = {
    **dict.fromkeys(("imp", "asynchat", "asyncore", "smtpd"), "3.12"),
    **dict.fromkeys(("cgi", "cgitb", "crypt", "imghdr", "pipes", "sndhdr", "telnetlib", "uu", "xdrlib"), "3.13"),
}


_DECLARED = "What is declared is narrower than what works: where TensorFlow imports, nothing has to be done."


# tensorflow-probability 0.22 to 0.25 take dtypes.prng_key, which came with 0.4.16, and interpreters.xla's
# pytype_aval_mappings, which jax 0.7 removed (its sources; 0.22.0 was run with jax 0.6.2).
_JAX_OF_PROBABILITY = ">=0.4.16,<0.7"


def by_itself(context: Context) -> Fix | None:
    """Return an environment of its own for the TensorFlow that conda's solver was asked for and could not add."""
    asked = next((p for p in context.env.requested if p.name in OWNERS and p.manager != PIP), None)
    if asked is None or not SOLVER.search(context.env.error_text):
        return None
    there = context.tensorflow is not None and not context.tensorflow.requested
    minor = "" if there else context.env.python.minor
    version = in_a_channel(context, asked.version)
    wanted = f"{asked.name}={version}" if version else f"{asked.name}{asked.spec}"
    return Fix(commands=fresh(minor, wanted), note="In an environment of its own nothing else is in the way.")


def _both_accept(one: str, other: str) -> bool:
    """Tell whether a version that one of two requirements names is one that the other accepts."""
    pinned = [(spec, asked) for spec, asked in ((one, other), (other, one)) if spec.startswith("==")]
    return any(versions.contains(asked, spec[2:]) for spec, asked in pinned)


def _other_extra(context: Context, said: Mapping[str, str], name: str) -> Fix:
    """Return the release whose extra asks for a CUDA wheel that the other asker of a refusal accepts."""
    own = f"{said['owner']}[and-cuda]"
    asking_for = re.compile(
        r"\b([A-Za-z][\w.-]*)(?:\[[\w,-]+\])?(?:(?:==| )\(?[\w.]+\)?)? depends on "
        rf"{re.escape(name)} ?\(?([<>=!~\d][^)\s;]*)"
    )
    # Poetry writes an exact version without its ==.
    others = [
        f"=={spec}" if spec[0].isdigit() else spec
        for asker, spec in asking_for.findall(context.env.error_text)
        if asker != said["owner"]
    ]
    wheels = {
        row.tensorflow: wheel.removeprefix(name).partition(";")[0].strip()
        for row in context.matrix.builds("tensorflow", channel=PYPI, platform="linux-64")
        for wheel in row.nvidia
        if re.match(rf"{re.escape(name)}[<>=]", wheel) and not row.prerelease
        if context.env.python.minor in ("", *row.python)
    }
    fitting = [v for v, spec in wheels.items() if others and all(_both_accept(spec, other) for other in others)]
    leave = f"Or leave the extra [and-cuda] out, where the other brings CUDA ({name}) already."
    if not fitting:
        return Fix(note=f"No release of {own} asks for such a {name}. {leave}")
    # 2.16 does not find what pip installs.
    ordered = sorted(fitting, key=lambda v: (versions.minor(v) == "2.16", versions.key(v)))
    later = [v for v in ordered if versions.key(v) > versions.key(said["version"])]
    near = versions.minor((later or ordered)[0])
    return by_pip([f"{own}=={near}.*"], leave)


def dependency(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD611: the package that the message names, in the range that works."""
    text = context.env.error_text
    if alone := by_itself(context):
        return alone
    if said.get("package", "").startswith("jax") or re.search(r"packages[\\/]jax[\\/]", text):
        # From 0.9 on they need numpy 2, which TensorFlow's own modules may not load with.
        where = context.env.platform, context.env.python.minor
        below = _JAX_OF_PROBABILITY if find(context, "tensorflow-probability") else "<0.9"
        both = [f"{n}{below}" for n in ("jax", "jaxlib") if context.matrix.wheels.newest(n, below, *where)]
        return by_pip(both, "Both of one release, which TensorFlow imports where they are.", ("--upgrade",))
    if "Could not find a version that matches" in text:
        owners = dict.fromkeys(re.findall(r"\(from ([A-Za-z][\w.-]*)", text))
        who = f" Those of {', '.join(owners)} are put together in it." if owners else ""
        return Fix(
            note=f"No {said['name']} is {said['needs']}.{who} Name no release of all of these but one, and let the "
            "installer choose the others for it; or leave one of them out."
        )
    module = normalise((said.get("package", "") or said.get("name", "")).split(".")[0])
    name = _DISTRIBUTIONS.get(module, module)
    if name.startswith("nvidia-") and said.get("owner"):
        return _other_extra(context, said, name)
    if asked := needed(said, name):
        # What an installer says of one release, no import has failed on.
        there, works = find(context, name), working(context, name)
        known = works and not (there and there.version and versions.contains(works, there.version))
        return change(context, {name: works if known else asked}, _DECLARED)
    for pattern, name, spec in _KNOWN_RANGES:
        if re.search(pattern, text):
            works = working(context, name)
            if name == "gast" and before(context, "2.2") is False:
                spec = works or ">=0.3.3"
            return change(context, {name: joined(works, spec) if works else spec})
    if module in _LEFT_PYTHON:
        return Fix(
            commands=fresh("3.11", pip=("tensorflow",)),
            note=f"{module} was a part of Python until {_LEFT_PYTHON[module]}, and no package brings it: take a "
            f"release of {asking(context) or 'what asks for it'} for this Python, or an environment with an older one.",
        )
    name = _DISTRIBUTIONS.get(module, module)
    if not name or name in OWNERS:
        return Fix(note="Install the dependency that the message names, in the range that works with this TensorFlow.")
    works = working(context, name)
    if name in _OF_KERAS_3_ALONE:
        # Keras itself, installed again with its requirements, would bring another numpy too.
        return by_pip(_OF_KERAS_3_ALONE, "Keras 3 needs them, and was installed without what it requires.")
    there = find(context, name)
    fits = not works or (there and there.version and versions.contains(works, there.version))
    if re.search(rf"No module named ['\"]?{re.escape(module.replace('-', '_'))}\.\w", text) and module != "google":
        # The package itself was found: a part of it is missing.
        whole = f"{name}=={there.version}" if there and there.version else f"{name}{works}"
        return by_pip([whole], "It is there, and not whole: write its files anew.", ANEW)
    if fits and re.search(rf"cannot import name [^\n]*\b{re.escape(module.replace('-', '_'))}\b", text):
        exact = f"{name}=={there.version}" if there and there.version else name
        return by_pip([exact], "Files of it are missing, or are of another release: write them anew.", ANEW)
    if not works and "No module named" not in text:
        return by_pip([name], "Its newest release.", ("--upgrade",))
    if "RECORD file not found" in text:
        # What is left of it counts as installed for pip, and has no list of files to take away.
        again = ("--ignore-installed", "--no-deps")
        return by_pip([f"{name}{works}"], "What is left of it is in pip's way, which writes over it so.", again)
    return change(context, {name: works})
