"""``matrix``: shows the compatibility matrix, and validates a user's own file."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from ..environment.channels import PLATFORMS
from ..errors import UsageError, meant
from ..matrix.check import bad_specifiers
from ..matrix.load import load_matrix
from ..matrix.model import CHANNELS
from ..matrix.overlay import validate
from ..render.json import print_document
from ..render.text import Style, wrapped
from ..safely import safe
from .flags import add_examples, add_output
from .options import options

if TYPE_CHECKING:
    from ..matrix.model import Build

_FILTERS = {
    "tensorflow": ("VERSION", "a version, the beginning of one (2.10), or a range ('>=2.10,<2.12')"),
    "python": ("VERSION", "builds for this Python"),
    "cuda": ("VERSION", "builds that work with this CUDA"),
    "platform": ("SUBDIR", "such as win-64"),
    "channel": ("CHANNEL", "pypi, conda-forge or defaults"),
    "distribution": ("NAME", "such as tensorflow-gpu"),
    "variant": ("NAME", "cpu, gpu, or the channel's own word (cuda112, mkl)"),
}
_KNOWN = {"platform": PLATFORMS, "channel": CHANNELS}
_EXAMPLES = {"tensorflow": "2.10 or >=2.10,<2.12", "python": "3.10", "cuda": "11.8"}


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``matrix``."""
    add_examples(
        parser,
        "--tensorflow 2.10 --platform win-64",
        "--cuda 11.8 --channel conda-forge",
        "--validate own-matrix.yaml",
        status="0 it could be shown, or the file is valid; 1 the file is not valid; 2 unusable request.",
    )
    for name, (metavar, text) in _FILTERS.items():
        parser.add_argument(f"--{name}", metavar=metavar, default="", help=text)
    parser.add_argument("--validate", metavar="FILE", default="", help="validate a matrix file of your own")
    parser.add_argument("--matrix", metavar="FILE", default="", help="YAML file whose rows go over the bundled matrix")
    add_output(parser)


def execute(args: Namespace) -> int:
    """Print the rows that match, or what is wrong with a file.

    Raises:
        UsageError: A file cannot be read, or a filter is no version.
    """
    if args.validate:
        return _validate(args)

    filters = {name: getattr(args, name).strip() for name in _FILTERS}
    _refuse_nonsense(filters)
    rows = load_matrix(options(args)[1]).rows(**filters)
    if args.json:
        print_document({"schema_version": 1, "rows": [row.to_json() for row in rows]})
    elif args.verbosity:
        _print("\n\n".join(map(_full, rows)) or _nothing(filters))
    else:
        _print(_table(rows, _width(), args.quiet) or _nothing(filters))
    return 0


def _refuse_nonsense(filters: dict[str, str]) -> None:
    for name in ("tensorflow", "python", "cuda"):
        text = filters[name]
        if not text:
            continue
        ranged = name == "tensorflow" and any(sign in text for sign in "<>=!~")
        if bad_specifiers(text if ranged else f"=={text}"):
            raise UsageError(f"--{name} {text} is no version; write it as {_EXAMPLES[name]}.")


def _validate(args: Namespace) -> int:
    problems = validate(args.validate, load_matrix().ids())
    if args.json:
        found = [{"line": p.line, "field": p.field, "message": p.message} for p in problems]
        print_document({"schema_version": 1, "file": args.validate, "ok": not problems, "problems": found})
    elif problems:
        _print("\n".join(map(str, problems)))
    elif not args.quiet:
        _print(f"{args.validate}: valid")
    return 1 if problems else 0


def _print(text: str) -> None:
    style = Style.of(sys.stdout, os.environ)
    style.write("\n".join(safe(line) for line in text.split("\n")) + "\n")


def _width() -> int:
    """Return the terminal's width, or that of COLUMNS: a table may be as wide as there is room, also above 120."""
    return get_terminal_size((120, 24)).columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else 160


def _nothing(filters: dict[str, str]) -> str:
    asked = " ".join(f"--{name} {value}" for name, value in filters.items() if value)
    near = "".join(meant(filters[name], known) for name, known in _KNOWN.items() if filters[name] and known)
    return f"No build matches {asked}{near}; take a filter away to see more." if asked else "The matrix is empty."


def _minors(python: tuple[str, ...]) -> str:
    """Return ``2.7 3.5-3.7`` for a list of minors."""
    runs: list[list[tuple[int, int]]] = []
    for minor in python:
        major, number = (int(part) for part in minor.split(".")[:2])
        if runs and runs[-1][-1] == (major, number - 1):
            runs[-1].append((major, number))
        else:
            runs.append([(major, number)])
    names = [(f"{run[0][0]}.{run[0][1]}", f"{run[-1][0]}.{run[-1][1]}") for run in runs]
    return " ".join(first if first == last else f"{first}-{last}" for first, last in names)


