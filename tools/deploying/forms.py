"""Forms of the chart's values: what Kubernetes accepts at the place where each is used. The schema is made from these.

Patterns are whole matches without look-around, since Helm reads them as Go does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, JsonValue, WithJsonSchema
from pydantic.fields import FieldInfo

from ecr_secret_operator.api.fields import ROLE_ARN_PATTERN
from ecr_secret_operator.crds import policy_definition

Object = dict[str, Any]

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_QUALIFIED = f"({_SUBDOMAIN}/)?[A-Za-z0-9]([-._A-Za-z0-9]{{0,61}}[A-Za-z0-9])?"
_LABEL_VALUE = "([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?"
_DOMAIN = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"({_DOMAIN}([.]{_DOMAIN})*|\[[A-Fa-f0-9:]+\])(:[0-9]+)?"
_COMPONENT = "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
_DURATION = "0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"
_MOST = 2**31 - 1

Namespace = Annotated[str, Field(pattern=f"^{_LABEL}$")]
Name = Annotated[str, Field(pattern=f"^{_SUBDOMAIN}$", max_length=253)]
OptionalName = Annotated[str, Field(pattern=f"^({_SUBDOMAIN})?$", max_length=253)]
Key = Annotated[str, Field(pattern="^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$", max_length=253)]
"""Of a Secret's data."""

Repository = Annotated[str, Field(pattern=f"^({_HOST}/)?{_COMPONENT}(/{_COMPONENT})*$", max_length=255)]
"""As the grammar of image references has it: CNCF Distribution, reference/regexp.go."""

Tag = Annotated[str, Field(pattern="^([A-Za-z0-9_][-.A-Za-z0-9_]{0,127})?$")]
Digest = Annotated[str, Field(pattern="^(sha256:[a-f0-9]{64})?$")]
RoleArn = Annotated[str, Field(pattern=f"^({ROLE_ARN_PATTERN})?$")]
Audience = Annotated[str, Field(pattern="^[A-Za-z0-9:/._-]+$")]
NamespaceGlob = Annotated[str, Field(pattern="^[a-z0-9*-]+$")]
OptionalAudience = Annotated[str, Field(pattern="^[A-Za-z0-9:/._-]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
PositiveCount = Annotated[int, Field(ge=1, le=_MOST)]
Duration = Annotated[str, Field(pattern=f"^({_DURATION})$")]
"""As the definition of ServiceMonitor has it; it may be empty."""


def _schema(**more: JsonValue) -> FieldInfo:
    """More of a schema than pydantic has arguments for."""
    field: FieldInfo = Field(json_schema_extra=more)
    return field


def _keys(pattern: str, longest: int) -> FieldInfo:
    return _schema(propertyNames={"type": "string", "pattern": f"^{pattern}$", "maxLength": longest})


_Value = Annotated[str, Field(pattern=f"^{_LABEL_VALUE}$", max_length=63)]
Labels = Annotated[dict[str, _Value], _keys(_QUALIFIED, 317)]
Annotations = Annotated[dict[str, str], _keys(_QUALIFIED, 317)]


def _required(*names: str) -> FieldInfo:
    return _schema(required=list(names))


EnvVar = Annotated[Object, _required("name")]
Volume = Annotated[Object, _required("name")]
VolumeMount = Annotated[Object, _required("name", "mountPath")]
Spread = Annotated[Object, _required("maxSkew", "topologyKey", "whenUnsatisfiable")]
Peer = Annotated[Object, _schema(minProperties=1)]
"""Of a NetworkPolicy, which refuses one without a selector."""

Toleration = Annotated[Object, _schema(minProperties=1)]

_MATCHES = re.compile(r"(self == '' \|\| )?self\.matches\(r'\^(.*)\$'\)")


def _closed(schema: Object) -> Object:
    """A schema of a definition, for Helm: without CEL, but with its patterns, and closed to misspelt fields.

    The API server drops those without a word, and a policy without its list of registries allows all.
    """
    found = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "default"}
    for rule in schema.get("x-kubernetes-validations", []):
        if match := _MATCHES.fullmatch(rule["rule"]):
            found["pattern"] = f"^({match[2]})?$" if match[1] else f"^{match[2]}$"
    if schema.get("x-kubernetes-list-type") == "set":
        found["uniqueItems"] = True
    if "properties" in schema:
        found["properties"] = {name: _closed(field) for name, field in schema["properties"].items()}
        found["additionalProperties"] = False
    if "items" in schema:
        found["items"] = _closed(schema["items"])
    return {"type": "object", **found}


def _policy() -> Object:
    (version,) = policy_definition()["spec"]["versions"]
    return _closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


Policy = Annotated[Object, WithJsonSchema(_policy())]
Policies = Annotated[dict[str, Policy], _keys(_SUBDOMAIN, 253)]
