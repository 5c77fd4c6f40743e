"""The story: a table of steps, told one after the other. A step is ticked only when it was seen to happen."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..controlplane import BinariesError, ControlPlaneError
from ..fakeaws import FakeAwsError
from ..operator import typed_command
from ..registry import RegistryError
from .limiting import limit_a_token
from .reach import link_accounts, serve_many_namespaces
from .record import Done
from .refreshing import ask_aws_seldom, rotate_before_expiry, survive_an_outage
from .refusing import explain_a_bad_resource, refuse_a_foreign_secret
from .screen import Screen
from .serving import repair, serve_the_seed, set_the_stage
from .stage import Stage
from .using import IMAGE, POD, push_and_pull

OPENING = (
    "Amazon ECR issues registry tokens that expire after 12 hours. This operator keeps them fresh in the Secrets"
    " that pods pull with and Argo CD syncs with.\n\n"
    "Everything here is real (Kubernetes, kubectl, a registry, crane, the operator's installed command) except AWS,"
    " which is a local fake that speaks AWS' protocol and records every call. Each tick is verified from outside, at"
    " the API server, the registry and in that record."
)


@dataclass(frozen=True, slots=True)
class Step:
    """A chapter of the demo.

    Attributes:
        title: in a few words.
        promise: what a user can rely on.
        act: makes it happen and verifies it; gives what was seen, or raises.
    """

    title: str
    promise: str
    act: Callable[[Stage, Screen], str]


STEPS: Sequence[Step] = (
    Step("Start", "A real control plane runs on this machine, with the operator.", set_the_stage),
    Step("The main job", "A ten-line resource becomes a working Secret within seconds.", serve_the_seed),
    Step("Linked", "ServiceAccounts that a resource names get its Secret, and keep it.", link_accounts),
    Step("In use", "A build pushes and a pod pulls with the generated Secret.", push_and_pull),
    Step("Limited", "A tenant's token opens its own repositories only, and AWS enforces that.", limit_a_token),
    Step("Many namespaces", "One resource serves every namespace that it selects.", serve_many_namespaces),
    Step("Repair", "A generated Secret that is edited or deleted is restored at once, without AWS.", repair),
    Step("Foreign Secrets", "A Secret that the operator did not create is never changed.", refuse_a_foreign_secret),
    Step("Mistakes", "An invalid resource is rejected with a message that names the remedy.", explain_a_bad_resource),
    Step(
        "Outage",
        "While AWS denies calls, stored tokens stay. Then all resources recover without help.",
        survive_an_outage,
    ),
    Step("Rotation", "A stored token is replaced before it expires.", rotate_before_expiry),
    Step("AWS calls", "One call serves all resources with the same identity and region.", ask_aws_seldom),
)


class StepFailed(Exception):
    """A step did not happen; the text names it. It has been shown on the screen already."""


def tell(stage: Stage, screen: Screen, steps: Sequence[Step]) -> list[Done]:
    """Tells the whole story.

    Raises:
        StepFailed: at the first step that does not happen.
    """
    screen.opening("ECR Secret Operator", OPENING)
    done: list[Done] = []
    for number, step in enumerate(steps, start=1):
        screen.begin(number, len(steps), step.title, step.promise)
        started = time.monotonic()
        try:
            seen = step.act(stage, screen)
        except Exception as error:
            screen.failed(number, step.title, _reason(error), stage.operator_log())
            raise StepFailed(f"step {number}, {step.title}, did not happen") from error
        seconds = time.monotonic() - started
        screen.done(seen, seconds)
        done.append(Done(step.promise, seen, seconds))
    screen.closing(done)
    return done


def _reason(error: Exception) -> str:
    expected = isinstance(error, AssertionError | BinariesError | ControlPlaneError | FakeAwsError | RegistryError)
    return str(error) if expected else f"{type(error).__name__}: {error}"


def play_yourself(screen: Screen) -> None:
    """How to go on once everything is stopped."""
    command = typed_command()
    screen.how_to_go_on(
        "Everything is stopped. To try it yourself:",
        (
            ("a control plane and a fake AWS that keep running", f"{command} dev up"),
            ("this terminal uses them: sets KUBECONFIG and the AWS variables", f'eval "$({command} dev env)"'),
            (
                "the operator, with its own permissions; Ctrl-C ends it",
                f"{command} run --kubeconfig $ECR_LAB_OPERATOR_KUBECONFIG",
            ),
            ("or this demo, which keeps running at its end", f"{command} demo --keep"),
        ),
    )


def keep_open(stage: Stage, screen: Screen) -> None:
    """How to use what is still running."""
    environment = {"KUBECONFIG": str(stage.plane.kubeconfig), **stage.aws.environment()}
    exports = [("", f"export {name}={shlex.quote(value)}") for name, value in environment.items()]
    screen.how_to_go_on("Everything is still running. In another terminal:", exports)
    kubectl = shlex.quote(str(stage.plane.binaries.kubectl))
    pull = " ".join(map(shlex.quote, stage.client(POD).command_line("crane", "digest", IMAGE)))
    screen.how_to_go_on(
        "Then, for example:",
        (
            ("all resources, and what they say", f"{kubectl} get ecr -A"),
            ("the manual", f"{kubectl} explain ecrsecret.spec"),
            ("break it, and look again", f"{kubectl} delete secret ecr-docker-secret -n test-ecr-secret-operator"),
            ("ask the registry with the generated Secret", pull),
            ("every call that AWS was asked", f"curl -s {stage.aws.url}/_lab/calls"),
            ("make AWS refuse", f"""curl -s {stage.aws.url}/_lab/faults -d '{{"kind":"AccessDenied"}}'"""),
            ("fix it", f"curl -s -X DELETE {stage.aws.url}/_lab/faults"),
            ("the operator's metrics", f"curl -s http://{stage.operator.address}/metrics"),
            ("its log", f"tail -f {shlex.quote(str(stage.operator.log))}"),
        ),
    )
    screen.say("Ctrl-C stops everything.")
