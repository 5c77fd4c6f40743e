"""Types of the chart's values: what Kubernetes accepts where each is used. The JSON schema is generated from them.

Patterns match the whole value. They have no look-around, because Helm's library does not support it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, JsonValue, TypeAdapter, WithJsonSchema
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
_METRIC_LABEL = "[a-zA-Z_][a-zA-Z0-9_]*"
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HEX = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [
        f"({_HEX}:){{7}}{_HEX}",
        *(f"({_HEX}:){{1,{before}}}(:{_HEX}){{1,{7 - before}}}" for before in range(1, 7)),
        f"({_HEX}:){{1,7}}:",
        f":(:{_HEX}){{1,7}}",
        "::",
    ]
)
_PERCENT = "(100|[1-9]?[0-9])%"
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
IpAddress = Annotated[str, Field(pattern=f"^({_BYTE}([.]{_BYTE}){{3}}|{_IPV6})$")]
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


def _object(*required: str, **fields: tuple[Object, str]) -> WithJsonSchema:
    """Schema of a mapping that has these fields only.

    Args:
        required: names of fields that must be there.
        fields: the schema of each field, and its meaning.
    """
    described = {name: {**schema, "description": meaning} for name, (schema, meaning) in fields.items()}
    schema: Object = {"type": "object", "properties": described, "additionalProperties": False}
    return WithJsonSchema({**schema, "required": list(required)} if required else schema)


def _of(form: Any) -> Object:  # noqa: ANN401 - a type, which has no better name
    """The JSON schema of a type."""
    return TypeAdapter(form).json_schema()


def _list(form: Any, **more: JsonValue) -> Object:  # noqa: ANN401 - a type
    return {"type": "array", "items": _of(form), **more}


def _number_or_percent(least: int, percent: str) -> Object:
    """A number of pods, or a percentage of them. A validator applies each limit to its own type only."""
    return {"type": ["integer", "string"], "minimum": least, "maximum": _MOST, "pattern": f"^{percent}$"}


CountOrPercent = Annotated[int | str, WithJsonSchema(_number_or_percent(0, _PERCENT))]
PositiveCountOrPercent = Annotated[int | str, WithJsonSchema(_number_or_percent(1, "(100|[1-9][0-9]?)%"))]

Reference = Annotated[Object, _object("name", name=(_of(Name), "Name of the Secret."))]
HostAlias = Annotated[
    Object,
    _object("ip", "hostnames", ip=(_of(IpAddress), "IP address."), hostnames=(_list(Name), "Names of the host.")),
]
SearchDomain = Annotated[str, Field(pattern=f"^{_SUBDOMAIN}[.]?$", max_length=253)]
_Option = Annotated[
    Object,
    _object(
        "name",
        name=({"type": "string", "minLength": 1}, "Name of the option."),
        value=({"type": "string"}, "Value of the option."),
    ),
]
DnsConfig = Annotated[
    Object,
    _object(
        nameservers=(_list(IpAddress, maxItems=3), "IP addresses of DNS servers."),
        searches=(_list(SearchDomain, maxItems=32), "Search domains."),
        options=(_list(_Option), "Options of the resolver."),
    ),
]
"""The limits are those of Kubernetes, `ValidatePodDNSConfig`; the chart checks the total length of `searches`."""

_RollingUpdate = Annotated[
    Object,
    _object(
        maxSurge=(_of(CountOrPercent), "Pods that may exist in addition, as number or percentage."),
        maxUnavailable=(_of(CountOrPercent), "Pods that may be unavailable, as number or percentage."),
    ),
]
Strategy = Annotated[
    Object,
    _object(
        type=({"type": "string", "enum": ["RollingUpdate", "Recreate"]}, "Name of the strategy."),
        rollingUpdate=(_of(_RollingUpdate), "Limits of a rolling update."),
    ),
]
_ACTIONS = (
    "Replace",
    "Keep",
    "Drop",
    "HashMod",
    "LabelMap",
    "LabelDrop",
    "LabelKeep",
    "Lowercase",
    "Uppercase",
    "KeepEqual",
    "DropEqual",
)
Relabeling = Annotated[
    Object,
    _object(
        sourceLabels=(
            {"type": "array", "items": {"type": "string", "pattern": f"^{_METRIC_LABEL}$"}},
            "Labels to read.",
        ),
        separator=({"type": "string"}, "Text between the values."),
        targetLabel=({"type": "string"}, "Label to write."),
        regex=({"type": "string"}, "Regular expression to match."),
        modulus=({"type": "integer", "minimum": 0, "maximum": _MOST}, "Modulus of the hash."),
        replacement=({"type": "string"}, "Replacement text."),
        action=(
            {"type": "string", "enum": [name for one in _ACTIONS for name in (one.lower(), one)]},
            "What to do on a match.",
        ),
    ),
]
"""RelabelConfig of the Prometheus operator, as its CRD of ServiceMonitor has it."""

Manifest = Annotated[
    Object,
    WithJsonSchema(
        {
            "type": "object",
            "required": ["apiVersion", "kind", "metadata"],
            "properties": {
                "apiVersion": {"type": "string", "minLength": 1},
                "kind": {"type": "string", "minLength": 1},
                "metadata": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "namespace": {"type": "string", "minLength": 1},
                    },
                },
            },
        }
    ),
]
"""An object of any kind, of which Kubernetes judges the rest."""

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
