"""Keeps the threat model true: what a thief of the operator's token can and cannot do, each tried on the API server.

The two tables of docs/security/threat-model.md have a row for each sentence here, with the requests that succeeded, or
with what refused them. A row that differs fails, and shows what the documentation has to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator.domain.kinds import docker_config
from ecr_secret_operator.rbac import RoleScope
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused, resource_path, secret_path
from ecr_secret_operator_lab.permissions import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.foreign import ARGO, ARGO_DATA, DOCKER, docker, encoded
from tests.cluster.granted import granted
from tests.cluster.own_secrets import OURS, OWNER, a_secret

from ..laboratory import Install
from .accounts import MARK, RECORD, account_path, an_account, entries
from .resources import HOST, a_resource, apply

PAGE = Path(__file__).parents[2] / "docs/security/threat-model.md"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
CREDS = {"argocd.argoproj.io/secret-type": "repo-creds"}
ROLE = "eks.amazonaws.com/role-arn"
PULL = a_secret(docker(docker_config({HOST: "x"})), DOCKER, labels=OURS)
REPOSITORY = a_secret(encoded(**{**ARGO_DATA, "name": "target"}), labels={**OURS, **ARGO})
REPO_CREDS = a_secret(
    encoded(**{key: value for key, value in ARGO_DATA.items() if key != "name"}), labels={**OURS, **CREDS}
)
FOR_AWS: Object = {"spec": {"audiences": ["sts.amazonaws.com"]}}


@dataclass
class Thief:
    """The operator's token, and a record of what was done with it."""

    api: Cluster
    admin: Cluster
    namespace: str
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, verb: str, path: str, body: Mapping[str, Any] | None = None, content: str = MERGE) -> Object:
        """One request. Raises Refused."""
        methods = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
        method = methods.get(verb, "GET")
        answer: Object = {}
        try:
            answer = self.api.request(method, path, body, content=content if verb == "patch" else "application/json")
        except json.JSONDecodeError:
            assert verb == "watch"  # in which nothing happened
        self.done.append((*_resource(path), verb))
        return answer

    def secret(self, body: Mapping[str, Any]) -> None:
        """Has somebody else store a Secret `target`."""
        self.admin.create(secret_path(self.namespace), body)

    def clear(self) -> None:
        """Removes the Secret `target`, if it is there."""
        if self.admin.get(secret_path(self.namespace, "target")):
            self.admin.delete(secret_path(self.namespace, "target"))

    def create(self, body: Mapping[str, Any], namespace: str = "") -> None:
        """Creates a Secret."""
        self.send("create", secret_path(namespace or self.namespace), body)

    def change(self, body: Mapping[str, Any]) -> None:
        """Changes the Secret `target`."""
        self.send("patch", secret_path(self.namespace, "target"), body)

    def delete(self) -> None:
        """Deletes the Secret `target`."""
        self.send("delete", secret_path(self.namespace, "target"))

    def account(self, body: Mapping[str, Any]) -> None:
        """Changes the ServiceAccount `builder`."""
        self.send("patch", account_path(self.namespace, "builder"), body)

    def token(self, spec: Object, account: str = "builder", namespace: str = "") -> None:
        """Asks for a token of a ServiceAccount."""
        self.send("create", f"{account_path(namespace or self.namespace, account)}/token", {"spec": spec})

    def see(self, path: str, name: str, *verbs: str) -> None:
        """Reads a collection, one object of it, or its changes."""
        paths = {
            "list": path,
            "get": f"{path}/{name}",
            "watch": f"{path}?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name={name}",
        }
        for verb in verbs:
            self.send(verb, paths[verb])


def _resource(path: str) -> tuple[str, str]:
    """Group and resource of a request."""
    parts = path.partition("?")[0].strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    return group, "/".join((rest[0], *rest[2:3]))


