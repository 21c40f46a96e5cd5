"""Makes the derived forms of the matrix and of the error texts when the package is built, editable or as a wheel."""

from __future__ import annotations

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MatrixBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles ``conda_tf_doctor/{matrix,explain}/data/*.yaml``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the derived forms and have them shipped, though git ignores it."""
        sys.path.insert(0, self.root)
        try:
            from conda_tf_doctor.explain import compiled as catalogue
            from conda_tf_doctor.matrix import compiled as matrix

            package = os.path.join(self.root, "conda_tf_doctor")
            paths = [
                matrix.write(os.path.join(package, "matrix", "data")),
                catalogue.write(os.path.join(package, "explain", "data")),
            ]
        finally:
            sys.path.remove(self.root)
        build_data["artifacts"] += ["/" + os.path.relpath(path, self.root).replace(os.sep, "/") for path in paths]
