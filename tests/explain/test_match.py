from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.catalogue import signatures
from conda_tf_doctor.explain.match import find, match
from conda_tf_doctor.explain.rank import rank
from conda_tf_doctor.findings import INFO
from conda_tf_doctor.matrix.load import load_matrix

DATA = Path(__file__).parent / "data"
TEXTS = YAML(typ="safe").load(DATA / "texts.yaml")
MESSAGES = YAML(typ="safe").load(DATA / "messages.yaml")
FORMS = YAML(typ="safe").load(DATA / "forms.yaml")
PIP = {"manager": "pip"}


def first_cause(case: dict[str, Any]) -> str | None:
    context = None
    if "facts" in case:
        context = Context(environment_of({"packages": [], **case["facts"]}, "facts"), load_matrix())
    causes = rank(case["text"], context).causes
    return causes[0].code if causes else None


@pytest.mark.parametrize("case", TEXTS, ids=[case["id"] for case in TEXTS])
def test_first_cause_of_what_people_quoted(case: dict[str, Any]) -> None:
    assert first_cause(case) == case["top"]


@pytest.mark.parametrize("case", MESSAGES, ids=[f"{place}-{case['top']}" for place, case in enumerate(MESSAGES)])
def test_first_cause_of_a_message(case: dict[str, Any]) -> None:
    assert first_cause(case) == case["top"], case["text"]


@pytest.mark.parametrize(
    "case", FORMS, ids=[f"{place}-{'-or-'.join(c['expect']) or 'harmless'}" for place, c in enumerate(FORMS)]
)
def test_a_message_is_known_in_every_form(case: dict[str, Any]) -> None:
    packages = dict(text.split("==") for text in case.get("packages", ()))
    report = {
        "platform": case.get("platform", "linux-64"),
        "python": {"version": packages.pop("python", "")},
        "packages": [
            {"name": name, "version": version, **case.get("owner", PIP)} for name, version in packages.items()
        ],
        "system": case.get("system", {}),
        "error_text": case["text"],
    }
    found = diagnose(environment_of(report, "report.json"), load_matrix()).findings
    told = [f for f in found if f.severity != INFO][:1]
    assert [f.name for f in told] in ([[name] for name in case["expect"]] or [[]])
    if "type" in case:
        assert [" ".join(command) for command in told[0].fix.commands] == case["type"]


def test_there_are_forty_distinct_texts() -> None:
    assert len({case["text"] for case in TEXTS}) >= 40


def test_every_signature_is_met_by_a_text() -> None:
    met = {found.signature for case in [*TEXTS, *MESSAGES, *FORMS] for found in find(case["text"])}
    assert {signature.id for signature in signatures()} - met == set()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "\n".join(
                [
                    "I tensorflow/core/platform/cpu_feature_guard.cc:142] This TensorFlow binary is optimized"
                    " with oneAPI Deep Neural Network Library (oneDNN) to use the following CPU instructions: AVX2",
                    "W tensorflow/stream_executor/dso_loader.cc:64] Could not load dynamic library 'cudart64_110.dll'",
                    "Traceback (most recent call last):",
                    '  File "C:\\envs\\tf\\lib\\site-packages\\google\\protobuf\\descriptor.py", line 560',
                    "TypeError: Descriptors cannot not be created directly.",
                ]
            ),
            "TypeError: Descriptors cannot not be created directly.",
            id="the exception, not the lines of the log before it",
        ),
        pytest.param(
            "\n".join(
                [
                    "RuntimeError: module compiled against API version 0xe but this version of numpy is 0xd",
                    "ImportError: numpy.core._multiarray_umath failed to import",
                    "",
                    "During handling of the above exception, another exception occurred:",
                    "",
                    "ImportError: Failed to load the native TensorFlow runtime.",
                ]
            ),
            "RuntimeError: module compiled against API version 0xe but this version of numpy is 0xd",
            id="the first of chained exceptions",
        ),
        pytest.param(
            "\x1b[31mTypeError\x1b[0m: Unable to convert function return value to a Python type! "
            "The signature was\r\n\t() -> handle",
            "TypeError: Unable to convert function return value to a Python type! The signature was",
            id="colours and Windows line ends",
        ),
        pytest.param(
            '{"message": "Traceback (most recent call last):\\n  File \\"c:\\\\Users\\\\numpy\\\\x.py\\"'
            "\\nImportError: DLL load failed while importing _pywrap_tensorflow_internal: The specified module could "
            'not be found.\\n\\nFailed to load the native TensorFlow runtime."}',
            "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: "
            "The specified module could not be found.",
            id="a notebook's JSON",
        ),
        pytest.param(
            "> Could not find the DLL(s) 'msvcp140_1.dll'. TensorFlow requires that these DLLs be installed",
            "Could not find the DLL(s) 'msvcp140_1.dll'. TensorFlow requires that these DLLs be installed",
            id="a quoted line",
        ),
    ],
)
def test_telling_line(text: str, line: str) -> None:
    assert find(text)[0].line == line


