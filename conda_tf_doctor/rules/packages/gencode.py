"""TFD604: code that protobuf's compiler generated into an installed package, and a runtime that refuses it."""

from __future__ import annotations

from ... import versions
from ..._typing import TYPE_CHECKING
from ...context.promises import find, requirements
from ...environment.facts import PIP
from ...environment.gencode import TENSORFLOW, generated_code
from ...findings import ERROR, WARNING, Finding, Fix
from ...names import PIP_TO_CONDA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ...context.context import Context


def refused_code(context: Context, told: Collection[str]) -> Iterator[Finding]:
    """Report packages whose generated code the installed protobuf refuses, as their files say themselves.

    Args:
        context: The environment beside the matrix.
        told: Packages of which something was said already.
    """
    env, tensorflow = context.env, context.tensorflow
    protobuf = find(context, "protobuf")
    if tensorflow is None or protobuf is None or not protobuf.version:
        return
    for name, (spec, file) in generated_code(env).items():
        own = name == TENSORFLOW
        package = tensorflow.package if own else env.package(name)
        if package is None or name in told or (own and "protobuf" in told) or versions.contains(spec, protobuf.version):
            continue
        bound = "newer" if spec.startswith(">") else "older"
        declared = requirements(context).get("protobuf", "")
        yield Finding(
            "TFD604",
            ERROR if own else WARNING,
            f"{package.name} {package.version} has code generated for protobuf {spec}, and protobuf {protobuf.version} "
            "refuses it: what imports that code fails.",
            found=protobuf.version,
            expected=f"protobuf {spec}, or a release of {name} whose code is not {bound}",
            evidence=(file, protobuf.source or f"protobuf {protobuf.version}"),
            source=file,
            fix=_fix(name, spec, declared, protobuf.manager == PIP),
            package="protobuf",
        )


def _fix(name: str, spec: str, declared: str, by_pip: bool) -> Fix:
    from ...installers import pip_install
    from ...specifiers import bounds, first_version, joined

    lower, upper, _ = bounds(declared)
    version = first_version(spec)
    beyond = upper if spec.startswith(">") else lower
    if beyond and not versions.contains(beyond, version):
        return Fix(note=f"TensorFlow wants protobuf {declared}: install another release of {name}, made for that.")
    both = joined(declared, spec)
    if by_pip:
        return Fix(pip=(f"protobuf{both}",), commands=(pip_install([f"protobuf{both}"]),))
    spelled = PIP_TO_CONDA.get("protobuf", "protobuf")
    return Fix(pins=(f"{spelled} {both}",), commands=(("conda", "install", f"{spelled}{both}"),))
