"""`python -m hpo.cli` is `arl`."""

from hpo.cli.main import main

main()
