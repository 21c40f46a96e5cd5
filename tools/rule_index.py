"""Makes ``docs/rules.md`` of the rules' pages: the index says what the first sentence of each page says."""

from __future__ import annotations

import re
import sys

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.explain.pages import plain, read_page

from .workshop import ROOT

INDEX = ROOT / "docs" / "rules.md"
_HEAD = """\
# Rules

Each rule has a stable code and a stable name; either can be given to `--ignore`, to the setting `tf_doctor_ignore`,
and to `conda tf-doctor explain`, which shows the page linked here: what it is, why it breaks, how it is established,
how to fix it. This index is made from the pages: `python3 dev.py index`.
"""
# By the hundreds of the codes.
_GROUPS = {
    "1": "Platform and machine",
    "2": "Python",
    "3": "CUDA, cuDNN and the driver",
    "4": "Visual C++ runtime",
    "5": "DLLs and shared objects",
    "6": "Packages beside TensorFlow",
    "7": "The process and its surroundings",
    "9": "The check itself",
}


def index() -> str:
    """Return the text of the index."""
    text = _HEAD
    for digit, title in _GROUPS.items():
        text += f"\n## {title}\n\n| code | name | fires when |\n| --- | --- | --- |\n"
        for code in (code for code in RULES if code[3] == digit):
            page = read_page(code)
            what = re.split(r"\.(?: (?=[A-Z(])|\n|$)", plain(page.sections[0][1], 0))[0].replace("|", "\\|")
            text += f"| [{code}](../conda_tf_doctor/explain/pages/{code}.md) | {page.name} | {what} |\n"
    return text


def main() -> int:
    """Write the index."""
    INDEX.write_text(index(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
