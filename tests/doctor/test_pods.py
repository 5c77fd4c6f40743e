"""Why Pods of the operator do not run: what the kubelet reports, and what doctor says of it."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.doctor.finding import Level
from ecr_secret_operator.doctor.observed import Keys
from ecr_secret_operator.doctor.workload import Workload
from ecr_secret_operator.errors import UNREACHABLE
from tests.factories import HOST

from .installations import a_deployment, an_installation, causes, found
from .objects import Object

IMAGE = f"{HOST}/ecr-secret-operator:v1"
LOGGED = '{"event": "started"}\n{"event": "stopping"}\n'
BACK_OFF = f'Back-off pulling image "{IMAGE}": ErrImagePull: failed to pull and unpack image "{IMAGE}"'


def a_pod(name: str = "pod-1", *, labels: Object | None = None, pull: str = "registry", **status: Any) -> Object:
    """A Pod with one container, whose status has these fields."""
    container = {"name": "manager", "image": IMAGE, "resources": {"limits": {"memory": "64Mi"}}}
    return {
        "metadata": {"name": name, "labels": labels or {"control-plane": "controller-manager"}},
        "spec": {"containers": [container], "imagePullSecrets": [{"name": pull}] if pull else []},
        "status": {"containerStatuses": [{"name": "manager", **status}]},
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def crashing(code: int, message: str = "", reason: str = "Error", *, now: str = "CrashLoopBackOff") -> Object:
    """A container that ended, and waits or has been started again."""
    ended = {"exitCode": code, "message": message, "reason": reason}
    return {"ready": False, "lastState": {"terminated": ended}, **(waiting(now) if now else {"state": {"running": {}}})}


USAGE = "Usage: ecr-secret-operator run [OPTIONS]\n\nError: No such option: --colour\n"
UNREACHED = f"{LOGGED}Error: the API server did not answer in time (https://10.96.0.1:443). {UNREACHABLE}"
PODS: dict[str, tuple[Object, str, str, str]] = {
    "no such image": (
        a_pod(**waiting("ImagePullBackOff", f"{BACK_OFF}: {IMAGE}: not found")),
        "operator-image",
        f"The registry does not have image {IMAGE}",
        "kubectl set image deployment/ecr-secret-operator-controller-manager -n ecr-secret-operator manager=IMAGE",
    ),
    "a registry that does not answer": (
        a_pod(**waiting("ErrImagePull", "dial tcp: i/o timeout")),
        "operator-image",
        f"The kubelet cannot pull image {IMAGE}: ErrImagePull: dial tcp: i/o timeout",
        "kubectl set image",
    ),
    "refused": (
        a_pod(**waiting("ImagePullBackOff", f"{BACK_OFF}: unexpected status 401 Unauthorized")),
        "operator-image-refused",
        f"The registry refuses the credentials in Secret ecr-secret-operator/registry for image {IMAGE}",
        (
            f"kubectl create secret docker-registry registry -n ecr-secret-operator --docker-server={HOST}"
            ' --docker-username=AWS --docker-password="$(aws ecr get-login-password --region us-east-2)"'
            " --dry-run=client -o yaml | kubectl apply -f -"
        ),
    ),
    "refused without the Secret": (
        a_pod(pull="absent", **waiting("ErrImagePull", "authorization failed: no basic auth credentials")),
        "operator-image-refused",
        "Secret ecr-secret-operator/absent, which imagePullSecrets names, does not exist",
        "kubectl create secret docker-registry absent",
    ),
    "refused without imagePullSecrets": (
        a_pod(pull="", **waiting("ErrImagePull", "pull access denied")),
        "operator-image-refused",
        "the Pod has no imagePullSecrets",
        "kubectl create secret docker-registry registry",
    ),
    "out of memory": (
        a_pod(**crashing(137, LOGGED, "OOMKilled")),
        "operator-out-of-memory",
        "needs more memory than its limit of 64Mi (OOMKilled)",
        (
            "kubectl set resources deployment/ecr-secret-operator-controller-manager -n ecr-secret-operator"
            " -c manager --limits=memory=512Mi"
        ),
    ),
    "out of memory before it starts": (
        a_pod(**crashing(128, "container init was OOM-killed (memory limit too low?)", "StartError")),
        "operator-out-of-memory",
        "its limit of 64Mi",
        "kubectl set resources",
    ),
    "wrong arguments": (
        a_pod(**crashing(2, USAGE)),
        "operator-arguments",
        "does not accept its arguments: Error: No such option: --colour",
        "kubectl edit deployment ecr-secret-operator-controller-manager -n ecr-secret-operator",
    ),
    "wrong arguments, no message": (
        a_pod(**crashing(2)),
        "operator-arguments",
        "it ended with exit code 2",
        "kubectl edit deployment",
    ),
    "no way to the API server": (
        a_pod(**crashing(1, UNREACHED, now="")),
        "operator-network",
        "connections to the API server fail: the API server did not answer in time (https://10.96.0.1:443)",
        "kubectl get networkpolicy -n ecr-secret-operator",
    ),
    "another error, between two ends": (
        a_pod(**crashing(1, f"{LOGGED}Error: leadership was lost", now="")),
        "operator-crashes",
        "Restarted: Error: leadership was lost",
        "kubectl logs pod-1 -n ecr-secret-operator --previous",
    ),
    "a ConfigMap that does not exist": (
        a_pod(**waiting("CreateContainerConfigError", 'configmap "x" not found')),
        "operator-crashes",
        'CreateContainerConfigError: configmap "x" not found',
        "kubectl logs",
    ),
    "no node": (
        {
            **a_pod(),
            "status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]},
        },
        "operator-unscheduled",
        "No node accepts the Pod: Insufficient memory",
        "kubectl edit deployment",
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_the_cause_is_named_in_place_of_its_effect(case: str) -> None:
    pod, cause, says, remedy = PODS[case]
    unavailable = a_deployment(available=0)
    secrets = {"registry": Keys(there=True), "absent": Keys(there=False)}
    findings = found(an_installation(deployments=[unavailable], pods=[pod], pull_secrets=secrets))
    assert causes(findings) == [cause]
    (one,) = [finding for finding in findings if finding.cause == cause]
    assert one.subject == "Pod ecr-secret-operator/pod-1"
    assert says in one.message
    assert remedy in one.remedy


@pytest.mark.parametrize(
    "status",
    [
        waiting("ContainerCreating"),
        {"ready": True, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "message": "Error: x"}}},
        {"ready": False, "state": {"running": {}}},
    ],
    ids=["starts", "runs again", "not ready yet"],
)
def test_nothing_is_wrong_with_a_pod_that_starts_or_runs(status: Object) -> None:
    assert causes(found(an_installation(pods=[a_pod(**status)]))) == []


def test_a_pod_that_is_being_deleted_does_not_count() -> None:
    pod = a_pod(**crashing(1))
    pod["metadata"]["deletionTimestamp"] = "2026-11-25T00:00:00Z"
    assert causes(found(an_installation(pods=[pod]))) == []


def test_a_process_that_ran_out_of_memory_and_is_ready_again_is_a_warning() -> None:
    pod = a_pod(**{**crashing(137, "", "OOMKilled", now=""), "ready": True})
    (one,) = [one for one in found(an_installation(pods=[pod])) if one.cause == "operator-out-of-memory"]
    assert one.level is Level.WARNING
    assert "is ready again" in one.message


def test_pods_with_the_same_problem_are_one_finding() -> None:
    pods = [a_pod(f"pod-{number}", **crashing(2, USAGE)) for number in range(5)]
    (one,) = [one for one in found(an_installation(pods=pods)) if one.cause == "operator-arguments"]
    assert one.subject == (
        "Pods ecr-secret-operator/pod-0, ecr-secret-operator/pod-1, ecr-secret-operator/pod-2 and 2 more"
    )


def a_network_policy(selector: Object, **spec: Any) -> Object:
    return {"metadata": {"name": "deny"}, "spec": {"podSelector": selector, **spec}}


IN_TEAM = {"key": "team", "operator": "In", "values": ["a"]}
NOT_IN_TEAM = {**IN_TEAM, "operator": "NotIn"}


@pytest.mark.parametrize(
    ("policy", "applies"),
    [
        (a_network_policy({}, policyTypes=["Egress"]), True),
        (a_network_policy({}, egress=[]), True),
        (a_network_policy({}, policyTypes=["Ingress"], egress=[]), False),
        (a_network_policy({"matchLabels": {"team": "a"}}, policyTypes=["Egress"]), True),
        (a_network_policy({"matchLabels": {"team": "b"}}, policyTypes=["Egress"]), False),
        (a_network_policy({"matchExpressions": [IN_TEAM]}, policyTypes=["Egress"]), True),
        (a_network_policy({"matchExpressions": [NOT_IN_TEAM]}, policyTypes=["Egress"]), False),
        (a_network_policy({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, egress=[]), True),
        (a_network_policy({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, egress=[]), False),
    ],
)
def test_the_network_policy_that_limits_the_pod_is_named(policy: Object, *, applies: bool) -> None:
    pod = a_pod(labels={"team": "a"}, **crashing(1, UNREACHED))
    findings = found(an_installation(pods=[pod], network_policies=[policy]))
    (one,) = [one for one in findings if one.cause == "operator-network"]
    assert ("NetworkPolicy ecr-secret-operator/deny limits the Pod's egress" in one.message) is applies
    assert ("kubectl delete networkpolicy deny -n ecr-secret-operator" in one.remedy) is applies


def test_pods_that_cannot_be_created_are_reported() -> None:
    refused = a_deployment(available=0)
    failure = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota: small'}
    refused["status"]["conditions"] = [failure]
    findings = found(an_installation(deployments=[refused]))
    assert causes(findings) == ["operator-pods-refused"]
    (one,) = [one for one in findings if one.cause == "operator-pods-refused"]
    assert one.message.endswith("exceeded quota: small")


@pytest.mark.parametrize(
    ("watched", "others", "shared"),
    [
        ("", [], "all namespaces"),
        ("a,b", [], "a, b"),
        ("", ["a"], "a"),
        ("a,b", ["b", "c"], "b"),
        ("a,b", ["c"], ""),
    ],
)
def test_two_operators_for_the_same_namespaces_are_reported(watched: str, others: list[str], shared: str) -> None:
    flags = [f"--watch-namespace={watched}"] if watched else []
    other = Workload(name="old", replicas=1, watched=others)
    findings = found(an_installation(deployments=[a_deployment(*flags)], rivals=[("legacy", other)]))
    assert causes(findings) == (["operator-twice"] if shared else [])
    for one in findings:
        if one.cause == "operator-twice":
            assert one.message == f"Deployment legacy/old runs the operator too, and both watch {shared}"
            assert "kubectl scale deployment old -n legacy --replicas 0" in one.remedy