@pytest.mark.parametrize(
    ("text", "captured"),
    [
        (
            "ImportError: libcudart.so.8.0: cannot open shared object file: No such file",
            {"library": "libcudart.so.8.0"},
        ),
        (
            "Could not load dynamic library 'cudart64_101.dll'; dlerror: cudart64_101.dll not found",
            {"library": "cudart64_101.dll"},
        ),
        ("/lib64/libc.so.6: version `GLIBC_2.16' not found (required by x.so)", {"glibc": "2.16"}),
        ("module compiled against API version 0xc but this version of numpy is 0xb", {"needs": "0xc", "has": "0xb"}),
        (
            "Loaded runtime CuDNN library: 7.3.1 but source was compiled with: 7.4.2.",
            {"has": "7.3.1", "needs": "7.4.2"},
        ),
        ("gencode 6.31.1 runtime 5.28.3", {"needs": "6.31.1", "has": "5.28.3"}),
    ],
)
def test_what_a_line_names(text: str, captured: dict[str, str]) -> None:
    assert captured.items() <= dict(find(text)[0].captured).items()


@pytest.mark.parametrize(
    "text",
    [
        "This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.",
        "oneDNN custom operations are on. You may see slightly different numerical results",
        "TF-TRT Warning: Could not find TensorRT",
        "Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN",
        "AttributeError: module 'tensorflow' has no attribute 'Session'",
        "ModuleNotFoundError: No module named 'tensorflow.keras.layers.core'",
        "ImportError: cannot import name 'Layer' from 'tensorflow.keras.engine'",
    ],
)
def test_what_is_known_and_is_not_the_environments_fault(text: str) -> None:
    assert find(text)
    assert match(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Segmentation",
        "KeyError: 'loss'",
        'OSError: [WinError 126] The specified module could not be found. Error loading "C:\\torch\\lib\\c10.dll"',
        "ImportError: DLL load failed while importing cv2: The specified module could not be found.",
        "CondaHTTPError: HTTP 000 CONNECTION FAILED for url",
        "SyntaxError: invalid syntax",
        "ValueError: Input 0 of layer dense is incompatible with the layer",
    ],
)
def test_what_is_not_about_this_is_unknown(text: str) -> None:
    assert find(text) == []


def test_a_log_of_megabytes_is_read_in_time() -> None:
    from time import perf_counter

    text = "step 1 loss 0.5 accuracy 0.9 at C:\\data\\run\\images\\0001.png\n" * 60_000
    text += "TypeError: Descriptors cannot be created directly.\n"
    find("warm up")
    start = perf_counter()
    assert find(text)[0].signature == "protobuf-descriptors"
    assert perf_counter() - start < 10


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "lib" * 70_000,
        "\n" * 200_000,
        "site-packages/tensorflow/" * 8_000,
        "C:\\Users\\x y\\tensorflow\\" * 8_000,
        "tensorflow 2.0 requires " * 8_000,
        "Symbol not found: _x\n" * 9_000,
        "\n".join(["tensorflow " * 80] * 200),
        "\n".join(["/a.b_" * 180] * 200),
    ],
    ids=[
        "one word",
        "names",
        "empty lines",
        "paths",
        "Windows paths",
        "requirements",
        "symbols",
        "lines",
        "long paths",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Reports come from outside: no pattern may take more than linear time on what is not a message at all."""
    from time import perf_counter

    find("warm up")
    start = perf_counter()
    find(text)
    assert perf_counter() - start < 20


def test_the_number_decides_in_any_language() -> None:
    languages = [
        "The specified module could not be found.",
        "Das angegebene Modul wurde nicht gefunden.",
        "Le module spécifié est introuvable.",
        "No se puede encontrar el módulo especificado.",
        "Não foi possível encontrar o módulo especificado.",
        "Impossibile trovare il modulo specificato.",
        "Не найден указанный модуль.",
        "找不到指定的模块。",
        "找不到指定的模組。",
        "指定されたモジュールが見つかりません。",
        "지정된 모듈을 찾을 수 없습니다.",
        "Nie można odnaleźć określonego modułu.",
        "Belirtilen modül bulunamadı.",
    ]
    for sentence in languages:
        assert find(f"ImportError: DLL load failed: {sentence}")[0].signature == "win-module-not-found", sentence
    assert find("OSError: [WinError 126] ??? ?????? ?? ?? ???")[0].signature == "win-module-not-found"
    assert find("ImportError: DLL load failed: ?? ??? ??")[0].signature == "win-dll-load-failed"


@pytest.mark.parametrize(
    ("model", "blamed"),
    [
        ("Intel(R) Xeon(R) CPU E5-2620 v4 @ 2.10GHz", False),
        ("Intel(R) Core(TM) i7-8700K", False),
        ("AMD Ryzen 5 3600", False),
        ("Intel(R) Pentium(R) CPU G4400", True),
        ("", True),
    ],
)
def test_a_processor_that_has_avx_is_not_blamed(model: str, blamed: bool) -> None:
    facts = {
        "platform": "win-64",
        "packages": [{"name": "tensorflow", "version": "2.4.1", **PIP}],
        "system": {"cpu_model": model},
    }
    context = Context(environment_of(facts, "facts"), load_matrix())
    text = "ImportError: DLL load failed: A dynamic link library (DLL) initialization routine failed."
    codes = [cause.code for cause in rank(text, context).causes]
    assert ("TFD104" in codes) is blamed
