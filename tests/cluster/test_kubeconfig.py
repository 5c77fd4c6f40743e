"""Kubeconfigs mean what they mean to kubectl, and what is not supported is refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
import time
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.operator import installed_command
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import Kubectl, StartOperator
from .commands import SECONDS
from .resources import a_resource, apply, wait_ready

SECRET = "a-word-that-nobody-may-see"
PLUGIN_API = "client.authentication.k8s.io/v1"


@pytest.fixture
def readers(cluster: Cluster, namespace: str) -> str:
    """A namespace in which the group `readers`, and nobody else who is not an administrator, may read."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    cluster.create(f"{rbac}/roles", {"metadata": {"name": "readers"}, "rules": [rule]})
    cluster.create(
        f"{rbac}/rolebindings",
        {
            "metadata": {"name": "readers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "readers"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "readers"}],
        },
    )
    return namespace


class Kubeconfig:
    """A kubeconfig of the administrator for a test to change, and what two programs make of it."""

    def __init__(self, original: Path, folder: Path, namespace: str) -> None:
        self.folder = folder
        self.namespace = namespace
        self.cluster_key: Object = yaml.safe_load(original.read_text())
        self.cluster: Object = self.cluster_key["clusters"][0]["cluster"]
        self.user: Object = self.cluster_key["users"][0]["user"]
        self.context: Object = self.cluster_key["contexts"][0]["context"]
        self.context["namespace"] = namespace
        self.listed: list[Path] = []
        self.encode: Callable[[Object], bytes] = lambda found: yaml.safe_dump(found).encode()

    def by_plugin(self, script: str, **more: Any) -> None:
        """Has a shell script give the credentials; `$TOKEN` is a good token."""
        token = self.user.get("token", "")
        file = self.folder / "plugin"
        file.write_text(f"#!/bin/sh\nTOKEN={token}\n{script}\n")
        file.chmod(0o755)
        self.user.clear()
        self.user["exec"] = {
            "apiVersion": PLUGIN_API,
            "command": "./plugin",
            "interactiveMode": "Never",
            **more,
        }

    def write(self) -> str:
        path = self.folder / "kubeconfig"
        path.write_bytes(self.encode(self.cluster_key))
        return os.pathsep.join(str(one) for one in self.listed or [path])

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        clean = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        environment = {**clean, "HOME": str(self.folder), "KUBECONFIG": self.write()}
        return subprocess.run(
            command, env=environment, input="", capture_output=True, text=True, check=False, timeout=SECONDS
        )

    def kubectl(self) -> subprocess.CompletedProcess[str]:
        return self._run(os.environ["ECR_LAB_KUBECTL"], "get", "secrets.ecr.mobb.redhat.com", "-n", self.namespace)

    def ours(self) -> subprocess.CompletedProcess[str]:
        return self._run(installed_command(), "status", "-n", self.namespace)


@pytest.fixture
def config(kubeconfig: Path, kubectl: Kubectl, tmp_path: Path, readers: str) -> Kubeconfig:
    """The administrator, by token, so that tests can say where the token is."""
    found = Kubeconfig(kubeconfig, tmp_path, readers)
    made = kubectl("create", "serviceaccount", "administrator", "-n", readers)
    assert made.returncode == 0, made.stderr
    kubectl(
        "create",
        "clusterrolebinding",
        f"administrator-{readers}",
        "--clusterrole=cluster-admin",
        f"--serviceaccount={readers}:administrator",
    )
    token = kubectl("create", "token", "administrator", "-n", readers).stdout.strip()
    found.user.clear()
    found.user["token"] = token
    return found


Change = Callable[[Kubeconfig], object]


def _written(encode: Callable[[Object], bytes]) -> Change:
    return lambda config: setattr(config, "encode", encode)


def _text(change: Callable[[str], str], encoding: str = "utf-8") -> Change:
    return _written(lambda found: change(yaml.safe_dump(found)).encode(encoding))


def _date_for_plugin(config: Kubeconfig) -> None:
    config.cluster["extensions"] = [{"name": "client.authentication.k8s.io/exec", "extension": {"since": "@"}}]
    _plugin(_needs_information('"2026-01-01"'), provideClusterInfo=True)(config)
    _text(lambda text: text.replace("'@'", "2026-01-01"))(config)


def _date_for_name(config: Kubeconfig) -> None:
    (user,) = config.cluster_key["users"]
    user["name"] = config.context["user"] = "@"
    _text(lambda text: text.replace("'@'", "2026-01-01"))(config)


def _credential(status: str) -> str:
    answer = f'{{"kind":"ExecCredential","apiVersion":"{PLUGIN_API}","status":{status}}}'
    return f"cat <<END\n{answer}\nEND"


BY_TOKEN = _credential('{"token":"$TOKEN"}')


def _token_file(end: str, *, beside: bool = False) -> Change:
    def change(config: Kubeconfig) -> None:
        (config.folder / "token").write_text(config.user.pop("token") + end)
        config.user["tokenFile"] = "token"
        if beside:
            config.user["token"] = "wrong"

    return change


def _authority_file(config: Kubeconfig) -> None:
    (config.folder / "ca.crt").write_bytes(b64decode(config.cluster.pop("certificate-authority-data")))
    config.cluster["certificate-authority"] = "ca.crt"


def _authority_in_lines(config: Kubeconfig) -> None:
    data = config.cluster["certificate-authority-data"]
    config.cluster["certificate-authority-data"] = "\r\n".join([*textwrap.wrap(data, 76), ""])


def _without_authority(**fields: Any) -> Change:
    def change(config: Kubeconfig) -> None:
        del config.cluster["certificate-authority-data"]
        config.cluster.update(fields)

    return change


def _plugin(script: str, **more: Any) -> Change:
    return lambda config: config.by_plugin(script, **more)


def _needs_information(*words: str) -> str:
    checks = "\n".join(f'case "$KUBERNETES_EXEC_INFO" in *{word}*) ;; *) exit 4;; esac' for word in words)
    return f"{checks}\n{BY_TOKEN}"


def _user(**fields: Any) -> Change:
    return lambda config: config.user.update(fields)


def _cluster(**fields: Any) -> Change:
    return lambda config: config.cluster.update({name.replace("_", "-"): value for name, value in fields.items()})


def _two_files(config: Kubeconfig) -> None:
    """The second file has everything again, and wrong, but for the user, which only it has."""
    users, clusters = config.cluster_key["users"], config.cluster_key["clusters"]
    second = config.folder / "second"
    wrong = [{"name": clusters[0]["name"], "cluster": {"server": "https://127.0.0.1:9"}}]
    second.write_text(yaml.safe_dump({"users": users, "clusters": wrong, "current-context": "nowhere"}))
    config.cluster_key["users"] = [{"name": "another", "user": {"token": "wrong"}}]
    config.listed = [config.folder / "absent", config.folder / "kubeconfig", second]


def _two_contexts(config: Kubeconfig) -> None:
    """The first file has a current context that only the second explains."""
    first = config.folder / "first"
    first.write_text(yaml.safe_dump({"current-context": config.cluster_key["current-context"]}))
    config.cluster_key["current-context"] = "nowhere"
    config.listed = [first, config.folder / "kubeconfig"]


def _duplicate(config: Kubeconfig) -> None:
    config.cluster_key["users"].append({"name": config.cluster_key["users"][0]["name"], "user": {}})


SAME: dict[str, Change] = {
    "as it is": lambda _: None,
    "a token file": _token_file(""),
    "a token file with a line break": _token_file("\n"),
    "a token file beside a token": _token_file("\r\n", beside=True),
    "an empty token file": lambda config: config.user.update(token="", tokenFile="/dev/null"),
    "a token file that is absent": lambda config: config.user.update(token=None, tokenFile="absent"),
    "a token with a line break": lambda config: config.user.update(token=config.user["token"] + "\n"),
    "a token that is a number": _user(token=12),
    "a wrong token": _user(token="wrong"),
    "nulls": _user(tokenFile=None, username=None, exec=None, **{"as": None, "as-groups": None, "auth-provider": None}),
    "a user who is no reader": _user(**{"as": "jane"}),
    "a reader": _user(**{"as": "jane", "as-groups": ["others", "readers"]}),
    "another group": _user(**{"as": "jane", "as-groups": ["others"]}),
    "a reader with uid and extra": _user(
        **{"as": "jane", "as-uid": "1", "as-groups": ["readers"], "as-user-extra": {"a/b%c": ["v", "w"], "d": None}}
    ),
    "groups without a user": _user(**{"as-groups": ["readers"]}),
    "a uid without a user": _user(**{"as-uid": "1"}),
    "a password": _user(token=None, username="a", password="b"),
    "a password beside a token": _user(username="a", password="b"),
    "an authority in a file": _authority_file,
    "an authority that is absent": _without_authority(**{"certificate-authority": "absent"}),
    "an authority that is none": _cluster(certificate_authority_data=b64encode(b"nothing").decode()),
    "an authority in several lines": _authority_in_lines,
    "an authority with a space": lambda config: config.cluster.update(
        {"certificate-authority-data": config.cluster["certificate-authority-data"] + " "}
    ),
    "no authority": _without_authority(),
    "no verification": _without_authority(**{"insecure-skip-tls-verify": True}),
    "no verification beside an authority": _cluster(insecure_skip_tls_verify=True),
    "no verification and no scheme": lambda config: (
        _without_authority(**{"insecure-skip-tls-verify": True})(config),
        config.cluster.update(server=config.cluster["server"].removeprefix("https://")),
    ),
    "no scheme": lambda config: config.cluster.update(server=config.cluster["server"].removeprefix("https://")),
    "a slash at the end": lambda config: config.cluster.update(server=config.cluster["server"] + "/"),
    "no server": _cluster(server=""),
    "a server that is no URL": _cluster(server="https://[::1"),
    "the certificate's name": _cluster(tls_server_name="kubernetes.default.svc"),
    "another name": _cluster(tls_server_name="another.example"),
    "no compression": _cluster(disable_compression=True),
    "a proxy that is not there": _cluster(proxy_url="http://127.0.0.1:9"),
    "a proxy of no known kind": _cluster(proxy_url="ftp://127.0.0.1:9"),
    "extensions": _cluster(extensions=[{"name": "x", "extension": {"a": 1}}]),
    "a certificate without its key": _user(**{"client-certificate-data": b64encode(b"x").decode()}),
    "a certificate that is none": _user(
        **{"client-certificate-data": b64encode(b"x").decode(), "client-key-data": b64encode(b"y").decode()}
    ),
    "a plugin": _plugin(BY_TOKEN),
    "a plugin that fails": _plugin("exit 1"),
    "a plugin that is not there": _plugin(BY_TOKEN, command="absent-program", installHint="Install it from somewhere"),
    "a plugin by name": lambda config: (
        _plugin(BY_TOKEN)(config),
        config.user["exec"].update(command="sh", args=[str(config.folder / "plugin")]),
    ),
    "a plugin with variables": _plugin(f'[ "$A" = "1" ] && {BY_TOKEN}', env=[{"name": "A", "value": "1"}]),
    "a plugin with a variable without a name": _plugin(BY_TOKEN, env=[{"name": "", "value": "1"}]),
    "a plugin that is told of the cluster": _plugin(
        _needs_information("certificate-authority-data", "127.0.0.1"), provideClusterInfo=True
    ),
    "a plugin that is not told of the cluster": _plugin(_needs_information("certificate-authority-data")),
    "a plugin of the last version": _plugin(
        BY_TOKEN.replace("/v1", "/v1beta1"), apiVersion="client.authentication.k8s.io/v1beta1", interactiveMode=None
    ),
    "a plugin of an old version": _plugin(BY_TOKEN, apiVersion="client.authentication.k8s.io/v1alpha1"),
    "a plugin of another version": _plugin(BY_TOKEN.replace("/v1", "/v1beta1")),
    "a plugin without a version": _plugin(BY_TOKEN, apiVersion=None),
    "a plugin without a mode": _plugin(BY_TOKEN, interactiveMode=None),
    "a plugin that asks": _plugin(BY_TOKEN, interactiveMode="Always"),
    "a plugin that would ask": _plugin(BY_TOKEN, interactiveMode="IfAvailable"),
    "a plugin of an unknown mode": _plugin(BY_TOKEN, interactiveMode="Sometimes"),
    "a plugin without a token": _plugin(_credential("{}")),
    "a plugin without a status": _plugin(_credential("null")),
    "a plugin that prints a certificate alone": _plugin(_credential('{"clientCertificateData":"x"}')),
    "a plugin that prints nonsense": _plugin("echo nonsense"),
    "a plugin whose token has expired": _plugin(
        _credential('{"token":"$TOKEN","expirationTimestamp":"2020-01-01T00:00:00Z"}')
    ),
    "a plugin beside a token": lambda config: config.user.update(
        exec={"apiVersion": PLUGIN_API, "command": "false", "interactiveMode": "Never"}
    ),
    "two files": _two_files,
    "JSON with tabs": _written(lambda found: json.dumps(found, indent="\t").encode()),
    "a tab at the end of a line": _text(lambda text: text.replace("kind: Config", "kind: Config\t")),
    "UTF-16, as PowerShell redirects": _text(str, "utf-16"),
    "bytes that are no text": _written(lambda _: b"kind: \xff"),
    "a second document": _text(lambda text: f"---\n{text}---\n{{"),
    "nothing in the file": _written(lambda _: b""),
    "a name that looks like a date": _date_for_name,
    "a date that a plugin is told": _date_for_plugin,
    "a current context in another file": _two_contexts,
    "two users of one name": _duplicate,
    "a user that is not there": lambda config: config.context.update(user="absent"),
    "a cluster that is not there": lambda config: config.context.update(cluster="absent"),
    "no user": lambda config: config.context.update(user=""),
}
FORBIDDEN = "forbidden"


def _verdict(result: subprocess.CompletedProcess[str]) -> str:
    if result.returncode == 0:
        return "allowed"
    return FORBIDDEN if FORBIDDEN in result.stderr.lower() else "unusable"


@pytest.mark.parametrize("name", SAME)
def test_a_kubeconfig_has_the_verdict_that_it_has_with_kubectl(config: Kubeconfig, name: str) -> None:
    SAME[name](config)
    theirs, ours = config.kubectl(), config.ours()
    assert _verdict(ours) == _verdict(theirs), (ours.stderr, theirs.stderr)
    assert "Traceback" not in ours.stderr
    assert len(ours.stderr.splitlines()) <= 1, ours.stderr
    if _verdict(ours) == FORBIDDEN and "jane" in str(config.user.get("as")):
        assert '"jane"' in ours.stderr
        assert '"jane"' in theirs.stderr


REFUSED: dict[str, tuple[Change, str]] = {
    "an auth provider": (
        _user(**{"auth-provider": {"name": "oidc", "config": {"id-token": SECRET}}}),
        "field auth-provider of user {user} is not supported. Use the exec plugin of your provider",
    ),
    "a socks proxy": (
        _cluster(proxy_url=f"socks5://me:{SECRET}@127.0.0.1:9"),
        "field proxy-url of cluster {cluster} names a proxy with scheme socks5, which is not supported. Use an http",
    ),
    "an unknown field of the user": (
        _user(tokenfile=SECRET),
        "user {user}: Object contains unknown field `tokenfile`. Remove the field, or use a kubeconfig without it",
    ),
    "an unknown field of the cluster": (
        _cluster(server_name="x"),
        "cluster {cluster}: Object contains unknown field `server-name`. Remove the field",
    ),
    "an unknown field of the plugin": (
        _plugin(BY_TOKEN, secret=SECRET),
        "user {user}: field exec: Object contains unknown field `secret`. Remove the field",
    ),
    "a password in the server": (
        _cluster(server=f"https://me:{SECRET}@127.0.0.1:9"),
        "field server of cluster {cluster} is not a URL of scheme, host and port",
    ),
    "a namespace that is none": (
        lambda config: config.context.update(namespace="../x"),
        "namespace ../x of the context is not the name of a namespace",
    ),
    "a field of the wrong type": (
        _user(**{"as-groups": SECRET}),
        "user {user}: field as-groups: Expected `array | null`, got `str`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_refused_by_name(config: Kubeconfig, name: str) -> None:
    change, says = REFUSED[name]
    change(config)
    ours = config.ours()
    assert ours.returncode == 2
    users, clusters = config.cluster_key["users"], config.cluster_key["clusters"]
    assert says.format(user=users[0]["name"], cluster=clusters[0]["name"]) in ours.stderr
    assert SECRET not in ours.stderr
    assert len(ours.stderr.splitlines()) == 1


def test_what_a_plugin_says_is_not_repeated(config: Kubeconfig) -> None:
    config.by_plugin(f"echo {SECRET}; echo {SECRET} >&2; exit 7", args=[SECRET])
    ours = config.ours()
    assert ours.returncode == 2
    assert "exec plugin plugin of the kubeconfig exited with code 7. Run it in a terminal" in ours.stderr
    assert SECRET not in ours.stderr + ours.stdout


def test_who_has_no_credentials_is_nobody(config: Kubeconfig) -> None:
    """Here kubectl asks for a password."""
    config.user.clear()
    assert 'User "system:anonymous" cannot list' in config.ours().stderr


# The operator


def _operator_by(operator_kubeconfig: Path, path: Path, user: Object) -> tuple[Path, str]:
    """A kubeconfig of the operator with another way to authenticate, and the token that it has."""
    whole = yaml.safe_load(operator_kubeconfig.read_text())
    token = whole["users"][0]["user"]["token"]
    whole["users"][0]["user"] = user
    path.write_text(yaml.safe_dump(whole))
    return path, token


LIFE_SECONDS = 15
"""Of the first credentials, from when the plugin gives them: a busy machine takes seconds to start the operator."""


def _breakable_plugin(path: Path, token: str) -> None:
    """Writes a plugin that counts its runs, and fails while there is a file `broken` beside it."""
    status = {"token": token, "expirationTimestamp": "@"}
    answer = {"kind": "ExecCredential", "apiVersion": PLUGIN_API, "status": status}
    (path.parent / "life").write_text(str(LIFE_SECONDS))
    path.write_text(
        f"#!/bin/sh\ncd {path.parent}\necho run >>runs\nif [ -e broken ]; then echo {SECRET} >&2; exit 1; fi\n"
        f'until=$(date -u -d "+$(cat life) seconds" +%Y-%m-%dT%H:%M:%SZ)\n'
        f'sed "s/@/$until/" <<END\n{json.dumps(answer)}\nEND\n'
    )
    path.chmod(0o755)


def _runs(directory: Path) -> int:
    return len((directory / "runs").read_text().splitlines())


def test_an_exec_plugin_that_fails_is_asked_again(
    cluster: Cluster, namespace: str, operator_kubeconfig: Path, tmp_path: Path, start_operator: StartOperator
) -> None:
    user = {"exec": {"apiVersion": PLUGIN_API, "command": "./plugin", "interactiveMode": "Never"}}
    path, token = _operator_by(operator_kubeconfig, tmp_path / "kubeconfig", user)
    _breakable_plugin(tmp_path / "plugin", token)
    operator = start_operator(kubeconfig=path)
    (tmp_path / "broken").touch()
    time.sleep(LIFE_SECONDS + 1)
    apply(cluster, namespace, a_resource())
    before = _runs(tmp_path)
    wait_for(lambda: _runs(tmp_path) >= before + 3, "it is asked again and again", within=120)
    (tmp_path / "life").write_text("3600")
    (tmp_path / "broken").unlink()
    wait_ready(cluster, namespace, within=90)
    assert operator.stop() == 0
    assert "Traceback" not in operator.output()
    assert SECRET not in operator.output()


def test_it_stops_well_while_its_exec_plugin_fails(
    cluster: Cluster, namespace: str, operator_kubeconfig: Path, tmp_path: Path, start_operator: StartOperator
) -> None:
    user = {"exec": {"apiVersion": PLUGIN_API, "command": "./plugin", "interactiveMode": "Never"}}
    path, token = _operator_by(operator_kubeconfig, tmp_path / "kubeconfig", user)
    _breakable_plugin(tmp_path / "plugin", token)
    operator = start_operator(kubeconfig=path)
    (tmp_path / "broken").touch()
    time.sleep(LIFE_SECONDS + 1)
    apply(cluster, namespace, a_resource())
    before = _runs(tmp_path)
    wait_for(lambda: _runs(tmp_path) > before, "it is asked again, and fails", within=120)
    wait_for(lambda: "exec plugin plugin of the kubeconfig exited" in operator.output(), "that is logged", within=60)
    assert operator.stop() == 0
    assert "Traceback" not in operator.output()


def test_a_token_file_that_is_replaced_counts(
    cluster: Cluster,
    namespace: str,
    kubectl: Kubectl,
    operator_kubeconfig: Path,
    tmp_path: Path,
    start_operator: StartOperator,
) -> None:
    path, good = _operator_by(operator_kubeconfig, tmp_path / "kubeconfig", {"tokenFile": "token"})
    claims = json.loads(_decoded(good.split(".")[1]))["kubernetes.io"]
    home, account = claims["namespace"], claims["serviceaccount"]["name"]
    secret = f"bound-{namespace}"
    cluster.create(f"/api/v1/namespaces/{home}/secrets", {"metadata": {"name": secret}})
    bound = ("--bound-object-kind", "Secret", "--bound-object-name", secret)
    file = tmp_path / "token"
    file.write_text(kubectl("create", "token", account, "-n", home, *bound).stdout.strip() + "\n")
    operator = start_operator(kubeconfig=path)
    file.write_text(good + "\n")
    assert kubectl("delete", "secret", secret, "-n", home).returncode == 0
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=60)
    assert operator.stop() == 0


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
