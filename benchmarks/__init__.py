"""TSIS measured against other people's libraries and against the floor: `python -m benchmarks`."""
