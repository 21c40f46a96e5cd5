"""What a closure means for a loader, as Windows' and others' own loaders say it: what the closure is held to."""

from __future__ import annotations

from conda_tf_doctor.binaries.closure import CORRUPT, MACHINE, MISSING, SYMBOLS, Closure, Module

# winerror.h; also used for other systems.
ERROR_MOD_NOT_FOUND = 126
ERROR_PROC_NOT_FOUND = 127
ERROR_BAD_EXE_FORMAT = 193


def verdict(closure: Closure, root: Module | None = None) -> int:
    """Return what loading a module (the first root) ends with: 0, or an error code.

    A file that is not found stops the loader before it looks at symbols; so does an image that it refuses.
    """
    root = root or closure.roots[0]
    kinds = [module.kind for module in closure.reach(root)]
    if root.kind in (CORRUPT, MACHINE):
        return ERROR_BAD_EXE_FORMAT
    for kind in kinds:
        if kind == MISSING:
            return ERROR_MOD_NOT_FOUND
        if kind in (CORRUPT, MACHINE):
            return ERROR_BAD_EXE_FORMAT
    return ERROR_PROC_NOT_FOUND if SYMBOLS in kinds else 0


def named(closure: Closure, name: str) -> Module | None:
    """Return the module of that file name in any case."""
    return next((module for module in closure.modules if module.name.lower() == name.lower()), None)
