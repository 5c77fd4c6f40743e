"""ECR Secret Operator: keeps Amazon ECR's 12-hour tokens fresh in Kubernetes Secrets."""

__version__ = "1.0.0.dev0"
