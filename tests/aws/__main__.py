"""`python -m tests.aws`: a fake AWS as a process of its own, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.aws.server import FakeAws


def main() -> int:
    """Listen, say where, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.aws", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default: %(default)s)")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        aws = FakeAws(chosen.host, chosen.port)
    except OSError as error:
        print(f"error: cannot listen on {chosen.host}:{chosen.port}: {error.strerror}", file=sys.stderr)
        return 1
    with aws:
        print(aws.url, flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
