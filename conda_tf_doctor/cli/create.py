"""``create``: an environment that is known to work, as environment.yml or made by conda."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from ..engine.diagnose import diagnose
from ..environment.channels import checked
from ..environment.facts import Environment
from ..environment.machine import add_machine
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..names import windows_forbids
from ..render.json import print_document
from ..render.text import Style, complain
from ..repair.conda import Conda, find_conda
from ..repair.demands import parse_demand
from ..repair.recipe import NoRecipeError, Wanted, make
from ..repair.state import set_variables
from ..safely import safe
from ..subdirs import this_platform
from .flags import add_examples, add_output, add_prompt
from .options import options

if TYPE_CHECKING:
    from ..environment.facts import Environment
    from ..matrix.matrix import Matrix
    from ..repair.recipe import Recipe


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``create``."""
    add_examples(
        parser,
        "myenv --gpu",
        "myenv --tensorflow 2.10 --gpu --platform win-64 --dry-run",
        status="0 it was created, or shown; 1 there is no such combination, or creating failed; 2 unusable request.",
    )
    parser.add_argument("env_name", metavar="NAME", help="name of the environment, or its folder")
    parser.add_argument("--tensorflow", metavar="VERSION", default=SUPPRESS, help="such as 2.10; the newest without it")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--gpu", action="store_true", default=SUPPRESS, help="it has to use the GPU")
    group.add_argument("--cpu", action="store_true", default=SUPPRESS, help="it is for the CPU")
    parser.add_argument(
        "--python", metavar="MINOR", default=SUPPRESS, help="such as 3.10; the newest that fits without it"
    )
    parser.add_argument(
        "--platform", metavar="SUBDIR", default=SUPPRESS, help="such as win-64; this machine's without it"
    )
    parser.add_argument(
        "--channel", choices=("pypi", "conda-forge", "defaults"), default=SUPPRESS, help="where TensorFlow comes from"
    )
    parser.add_argument(
        "--matrix", metavar="FILE", default=SUPPRESS, help="YAML file whose rows add to the bundled matrix"
    )
    add_prompt(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Print or create.

    Raises:
        UsageError: An argument is unusable, or there is such an environment already.
    """
    _, matrix_file = options(args)
    matrix = load_matrix(matrix_file)
    platform = checked(getattr(args, "platform", "")) or this_platform()
    machine = _machine(platform) if platform == this_platform() else None
    name = _name(args.env_name, platform)
    wanted = Wanted(
        name, platform, _version(getattr(args, "tensorflow", "")), _variant(args, machine),
        _minor(getattr(args, "python", "")), getattr(args, "channel", ""),
    )  # fmt: skip
    try:
        recipe = make(wanted, matrix, machine)
    except NoRecipeError as refusal:
        return _refuse(refusal, args)
    return _finish(recipe, args, matrix)


def _name(target: str, platform: str) -> str:
    """Return the environment's name: what is typed, or the last part of the folder.

    Raises:
        UsageError: Conda, or the platform, takes no such name.
    """
    by_path = "/" in target or os.sep in target
    # A name is one as it is typed: of `a:b` Windows' rules of paths would leave `b`.
    name = os.path.basename(os.path.normpath(target)) if by_path else target.strip() and target
    if name in ("", ".", "..") or (not by_path and (name in ("base", "root") or any(sign in name for sign in " :#"))):
        raise UsageError(
            f"{target!r} is no name for a new environment; give another one, without spaces, colons and hash signs, "
            "or a folder."
        )
    why = windows_forbids(name) if platform.startswith("win-") else ""
    if why:
        raise UsageError(f"{target!r} is no name for a new environment ({why}); give another one.")
    return name


def _machine(platform: str) -> Environment:
    env = Environment("file", "", platform)
    add_machine(env)
    env.env_vars, env.working_folder, env.user_site, env.path_packages = {}, [], [], []
    return env


def _variant(args: Namespace, machine: Environment | None) -> str:
    if getattr(args, "gpu", False):
        return "gpu"
    if getattr(args, "cpu", False) or machine is None:
        return "cpu"
    return "gpu" if machine.virtual_packages.get("__cuda") or machine.system.cuda_driver else "cpu"


def _version(text: str) -> str:
    """Return the version part of a MatchSpec for what the user typed.

    Raises:
        UsageError: It is no version.
    """
    if not text:
        return ""
    if not any(sign.isdigit() for sign in text):
        raise UsageError(f"--tensorflow {text} is no version; write it as --tensorflow 2.10.")
    return parse_demand(f"tensorflow{text}" if text[0] in "<>=!~" else f"tensorflow={text}")[1]


def _minor(text: str) -> str:
    if text and not re.fullmatch(r"\d+\.\d+(\.\d+)?", text):
        raise UsageError(f"--python {text} is no version; write it as --python 3.10.")
    return ".".join(text.split(".")[:2])


def _refuse(refusal: Any, args: Namespace) -> int:
    if args.json:
        print_document({"schema_version": 1, "ok": False, "error": str(refusal), "ways": list(refusal.ways)})
    else:
        complain(str(refusal))
        Style(sys.stderr, False).write("".join(f"  {safe(way)}\n" for way in refusal.ways))
    return 1


def _finish(recipe: Recipe, args: Namespace, matrix: Matrix) -> int:
    text = recipe.to_yaml()
    style = Style.of(sys.stdout, os.environ)
    command = find_conda(args.door)
    made: dict[str, Any] = {
        "schema_version": 1, "name": recipe.wanted.name, "platform": recipe.wanted.platform, "row": recipe.build.id,
        "tensorflow": recipe.build.tensorflow, "variant": recipe.wanted.variant, "environment": text,
        "notes": [], "created": False, "prefix": None, "ok": True,
    }  # fmt: skip
    dry_run = args.dry_run
    if args.door == "conda":
        from conda.base.context import context

        dry_run = dry_run or bool(context.dry_run)
    if dry_run or not command:
        if args.json:
            _print(made)
        else:
            style.write(text)
            if not dry_run:
                print(
                    "There is no conda, micromamba or mamba here to create it with; save this as environment.yml.",
                    file=sys.stderr,
                )
        return 0
    quiet = args.json or args.quiet
    if not args.json:
        style.write(text)
    conda = Conda(command, recipe.wanted.platform, quiet)
    prefix = _free_prefix(args.env_name, conda)
    if not _agreed(args):
        print("Nothing was created.", file=sys.stderr)
        if args.json:
            _print({**made, "ok": False})
        return 1
    status = _create(prefix, text, conda)
    if status == 0:
        set_variables(prefix, recipe.variables)
        diagnosis = diagnose(read_prefix(prefix), matrix)
        made |= {"created": True, "prefix": prefix, "ok": diagnosis.ok}
        status = 0 if diagnosis.ok else 1
    else:
        made["ok"] = False
    if args.json:
        _print(made)
    else:
        style.write(f"Created: {prefix}\n" if made["created"] else f"{conda.name.capitalize()} could not create it.\n")
    return status


def _agreed(args: Namespace) -> bool:
    yes = args.yes
    if args.door == "conda":
        from conda.base.context import context

        yes = yes or bool(context.always_yes)
    if yes:
        return True
    if args.json or not sys.stdin.isatty():
        return False
    sys.stdout.write("Create it? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _free_prefix(target: str, conda: Any) -> str:
    """Return where the environment goes.

    Raises:
        UsageError: There is something already.
    """
    by_path = os.sep in target or "/" in target
    prefix = os.path.abspath(os.path.expanduser(target)) if by_path else _prefix_of(target, conda)
    if os.path.exists(os.path.join(prefix, "conda-meta")):
        raise UsageError(f"There is an environment at {prefix} already; choose another name, or repair it with `fix`.")
    if os.path.exists(prefix) and (not os.path.isdir(prefix) or os.listdir(prefix)):
        raise UsageError(f"{prefix} exists and is no environment; choose another name.")
    return prefix


def _create(prefix: str, text: str, conda: Any) -> int:
    """Let conda create it, or nothing of it; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "environment.yml")
        with open(file, "w", encoding="utf-8") as handle:
            handle.write(text)
        return 0 if conda.create(prefix, file) else 1


def _prefix_of(name: str, conda: Any) -> str:
    folders = conda.folders()
    if not folders:
        named = conda.name.capitalize()
        raise UsageError(f"{named} does not say where it keeps environments; give a folder instead of the name {name}.")
    return os.path.join(folders[0], name)


def _print(document: Any) -> None:
    print_document(document)
