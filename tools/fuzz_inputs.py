"""What the fuzzer begins with, and how it changes that."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    3.10,
    1e308,
    float("nan"),
    10**400,
    "",
    " ",
    "\n",
    "x",
    "9" * 5000,
    "a" * 100_000,
    "2.15.0\x1b[31m",
    "\u202e\u2028\u200e",
    "../../../../etc/passwd",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": None},
    {"a": {"b": []}},
    ["numpy", 3.10],
    "numpy 1.2 3 4 5",
    "python >=3,<2,!=*",
    "==" * 200,
    "*",
    "((((",
    "a" + ".1" * 9000,
)
NASTY = (
    "\n",
    " ",
    "-",
    "=",
    ":",
    "[",
    "]",
    "{",
    "}",
    "#",
    "'",
    '"',
    "\\",
    ";",
    "@",
    "*",
    "|",
    "&a ",
    "*a",
    "!!int x",
    "<<:",
    "\t",
    "9" * 4500,
    "..",
    "::",
    "==",
    "~=",
    ">=",
    "null",
    "é",
    "\u2028",
    "% ",
    "${{ x }}",
    "\x1b[2J",
    "\0",
    "\ufeff",
    "%YAML 9.9\n---\n",
    "- " * 3000,
    "[" * 3000,
    "&a [*a]",
    "\r",
    "-r file.txt\n",
    "!!python/object:os.system x",
    "\n" * 2000,
)
ERROR_TEXT = (
    "Traceback (most recent call last):\n"
    '  File "/home/me/env/lib/python3.10/site-packages/tensorflow/python/pywrap_tensorflow.py", line 62, in <module>\n'
    "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: The specified module was not found.\n"
    "Could not load dynamic library 'cudart64_110.dll'; dlerror: cudart64_110.dll not found\n"
    "AttributeError: _ARRAY_API not found\nA module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.0\n"
)
MATRIX = (
    "schema_version: 1\nkind: builds\n"
    "channel: our-channel\ndistribution: tensorflow\nsource: our farm\ngroups:\n  - versions: {2.10.1: 2024-05-01}\n"
    '    python: 3.8-3.10\n    requires: {numpy: ">=1.21,<2"}\n    builds:\n'
    '      - {platform: linux-64, use: [linux-cuda-11], cuda: ">=11.4,<12", build: "ours_py*_0"}\n'
    '      - {platform: win-64, build: "ours_py*_0"}\n'
)
ROWS = (
    "schema_version: 1\nshared:\n  ours: {avx: true, microarch_level: 3}\nrows:\n"
    '  - {id: pypi/tensorflow/2.10.1/linux-64, cuda: ">=11.1,<12", notes: tried by us}\n'
    "  - {channel: our-channel, distribution: TensorFlow_GPU, tensorflow: 2.9, platform: linux-64, use: [ours]}\n"
)
CONDARC = "channels: [conda-forge]\nplugins:\n  tf_doctor_mode: warn\n  tf_doctor_ignore: [TFD201]\n"
PROJECT = '[tool.conda-tf-doctor]\nignore = ["TFD201"]\nmatrix = "m.yaml"\n'
EXTRA = {
    "Pipfile.lock": '{"_meta": {"requires": {"python_version": "3.10"}}, "default": {"tensorflow":'
    ' {"version": "==2.15.0", "markers": "python_version >= \'3.9\'"}}, "develop": {}}',
    "Pipfile": '[packages]\ntensorflow = "==2.15.0"\nnumpy = {version = "*", extras = ["x"]}\n[requires]\n'
    'python_version = "3.10"\n',
    "pylock.toml": 'lock-version = "1.0"\nrequires-python = ">=3.10"\n[[packages]]\nname = "tensorflow"\n'
    'version = "2.15.0"\nmarker = "sys_platform == \'linux\'"\n',
    "setup.cfg": "[options]\npython_requires = >=3.9\ninstall_requires =\n  tensorflow>=2.10\n  numpy<2\n",
    "list.json": '[{"name": "numpy", "version": "1.23.5", "build_string": "0", "channel": "conda-forge",'
    ' "platform": "linux-64"}, {"name": "tensorflow", "version": "2.15.0"}]',
    "pip.txt": "Package    Version\n---------- -------\nnumpy      2.0.0\ntensorflow 2.15.0\n",
}


def texts_of(*modules: str) -> list[bytes]:
    """Return the files that tests of the readers have as constants of their modules."""
    found = []
    for module in modules:
        for node in ast.parse((TESTS / module).read_text("utf-8")).body:
            value = node.value if isinstance(node, ast.Assign) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) > 100:
                found.append(value.value.encode())
    return found


def garbled(data: bytes, chance: random.Random) -> bytes:
    """Return a text with parts deleted, doubled, put elsewhere, or with something nasty put in."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(data) + 1)
        length = chance.choice((0, 1, 6, 40))
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:place] + data[place + length :]
        elif kind == 1:
            data = data[:place] + data[place : place + length] * chance.choice((2, 3, 50)) + data[place:]
        elif kind == 2:
            data = data[:place] + bytes(chance.randrange(256) for _ in range(length)) + data[place + length :]
        else:
            data = data[:place] + chance.choice(NASTY).encode("utf-8", "replace") + data[place + length :]
    return data


def altered(document: Any, chance: random.Random) -> Any:
    """Return a JSON document with fields of other types and values."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        node, depth = document, chance.randrange(1, 6)
        while isinstance(node, (dict, list)) and node:
            key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
            depth -= 1
            if depth <= 0 or not isinstance(node[key], (dict, list)) or not node[key]:
                if chance.randrange(8) == 0:
                    del node[key]
                else:
                    node[key] = chance.choice(ODD)
                break
            node = node[key]
    return document


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """Return a mutated input; JSON mostly stays JSON."""
    if seed[:1] in b"{[" and chance.randrange(4):
        try:
            document = altered(json.loads(seed), chance)
            return json.dumps(document, indent=chance.choice((None, 2)), sort_keys=True).encode("utf-8", "replace")
        except (ValueError, TypeError):
            pass
    return garbled(seed, chance)
