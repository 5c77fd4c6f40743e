"""What the operator's ServiceAccount may store in a Secret, tried with its token: on each verb, the whole content."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecr_secret_operator.api.pull_secrets import MOST_REGISTRIES
from ecr_secret_operator.api.registry import PARTITIONS, PUBLIC_HOST, is_registry
from ecr_secret_operator.domain.kinds import docker_config
from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, secret_path
from tests.cluster.foreign import ARGO, ARGO_DATA, DOCKER, docker, encoded
from tests.cluster.own_secrets import OURS, OWNER, a_secret

from .resources import HOST

POLICY = "ValidatingAdmissionPolicy"
CREDS = {"argocd.argoproj.io/secret-type": "repo-creds"}
OWN_NAME = {**ARGO_DATA, "name": "target"}
WITHOUT_NAME = {key: value for key, value in ARGO_DATA.items() if key != "name"}


def a_config(auths: Object, **more: Any) -> Object:
    """A dockerconfigjson of the operator's type and label, with any content."""
    return a_secret(docker(json.dumps({"auths": auths, **more}, separators=(",", ":"))), DOCKER, labels=OURS)


def a_pull(text: str, **metadata: Any) -> Object:
    return a_secret(docker(text), DOCKER, labels=OURS, **metadata)


def an_argo(data: dict[str, str], kind: dict[str, str] = ARGO, **metadata: Any) -> Object:
    return a_secret(encoded(**data), labels={**OURS, **kind}, **metadata)


ENTRY = {"username": "AWS", "password": "x", "auth": "QVdTOng="}
EVIL = "evil.example"
ONE = docker_config({HOST: "x"})

REFUSED: dict[str, Object] = {
    "another registry": a_pull(docker_config({EVIL: "x"})),
    "another registry beside": a_pull(docker_config({HOST: "x", EVIL: "x"})),
    "another registry before": a_pull(docker_config({EVIL: "x", HOST: "x"})),
    "a registry of another domain": a_pull(docker_config({f"{HOST}.{EVIL}": "x"})),
    "a registry below another": a_pull(docker_config({f"{EVIL}/{HOST}": "x"})),
    "a path of a registry": a_pull(docker_config({f"{HOST}/team": "x"})),
    "a registry with a quote": a_pull(docker_config({f'{HOST}"': "x"})),
    "a bucket": a_pull(docker_config({"123456789012.dkr.ecr.s3.amazonaws.com": "x"})),
    "no registry": a_config({}),
    "no text": a_pull("{}"),
    "a helper": a_config({HOST: ENTRY}, credHelpers={EVIL: "ecr-login"}),
    "headers": a_config({HOST: ENTRY}, HttpHeaders={"x": "y"}),
    "a proxy": a_config({HOST: ENTRY}, proxies={"default": {"httpProxy": "http://evil.example"}}),
    "another user": a_config({HOST: {**ENTRY, "username": "me"}}),
    "a key more of an entry": a_config({HOST: {**ENTRY, "identitytoken": "x"}}),
    "an entry without its parts": a_config({HOST: {"auth": "QVdTOng="}}),
    "spaces": a_pull(ONE.replace(":", ": ")),
    "an entry in the password": a_pull(ONE.replace('"x"', f'"x","auth":"y"}},"{EVIL}":{{"auth":"z"')),
    "an entry in the password, spaced": a_pull(ONE.replace('"x"', f'"x","auth" :"y"}},"{EVIL}":{{"auth":"z"')),
    "an entry in the last part": a_pull(ONE.replace('"}}}', f'"}},"{EVIL}":{{"auth":"z"}}}}}}')),
    "a key behind the entries": a_pull(ONE.replace('"}}}', '"}},"credsStore":"x"}')),
    "a key more": {**a_pull(ONE), "data": {**docker(ONE), "more": "eA=="}},
    "an argo cluster of the type of pull Secrets": {
        **a_pull(ONE),
        "metadata": {"name": "target", "labels": {**OURS, "argocd.argoproj.io/secret-type": "cluster"}},
        "data": {**docker(ONE), **encoded(name="x", server="https://evil.example", config="{}")},
    },
    "argo's label on a pull Secret": {**a_pull(ONE), "metadata": {"name": "target", "labels": {**OURS, **ARGO}}},
    "argo elsewhere": an_argo({**OWN_NAME, "url": "charts.evil.example"}),
    "argo elsewhere, by a longer host": an_argo({**OWN_NAME, "url": f"{HOST}.{EVIL}"}),
    "argo elsewhere, by a user": an_argo({**OWN_NAME, "url": f"{HOST}@{EVIL}"}),
    "argo by https": an_argo({**OWN_NAME, "url": f"https://{HOST}"}),
    "argo with a line break": an_argo({**OWN_NAME, "url": f"{HOST}\n"}),
    "argo in git": an_argo({**OWN_NAME, "type": "git"}),
    "argo without its type": an_argo({key: value for key, value in OWN_NAME.items() if key != "type"}),
    "argo oci with helm's url": an_argo(
        {key: value for key, value in {**OWN_NAME, "type": "oci"}.items() if key != "enableOCI"}
    ),
    "argo of another user": an_argo({**OWN_NAME, "username": "me"}),
    "argo of another name": an_argo({**OWN_NAME, "name": "other"}),
    "argo without data": {"metadata": {"name": "target", "labels": {**OURS, **ARGO}}, "type": "Opaque"},
    **{
        f"argo with {key}": an_argo({**OWN_NAME, key: value})
        for key, value in {
            "insecure": "true",
            "insecureIgnoreHostKey": "true",
            "sshPrivateKey": "x",
            "bearerToken": "x",
            "tlsClientCertData": "x",
            "forceHttpBasicAuth": "true",
            "depth": "1",
            "config": "{}",
            "server": "https://evil.example",
            "proxy": "socks5://evil.example",
            "noProxy": "a;b",
            "project": "a/b",
        }.items()
    },
    "argo with a proxy's password": an_argo({**OWN_NAME, "proxy": "http://user:word@proxy"}),
    "creds for https": an_argo({**WITHOUT_NAME, "url": "https://"}, CREDS),
    "creds for everything": an_argo({**WITHOUT_NAME, "url": ""}, CREDS),
    "creds for oci": an_argo({**WITHOUT_NAME, "url": "oci://", "type": "oci"}, CREDS),
    "creds for part of a host": an_argo({**WITHOUT_NAME, "url": HOST[:-4]}, CREDS),
    "creds with a project": an_argo({**WITHOUT_NAME, "project": "web"}, CREDS),
    "creds to write": an_argo(WITHOUT_NAME, {"argocd.argoproj.io/secret-type": "repo-write-creds"}),
    "an argo cluster": an_argo(OWN_NAME, {"argocd.argoproj.io/secret-type": "cluster"}),
    "a finalizer": a_pull(ONE, finalizers=["example.com/hold"]),
    "another owner": a_pull(ONE, ownerReferences=[{**OWNER, "apiVersion": "apps/v1", "kind": "Deployment"}]),
}
"""What cannot be stored by way of the operator: what is beyond its types, keys, hosts and labels."""


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("place", ["namespace", "kube-system"])
def test_it_can_create_nothing_but_tokens_for_ecr(thief: Cluster, lasting: str, case: str, place: str) -> None:
    where = lasting if place == "namespace" else place
    with pytest.raises(Refused, match=POLICY) as refusal:
        thief.create(secret_path(where), REFUSED[case])
    assert refusal.value.status == 403
    assert "resulted in error" not in refusal.value.message, "it is judged, and not too much for a policy"


