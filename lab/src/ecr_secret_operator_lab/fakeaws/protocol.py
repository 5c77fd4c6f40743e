"""The two wire protocols: AWS JSON 1.1 (ECR, ECR Public) and AWS query with XML answers (STS). Pure: bytes to bytes.

Sources: the Smithy specifications "AWS JSON 1.1 protocol" and "AWS query protocol".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from . import models
from .errors import AwsError, Cause
from .records import OK

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_TYPE = "application/x-amz-json-1.1"
XML_TYPE = "text/xml"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
CLIENT_FAULTS_BELOW = 500
INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came in.

    Attributes:
        target: path and query, still encoded.
        headers: case-insensitive.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def query(self) -> str:
        """The query string, still encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for. One that makes no sense carries its `problem` along, so that it is recorded too."""

    service: str
    action: str
    parameters: dict[str, object]
    problem: AwsError | None = None

    @property
    def is_json(self) -> bool:
        """Whether the answer is JSON 1.1, else query XML."""
        return self.service != "sts"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, and what the call's record says of it."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    result: str


def decode(request: HttpRequest) -> Operation:
    """Reads the operation and its parameters; never raises."""
    target = request.headers.get("X-Amz-Target")
    operation = _decode_query(request) if target is None else _decode_json(target, request.body)
    if operation.problem is not None:
        return operation
    found = models.problems(operation.parameters, operation.service, operation.action)
    if not found:
        return operation
    noun = "error" if len(found) == 1 else "errors"
    text = f"{len(found)} validation {noun} detected: {'; '.join(found)}"
    return _refused(operation, Cause.INVALID_PARAMETER, text)


def _refused(operation: Operation, cause: Cause, message: str) -> Operation:
    return Operation(operation.service, operation.action, operation.parameters, AwsError(cause, message))


def _decode_json(target: str, body: bytes) -> Operation:
    prefix, _, action = target.partition(".")
    service = models.service_of_target(prefix)
    operation = Operation(service or "ecr", action, {})
    if service is None or action not in models.SERVED[service]:
        return _refused(operation, Cause.UNKNOWN_ACTION, f"The operation {target} is not known.")
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return _refused(operation, Cause.UNREADABLE, "The body is not JSON.")
    if not isinstance(parameters, dict):
        return _refused(operation, Cause.UNREADABLE, "The body is not a JSON object.")
    return Operation(operation.service, action, parameters)


def _decode_query(request: HttpRequest) -> Operation:
    text = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
    flat = dict(parse_qsl(text, keep_blank_values=True))
    action, version = flat.pop("Action", ""), flat.pop("Version", "")
    operation = Operation("sts", action, {})
    expected = models.service_model("sts").api_version
    if action not in models.SERVED["sts"] or version != expected:
        text = f"Could not find operation {action or '(none)'} for version {version or '(none)'}"
        return _refused(operation, Cause.UNKNOWN_ACTION, text)
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        branch = tree
        for part in above:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                return _refused(operation, Cause.UNREADABLE, f"{name} is given twice, in two shapes.")
        branch[last] = value
    shape = models.input_shape("sts", action)
    return Operation("sts", action, {name: _typed(value, name, shape) for name, value in tree.items()})


def _typed(value: Any, name: str, parent: Any) -> object:  # noqa: ANN401 - botocore has no types
    """Turns a branch of the query's tree into what its shape says; what does not fit stays as it is, to be refused."""
    shape = parent.members.get(name) if parent is not None else None
    return _as(value, shape) if shape is not None else value


def _as(value: Any, shape: Any) -> object:  # noqa: ANN401 - botocore has no types
    if shape.type_name == "integer" and isinstance(value, str):
        return int(value) if INTEGER.fullmatch(value) else value
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: _typed(inner, name, shape) for name, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, dict) and isinstance(value.get("member"), dict):
        numbered = sorted(value["member"].items(), key=lambda item: item[0].zfill(9))
        return [_as(inner, shape.member) for _, inner in numbered]
    return value


def encode_result(operation: Operation, result: Mapping[str, object], request_id: str) -> Answer:
    """A good answer."""
    if operation.is_json:
        return Answer(200, JSON_TYPE, json.dumps(result).encode(), OK)
    root = ET.Element(f"{operation.action}Response", xmlns=STS_NAMESPACE)
    _fill(ET.SubElement(root, f"{operation.action}Result"), result)
    _fill(ET.SubElement(root, "ResponseMetadata"), {"RequestId": request_id})
    return Answer(200, XML_TYPE, ET.tostring(root), OK)


def encode_error(operation: Operation, error: AwsError, request_id: str) -> Answer:
    """A refusal."""
    if operation.is_json:
        code, status = error.cause.as_json
        body = json.dumps({"__type": code, "message": error.message}).encode()
        return Answer(status, JSON_TYPE, body, code)
    code, status = error.cause.as_query
    side = "Sender" if status < CLIENT_FAULTS_BELOW else "Receiver"
    root = ET.Element("ErrorResponse", xmlns=STS_NAMESPACE)
    _fill(ET.SubElement(root, "Error"), {"Type": side, "Code": code, "Message": error.message})
    _fill(root, {"RequestId": request_id})
    return Answer(status, XML_TYPE, ET.tostring(root), code)


def _fill(parent: ET.Element, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = str(value)
