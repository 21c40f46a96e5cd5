"""Advice about protobuf and h5py: TFD604 and TFD606."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import find
from ..environment.facts import CONDA
from ..findings import Fix
from ..installers import ANEW
from ..specifiers import joined
from .make import FORGE, before, by_pip, change, is_conda, needed, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

_OLD_GENCODE = ">=3.9.2,<3.21"
PURE = "Or set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python, which is slow."


def protobuf(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD604: a protobuf that reads the generated code, in the direction that the message tells."""
    text, name = context.env.error_text, said.get("name", "")
    works = working(context, "protobuf") or needed(said, "protobuf")
    old = before(context, "2.12")
    generated = re.search(r"gencode ([\d.]*\d)", text)
    if generated:
        return change(context, {"protobuf": f">={generated[1]},<{int(generated[1].split('.')[0]) + 1}"})
    if re.search(r"cannot (?:not )?be created directly|protoc >= 3\.19", text):
        known = context.matrix.wheels.installable("protobuf")
        if not any(versions.contains(works, v) and versions.contains(_OLD_GENCODE, v) for v in known):
            # This TensorFlow has no use for the protobuf that reads such code.
            return Fix(note=f"Take a newer release of the package whose _pb2.py file the traceback names. {PURE}")
        both = works if old and "<" in works else joined(works, _OLD_GENCODE)
        return change(context, {"protobuf": both}, PURE)
    if name == "runtime_version":
        note = "Or generate the module that asks for it (its _pb2.py file) again, with the protoc of this protobuf."
        python = context.env.python.minor
        if python and not context.matrix.wheels.newest("protobuf", ">=5.27", context.env.platform, python):
            return Fix(note=f"Python {python} has no protobuf 5: {note[3].lower()}{note[4:]}")
        return change(context, {"protobuf": works if ">=5" in works or ">=6" in works else ">=5.27"}, note)
    if re.search(r"cannot import name '?builder", text):
        python = context.env.python.minor
        if python and not context.matrix.wheels.newest("protobuf", ">=3.20", context.env.platform, python):
            note = "3.20, which the _pb2.py file in the traceback asks for: generate that file again with protoc 3.19."
            return Fix(note=f"Python {python} has no protobuf {note}")
        return change(context, {"protobuf": ">=3.20,<3.21" if old else works or ">=3.20,<5"})
    if re.search(r"Couldn't find field google\.protobuf\.FileOptions\.(?:php_metadata_namespace|ruby_package)", text):
        # Of protobuf 3.6 and later (its wheels), which TensorFlow's own library knows from 1.9 on.
        return change(context, {"protobuf": joined(works, "<3.6")}, "Or take tensorflow>=1.9.")
    if "GetMessageClass" in text:
        # Of generated code and of tensorboard: 4.21.12 does not have it yet, 4.22.5 does.
        return change(context, {"protobuf": joined(works, ">=4.22") if works else ">=4.22"})
    if "GetPrototype" in text or "MessageFactory" in text:
        return change(context, {"protobuf": joined(works, "<6") if works else "<6"})
    if re.search(r"undefined symbol|Symbol not found|symbol not found|missing symbols|of same class", text):
        if context.env.conda("protobuf") or is_conda(context) or not works:
            return Fix(commands=(BOTH_PROTOBUFS,), note=f"Both of one channel. {PURE}")
        return by_pip([f"protobuf{works}"], PURE, ("--force-reinstall",))
    if "Buffer runtime library" in text or "Buffers runtime library" in text:
        note = "Two C++ libraries of protobuf meet in one process: take what brings the other (libprotobuf, opencv, "
        return change(context, {"protobuf": works or "<3.21"}, f"{note}pyarrow) from the same source.")
    if "No module named" in text:
        return change(context, {"protobuf": works})
    return change(context, {"protobuf": works or _OLD_GENCODE})


BOTH_PROTOBUFS = ("conda", "install", "-c", FORGE, "--force-reinstall", "protobuf", "libprotobuf")


def h5py(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD606: an h5py of the generation that this Keras reads, whole and of one source."""
    text = context.env.error_text
    if "'decode'" in text:
        return change(context, {"h5py": "<3"}, "Or take tensorflow>=2.5, which reads what h5py 3 gives.")
    works = working(context, "h5py")
    if re.search(r"No module named '?h5py|requires h5py", text):
        return change(context, {"h5py": works})
    by = find(context, "h5py")
    if (by and by.manager == CONDA) or (by is None and is_conda(context)):
        return Fix(
            pins=(f"h5py {works}".strip(),),
            commands=(("conda", "install", "--force-reinstall", "h5py", "hdf5"),),
            note="h5py and hdf5 of one channel.",
        )
    # Without its requirements: the newest numpy is one of them.
    return by_pip([f"h5py{works}"], "pip's wheel brings its own HDF5.", ANEW)
