"""Steps 1, 2 and 7: the stage is set, the seed document's resources are served, and what is generated is kept so."""

from __future__ import annotations

import time

from rich.table import Table

from ..cluster import Object
from ..waiting import wait_for
from .evidence import expires_in, issued, masked, there, token_in, verify
from .screen import Screen
from .stage import Stage, seed

PULL_NAMESPACE, PULL_RESOURCE, PULL_SECRET = "test-ecr-secret-operator", "ecr-secret", "ecr-docker-secret"
ARGO_NAMESPACE, ARGO_RESOURCE, ARGO_SECRET = "openshift-gitops", "helm-repo", "ecr-argo-helm-secret"
READY = 200


def set_the_stage(stage: Stage, screen: Screen) -> str:
    """Starts everything, and asks each part whether it is what it should be."""
    with screen.reporter() as report:
        stage.start(report)
    version = there(stage.cluster.get("/version"), "the version")["gitVersion"]
    definitions = stage.cluster.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    kinds = sorted(one["spec"]["names"]["kind"] for one in definitions)
    verify({"ArgoHelmRepoSecret", "ClusterPullSecret", "Secret"} <= set(kinds), "the operator's kinds are installed")
    verify(stage.cluster.get("/api/v1/namespaces/default/serviceaccounts/default"), "controllers work")
    verify(stage.operator.probe("/readyz")[0] == READY, "the operator says that it is ready")
    account = _operators_account(stage)
    parts = screen.table("what runs", "it is", "where")
    parts.add_row("etcd, kube-apiserver,", "real,", stage.plane.server)
    parts.add_row("kube-controller-manager", f"Kubernetes {version}", "")
    parts.add_row("AWS (ECR and STS)", "fake", stage.aws.url)
    parts.add_row("ECR's registry", "real, needs tokens", f"https://{stage.registry.address}")
    parts.add_row("ecr-secret-operator run", "installed command", f"http://{stage.operator.address}/metrics")
    screen.gap()
    screen.show(parts)
    screen.gap()
    screen.check(f"API server, controllers, fake AWS (pid {stage.aws.pid()}) and operator answer")
    screen.check(f"the operator runs as ServiceAccount {account}")
    screen.check("which has the permissions for its work, and no others: it may not create pods, for example")
    screen.check(f"kinds of group ecr.mobb.redhat.com: {', '.join(kinds)}")
    return f"Kubernetes {version} and the operator are ready"


def _operators_account(stage: Stage) -> str:
    """Who the operator is, and that it is no administrator."""

    def as_operator(*args: str) -> str:
        credentials = f"--kubeconfig={stage.operator_kubeconfig}"
        return stage.plane.kubectl("auth", *args, credentials, check=False).stdout.strip()

    user = as_operator("whoami", "--output=jsonpath={.status.userInfo.username}")
    verify(user.startswith("system:serviceaccount:"), f"the operator is a ServiceAccount, not {user}")
    verify(as_operator("can-i", "list", "secrets", "--all-namespaces") == "yes", "it has the permissions that it needs")
    verify(as_operator("can-i", "create", "pods", "--all-namespaces") == "no", "it has no permission to create pods")
    return user.rpartition(":")[2]


