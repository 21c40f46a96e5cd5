"""TFD703 and TFD704: what Python finds before the environment's own packages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ...advice import advise
from ...context.context import Context
from ...environment.facts import Package
from ...environment.machine import MODULES
from ...environment.site import brought_by_python_path
from ...environment.stack import STACK
from ...environment.tensorflow import OWNERS
from ...environment.unrecorded import top_module
from ...findings import CERTAIN, ERROR, LIKELY, WARNING, Finding, open_question
from ...versions import contains
from ..packages.packages import packages

_SUFFIXES = (".py", ".pyc", ".so", ".pyd")
# What ends `import tensorflow`, or the first layer of Keras, where a file of one's own stands in its place. Measured
# with 2.8.4, 2.10.1, 2.12.1, 2.15.1, 2.18.1 and 2.20.0: they import the others late, or live without.
_FATAL = frozenset({"absl", "flatbuffers", "gast", "keras", "ml_dtypes", "numpy", "packaging", "tensorflow", "wrapt"})
# Whole packages: on PYTHONPATH such a file may well be the thing itself.
_FATAL_BESIDE_THE_SCRIPT = frozenset({"six", "typing_extensions"})
_FATAL_TO_KERAS_3 = frozenset({"namex", "optree", "rich"})


def python_path(context: Context) -> Iterator[Finding]:
    """Run both rules."""
    if context.tensorflow is None:
        return
    yield from _user_site(context)
    yield from _local_modules(context)


def _user_site(context: Context) -> Iterator[Finding]:
    env = context.env
    replaced = _replaced(context, env.user_site)
    if not replaced:
        return
    names = ", ".join(f"{p.name} {p.version}" for p, _ in replaced)
    instead = ", ".join(f"{own.name} {own.version}" for _, own in replaced if own) or "none"
    broken = _broken_by(context, env.user_site, [package for package, _ in replaced])
    first = next((p for p, _ in replaced if broken and p.name == broken.package), replaced[0][0])
    yield Finding(
        "TFD703",
        ERROR if broken else WARNING,
        f"The user site comes before the environment and replaces {names} (the environment has {instead})."
        + (f" {broken.message}" if broken else ""),
        found=names,
        expected="nothing of TensorFlow's stack in the user site",
        evidence=tuple(p.source for p, _ in replaced),
        source="site.py: the user site precedes site-packages on sys.path" + (f"; {broken.source}" if broken else ""),
        package=first.name,
        confidence=CERTAIN,
        # By name: a report tells no place.
        fix=advise("TFD703", context, {"file": f"site-packages/{first.name.replace('-', '_')}"}),
    )


def _replaced(context: Context, outside: Iterable[Package]) -> list[tuple[Package, Package | None]]:
    """Return the packages of the stack that come from outside in another version than the environment's, with that."""
    replaced = []
    for package in outside:
        own = context.env.package(package.name) if package.name in STACK else None
        if own is None and package.name not in OWNERS:
            continue
        if own is None or own.version != package.version:
            replaced.append((package, own))
    return replaced


def _broken_by(context: Context, outside: list[Package], replacing: Iterable[Package]) -> Finding | None:
    """Return the first error about packages that something outside puts before the environment's own."""
    env = context.env
    names = {package.name for package in outside}
    if not names.isdisjoint(OWNERS):
        return None  # of another TensorFlow neither the build nor its generated code was looked at
    seen = env.having([*(package for package in env.packages if package.name not in names), *outside])
    changed = {package.name for package in replacing}
    found = packages(Context(seen, context.matrix))
    return next((finding for finding in found if finding.severity == ERROR and finding.package in changed), None)


def _local_modules(context: Context) -> Iterator[Finding]:
    env = context.env
    replaced = [package for package, _ in _replaced(context, env.path_packages)]
    for name in env.working_folder:
        base = os.path.basename(name.rstrip("/\\").replace("\\", "/"))
        stem = base.split(".")[0]
        is_file = base.endswith(_SUFFIXES)
        # A report may list all that is there: tensorflow.ipynb and numpy.libs are no modules.
        if stem not in MODULES or (base != stem and not is_file):
            continue
        listed = brought_by_python_path(env, name)
        certain = is_file and (env.started_here or bool(listed)) and _is_needed(context, stem, listed)
        replacing = [package for package in replaced if top_module(package.name) == stem]
        broken = _broken_by(context, env.path_packages, replacing) if listed and not is_file and replacing else None
        when = f", wherever it is started: PYTHONPATH names {listed}." if listed else ""
        yield Finding(
            "TFD704",
            ERROR if certain or broken else WARNING,
            f"{name} hides the module {stem} of the same name: Python imports it instead"
            + (when or " when it is started in this folder.")
            + (f" {broken.message}" if broken else ""),
            found=name,
            expected=f"no file or folder named {stem} in the working folder or on PYTHONPATH",
            evidence=(name, "env_vars.PYTHONPATH") if listed else (name,),
            source="sys.path begins with the script's folder (or the working folder) and PYTHONPATH",
            package=stem,
            confidence=CERTAIN if certain or broken else LIKELY,
            fix=advise("TFD704", context, {"file": name}),
        )


def _is_needed(context: Context, module: str, listed: str) -> bool:
    """Tell whether the import of TensorFlow fails where a file is found for a module; PYTHONPATH may have listed it."""
    env = context.env
    if module in _FATAL_TO_KERAS_3:
        return any(package.name == "keras" and contains(">=3", package.version) for package in env.packages)
    if module not in (_FATAL if listed else _FATAL | _FATAL_BESIDE_THE_SCRIPT):
        return False
    wants = context.build.requires if context.build else [package.name for package in env.packages]
    return module in ("tensorflow", "numpy") or module in map(top_module, wants)


def open_modules(context: Context) -> Iterator[Finding]:
    """Ask for what Python may import instead of the environment's own, TFD704 and TFD703."""
    env = context.env
    if not env.working_folder:
        text = "The report does not say which files lie beside the script."
        yield open_question("TFD704", text, "", "the names of files in the working folder", "", "tensorflow")
    if not env.user_site and not env.env_vars:
        text = "The report does not say what the user site holds."
        yield open_question("TFD703", text, "", "`python -m pip list --user`", "", "tensorflow")
