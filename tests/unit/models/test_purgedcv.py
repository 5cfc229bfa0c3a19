"""Index by index the splits of purgedcv 0.1.11."""

import hashlib
import os

import pytest

from benchmarks import splits

PYTHON = os.environ.get("TSIS_PEERS_PYTHON")
DIGEST = "5cab39caf31b1d63434fa4b5a0ddf541100610d5b27ab69152b7e6de6dcfec0d"
"""Of the digests of all cases, as purgedcv 0.1.11 answers them."""


def test_the_rows_are_those_that_purgedcv_gave():
    found = " ".join(splits.digest(name) for name in splits.CASES)
    assert hashlib.sha256(found.encode()).hexdigest() == DIGEST


@pytest.mark.skipif(not PYTHON or not splits.has_peer(PYTHON), reason="TSIS_PEERS_PYTHON has no purgedcv")
def test_the_rows_are_those_of_purgedcv():
    with splits.running_peer(PYTHON) as peer:
        assert splits.differences(peer) == []
