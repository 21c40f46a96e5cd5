"""What the user has asked conda for over time: ``conda-meta/history``."""

from __future__ import annotations

import os
import re

from .. import reading

_REQUEST = r"(?m)^# (update|install|create|remove|uninstall|neutered) specs: *(.*)$"
# In conda's list of quoted MatchSpecs, or in the list without quotes of old times: a name, perhaps behind a channel.
_NAME = r"""(?:^|['" ,])(?:[^'" ,:]+::)?([A-Za-z0-9_][\w.-]*)"""


def asked_for(prefix: str) -> frozenset[str]:
    """Return the names of the packages that the user has asked for, and not removed since.

    Conda's records tell less: that of a package which the user once asked for, and which came anew with another one,
    says that nobody asked for it.
    """
    try:
        text = reading.read_text(os.path.join(prefix, "conda-meta", "history"), reading.TEXT)
    except OSError:
        return frozenset()
    names: set[str] = set()
    for matched in re.finditer(_REQUEST, text):
        found = set(re.findall(_NAME, matched.group(2).strip("[]")))
        names = names - found if matched.group(1) in ("remove", "uninstall") else names | found
    return frozenset(names)
