"""Advice about what is found instead of the right thing: TFD504, TFD701 to TFD704."""

from __future__ import annotations

import re

from .._typing import TYPE_CHECKING
from ..context.gpu import system_cuda
from ..environment.facts import CONDA, PIP
from ..environment.libraries import parse_library
from ..environment.site import brought_by_python_path
from ..findings import Fix
from .gpu import PROGRAM_FILES, on_search_path, pair, serving, toolkit
from .libraries import libstdcxx
from .machine import other_name
from .make import by_pip, is_conda
from .nvidia import and_cuda, of_folders, of_wheels, without_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

_VARIABLE = {"win": "PATH", "linux": "LD_LIBRARY_PATH", "osx": "DYLD_LIBRARY_PATH"}


def other_copy(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD504: the right copy first, the others off the path."""
    text, windows = context.env.error_text, context.env.os == "win"
    variable = _VARIABLE.get(context.env.os, "PATH")
    library = re.split(r"[\\/]", said.get("library", ""))[-1]
    if "OMP: Error #15" in text or "libiomp5" in text:
        note = "Keep one OpenMP runtime: numpy, TensorFlow and what else brings it from one channel"
        note += "; KMP_DUPLICATE_LIB_OK=TRUE lets them run side by side at one's own risk."
        return Fix(note=note, commands=() if windows else (("conda", "install", "nomkl"),))
    if said.get("crash"):
        return Fix(
            note="Import tensorflow before torch (and before what imports torch) in the program. Or bring both from "
            "one channel: of pip and conda together, each has its own copies of the libraries that they share."
        )
    if "static TLS" in text:
        first = said.get("library") or "that library"
        return Fix(note=f"Import TensorFlow before the other packages, or start with LD_PRELOAD set to {first}.")
    if "mutex lock failed" in text or "RAW: Lock blocking" in text:
        note = "Import tensorflow before the other packages (pyarrow, datasets, torch) in the program; or this release"
        return by_pip(["tensorflow<2.20"], f"{note}, with which it was not seen.")
    wanted, accepted = pair(context, said)
    several = [version for version in system_cuda(context) if not version.startswith(wanted)] if wanted else []
    if several:
        folder = rf"{PROGRAM_FILES}\v{wanted}\bin" if windows else f"/usr/local/cuda-{wanted}/lib64"
        note = (
            f"Put {folder} first on {variable}, and take the folders of CUDA {', '.join(several)} and every other copy "
            f"of {library or 'its DLLs'} off it. Or let the environment bring its own, which comes first."
        )
        return toolkit(context, wanted, accepted, "")._replace(note=note)
    what = f"the folder with the other {library}" if library else "the folder of the other copy"
    which = "`conda tf-doctor dlls` shows which is loaded"
    return Fix(note=f"Take {what} off {variable}, or put the right one first; {which}.")


def search_path(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD702: the folder of the right libraries on the loader's path, before any other."""
    env, text = context.env, context.env.error_text
    if "libstdc++" in text and env.os == "linux":
        return libstdcxx(context, said)
    if "CUDA_VISIBLE_DEVICES" in text:
        return Fix(note="Unset CUDA_VISIBLE_DEVICES, which hides every GPU.")
    if elsewhere := without_cuda(context, said):
        return elsewhere
    if env.os == "linux" and env.beginning("nvidia-"):
        return and_cuda(context) if of_wheels(context) else of_folders(context)
    if env.os == "linux" and any(library.package.manager != PIP for library in context.cuda):
        note = "Name the environment's own libraries: export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH "
        note += "(in etc/conda/activate.d, to have it on every activation)."
        if not is_conda(context):
            note += " Or python -m pip install 'tensorflow[and-cuda]' (2.14 and later), which needs none of it."
        return Fix(note=note)
    if of_wheels(context):
        return and_cuda(context)
    wanted, accepted = pair(context, said)
    if wanted:
        search = on_search_path(context, wanted)
        fix = toolkit(context, wanted, accepted, search)
        if not system_cuda(context):
            return fix
        there = serving(context, wanted) or wanted
        return fix._replace(note=f"CUDA {there} is installed: {search}. Or let conda bring it into the environment.")
    library = parse_library(said.get("library", ""))
    named = f"the folder of {library.wanted}" if library.wanted else "the right folder"
    others = "and take the others off it (CUDA_PATH too)"
    return Fix(note=f"Put {named} first on {_VARIABLE.get(env.os, 'PATH')}, {others}.")


def activate(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD701: the environment's Python, activated; in a notebook, a kernel of its own."""
    text, folder = context.env.error_text, r"[\\/]envs[\\/]([\w.-]+)"
    found = re.search(folder, text) or re.search(folder, context.env.location)
    name = found.group(1) if found else ""
    into = ("-n", name) if name else ()
    there = f"activate it in the terminal (conda activate {name or 'NAME'})"
    notebook = re.search(r"jupyter|ipykernel|ipython|notebook|\.ipynb|In \[\d+\]|<module>\(\)|kernel", text, re.I)
    terminal = "No module named" not in text or re.search(r'File "(?!<ipython)[^"\n]+", line \d+, in <module>', text)
    if place := said.get("place", ""):
        own = f"Choose that environment's Python as the interpreter of {place} (in a notebook: its kernel)"
        return Fix(commands=_activation(context, name), note=f"{own}, or start {place} where it is activated.")
    # What is not installed anywhere is not found by another choice of Python.
    if terminal and not notebook and not _left_out(context):
        note = f"In the terminal or the IDE that starts Python, {there}."
        if "No module named" in text and context.tensorflow is None and context.env.packages:
            # What is listed here has none: it may be in another environment, or in none.
            return by_pip(
                ["tensorflow"], f"It is not among what is installed here. Or, where another environment has it: {note}"
            )
        return Fix(commands=_activation(context, name), note=note)
    note = f"Choose that environment's kernel in the notebook, which ipykernel in it makes, or {there}."
    spec = _where_it_ran(context)
    runs = re.findall(r"((?:[A-Z]:\\|(?<![\w./-])/)[^\s'\"]{0,400}?python[\d.]*(?:\.exe)?)(?=[\s'\"]|$)", text)
    if len(runs) > 1:
        note += f" Or install TensorFlow into the Python that runs: {runs[-1]} -m pip install {spec[0]}."
    elif not notebook and not name and not is_conda(context):
        note = f"With the very Python that said it ({spec[1]}`pip` alone may be another's). Or, where an environment "
        note += f"has TensorFlow, {there}; in an IDE choose its interpreter, in a notebook its kernel, which ipykernel "
        return by_pip([spec[0]], note + "in it makes.")
    elif notebook:
        note += f" Or run %pip install {spec[0]} in a cell."
    return Fix(commands=(("conda", "install", *into, "ipykernel"),), note=note)


def _left_out(context: Context) -> str:
    """Return what holds TensorFlow where its own wheel is empty, and a list of packages lacks it; else an empty text.

    An installer that took the requirements of another platform's wheel leaves it out.
    """
    tensorflow, row, env = context.tensorflow, context.build, context.env
    if tensorflow is None or not tensorflow.version or tensorflow.requested or row is None or not row.stub_for:
        return ""
    lacks = env.package(row.stub_for.partition("==")[0]) is None and len(env.packages) > 2
    return row.stub_for if lacks else ""


def _where_it_ran(context: Context) -> tuple[str, str]:
    """Return the requirement that brings TensorFlow to a Python that has none, and what is to be said of it."""
    tensorflow = context.tensorflow
    if tensorflow is None or not tensorflow.version:
        return "tensorflow", ""
    row = context.build
    whole = row.stub_for.partition("==")[0] if row and row.stub_for else ""
    if lacking := _left_out(context):
        return lacking, f"the wheel of {tensorflow.name} is empty here, and {whole}, which holds it, is not listed; "
    brings = f"it brings {whole}, in which TensorFlow itself is here; " if whole else ""
    name = other_name(context, tensorflow.version, context.env.platform) or tensorflow.name
    if row and context.env.python.minor and row.python and context.env.python.minor not in row.python:
        # The Python of the record has no such release: nor has, perhaps, the one that ran.
        return tensorflow.name, ""
    return f"{tensorflow.name if row else name}=={tensorflow.version}", brings


def _activation(context: Context, name: str) -> tuple[tuple[str, ...], ...]:
    """Return the command that activates the environment; nothing where neither its name nor its folder is known."""
    env = context.env
    place = env.location or (env.path if env.kind == "prefix" else "")
    if place and not any(package.manager == CONDA for package in env.packages):
        return ((rf"{place}\Scripts\activate",) if env.os == "win" else ("source", f"{place}/bin/activate"),)
    where = name or place
    return (("conda", "activate", where),) if where else ()


def user_site(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD703: nothing of the user site in this environment."""
    matched = re.search(r"site-packages[\\/](?P<package>\w+)", said.get("file", ""))
    module = matched["package"] if matched else ""
    package = {"google": "protobuf", "tensorflow_core": "tensorflow"}.get(module, module).replace("_", "-")
    how = f" (python -m pip uninstall {package}, with the system's Python)" if package else ""
    # A variable of the environment's own is conda's to set.
    by_conda = () if context.env.is_venv else (("conda", "env", "config", "vars", "set", "PYTHONNOUSERSITE=1"),)
    return Fix(
        commands=by_conda,
        note=f"Set PYTHONNOUSERSITE=1 for this environment, or uninstall the copy in the user site{how}.",
    )


def local_module(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD704: another name for the file, or its folder no longer where Python looks first."""
    module = said.get("module", "")
    file = said.get("file", "") or (f"{module}.py" if module else "the file")
    base = re.split(r"[\\/]", file.rstrip("\\/"))[-1]
    listed = brought_by_python_path(context.env, file)
    other = f"take {listed} off PYTHONPATH" if listed else "start Python in another folder"
    return Fix(note=f"Rename {base} (and remove its __pycache__), or {other}.")
