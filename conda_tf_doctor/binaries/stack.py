"""Which files of an environment are TensorFlow's own binaries, in the order in which they are imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from . import TENSORFLOWS, has_binaries
from .records import BINARY, TENSORFLOW, Recorded, read_text, recorded_files

# What `import tensorflow` loads before all others, newest layout first.
MAIN = tuple(
    f"{folder}/python/{name}"
    for name in (
        "_pywrap_tensorflow_internal.pyd",
        "_pywrap_tensorflow_internal.so",
        "_pywrap_tensorflow.pyd",
        "_pywrap_tensorflow.so",
    )
    for folder in TENSORFLOWS
)


# Modules of the wheels that `import tensorflow` leaves alone: seen in 2.10, 2.15, 2.18 and 2.21, after the import.
_AT_REST = (
    r"(?:_pywrap_tfcompile|pybind_for_testing|_errors_test_helper|_op_def_util|_python_memory_checker_helper"
    r"|_pywrap_python_api_(?:info|parameter_converter)|_pywrap_tf_item|_pywrap_cpu_feature_guard|_pywrap_kernel_registry"
    r"|_pywrap_stat_summarizer|_pywrap_transform_graph|_pywrap_tensorflow_lite_calibration_wrapper|stablehlo_extension"
    r"|pywrap_tensorflow_to_stablehlo|_pywrap_snapshot_utils|_pywrap_tpu_embedding|pywrap_xla_ops|pywrap_genai_ops"
    r"|_pywrap_modify_model_interface|_pywrap_string_util|format_converter_wrapper_pybind11)\."
)


def is_at_rest(path: str) -> bool:
    """Tell whether a file is one of TensorFlow's that its import does not load: what is wrong with it stops nothing."""
    folders, name = os.path.split(path.replace("\\", "/"))
    return bool(re.match(_AT_REST, name)) or "/tensorflow/include/" in f"{folders}/"


def find_stack_modules(prefix: str, site_packages: str, recorded: list[Recorded] | None = None) -> list[str]:
    """Return TensorFlow's own binaries in the order of their import: the main one first.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        recorded: What :func:`.records.recorded_files` returned, where the caller has it.

    Returns:
        Paths of files that exist; empty where there are none.
    """
    if not has_binaries(site_packages):
        return []
    recorded = recorded_files(prefix, site_packages) if recorded is None else recorded
    found = [entry.path for entry in recorded if TENSORFLOW.match(entry.owner) and os.path.isfile(entry.path)]
    if not found:
        found = [path for folder in TENSORFLOWS for path in _walk(os.path.join(site_packages, folder))]
    main = [os.path.join(site_packages, *name.split("/")) for name in MAIN]
    order = {path: place for place, path in enumerate(main)}
    return sorted(dict.fromkeys(found), key=lambda path: (order.get(path, len(order)), path))


def _walk(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        # Headers and test data: 10,000 files without a binary.
        folders[:] = [name for name in folders if name not in ("include", "__pycache__")]
        for name in files:
            if BINARY.search(name):
                yield os.path.join(root, name)


def is_of_tensorflow(path: str) -> bool:
    """Tell whether a file, by its path with ``/``, lies in TensorFlow's own folder."""
    return any(f"site-packages/{folder}/" in path for folder in TENSORFLOWS)


def added_folders(site_packages: str) -> tuple[str, ...]:
    """Return the ``*.libs`` folders that wheels add with ``os.add_dll_directory`` when they are imported."""
    try:
        with os.scandir(site_packages) as entries:
            return tuple(sorted(entry.path for entry in entries if entry.name.endswith(".libs") and entry.is_dir()))
    except OSError:
        return ()


def build_info(site_packages: str) -> dict[str, str]:
    """Return what TensorFlow's own ``build_info.py`` says, as text: which runtime DLLs it preloads, above all."""
    paths = (os.path.join(site_packages, folder, "python", "platform", "build_info.py") for folder in TENSORFLOWS)
    text = next((text for text in (read_text(path, 1 << 20) for path in paths) if text), "")
    # The keys of a dictionary; before 2.3 the names of variables.
    return dict(re.findall(r"""(?m)(?:['"]|^)(\w+)(?:['"]\s*[,:]|\s*=)\s*['"]([^'"\n]*)['"]""", text))
