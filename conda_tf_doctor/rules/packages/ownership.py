"""TFD601, 602, 608: who installed TensorFlow's stack, how often, and from where."""

from __future__ import annotations

import os

from ... import versions
from ..._typing import TYPE_CHECKING, Any
from ...advice import advise
from ...context.context import Context
from ...environment.facts import CONDA, PIP, Package
from ...environment.stack import STACK
from ...environment.tensorflow import CONDA_PARTS, OWNERS, of_one_version
from ...findings import CERTAIN, ERROR, INFO, LIKELY, WARNING, Finding, Fix

if TYPE_CHECKING:
    from collections.abc import Iterator

# What conda builds together: these are linked against each other, and each channel links them its own way.
_LINKED = (
    "tensorflow", "tensorflow-base", "libtensorflow", "libtensorflow-cc", "libtensorflow-framework", "tensorflow-gpu",
    "tensorflow-estimator", "protobuf", "libprotobuf", "libabseil", "abseil-cpp", "grpcio", "libgrpc", "h5py", "hdf5",
    "cudatoolkit", "cudnn", "snappy", "re2",
)  # fmt: skip
_RIVALS = ("conda-forge", "defaults")
# Several names for one import package, besides TensorFlow's own: the later installation wins file by file.
_TWINS = (
    ("tensorflow-estimator", "tf-estimator-nightly"),
    ("tensorboard", "tb-nightly"),
    ("keras", "keras-nightly"),
)


def _label(package: Package) -> str:
    return f"{package.name} {package.version}".strip() + (f" ({package.manager})" if package.manager else "")


def pip_conda_mix(context: Context) -> Iterator[Finding]:
    """TFD601: pip and conda both own TensorFlow, or a package of its stack."""
    env, tensorflow = context.env, context.tensorflow
    if tensorflow is None:
        return
    by_conda = [p for name in (*OWNERS, *CONDA_PARTS) for p in env.all_named(name) if p.manager == CONDA]
    by_pip = [p for name in OWNERS for p in env.all_named(name) if p.manager == PIP]
    if by_conda and by_pip:
        yield _tensorflow_twice(by_conda, by_pip)
    mixed = []
    for name in sorted(STACK - set(OWNERS)):
        owners = env.all_named(name)
        conda_one = next((p for p in owners if p.manager == CONDA), None)
        pip_one = next((p for p in owners if p.manager == PIP), None)
        if conda_one and pip_one:
            mixed.append((conda_one, pip_one))
    if mixed:
        names = ", ".join(pip_one.name for _, pip_one in mixed)
        yield Finding(
            "TFD601",
            WARNING,
            f"pip has written over conda's {names}; conda still believes in its own version, and the next "
            "transaction may mix the files of both.",
            found="; ".join(f"{_label(c)} and {_label(p)}" for c, p in mixed),
            expected="one owner for each package",
            evidence=tuple(p.source for pair in mixed for p in pair if p.source),
            source="conda-meta beside *.dist-info/INSTALLER",
            package=mixed[0][1].name,
            fix=advise("TFD601", context, {"names": " ".join(pip_one.name for _, pip_one in mixed)}),
        )


def _tensorflow_twice(by_conda: list[Package], by_pip: list[Package]) -> Finding:
    from ...installers import pip_install, pip_uninstall

    equal = of_one_version([*by_conda, *by_pip])
    return Finding(
        "TFD601",
        WARNING,
        f"conda and pip have both installed TensorFlow ({_label(by_conda[0])} and {_label(by_pip[0])}) into the same "
        "folder: its files are a mixture of the two" + (" builds." if equal else " versions."),
        found="; ".join(_label(package) for package in (*by_conda, *by_pip)),
        expected="TensorFlow from conda, or from pip, not both",
        evidence=tuple(p.source for p in (*by_conda, *by_pip) if p.source),
        source="conda-meta beside *.dist-info/INSTALLER",
        package=by_pip[0].name,
        confidence=LIKELY,
        fix=Fix(
            note="Remove both, then install one of them.",
            commands=(
                pip_uninstall(p.name for p in by_pip),
                ("conda", "remove", "--force", *dict.fromkeys(p.name for p in by_conda)),
                pip_install([f"{by_pip[0].name}=={by_pip[0].version}"]),
            ),
        ),
    )


def duplicate_distributions(context: Context) -> Iterator[Finding]:
    """TFD602: several of pip's distributions own the same import package."""
    env = context.env
    if context.tensorflow is None:
        return
    found = context.rivals
    if len(found) > 1:
        finding = _duplicate(context, "tensorflow", found)
        broken = [] if of_one_version(found) else _broken_files(context)
        known = _over_each_other(context, found)
        if known and not broken:
            finding = finding._replace(
                severity=ERROR,
                message=f"{' and '.join(_label(p) for p in found)} lie over each other in one folder, and `import "
                f"tensorflow` fails: {known['how']}.",
                evidence=(*finding.evidence, *known["evidence"]),
                source=f"works: {known['id']}",
                known=True,
            )
        if broken:
            finding = finding._replace(
                severity=ERROR,
                confidence=CERTAIN,
                message=f"{' and '.join(_label(p) for p in found)} lie over each other in one folder, and their files "
                f"do not fit together: {broken[0].message}",
                evidence=(*finding.evidence, *broken[0].evidence[:1]),
            )
        yield finding
    for twins in _TWINS:
        found = [p for name in twins for p in env.all_named(name)]
        if len({p.name for p in found}) > 1:
            yield _duplicate(context, twins[0].replace("-", "_"), found)


