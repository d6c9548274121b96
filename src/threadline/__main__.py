"""`python -m threadline` is the command line."""

from threadline.cli import main

main()
