"""Variables of an environment: what conda, mamba and micromamba set when it is activated, in every shell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from ..environment.facts import STATE
from ..reading import load_json
from . import atomic


def set_variables(prefix: str, variables: Iterable[tuple[str, str]]) -> None:
    """Have variables set at activation, beside those that are.

    Args:
        prefix: The environment.
        variables: Names and values, with ``$CONDA_PREFIX`` for its folder: what is kept is not expanded by conda.

    Raises:
        OSError: The file cannot be written.
        ValueError: What is there is not what conda writes.
    """
    values = {name: value.replace("$CONDA_PREFIX", prefix) for name, value in variables}
    if not values:
        return
    path = os.path.join(prefix, STATE)
    there = load_json(atomic.read(path) or b"{}")
    there["env_vars"] = {**there.get("env_vars", {}), **values}
    atomic.write(path, json.dumps(there, indent=2).encode())