def _own(cluster: Cluster, namespace: str, secret: Object) -> Object:
    """A Secret of the same type that the operator might have made."""
    pull = secret["type"] == DOCKER
    own = a_pull(ONE) if pull else an_argo(OWN_NAME)
    return cluster.create(secret_path(namespace), own)


@pytest.mark.parametrize("case", REFUSED)
def test_it_can_change_its_own_into_nothing_else(cluster: Cluster, thief: Cluster, namespace: str, case: str) -> None:
    body = REFUSED[case]
    before, path = _own(cluster, namespace, body), secret_path(namespace, "target")
    absent = dict.fromkeys(set(before["data"]) - set(body.get("data", {})))
    change = {"metadata": {**body["metadata"]}, "data": {**absent, **body.get("data", {})}}
    with pytest.raises(Refused, match=POLICY):
        thief.patch(path, change)
    operations: list[Object] = [{"op": "replace", "path": "/data", "value": body.get("data", {})}]
    operations += [
        {"op": "add", "path": f"/metadata/{key}", "value": body["metadata"][key]} for key in body["metadata"]
    ]
    with pytest.raises(Refused, match=POLICY):
        thief.request("PATCH", path, operations, content="application/json-patch+json")  # type: ignore[arg-type]
    assert cluster.get(path) == before


@pytest.mark.parametrize("case", [case for case in REFUSED if "without" not in case and case != "no registry"])
def test_it_can_apply_nothing_else(cluster: Cluster, thief: Cluster, namespace: str, case: str) -> None:
    """As server-side apply, which creates and which adds to what is there."""
    body = {"apiVersion": "v1", "kind": "Secret", **REFUSED[case]}
    path = f"{secret_path(namespace, 'target')}?fieldManager=x&force=true"
    for there in (False, True):
        before = _own(cluster, namespace, body) if there else None
        with pytest.raises(Refused, match=POLICY):
            thief.request("PATCH", path, body, content="application/apply-patch+yaml")
        assert cluster.get(secret_path(namespace, "target")) == before


