"""One question about a permission, as a SubjectAccessReview asks it."""

from __future__ import annotations

from typing import NamedTuple


class AccessReview(NamedTuple):
    """One question: may the operator do this? An empty namespace means: in all of them."""

    group: str
    resource: str
    verb: str
    namespace: str = ""

    @property
    def words(self) -> str:
        """As a person would say it."""
        full = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {full}"
