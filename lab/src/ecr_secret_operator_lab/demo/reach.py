"""Steps 3 and 6: the Secret gets to who needs it: to ServiceAccounts that a resource links, and to many namespaces."""

from __future__ import annotations

import json
import time

from ..cluster import ECR, Object, condition, secret_path
from ..waiting import wait_for
from .evidence import issued, there, verify
from .screen import Screen
from .serving import PULL_NAMESPACE, PULL_RESOURCE, PULL_SECRET
from .stage import ACCOUNT, Stage

FOREIGN = "of-another-client"
LINK = [{"service_account": "builder", "for": ["mount"]}, {"service_account": "default", "for": ["pull"]}]
LISTS = {"builder": "secrets", "default": "imagePullSecrets"}

MANY, LATE, LEAVING = 20, "team-late", "team-1"
EVERYONE, EVERYONES_SECRET, REGION = "everyone", "ecr-pull", "ap-southeast-2"
LABEL = "pulls-from-ecr"
PROMISED_SECONDS = 5.0


def link_accounts(stage: Stage, screen: Screen) -> str:
    """Links two ServiceAccounts, one of which has an entry of another client; removes a link; sees it restored."""
    accounts = f"/api/v1/namespaces/{PULL_NAMESPACE}/serviceaccounts"
    others = {"metadata": {"name": "builder"}, "secrets": [{"name": FOREIGN}]}
    stage.cluster.create(accounts, others)
    patch = json.dumps({"spec": {"link": LINK}})
    screen.say(
        "The resource names the ServiceAccounts that get its Secret: builds push as builder, pods pull as default."
    )
    where = ("ecrsecret", PULL_RESOURCE, "-n", PULL_NAMESPACE)
    screen.command(f"kubectl patch {' '.join(where)} --type=merge -p '{patch}'")
    screen.output(stage.plane.kubectl("patch", *where, "--type=merge", "-p", patch).stdout)
    wait = ("-n", PULL_NAMESPACE, "wait", "--for=condition=Linked", f"ecrsecret/{PULL_RESOURCE}")
    screen.command(f"kubectl {' '.join(wait)}")
    screen.output(stage.plane.kubectl(*wait, "--timeout=20s").stdout)
    wanted = {"builder": [FOREIGN, PULL_SECRET], "default": [PULL_SECRET]}
    verify(_linked(stage) == wanted, "the Secret is in the lists, after what was there")
    for name, names in wanted.items():
        screen.check(f"ServiceAccount {name}: {LISTS[name]} has {' and '.join(names)}")

    screen.say("Another client removes the link:")
    taken = json.dumps([{"op": "remove", "path": "/secrets/1"}])
    away = ("serviceaccount", "builder", "-n", PULL_NAMESPACE)
    screen.command(f"kubectl patch {' '.join(away)} --type=json -p '{taken}'")
    screen.output(stage.plane.kubectl("patch", *away, "--type=json", "-p", taken).stdout)
    started = time.monotonic()
    wait_for(lambda: _linked(stage) == wanted, "the link is back")
    seconds = time.monotonic() - started
    screen.check(f"the link was restored {seconds:.2f} s after kubectl returned; {FOREIGN} was never changed")
    return f"2 ServiceAccounts linked; restored after {seconds:.2f} s"


def _linked(stage: Stage) -> dict[str, list[str]]:
    base = f"/api/v1/namespaces/{PULL_NAMESPACE}/serviceaccounts"
    found = {name: stage.cluster.get(f"{base}/{name}") or {} for name in LISTS}
    return {name: [entry["name"] for entry in found[name].get(field, [])] for name, field in LISTS.items()}


def serve_many_namespaces(stage: Stage, screen: Screen) -> str:
    """Serves namespaces by label with one resource; one that comes later, and one that no longer wants to be."""
    for number in range(1, MANY + 1):
        stage.cluster.namespace(f"team-{number}", **{LABEL: "yes"})
    last_call, resource = stage.last_call(), _everyone()
    screen.say(f"{MANY} namespaces have the label {LABEL}=yes. One resource of the cluster serves them:")
    screen.command(f"kubectl apply -f {EVERYONE}.yaml")
    screen.output(stage.plane.kubectl("apply", "--filename=-", input=json.dumps(resource)).stdout)
    path = f"{ECR}/clusterpullsecrets/{EVERYONE}"
    wait_for(lambda: _served(stage, path) == (MANY, MANY), f"{MANY} of {MANY} are served", within=30)
    columns = "NAME:.metadata.name,SERVED:.status.namespaces.served,SELECTED:.status.namespaces.selected"
    listing = ("get", "ecrpull", "-o", f"custom-columns={columns}")
    screen.command("kubectl get ecrpull")
    screen.output(stage.plane.kubectl(*listing).stdout)
    secrets = [there(stage.secret(f"team-{number}", EVERYONES_SECRET), "its Secret") for number in range(1, MANY + 1)]
    calls = len(stage.aws.calls(after=last_call))
    verify(calls == 1, f"AWS was asked once, not {calls} times")
    verify(len({issued(stage, secret).number for secret in secrets}) == 1, "all have the same token")
    screen.check(f"{MANY} Secrets with one token, from {calls} call to AWS")

    screen.say("A namespace is created later, and another one loses its label:")
    screen.command(f"kubectl create namespace {LATE}; kubectl label namespace {LATE} {LABEL}=yes")
    stage.cluster.namespace(LATE, **{LABEL: "yes"})
    started = time.monotonic()
    wait_for(lambda: stage.secret(LATE, EVERYONES_SECRET), f"{LATE} is served")
    late = time.monotonic() - started
    screen.command(f"kubectl label namespace {LEAVING} {LABEL}-")
    stage.cluster.patch(f"/api/v1/namespaces/{LEAVING}", {"metadata": {"labels": {LABEL: None}}})
    started = time.monotonic()
    wait_for(lambda: stage.cluster.get(secret_path(LEAVING, EVERYONES_SECRET)) is None, f"{LEAVING} is pruned")
    left = time.monotonic() - started
    verify(max(late, left) < PROMISED_SECONDS, f"both took less than {PROMISED_SECONDS:g} s")
    wait_for(lambda: condition(stage.cluster.get(path), "Ready").get("status") == "True", "it is Ready again")
    screen.check(
        f"the new one had its Secret after {late:.2f} s, and the Secret of the other one was removed after {left:.2f} s"
    )
    verify(len(stage.aws.calls(after=last_call)) == 1, "neither cost a call")
    return f"{MANY} namespaces with 1 AWS call; a new one after {late:.2f} s"


def _everyone() -> Object:
    return {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": "ClusterPullSecret",
        "metadata": {"name": EVERYONE},
        "spec": {
            "generated_secret_name": EVERYONES_SECRET,
            "ecr_registry": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com",
            "namespaces": {"selector": {"matchLabels": {LABEL: "yes"}}},
        },
    }


def _served(stage: Stage, path: str) -> tuple[int, int]:
    found = ((stage.cluster.get(path) or {}).get("status") or {}).get("namespaces") or {}
    return found.get("served", 0), found.get("selected", 0)
