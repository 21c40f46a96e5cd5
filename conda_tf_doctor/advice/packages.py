"""Advice about the Python packages beside TensorFlow: TFD601, TFD602, TFD608, TFD609."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import find
from ..environment.facts import CONDA, PIP
from ..environment.tensorflow import OWNERS, owners
from ..findings import Fix
from ..installers import ANEW, pip_install, pip_uninstall
from ..matrix.model import PYPI
from ..names import PIP_TO_CONDA
from .formats import BOTH_PROTOBUFS, PURE
from .make import (
    FORGE,
    by_pip,
    minor_of,
    spelled,
    working,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..context.context import Context
    from ..environment.facts import Package


_STRICT = re.compile(r"strict (?:repo|channel) priority", re.IGNORECASE)


def metal(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD609: the pair of tensorflow-metal and TensorFlow that Apple released together."""
    minor = minor_of(context)
    rows = context.matrix.builds("tensorflow-metal", platform="osx-arm64")
    name = context.tensorflow.name if context.tensorflow else "tensorflow"
    gone = "Or python -m pip uninstall tensorflow-metal, and use the CPU."
    fitting = [row.tensorflow for row in rows if minor and versions.contains(row.for_tensorflow, f"{minor}.0")]
    there = find(context, "tensorflow-metal")
    if fitting and versions.contains("<2.20", f"{minor}.0"):
        if there and there.version == fitting[-1] and context.tensorflow:
            both = [f"{name}=={context.tensorflow.version}", f"tensorflow-metal=={fitting[-1]}"]
            return by_pip(both, f"They go together: install both anew. {gone}", ANEW)
        return by_pip([f"tensorflow-metal=={fitting[-1]}"], gone)
    wanted = next((row.for_tensorflow for row in rows if there and row.tensorflow == there.version), ">=2.18")
    spec = wanted if "<" in wanted or "==" in wanted else f"{wanted},<2.20"
    if not context.matrix.wheels.newest(name, spec, context.env.platform):
        name = "tensorflow"  # tensorflow-macos has ended with 2.16
    return by_pip([f"{name}{spec}", "tensorflow-metal>=1.1"], gone)


def one_owner(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD601: what conda and pip both own, of conda."""
    if uninstall := said.get("uninstall", ""):
        return _not_pips(context, uninstall)
    env = context.env
    twice = [p.name for p in env.packages if p.manager == PIP and env.conda(p.name) is not None]
    name = next((n for n in twice if re.search(rf"\b{n}\b", env.error_text)), twice[0] if twice else "numpy")
    return of_conda_alone(context, said["names"].split() if "names" in said else [name])


def _not_pips(context: Context, name: str) -> Fix:
    """Return what lets pip install over a package whose files it has no list of."""
    own = PIP_TO_CONDA.get(name, name)
    record = context.env.conda(name)
    by_pip_alone = pip_install([name], "--ignore-installed", "--no-deps")
    if record is not None or re.search(r"conda", context.env.error_text):
        return Fix(
            commands=(("conda", "update", own),),
            note=f"Then what pip was asked for, again. Where conda has no newer {own}: {' '.join(by_pip_alone)}.",
        )
    return Fix(
        commands=(by_pip_alone,),
        note="Then what pip was asked for, again. An environment of its own (python -m venv, conda create) has none of "
        "the system's packages in the way.",
    )


def of_conda_alone(context: Context, names: Sequence[str]) -> Fix:
    """Return the fix that leaves packages to conda, each in the version of its record where that one works.

    pip removes one copy at a time, whichever it finds first: conda's is taken away by conda, and put back.
    """
    specs = []
    for name in names:
        record, works = context.env.conda(name), working(context, name)
        version = record.version if record else ""
        fits = version and versions.contains(works, version)
        specs.append(f"{PIP_TO_CONDA.get(name, name)} {f'=={version}' if fits else works}".strip())
    return Fix(
        note="Remove both copies, then let conda install its own.",
        commands=(
            ("conda", "remove", "--force", *(spec.split()[0] for spec in specs)),
            pip_uninstall(names),
            ("conda", "install", *map(spelled, specs)),
        ),
    )


# What lets a TensorFlow without CUDA use a GPU; each goes with few releases.
_PLUGINS = ("tensorflow-directml-plugin", "tensorflow-metal")


def of_plugin(context: Context, packages: Sequence[Package]) -> str:
    """Return which of several distributions an installed plugin for the GPU goes with, as a requirement; else empty.

    Args:
        context: The environment beside the matrix.
        packages: Pip's distributions that share a folder.
    """
    for plugin in filter(None, map(context.env.package, _PLUGINS)):
        for row in context.matrix.builds(plugin.name, plugin.version, PYPI, context.env.platform):
            fits = (p for p in packages if p.version and versions.contains(row.for_tensorflow or "<0", p.version))
            if its := next(fits, None):
                return f"{its.name}=={its.version}"
    return ""


def gpu_build(context: Context, packages: Sequence[Package]) -> str:
    """Return what of several distributions comes back where one of them is there for CUDA.

    Args:
        context: The environment beside the matrix.
        packages: Pip's distributions that share a folder.

    Returns:
        The requirement of the newest of their releases that has a build with CUDA here; empty where none is known, or
        where nobody asked for one.
    """
    gpu = next((package for package in packages if package.name == "tensorflow-gpu"), None)
    if gpu is None:
        return ""
    platform = context.env.platform
    there = sorted({package.version for package in packages if package.version}, key=versions.key, reverse=True)
    if not there:
        # The newest, for the GPU as it was.
        return "tensorflow[and-cuda]" if platform == "linux-64" else ""
    for version in there:
        # The package tensorflow has CUDA from 1.15 on, and 2.0 had it in the other one alone.
        for name in ("tensorflow", gpu.name):
            rows = context.matrix.builds(name, version, PYPI, platform)
            here = context.matrix.wheels.has(name, version, platform, context.env.python.version)
            if here is not False and any(row.variant == "gpu" for row in rows):
                return f"{name}=={version}"
    return ""


def one_distribution(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD602: uninstall what shares the folder, remove the rest of it, install one."""
    present = [p for p in owners(context.env) if p.manager != CONDA]
    first = f"{present[0].name}=={present[0].version}".removesuffix("==") if present else "tensorflow"
    kept = of_plugin(context, present) or gpu_build(context, present) or first
    names = dict.fromkeys((*(p.name for p in present), "tensorflow", "tensorflow-estimator"))
    return Fix(
        commands=(
            pip_uninstall(names),
            pip_install([kept], "--no-cache-dir"),
        ),
        note="Uninstall all of them, delete what is left of the folder tensorflow in site-packages, then install one.",
    )


def one_channel(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD608: what was mixed, of one channel."""
    if "protobuf" in context.env.error_text:
        return Fix(commands=(BOTH_PROTOBUFS,), note=f"Both of one channel. {PURE}")
    if _STRICT.search(context.env.error_text):
        wanted = next((p for p in context.env.requested if p.name in OWNERS), None) or context.tensorflow
        name = f"{wanted.name}={wanted.version}".rstrip("=") if wanted else "tensorflow"
        flexible = ("conda", "config", "--set", "channel_priority", "flexible")
        return Fix(commands=(flexible, ("conda", "install", name)), note="Or ask one channel alone for all of it.")
    home = (context.tensorflow.channel if context.tensorflow else "") or FORGE
    again = ("conda", "install", "--override-channels", "-c", home, "tensorflow")
    strict = ("conda", "config", "--env", "--set", "channel_priority", "strict")
    return Fix(commands=(strict, again), note="Or make a fresh environment of that channel alone.")
