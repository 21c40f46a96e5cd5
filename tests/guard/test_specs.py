"""Requests and constraints, as one argument a package."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.registry_conda import ensure_conda

# What was asked for | what has to hold as well | what is typed
CASES = """
numpy                                  | numpy >=1.20,<2         | numpy>=1.20,<2
cudatoolkit numpy                      | numpy >=1.20,<2         | cudatoolkit numpy>=1.20,<2
cudatoolkit=11.8                       | none | cudatoolkit=11.8
python                                 | python 3.10.*           | python=3.10
numpy>=1.24                            | numpy >=1.20,<2         | numpy>=1.24,<2
cudatoolkit=11.2|11.8                  | cudatoolkit 11.2.*      | cudatoolkit=11.2
cudatoolkit=11.8|12.0                  | cudatoolkit 11.2.*      | cudatoolkit[version='11.8.*,11.2.*|12.0,11.2.*']
cudatoolkit=11*|11.8                   | cudatoolkit 11.2.*      | cudatoolkit=11*,11.2.*
numpy>=1.24,<2                         | numpy >=1.20,<2         | numpy>=1.24,<2
numpy>=1.24|2.*                        | numpy >=1.20,<2         | numpy>=1.24,<2
numpy[version='>=1.24,<2|>=1.20,<2,2.*'] | numpy >=1.20,<2       | numpy>=1.24,<2
numpy>=1.24|1.22.*                     | numpy >=1.20,<2         | numpy[version='1.22.*|>=1.24,<2']
numpy=1.26|2.2                         | numpy >=1.20,<2         | numpy>=1.20,<2,1.26.*
numpy=1.24|1.26.*                      | numpy >=1.20,<2         | numpy[version='1.24.*|1.26.*']
numpy=1.22.*|1.24.*|1.26.*             | numpy >=1.22.4          | numpy[version='>=1.22.4,<1.23.0a0|1.24.*|1.26.*']
numpy==1.26.4                          | numpy >=1.20,<2         | numpy==1.26.4
numpy                                  | numpy 1.26.4            | numpy==1.26.4
tensorflow=*=cuda*                     | tensorflow 2.10.0 *cuda* | tensorflow[version='==2.10.0',build='cuda*']
tensorflow=*=cuda*                     | tensorflow 2.10.0 cuda112* | tensorflow[version='==2.10.0',build='cuda112*']
tensorflow=*=cuda*                     | tensorflow 2.10.0 cpu*  | never
tensorflow>=2.10=*cuda*                | none | tensorflow[version='>=2.10',build='*cuda*']
tensorflow[version='2.15.*',build='cuda*'] | none | tensorflow=2.15.*=cuda*
cudatoolkit=*=h*                       | cudatoolkit 11.2.*      | cudatoolkit=11.2.*=h*
conda-forge::cudatoolkit               | cudatoolkit 11.2.*      | conda-forge::cudatoolkit=11.2
conda-forge/linux-64::cudnn            | cudnn >=8.1,<9          | conda-forge/linux-64::cudnn>=8.1,<9
cudnn!=8.2                             | cudnn >=8.1,<9          | cudnn>=8.1,<9,!=8.2
keras<3                                | keras <2.16             | keras<2.16
keras<2.11                             | keras <2.16             | keras<2.11
pip[md5=0123456789abcdef0123456789abcdef] | none | pip[md5=0123456789abcdef0123456789abcdef]
"""

PROGRAM = """
import sys
from conda_tf_doctor.guard.specs import arguments
for line in sys.stdin:
    asked, constraints = line.rstrip("\\n").split("\\t")
    found = arguments(asked.split(), [constraints] if constraints else [])
    print("never" if found is None else " ".join(found))
    # What was merged once, and is asked for again, does not grow.
    if found is not None:
        assert arguments(found, [constraints] if constraints else []) == found, (found, constraints)
"""


def _cases() -> list[list[str]]:
    # The bar of alternatives has no blanks around it.
    return [[part.strip() for part in re.split(r"\s+\|\s+", line)] for line in CASES.strip().splitlines()]


@pytest.fixture(scope="module")
def answers() -> list[str]:
    told = "".join(f"{asked}\t{constraints}\n".replace("none", "") for asked, constraints, _ in _cases())
    root = Path(__file__).parent.parent.parent
    command = [ensure_conda(), "-c", PROGRAM]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=True, cwd=root).stdout.splitlines()


@pytest.mark.parametrize("number", range(len(_cases())), ids=[" + ".join(case[:2]) for case in _cases()])
def test_one_argument_a_package(number: int, answers: list[str]) -> None:
    assert answers[number] == _cases()[number][2]
