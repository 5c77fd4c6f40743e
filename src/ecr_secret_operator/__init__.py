"""ECR Secret Operator: keeps Amazon ECR's 12-hour tokens fresh in Kubernetes Secrets."""

from importlib.metadata import version

__version__ = version("ecr-secret-operator")
"""As pyproject.toml has it, the only place where it is written."""
