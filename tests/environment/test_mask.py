"""A report gives away no user name, home folder, token or password, and still reads as before."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conda_tf_doctor.render.mask import mask, masker
from conda_tf_doctor.render.report import _PLAIN

NOBODY = masker({})
ALICE = masker({"HOME": "/data/people/alice", "USER": "alice"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"C:\Users\Alice B\envs\tf\python.exe", r"C:\Users\<user>\envs\tf\python.exe"),
        ("c:/users/alice/envs", "c:/users/<user>/envs"),
        (r'File "C:\\Users\\alice\\x.py", line 1', r'File "C:\\Users\\<user>\\x.py", line 1'),
        (r"C:\Users\ALICE~1\AppData", r"C:\Users\<user>\AppData"),
        (r"C:\Documents and Settings\alice\x", r"C:\Documents and Settings\<user>\x"),
        ("/home/alice/miniconda3/bin:/usr/bin", "/home/<user>/miniconda3/bin:/usr/bin"),
        (r"C:\Users\alice\bin;C:\Users\bob\bin;C:\bin", r"C:\Users\<user>\bin;C:\Users\<user>\bin;C:\bin"),
        ("/Users/alice/x and /Users/bob", "/Users/<user>/x and /Users/<user>"),
        ("cannot open /home/alice in this folder", "cannot open /home/<user> in this folder"),
        ("/mnt/c/Users/alice/x", "/mnt/c/Users/<user>/x"),
        ("/lustre/home/alice", "/lustre/home/<user>"),
        ("/home/users/alice/x", "/home/users/<user>/x"),
        ("/home/linuxbrew/.linuxbrew/bin", "/home/linuxbrew/.linuxbrew/bin"),
        (r"C:\Users\Public\conda", r"C:\Users\Public\conda"),
        ("https://conda.anaconda.org/t/tk-123-abc/acme/linux-64", "https://conda.anaconda.org/t/<token>/acme/linux-64"),
        ("https://alice:pa@ss@host.example/channel", "https://<hidden>@host.example/channel"),
        ("https://t0k3n@host.example/channel", "https://<hidden>@host.example/channel"),
        ("https://host.example/channel?token=abc&x=1", "https://host.example/channel?token=<token>&x=1"),
        ("uses ghp_0123456789abcdefABCDEF to log in", "uses <token> to log in"),
        ("/opt/conda/envs/tf", "/opt/conda/envs/tf"),
        ("numpy >=1.20,<2", "numpy >=1.20,<2"),
        ("https://conda.anaconda.org/conda-forge/linux-64", "https://conda.anaconda.org/conda-forge/linux-64"),
        ("/t/env/bin", "/t/env/bin"),
    ],
)
def test_what_is_masked_and_what_is_not(text: str, expected: str) -> None:
    assert NOBODY(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/people/alice/envs/tf", "<home>/envs/tf"),
        ("/data/people/alice", "<home>"),
        ("/data/people/alicent/envs", "/data/people/alicent/envs"),
        ("/scratch/alice/envs", "/scratch/<user>/envs"),
        (r"D:\work\Alice\envs", r"D:\work\<user>\envs"),
        ("alice is a name, not a path", "alice is a name, not a path"),
    ],
)
def test_the_users_own_name_and_home_are_masked_wherever_they_are(text: str, expected: str) -> None:
    assert ALICE(text) == expected


@pytest.mark.parametrize("name", ["root", "conda", "python", "tensorflow", "ab"])
def test_a_name_that_is_nobodys_stays(name: str) -> None:
    assert masker({"USER": name, "HOME": "/"})(f"/opt/{name}/lib") == f"/opt/{name}/lib"


PERSON = st.text("abcdefghijklmnopqrstuvwxyzäöüABC.-_0123456789", min_size=3, max_size=12).filter(
    lambda name: (
        re.match(r"[^\W\d_]", name)
        and name.lower() not in {"public", "default", "shared", "runner", "runneradmin", "linuxbrew"}
        # Folders of groups: the person's own lies below.
        and name.lower() not in {"user", "users", "student", "students", "staff"}
    )
)
TAIL = st.sampled_from(["", "/x", "/miniconda3/envs/tf", "/AppData/Local"])
HOMES = st.sampled_from(["/home/{}", "/Users/{}", "C:/Users/{}", "/net/home/{}", "C:/Documents and Settings/{}"])


@given(PERSON, TAIL, HOMES, st.sampled_from(["/", "\\", "\\\\"]), st.sampled_from(["", "PATH=", "in ", "file://"]))
def test_no_home_folder_keeps_its_name(person: str, tail: str, home: str, separator: str, before: str) -> None:
    path = (home.format(person) + tail).replace("/", separator)
    masked = NOBODY(f"{before}{path};/usr/bin")
    # Compared as a whole, for a person may be called like one of the folders.
    assert masked == f"{before}{(home.format('<user>') + tail).replace('/', separator)};/usr/bin"


SECRET = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.~%", min_size=6, max_size=30).filter(lambda s: "tk-" not in s)


@given(SECRET, SECRET, st.sampled_from(["acme", "conda-forge/label/dev"]))
def test_no_url_keeps_a_secret(user: str, secret: str, channel: str) -> None:
    for url in (
        f"https://conda.example/t/{secret}/{channel}/linux-64",
        f"https://{user}:{secret}@conda.example/{channel}",
        f"https://{secret}@conda.example/{channel}",
        f"https://conda.example/{channel}?token={secret}",
        f"file:///x https://conda.example:8443/t/{secret}/{channel} and more",
    ):
        masked = NOBODY(url)
        assert f"/{secret}/" not in masked and f"{secret}@" not in masked and f"={secret}" not in masked
        assert channel in masked and "conda.example" in masked


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["/home/bob/x", "https://a:b@c/t/d/e"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return str if isinstance(value, str) else value


@given(JSON)
def test_masking_keeps_the_shape_and_is_done_once(value: object) -> None:
    masked = mask(value, ALICE)
    assert shape(masked) == shape(value)
    assert mask(masked, ALICE) == masked
    json.dumps(masked)


# The form, with the place of the secret; and the secret.
FORMS = [
    ("https://h.example/x?private_token={}&y=1", "q8Zt-33_abc"), ("private_token={}", "q8Zt33abc"),
    ("https://s3.example/b?X-Amz-Credential={}", "AKIDEXAMPLE/20260101/us-east-1"),
    ("https://s3.example/b?X-Amz-Date=1&X-Amz-Signature={}", "fe5f80f77d5fa3beca038a248ff027d0"),
    ("https://s3.example/b?X-Amz-Security-Token={}", "IQoJb3JpZ2luX2VjE"),
    ("Authorization: Bearer {}", "abc.def-123"), ("authorization=Basic {}", "dXNlcjpwYXNz"),
    ("curl -H 'Bearer {}'", "a1B2c3D4e5F6g7"), ("sent Basic {} to it", "dXNlcjpwYXNzd29yZA=="),
    ("AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMIK7MDENG"), ("export MY_API_KEY='{}'", "zzz-yyy"), ("KEY={}", "zzzyyy"),
    ("/home/me:MY_TOKEN={}", "g%Zxyz"), ("a=b:c=MY_TOKEN={}", "g%Zxyz"),
    ("DB_PASSWORD: {}", "hunter2"), ('{{"client_secret": "{}"}}', "hunter3"), ("set HF_TOKEN={}", "notaprefix1"),
    ("uses {} to log in", "github_pat_11ABCDEFG0123456789_abcdef"), ("{}", "ghp_0123456789abcdefABCDEF"),
    ("openai {}", "sk-proj-abc123DEF456ghi789"), ("{}", "AKIAIOSFODNN7EXAMPLE"), ("({})", "glpat-abcdefgh12345678"),
    ("{}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sflKxwRJSMeKKF2QT4"), ("[{}]", "AIzaSyA1234567890abcdefghijklm"),
    ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA"),
    ("mail {} about it", "jane.doe@work.example"), ("ssh {}", "jdoe@gpu-node7"), ("<{}>", "jd+x@a.b.example"),
    ("(tf) {}:~/work$ python", "jdoe@laptop"), ("/home/users/x/{}/envs", "jdoe17"), ("/home/j/{}/envs", "jdoe17"),
    ("https://u:{}@h.example/c", "hunter2"), ("https://p.example/https://{}@h.example/c", "hunter4"),
    ("https://conda.example/t/{}/acme", "abc-123"),
]  # fmt: skip
REPORT = {
    "prefix": "x", "platform": "x", "python": {"version": "x", "machine": "x"}, "env_vars": {"PATH": "x"},
    "packages": [{"name": "x", "version": "x", "build": "x", "channel": "x", "depends": ["x"], "constrains": ["x"]}],
    "system": {"os": "x", "cpu_model": "x", "gpu": "x", "cuda_installed": ["x"]}, "working_folder": ["x"],
    "virtual_packages": {"__cuda": "x"}, "user_site": [{"name": "x", "version": "x"}], "error_text": "x",
    "binaries": [{"path": "x", "imports": ["x"], "missing": ["x"], "problem": "x", "version": "x"}],
    "findings": [{"message": "x", "found": "x", "evidence": ["x"], "fix": {"commands": [["x"]], "note": "x"}}],
    "generated_code": [{"package": "x", "protobuf": "x", "file": "x"}], "notes": [{"path": "x", "message": "x"}],
}  # fmt: skip


def planted(value: object, text: str, path: bool) -> object:
    if isinstance(value, dict):
        return {k: planted(v, text, path) for k, v in value.items() if not path or k not in _PLAIN}
    if isinstance(value, list):
        return [planted(each, text, path) for each in value]
    return text


@pytest.mark.parametrize(("form", "secret"), FORMS)
def test_secrets_are_known_by_their_form_in_every_field_of_a_report(form: str, secret: str) -> None:
    text = form.format(secret)
    # Names and versions hold no path and no person, so that of those only the rest is asked.
    of_person = "@" in secret or "/home/" in form
    for around in (text, f"ImportError: DLL load failed\n  {text}\n", f'"{text}"'):
        masked = mask(planted(REPORT, around, of_person), NOBODY, _PLAIN)
        assert secret not in str(masked)
        assert mask(masked, NOBODY, _PLAIN) == masked


@pytest.mark.parametrize(
    "text",
    [
        "undefined symbol: memcpy@GLIBC_2.14", "?InitInternal@Status@tensorflow@@AEAA", "KeyError: 'x'", "pass",
        "google-auth=2.27.0", "google-auth==2.27.0", "secretstorage=3.3.3", "tokenizers>=0.15", "sk-learn-contrib",
        "pip install git+https://h.example/x/y@v1.2", "C:\\a: b", "numpy @ file:///tmp/x", "key: value",
        "basic operations", "lib/python3.10/site-packages/keras/saving/pickle_utils.py", "py310h0_0",
        "sha256:0123456789abcdef0123456789abcdef", "CUDA_VISIBLE_DEVICES=0,1", "TF_CPP_MIN=2",
        "version `GLIBCXX_3.4.29' not found (required by /opt/x/_pywrap.so)",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert NOBODY(text) == text


def test_variables_whose_name_says_so_are_masked_whatever_they_hold() -> None:
    held = {"MY_TOKEN": "x y", "PATH": "/usr/bin", "API_KEY": "short"}
    assert mask(held, NOBODY) == {"MY_TOKEN": "<token>", "PATH": "/usr/bin", "API_KEY": "<token>"}


def test_fields_that_hold_no_path_are_left_alone() -> None:
    value = {"name": "/home/bob/x", "prefix": "/home/bob/x", "list": [{"name": "/home/bob"}, "/home/bob"]}
    expected = {"name": "/home/bob/x", "prefix": "/home/<user>/x", "list": [{"name": "/home/bob"}, "/home/<user>"]}
    assert mask(value, NOBODY, ["name"]) == expected
