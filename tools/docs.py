"""Builds the documentation: the pages of ``docs/``, and beside them what is made of the program itself.

Generated are the commands (from their parser), conda's settings (from the plugin), every rule's page, the schemas, and
pictures of real runs.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conda_tf_doctor import __version__
from conda_tf_doctor.cli.parser import VERBS, whole
from conda_tf_doctor.cli.schema import FOLDER as SCHEMAS
from conda_tf_doctor.codes import RULES
from conda_tf_doctor.explain.pages import read_page
from tools.examples import inside, make_world, run
from tools.workshop import CACHE, ROOT, ended, say

FOLDER = CACHE / "docs"
# Name, width, command.
SCREENS = (
    ("check-80", 80, "conda tf-doctor -n vc-runtime-old"),
    ("check-120", 120, "conda tf-doctor -n vc-runtime-old"),
    ("verbose-80", 80, "conda tf-doctor -n numpy-2 -v"),
    ("verbose-120", 120, "conda tf-doctor -n numpy-2 -v"),
    ("nothing-80", 80, "conda tf-doctor -n plain"),
    ("explain-80", 80, 'python -c "import tensorflow" 2>&1 | conda tf-doctor explain - -n vc-runtime-old'),
    ("fix-80", 80, "conda tf-doctor fix -n numpy-2 --dry-run --offline"),
    ("matrix-80", 80, "conda tf-doctor matrix --tensorflow 2.10.1 --platform win-64"),
    ("matrix-120", 120, "conda tf-doctor matrix --tensorflow 2.10.1 --platform win-64"),
    ("help-80", 80, "conda tf-doctor fix --help"),
    ("help-120", 120, "conda tf-doctor --help"),
)


def commands() -> str:
    """Return the page of the commands, as their parser has them."""
    parser = whole("conda tf-doctor")
    verbs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    text = (
        "# Commands\n\nEvery command works as `conda tf-doctor …` and as `conda-tf-doctor …`, with conda's own `-n`, "
        "`-p`, `--json`, `-q`, `-v`, `-d` and `-y`. This page is made from the parser.\n\n"
    )
    for name, verb in {"": parser, **verbs}.items():
        text += f"## {f'`{name}`' if name else 'Without a command'}\n\n{verb.description}\n\n"
        for group in verb._action_groups:
            rows = [
                f"| `{_spelled(action)}` | {str(action.help).replace('|', chr(92) + '|')} |\n"
                for action in group._group_actions
                if action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)
            ]
            if rows:
                text += f"| {group.title} | |\n| --- | --- |\n{''.join(rows)}\n"
        text += f"```text\n{(verb.epilog or '').replace('%(prog)s', verb.prog)}\n```\n\n"
    assert set(verbs) == set(VERBS)
    return text


def _spelled(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + value if action.option_strings else value.strip()


def settings() -> str:
    """Return the page of the settings that the plugin registers; its module needs a conda, so it is read as text."""
    tree = ast.parse((ROOT / "conda_tf_doctor" / "plugin.py").read_text(encoding="utf-8"))
    rows = ""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "CondaSetting":
            given = {word.arg: word.value for word in call.keywords}
            first = next(node.value for node in ast.walk(given["parameter"]) if isinstance(node, ast.Constant))
            name, description = (str(ast.literal_eval(given[word])) for word in ("name", "description"))
            rows += f"| `{name}` | {description} | {f'`{first!s}`' if first else 'empty'} |\n"
    return (
        "# Settings\n\nIn `.condarc`, under `plugins:`; as variables they are called `CONDA_PLUGINS_TF_DOCTOR_MODE` "
        "and so on. Both doors read them. This page is made from the plugin.\n\n"
        f"| setting | what it does | default |\n| --- | --- | --- |\n{rows}\n"
        "A project's own settings (`[tool.conda-tf-doctor]`: `ignore`, `select`, `matrix`) and comments in files: "
        "[In CI, in an editor, in pre-commit](ci.md). What the guard does in each mode: [The guard](guard.md).\n"
    )


def rules(folder: Path) -> None:
    """Write a page for each rule: what `explain` shows."""
    for code in RULES:
        page = read_page(code)
        body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in page.sections)
        (folder / f"{code}.md").write_text(f"# {code} {page.name}\n\n{body}\n", encoding="utf-8")


def schemas() -> str:
    """Return the list of the schemas, each with its text."""
    text = ""
    for file in sorted(Path(SCHEMAS).glob("*.schema.json")):
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        name = file.name.removesuffix(".schema.json")
        text += (
            f"## {name}\n\n{schema['title']}.\n\n```{{literalinclude}} schemas/{file.name}\n:language: json\n```\n\n"
        )
    return text


def screens(folder: Path) -> None:
    """Draw the screens of real runs, as a terminal of that width shows them."""
    from rich.console import Console
    from rich.text import Text

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        variables = make_world(world)
        for screen, width, command in SCREENS:
            with inside(world, {**variables, "COLUMNS": str(width), "FORCE_COLOR": "1"}):
                text = run(command, world)[1]
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                console = Console(record=True, width=width, file=nowhere, force_terminal=True, legacy_windows=False)
                console.print(Text.from_ansi(f"$ {command}\n{text}"), overflow="fold")
                console.save_svg(str(folder / f"{screen}.svg"), title=command[:60])


def source(folder: Path) -> None:
    """Lay out everything that Sphinx reads."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    (folder / "version").write_text(__version__, encoding="utf-8")
    (folder / "commands.md").write_text(commands(), encoding="utf-8")
    (folder / "settings.md").write_text(settings(), encoding="utf-8")
    shown = "".join(f"## {name}\n\n![{command}](_static/screens/{name}.svg)\n\n" for name, _, command in SCREENS)
    about = "Real runs, in terminals of 80 and 120 columns; made with this page."
    (folder / "screens.md").write_text(f"# Screens\n\n{about}\n\n{shown}", encoding="utf-8")
    (folder / "rules").mkdir()
    rules(folder / "rules")
    shutil.copytree(SCHEMAS, folder / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "generated-schemas.md").write_text(schemas(), encoding="utf-8")
    for path in folder.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        # In the repository a rule's page lies with the program, and a page is linked by its file.
        text = text.replace("../conda_tf_doctor/explain/pages/", "rules/")
        if path.name == "rules.md":
            text += "\n```{toctree}\n:hidden:\n:glob:\nrules/*\n```\n"
        path.write_text(text, encoding="utf-8")
    screens(folder / "_static" / "screens")


def _warnings(output: str) -> Iterator[str]:
    return (line for line in output.splitlines() if re.search(r"WARNING|ERROR", line))


def main(argv: Sequence[str]) -> int:
    """Build the pages; return 1 where Sphinx warns of anything."""
    start = time.monotonic()
    source(FOLDER / "source")
    shutil.rmtree(FOLDER / "html", ignore_errors=True)
    options = ["-q", "-E", "--keep-going", "-W", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, FOLDER / "source", FOLDER / "html"]
    done = subprocess.run([*map(str, command), *argv], capture_output=True, text=True, check=False)
    if done.returncode:
        print("\n".join(_warnings(done.stderr)) or done.stderr[-2000:])
        return 1
    pages = sum(1 for _ in (FOLDER / "html").rglob("*.html"))
    took = f"{time.monotonic() - start:.0f} s"
    say(f"{pages} pages in {(FOLDER / 'html').relative_to(ROOT)}, without warnings, in {took}")
    return 0


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
