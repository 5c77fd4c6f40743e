"""Steps 7 and 8: what is somebody else's is left alone, and a bad resource says what is wrong with it."""

from __future__ import annotations

import yaml

from .evidence import a_resource, host, issued, there, verify
from .screen import Screen
from .serving import PULL_NAMESPACE
from .stage import READY, Stage

REGION, OTHER_REGION = "us-east-2", "eu-west-1"
TAKEN, TAKEN_SECRET = "web", "web-token"
RETRY_SECONDS = 20.0
"""The operator looks every few seconds whether a name that was taken is free: no watch tells of foreign Secrets."""


def refuse_a_foreign_secret(stage: Stage, screen: Screen) -> str:
    """Finds the name taken by a Secret that somebody made by hand, and waits until it is free."""
    by_hand = ("create", "secret", "generic", TAKEN_SECRET, "--from-literal=password=hunter2", "-n", PULL_NAMESPACE)
    screen.say(f"Somebody has a Secret {TAKEN_SECRET} of their own:")
    screen.command(f"kubectl {' '.join(by_hand)}")
    screen.output(stage.plane.kubectl(*by_hand).stdout)
    before, last_call = there(stage.secret(PULL_NAMESPACE, TAKEN_SECRET), "the foreign Secret"), stage.last_call()

    screen.say(f"A resource {TAKEN} asks for a Secret of that name:")
    stage.apply(a_resource(TAKEN, PULL_NAMESPACE, REGION))
    refused = stage.wait_condition(
        PULL_NAMESPACE, TAKEN, {"type": "Ready", "status": "False", "reason": "SecretConflict"}
    )
    screen.conditions(TAKEN, refused, message=refused["message"])
    verify(stage.secret(PULL_NAMESPACE, TAKEN_SECRET) == before, "the foreign Secret is as it was")
    screen.check(
        f"the foreign Secret is unchanged (resourceVersion {before['metadata']['resourceVersion']}, all bytes)"
    )

    screen.say("Its owner removes it, and touches nothing else:")
    remove = ("delete", "secret", TAKEN_SECRET, "-n", PULL_NAMESPACE)
    screen.command(f"kubectl {' '.join(remove)}")
    screen.output(stage.plane.kubectl(*remove).stdout)
    with screen.waiting("the operator looks every few seconds whether the name is free"):
        stage.wait_condition(PULL_NAMESPACE, TAKEN, READY, within=RETRY_SECONDS)
    served = there(stage.secret(PULL_NAMESPACE, TAKEN_SECRET), "the generated Secret")
    record = issued(stage, served)
    screen.check(f"{TAKEN} is Ready by itself, with AWS' token number {record.number}")
    calls = len(stage.aws.calls(after=last_call))
    verify(calls == 0, f"AWS was asked {calls} times, not at all")
    return "unchanged to the byte; served once it was gone"


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
    screen.check("both were refused at admission: nothing was stored, AWS was not asked")
    return "3 mistakes, 3 sentences, nothing stored"