@pytest.fixture
def token(cluster: Cluster, thief: Cluster, namespace: str) -> Thief:
    """The token, and what there is to attack."""
    an_account(
        cluster,
        namespace,
        "builder",
        pull=["b", "own"],
        labels={"team": "a", MARK: "true"},
        annotations={RECORD: "pull:own", "eks.amazonaws.com/audience": "sts.amazonaws.com"},
    )
    apply(cluster, namespace, a_resource(suspend=True))
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", "ecr", suspend=True))
    return Thief(thief, cluster, namespace)


# What it can do


def _read_secrets(one: Thief) -> None:
    one.secret(a_secret(encoded(precious="yes")))
    one.see(secret_path(one.namespace), "target", "get", "list", "watch")
    one.see(secret_path("kube-system"), "", "list")


def _secret_writes(one: Thief) -> None:
    for marks in ({"labels": OURS}, {"annotations": {"ecr.mobb.redhat.com/digest": "x"}}):
        one.secret(a_secret(docker("{}"), DOCKER, **marks))
        one.change({"metadata": {"labels": OURS}, "data": PULL["data"]})
        one.delete()


def _upstream(one: Thief) -> None:
    one.secret(a_secret(PULL["data"], DOCKER))
    one.change({"metadata": {"labels": OURS}})
    one.delete()


def _argo(one: Thief) -> None:
    proxied = encoded(proxy="http://proxy.example.com")
    one.create({**REPOSITORY, "data": {**REPOSITORY["data"], **proxied}})
    one.clear()
    one.create({**REPO_CREDS, "data": {**REPO_CREDS["data"], **proxied}})


def _links(one: Thief) -> None:
    one.account({"imagePullSecrets": entries("b", "own", "any"), "metadata": {"annotations": {RECORD: "pull:any"}}})
    one.account({"imagePullSecrets": entries("b", "own"), "metadata": {"annotations": {RECORD: None}}})


def _events(one: Thief) -> None:
    path = f"/api/v1/namespaces/{one.namespace}/events"
    involved = {"kind": "Pod", "namespace": one.namespace, "name": "any"}
    one.send("create", path, {"metadata": {"name": "target"}, "involvedObject": involved, "reason": "Any"})
    one.see(path, "target", "get")
    one.send("patch", f"{path}/target", {"message": "any"})


def _status(one: Thief) -> None:
    for plural in ("secrets", "argohelmreposecrets"):
        path = f"{resource_path(plural, one.namespace, 'ecr')}/status"
        one.send("patch", path, {"status": {"phase": "Updated"}})
    body = {**a_resource("ClusterPullSecret", f"ecr-{one.namespace}", suspend=True), "apiVersion": OWNER["apiVersion"]}
    body["spec"] = {**body["spec"], "namespaces": {"include": [one.namespace]}}
    name = one.admin.create(f"{ECR}/clusterpullsecrets", body)["metadata"]["name"]
    one.send("patch", f"{ECR}/clusterpullsecrets/{name}/status", {"status": {"phase": "Updated"}})
    one.admin.delete(f"{ECR}/clusterpullsecrets/{name}")


def _lists(one: Thief) -> None:
    for path in (
        *(resource_path(plural, one.namespace) for plural in ("secrets", "argohelmreposecrets")),
        *(f"{ECR}/{plural}" for plural in ("clusterpullsecrets", "accesspolicies")),
        "/api/v1/namespaces",
        account_path(one.namespace),
    ):
        one.see(path, "none", "list", "watch")


def _lease(one: Thief) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    lease = one.send("create", path, {"metadata": {"name": one.namespace}, "spec": {"holderIdentity": "thief"}})
    one.see(path, one.namespace, "get")
    one.send("update", f"{path}/{one.namespace}", lease)
    one.admin.delete(f"{path}/{one.namespace}")


