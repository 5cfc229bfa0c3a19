"""`python -m tsis`."""

from tsis.cli import main

main()
