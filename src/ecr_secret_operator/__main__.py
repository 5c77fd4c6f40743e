"""`python -m ecr_secret_operator` is `ecr-secret-operator`."""

from .cli.main import main

main()
