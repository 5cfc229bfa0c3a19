"""`python -m tsis.cli`."""

from tsis.cli import main

main()
