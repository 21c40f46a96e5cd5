"""Makes the matrix's derived form when the package is built, for wheels and for editable installs."""

from __future__ import annotations

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MatrixBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles ``conda_tf_doctor/matrix/data/*.yaml``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the derived form and have it shipped, though git ignores it."""
        sys.path.insert(0, self.root)
        try:
            from conda_tf_doctor.matrix.compiled import write

            path = write(os.path.join(self.root, "conda_tf_doctor", "matrix", "data"))
        finally:
            sys.path.remove(self.root)
        build_data["artifacts"].append("/" + os.path.relpath(path, self.root).replace(os.sep, "/"))
