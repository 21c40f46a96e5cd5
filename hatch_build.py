"""Makes what is derived when the package is built: matrix, error texts, and a wheel's manual page and completions."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _roff(text: str) -> str:
    """Return a text for a manual page: hyphens that are typed, and no line that could be a request."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").split("\n")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in lines)


def _manual(parser: argparse.ArgumentParser) -> str:
    """Return the manual page: the program, and each command with its arguments and examples."""
    name = parser.prog
    page = f".TH {_roff(name.upper())} 1\n.SH NAME\n{_roff(name)} \\- {_roff(str(parser.description))}\n"
    page += f".SH SYNOPSIS\n.nf\n{_roff(parser.format_usage().removeprefix('usage: ').rstrip())}\n.fi\n"
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for title, verb in {"WITHOUT A COMMAND": parser, **verbs.choices}.items():
        page += f".SH {_roff(title.upper())}\n{_roff(str(verb.description))}\n"
        for group in verb._action_groups:
            for action in group._group_actions:
                if not isinstance(action, argparse._SubParsersAction):
                    flags = ", ".join(action.option_strings) or str(action.metavar or action.dest)
                    value = (
                        f" {action.metavar or action.dest.upper()}"
                        if action.option_strings and action.nargs != 0
                        else ""
                    )
                    page += f".TP\n.B {_roff(flags + value)}\n{_roff(str(action.help))}\n"
        page += f".PP\n.nf\n{_roff((verb.epilog or '').replace('%(prog)s', verb.prog))}\n.fi\n"
    return page


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

        from conda_tf_doctor.cli.parser import whole

        name = "conda-tf-doctor"
        parser = whole()
        texts = {
            f"bash-completion/completions/{name}": shtab.complete(parser, "bash"),
            f"zsh/site-functions/_{name}": shtab.complete(parser, "zsh"),
            f"fish/vendor_completions.d/{name}.fish": shtab.complete(parser, "fish"),
            f"man/man1/{name}.1": _manual(parser),
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
