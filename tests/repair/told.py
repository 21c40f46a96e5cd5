"""Programs that write down what they are told and do as a test says: what real ones are told, and fail at, as data.

What real condas and pip make of it is in the tests that run them; those take minutes, and cannot be told where to fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")

# The environment's own pip is asked for its version, or the one of the tests for what it is in that environment.
_STARTS = re.compile(r"pip --version$|__pip-runner__\.py .* --version$")

# What a program may do: have a distribution or a record of conda's there, or gone; answer as conda and pip do.
_DOES = """\
put() {
    info="$site/$1-$2.dist-info"
    mkdir -p "$info" "$site/$1"
    printf 'Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n' "$1" "$2" > "$info/METADATA"
    for each in "$3" "$4"; do test -z "$each" || printf 'Requires-Dist: %s\\n' "$each" >> "$info/METADATA"; done
    echo pip > "$info/INSTALLER"
    printf '%s' "$1 $2" > "$site/$1/__init__.py"
    printf '%s/__init__.py,,%s\\n' "$1" "$(printf '%s' "$1 $2" | wc -c | tr -d ' ')" > "$info/RECORD"
}
drop() { rm -rf "$site/$1"-*.dist-info "$site/$1"; }
record() {
    printf '{"name": "%s", "version": "%s", "build": "%s", "files": []}' "$1" "$2" "$3" \\
        > "$prefix/conda-meta/$1-$2-$3.json"
}
unrecord() { rm -f "$prefix/conda-meta/$1"-*.json; }
rows() {
    separator=
    for each; do
        version="${each#*=}"
        printf '%s{"name": "%s", "version": "%s", "build_string": "%s"}' \\
            "$separator" "${each%%=*}" "${version%=*}" "${version#*=}"
        separator=,
    done
}
has() {
    found="$1"
    shift
    printf '{"%s": [' "$found"
    rows $(for each; do echo "$found=$each=0"; done)
    printf ']}'
}
solves() { printf '{"success": true, "actions": {"LINK": ['; rows $1; printf '], "UNLINK": ['; rows $2; printf ']}}'; }
refuses() { printf '{"exception_name": "%s", "message": "%s"}' "$1" "$2"; false; }
brings() {
    printf '{"install": ['
    separator=
    for each; do
        asks="${each#*:}"
        test "$asks" != "$each" || asks=
        pinned="${each%%:*}"
        printf '%s{"metadata": {"name": "%s", "version": "%s", "requires_dist": [%s]}}' \\
            "$separator" "${pinned%%==*}" "${pinned#*==}" "${asks:+\\"$asks\\"}"
        separator=,
    done
    printf ']}'
}
says() { printf '%s\\n' "$1" >&2; false; }
"""
_SCRIPT = """\
#!/bin/sh
prefix={prefix} site={site}
test "$1" != -c || shift 2
told="{name}$*"
printf '%s\\n' "$told" >> {told}
{does}{effects}
"""


class Told:
    """The programs of one test.

    Attributes:
        lines: What they were told, a line each.
    """

    def __init__(
        self, folder: Path, prefix: Path, effects: Mapping[str, str] | None = None, name: str = "conda"
    ) -> None:
        site = next(iter(prefix.glob("lib/python*/site-packages")))
        self._told = folder / "told"
        self._told.touch()
        cases = "".join(
            f'case "$told" in *{quote(words)}*) {does}\nexit $?;; esac\n' for words, does in (effects or {}).items()
        )
        python, self.conda = (site.parent.parent.parent / "bin" / site.parent.name), folder / name
        for path, before in ((python, ""), (self.conda, f"{name} ")):
            path.unlink(missing_ok=True)
            path.write_text(
                _SCRIPT.format(
                    prefix=quote(str(prefix)),
                    site=quote(str(site)),
                    name=before,
                    told=quote(str(self._told)),
                    does=_DOES,
                    effects=cases,
                )
            )
            path.chmod(0o755)

    @property
    def lines(self) -> list[str]:
        """What they were told up to now; that a program only shows that it can be started is no matter."""
        lines = self._told.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.strip() and not _STARTS.search(line)]
