"""Packages of TensorFlow's stack that are there as files alone: nothing records them, and yet they are imported.

People delete ``*.dist-info`` to make images smaller, and an interrupted installation or an antivirus takes it away.
What is imported is what counts: such a package is neither missing nor right in any version.
"""

from __future__ import annotations

import os

from .. import reading
from .._light import re
from .._typing import TYPE_CHECKING
from ..errors import Ignored
from ..names import OTHER_NAMES, PIP_TO_CONDA, normalise
from .facts import PIP, Environment, Package
from .stack import TENSORFLOW
from .tensorflow import selector

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# By normalised name: the file without which it is not imported, and those that tell its version where that does not.
MODULES = {
    "numpy": ("numpy/__init__.py", "numpy/version.py", "numpy/_version.py"),
    "protobuf": ("google/protobuf/__init__.py",),
    "h5py": ("h5py/__init__.py", "h5py/version.py"),
    "ml-dtypes": ("ml_dtypes/__init__.py",),
    "grpcio": ("grpc/__init__.py", "grpc/_grpcio_metadata.py"),
    "wrapt": ("wrapt/__init__.py",),
    "optree": ("optree/__init__.py", "optree/version.py"),
    "keras": ("keras/__init__.py", "keras/src/version.py"),
    "tf-keras": ("tf_keras/__init__.py",),
    "keras-preprocessing": ("keras_preprocessing/__init__.py",),
    "tensorflow-estimator": ("tensorflow_estimator/__init__.py",),
    "tensorboard": ("tensorboard/__init__.py", "tensorboard/version.py"),
    "absl-py": ("absl/__init__.py",),
    "astunparse": ("astunparse/__init__.py",),
    "flatbuffers": ("flatbuffers/__init__.py", "flatbuffers/_version.py"),
    "gast": ("gast/__init__.py", "gast/version.py"),
    "google-pasta": ("pasta/__init__.py",),
    "namex": ("namex/__init__.py",),
    "opt-einsum": ("opt_einsum/__init__.py", "opt_einsum/_version.py"),
    "packaging": ("packaging/__init__.py",),
    "six": ("six.py",),
    "termcolor": ("termcolor/__init__.py", "termcolor/_version.py"),
    "typing-extensions": ("typing_extensions.py",),
    "rich": ("rich/__init__.py",),
    "requests": ("requests/__init__.py", "requests/__version__.py"),
    "urllib3": ("urllib3/__init__.py", "urllib3/_version.py"),
    "idna": ("idna/__init__.py", "idna/package_data.py"),
    "certifi": ("certifi/__init__.py",),
    "charset-normalizer": ("charset_normalizer/__init__.py", "charset_normalizer/version.py"),
}
_TENSORFLOW = "tensorflow/__init__.py"
# Its headers tell: Python's part asks a library, which would have to be loaded.
_HEADERS = (
    "tensorflow/include/tensorflow/core/public/release_version.h",
    "tensorflow/include/tensorflow/core/public/version.h",
)
_OF_HEADER = r"#define TF_(MAJOR|MINOR|PATCH)_VERSION (\d+)|#define TF_VERSION_SUFFIX \"([^\"]*)\""
# Statements, versioneer's JSON, and two ways to write the parts one by one.
_OF_MODULE = (
    r"""(?mi)^(?:__version__|version|full_version)\b[^\n=]*=[^\n"'(]*["']{1,3}(\d[\w.+]*)["']""",
    r"""(?m)^\s*"version":\s*"(\d[\w.+]*)\"""",
    r"(?m)^__version_info__\s*=\s*\(([^)\n]*)\)",
    r"(?m)VERSION_CLS\((\d+,\s*\d+,\s*\d+)",
)
_NUMBER = r"\d+"
_SCRIPT = 4096
# On Windows a program that starts the script which it has at its end, in an archive that packs nothing.
_LAUNCHER = 1 << 20


def unrecorded(env: Environment, site_packages: str, entries: Collection[str]) -> Iterator[Package]:
    """Yield the packages of the stack that lie in a site-packages folder and that nothing records.

    Args:
        env: The environment with all that conda's records and pip's metadata name.
        site_packages: The folder.
        entries: Names in it.
    """
    # What pip renamed aside it was taking away: the rest is no package.
    going = {normalise(name[1:].split("-")[0]) for name in entries if name.startswith("~")}
    for name, (module, *told) in MODULES.items():
        top = module.partition("/")[0]
        if top not in entries or _is_told_of(env, name) or not going.isdisjoint((name[1:], normalise(top)[1:])):
            continue
        if os.path.isfile(_below(site_packages, module)) and not _is_condas(env, module):
            yield _package(env, name, site_packages, module, _version(site_packages, (*told, module)))
    if "tensorflow" in entries and not any(map(env.all_named, TENSORFLOW)) and selector(env) is None:
        there = os.path.isfile(_below(site_packages, _TENSORFLOW))
        if there and not any(each.startswith("ensorflow") for each in going) and not _is_condas(env, _TENSORFLOW):
            version = _of_headers(site_packages)
            yield _package(env, _distribution(env, site_packages), site_packages, _TENSORFLOW, version)


