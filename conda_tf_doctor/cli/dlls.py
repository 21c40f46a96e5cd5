"""``dlls``: the tree of DLLs or shared objects that a module loads, and what is wrong with them."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from ..binaries.lookup import find_modules
from ..binaries.stack import find_stack_modules
from ..context.binaries import BinaryFacts, closure_of, examine, is_at_hand
from ..context.context import Context
from ..engine.ranking import ranked
from ..environment.prefix import read_prefix
from ..environment.site import site_packages_of
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..render.json import print_document
from ..render.text import Style
from ..render.tree import Tree, dot, shown_path
from ..rules.binaries.closure import judge
from ..safely import safe
from ..subdirs import PLATFORM_MACHINES
from .flags import add_examples, add_output, add_rules, add_target
from .options import options
from .target import resolve_prefix

if TYPE_CHECKING:
    from ..binaries.closure import Closure
    from ..context.binaries import BinaryFacts
    from ..context.context import Context
    from ..findings import Finding


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``dlls``."""
    add_examples(
        parser,
        "-n myenv",
        "-n myenv h5py",
        "-p C:\\envs\\tf -v",
    )
    parser.add_argument(
        "module",
        metavar="MODULE",
        nargs="?",
        default="",
        help="a file, a DLL's name, or an import name (h5py, numpy.core._multiarray_umath); TensorFlow's own if absent",
    )
    parser.add_argument("--thorough", action="store_true", help="hash every binary of every package, whatever its size")
    parser.add_argument("--dot", action="store_true", help="print a graph for Graphviz")
    add_target(parser)
    add_rules(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Resolve the closure and print it.

    Raises:
        UsageError: There is no such environment or module in it.
    """
    if args.dot and args.json:
        raise UsageError("--dot and --json are two forms of one output; give one of them.")
    ignore, matrix_file = options(args)
    context = Context(read_prefix(resolve_prefix(args)), load_matrix(matrix_file))
    facts = _facts(context, args.module, thorough=getattr(args, "thorough", False))
    closure = facts.closure
    if closure is None:
        raise UsageError(f"The environment {context.env.path} has no TensorFlow with binaries; name a MODULE.")
    found = _findings(context, facts, closure, ignore)
    if args.json:
        print_document(document(context, args.module, facts, closure, found))
    elif args.dot:
        print(dot(closure, bool(args.verbosity)))
    else:
        _print(context, facts, closure, found, args)
    return 1 if any(finding.severity == "error" for finding in found) else 0


def _facts(context: Context, module: str, thorough: bool) -> BinaryFacts:
    if not module:
        facts = examine(context, thorough)
        if facts is None:
            raise UsageError(f"The environment {context.env.path} has no TensorFlow with binaries; name a MODULE.")
        return facts

    env = context.env
    site_packages = site_packages_of(env)
    paths = find_modules(env.prefix, site_packages, module)
    # dyld finds what is loaded by its install name: a plugin of TensorFlow's counts on TensorFlow being there first.
    before = find_stack_modules(env.prefix, site_packages)[:1] if env.os == "osx" else []
    closure = closure_of(context, [*before, *paths])
    closure.roots = closure.roots[len(before) :]
    machine = env.python.machine or PLATFORM_MACHINES.get(env.platform, "")
    return BinaryFacts(closure, tuple(paths), machine=machine, at_hand=is_at_hand(env))


def _findings(context: Context, facts: BinaryFacts, closure: Closure, ignore: frozenset[str]) -> list[Finding]:
    return ranked((finding for finding in judge(context, facts, closure) if finding.code not in ignore), {})


def document(
    context: Context, module: str, facts: BinaryFacts, closure: Closure, found: list[Finding]
) -> dict[str, Any]:
    """Return what ``dlls --json`` prints."""
    prefix = context.env.prefix
    modules = []
    for entry in closure.modules:
        fields = entry.to_json()
        fields["path"] = shown_path(prefix, entry.path) or None
        fields["found_by"] = entry.found_by or None
        fields["machine"] = entry.machine or None
        fields["version"] = entry.version or None
        modules.append(fields)
    edges = dict.fromkeys((edge.importer.name, edge.imported.name) for edge in closure.edges)
    return {
        "schema_version": 1,
        "module": module or (shown_path(prefix, facts.modules[0]) if facts.modules else None),
        "modules": modules,
        "edges": [list(edge) for edge in edges],
        "findings": [finding.to_json(context.env.platform) for finding in found],
    }


def _print(context: Context, facts: BinaryFacts, closure: Closure, found: list[Finding], args: Namespace) -> None:
    style = Style.of(sys.stdout, os.environ)
    tree = Tree(closure, context.env.prefix, style)
    lines: list[str] = []
    if not args.quiet:
        python = f"Python {context.env.python.version}" if context.env.python.version else "Python unknown"
        lines += [
            f"{safe(context.env.path)} ({context.env.platform}, {python}, {facts.machine or 'machine unknown'})",
            "",
        ]
    drawn = list(tree.everything() if args.verbosity else tree.problems())
    lines += [*drawn, ""] if drawn else []
    for finding in found:
        lines.append(
            f"{style.paint(finding.severity, finding.severity.upper())} {finding.code} {safe(finding.message)}"
        )
    if not args.quiet:
        lines += [""] * bool(found) + _summary(closure)
        if not args.verbosity:
            lines.append("The whole tree: -v.")
    if lines:
        style.write("\n".join(lines) + "\n")


def _summary(closure: Closure) -> list[str]:
    roots, wrong = closure.roots, len(closure.failures)
    subject = f"{len(roots)} modules load" if len(roots) > 1 else f"{roots[0].name} loads"
    loaded = sum(module.path != "" or module.found_by != "" for module in closure.modules if module not in roots)
    count = f"{loaded} {'library' if loaded == 1 else 'libraries'}"
    lines = [f"{subject} {count}: {f'{wrong} with a problem' if wrong else 'nothing is missing or damaged'}."]
    absent = [module.name for module in closure.problems if module.optional and module.kind == "missing"]
    if absent:
        lines.append(f"Not found, and needed only when used (a GPU, most often): {', '.join(absent)}.")
    return lines