def _cells(row: Build) -> dict[str, str]:
    variant = row.variant_name if row.variant_name not in ("", row.variant) else row.variant
    if row.stub_for:
        variant = f"-> {row.stub_for.removesuffix(f'=={row.tensorflow}')}"
    elif row.kind != "build":
        variant = row.kind
    elif row.gpu_functional is False:
        variant += " (no GPU)"
    return {
        "tensorflow": row.tensorflow,
        "channel": row.channel,
        "distribution": row.distribution,
        "platform": row.platform,
        "variant": variant,
        "python": _minors(row.python),
        "cuda": row.cuda,
        "cudnn": row.cudnn,
        "numpy": row.numpy,
        "protobuf": row.protobuf.split(",!=")[0] + ("" if ",!=" not in row.protobuf else ",..."),
        "keras": row.keras,
        "system": ", ".join(
            text
            for text in (
                f"VC runtime {row.vc_runtime}" if row.vc_runtime else "",
                f"glibc >={row.glibc}" if row.glibc else "",
                f"macOS >={row.macos}" if row.macos else "",
                "AVX" if row.avx else "",
            )
            if text
        ),
    }


_TITLES = {
    "tensorflow": "TensorFlow", "channel": "from", "distribution": "as", "platform": "platform", "variant": "variant",
    "python": "Python", "cuda": "CUDA", "cudnn": "cuDNN", "numpy": "numpy", "protobuf": "protobuf", "keras": "keras",
    "system": "system",
}  # fmt: skip
# What a narrow terminal has in a second line, first to go first; never the release, Python, CUDA and cuDNN.
_SECOND = ("keras", "protobuf", "system", "numpy", "distribution", "channel", "variant", "platform")


def _table(rows: list[Build], width: int, quiet: bool) -> str:
    """Return the rows as a table no wider than the terminal; releases that look alike share a line.

    What does not fit is told once, above, where it is the same in all rows, else below each row.
    """
    if not rows:
        return ""
    order = {name: rank for rank, name in enumerate(CHANNELS)}
    rows = sorted(rows, key=lambda row: (order.get(row.channel, len(order)), row.distribution))
    cells = [_cells(row) for row in rows]
    lines = _folded(cells)
    alike = [name for name in _SECOND if len(rows) > 1 and len({cell[name] for cell in cells}) == 1]
    shown, gone = list(_TITLES), []
    for name in ("", *alike, *(name for name in _SECOND if name not in alike)):
        if name:
            shown.remove(name)
            gone.append(name)
        widths = {column: max(len(line[column]) for line in [_TITLES, *lines]) for column in shown}
        if sum(widths.values()) + 2 * (len(shown) - 1) <= width:
            break
    text = [] if quiet else [_told(cells[0], [name for name in gone if name in alike], "All of them: ", width), ""]
    text = text if text and text[0] else []
    second = [name for name in gone if name not in alike]
    for line in ([] if quiet else [_TITLES]) + lines:
        text.append("  ".join(line[column].ljust(widths[column]) for column in shown).rstrip())
        more = _told(line, second, "    ", width) if line is not _TITLES else ""
        text += [more] if more else []
    return "\n".join(text if quiet else [*text, "", f"{len(rows)} builds; -v shows everything known of each."])


def _told(line: dict[str, str], names: list[str], before: str, width: int) -> str:
    """Return some cells as a sentence would have them, in the order of the columns; nothing where all are empty."""
    said = ", ".join(f"{_TITLES[name]} {line[name]}" for name in _TITLES if name in names and line[name])
    return "\n".join(wrapped(said.replace("system ", ""), before, width)) if said else ""


def _folded(cells: list[dict[str, str]]) -> list[dict[str, str]]:
    """Fold lines that differ in the release alone: ``2.10.0 - 2.10.1``."""
    lines: dict[tuple[str, ...], dict[str, Any]] = {}
    for cell in cells:
        alike = (_series(cell["tensorflow"]), *(cell[name] for name in _TITLES if name != "tensorflow"))
        if alike in lines:
            lines[alike]["last"] = cell["tensorflow"]
        else:
            lines[alike] = {**cell, "first": cell["tensorflow"], "last": cell["tensorflow"]}
    for line in lines.values():
        line["tensorflow"] = line["first"] if line["first"] == line["last"] else f"{line['first']} - {line['last']}"
    return list(lines.values())


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _full(row: Build) -> str:
    known = [(name, value) for name, value in row._asdict().items() if value not in ("", (), {}, None, -1)]
    lines = [row.id]
    for name, value in known:
        if name == "id" or (isinstance(value, (bool, int)) and not value and name not in ("avx", "mtx_in_situ")):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {spec}".strip() for key, spec in value.items())
        elif isinstance(value, tuple):
            value = " ".join(value)
        lines.append(f"  {name}: {value}")
    return "\n".join(lines)
