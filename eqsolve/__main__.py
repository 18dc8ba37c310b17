"""`python -m eqsolve` is the program `eqsolve`."""

from eqsolve.cli import main

main()
