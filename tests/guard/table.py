"""Transactions, and what the guard has to make of them: written before any of them was run.

Ten of the lines were wrong and are corrected: of a package nobody had installed, of what a solver may leave as it is,
of what a record of the channel's own promises, of protobuf 6, of which nothing is known that it does to 2.15, of pip's
TensorFlow that stays behind in the old Python, and of `|2.2`, which to conda is 2.2 and not 2.2.6.

A line is an environment (of `tests/guard/worlds.py`), what differs around it, what is typed, the codes that `warn` has
to say, those that it may say beside them, what `block` and what `repair` do (`goes`, `refuses`; `either` where the
solvers have a choice), and the request that is named as being in the way.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# What the newest of everything may bring as well.
_COMPANIONS = "TFD301 TFD303 TFD304 TFD603 TFD604 TFD605 TFD606 TFD607 TFD611"

TABLE = """
pip 2.10 with CUDA | | install cudatoolkit=11.8 attrs xz | TFD301 | | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | | install numpy>=2 pandas | TFD603 | | refuses | refuses | numpy>=2
pip 2.10 with CUDA | | update numpy | TFD603 | | refuses | goes |
pip 2.10 with CUDA | | update protobuf | TFD604 | | refuses | goes |
pip 2.10 with CUDA | | update cudnn | | TFD301 TFD303 | either | goes |
pip 2.10 with CUDA | | update numpy protobuf | TFD603 TFD604 | | refuses | goes |
pip 2.10 with CUDA | | install cudnn>=9 | TFD303 | TFD301 | refuses | refuses | cudnn>=9
pip 2.10 with CUDA | | install cudnn>=9 cudatoolkit=11.8 xz | TFD301 TFD303 | | refuses | refuses | cudnn>=9
pip 2.10 with CUDA | | install protobuf=4 | TFD604 | | refuses | refuses | protobuf=4
pip 2.10 with CUDA | | install protobuf=5.28 scipy | TFD604 | | refuses | refuses | protobuf=5.28
pip 2.10 with CUDA | | install python=3.11 | TFD201 | ... | refuses | refuses | python=3.11
pip 2.10 with CUDA | | install python=3.9 | TFD201 | TFD603 TFD604 | either | goes |
pip 2.10 with CUDA | pin=numpy <2 | update --all | TFD604 | ... | refuses | goes |
pip 2.10 with CUDA | pin=cudatoolkit 11.2.* | install --no-pin cudatoolkit=11.8 | TFD301 | | refuses | refuses | 11.8
pip 2.10 with CUDA | | install --freeze-installed scipy | | | goes | goes |
pip 2.10 with CUDA | | install --force-reinstall attrs xz | | | goes | goes |
pip 2.10 with CUDA | | install numpy>=1.22,<1.27 xz | | | goes | goes |
pip 2.10 with CUDA | | install -c inhouse somestats scipy | TFD603 | | refuses | refuses | somestats
pip 2.10 with CUDA | cuda=11.4 | update cudatoolkit cudnn | TFD303 | TFD301 | refuses | goes |
pip 2.10 with CUDA | file=[numpy=2, attrs] | env update | TFD603 | | refuses | refuses | numpy=2
pip 2.10 with CUDA | file=[attrs, xz] | env update | | | goes | goes |
pip 2.10 alone | | install pandas | TFD603 | | refuses | goes |
pip 2.10 alone | | install scipy pandas h5py | TFD603 | ... | refuses | goes |
pip 2.10 alone | | install cudatoolkit cudnn | TFD303 | TFD301 | refuses | goes |
pip 2.10 alone | | install cudatoolkit=11.2 cudnn=8.1 | | | goes | goes |
pip 2.10 alone | | install cudatoolkit=11.2 | TFD304 | | refuses | goes |
pip 2.10 alone | | install cudatoolkit=11.8 cudnn=8.1 | TFD301 | | refuses | refuses | cudatoolkit=11.8
pip 2.10 alone | | install -c inhouse newerpackage attrs | TFD303 | TFD301 | refuses | refuses | newerpackage
pip 2.10 alone | | install cudnn=9.3 xz=5.6 | TFD303 | TFD301 | refuses | refuses | cudnn=9.3
pip 2.10 alone | file=[pandas, numpy>=1.24] | env update | TFD603 | | refuses | goes |
pip 2.15 | | update keras | TFD605 | | refuses | goes |
pip 2.15 | | update numpy keras | TFD605 | TFD603 | refuses | goes |
pip 2.15 | | install keras>=3 attrs | TFD605 | | refuses | refuses | keras>=3
pip 2.15 | | install numpy=2 scipy=1.13 | TFD603 | | refuses | refuses | numpy=2
pip 2.15 | | install python=3.13 | TFD201 | ... | refuses | refuses | python=3.13
pip 2.15 | | install python=3.11 | TFD201 | TFD603 | either | goes |
pip 2.15 alone | | install keras=3 numpy<2 | TFD605 | TFD606 TFD611 | refuses | refuses | keras=3
pip 2.15 alone | | install protobuf=6 numpy<2 | | | goes | goes |
pip 2.15 alone | | install protobuf=4 h5py numpy<2 | | | goes | goes |
conda 2.10, GPU | | install attrs xz | | | goes | goes |
in-house 2.10 | | install -c inhouse protobuf=5.28 | TFD604 | | refuses | refuses | protobuf=5.28
in-house 2.10 | | update -c inhouse protobuf | TFD604 | | refuses | goes |
in-house 2.10 | | install -c inhouse tensorflow=2.15 | | | goes | goes |
nothing | | create tensorflow=2.10=cuda* | | | goes | goes |
nothing | | create tensorflow-gpu=2.15 python=3.11 | | | goes | goes |
nothing | | create -c inhouse tensorflow=2.15 python=3.11 | TFD603 | TFD605 | refuses | goes |
nothing | | create -c inhouse tensorflow=2.15 python=3.12 | TFD201 | ... | refuses | refuses | python=3.12
nothing | | create -c inhouse tensorflow=2.15 numpy=2 python=3.11 | TFD603 | ... | refuses | refuses | numpy=2
nothing | | create -c inhouse tensorflow=2.10 protobuf=4 python=3.10 | TFD604 | | refuses | refuses | protobuf=4
nothing | | create -c inhouse tensorflow=2.10 python=3.10 attrs | TFD604 | | refuses | goes |
nothing | cuda=11.4 | create tensorflow python=3.11 | | TFD306 | either | goes |
win pip 2.10 with CUDA | | install cudatoolkit=11.8 attrs | TFD301 | | refuses | refuses | cudatoolkit=11.8
win pip 2.10 with CUDA | | install numpy | TFD603 | | refuses | goes |
win pip 2.15 | | install cudatoolkit=11.2 xz | TFD305 | TFD304 | refuses | refuses | cudatoolkit=11.2
win pip 2.19 | | install cudatoolkit cudnn | TFD305 | TFD301 TFD303 | refuses | refuses | cudatoolkit
pip 2.10 beside numpy 2 | | install scipy attrs | | | goes | goes |
pip 2.10 beside numpy 2 | | install cudatoolkit=11.8 cudnn=9 | TFD303 | TFD301 | refuses | refuses | cudnn=9
pip 2.10 with CUDA | | install cudatoolkit=11.8 numpy=2 protobuf=4 \
| TFD301 TFD603 TFD604 | | refuses | refuses | cudatoolkit=11.8
pip 2.15 | | install numpy=2 keras=3 python=3.11 | TFD201 TFD603 TFD605 | ... | refuses | refuses | numpy=2
pip 2.10 with CUDA | | install scipy=1.13 pandas numpy>=1.26 | | TFD603 | either | goes |
pip 2.15 alone | | install keras h5py=3.15 numpy>=1.26 | TFD603 TFD605 | ... | refuses | goes |
pip 2.10 alone | | install tensorflow-hub numpy | TFD603 TFD604 | ... | refuses | goes |
pip 2.10 with CUDA | | install -c inhouse somepackage cudatoolkit=11.2 | | | goes | goes |
plain | | install -c inhouse inhouse::tensorflow=2.10 protobuf>=4 | TFD604 | ... | refuses | refuses | protobuf>=4
plain | | install tensorflow-cpu=2.15 attrs | | | goes | goes |
conda 2.10, GPU | | install tensorflow=2.15=cpu* | | TFD301 TFD303 | goes | goes |
nothing | | create tensorflow[version=2.15,build=cuda*] python=3.11 | | | goes | goes |
nothing | cuda=11.4 | create tensorflow[build=cuda*] python=3.10 | | TFD306 | either | goes |
pip 2.10 with CUDA | | install cudatoolkit[build=h4ba93d1_12] | TFD301 | | refuses | refuses | cudatoolkit
pip 2.10 with CUDA | | install cudatoolkit=11.*=h4ba93d1_* attrs | TFD301 | | refuses | refuses | cudatoolkit
pip 2.10 with CUDA | | install python=3.10 numpy=2.0.2=py310* | TFD603 | | refuses | refuses | numpy=2.0.2
pip 2.10 with CUDA | | install conda-forge::cudatoolkit=11.8 \
| TFD301 | | refuses | refuses | conda-forge::cudatoolkit=11.8
pip 2.10 with CUDA | | install conda-forge/linux-64::cudnn>=9 | TFD303 | TFD301 | refuses | refuses | cudnn
pip 2.10 alone | | install inhouse::somestats | TFD603 | ... | refuses | refuses | somestats
in-house 2.10 | | install conda-forge::tensorflow=2.15=cpu* numpy>=1.26 | | | goes | goes |
pip 2.10 alone | | install inhouse::cudnn=8.6 cudatoolkit | TFD301 | | refuses | goes |
pip 2.10 with CUDA | | install cudatoolkit=11.2|11.8 xz | | TFD301 | either | goes |
pip 2.15 alone | | install numpy=1.26|2.2 scipy | | | goes | goes |
pip 2.15 alone | | install numpy=1.26|2.2.* scipy | TFD603 | ... | refuses | goes |
pip 2.15 alone | | install protobuf[version='>=3.20,<5|6.*'] numpy<2 | | | goes | goes |
pip 2.10 with CUDA | | install cudatoolkit[version='>=11.3,<12'] | TFD301 | | refuses | refuses | cudatoolkit
pip 2.10 with CUDA | | install cudatoolkit!=11.2.2 attrs | TFD301 | | refuses | refuses | cudatoolkit
pip 2.10 with CUDA | | install cudnn~=8.4.1 cudatoolkit | | TFD301 | either | goes |
nothing | cuda=11.4 | create tensorflow-gpu python=3.10 | | TFD306 | either | goes |
nothing | cuda=12.0 | create tensorflow=2.18=cuda* python=3.11 | | | goes | goes |
nothing | cuda= | create tensorflow python=3.11 | | | goes | goes |
pip 2.10 with CUDA | cuda=10.2 | install cudatoolkit=11.8 | TFD301 | TFD306 | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | | install --freeze-installed cudatoolkit=11.8 | TFD301 | | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | | install --update-specs numpy | TFD603 | ... | refuses | goes |
pip 2.10 with CUDA | | install --update-deps h5py | TFD603 | ... | refuses | goes |
pip 2.15 | | install --update-all attrs | TFD603 TFD605 | ... | refuses | goes |
pip 2.10 with CUDA | | install --prune cudatoolkit=11.8 | TFD301 | | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | | install --copy numpy=1.26 attrs | | | goes | goes |
pip 2.10 with CUDA | | install --dev numpy | TFD603 | ... | refuses | goes |
pip 2.10 with CUDA | | install --only-deps scipy | | | goes | goes |
pip 2.10 alone | | install --no-deps numpy=2 | TFD603 | | refuses | refuses | numpy=2
pip 2.10 with CUDA | | install --satisfied-skip-solve numpy cudatoolkit | | | goes | goes |
pip 2.10 alone | | install --no-channel-priority -c inhouse somepackage | TFD303 | TFD301 | refuses | goes |
pip 2.10 with CUDA | pin=cudatoolkit 11.2.* | install --no-pin --update-specs cudnn | | TFD301 TFD303 | either | goes |
pip 2.10 with CUDA | pin=numpy 2.* | install scipy=1.13 | TFD603 | ... | refuses | refuses | numpy 2.*
pip 2.10 with CUDA | pin=numpy 2.* | install --no-pin scipy=1.13 | | | goes | goes |
pip 2.10 with CUDA | | install --repodata-fn current_repodata.json cudatoolkit=11.8 \
| TFD301 | | refuses | refuses | cudatoolkit=11.8
pip 2.15 | | install --force-reinstall keras | TFD605 | ... | refuses | goes |
nothing | | create --no-default-packages -c inhouse tensorflow=2.10 cudatoolkit=11.8 python=3.10 protobuf=3.20 \
| TFD301 | TFD304 | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | file=[cudatoolkit=11.8, numpy>=1.26] | env update \
| TFD301 | TFD603 | refuses | refuses | cudatoolkit=11.8
pip 2.10 with CUDA | file=[python=3.10, numpy, h5py, protobuf=3.20, cudatoolkit, cudnn] | env update --prune \
| | TFD301 TFD303 TFD603 | either | goes |
nothing | file=[inhouse::tensorflow=2.15, python=3.11, numpy=2] | env create \
| TFD603 | ... | refuses | refuses | numpy=2
nothing | file=[tensorflow=2.10=cuda*, python=3.10, cudatoolkit=11.8] | env create | | | goes | goes |
conda 2.10, GPU | | remove cudatoolkit | | | goes | goes | | tensorflow 2.10.0 is removed with cudatoolkit
pip 2.10 with CUDA | | remove cudnn numpy | TFD304 | ... | goes | goes |
pip 2.15 | | remove keras h5py | TFD605 TFD606 | ... | goes | goes |
conda 2.10 | | update --all | | | goes | goes |
in-house 2.10 | | update -c inhouse --all | TFD603 | ... | refuses | goes |
pip 2.15 | pin=numpy <2 | update --all --no-pin | TFD603 TFD605 | ... | refuses | goes |
win pip 2.10 with CUDA | | install cudnn=8.4 numpy<2 | | | goes | goes |
win pip 2.19 | | install vc14_runtime=14.38 xz | TFD402 | | refuses | refuses | vc14_runtime=14.38
pip 2.10 beside numpy 2 | | create --clone | TFD603 | ... | refuses | refuses |
pip 2.10 with CUDA | | create --clone | | | goes | goes |
pip 2.15 beside keras 3 | | create --clone | TFD605 | ... | refuses | refuses |
"""


class Row(NamedTuple):
    """A line of the table."""

    world: str
    around: str
    command: str
    says: frozenset[str]
    also: frozenset[str]
    block: str
    repair: str
    conflict: str
    lost: str = ""


def rows() -> dict[str, Row]:
    """Return the table, each line under what is typed and where."""
    found = {}
    for line in TABLE.strip().splitlines():
        # A bar between blanks ends a cell; one within a request is an alternative.
        cells = [cell.strip() for cell in re.split(r" \|(?= |$)", line)]
        world, around, command, says, also, block, repair, conflict, *lost = cells
        also = _COMPANIONS if also == "..." else also
        said, may = frozenset(says.split()), frozenset(also.split())
        row = Row(world, around, command, said, may, block, repair, conflict, *lost)
        found[f"{world}: {command} {around}".strip()] = row
    return found


# A few of each kind, for every run of the suite.
SAMPLE = (
    "pip 2.10 with CUDA: install cudatoolkit=11.8 attrs xz",
    "pip 2.10 with CUDA: env update file=[numpy=2, attrs]",
    "pip 2.10 alone: install cudatoolkit=11.2",
    "nothing: create -c inhouse tensorflow=2.15 python=3.11",
)
