"""`python -m benchmarks.ingest_5gb`: a CSV of 5 GB in under 1 GB of memory; takes its time and 8 GB of disk.

``--megabytes 600`` measures a smaller file, ``--folder`` says where to work.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import memory, report


def main() -> int:
    """Return 1 if the peak is 1 GB or more."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest_5gb", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=5_000)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        done = memory.ingest_made_up(Path(folder), chosen.megabytes * 1_000_000)
    print(report.memory_table([done]))
    return 1 if done.peak_bytes >= 1e9 else 0


if __name__ == "__main__":
    sys.exit(main())