def _over_each_other(context: Context, packages: list[Package]) -> dict[str, Any]:
    """Return what is known to break where the newest of these was installed over an older one; empty where nothing."""
    known = sorted((p for p in packages if p.version), key=lambda p: versions.key(p.version))
    for entry in context.matrix.entries("works_plugins", "tensorflow-over-each-other") if known else ():
        if (
            context.env.os in entry["platform"]
            and versions.contains(entry["older"], known[0].version)
            and versions.contains(entry["newer"], known[-1].version)
            and _on_top(context, known) is not known[0]
        ):
            return dict(entry)
    return {}


def _on_top(context: Context, packages: list[Package]) -> Package | None:
    """Return whose files lie on top, by the hash that each recorded of the module; ``None`` where that is not known."""
    import hashlib

    from ...binaries.records import read_text, recorded_hash

    for package in packages if context.env.kind == "prefix" and context.env.prefix else ():
        record = os.path.join(context.env.prefix, *package.source.split("/"), "RECORD")
        module = os.path.join(os.path.dirname(os.path.dirname(record)), "tensorflow", "__init__.py")
        digest = hashlib.sha256(read_text(module).encode()).hexdigest()
        if recorded_hash(read_text(record), "tensorflow/__init__.py") == digest:
            return package
    return None


def _broken_files(context: Context) -> list[Finding]:
    if not context.has("binaries") or context.binaries is None or context.binaries.closure is None:
        return []
    from ..binaries.closure import judge, of_its_files

    found = judge(context, context.binaries, context.binaries.closure)
    return [f for f in found if f.severity == ERROR and of_its_files(f)]


def _duplicate(context: Context, module: str, packages: list[Package]) -> Finding:
    from ...advice.packages import gpu_build, of_plugin
    from ...installers import pip_install, pip_uninstall

    equal = of_one_version(packages)
    keep = packages[0]
    own = f"{keep.name}=={keep.version}" if keep.version else keep.name
    plugged = of_plugin(context, packages)
    kept = plugged or gpu_build(context, packages) or own
    names = list(dict.fromkeys(p.name for p in packages))
    note = f"Uninstall all of them, then install {keep.name} alone: what remains after removing one is damaged."
    if kept != own:
        what = "what the plugin for the GPU goes with" if plugged else "the build for the GPU"
        note = f"What remains after removing one is damaged, and {what} is {kept}: that alone comes back."
    return Finding(
        "TFD602",
        # Two versions over each other were run in many pairs: the later one's files win, and mostly it imports. What
        # breaks is the next change of either. Of one version, only a removal does harm.
        INFO if equal else WARNING,
        f"{' and '.join(_label(p) for p in packages)} all install the import package {module}: "
        + (
            "removing one removes files of the other."
            if equal
            else "which version is imported depends on the order of installation, and removing one damages the other."
        ),
        found=", ".join(_label(p) for p in packages),
        expected="one of them",
        evidence=tuple(p.source for p in packages if p.source),
        source="top-level packages of these wheels",
        package=names[-1],
        confidence=CERTAIN if equal else LIKELY,
        fix=Fix(
            note=note,
            commands=(
                pip_uninstall(names),
                pip_install([kept], "--no-cache-dir"),
            ),
        ),
    )


def channel_mix(context: Context) -> Iterator[Finding]:
    """TFD608: defaults and conda-forge mixed among the packages that are linked with conda's TensorFlow."""
    env, tensorflow = context.env, context.tensorflow
    if tensorflow is None or tensorflow.manager == PIP:
        return
    by_channel: dict[str, list[Package]] = {}
    for name in _LINKED:
        package = env.conda(name)
        if package is not None and package.channel in _RIVALS:
            by_channel.setdefault(package.channel, []).append(package)
    if len(by_channel) < 2:
        return
    fewer = min(by_channel.values(), key=len)
    home = "conda-forge" if fewer[0].channel == "defaults" else "defaults"
    if tensorflow.channel in _RIVALS:
        home = tensorflow.channel
        fewer = next(packages for channel, packages in by_channel.items() if channel != home)
    yield Finding(
        "TFD608",
        WARNING,
        f"{', '.join(p.name for p in fewer)} came from {fewer[0].channel}, the rest of TensorFlow's stack from {home}: "
        "the two channels build these against different libraries.",
        found="; ".join(
            f"{channel}: {', '.join(p.name for p in packages)}" for channel, packages in by_channel.items()
        ),
        expected="one channel for TensorFlow's stack, with strict channel priority",
        evidence=tuple(p.source for p in fewer if p.source),
        source="channel of each record",
        package=fewer[0].name,
        fix=Fix(
            commands=(
                ("conda", "config", "--env", "--set", "channel_priority", "strict"),
                ("conda", "install", "--override-channels", "-c", home, *(p.name for p in fewer)),
            ),
            note="",
        ),
    )
