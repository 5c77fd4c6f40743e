"""Why Pods of the operator do not run, by their status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..api.registry import is_registry, parse_registry
from ..domain.raw import RawObject, mapping, mappings, number, text
from ..errors import UNREACHABLE
from .finding import Finding, error, warning
from .observed import ObservedInstallation
from .subject import MOST_NAMED
from .workload import Workload

WRONG_USAGE = 2
"""The exit code of the operator for arguments that it does not accept."""

OUT_OF_MEMORY = "OOMKilled"
_OUT_OF_MEMORY_AT_START = "OOM-killed"
"""In the message of runc for a container that does not even start."""

_PULLS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_STARTS = {"ContainerCreating", "PodInitializing"}
_REFUSED = re.compile(r"\b40[13]\b|unauthorized|forbidden|denied|authorization failed|no basic auth", re.IGNORECASE)
_ABSENT = re.compile("not ?found|manifest unknown|name unknown", re.IGNORECASE)
_LONGEST = 400
"""Characters that a finding repeats of what the kubelet or the operator reported."""


def check_pods(seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """One finding for all Pods with the same problem."""
    found: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for pod in seen.pods or ():
        if mapping(pod, "metadata").get("deletionTimestamp"):
            continue
        for one in _of_pod(pod, seen, workload):
            _, names = found.setdefault((one.cause, one.message), (one, []))
            names.append(f"{seen.namespace}/{text(pod, 'metadata', 'name')}")
    for one, names in found.values():
        yield replace(one, subject=_subject(names))


def _subject(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"Pod{'s' if len(names) > 1 else ''} {', '.join(names[:MOST_NAMED])}{more}"


def _of_pod(pod: RawObject, seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    for condition in mappings(pod, "status", "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = f"No node accepts the Pod: {_short(text(condition, 'message'))}"
            remedy = "Free resources on a node, or change the Pod's requests, nodeSelector or tolerations"
            yield error("operator-unscheduled", "", message, f"{remedy}: {_edit(seen, workload)}")
    for status in mappings(pod, "status", "containerStatuses"):
        if text(status, "state", "waiting", "reason") in _PULLS:
            yield _image(pod, status, seen, workload)
        else:
            yield from _process(pod, status, seen, workload)


def _image(pod: RawObject, status: RawObject, seen: ObservedInstallation, workload: Workload) -> Finding:
    """Why the kubelet cannot pull an image."""
    name = text(status, "name")
    image = next((text(one, "image") for one in mappings(pod, "spec", "containers") if text(one, "name") == name), "")
    reported = text(status, "state", "waiting", "message")
    own_words = reported.replace(image, "") if image else reported
    if _REFUSED.search(own_words):
        return _refused(pod, image, seen)
    if _ABSENT.search(own_words):
        message = f"The registry does not have image {image}"
    else:
        reason = text(status, "state", "waiting", "reason")
        message = f"The kubelet cannot pull image {image}: {reason}: {_short(reported)}"
    command = f"kubectl set image deployment/{workload.name} -n {seen.namespace} {name}=IMAGE"
    remedy = f"Push the image, or name one that exists (image.repository and image.tag of the chart): {command}"
    return error("operator-image", "", message, remedy)


def _refused(pod: RawObject, image: str, seen: ObservedInstallation) -> Finding:
    """The registry refuses the kubelet: for want of a Secret, or with it."""
    names = [text(one, "name") for one in mappings(pod, "spec", "imagePullSecrets")]
    absent = [name for name in names if (found := seen.pull_secrets.get(name)) and not found.there]
    if not names:
        message = f"The registry refuses image {image} without credentials, and the Pod has no imagePullSecrets"
        remedy = f"Set imagePullSecrets of the chart to a Secret. To create one: {_create('registry', image, seen)}"
        return error("operator-image-refused", "", message, remedy)
    if absent:
        message = f"The registry refuses image {image}: Secret {seen.namespace}/{absent[0]}, which imagePullSecrets"
        message = f"{message} names, does not exist"
    else:
        listed = " or ".join(f"Secret {seen.namespace}/{name}" for name in names)
        message = f"The registry refuses the credentials in {listed} for image {image}"
    return error("operator-image-refused", "", message, _create((absent or names)[0], image, seen))


def _create(name: str, image: str, seen: ObservedInstallation) -> str:
    """The command that creates or replaces a Secret with which the kubelet pulls an image."""
    host = image.partition("/")[0]
    user = "--docker-username=USER --docker-password=PASSWORD"
    if is_registry(host):
        region = parse_registry(host).region
        user = f'--docker-username=AWS --docker-password="$(aws ecr get-login-password --region {region})"'
    return (
        f"kubectl create secret docker-registry {name} -n {seen.namespace} --docker-server={host} {user}"
        " --dry-run=client -o yaml | kubectl apply -f -"
    )


def _process(pod: RawObject, status: RawObject, seen: ObservedInstallation, workload: Workload) -> Iterator[Finding]:
    """Why a container has ended, or does not start."""
    waiting = mapping(status, "state", "waiting")
    ended = mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")
    reason, ready = text(waiting, "reason"), status.get("ready") is True
    if text(ended, "reason") == OUT_OF_MEMORY or _OUT_OF_MEMORY_AT_START in text(ended, "message"):
        yield _out_of_memory(pod, status, seen, workload, ready=ready)
    elif ready or reason in _STARTS or not (reason or number(ended, "exitCode")):
        return
    elif number(ended, "exitCode") == WRONG_USAGE:
        message = f"The operator does not accept its arguments: {_last_line(ended) or 'it ended with exit code 2'}"
        yield error("operator-arguments", "", message, _edit(seen, workload))
    elif UNREACHABLE in text(ended, "message"):
        yield _network(pod, ended, seen)
    else:
        reported = _last_line(ended) or text(waiting, "message") or "its container does not start"
        message = f"{reason or 'Restarted'}: {_short(reported)}"
        remedy = f"kubectl logs {text(pod, 'metadata', 'name')} -n {seen.namespace} --previous"
        yield error("operator-crashes", "", message, remedy)


def _out_of_memory(
    pod: RawObject, status: RawObject, seen: ObservedInstallation, workload: Workload, *, ready: bool
) -> Finding:
    name = text(status, "name")
    containers = [one for one in mappings(pod, "spec", "containers") if text(one, "name") == name]
    limit = text(containers[0], "resources", "limits", "memory") if containers else ""
    message = f"The operator needs more memory than its limit{f' of {limit}' if limit else ''} ({OUT_OF_MEMORY})"
    command = f"kubectl set resources deployment/{workload.name} -n {seen.namespace} -c {name} --limits=memory=512Mi"
    remedy = f"Raise the limit (resources.limits.memory of the chart): {command}"
    if ready:
        return warning("operator-out-of-memory", "", f"{message}. It was restarted, and is ready again", remedy)
    return error("operator-out-of-memory", "", message, remedy)


def _network(pod: RawObject, ended: RawObject, seen: ObservedInstallation) -> Finding:
    """The operator ended because the API server did not answer; doctor itself reaches the API server."""
    labels = mapping(pod, "metadata", "labels")
    names = [text(one, "metadata", "name") for one in seen.network_policies or () if _limits_egress(one, labels)]
    message = f"The Pod's connections to the API server fail: {_short(_last_line(ended)).removeprefix('Error: ')}"
    if not names:
        remedy = (
            f"Check the firewalls and NetworkPolicies of the network: kubectl get networkpolicy -n {seen.namespace}"
        )
        return error("operator-network", "", message, remedy)
    one = f"NetworkPolicy {seen.namespace}/{names[0]}"
    remedy = (
        f"Allow egress to the API server in it, or delete it: kubectl delete networkpolicy {names[0]}"
        f" -n {seen.namespace}"
    )
    return error("operator-network", "", f"{message}. {one} limits the Pod's egress", remedy)


def _limits_egress(policy: RawObject, labels: RawObject) -> bool:
    """Whether a NetworkPolicy applies to the egress of a Pod with these labels (networking.k8s.io/v1)."""
    spec = mapping(policy, "spec")
    types = spec.get("policyTypes")
    egress = "Egress" in types if isinstance(types, list) else "egress" in spec
    wanted = mapping(spec, "podSelector", "matchLabels")
    return bool(egress and wanted.items() <= labels.items()) and _expressions_hold(spec, labels)


def _expressions_hold(spec: RawObject, labels: RawObject) -> bool:
    def holds(one: RawObject) -> bool:
        key, values, operator = text(one, "key"), one.get("values") or (), one.get("operator")
        if operator in ("Exists", "DoesNotExist"):
            return bool((key in labels) == (operator == "Exists"))
        return bool((labels.get(key) in values) == (operator == "In"))

    return all(map(holds, mappings(spec, "podSelector", "matchExpressions")))


def _edit(seen: ObservedInstallation, workload: Workload) -> str:
    return f"kubectl edit deployment {workload.name} -n {seen.namespace}"


def _last_line(ended: RawObject) -> str:
    """What a container reported last: its own error, if there is one."""
    message = text(ended, "message").strip()
    before, mark, reported = message.rpartition("Error: ")
    if mark and (not before or before.endswith("\n")):
        return mark + reported
    return message if len(message) <= _LONGEST else message.rpartition("\n")[2]


def _short(reported: str) -> str:
    return reported if len(reported) <= _LONGEST else f"{reported[:_LONGEST]}..."
