"""A text is judged as a terminal showed it, whatever it was pasted through."""

from __future__ import annotations

import pytest

from conda_tf_doctor.explain.match import find
from conda_tf_doctor.explain.shown import normalise
from conda_tf_doctor.explain.told import python_told

PLAIN = "ModuleNotFoundError: No module named 'tensorflow'"


@pytest.mark.parametrize(
    "pasted",
    [
        "ModuleNotFoundError: No module named ‘tensorflow’",
        "ModuleNotFoundError: No module named ‘tensorflow‘",
        "ModuleNotFoundError:\xa0No\xa0module\u202fnamed 'tensorflow'",
        "\ufeffModuleNotFoundError: No module named 'tensor\u200bflow'",
        "ModuleNotFoundError: No module named `tensorflow`",
        "> ModuleNotFoundError: No module named 'tensorflow'",
        "> > ModuleNotFoundError: No module named &#39;tensorflow&#39;",
        "\x1b[31mModuleNotFoundError\x1b[39m: No module named 'tensorflow'\r",
        "app_1  | ModuleNotFoundError: No module named 'tensorflow'",
        "2024-05-01 10:11:12,345 - ERROR - ModuleNotFoundError: No module named 'tensorflow'",
        "2024-05-01T10:11:12.345Z ModuleNotFoundError: No module named 'tensorflow'",
    ],
)
def test_what_a_page_or_a_log_made_of_it_is_undone(pasted: str) -> None:
    assert normalise(pasted) == PLAIN
    assert [match.signature for match in find(pasted)] == ["not-installed"]


@pytest.mark.parametrize(
    "text",
    [
        ">>> import tensorflow",
        "numpy\n>=1.20,<2",
        "`np.Inf` was removed in the NumPy 2.0 release.",
        "2024-05-01 10:11:12.345: I tensorflow/core/util/port.cc:113] oneDNN custom operations are on.",
        "C:\\new\\tensorflow",
    ],
)
def test_what_belongs_to_the_text_stays(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize("quotes", ["‘’", "“”", "„“", "«»", "''", '""'])
def test_quotes_of_every_kind_say_the_same(quotes: str) -> None:
    text = f"It says No module named {quotes[0]}tensorflow{quotes[1]} when I run my script in the terminal."
    assert [match.signature for match in find(text)] == ["not-installed"]


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("I'm on Python 3.14 and pip finds nothing", "3.14"),
        ("I have python 3.13.0 installed", "3.13"),
        ("Python 3.13.0 (tags/v3.13.0:60403a5, Oct  7 2024) [MSC v.1941 64 bit (AMD64)] on win32", "3.13"),
        ("$ python --version\nPython 3.12.4", "3.12"),
        ("### Python version\n\n3.13.3\n\n### Bazel version", "3.13"),
        ("TensorFlow supports Python 3.9–3.12. I have python 3.13", "3.13"),
        ("hint: You require CPython 3.14 (`cp314`), but we only found wheels for `tensorflow` (v2.20.0) with", "3.14"),
        ("no wheels with a matching Python implementation tag (e.g., `cp312`)\nhint: python 3.11 is fine", "3.12"),
        ("it requires Python 3.8-3.11", ""),
        ("Python 3.9 or later is needed", ""),
        ("take Python 3.11 instead of Python 3.13", ""),
    ],
)
def test_the_python_that_people_say_they_have(text: str, python: str) -> None:
    assert python_told(normalise(text)) == python
