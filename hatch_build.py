"""Makes what is derived when the package is built: matrix, error texts, and a wheel's manual page and completions."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MatrixBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles ``conda_tf_doctor/{matrix,explain}/data/*.yaml``, and describes the commands from their parser."""

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
            if self.target_name == "wheel" and version != "editable":
                build_data["shared_data"] = self._shared()
        finally:
            sys.path.remove(self.root)
        build_data["artifacts"] += ["/" + os.path.relpath(path, self.root).replace(os.sep, "/") for path in paths]

    def _shared(self) -> dict[str, str]:
        """Write what shells and ``man`` look for below a prefix's ``share``; return the place of each file there."""
        import shtab
        from build_manpages.manpage import Manpage

        from conda_tf_doctor.cli.parser import SUMMARY, whole

        name = "conda-tf-doctor"
        parser = whole()
        manual = str(Manpage(parser)).replace("Generated Python Manual", "User Commands", 1)
        title, rest = manual.split("\n.SH SYNOPSIS\n", 1)
        manual = f"{title} \\- {SUMMARY}\n.SH SYNOPSIS\n{rest}"
        texts = {
            f"bash-completion/completions/{name}": shtab.complete(parser, "bash"),
            f"zsh/site-functions/_{name}": shtab.complete(parser, "zsh"),
            f"fish/vendor_completions.d/{name}.fish": shtab.complete(parser, "fish"),
            f"man/man1/{name}.1": manual,
        }
        # The archive is written before this process ends, and with it the folder goes.
        self._folder = tempfile.TemporaryDirectory()
        folder = self._folder.name
        shared = {}
        for place, text in texts.items():
            path = os.path.join(folder, place.replace("/", "-"))
            with open(path, "w", encoding="utf-8", newline="\n") as handle:
                handle.write(text)
            shared[path] = f"share/{place}"
        return shared