def serve_the_seed(stage: Stage, screen: Screen) -> str:
    """Applies the seed document's two resources as they are printed there."""
    for namespace in (PULL_NAMESPACE, ARGO_NAMESPACE):
        stage.plane.kubectl("create", "namespace", namespace)
    screen.say("The two resources of the documentation, with the account's number filled in:")
    screen.yaml(seed())
    screen.command("kubectl apply -f seed.yaml")
    screen.output(stage.plane.kubectl("apply", "--filename=-", input=seed()).stdout)
    for namespace, resource in ((PULL_NAMESPACE, "ecrsecret/ecr-secret"), (ARGO_NAMESPACE, "ecrargo/helm-repo")):
        wait = ("-n", namespace, "wait", "--for=condition=Ready", resource)
        screen.command(f"kubectl {' '.join(wait)}")
        screen.output(stage.plane.kubectl(*wait, "--timeout=20s").stdout)
    pull = there(stage.secret(PULL_NAMESPACE, PULL_SECRET), "the pull Secret")
    argo = there(stage.secret(ARGO_NAMESPACE, ARGO_SECRET), "the Argo CD Secret")
    screen.say("The generated Secrets:")
    screen.show(_generated(screen, pull, argo))
    screen.gap()
    verify(pull["type"] == "kubernetes.io/dockerconfigjson", "the pull Secret has the type that kubelets want")
    labels = argo["metadata"]["labels"]
    verify(labels["argocd.argoproj.io/secret-type"] == "repository", "the Argo CD Secret has Argo CD's label")
    verify(issued(stage, pull).number == issued(stage, argo).number, "both hold the token that AWS issued")
    calls = stage.aws.calls()
    verify(len(calls) == 1, f"AWS was asked once, not {len(calls)} times")
    screen.check("both hold a token that AWS issued, from one call: they have the same identity and region")
    return "2 Secrets, 1 AWS call"


def _generated(screen: Screen, *secrets: Object) -> Table:
    table = screen.table("Secret and type", "keys", "token", "expires in")
    for secret in secrets:
        table.add_row(
            f"{secret['metadata']['name']}\n[dim]{secret['type']}[/]",
            "\n".join(sorted(secret["data"])),
            masked(token_in(secret)),
            expires_in(secret),
        )
    return table


def repair(stage: Stage, screen: Screen) -> str:
    """Edits the generated Secret, then deletes it; both times it comes back, and AWS is left alone."""
    before = there(stage.secret(PULL_NAMESPACE, PULL_SECRET), "the pull Secret")
    where, last_call = ("secret", PULL_SECRET, "-n", PULL_NAMESPACE), stage.last_call()
    screen.say("Another client overwrites the token:")
    patch = '{"data":{".dockerconfigjson":"e30="}}'
    screen.command(f"kubectl patch {' '.join(where)} -p '{patch}'")
    screen.output(stage.plane.kubectl("patch", *where, "-p", patch).stdout)
    edited = _until_restored(stage, before)
    screen.check(f"the token of AWS was restored {_soon(edited)}")

    screen.say("Another client deletes the Secret:")
    screen.command(f"kubectl delete {' '.join(where)}")
    screen.output(stage.plane.kubectl("delete", *where).stdout)
    deleted = _until_restored(stage, before)
    after = there(stage.secret(PULL_NAMESPACE, PULL_SECRET), "the pull Secret")
    verify(after["metadata"]["uid"] != before["metadata"]["uid"], "it is a new Secret")
    screen.check(f"a new Secret with the same token was there {_soon(deleted)}")

    screen.gap()
    told = wait_for(lambda: _repairs(stage), "events report both repairs")
    for sentence in told:
        screen.check(f"event on {PULL_RESOURCE}: {sentence}")
    calls = len(stage.aws.calls(after=last_call))
    verify(calls == 0, f"AWS was asked {calls} times, not at all")
    screen.check("AWS calls for both: 0 (the operator still had the token)")
    return f"restored after {max(edited, deleted):.2f} s at most, 0 AWS calls"


def _until_restored(stage: Stage, before: Object) -> float:
    """Seconds until data and type are as before."""
    started = time.monotonic()

    def same() -> bool:
        now = stage.secret(PULL_NAMESPACE, PULL_SECRET) or {}
        changed = now.get("metadata", {}).get("resourceVersion") != before["metadata"]["resourceVersion"]
        return changed and (now.get("data"), now.get("type")) == (before["data"], before["type"])

    wait_for(same, "the generated Secret is as it was")
    return time.monotonic() - started


def _soon(seconds: float) -> str:
    return f"{seconds:.2f} s after kubectl returned"


def _repairs(stage: Stage) -> list[str]:
    """The sentences of the events, once there are two."""
    events = stage.cluster.items(
        f"/api/v1/namespaces/{PULL_NAMESPACE}/events",
        fieldSelector=f"involvedObject.name={PULL_RESOURCE},reason=Repaired",
    )
    in_order = sorted(events, key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [str(event["message"]) for event in in_order] if len(events) > 1 else []
