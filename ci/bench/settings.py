"""What run.sh built, and how long to measure."""

import os
import pathlib
import sys
from typing import NamedTuple


class Settings(NamedTuple):
    """All paths absolute."""

    nginx: pathlib.Path
    # The release module, as shipped.
    module: pathlib.Path
    # The same with the feature `bench-seed`.
    module_seed: pathlib.Path
    # The example `lookup` of the gate.
    lookup: pathlib.Path
    # The example `directory` of the gate.
    directory: pathlib.Path
    target: pathlib.Path
    # Alternating runs of each case: so many at least, and so many at most where the interval of a
    # ratio is still too wide; and seconds of each run.
    rounds: int
    most_rounds: int
    seconds: int


def _required(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"bench: {name} is not set: start this with make bench")
    return pathlib.Path(value)


SETTINGS = Settings(
    nginx=_required("AUTHENTIK_NGINX"),
    module=_required("BENCH_MODULE"),
    module_seed=_required("BENCH_MODULE_SEED"),
    lookup=_required("BENCH_LOOKUP"),
    directory=_required("BENCH_DIRECTORY"),
    target=_required("BENCH_TARGET"),
    rounds=int(os.environ.get("BENCH_ROUNDS", "15")),
    most_rounds=int(os.environ.get("BENCH_MOST_ROUNDS", "60")),
    seconds=int(os.environ.get("BENCH_SECONDS", "1")),
)
