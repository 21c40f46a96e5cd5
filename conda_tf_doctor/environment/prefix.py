"""A prefix on disk, of any platform, read on any platform."""

from __future__ import annotations

import os
import sys

from ..binaries.header import Header, read_header
from ..errors import Ignored, UsageError
from ..reading import venv_settings
from ..subdirs import SUBDIRS, this_platform
from .condameta import read_records
from .distinfo import entries_of, read_pip
from .facts import JOURNAL, PIP, Environment, Note, Package, Python
from .machine import add_machine, virtual_packages
from .site import find_site_packages, inner_python, interpreter, site_minor, version_of_names
from .stack import STACK
from .unrecorded import unrecorded


def read_prefix(path: str, platform: str = "", with_machine: bool = True) -> Environment:
    """Read the facts of an environment on disk.

    Args:
        path: The prefix: a folder with ``conda-meta``, or any other with a Python in it (a venv).
        platform: Its conda subdir where the caller knows it; else the Python executable tells, and where that is a
            universal one of macOS, this machine, conda's records or TensorFlow's own binaries.
        with_machine: Whether to add the facts about this machine where the prefix is one of this machine's.

    Raises:
        UsageError: There is no such folder, it is not an environment, or what is in it cannot be read.
    """
    prefix = os.path.abspath(os.path.expanduser(path))
    env = Environment("prefix", prefix, platform)
    env.prefix = prefix
    try:
        entries = {entry.name for entry in os.scandir(prefix)}
    except FileNotFoundError:
        raise UsageError(f"There is no environment at {prefix}: the folder does not exist.") from None
    except NotADirectoryError:
        raise UsageError(f"{prefix} is a file; name the folder of an environment.") from None
    except OSError as error:
        raise UsageError(f"The environment {prefix} cannot be read: {error.strerror}.") from None
    env.is_venv = "conda-meta" not in entries
    journal = JOURNAL if env.is_venv else f"conda-meta/{JOURNAL}"
    env.interrupted = journal if os.path.isfile(os.path.join(prefix, journal)) else ""
    env.add(read_records(env, prefix))
    executable = interpreter(prefix, entries)
    if "conda-meta" not in entries and not executable and "pyvenv.cfg" not in entries:
        inner = inner_python(prefix, entries)
        raise UsageError(
            f"{prefix} is not an environment: it has neither a conda-meta folder nor a Python"
            + (f"; name its Python's folder, {inner}." if inner else ".")
        )
    _read_python(env, prefix, executable)
    site_packages = env.site_packages = find_site_packages(prefix, site_minor(env), entries)
    if not env.python.version:
        env.python = env.python._replace(version=version_of_names(entries, site_packages))
    if site_packages:
        there = entries_of(site_packages)
        env.add(list(read_pip(env, prefix, site_packages, STACK, there)))
        env.add(list(unrecorded(env, site_packages, there)))
    alone = False
    if "pyvenv.cfg" in entries:
        alone = _is_alone(prefix)
        if not alone:
            add_base(env)
    if with_machine and env.platform and _is_this_machine(env.platform):
        add_machine(env)
        if alone:
            env.user_site = []
    elif any(name.startswith("CONDA_OVERRIDE_") for name in os.environ):
        # As conda has it with CONDA_SUBDIR: of another platform only what the user says is known.

        env.virtual_packages = virtual_packages(env.os, here=False)
    return env


def _is_this_machine(platform: str) -> bool:
    here = this_platform()
    # An x86-64 environment on Apple silicon, and a 32-bit one on 64-bit Windows, run on this machine all the same.
    system = here.split("-")[0]
    return platform == here or (platform.split("-")[0] == system and system in ("osx", "win"))


