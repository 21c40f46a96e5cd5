"""A prefix on disk, of any platform, read on any platform."""

from __future__ import annotations

import os
import re
import sys

from ..binaries.header import Header, read_header
from ..errors import UsageError
from .condameta import read_records
from .distinfo import read_pip
from .facts import Environment, Note, Python

# Whose owner decides a verdict. Everything else that has the version conda recorded is taken for conda's.
STACK = frozenset(
    {
        "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-rocm",
        "tensorflow-directml", "intel-tensorflow", "tf-nightly", "tf-nightly-cpu", "tf-nightly-gpu",
        "tensorflow-estimator", "tensorboard", "tensorflow-metal", "tensorflow-text", "tensorflow-addons",
        "tensorflow-io", "tensorflow-probability", "tensorflow-hub", "keras", "tf-keras", "numpy", "protobuf", "h5py",
        "ml-dtypes", "flatbuffers", "gast", "absl-py", "opt-einsum", "astunparse", "google-pasta", "wrapt",
        "typing-extensions", "termcolor", "six", "grpcio", "keras-preprocessing", "keras-applications",
    }
)  # fmt: skip

_SUBDIRS = {
    ("pe", "x86"): "win-32",
    ("pe", "x86_64"): "win-64",
    ("pe", "arm64"): "win-arm64",
    ("elf", "x86"): "linux-32",
    ("elf", "x86_64"): "linux-64",
    ("elf", "aarch64"): "linux-aarch64",
    ("elf", "ppc64"): "linux-ppc64le",
    ("elf", "s390x"): "linux-s390x",
    ("macho", "x86_64"): "osx-64",
    ("macho", "arm64"): "osx-arm64",
}


def this_platform() -> str:
    """Return the conda subdir of the machine and interpreter this runs on."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "AMD64")
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine.lower(), machine.lower())
    if sys.platform == "win32":
        if machine == "arm64":
            return "win-arm64"
        return "win-64" if sys.maxsize > 2**32 else "win-32"
    if sys.platform == "darwin":
        return "osx-arm64" if machine == "arm64" else "osx-64"
    return {"x86_64": "linux-64", "arm64": "linux-aarch64", "ppc64le": "linux-ppc64le", "i686": "linux-32"}.get(
        machine, f"linux-{machine}"
    )


def read_prefix(path: str, platform: str = "", with_machine: bool = True) -> Environment:
    """Read the facts of an environment on disk.

    Args:
        path: The prefix: a folder with ``conda-meta``, or any other with a Python in it (a venv).
        platform: Its conda subdir where the caller knows it; else the Python executable tells.
        with_machine: Whether to add the facts about this machine where the prefix is one of this machine's.

    Raises:
        UsageError: There is no such folder, or it is not an environment.
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
    env.add(read_records(env, prefix))
    executable = _executable(prefix, entries)
    if "conda-meta" not in entries and not executable and "pyvenv.cfg" not in entries:
        raise UsageError(f"{prefix} is not an environment: it has neither a conda-meta folder nor a Python.")
    _read_python(env, prefix, executable)
    site_packages = find_site_packages(prefix, site_minor(env), entries)
    if not env.python.version:
        env.python = env.python._replace(version=_version_of_names(entries, site_packages))
    if site_packages:
        env.add(list(read_pip(env, prefix, site_packages, STACK)))
    alone = False
    if "pyvenv.cfg" in entries:
        from .venv import add_base, is_alone

        alone = is_alone(prefix)
        if not alone:
            add_base(env)
    if with_machine and env.platform and _is_this_machine(env.platform):
        from .machine import add_machine

        add_machine(env)
        if alone:
            env.user_site = []
    elif any(name.startswith("CONDA_OVERRIDE_") for name in os.environ):
        # As conda has it with CONDA_SUBDIR: of another platform only what the user says is known.
        from .machine import overridden

        env.virtual_packages = overridden(env.os)
    return env


def site_minor(env: Environment) -> str:
    """Return the minor as site-packages' folder spells it: free-threaded builds have a ``t`` behind it."""
    record = env.conda("python")
    free = env.python.minor and record is not None and record.build.endswith("t")
    return env.python.minor + ("t" if free else "")


def _version_of_names(entries: set[str], site_packages: str) -> str:
    """Return the minor that a Python without conda's record and pyvenv.cfg shows in the names of its files."""
    for name in entries:
        matched = re.match(r"python3(\d+)t?\.dll\Z", name, re.I)
        if matched:
            return f"3.{matched.group(1)}"
    matched = re.search(r"[\\/]python(\d\.\d+)t?[\\/]site-packages\Z", site_packages)
    return matched.group(1) if matched else ""


def _is_this_machine(platform: str) -> bool:
    here = this_platform()
    # An x86-64 environment on Apple silicon, and a 32-bit one on 64-bit Windows, run on this machine all the same.
    system = here.split("-")[0]
    return platform == here or (platform.split("-")[0] == system and system in ("osx", "win"))


def _executable(prefix: str, entries: set[str]) -> str:
    for name in ("python.exe", "bin/python", "Scripts/python.exe", "bin/python3"):
        if name.split("/")[0] in entries and os.path.isfile(os.path.join(prefix, *name.split("/"))):
            return name
    return ""


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
            # An ELF that says arm64 elsewhere says aarch64 here; a universal Mach-O runs as this machine's own.
            here = "arm64" if sys.platform == "darwin" and os.uname().machine == "arm64" else machine
            if header.format == "macho" and here in header.machines:
                machine = here
            env.platform = env.platform or _SUBDIRS.get((header.format, machine), "")
    if not env.platform:
        env.platform = _platform_of_records(env) or ("win-64" if os.path.isdir(os.path.join(prefix, "Library")) else "")
        env.platform = env.platform or this_platform()
    if not version:
        version = _venv_version(prefix)
    env.python = Python(version, bits, machine, source)


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
            if subdir in _SUBDIRS.values():
                return subdir
    return ""


def _venv_version(prefix: str) -> str:
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as handle:
            for line in handle:
                key, _, value = line.partition("=")
                if key.strip() in ("version", "version_info"):
                    return ".".join(value.strip().split(".")[:3])
    except OSError:
        pass
    return ""


def find_site_packages(prefix: str, minor: str, entries: set[str] | None = None) -> str:
    """Return the site-packages folder of a prefix, or an empty string.

    Args:
        prefix: The prefix.
        minor: Python's minor version (``3.10``); where it is empty the newest folder there is counts.
        entries: Names in the prefix, where they were read already.
    """
    names = set(os.listdir(prefix)) if entries is None else entries
    for lib in ("Lib", "lib"):
        if lib not in names:
            continue
        if minor:
            exact = os.path.join(prefix, lib, f"python{minor}", "site-packages")
            if os.path.isdir(exact):
                return exact
        try:
            found = [name for name in os.listdir(os.path.join(prefix, lib)) if name.startswith("python")]
        except OSError:
            continue
        folders = [os.path.join(name, "site-packages") for name in sorted(found, key=_length_and_name, reverse=True)]
        for folder in (*folders, "site-packages"):
            if os.path.isdir(os.path.join(prefix, lib, folder)):
                return os.path.join(prefix, lib, folder)
    return ""


def _length_and_name(name: str) -> tuple[int, str]:
    return len(name), name
