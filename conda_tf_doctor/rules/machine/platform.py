"""TFD101, 103–105: can this machine and this Python load the build at all?"""

from __future__ import annotations

import os

from ... import versions
from ..._light import re
from ..._typing import TYPE_CHECKING
from ...advice import advise
from ...context.context import Context
from ...environment.facts import CONDA, PIP
from ...findings import CERTAIN, DISK, ERROR, LIKELY, WARNING, Finding, Fix, open_question
from ...matrix.model import BUILD, PYPI
from ...subdirs import is_arm64

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_32bit(context: Context) -> bool:
    """Tell whether the environment's Python is known to be a 32-bit one."""
    env = context.env
    return env.python.bits == 32 or (not env.python.bits and env.platform in ("win-32", "linux-32"))


def python_32bit(context: Context) -> Iterator[Finding]:
    """TFD101: TensorFlow has never been built for a 32-bit Python."""
    env = context.env
    if not is_32bit(context):
        return
    yield Finding(
        "TFD101",
        ERROR,
        "The environment's Python is a 32-bit one, and no release of TensorFlow can be loaded by a 32-bit Python.",
        found=f"Python {env.python.version or '?'}, 32-bit ({env.platform})",
        expected="a 64-bit Python",
        evidence=env.python.where,
        source="no wheel and no conda package of TensorFlow exists for a 32-bit platform",
        package="python",
        fix=advise("TFD101", context, {}),
    )


def asks_channels(context: Context) -> tuple[str, ...]:
    """Return what is to be known before a file is said to ask for what no channel has."""
    tensorflow = context.tensorflow
    if tensorflow is None or tensorflow.manager != CONDA:
        return ()
    asked = [f"what {name} has: `conda search -c {name} {tensorflow.name}`" for name in context.unknown_channels]
    if context.defaults_may_have:
        asked.append("whether conda asks defaults as well: `conda config --show channels`")
    return tuple(asked)


def platform_unsupported(context: Context) -> Iterator[Finding]:
    """TFD103 and TFD105: no build of this TensorFlow exists for this platform, or it is one for another CPU."""
    yield from _apple_silicon(context)
    yield from _musl(context)
    yield from _older_macos(context)
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or not env.platform or is_32bit(context):
        return
    # tensorflow-gpu is never another name of what a Mac has.
    asked = tensorflow.requested or env.is_request
    own = tensorflow.name == "tensorflow-gpu" and asked and env.os == "osx"
    if tensorflow.version:
        rows = list(context.builds)
        if own and tensorflow.manager == CONDA:
            rows = context.matrix.builds(tensorflow.name, tensorflow.version, context.channel)
        if not tensorflow.manager or _is_hearsay(context):
            # Nobody said whose it is, or somebody typed what it may be: a build in any channel will do.
            for channel in ("pypi", "conda-forge", "defaults"):
                rows += context.matrix.builds(distribution="tensorflow", version=tensorflow.version, channel=channel)
    else:
        rows = [
            row
            for name in dict.fromkeys((tensorflow.name, tensorflow.name if own else "tensorflow"))
            for channel in (("pypi", "conda-forge", "defaults") if not tensorflow.manager else (context.channel,))
            for row in context.matrix.builds(distribution=name, channel=channel)
            if not own or row.kind == BUILD
        ]
    # A wheel that no Python can have, for want of what it asks for, is none.
    rows = [row for row in rows if row.kind != "plugin" and (row.python or row.channel != PYPI)]
    if not rows or any(row.platform in (env.platform, "noarch") for row in rows):
        return
    from ...advice.machine import other_name

    if tensorflow.manager == PIP and other_name(context, tensorflow.version, env.platform) == tensorflow.name:
        return
    if _is_of_others(context):
        return
    platforms = sorted({row.platform for row in rows})
    what = tensorflow.label
    asks = asks_channels(context)
    yield Finding(
        "TFD103",
        ERROR,
        f"No build of {what} exists for {env.platform} in {context.channel}.",
        found=env.platform,
        expected=" or ".join(platforms),
        evidence=tensorflow.package.where,
        source=rows[0].id,
        package=tensorflow.name,
        confidence=LIKELY if asks else CERTAIN,
        fix=advise("TFD103", context, {}),
        needs=asks,
    )


