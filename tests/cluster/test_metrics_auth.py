"""Protected metrics on the real API server: who is who, and who may, is its answer."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator.domain.reader import User
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.config import load_config
from ecr_secret_operator.kube.reviews import ApiReviews
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane.pki import Authority
from ecr_secret_operator_lab.operator import OperatorProcess, free_port
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import Install, StartOperator

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def account(cluster: Cluster, namespace: str, name: str) -> str:
    """Makes a ServiceAccount, and gives a token of it."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    cluster.create(path, {"metadata": {"name": name}})
    return token_of(cluster, namespace, name)


def token_of(cluster: Cluster, namespace: str, name: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    return str(cluster.create(path, {"spec": {"expirationSeconds": 600}})["status"]["token"])


class Grants:
    """Cluster-wide roles of one test, which it takes back at the end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made: list[str] = []

    def give(self, namespace: str, name: str, *rules: dict[str, list[str]]) -> None:
        role = f"test-{uuid.uuid4().hex[:10]}"
        self._made += [f"{RBAC}/clusterrolebindings/{role}", f"{RBAC}/clusterroles/{role}"]
        self._cluster.create(f"{RBAC}/clusterroles", {"metadata": {"name": role}, "rules": list(rules)})
        self._cluster.create(
            f"{RBAC}/clusterrolebindings",
            {
                "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
            },
        )

    def take_back(self) -> None:
        for path in self._made:
            self._cluster.delete(path)


@pytest.fixture
def grants(cluster: Cluster) -> Iterator[Grants]:
    made = Grants(cluster)
    yield made
    made.take_back()


METRICS_READER = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}


def unverified() -> ssl.SSLContext:
    """For a certificate that the operator made itself, as Prometheus reads it with insecureSkipVerify."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def scrape(url: str, token: str | None = None, tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls or unverified())]
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - a URL of this test
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_only_who_may_get_metrics_in_the_cluster_reads_them(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator, grants: Grants
) -> None:
    port = free_port()
    limited = ("--kubeconfig", str(install("--metrics-secure")))
    operator = start_operator("--metrics-secure", "--metrics-bind-address", f"127.0.0.1:{port}", *limited)
    url = f"https://127.0.0.1:{port}/metrics"
    reader, stranger = account(cluster, namespace, "prometheus"), account(cluster, namespace, "stranger")
    user = f"system:serviceaccount:{namespace}:prometheus"
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        scrape(f"http://127.0.0.1:{port}/metrics", reader)
    assert scrape(url) == (401, "Unauthorized")
    assert scrape(url, "invalid") == (401, "Unauthorized")
    assert scrape(url, reader[:-8] + "AAAAAAAA") == (401, "Unauthorized")
    assert scrape(url, reader) == (403, f"Authorization denied for user {user}")

    grants.give(namespace, "prometheus", METRICS_READER)

    def fresh() -> str | None:
        """A token that may: the answer on the first one is kept for half a minute, and it belongs to that token."""
        token = token_of(cluster, namespace, "prometheus")
        return token if scrape(url, token)[0] == 200 else None

    renewed = wait_for(fresh, "the binding is seen", within=45)
    assert "ecr_secret_operator_leader" in scrape(url, renewed)[1]
    assert scrape(url, stranger)[0] == 403
    assert operator.probe("/readyz") == (200, "ok")
    assert operator.probe("/healthz") == (200, "ok")

    said = operator.output()
    assert said.count("made a certificate for the metrics") == 1
    assert "PRIVATE KEY" not in said
    assert '"metrics refused"' in said, "the run was at the most talkative level"
    for token in (reader, renewed, stranger, reader[:-8]):
        assert token not in said
        assert token.split(".")[2][:40] not in said


def test_over_https_with_a_certificate_that_is_replaced(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator, grants: Grants, tmp_path: Path
) -> None:
    port, old, new = free_port(), Authority.create(), Authority.create()

    def write(authority: Authority) -> ssl.SSLContext:
        pair = authority.server()
        (tmp_path / "tls.crt").write_bytes(pair.public)
        (tmp_path / "tls.key").write_bytes(pair.private)
        return ssl.create_default_context(cadata=authority.pem.decode())

    trusted = write(old)
    token = account(cluster, namespace, "prometheus")
    grants.give(namespace, "prometheus", METRICS_READER)
    limited = ("--kubeconfig", str(install("--metrics-secure")))
    address = ("--metrics-bind-address", f"127.0.0.1:{port}")
    operator = start_operator("--metrics-secure", "--metrics-cert-path", str(tmp_path), *address, *limited)
    url = f"https://127.0.0.1:{port}/metrics"
    assert scrape(url, tls=trusted)[0] == 401
    assert scrape(url, token, trusted)[0] == 200
    trusted = write(new)
    assert scrape(url, token, trusted)[0] == 200
    assert operator.probe("/readyz") == (200, "ok")
    assert "made a certificate" not in operator.output()


def test_an_operator_that_may_not_ask_shows_nothing(
    cluster: Cluster, kubeconfig: Path, namespace: str, grants: Grants, tmp_path: Path
) -> None:
    token = account(cluster, namespace, "operator")
    read = ["get", "list", "watch"]
    grants.give(
        namespace,
        "operator",
        {"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["*"], "verbs": read},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": read},
    )
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    limited = tmp_path / "kubeconfig"
    limited.write_text(yaml.safe_dump(config))
    log, port = tmp_path / "log", free_port()
    environment = {"WATCH_NAMESPACE": namespace}
    with OperatorProcess(
        environment=environment,
        log=log,
        kubeconfig=limited,
        args=("--metrics-secure=true", "--metrics-bind-address", f"127.0.0.1:{port}"),
    ).ready() as operator:
        url = f"https://127.0.0.1:{port}/metrics"
        assert scrape(url)[0] == 401
        assert scrape(url, token)[0] == 500
        assert "tokenreviews.authentication.k8s.io is forbidden" in operator.output()
        grants.give(
            namespace,
            "operator",
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
            METRICS_READER,
        )
        wait_for(lambda: scrape(url, token)[0] == 200, "it may ask now")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--metrics-cert-path", "/nowhere"), 2, "--metrics-cert-path: metrics and probes share an address"),
        (("--metrics-secure",), 2, "--metrics-secure: metrics and probes share an address"),
        (
            ("--metrics-cert-path", "/nowhere", "--health-probe-bind-address", "0"),
            1,
            "Error: tls.crt and tls.key in /nowhere cannot be used: /nowhere/tls.crt: No such file or directory",
        ),
    ],
    ids=["shared", "shared and secure", "missing"],
)
def test_a_certificate_that_cannot_serve_is_said_at_start(
    start_operator: StartOperator, args: tuple[str, ...], code: int, words: str
) -> None:
    operator = start_operator(*args, wait=False)
    assert operator.process.wait(30) == code
    assert words in operator.output().splitlines()[-1]


