"""What a platform team does with Argo CD and what it sees: charts published, resources applied, tokens replaced."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import botocore.session
import yaml

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_data, secret_path
from ecr_secret_operator_lab.fakeaws import DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST, docker_config, wait_ready
from ..laboratory import Kubectl
from .applications import Application
from .charts import installed_version, write_chart

TARGET = "test-ecr-secret-operator"
SHORT_LIFE, LONG_LIFE = 12.0, 12 * 3600.0
EXPIRY_SECONDS = 90.0


@dataclass(frozen=True)
class GitOps:
    """One Argo CD's surroundings.

    Attributes:
        namespace: Argo CD's own.
        operator_kubeconfig: of the operator's ServiceAccount.
        directory: for the operator's log.
    """

    cluster: Cluster
    kubectl: Kubectl
    aws: FakeAws
    registry: Registry
    tools: Tools
    namespace: str
    operator_kubeconfig: Path
    directory: Path

    @contextmanager
    def operator(self) -> Iterator[OperatorProcess]:
        """Runs the operator, with its own permissions, for the namespaces of Argo CD and of the charts."""
        environment = {**self.aws.environment(), "WATCH_NAMESPACE": f"{self.namespace},{TARGET}"}
        log = self.directory / f"operator-{time.monotonic_ns()}.log"
        with OperatorProcess(environment=environment, log=log, kubeconfig=self.operator_kubeconfig) as process:
            yield process.ready()

    def publish(self, chart: str, version: str, path: str = "") -> None:
        """Pushes a version of a chart below a path of the registry, with a token of its own."""
        source = write_chart(self.tools.home, chart, version)
        self.tools.login(docker_config(HOST, self._token()))
        for command in (
            ("package", str(source), "--destination", str(source.parent)),
            ("push", str(source.parent / f"{chart}-{version}.tgz"), f"oci://{HOST}{path}"),
        ):
            succeeds(self.tools.helm(*command))

    def apply(self, manifest: Object) -> None:
        """As a user does, in Argo CD's namespace."""
        succeeds(self.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=yaml.safe_dump(manifest)))

    def application(self, manifest: Object) -> Application:
        """Applies an Application."""
        self.apply(manifest)
        return Application(self.cluster, self.namespace, manifest["metadata"]["name"])

    def serve(self, resource: Object, *, then: float = LONG_LIFE) -> str:
        """Applies an ArgoHelmRepoSecret, whose first token dies soon; gives that token once the Secret is there.

        Those that follow live long, unless told otherwise, so that nothing depends on how fast this machine is.
        """
        self.aws.settings(lifetime_seconds=SHORT_LIFE)
        self.apply(resource)
        wait_ready(self.cluster, self.namespace, resource["metadata"]["name"], "ArgoHelmRepoSecret")
        self.aws.settings(lifetime_seconds=then)
        return self.token_in(resource)

    def token_in(self, resource: Object) -> str:
        """The token in the Secret that was made for an ArgoHelmRepoSecret."""
        secret = self.cluster.get(secret_path(self.namespace, resource["spec"]["generated_secret_name"]))
        assert secret
        return secret_data(secret)["password"]

    def wait_expired(self, token: str) -> None:
        """Waits until a token is dead at AWS, and sees that the registry takes it no longer."""
        issued = self.aws.find_token(token)
        assert issued
        wait_for(lambda: time.time() > issued.expires_at, "the token has expired", within=EXPIRY_SECONDS)
        self.tools.login(docker_config(HOST, token))
        before = self.registry.last_request()
        assert self.tools.helm("show", "chart", f"oci://{HOST}/helm-test-chart").returncode != 0
        assert Refusal.EXPIRED in {request.refusal for request in self.registry.requests(after=before)}

    def wait_rotated(self, resource: Object, token: str) -> None:
        """Waits until the operator has put another token into the Secret, and this one is dead."""
        wait_for(lambda: self.token_in(resource) != token, "the token is another one", within=EXPIRY_SECONDS)
        self.wait_expired(token)

    def installed(self, chart: str) -> str | None:
        """The version of a chart whose object is in the target namespace."""
        return installed_version(self.cluster, TARGET, chart)

    def clear(self) -> None:
        """Takes away what tests have made, so that the next finds an Argo CD that knows no repository."""
        for kind in ("applications.argoproj.io", "ecrargo"):
            succeeds(self.kubectl("-n", self.namespace, "delete", kind, "--all", "--wait"))
        secrets = ("secrets", "-l", "argocd.argoproj.io/secret-type in (repository, repo-creds)")
        succeeds(self.kubectl("-n", self.namespace, "delete", *secrets))
        succeeds(self.kubectl("-n", TARGET, "delete", "configmaps", "--all"))

    def _token(self) -> str:
        client = botocore.session.get_session().create_client(
            "ecr",
            region_name="us-east-2",
            endpoint_url=self.aws.url,
            aws_access_key_id=DEFAULT_ACCESS_KEY_ID,
            aws_secret_access_key=DEFAULT_SECRET_ACCESS_KEY,
        )
        data: Mapping[str, str] = client.get_authorization_token()["authorizationData"][0]
        return base64.b64decode(data["authorizationToken"]).decode().removeprefix("AWS:")


def succeeds(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.args}: {done.stderr}"