def files_of(site_packages: str, name: str) -> list[str]:
    """Return the files, relative to site-packages and with ``/``, that a package without a RECORD is made of.

    Args:
        site_packages: The folder.
        name: Normalised name of the package.
    """
    module = _TENSORFLOW if name in TENSORFLOW else MODULES.get(name, ("",))[0]
    if not module:
        return []
    starts = module.removesuffix("/__init__.py").removesuffix(".py").replace("/", r"\.")
    # Until 2.15 TensorFlow's wheels bring a script of the estimator's.
    found = _scripts(site_packages, f"{starts}(?:_estimator)?" if module == _TENSORFLOW else starts)
    if "/" not in module:
        return [*found, module]
    folder = module.rpartition("/")[0]
    # auditwheel and delvewheel put the libraries of a wheel beside it.
    for root in (folder, f"{folder.split('/')[-1]}.libs"):
        for place, _, files in os.walk(_below(site_packages, root)):
            below = os.path.relpath(place, site_packages).replace(os.sep, "/")
            found += [f"{below}/{file}" for file in files]
    return found


def top_module(name: str) -> str:
    """Return what one imports of a package, by its normalised name."""
    if name in TENSORFLOW:
        return "tensorflow"
    return MODULES.get(name, (name.replace("-", "_"),))[0].partition("/")[0].removesuffix(".py")


def may_hold(path: str, names: Collection[str]) -> bool:
    """Tell whether one of the folders of PYTHONPATH may bring one of some packages, by name or by module.

    Args:
        path: The value of the variable, on this machine.
        names: Normalised names of packages.
    """
    tops = {top_module(name) for name in names}
    for folder in filter(None, path.split(os.pathsep)):
        try:
            entries = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.isfile(folder):  # an archive of modules
                return True
            continue
        except OSError:
            return True
        for entry in entries:
            stem = entry.partition(".")[0]
            if stem in tops:
                return True
            if (
                entry.endswith((".egg", ".egg-link", ".egg-info", ".dist-info"))
                and normalise(entry.split("-")[0].removesuffix(".egg")) in names
            ):
                return True
    return False


def _scripts(site_packages: str, module: str) -> list[str]:
    """Return the scripts that start a module (as a pattern), as installers write them, relative to site-packages."""
    above = os.path.dirname(site_packages)
    # Of Lib\site-packages, and of lib/python3.11/site-packages.
    beside = (os.pardir, "Scripts") if os.path.basename(above).lower() == "lib" else (os.pardir, os.pardir, "bin")
    folder = os.path.join(above, *beside)
    found = []
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        try:
            size = _LAUNCHER if name.lower().endswith(".exe") else _SCRIPT
            if os.path.islink(path) or os.path.getsize(path) > size:
                continue
            _, text = reading.read_ends(path, _SCRIPT, _SCRIPT)
        except OSError:
            continue
        if re.search(rf"(?m)^\s*from {module}(?:\.[\w.]+)? import ", text):
            found.append(os.path.relpath(path, site_packages).replace(os.sep, "/"))
    return found


def _below(folder: str, path: str) -> str:
    return os.path.join(folder, *path.split("/"))


def _is_told_of(env: Environment, name: str) -> bool:
    others = {name, normalise(PIP_TO_CONDA.get(name, name)), OTHER_NAMES.get(name, name), f"{name}-base"}
    return any(map(env.all_named, others))


def _is_condas(env: Environment, module: str) -> bool:
    """Tell whether a record of conda's lists a module: some packages carry several, under names of their own."""
    listed = f"site-packages/{module}".encode()
    for package in env.packages:
        if package.manager != PIP and package.source.endswith(".json"):
            try:
                if listed in reading.read_bytes(os.path.join(env.prefix, package.source), reading.RECORD):
                    return True
            except OSError:
                continue
    return False


def _package(env: Environment, name: str, site_packages: str, module: str, version: str) -> Package:
    path = _below(site_packages, module.removesuffix("/__init__.py"))
    # The Store's Python has its site-packages elsewhere, which may be another drive.
    below = path[len(env.prefix) :].lstrip("/\\") if path.startswith(env.prefix) else path
    return Package(name, version, PIP, "", "pypi", below.replace(os.sep, "/"))


def _read(site_packages: str, file: str) -> str:
    """Return the start of a file below site-packages; empty where it cannot be read."""
    with Ignored(OSError):
        return reading.read_start(_below(site_packages, file), reading.MB)
    return ""


def _version(site_packages: str, files: Iterable[str]) -> str:
    """Return the version that a package's own modules give; empty where they give none that can be read."""
    for file in files:
        text = _read(site_packages, file)
        for pattern in _OF_MODULE:
            matched = re.search(pattern, text)
            if matched:
                parts = re.findall(_NUMBER, matched[1])
                return matched[1] if "," not in matched[1] else ".".join(parts)
    return ""


def _of_headers(site_packages: str) -> str:
    for file in _HEADERS:
        told = re.findall(_OF_HEADER, _read(site_packages, file))
        found = [(part, value or suffix) for part, value, suffix in told]
        parts = dict(found)
        if {"MAJOR", "MINOR", "PATCH"} <= set(parts):
            suffix = next((value for part, value in found if not part), "").replace("-", "")
            return f"{parts['MAJOR']}.{parts['MINOR']}.{parts['PATCH']}{suffix}"
    return ""


def _distribution(env: Environment, site_packages: str) -> str:
    """Return under which name pip has this TensorFlow: on Linux the build itself says whether it is the CPU's."""
    text = _read(site_packages, "tensorflow/python/platform/build_info.py")
    without = re.search(r"is_cuda_build'?[,:]?\s*=?\s*False", text)
    return "tensorflow-cpu" if without and env.platform == "linux-64" else "tensorflow"