def _is_of_others(context: Context) -> bool:
    """Tell whether what is installed is no wheel of the index: NVIDIA's for Jetson, piwheels', one's own for Linux.

    pip installs no wheel of another platform. What a person wrote down counts where its version says whose it is, or
    the text shows that its files are there.
    """
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or tensorflow.requested or tensorflow.manager != PIP or env.os != "linux":
        return False
    shown = re.search(r"-packages[\\/]tensorflow[\\/]|<\w+ tensorflow\.|\btensorflow/core/", env.error_text)
    return env.kind == "prefix" or env.collected or "+" in tensorflow.version or shown is not None


def _is_hearsay(context: Context) -> bool:
    """Tell whether a person wrote which TensorFlow is installed: without a build string, the channel is a guess."""
    tensorflow = context.tensorflow
    return bool(
        tensorflow
        and tensorflow.manager == "conda"
        and not tensorflow.requested
        and not tensorflow.build
        and context.env.kind == "report"
    )


def _musl(context: Context) -> Iterator[Finding]:
    tensorflow, env = context.tensorflow, context.env
    if (
        tensorflow is None
        or env.os != "linux"
        or tensorflow.manager == "conda"
        or "alpine" not in env.system.os.lower()
    ):
        return
    yield Finding(
        "TFD103",
        ERROR,
        f"{tensorflow.name} has no build for {env.system.os}: its wheels are for glibc, and Alpine has musl.",
        found=env.system.os,
        expected="a Linux with glibc",
        evidence=("system.os",),
        source="every Linux wheel of TensorFlow is tagged manylinux, none musllinux",
        package=tensorflow.name,
        fix=Fix(note="Use an image of Debian, Ubuntu or another Linux with glibc."),
    )


def _older_macos(context: Context) -> Iterator[Finding]:
    """Report a build whose wheel asks for a newer macOS than there is, or whose files were built for one."""
    tensorflow, build, installed = context.tensorflow, context.binary_build, context.macos
    if tensorflow is None or not installed:
        return
    if build is None or not build.macos or versions.key(installed) >= versions.key(build.macos):
        yield from _built_for_newer_macos(context, installed)
        return
    fitting = [
        row
        for row in context.matrix.builds(distribution=tensorflow.name, channel="pypi", platform=context.env.platform)
        if row.macos and versions.key(row.macos) <= versions.key(installed)
    ]
    stable = (row.tensorflow for row in fitting if not versions.is_prerelease(row.tensorflow))
    newest = max(stable, key=versions.key, default="")
    yield Finding(
        "TFD103",
        ERROR,
        f"{build.distribution} {build.tensorflow} needs macOS {build.macos} or later; this is macOS {installed}.",
        found=f"macOS {installed}",
        expected=f"macOS >={build.macos}",
        evidence=tensorflow.package.where,
        source=build.id,
        package=tensorflow.name,
        # The tag is what pip goes by; dyld itself loads what asks for no newer function.
        confidence=LIKELY,
        fix=Fix(
            note="Update macOS"
            + (f", or use TensorFlow {newest}, the newest for this one." if newest else ", or use another machine.")
        ),
    )


def _built_for_newer_macos(context: Context, installed: str) -> Iterator[Finding]:
    """Warn of what was built for a newer macOS by its own word (``LC_BUILD_VERSION``): dyld loads it all the same."""
    floor, module = context.binaries.minimum_macos() if context.binaries else ("", None)
    if module is None or not floor or versions.key(installed) >= versions.key(floor):
        return
    path = os.path.relpath(module.path, context.env.prefix)
    yield Finding(
        "TFD103",
        WARNING,
        f"{module.name} was built for macOS {floor} and later; this is macOS {installed}. It fails where it calls what "
        "is new there.",
        found=f"macOS {installed}",
        expected=f"macOS >={floor}",
        evidence=(path,),
        source=f"{path}: LC_BUILD_VERSION",
        package=context.tensorflow.name if context.tensorflow else "",
        confidence=LIKELY,
        fix=Fix(note=f"Update macOS to {floor} or later where it fails."),
        origin=DISK,
    )


_SILICON = r"(?i)Apple (?:M\d|silicon)|\b(?:Mac\w*|Mac ?Book\w*(?: Air| Pro)?|Mac mini)[ (]*M[1-5]\b"


