"""`python -m tests.aws`: a fake AWS as a process of its own, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.aws.plugin import for_pods
from tests.aws.server import FakeAws
from tests.cluster.backends.local import Local
from tests.cluster.errors import BedError


def main() -> int:
    """Listen, say where, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.aws", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--bed", action="store_true", help="listen where pods of this checkout's test bed reach it"
    )
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        aws = for_pods(Local(), chosen.port) if chosen.bed else FakeAws(chosen.host, chosen.port)
    except BedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except OSError as error:
        print(f"error: cannot listen on {chosen.host}:{chosen.port}: {error.strerror}", file=sys.stderr)
        return 1
    with aws:
        print(aws.url, flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
