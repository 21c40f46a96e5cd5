"""What the frames of a traceback tell that no single message does: files that are imported in place of a module."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from ..names import STACK_MODULES

# A script may well be called test.py: the standard module of that name is not imported by anything here.
_INNOCENT = frozenset(("test", "this", "antigravity", "idlelib", "main", "__main__", "setup", "site", "cmd", "lib2to3"))

_FRAME = re.compile(
    r"""^[ \t>|│]*(?:
    File[ ]["'](?P<file>[^"'\n]+?)["'](?:,[ ]line[ ]\d+)?                   # Python
    |File[ ](?P<plain>[^\s"':,]+\.py)(?::\d+)?(?:[ ]in|,[ ]in|,[ ]line|:)   # IPython 8
    |\[?(?P<bare>[^\s"':,()\[\]]+\.py)(?:\]\([^)\s]*\))?[ ]in[ ](?:<module>|\w+\() # older IPython, Colab
    )""",
    re.MULTILINE | re.VERBOSE,
)
_LIBRARY = re.compile(
    r"(?:site|dist)-packages|[\\/]lib(?:64)?[\\/]python\d|[\\/]Lib[\\/]|[\\/]lib[\\/](?!.*[\\/])|<frozen|<stdin>|<string>|<ipython|bin[\\/]",
    re.IGNORECASE,
)
_TENSORFLOW_FRAME = re.compile(r"(?:site|dist)-packages[\\/](?:tensorflow|keras|numpy|h5py|absl|google)", re.IGNORECASE)
_IMPORT_TROUBLE = re.compile(
    r"AttributeError|ImportError|cannot import name|circular import|ModuleNotFoundError|RecursionError|No module named"
    r"|NameError|from tensorflow|import tensorflow",
)


class Frame(NamedTuple):
    """One frame of a traceback.

    Attributes:
        file: As the traceback names it.
        start: Offset of the frame in the text.
    """

    file: str
    start: int

    @property
    def module(self) -> str:
        """Name of the module that a file of this name would be imported as."""
        base = re.split(r"[\\/]", self.file)[-1]
        return base.removesuffix(".py") if base.endswith(".py") else ""

    @property
    def own(self) -> bool:
        """Whether the file is the user's and not one of an installation."""
        return not _LIBRARY.search(self.file)


def frames(text: str) -> list[Frame]:
    """Return the frames of every traceback in a text, in order."""
    return [
        Frame((found["file"] or found["plain"] or found["bare"]).strip(), found.start())
        for found in _FRAME.finditer(text)
    ]


def _is_of_an_archive(text: str, frame: Frame) -> bool:
    """Tell whether a frame is of Python's own library in a zip file, whose sources are named without a folder.

    So it is in Python's embeddable packages and in what is made with them. A file in place of a module is met while
    it is being imported.
    """
    line = text[frame.start :].lstrip("\n").split("\n", 1)[0]
    function = re.search(r", line \d+, in (<module>|\w+)", line)
    return not re.search(r"[\\/]", frame.file) and function is not None and function[1] != "<module>"


def _shadowed(module: str) -> bool:
    if module in _INNOCENT:
        return False
    return module in STACK_MODULES or module in sys.stdlib_module_names


def shadowing_frame(text: str) -> tuple[Frame, bool] | None:
    """Return the frame of a user's file that is named like a module, and whether that is sure.

    It is sure where the file is of the stack (``tensorflow.py``), or where TensorFlow or a library imports it: its
    frame comes after one of an installed package. A script that is only named like a standard module may be innocent,
    and one that is named like the stack is where it is the script that was started, and got through its imports.
    """
    seen_library = False
    perhaps: Frame | None = None
    for place, frame in enumerate(frames(text)):
        if frame.own and frame.module and _shadowed(frame.module) and not _is_of_an_archive(text, frame):
            if seen_library or (frame.module in STACK_MODULES and (place or _IMPORT_TROUBLE.search(text))):
                return frame, True
            perhaps = perhaps or frame
        seen_library = seen_library or bool(_TENSORFLOW_FRAME.search(frame.file))
    if perhaps is not None and _IMPORT_TROUBLE.search(text):
        return perhaps, False
    return None
