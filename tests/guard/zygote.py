"""Runs many conda commands, each in a process of its own, for the price of starting conda once.

The process imports conda, and then forks for every command that it reads from standard input: a child has conda's
modules, and nothing that a command has done before it. Without conda's context, which reads settings and environment
when a command starts.
"""

import json
import os
import sys


def run(job):
    if not hasattr(os, "fork"):
        import subprocess

        # Not in the command line, which is too short for all variables.
        return subprocess.run(
            [sys.executable, __file__, "one"], input=json.dumps(job), text=True, check=False
        ).returncode
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return carry_out(job)


def carry_out(job):
    code = 70
    try:
        for number, path, flags in (
            (0, job["stdin"], os.O_RDONLY),
            (1, job["stdout"], os.O_WRONLY | os.O_CREAT),
            (2, job["stderr"], os.O_WRONLY | os.O_CREAT),
        ):
            os.dup2(os.open(path, flags, 0o644), number)
        os.environ.clear()
        os.environ.update(job["env"])
        sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in sys.path]
        os.chdir(job["cwd"])
        sys.argv = ["conda", *job["args"]]
        if job["before"]:
            exec(compile(job["before"], "before", "exec"), {})
        from conda.cli.main import main

        code = main(*job["args"])
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def main():
    if sys.argv[1:] == ["one"]:
        carry_out(json.load(sys.stdin))
    if hasattr(os, "fork"):
        prepare()
    answers = os.fdopen(os.dup(1), "w")
    # What a child has to report goes to its own files.
    for line in sys.stdin:
        print(run(json.loads(line)), file=answers, flush=True)


def prepare():
    import conda.cli.conda_argparse
    import conda.cli.install
    import conda.cli.main
    import conda.cli.main_create
    import conda.cli.main_install
    import conda.cli.main_remove
    import conda.cli.main_update
    import conda.core.link
    import conda.core.solve
    import conda.notices.core
    import conda.plugins.manager

    conda.plugins.manager.get_plugin_manager()


main()