def _read_python(env: Environment, prefix: str, executable: str) -> None:
    record = env.conda("python")
    version = record.version if record else ""
    machine, bits, source = "", 0, record.source if record else ""
    if not executable and os.path.islink(os.path.join(prefix, "bin", "python")):
        env.notes.append(Note("bin/python", "The link bin/python leads nowhere; what Python is for is unknown."))
    if executable:
        header = _header(env, prefix, executable)
        machine, bits = header.machine, header.bits
        if header.format:
            source = executable
            if len(header.machines) > 1:
                machine = _slice(env, prefix, header)
            env.platform = SUBDIRS.get((header.format, machine), "") or env.platform
    if not env.platform:
        env.platform = _platform_of_records(env) or ("win-64" if os.path.isdir(os.path.join(prefix, "Library")) else "")
        env.platform = env.platform or this_platform()
    if not version:
        version = _venv_version(prefix)
    env.python = Python(version, bits, machine, source)


def _slice(env: Environment, prefix: str, header: Header) -> str:
    """Return as what a universal binary runs: as this machine's own on a Mac, elsewhere as what is installed for it."""
    here = os.uname().machine if sys.platform == "darwin" else ""
    candidates = [platform.partition("-")[2] for platform in (env.platform, _platform_of_records(env))]
    names = {"64": "x86_64", "arm64": "arm64"}
    folder = find_site_packages(prefix, site_minor(env))
    for module in ("tensorflow/python/_pywrap_tensorflow_internal.so", "tensorflow/libtensorflow_framework.2.dylib"):
        with Ignored(OSError):
            candidates += read_header(os.path.join(folder, *module.split("/"))).machines[:1] if folder else ()
    wanted = (candidates[0], here, *candidates[1:])
    return next((m for m in (names.get(each, each) for each in wanted) if m in header.machines), header.machine)


def _header(env: Environment, prefix: str, executable: str) -> Header:
    try:
        header = read_header(os.path.join(prefix, *executable.split("/")))
    except OSError as error:
        env.notes.append(Note(executable, f"{executable} cannot be read: {error.strerror}; its bitness is unknown."))
        return Header()
    if not header.format:
        env.notes.append(Note(executable, f"{executable} is no executable image; its bitness is unknown."))
    return header


def _platform_of_records(env: Environment) -> str:
    for name in ("python", "tensorflow-base", "numpy", "vc14-runtime", "libgcc-ng"):
        record = env.conda(name)
        if record is None:
            continue
        # The channel's URL ends with the subdir, too.
        channel = str(record.metadata.get("channel") or "").rstrip("/")
        for subdir in (str(record.metadata.get("subdir") or ""), channel.rpartition("/")[2]):
            if subdir in SUBDIRS.values():
                return subdir
    return ""


def _is_alone(prefix: str) -> bool:
    """Tell whether the venv sees neither the site-packages of its base nor the user site (``site.py`` drops both)."""
    return venv_settings(prefix).get("include-system-site-packages", "").lower() != "true"


def _venv_version(prefix: str) -> str:
    written = venv_settings(prefix)
    version = written.get("version") or written.get("version_info") or ""
    return ".".join(version.split(".")[:3])


def add_base(env: Environment) -> None:
    """Add the packages of the base Python that the venv does not have itself."""
    from .prefix import read_prefix

    home = venv_settings(env.prefix).get("home", "")
    base = home if os.name == "nt" else os.path.dirname(home)
    if not home or not os.path.isdir(base) or os.path.samefile(base, env.prefix):
        return
    found: list[Package] = []
    minor = site_minor(env)
    try:
        found += [p for p in read_prefix(base, env.platform, with_machine=False).packages if p.name in STACK]
        # Debian's own Python has other folders.
        for folder in (os.path.join("local", "lib", f"python{minor}"), os.path.join("lib", "python3")):
            debian = os.path.join(base, folder, "dist-packages")
            if os.path.isdir(debian):
                found += read_pip(Environment("prefix", base, env.platform), base, debian, STACK)
    except UsageError as error:
        env.notes.append(Note(base, str(error), hides=True))
    own = {package.name for package in env.packages}
    env.add(_at(package, base) for package in found if package.name not in own)


def _at(package: Package, base: str) -> Package:
    """Return a package of the base as one that the venv imports."""
    package.source = os.path.join(base, package.source) if package.source else base
    package.manager = package.manager or PIP
    return package
