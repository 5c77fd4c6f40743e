"""Steps 8 and 9: Secrets of other clients are not changed, and an invalid resource is rejected with the cause."""

from __future__ import annotations

import yaml

from .evidence import a_resource, host, issued, there, verify
from .screen import Screen
from .serving import PULL_NAMESPACE
from .stage import READY, Stage

REGION, OTHER_REGION = "us-east-2", "eu-west-1"
TAKEN, TAKEN_SECRET = "web", "web-token"
RETRY_SECONDS = 20.0
"""The operator checks every few seconds whether a taken name is free: no watch reports foreign Secrets."""


def refuse_a_foreign_secret(stage: Stage, screen: Screen) -> str:
    """Finds the name taken by a Secret of another client, and waits until it is free."""
    by_hand = ("create", "secret", "generic", TAKEN_SECRET, "--from-literal=password=hunter2", "-n", PULL_NAMESPACE)
    screen.say(f"A Secret {TAKEN_SECRET} of another client exists:")
    screen.command(f"kubectl {' '.join(by_hand)}")
    screen.output(stage.plane.kubectl(*by_hand).stdout)
    before, last_call = there(stage.secret(PULL_NAMESPACE, TAKEN_SECRET), "the foreign Secret"), stage.last_call()

    screen.say(f"A resource {TAKEN} names the same Secret:")
    stage.apply(a_resource(TAKEN, PULL_NAMESPACE, REGION))
    refused = stage.wait_condition(
        PULL_NAMESPACE, TAKEN, {"type": "Ready", "status": "False", "reason": "SecretConflict"}
    )
    screen.conditions(TAKEN, refused, message=refused["message"])
    verify(stage.secret(PULL_NAMESPACE, TAKEN_SECRET) == before, "the foreign Secret is as it was")
    screen.check(
        f"the foreign Secret is unchanged (resourceVersion {before['metadata']['resourceVersion']}, all bytes)"
    )

    screen.say("The other client deletes its Secret, and changes nothing else:")
    remove = ("delete", "secret", TAKEN_SECRET, "-n", PULL_NAMESPACE)
    screen.command(f"kubectl {' '.join(remove)}")
    screen.output(stage.plane.kubectl(*remove).stdout)
    with screen.waiting("the operator looks every few seconds whether the name is free"):
        stage.wait_condition(PULL_NAMESPACE, TAKEN, READY, within=RETRY_SECONDS)
    served = there(stage.secret(PULL_NAMESPACE, TAKEN_SECRET), "the generated Secret")
    record = issued(stage, served)
    screen.check(f"{TAKEN} becomes Ready without another change, with AWS' token number {record.number}")
    calls = len(stage.aws.calls(after=last_call))
    verify(calls == 0, f"AWS was asked {calls} times, not at all")
    return "unchanged; served once the other Secret was deleted"


def explain_a_bad_resource(stage: Stage, screen: Screen) -> str:
    """Tries to create resources that cannot mean anything."""
    hostile = f"{host(REGION)}.example.com"
    first = a_resource("hostile", PULL_NAMESPACE, REGION, frequency="banana", ecr_registry=hostile)
    second = a_resource("contradiction", PULL_NAMESPACE, REGION)
    second["spec"]["region"] = OTHER_REGION
    last_call = stage.last_call()
    for resource, expected in ((first, ("must be a duration", "must be an Amazon ECR")), (second, ("contradicts",))):
        name, spec = resource["metadata"]["name"], resource["spec"]
        screen.say(f"{name}.yaml:")
        screen.yaml(yaml.safe_dump({"spec": spec}, sort_keys=False))
        screen.command(f"kubectl apply -f {name}.yaml")
        told = stage.refusal(yaml.safe_dump(resource))
        screen.output(
            told.replace('error when creating "STDIN": ', "").replace(": [", ":\n- ").replace(", spec.", "\n- spec.")
        )
        verify(all(word in told for word in expected), f"kubectl's output names {', '.join(expected)}")
        verify(stage.resource(PULL_NAMESPACE, name) is None, f"{name} was not stored")
    verify(not stage.aws.calls(after=last_call), "AWS was not asked")
    screen.gap()
    screen.check("both were rejected at admission: nothing was stored, and AWS was not called")
    return "3 mistakes, 3 sentences, nothing stored"
