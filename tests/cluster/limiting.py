"""What a token may do, as IAM decides by the session policy that it was issued under, and what it should be able to do.

What it should be able to do is written down from docs/access-policy.md and docs/guides/limited-tokens.md. Nothing here
uses the operator's code.
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ecr_secret_operator_lab.cluster import Object, secret_data
from ecr_secret_operator_lab.fakeaws import IssuedToken
from ecr_secret_operator_lab.fakeaws.authorization import refusal
from ecr_secret_operator_lab.fakeaws.context import principal_of
from ecr_secret_operator_lab.fakeaws.records import Permissions

from .private import World
from .resources import HOST

LEAN = {"COVERAGE_PROCESS_CONFIG": ""}
"""For operators of whom hundreds of things are asked: what is measured elsewhere need not be measured here."""

RANK = {"pull": 1, "push": 2, "full": 3}
ACTIONS = {"BatchGetImage": "pull", "PutImage": "push", "BatchDeleteImage": "full"}
"""An action of each access that the lesser ones do not include."""

NAMES = ("team/web", "team/web/v2", "team/api", "team-b/web", "other/web", "web")
MATCHED: Mapping[str, frozenset[str]] = {
    "team/web*": frozenset(("team/web", "team/web/v2")),
    "team/*": frozenset(("team/web", "team/web/v2", "team/api")),
    "other/*": frozenset(("other/web",)),
}
"""Which of the names a pattern matches, written down by hand."""


class Form(NamedTuple):
    """A registry, and what its host says. The account is empty for ECR Public."""

    host: str
    partition: str
    region: str
    account: str

    @property
    def public(self) -> bool:
        return not self.account


ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
FORMS: Mapping[str, Form] = {
    "usual": Form(f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com", "aws", "us-east-2", ACCOUNT),
    "FIPS": Form(f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com", "aws", "us-east-1", ACCOUNT),
    "dual-stack": Form(f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws", "aws", "eu-west-1", ACCOUNT),
    "China": Form(f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn", "aws-cn", "cn-north-1", ACCOUNT),
    "GovCloud": Form(f"{ACCOUNT}.dkr.ecr.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1", ACCOUNT),
    "another account": Form(f"{OTHER_ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com", "aws", "us-east-2", OTHER_ACCOUNT),
    "public": Form("public.ecr.aws", "aws", "us-east-1", ""),
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a token should be able to do.

    Attributes:
        access: the widest one.
        repositories: patterns, all of them keys of MATCHED; empty for all repositories of all accounts.
    """

    access: str = "full"
    repositories: tuple[str, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether AWS has to limit it."""
        return self.access != "full" or bool(self.repositories)

    def includes(self, form: Form, access: str, name: str, *, own: bool) -> bool:
        """Whether it includes an access to a repository.

        Args:
            form: of the registry.
            access: that is needed.
            name: of the repository.
            own: it is one of the registry's account and region.
        """
        if RANK[access] > RANK[self.access] or (form.public and access == "pull"):
            return False
        matched = not self.repositories or any(name in MATCHED[one] for one in self.repositories)
        return matched and (own or not self.repositories)

    def at(self, form: Form) -> frozenset[str]:
        """The probes that a token for a registry passes."""
        return frozenset(
            probe for probe, _, access, name, own in probes(form) if self.includes(form, access, name, own=own)
        )


def probes(form: Form) -> list[tuple[str, str, str, str, bool]]:
    """Of each probe: its name, its ARN, the access that it needs, the repository, and whether that is an own one."""
    if form.public:
        arn = f"arn:aws:ecr-public::{ACCOUNT}:repository/web"
        return [(f"{action} web", arn, access, "web", True) for action, access in ACTIONS.items() if access != "pull"]
    places = {
        "": (form.region, form.account),
        " of another account": (form.region, "999999999999"),
        " of another region": ("ap-south-1", form.account),
    }
    return [
        (
            f"{action} {name}{where}",
            f"arn:{form.partition}:ecr:{region}:{account}:repository/{name}",
            access,
            name,
            not where,
        )
        for action, access in ACTIONS.items()
        for where, (region, account) in places.items()
        for name in NAMES
    ]


def permitted(token: IssuedToken, form: Form) -> frozenset[str]:
    """The probes that IAM lets a token pass, where the identity may do everything in every account."""
    service = "ecr-public" if form.public else "ecr"
    return frozenset(
        probe
        for probe, arn, *_ in probes(form)
        if refusal(
            principal_of(token, Permissions()),
            f"{service}:{probe.partition(' ')[0]}",
            arn,
            of=arn.split(":")[4],
            resource_policy=None,
        )
        is None
    )


def may(token: IssuedToken, action: str, repository: str, *, host: Form = FORMS["usual"]) -> bool:
    """Whether a token permits one action in one repository."""
    arn = f"arn:{host.partition}:ecr:{host.region}:{host.account}:repository/{repository}"
    who = principal_of(token, Permissions())
    return refusal(who, f"ecr:{action}", arn, of=host.account, resource_policy=None) is None


def passwords_in(secret: Object) -> Mapping[str, str]:
    """The tokens in a generated Secret, by host."""
    if ".dockerconfigjson" in secret["data"]:
        auths = json.loads(b64decode(secret["data"][".dockerconfigjson"])).get("auths", {})
        return {host: entry["password"] for host, entry in auths.items()}
    data = secret_data(secret)
    return {data["url"].removeprefix("oci://").partition("/")[0]: data["password"]}


def issued_in(secret: Object, tokens: Sequence[IssuedToken]) -> Mapping[str, IssuedToken]:
    """What AWS knows of the tokens in a Secret, by host. Fails if AWS has not issued one of them."""
    known = {token.password: token for token in tokens}
    return {host: known[password] for host, password in passwords_in(secret).items()}


def history(world: World, namespace: str, since: str) -> list[tuple[str, Object]]:
    """What happened to the Secrets of a namespace after a version of the cluster: (type of the event, Secret)."""
    path = f"/api/v1/namespaces/{namespace}/secrets?watch=1&timeoutSeconds=1&resourceVersion={since}"
    command = [str(world.plane.binaries.kubectl), "--kubeconfig", str(world.plane.kubeconfig), "get", "--raw", path]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert not [one for one in events if one["type"] == "ERROR"]
    return [(one["type"], one["object"]) for one in events]


def now(world: World, namespace: str) -> str:
    """The present version of the Secrets of a namespace, for `history`."""
    return str(world.cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["metadata"]["resourceVersion"])


WIDE, OWN_ONLY, ELSE = "everything", "pulls from its own", "something else"


def extent(token: IssuedToken, namespace: str) -> str:
    """What a token permits, in words. The repositories of a namespace begin with its name and a slash."""
    places = (f"{namespace}/web", f"{namespace}-b/web")
    rights = [may(token, action, place) for action in ACTIONS for place in places]
    if all(rights):
        return WIDE
    return OWN_ONLY if rights == [True, *[False] * (len(rights) - 1)] else ELSE


def extents(world: World, namespace: str, since: str, name: str = "ecr-generated") -> list[str]:
    """What the tokens in a Secret permitted, one after the other, without repetitions.

    "deleted" is where the Secret was deleted, and "nothing" where it had no token of AWS.
    """
    events, tokens = history(world, namespace, since), {one.password: one for one in world.aws.tokens()}
    found = [""]
    for kind, one in events:
        if one["metadata"]["name"] == name:
            token = tokens.get(passwords_in(one).get(HOST, ""))
            words = "deleted" if kind == "DELETED" else extent(token, namespace) if token else "nothing"
            found += [words] * (words != found[-1])
    return found[1:]
