"""A real Argo CD on this machine: repo-server, application-controller and Redis, against any cluster of the lab."""

from .parts import Parts, ensure_argocd
from .running import ArgoCd, ArgoCdError, start_argocd

__all__ = ["ArgoCd", "ArgoCdError", "Parts", "ensure_argocd", "start_argocd"]
