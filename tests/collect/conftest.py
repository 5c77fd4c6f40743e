"""The API server that the tests of the Kubernetes client have."""

from ..kube.conftest import api

__all__ = ["api"]
