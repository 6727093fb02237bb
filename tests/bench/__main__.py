"""`python -m tests.bench`: brings up the node if none runs, measures, prints, cleans up after itself."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from tests.bench.latency import measure, table
from tests.bench.place import Place


def main() -> None:
    """Everything in one run, so that the numbers may be set side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kubeconfig", type=Path, default=Path(".cluster/kubeconfig"))
    parser.add_argument("--image", default=os.environ.get("SWITCHBACK_IMAGE", "localhost/switchback:dev"))
    chosen = parser.parse_args()
    with Place(chosen.kubeconfig, chosen.runs) as place:
        print(f"One pending migration, {chosen.runs} runs each, in turn:\n", flush=True)
        bare, resource = asyncio.run(measure(chosen.kubeconfig, place.namespace, chosen.image, chosen.runs))
        print("\n".join(table(bare, resource)), flush=True)
        print(f"\nOperator at rest: {place.operator_memory()}", flush=True)


if __name__ == "__main__":
    main()
