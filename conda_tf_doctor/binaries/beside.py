"""What `import tensorflow` loads beside TensorFlow's own binaries: parts of Python, of numpy and of other packages.

Which modules these are, and which of them the import does without, was measured: the modules in ``sys.modules`` after
the import, and the import with one of them refused (TensorFlow 2.10 to 2.21, on Windows and Linux).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from .._typing import NamedTuple
from ..versions import contains
from .records import BINARY


class Neighbour(NamedTuple):
    """A compiled module beside TensorFlow's.

    Attributes:
        path: Where it is, or should be.
        package: Normalised name of the package it is part of.
        fails: What does not work without it.
        vital: Whether that is `import tensorflow` or all of `tf.keras`.
    """

    path: str
    package: str
    fails: str
    vital: bool


_IMPORT = "`import tensorflow` fails with it"
_KERAS = "`tf.keras` fails with it"
_HDF5 = "reading and saving HDF5 files fails"
_SSL = "nothing can be downloaded over HTTPS, by pip neither"
# keras/src/saving/file_editor.py of these imports it unguarded.
_NEEDS_HDF5 = ">=3.6,<3.15"
# Package, folder below site-packages, module, what fails without it, whether that is vital.
_MODULES = (
    ("numpy", "numpy/_core", "_multiarray_umath", _IMPORT, True),
    ("numpy", "numpy/core", "_multiarray_umath", _IMPORT, True),
    ("numpy", "numpy/linalg", "_umath_linalg", _IMPORT, True),
    ("ml-dtypes", "ml_dtypes", "_ml_dtypes_ext", _IMPORT, True),
    ("ml-dtypes", "ml_dtypes", "_custom_floats", _IMPORT, True),
    ("optree", "optree", "_C", _KERAS, True),
    ("h5py", "h5py", "_errors", _HDF5, False),
    ("h5py", "h5py", "h5", _HDF5, False),
    ("grpcio", "grpc/_cython", "cygrpc", "what uses gRPC fails, as TensorBoard does", False),
)
# Modules of Python that every build for Windows keeps in files of their own.
_OF_PYTHON = (
    ("_ctypes", _IMPORT, True), ("_socket", _IMPORT, True), ("select", _IMPORT, True), ("unicodedata", _IMPORT, True),
    ("_multiprocessing", _IMPORT, True), ("_overlapped", _IMPORT, True), ("_ssl", _SSL, False),
)  # fmt: skip


def neighbours(prefix: str, site_packages: str, windows: bool, keras: str = "") -> list[Neighbour]:
    """Return the compiled modules beside TensorFlow's that its import loads.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        windows: Whether the environment is one for Windows.
        keras: Version of keras; empty where it is unknown.
    """
    found = []
    unguarded = bool(keras) and contains(_NEEDS_HDF5, keras)
    if windows:
        # Older wheels of numpy open what lies here themselves, before their modules ask for it.
        own = _files(os.path.join(site_packages, "numpy", ".libs"), "")
        found += [Neighbour(path, "numpy", _IMPORT, True) for path in own]
    for package, folder, stem, fails, vital in _MODULES:
        if package == "h5py" and unguarded:
            fails, vital = _KERAS, True
        found += [Neighbour(path, package, fails, vital) for path in _files(os.path.join(site_packages, folder), stem)]
    # What a plug-in folder holds is opened before `import tensorflow` returns.
    plugins = os.path.join(site_packages, "tensorflow-plugins")
    found += [Neighbour(path, "", _IMPORT, True) for path in _files(plugins, "")]
    return [*found, *_of_python(prefix, site_packages, windows)]


def _of_python(prefix: str, site_packages: str, windows: bool) -> Iterator[Neighbour]:
    folder = os.path.join(prefix, "DLLs") if windows else os.path.join(os.path.dirname(site_packages), "lib-dynload")
    complete = windows and any(any(_files(folder, stem)) for stem in ("_socket", "select"))
    for stem, fails, vital in _OF_PYTHON:
        files = list(_files(folder, stem))
        if not files and complete:
            files = [os.path.join(folder, f"{stem}.pyd")]
        yield from (Neighbour(path, "python", fails, vital) for path in files)


def _files(folder: str, stem: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if BINARY.search(name) and stem in ("", name.split(".")[0]):
            yield os.path.join(folder, name)