CAN: dict[str, Callable[[Thief], None]] = {
    "Read every Secret, in every namespace that the operator watches": _read_secrets,
    "Store a pull Secret with any password for any ECR host, in any watched namespace": lambda one: one.create(PULL),
    "Store an Argo CD repository or `repo-creds` for any URL in ECR, with any password and proxy": _argo,
    "Change and delete Secrets that have the operator's label, digest or owner, by any client": _secret_writes,
    "Take over a Secret of exactly the Go operator's shape": _upstream,
    "Get tokens of ServiceAccounts for AWS, outside the excluded namespaces": lambda one: one.token(FOR_AWS["spec"]),
    "Add any name to the lists of a ServiceAccount, and take out what the operator's record names": _links,
    "Add labels, and add and change annotations, of a ServiceAccount that give no power that is known": (
        lambda one: one.account({"metadata": {"labels": {"any": "x"}, "annotations": {"example.com/any": "x"}}})
    ),
    "Keep new pods from getting a token of their ServiceAccount": (
        lambda one: one.account({"automountServiceAccountToken": False})
    ),
    "Write any event": _events,
    "Write any status of the operator's kinds": _status,
    "Read the operator's kinds, AccessPolicies, namespaces and ServiceAccounts": _lists,
    "Take the operator's Lease, so that no replica works": _lease,
}


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def requests(done: Iterable[tuple[str, str, str]]) -> str:
    """Resources with verbs, as the documentation names them."""
    verbs: dict[str, set[str]] = {}
    for group, resource, verb in done:
        name, _, sub = resource.partition("/")
        full = ".".join(filter(None, (name, group)))
        verbs.setdefault("/".join(filter(None, (full, sub))), set()).add(verb)
    return "; ".join(f"{', '.join(sorted(verbs[name]))} `{name}`" for name in sorted(verbs))


