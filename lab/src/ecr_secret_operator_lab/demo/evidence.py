"""Ways to look at what is stored, and at what was issued, without ever showing a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..cluster import Object, secret_data
from ..fakeaws import IssuedToken
from .stage import ACCOUNT, Stage

SHOWN_CHARACTERS = 4
EXPIRES_AT = "ecr.mobb.redhat.com/expires-at"


class NotSo(AssertionError):
    """Something that the demo claims is not so; the text says what."""


def verify(truth: object, claim: str) -> None:
    """Raises NotSo unless it is true."""
    if not truth:
        raise NotSo(f"this should be so, and is not: {claim}")


def there(found: Object | None, what: str) -> Object:
    """The object. Raises NotSo when there is none."""
    if found is None:
        raise NotSo(f"{what} does not exist")
    return found


def masked(token: str) -> str:
    """Enough of a token to tell it from another, too little to use: how it begins, and how long it is."""
    return f"{token[:SHOWN_CHARACTERS]}...({len(token)})"


def token_in(secret: Object) -> str:
    """The token in a generated Secret of either kind."""
    data = secret_data(secret)
    if ".dockerconfigjson" not in data:
        return data["password"]
    (entry,) = json.loads(data[".dockerconfigjson"])["auths"].values()
    return str(entry["password"])


def issued(stage: Stage, secret: Object) -> IssuedToken:
    """The fake AWS' own record of the token in a generated Secret. Raises NotSo when it never issued that one."""
    record = stage.aws.find_token(token_in(secret))
    if record is None:
        raise NotSo(f"AWS never issued the token in Secret {secret['metadata']['name']}")
    return record


def expires_in(secret: Object) -> str:
    """How long the token in a generated Secret still lives, as hours and minutes."""
    left = datetime.fromisoformat(secret["metadata"]["annotations"][EXPIRES_AT]) - datetime.now(UTC)
    minutes = round(left.total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def host(region: str) -> str:
    """The registry of the demo's account in a region."""
    return f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"


def a_resource(name: str, namespace: str, region: str, **spec: Any) -> Object:  # noqa: ANN401 - whatever a spec can hold
    """A resource of kind Secret, whose generated Secret is called after it."""
    fields = {"generated_secret_name": f"{name}-token", "ecr_registry": host(region), "frequency": "10h", **spec}
    return {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": fields,
    }