def test_data_in_clear_are_judged_too(thief: Cluster, namespace: str) -> None:
    body = {**a_pull(ONE), "data": {}, "stringData": {".dockerconfigjson": docker_config({EVIL: "x"})}}
    with pytest.raises(Refused, match=POLICY):
        thief.create(secret_path(namespace), body)
    body["stringData"] = {".dockerconfigjson": ONE}
    thief.create(secret_path(namespace), body)


# What it is for

LONG = "Aa0+/z" * 1000
"""A password three times as long as those of ECR, which have some 1,800 characters."""


def a_host(number: int) -> str:
    return f"{number:012}.dkr.ecr.us-east-2.amazonaws.com"


HOSTS = [
    PUBLIC_HOST,
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    "123456789012.dkr-ecr-fips.us-west-2.on.aws",
    "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
    "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
    "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
    "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
    "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
    HOST,
]

STORED: dict[str, Object] = {
    **{f"a password of {length} letters": a_pull(docker_config({HOST: LONG[:length]})) for length in range(1, 14)},
    **{
        f"two, the first of {length} letters": a_pull(docker_config({HOST: LONG[:length], PUBLIC_HOST: LONG}))
        for length in range(1, 5)
    },
    **{f"for {host}": a_pull(docker_config({host: LONG})) for host in HOSTS},
    "for all of these": a_pull(docker_config(dict.fromkeys(HOSTS, LONG))),
    "as many as there may be": a_pull(docker_config({a_host(number): LONG for number in range(MOST_REGISTRIES + 1)})),
    "other letters": a_pull(docker_config({HOST: "eyJ.a-b_c~d/e+f=.0-1_2~3/4+5=._-~=" * 9})),
    "a backslash": a_pull(docker_config({HOST: "a\\b\\"})),
    "labels and annotations": a_pull(ONE, annotations={"argocd.argoproj.io/x": "y", "example.com/a": 'b "c"'}),
    "an owner": a_pull(ONE, ownerReferences=[OWNER]),
    "argo": an_argo(OWN_NAME),
    "argo with all": an_argo(
        {
            **OWN_NAME,
            "url": f"{HOST}/{'team/charts-_.1/' * 20}x",
            "project": "web",
            "proxy": "http://" + "proxy-1.example.com" * 25 + ":3128",
            "noProxy": "*.internal, 10.0.0.0/8," * 22,
        }
    ),
    "argo oci": an_argo(
        {
            **{key: value for key, value in OWN_NAME.items() if key != "enableOCI"},
            "type": "oci",
            "url": f"oci://{HOST}/charts",
        }
    ),
    "argo public": an_argo({**OWN_NAME, "url": f"{PUBLIC_HOST}/alias/chart"}),
    "creds": an_argo({**WITHOUT_NAME, "url": f"{HOST}/team/"}, CREDS),
    "creds by proxy": an_argo({**WITHOUT_NAME, "url": HOST, "proxy": "https://p:1/"}, CREDS),
}


@pytest.mark.parametrize("case", STORED)
def test_it_can_store_what_it_generates(thief: Cluster, lasting: str, case: str) -> None:
    thief.create(f"{secret_path(lasting)}?dryRun=All", STORED[case])


def test_every_partition_is_among_these() -> None:
    suffixes = {suffix for one in PARTITIONS for suffix in (one.suffix, one.dual_stack_suffix) if suffix}
    assert [suffix for suffix in suffixes if not any(host.endswith(f".{suffix}") for host in HOSTS)] == []


# Whatever is let pass is harmless

FULL = docker_config({HOST: LONG[:20], PUBLIC_HOST: LONG[:21], a_host(7): LONG[:22]})


def is_harmless(text: str) -> bool:
    """Whether a kubelet finds nothing in it but tokens for ECR."""
    found = json.loads(text)
    entries = found["auths"]
    return (
        found.keys() == {"auths"}
        and all(is_registry(host) for host in entries)
        and all(entry.keys() == {"username", "password", "auth"} for entry in entries.values())
        and all(entry["username"] == "AWS" for entry in entries.values())
    )


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A dockerconfigjson of the operator with something else in one or two places."""
    text = FULL.encode()
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        bits = st.sampled_from(
            [b'"', b'","', b'":"', b'":{"', b'"},"', b"}", b"{", b"\\", b"evil", b" ", b"\n", b"=", b""]
        )
        text = text[:start] + b"".join(draw(st.lists(bits, max_size=5))) + text[end:]
    return text


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changed())
def test_whatever_is_let_pass_is_harmless(thief: Cluster, lasting: str, text: bytes) -> None:
    body = {**a_pull(""), "data": {".dockerconfigjson": b64encode(text).decode()}}
    if _accepts(thief, lasting, body):
        assert is_harmless(text.decode(errors="replace"))


def _accepts(thief: Cluster, namespace: str, body: Object) -> bool:
    try:
        thief.create(f"{secret_path(namespace)}?dryRun=All", body)
    except Refused as refusal:
        if refusal.status in {403, 422}:
            return False
        raise
    return True