def documented(heading: str) -> list[str]:
    """The rows of the table below a heading."""
    section = re.split(r"^#+ ", PAGE.read_text().partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("sentence", CAN)
def test_what_the_token_can_do_is_what_the_documentation_says(token: Thief, sentence: str) -> None:
    CAN[sentence](token)
    assert row(sentence, requests(token.done)) in documented("### What the token can do")


def test_every_right_of_the_token_is_in_the_documentation(token: Thief) -> None:
    for attempt in CAN.values():
        attempt(token)
        token.clear()
    assert set(token.done) == granted(*RoleScope)
    assert len(documented("### What the token can do")) == len(CAN)


# What it cannot do


def _secret_of(kind: str, data: dict[str, str], **labels: str) -> Object:
    return a_secret(data, kind, labels={**OURS, **labels})


def _with(secret: Object, **data: str) -> Object:
    return {**secret, "data": {**secret["data"], **encoded(**data)}}


def _foreign(one: Thief, attempt: Callable[[], None]) -> None:
    one.secret(a_secret(encoded(precious="yes")))
    attempt()


def _without_label(one: Thief) -> None:
    one.secret(PULL)
    one.change({"metadata": {"labels": None}})


def _both(secret: Object) -> tuple[Callable[[Thief], None], ...]:
    """As a new Secret, by server-side apply, and as a change of one that is the operator's."""
    own = PULL if secret["type"] == DOCKER else REPOSITORY

    def applied(one: Thief) -> None:
        path = f"{secret_path(one.namespace, 'target')}?fieldManager=x&force=true"
        one.send("patch", path, {"apiVersion": "v1", "kind": "Secret", **secret}, APPLY)

    def changed(one: Thief) -> None:
        one.secret(own)
        gone = dict.fromkeys(set(own["data"]) - set(secret["data"]))
        one.change({"metadata": {"labels": secret["metadata"]["labels"]}, "data": {**gone, **secret["data"]}})

    return (lambda one: one.create(secret), lambda one: one.create(secret, "kube-system"), applied, changed)


ELSEWHERE = a_secret(docker(docker_config({"evil.example": "x"})), DOCKER, labels=OURS)
CLUSTER_LABEL = {"argocd.argoproj.io/secret-type": "cluster"}
ISSUER = "https://kubernetes.default.svc.cluster.local"


def _rejected(verb: str, path: str, body: Object | None = None) -> Callable[[Thief], None]:
    def attempt(one: Thief) -> None:
        one.send(verb, path.format(one.namespace), body)

    return attempt


def _bad_token(spec: Object, account: str = "builder", namespace: str = "") -> Callable[[Thief], None]:
    return lambda one: one.token(spec, account, namespace)


def _bad_account(**body: Any) -> Callable[[Thief], None]:
    return lambda one: one.account(body)


CANNOT: dict[str, tuple[Callable[[Thief], None], ...]] = {
    "Store a Secret of another type, such as a ServiceAccount's token": (
        *_both(_secret_of("Opaque", encoded(a="b"))),
        lambda one: one.create(_secret_of("kubernetes.io/tls", {"tls.crt": "", "tls.key": ""})),
        lambda one: one.create(
            a_secret(
                {},
                "kubernetes.io/service-account-token",
                labels=OURS,
                annotations={"kubernetes.io/service-account.name": "builder"},
            )
        ),
    ),
    "Store a Secret without the operator's label, or take the label off": (
        lambda one: one.create(a_secret(PULL["data"], DOCKER)),
        _without_label,
    ),
    "Store a pull Secret for a host that is not ECR's, or with anything beside user and password": (
        *_both(ELSEWHERE),
        *_both(a_secret(docker('{"auths":{},"credHelpers":{"evil.example":"x"}}'), DOCKER, labels=OURS)),
        *_both(_with(PULL, more="x")),
    ),
    "Store an Argo CD Secret for a URL that is not in ECR": (
        *_both(_with(REPOSITORY, url="evil.example/charts")),
        *_both(_with(REPO_CREDS, url="https://")),
        *_both(_with(REPO_CREDS, url=f"{HOST}.evil.example")),
    ),
    "Store an Argo CD Secret with keys that the operator does not write, such as `insecure`": (
        *_both(_with(REPOSITORY, insecure="true")),
        *_both(_with(REPO_CREDS, sshPrivateKey="x")),
    ),
    "Make Argo CD take a Secret for a cluster": (
        *_both(_secret_of("Opaque", encoded(name="x", server="https://evil.example", config="{}"), **CLUSTER_LABEL)),
        *_both(_secret_of(DOCKER, PULL["data"], **CLUSTER_LABEL)),
    ),
    "Change or delete a Secret that the operator did not make": (
        lambda one: _foreign(one, lambda: one.change({"metadata": {"labels": OURS}})),
        lambda one: _foreign(one, one.delete),
    ),
    "Add a finalizer to a Secret, or an owner that is not the operator's own": (
        lambda one: one.create({**PULL, "metadata": {**PULL["metadata"], "finalizers": ["example.com/hold"]}}),
        lambda one: one.create(
            {**PULL, "metadata": {**PULL["metadata"], "ownerReferences": [{**OWNER, "apiVersion": "apps/v1"}]}}
        ),
    ),
    "Get a token that the API server, or anything but AWS, accepts": (
        _bad_token({}),
        _bad_token({"audiences": []}),
        _bad_token({"audiences": ["vault"]}),
        _bad_token({"audiences": ["sts.amazonaws.com", ISSUER]}),
        _bad_token({}, SERVICE_ACCOUNT, NAMESPACE),
    ),
    "Get a token that lasts longer than an hour": (
        _bad_token({"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3601}),
    ),
    "Get a token of a ServiceAccount in `kube-*`, `openshift-*` or `openshift`": (
        _bad_token({"audiences": ["sts.amazonaws.com"]}, "default", "kube-system"),
    ),
    "Give a ServiceAccount another identity, or take its identity away": (
        _bad_account(metadata={"annotations": {ROLE: "arn:aws:iam::123456789012:role/admin"}}),
        _bad_account(metadata={"annotations": {"eks.amazonaws.com/audience": None}}),
        _bad_account(metadata={"annotations": {"iam.gke.io/gcp-service-account": "x"}}),
        _bad_account(metadata={"labels": {"azure.workload.identity/use": "true"}}),
    ),
    "Take out of a ServiceAccount what others put there": (
        _bad_account(imagePullSecrets=entries("own")),
        _bad_account(imagePullSecrets=None),
        _bad_account(metadata={"labels": {"team": None}}),
    ),
    "Have a token mounted where none was, or add a finalizer or an owner to a ServiceAccount": (
        _bad_account(automountServiceAccountToken=True),
        _bad_account(metadata={"finalizers": ["example.com/hold"]}),
        _bad_account(metadata={"ownerReferences": [OWNER]}),
    ),
    "Create or delete a ServiceAccount": (
        _rejected("create", "/api/v1/namespaces/{0}/serviceaccounts", {"metadata": {"name": "more"}}),
        _rejected("delete", "/api/v1/namespaces/{0}/serviceaccounts/builder"),
    ),
    "Write a resource of the operator's kinds, or an AccessPolicy": (
        _rejected("create", f"{ECR}/namespaces/{{0}}/secrets", a_resource(name="more")),
        _rejected("patch", f"{ECR}/namespaces/{{0}}/secrets/ecr", {"spec": {"suspend": False}}),
        _rejected("delete", f"{ECR}/namespaces/{{0}}/secrets/ecr"),
        _rejected("create", f"{ECR}/clusterpullsecrets", a_resource("ClusterPullSecret", "more")),
        _rejected(
            "create",
            f"{ECR}/accesspolicies",
            {"apiVersion": OWNER["apiVersion"], "kind": "AccessPolicy", "metadata": {"name": "x"}, "spec": {}},
        ),
    ),
    "Run a pod, or read anything else, such as pods, nodes and ConfigMaps": (
        _rejected("create", "/api/v1/namespaces/{0}/pods", {"metadata": {"name": "x"}, "spec": {"containers": []}}),
        _rejected("list", "/api/v1/namespaces/{0}/pods"),
        _rejected("list", "/api/v1/namespaces/{0}/configmaps"),
        _rejected("list", "/api/v1/nodes"),
        _rejected("create", "/apis/apps/v1/namespaces/{0}/deployments", {"metadata": {"name": "x"}}),
    ),
    "Give itself more permissions, or take the admission policies away": (
        _rejected("create", "/apis/rbac.authorization.k8s.io/v1/namespaces/{0}/roles", {"metadata": {"name": "x"}}),
        _rejected("create", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {"metadata": {"name": "x"}}),
        *(
            _rejected("delete", f"/apis/admissionregistration.k8s.io/v1/{kind}/ecr-secret-operator-secrets")
            for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
        ),
    ),
}


def _refused_by(refusal: Refused) -> str:
    assert refusal.status == 403
    assert "resulted in error" not in refusal.message
    return "the admission policy" if "ValidatingAdmissionPolicy" in refusal.message else "RBAC"


@pytest.mark.parametrize("sentence", CANNOT)
def test_what_the_token_cannot_do_is_refused(token: Thief, sentence: str) -> None:
    found = set()
    for attempt in CANNOT[sentence]:
        with pytest.raises(Refused) as refusal:
            attempt(token)
        found.add(_refused_by(refusal.value))
        token.clear()
    assert row(sentence, " and ".join(sorted(found))) in documented("### What the token cannot do")


def test_every_sentence_of_what_it_cannot_do_is_tried() -> None:
    assert len(documented("### What the token cannot do")) == len(CANNOT)


def test_an_operator_for_some_namespaces_reads_no_secret_elsewhere(
    cluster: Cluster, namespace: str, install: Install
) -> None:
    """The installation that limits what remains."""
    elsewhere = cluster.namespace(f"other-{namespace}")
    cluster.create(secret_path(elsewhere), a_secret(encoded(precious="yes")))
    cluster.create(secret_path(namespace), a_secret(encoded(precious="yes")))
    with Cluster(install()) as confined:
        assert confined.get(secret_path(namespace, "target"))
        for place in (elsewhere, NAMESPACE, "kube-system"):
            for read in (secret_path(place), secret_path(place, "target"), "/api/v1/secrets"):
                with pytest.raises(Refused, match=r"cannot (get|list)"):
                    confined.request("GET", read)
            with pytest.raises(Refused, match="cannot create"):
                confined.create(f"{account_path(place, 'default')}/token", FOR_AWS)