def test_without_the_flag_everyone_reads(start_operator: StartOperator) -> None:
    operator = start_operator("--metrics-secure=false", "--metrics-cert-path=")
    assert scrape(f"http://{operator.address}/metrics")[0] == 200


@asynccontextmanager
async def reviews_at(kubeconfig: Path, *, seconds: float = 10.0) -> AsyncIterator[ApiReviews]:
    client = Client(load_config(str(kubeconfig)).connection, user_agent="test")
    try:
        yield ApiReviews(client, timeout=seconds)
    finally:
        await client.close()


async def test_a_user_is_what_its_token_says(cluster: Cluster, kubeconfig: Path, namespace: str) -> None:
    token = account(cluster, namespace, "somebody")
    async with reviews_at(kubeconfig) as reviews:
        user = await reviews.user_of(Sensitive(token))
        assert user is not None
        assert user.name == f"system:serviceaccount:{namespace}:somebody"
        assert "system:serviceaccounts" in user.groups
        assert user.uid
        assert dict(user.extra)["authentication.kubernetes.io/credential-id"]
        assert not await reviews.may(user, verb="get", path="/metrics")
        assert await reviews.may(User("root", groups=("system:masters",)), verb="get", path="/metrics")
        assert await reviews.user_of(Sensitive("nobody's")) is None


async def test_an_api_server_that_is_silent_is_unavailable_in_time(tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # the kernel takes connections for it, and nobody reads them
    port = silent.getsockname()[1]
    file = tmp_path / "kubeconfig"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "contexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {token: t}}]\n"
        f"clusters: [{{name: x, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
    )
    async with reviews_at(file, seconds=0.2) as reviews:
        with silent:
            for _ in range(6):  # more than have a turn at once: who gives up gives its turn back
                with pytest.raises(Unavailable, match=r"did not answer a TokenReview in 0\.2 s"):
                    await reviews.user_of(Sensitive("t"))
        with pytest.raises(Unavailable, match="cannot be reached"):
            await reviews.user_of(Sensitive("t"))
