"""What becomes of other tools' set-ups: which resource, and what is said beside it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ecr_secret_operator.domain.environment import ABSENT, VariableSource, VariableSources
from ecr_secret_operator.domain.kinds import KINDS
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.migrate.translate import stream, translate
from ecr_secret_operator.migrate.translation import Hints, Translation
from tests.doctor.objects import an_object

from .objects import (
    ACCOUNT,
    CREDS_KEYS,
    DOCKER,
    HOST,
    KEYS,
    PLAIN_KEY,
    ROLE,
    Object,
    a_cron_job,
    a_generator,
    a_registry_creds,
    an_account,
    an_external_secret,
    from_secret,
    variables,
)

KNOWN = Hints(account=ACCOUNT)
REGION = variables(AWS_REGION="us-west-2", DOCKER_SECRET_NAME="pull")
CREDS = variables(awsaccount=f"{ACCOUNT}, 123456789012", awsregion="us-west-2")
BLANKS = [
    from_secret("awsaccount", "registry-creds-ecr", "aws-account"),
    from_secret("awsregion", "registry-creds-ecr", "aws-region"),
    from_secret("aws_assume_role", "registry-creds-ecr", "aws-assume-role"),
]


def one(*objects: Object, hints: Hints = KNOWN) -> Translation:
    (found,) = translate(objects, hints)
    return found


def spec_of(carried: Translation) -> tuple[str, Object]:
    (document,) = carried.documents
    return document["kind"], document["spec"]


PULL = {"generated_secret_name": "pull", "ecr_registry": HOST}
CRED = {"generated_secret_name": "awsecr-cred", "ecr_registry": HOST}
ECR = {"generated_secret_name": "ecr-pull", "ecr_registry": HOST, "frequency": "1h0m0s"}
COPIED = {"aws": {"credentials_secret": "ecr-aws-keys"}}
EVERYWHERE = {
    "namespaces": {"exclude": ["kube-*", "openshift-*", "openshift"]},
    "link": [{"service_account": "default", "for": ["pull"]}],
}
ARGO = {"type": "Opaque", "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repo-creds"}}}
REFERENCES = {
    "accessKeyIDSecretRef": {"name": "keys", "key": "id"},
    "secretAccessKeySecretRef": {"name": "keys", "key": "secret"},
}
OUR_NAMES = {
    "accessKeyIDSecretRef": {"name": "keys", "key": "aws_access_key_id"},
    "secretAccessKeySecretRef": {"name": "keys", "key": "aws_secret_access_key"},
}
JWT: dict[str, Any] = {"auth": {"jwt": {"serviceAccountRef": {"name": "builder"}}}}

CARRIED: dict[str, tuple[list[Object], str, dict[str, Any], str]] = {
    "login renew": ([a_cron_job(*KEYS, *REGION)], "Secret", {**PULL, **COPIED}, "index .data"),
    "login renew, its registries": (
        [a_cron_job(*REGION, *variables(DOCKER_REGISTRIES=f"https://{HOST},https://{HOST.replace('west', 'east')}/"))],
        "Secret",
        {**PULL, "additional_registries": [{"ecr_registry": HOST.replace("west", "east")}]},
        "uses its own",
    ),
    "login renew, several namespaces": (
        [a_cron_job(*REGION, *variables(TARGET_NAMESPACE="team-*; web\n", EXCLUDE_NAMESPACE="team-x"))],
        "ClusterPullSecret",
        {**PULL, "namespaces": {"include": ["team-*", "web"], "exclude": ["team-x"]}},
        "-n NAMESPACE, for each namespace",
    ),
    "login renew, one pattern": (
        [a_cron_job(*REGION, *variables(TARGET_NAMESPACE="team-*"))],
        "ClusterPullSecret",
        {**PULL, "namespaces": {"include": ["team-*"]}},
        "uses its own",
    ),
    "login renew, IRSA": (
        [a_cron_job(*REGION), an_account("k8s-ecr-login-renew-account", "default")],
        "Secret",
        {**PULL, "aws": {"service_account": "k8s-ecr-login-renew-account"}},
        "so it has to stay",
    ),
    "login renew, IRSA elsewhere": (
        [
            a_cron_job(*REGION, *variables(TARGET_NAMESPACE="web"), namespace="ops"),
            an_account("k8s-ecr-login-renew-account", "ops"),
        ],
        "Secret",
        {**PULL, "aws": {"role_arn": ROLE}},
        "trust policy of role",
    ),
    "login renew, keys in the open": (
        [a_cron_job(*REGION, *variables(AWS_ACCESS_KEY_ID=PLAIN_KEY, AWS_SECRET_ACCESS_KEY=PLAIN_KEY))],
        "Secret",
        {**PULL, **COPIED},
        "all who may read the object have them",
    ),
    "registry-creds": (
        [a_registry_creds(*CREDS_KEYS, *CREDS)],
        "ClusterPullSecret",
        {**CRED, "additional_registries": [{"ecr_registry": HOST.replace(ACCOUNT, "123456789012")}], **COPIED}
        | EVERYWHERE,
        "delete deployment registry-creds -n kube-system",
    ),
    "registry-creds, its arguments": (
        [
            a_registry_creds(
                *variables(awsaccount=ACCOUNT),
                args=("--aws-region=us-west-2", "--aws-secret-name=other", f"--aws_assume_role={ROLE}"),
                kind="ReplicationController",
            )
        ],
        "ClusterPullSecret",
        {**CRED, "generated_secret_name": "other", "aws": {"role_arn": ROLE}, **EVERYWHERE},
        "trust policy of role",
    ),
    "external secret": ([an_external_secret(), a_generator()], "Secret", ECR, "delete externalsecret ecr -n team-a"),
    "external secret, role": (
        [an_external_secret(), a_generator(role=ROLE)],
        "Secret",
        {**ECR, "aws": {"role_arn": ROLE}},
        "trust policy of role",
    ),
    "external secret, IRSA": (
        [an_external_secret(), a_generator(**JWT)],
        "Secret",
        {**ECR, "aws": {"service_account": "builder"}},
        "delete ecrauthorizationtoken ecr-gen -n team-a, once nothing else uses it",
    ),
    "external secret, keys": (
        [an_external_secret(), a_generator(auth={"secretRef": REFERENCES})],
        "Secret",
        {**ECR, **COPIED},
        '"aws_access_key_id":"{{index .data "id"}}"',
    ),
    "external secret, keys with our names": (
        [an_external_secret(), a_generator(auth={"secretRef": OUR_NAMES})],
        "Secret",
        {**ECR, "aws": {"credentials_secret": "keys"}},
        "SecretConflict",
    ),
    "external secret, public": (
        [an_external_secret(), a_generator(scope="public")],
        "Secret",
        {**ECR, "ecr_registry": "public.ecr.aws"},
        "SecretConflict",
    ),
    "external secret, host in its template": (
        [
            an_external_secret(template={**DOCKER, "data": {".dockerconfigjson": f'{{"auths":{{"{HOST}":1}}}}'}}),
            a_generator(),
        ],
        "Secret",
        ECR,
        "SecretConflict",
    ),
    "external secret, endless": (
        [an_external_secret(refreshInterval="0"), a_generator()],
        "Secret",
        {key: value for key, value in ECR.items() if key != "frequency"},
        "Its refreshInterval 0",
    ),
    "external secret that stays": (
        [an_external_secret(target={"creationPolicy": "Orphan"}), a_generator()],
        "Secret",
        ECR,
        "kubectl delete secret ecr-pull -n team-a: with creationPolicy Orphan it stays",
    ),
    "external secret for Argo CD": (
        [
            an_external_secret(
                template={
                    **ARGO,
                    "data": {"url": f"oci://{HOST}/charts", "type": "helm", "password": "{{ .password }}"},
                }
            ),
            a_generator(),
        ],
        "ArgoHelmRepoSecret",
        {
            "generated_secret_name": "ecr-pull",
            "url": f"{HOST}/charts",
            "secret_type": "repo-creds",
            "frequency": "1h0m0s",
        },
        "SecretConflict",
    ),
}


@pytest.mark.parametrize("name", CARRIED)
def test_what_becomes_of(name: str) -> None:
    objects, kind, spec, words = CARRIED[name]
    carried = one(*objects)
    assert spec_of(carried) == (kind, spec)
    assert carried.complete, carried.problems()
    assert carried.removal
    assert words in " ".join(stream([carried]).replace("#", " ").split())
    assert PLAIN_KEY not in stream([carried])


@pytest.mark.parametrize("name", CARRIED)
def test_the_stream_is_yaml_of_resources_that_are_served(name: str) -> None:
    objects, *_ = CARRIED[name]
    (document,) = [one for one in yaml.safe_load_all(stream(translate(objects, KNOWN))) if one]
    assert not isinstance(KINDS[document["kind"]].parse(document["spec"]), InvalidSpec)


@pytest.mark.parametrize(
    ("objects", "blanks"),
    [
        ([a_cron_job(*REGION)], ["Fill in ACCOUNT_ID"]),
        (
            [a_registry_creds(*BLANKS)],
            [
                "Fill in REGION: awsregion is in a Secret: kubectl get secret registry-creds-ecr -n kube-system -o",
                "Fill in ACCOUNT_ID",
            ],
        ),
        ([an_external_secret(), a_generator()], ["Fill in ACCOUNT_ID"]),
        ([an_external_secret()], ["Its generator ecr-gen was not found", "Fill in ACCOUNT_ID"]),
    ],
    ids=["login renew", "registry-creds", "external secret", "external secret without generator"],
)
def test_what_cannot_be_told_is_to_be_filled_in(objects: list[Object], blanks: list[str]) -> None:
    carried = one(*objects, hints=Hints())
    assert not carried.complete
    for blank in blanks:
        assert any(sentence.startswith(blank) for sentence in carried.needed), carried.needed


AWS_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FROM_EVERYWHERE: dict[str, Any] = {
    "envFrom": [
        {"configMapRef": {"name": "settings"}},
        {"configMapRef": {"name": "override"}, "prefix": "DOCKER_"},
        {"secretRef": {"name": "keys"}, "prefix": "AWS_"},
        {"configMapRef": {"name": "later", "optional": True}},
    ]
}


def a_config_map(name: str, namespace: str = "default", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def a_key_secret(name: str, *entries: str, namespace: str = "default") -> Object:
    data = dict.fromkeys(entries, PLAIN_KEY)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_variables_of_env_from_count_in_the_order_of_kubernetes() -> None:
    """The last entry of envFrom wins, and env wins over it; references are replaced."""
    region = {"name": "AWS_REGION", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "where"}}}
    carried = one(
        a_cron_job(region, *variables(EXCLUDE_NAMESPACE="$(TEAM)-test"), **FROM_EVERYWHERE),
        a_config_map("settings", where="us-west-2", AWS_REGION="eu-west-1", DOCKER_SECRET_NAME="first", TEAM="a"),
        a_config_map("override", SECRET_NAME="pull"),
        a_config_map("later", TARGET_NAMESPACE="team-*"),
        a_key_secret("keys", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"),
    )
    wanted = {**PULL, **COPIED, "namespaces": {"include": ["team-*"], "exclude": ["a-test"]}}
    assert spec_of(carried) == ("ClusterPullSecret", wanted)
    (copy,) = carried.needed
    assert '"aws_access_key_id":"{{index .data "ACCESS_KEY_ID"}}"' in copy
    assert PLAIN_KEY not in stream([carried])


def test_registry_creds_takes_variables_and_arguments_from_env_from() -> None:
    raw = a_registry_creds(args=("--aws-secret-name=$(NAME)", "--aws-region", "us-west-2"))
    (container,) = raw["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "registry-creds-ecr"}}]
    carried = one(
        raw,
        a_config_map("settings", "kube-system", awsaccount=ACCOUNT, NAME="other"),
        a_key_secret("registry-creds-ecr", *AWS_NAMES, namespace="kube-system"),
        hints=Hints(),
    )
    assert carried.complete
    assert spec_of(carried)[1] == {**CRED, "generated_secret_name": "other", **COPIED, **EVERYWHERE}


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "default/settings, but {} default/settings is not among the files: give it too, with -f"),
        ({}, "default/settings, but {} default/settings does not exist"),
        ({"settings": None}, "default/settings, but you may not read {} default/settings"),
    ],
    ids=["not given", "absent", "forbidden"],
)
def test_a_source_that_is_not_known_is_named(kind: str, known: dict[str, None] | None, words: str) -> None:
    reference = {"ConfigMap": "configMapRef", "Secret": "secretRef"}[kind]
    raw = a_cron_job(*REGION, envFrom=[{reference: {"name": "settings"}, "prefix": "DOCKER_"}])
    sources = (
        None
        if known is None
        else VariableSources(dict.fromkeys([VariableSource(kind, "default", one) for one in known]), ABSENT)
    )
    (carried,) = translate([raw], KNOWN, sources)
    said = " ".join(carried.needed)
    assert f"its envFrom takes variables that begin with DOCKER_ from {kind} {words.format(kind)}" in said
    assert "TARGET_NAMESPACE" in said


def test_an_optional_source_that_does_not_exist_is_none() -> None:
    raw = a_cron_job(*REGION, envFrom=[{"configMapRef": {"name": "settings", "optional": True}}])
    (carried,) = translate([raw], KNOWN, VariableSources({}, ABSENT))
    assert carried.needed == []


@pytest.mark.parametrize(
    "name", ["AWS_REGION", "DOCKER_SECRET_NAME", "DOCKER_REGISTRIES", "TARGET_NAMESPACE", "EXCLUDE_NAMESPACE"]
)
@pytest.mark.parametrize("kind", ["secretKeyRef", "configMapKeyRef"])
def test_a_setting_that_is_not_known_is_to_be_filled_in(name: str, kind: str) -> None:
    """Its default would be another set-up, and be taken for this one."""
    known = variables(**{"AWS_REGION": "us-west-2", "DOCKER_SECRET_NAME": "pull", name: ""})
    hidden = {"name": name, "valueFrom": {kind: {"name": "settings", "key": "x"}}}
    carried = one(a_cron_job(*(one for one in known if one["name"] != name), hidden))
    assert any(sentence.startswith("Fill in ") and f"{name} is " in sentence for sentence in carried.needed)
    assert any(blank in stream([carried]).partition("---")[2] for blank in ("REGION", "SECRET_NAME", "NAMESPACE"))


def test_keys_that_are_not_known_are_asked_for() -> None:
    hidden = [{"name": name, "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}} for name in AWS_NAMES]
    carried = one(a_cron_job(*REGION, *hidden))
    assert spec_of(carried) == ("Secret", {**PULL, **COPIED})
    assert any("Make Secret default/ecr-aws-keys" in sentence for sentence in carried.needed)


def test_a_role_tells_the_account() -> None:
    assert spec_of(one(an_external_secret(), a_generator(role=ROLE), hints=Hints()))[1]["ecr_registry"] == HOST
    builder = an_account("builder", "team-a")
    assert spec_of(one(an_external_secret(), a_generator(**JWT), builder, hints=Hints()))[1]["ecr_registry"] == HOST


def test_a_cluster_external_secret_becomes_one_resource_for_each_selector() -> None:
    inner = an_external_secret(generator={"kind": "ClusterGenerator", "name": "all"})["spec"]
    generator = {
        "kind": "ClusterGenerator",
        "metadata": {"name": "all"},
        "spec": {
            "kind": "ECRAuthorizationToken",
            "generator": {"ecrAuthorizationTokenSpec": {"region": "us-west-2", **JWT}},
        },
    }
    selectors = [{"matchLabels": {"team": "a"}}, {"matchLabels": {"team": "b"}}]
    raw = {
        "kind": "ClusterExternalSecret",
        "metadata": {"name": "ecr"},
        "spec": {"externalSecretSpec": inner, "namespaceSelectors": selectors, "namespaces": ["web"]},
    }
    owned = an_external_secret()
    owned["metadata"]["ownerReferences"] = [{"kind": "ClusterExternalSecret", "name": "ecr"}]
    carried = one(raw, generator, owned)
    assert [document["metadata"]["name"] for document in carried.documents] == ["ecr-1", "ecr-2", "ecr-3"]
    assert [document["spec"]["namespaces"] for document in carried.documents] == [
        *({"selector": selector} for selector in selectors),
        {"include": ["web"]},
    ]
    assert carried.complete
    assert "kubectl delete clustergenerator all, once nothing else uses it" in carried.removal


def test_keys_of_a_cluster_external_secret_come_into_the_operators_namespace() -> None:
    inner = an_external_secret()["spec"]
    raw = {
        "kind": "ClusterExternalSecret",
        "metadata": {"name": "ecr"},
        "spec": {"externalSecretSpec": inner, "namespaceSelector": {"matchLabels": {"team": "a"}}},
    }
    references = {name: {**one, "namespace": "team-a"} for name, one in OUR_NAMES.items()}
    carried = one(raw, a_generator(auth={"secretRef": references}))
    kind, spec = spec_of(carried)
    assert (kind, spec["aws"]) == ("ClusterPullSecret", {"credentials_secret": "ecr-aws-keys"})
    (copy,) = carried.needed
    assert "kubectl get secret keys -n team-a" in copy
    assert '"namespace":"ecr-secret-operator"' in copy
    assert "kubectl delete ecrauthorizationtoken ecr-gen -n NAMESPACE, once nothing else uses it" in carried.removal


def test_a_cluster_generator_of_something_else_is_left_alone() -> None:
    raw = an_external_secret(generator={"kind": "ClusterGenerator", "name": "passwords"})
    generator = {"kind": "ClusterGenerator", "metadata": {"name": "passwords"}, "spec": {"kind": "Password"}}
    assert translate([raw, generator], KNOWN) == []


def test_what_else_a_secret_holds_is_said_to_be_lost() -> None:
    carried = one(an_external_secret(data=[{"secretKey": "x"}]), a_generator())
    assert any("data and dataFrom beside the generator" in sentence for sentence in carried.lost)


def test_a_role_beside_another_identity_is_said_to_be_lost() -> None:
    carried = one(an_external_secret(), a_generator(role=ROLE, **JWT))
    assert spec_of(carried)[1]["aws"] == {"role_arn": ROLE}
    assert any("with another identity" in sentence for sentence in carried.lost)


def test_the_go_operators_resources_stay_as_they_are() -> None:
    raw = an_object(status={"phase": "Updated"})
    carried = one(raw)
    assert carried.documents == []
    assert any("docs/upgrade.md" in sentence for sentence in carried.notes)
    bad = one(an_object(spec={"frequency": "banana"}, status={"phase": "Updated"}))
    assert any("'banana' is not a duration" in sentence for sentence in bad.needed)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"kind": "CronJob"},
        {"kind": "CronJob", "metadata": None, "spec": "x"},
        a_cron_job(image="example.org/other:1"),
        a_cron_job(image="example.org/not-k8s-ecr-login-renew:1"),
        a_registry_creds(kind="Pod"),
        {"kind": "ExternalSecret", "metadata": {"name": "x"}, "spec": {"dataFrom": [{"extract": {"key": "x"}}]}},
        an_object(),
        an_object("ClusterPullSecret", status={}),
        an_account("x", "y"),
    ],
    ids=str,
)
def test_what_is_something_else_is_left_alone(raw: Object) -> None:
    assert translate([raw], KNOWN) == []


@pytest.mark.parametrize(
    "image", ["nabsul/k8s-ecr-login-renew", "mirror.example:5000/x/k8s-ecr-login-renew:v1@sha256:0"]
)
def test_an_image_is_known_whatever_its_registry_and_tag(image: str) -> None:
    assert one(a_cron_job(*REGION, image=image)).documents


def test_no_name_gets_out_of_its_comment_or_its_quotes() -> None:
    raw = a_cron_job(*REGION, *variables(TARGET_NAMESPACE="x"))
    raw["metadata"]["name"] = "x\n---\nkind: Pod; $(rm -rf /)"
    written = stream([one(raw)])
    assert [document["kind"] for document in yaml.safe_load_all(written) if document] == ["Secret"]
    (line,) = [line for line in written.splitlines() if "delete cronjob" in line]
    assert r"'x\n---\nkind: Pod; $(rm -rf /)'" in line


@pytest.mark.parametrize("length", range(90, 120))
def test_a_name_is_not_divided_between_two_lines_of_a_comment(length: int) -> None:
    name = "team-afbd/k8s-ecr-login-renew-settings"
    found = Translation("x", lost=[f"{'a' * length} {name}"])
    assert any(name in line for line in stream([found]).splitlines())
