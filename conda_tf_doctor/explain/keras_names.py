"""What a text asks of Keras under a name that only some releases have: the name, and its row in the table."""

from __future__ import annotations

import re

from .catalogue import Name, names

_KERAS = r"(?P<module>(?:tensorflow\.)?(?:_api\.v[12]\.|compat\.v[12]\.)*keras(?:\.\w+)*)"
_ASKED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"No module named ['\"]?{_KERAS}",
        rf"cannot import name ['\"]?(?P<name>\w+)['\"]? from (?:partially initialized module )?['\"]?{_KERAS}",
        rf"module ['\"]?{_KERAS}['\"]? has no attribute ['\"]?(?P<name>\w+)",
        # Python up to 3.6 does not say of which module, the line above does.
        rf"from {_KERAS} import [^\n]*?\b(?P<name>\w+)\b[^\n]*\n"
        r"\s*(?:\w*Error: )?cannot import name ['\"]?(?P=name)['\"]?(?! from)",
    )
)
# How parts of Keras are called inside of its packages.
_INNER = re.compile(r"keras\.(?:api\._v[12]\.|api\.|_tf_keras\.)?(?:keras\.)?")


def asked(text: str) -> tuple[dict[str, str], int] | None:
    """Return what a text asks of Keras in vain, as the table has it, and where the text says so; ``None`` for nothing.

    Of a row: ``range`` (of keras), ``legacy``, ``bring`` (the package that has it today) and ``instead``, each where it
    is not empty; ``name`` where the message names one; ``never`` where no release of TensorFlow has had it so.
    """
    for pattern in _ASKED:
        for found in pattern.finditer(text):
            dotted = ".".join(filter(None, (found["module"], found.groupdict().get("name"))))
            inner = dotted.removeprefix("tensorflow.").replace("_api.v2.", "").replace("compat.v2.", "")
            plain = _INNER.sub("keras.", inner, count=1)
            # A module that is not there ends the message, and the line above says what was wanted of it.
            line = re.search(rf"from {re.escape(plain)}(?P<rest>[.\w]*) import (?P<what>\w+)", text)
            wanted = f"{plain}{line['rest']}.{line['what']}" if line and not found.groupdict().get("name") else plain
            rows = [row for row in names() if row.name and f"{wanted}.".startswith(f"{row.name}.")]
            if rows:
                row = max(rows, key=lambda each: len(each.name))
                told = _told(row, dotted.replace(inner, wanted))
                if row.inner and found["module"].startswith("tensorflow."):
                    told = {"instead": "what tensorflow.keras itself lists"} | told | {"never": "1"}
                return told, found.start()
    for row in names():
        if row.text and (said := row.text.search(text)):
            return _told(row, ""), said.start()
    return None


def _told(row: Name, name: str) -> dict[str, str]:
    legacy = "1" if row.legacy else ""
    told = {"name": name, "range": row.keras or "<0", "legacy": legacy, "bring": row.package, "instead": row.instead}
    return {key: value for key, value in told.items() if value}