def _apple_silicon(context: Context) -> Iterator[Finding]:
    tensorflow, env = context.tensorflow, context.env
    python = env.python.machine or ("x86_64" if env.platform == "osx-64" else "")
    if tensorflow is None or env.os != "osx" or python != "x86_64":
        return
    if env.system.machine != "arm64" and not re.search(_SILICON, f"{env.system.cpu_model} {env.system.os}"):
        return
    # Rosetta translates AVX from macOS 15 on, and conda's own builds never used it.
    macos = re.search(r"macOS\D{0,40}(\d+)", env.system.os)
    translated = (macos is not None and int(macos.group(1)) >= 15) or tensorflow.channel in ("conda-forge", "defaults")
    yield Finding(
        "TFD105",
        WARNING if translated else ERROR,
        tensorflow.label
        + " is an x86-64 build in an x86-64 environment on Apple silicon"
        + ("; it runs translated and slow." if translated else ": it stops with an illegal hardware instruction."),
        found="an x86-64 Python on an arm64 machine",
        expected="an osx-arm64 environment",
        evidence=env.python.where,
        source="Rosetta does not translate AVX before macOS 15",
        package="python",
        fix=advise("TFD105", context, {}),
    )


def cpu_no_avx(context: Context) -> Iterator[Finding]:
    """TFD104: the CPU lacks instructions that the build uses without asking."""
    tensorflow, env, build = context.tensorflow, context.env, context.binary_build
    if tensorflow is None or "arm" in env.platform or "aarch" in env.platform:
        return
    features = env.system.cpu_features
    avx = features.get("avx")
    lacking, sure = "", True
    needs_avx = build.avx if build else (None if tensorflow.version else tensorflow.manager != "conda")
    if (needs_avx and avx is False) or (needs_avx and avx is None and _archspec_without_avx(context)):
        lacking = "AVX"
    elif needs_avx and avx is None and _model_without_avx(context):
        lacking, sure = "AVX", False
    elif build and build.microarch_level >= 3 and features.get("avx2") is False:
        lacking = "AVX2 (x86-64-v3)"
    if not lacking:
        return
    yield Finding(
        "TFD104",
        ERROR,
        f"This CPU has no {lacking}, and {tensorflow.label} needs it: "
        "the process dies with an illegal instruction, or the DLL fails to initialise.",
        found=env.system.cpu_model or env.virtual_packages.get("__archspec", "") or f"a CPU without {lacking}",
        expected=f"a CPU with {lacking}",
        source=build.id if build else "every wheel from 1.6 on is built with AVX",
        package=tensorflow.name,
        confidence="certain" if sure and build else LIKELY,
        needs=() if sure else ("the CPU's flags: run `conda tf-doctor report` on the machine itself",),
        fix=advise("TFD104", context, {}),
    )


def _model_without_avx(context: Context) -> bool:
    model = context.env.system.cpu_model
    patterns = context.matrix.table("cpu")["without_avx"]
    return any(re.search(entry["model"], model, re.I) for entry in patterns if "model" in entry)


def _archspec_without_avx(context: Context) -> bool:
    """Tell whether conda knows the CPU as one without AVX (``__archspec``, which may be written ``1=nehalem``)."""
    name = context.env.virtual_packages.get("__archspec", "").rpartition("=")[2].lower()
    return bool(name) and any(e.get("archspec") == name for e in context.matrix.table("cpu")["without_avx"])


def open_bits(context: Context) -> Iterator[Finding]:
    """Ask for Python's bitness, TFD101."""
    env = context.env
    if env.os == "win" and not env.python.bits and not env.system.machine:
        yield open_question(
            "TFD101", "The report does not say whether Python is a 64-bit one.", "64-bit",
            'Python\'s bitness: `python -c "import struct; print(struct.calcsize(\'P\') * 8)"`', "", "python",
        )  # fmt: skip


def open_cpu(context: Context) -> Iterator[Finding]:
    """Ask for the processor, TFD104 and TFD102."""
    env, build = context.env, context.build
    x86 = "arm" not in env.platform and "aarch" not in env.platform
    perhaps = build is None and x86 and context.channel == "pypi" and not context.is_before("1.6")
    needs_avx = perhaps or bool(build and build.avx)
    if needs_avx and "avx" not in env.system.cpu_features and not env.system.cpu_model:
        yield open_question(
            "TFD104", f"{context.label} needs AVX, and the report does not say which CPU it runs on.",
            "a CPU with AVX", "the CPU's model", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.platform == "win-64" and is_arm64(env.system.machine):
        yield open_question(
            "TFD102", f"This is Windows on ARM, for which {context.label} has no build: the x86-64 one is translated.",
            "x86-64", "whether this Windows translates AVX (Windows 11 does since late 2025)", "", "tensorflow",
        )  # fmt: skip
