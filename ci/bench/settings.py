"""What run.sh or peers.sh built, and how long to measure."""

import os
import pathlib
import sys


def _built(name):
    """A path that the script names in the environment, absolute. Only what is used need be there."""

    def path(_settings):
        value = os.environ.get(name)
        if not value:
            sys.exit(f"bench: {name} is not set: start this with make bench or make bench-peers")
        return pathlib.Path(value)

    return property(path)


class _Settings:
    nginx = _built("AUTHENTIK_NGINX")
    # The release module, as shipped.
    module = _built("BENCH_MODULE")
    # The same with the feature `bench-seed`.
    module_seed = _built("BENCH_MODULE_SEED")
    # The examples `lookup` and `directory` of the gate.
    lookup = _built("BENCH_LOOKUP")
    directory = _built("BENCH_DIRECTORY")
    # The example `stored` of the store.
    stored = _built("BENCH_STORED")
    # The stand-in authentik.
    standin = _built("BENCH_STANDIN")
    target = _built("BENCH_TARGET")
    # Alternating runs of each case: minimum, and maximum if the interval of a ratio is still too
    # wide; and seconds per run.
    rounds = int(os.environ.get("BENCH_ROUNDS", "15"))
    most_rounds = int(os.environ.get("BENCH_MOST_ROUNDS", "40"))
    seconds = int(os.environ.get("BENCH_SECONDS", "1"))


SETTINGS = _Settings()
