"""An error text as a terminal shows it, whatever it came through: a web page, a mail, a log, a notebook, JSON."""

from __future__ import annotations

import re
from functools import lru_cache

# Texts come as whole logs; what tells is at their ends.
LIMIT = 120_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r|[\u200b-\u200d\u2060\ufeff\xad]")
# A line break as JSON writes it; the n of a Windows path (C:\\new) is followed by other things.
_WRITTEN_BREAK = re.compile(
    r"(?<!\\)\\n(?=\s{2}|\\n|\Z|\s*File |Traceback|During|The above|Failed to|See http|\w*Error)"
)
# What no program writes as a message (an image in a notebook, minified code) would only take time.
_LONG_LINE = re.compile(r"^([^\n]{700})[^\n]*([^\n]{300})$", re.MULTILINE)
# What word processors, mail programs and web pages make of quotes and spaces.
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\xb4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\xab\xbb\u2033", '"'),
        **dict.fromkeys("\xa0\u2007\u202f\u2009", " "),
        **dict.fromkeys("\u2010\u2011", "-"),
    }
)
_ENTITIES = (("&#39;", "'"), ("&#x27;", "'"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
# A mail's or Markdown's quotation; >>> is Python's own.
_QUOTED = re.compile(r"^(?:[ \t]*>(?=[ \tA-Z\"\n])[ \t]?)+", re.MULTILINE)
# Where messages have a quote, Markdown put a backtick.
_TICKED = re.compile(r"\b(named|attribute|import|module|name|from) `([\w.-]+)`")
# What a service puts before each line: a container's name, a time and a level.
_LEVEL = r"\[?(?:ERROR|INFO|WARNING|CRITICAL|stderr)\]?[ :|-]+"
_PREFIX = re.compile(
    r"^(?:[\w.-]{1,60}[ ]+\|[ ]|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?[ :|-]+"
    rf"(?:{_LEVEL}|(?=\w*(?:Error|Traceback)|[ ]*File )))",
    re.MULTILINE,
)


# The text of a run is asked for by each that reads it.
@lru_cache(maxsize=4)
def normalise(text: str) -> str:
    """Return a text as a terminal shows it: no escape sequences, plain quotes and spaces, real line breaks."""
    if len(text) > LIMIT:
        text = text[: LIMIT // 2] + "\n" + text[-LIMIT // 2 :]
    text = _ESCAPES.sub("", text).translate(_TYPOGRAPHY)
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    if text.count("\n") < 3:
        text = _WRITTEN_BREAK.sub("\n", text).replace('\\"', '"')
    text = _PREFIX.sub("", _QUOTED.sub("", text))
    if "`" in text:
        text = _TICKED.sub(r"\1 '\2'", text)
    return _LONG_LINE.sub(r"\1 … \2", text)
