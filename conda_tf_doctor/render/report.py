"""Collects the facts of an environment into a report that others can check (``report``)."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..binaries.closure import CORRUPT, MISSING
from ..binaries.header import read_header
from ..context.binaries import VC_RUNTIME, runtime_is_lost
from ..context.context import Context
from ..environment.facts import Environment, Package
from ..environment.gencode import generated_code
from ..environment.gpu import find_dll, was_asked_for
from ..environment.stack import STACK
from ..environment.tensorflow import CONDA_PARTS, OWNERS
from ..findings import is_of_disk
from .mask import mask, masker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..findings import Finding
    from ..matrix.matrix import Matrix

SCHEMA_VERSION = 1
# Packages whose own dependencies rules read: TensorFlow's stack, CUDA, the runtimes below them.
_STACK_PREFIXES = (
    "tensor", "libtensor", "tf-", "_tflow", "keras", "cuda", "cudnn", "libcu", "libcudnn", "nvidia", "nccl", "libnv",
    "vc", "vs20", "ucrt", "libzlib", "zlib", "libstdcxx", "libgcc", "python", "numpy", "protobuf", "libprotobuf",
    "h5py",
)  # fmt: skip
# Fields that hold no path and no URL.
_PLAIN = ("name", "version", "build", "manager", "machine", "bits", "imports", "missing")


def collect(
    env: Environment,
    matrix: Matrix,
    error_text: str = "",
    masked: bool = True,
    findings: Iterable[Finding] | None = None,
) -> dict[str, Any]:
    """Return the report of an environment.

    Args:
        env: The facts of a prefix on this disk.
        matrix: The compatibility matrix; it tells which binaries are TensorFlow's.
        error_text: What the user saw.
        findings: What was found in it: the report keeps what only its disk tells. Left out, it says nothing of that.
        masked: Whether user names, home folders, tokens and passwords are masked.

    Returns:
        The document; what is unknown is absent.
    """
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "collected_by": f"conda-tf-doctor {__version__}",
        "platform": env.platform,
        "prefix": env.prefix or env.path,
        "python": _present(version=env.python.version, bits=env.python.bits, machine=env.python.machine),
        "packages": [_package(package) for package in env.packages],
        "complete": True,
        "requested": [_package(package) for package in env.requested],
        "virtual_packages": dict(env.virtual_packages),
        "system": _system(env),
        "env_vars": _variables(env),
        "binaries": _binaries(env, matrix),
        "working_folder": list(env.working_folder),
        "user_site": [_package(package) for package in env.user_site],
    }
    if env.path_packages:
        document["path_packages"] = [_package(package) for package in env.path_packages]
    if findings is not None:
        document["findings"] = [finding.to_json() for finding in findings if is_of_disk(finding)]
    generated = generated_code(env)
    if generated:
        document["generated_code"] = [
            {"package": name, "protobuf": spec, "file": file} for name, (spec, file) in generated.items()
        ]
    if error_text:
        document["error_text"] = error_text
    # Reading lazily, above, may have noted more.
    document["notes"] = [{"path": note.path, "message": note.message} for note in env.notes]
    if masked:
        document = mask(document, masker(), _PLAIN)
    return document


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", 0, (), {}, [])}


def _is_stack(package: Package) -> bool:
    name = package.name
    return name in STACK or name in OWNERS or name in CONDA_PARTS or name.startswith(_STACK_PREFIXES)


def _package(package: Package) -> dict[str, Any]:
    row = _present(
        name=package.name,
        version=package.version,
        build=package.build,
        channel=package.channel,
        manager=package.manager,
    )
    if _is_stack(package):
        row |= _present(depends=list(package.depends), constrains=list(package.constrains))
        asked_for = was_asked_for(package)
        if asked_for is not None:
            row["asked_for"] = asked_for
    return row


def _variables(env: Environment) -> dict[str, str]:
    """Return the variables; those of a process in another environment, which is active in no shell, say in which."""
    found = dict(env.env_vars)
    if found and not found.get("CONDA_PREFIX") and os.path.realpath(sys.prefix) != os.path.realpath(env.prefix):
        found["CONDA_PREFIX"] = sys.prefix
    return found


def _system(env: Environment) -> dict[str, Any]:
    system = env.system
    name = system.os
    if env.this_machine:
        name = f"{platform.system()} {platform.release()}".strip() or name
    return _present(
        os=name,
        machine=system.machine,
        cpu_model=system.cpu_model,
        cpu_features=dict(system.cpu_features),
        gpu=system.gpu,
        cuda_driver=system.cuda_driver,
        cuda_installed=list(system.cuda_installed),
        cudnn_installed=list(system.cudnn_installed),
        vc_runtime=system.vc_runtime,
        vc_redistributable=system.vc_redistributable,
    )


def _binaries(env: Environment, matrix: Matrix) -> list[dict[str, Any]]:
    """Return the images that TensorFlow's modules load, as far as they are files."""
    context = Context(env, matrix)
    if context.tensorflow is None:
        return []
    rows = _by_name(env)
    facts = context.binaries
    if facts is None or facts.closure is None:
        return rows

    told = {module.name.lower() for module in facts.closure.modules}
    around = [module for module in facts.needed_beside() if module.name.lower() not in told and module.kind != MISSING]
    for module in (*facts.closure.modules, *around):
        if not module.path:
            continue
        lacking = [
            edge.imported.name
            for closure in (facts.closure, facts.beside)
            if closure is not None
            for edge in closure.imports(module)
            if edge.imported.kind == MISSING and not edge.optional and not edge.imported.optional
        ]
        if not facts.at_hand:
            # What System32 may have is unknown, and says nothing.
            lacking = [name for name in lacking if not VC_RUNTIME.match(name) or runtime_is_lost(context, [name])]
        image = module.image
        rows.append(
            {
                "path": _relative(env, module.path),
                **_present(
                    machine=module.machine,
                    bits=image.bits if image else 0,
                    version=module.version,
                ),
                "imports": [imported.name for imported in image.imports] if image else [],
                "missing": sorted(set(lacking)),
                "problem": module.problem if module.kind == CORRUPT else None,
            }
        )
    return rows


def _by_name(env: Environment) -> list[dict[str, Any]]:
    """Return the DLLs that nothing imports, and a rule looks for by name."""
    path = find_dll(env, "zlibwapi.dll") if env.os == "win" else ""
    if not path:
        return []
    try:
        header = read_header(path)
    except OSError:
        return []
    known = _present(machine=header.machine, bits=header.bits)
    return [{"path": _relative(env, path), **known, "imports": [], "missing": [], "problem": None}]


def _relative(env: Environment, path: str) -> str:
    if os.path.normcase(path).startswith(os.path.normcase(env.prefix) + os.sep):
        return os.path.relpath(path, env.prefix).replace(os.sep, "/")
    return path
