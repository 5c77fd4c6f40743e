"""Step 4: what was generated is used. A build pushes an image, a pod pulls it, and the registry says with what."""

from __future__ import annotations

from collections.abc import Sequence

from ..cluster import secret_data
from ..registry import DEFAULT_HOST, Handled, Refusal, Tools, pack, unpack
from .evidence import issued, there, verify
from .screen import Screen
from .serving import PULL_NAMESPACE, PULL_SECRET
from .stage import Stage

IMAGE = f"{DEFAULT_HOST}/hello:1"
BUILD, POD = "build", "pod"
LAYER, FILE, GREETING = "layer.tar", "greeting.txt", b"Hello from a build.\n"
PULLED = "pulled.tar"
PUSH = ("append", "--new_layer", LAYER, "--new_tag", IMAGE)
PULL = ("export", IMAGE, PULLED)
DOCKER_CONFIG = ".dockerconfigjson"
UNAUTHORIZED = 401
DIGEST_CHARACTERS = 19


def push_and_pull(stage: Stage, screen: Screen) -> str:
    """Pushes and pulls with the generated Secret, after it was seen that without it neither is possible."""
    secret = there(stage.secret(PULL_NAMESPACE, PULL_SECRET), "the pull Secret")
    build, pod = stage.client(BUILD), stage.client(POD)
    last = stage.registry.last_request()
    screen.say(f"The registry {DEFAULT_HOST} accepts only clients with a token of ECR. A client without one:")
    pack(build.home / LAYER, {FILE: GREETING})
    _refused(screen, build, PUSH)
    _refused(screen, pod, PULL)
    turned_away = stage.registry.requests(after=last)
    verify(turned_away, "the registry was asked")
    verify(all(one.refusal is Refusal.NO_CREDENTIALS for one in turned_away), "each request was refused")
    last = stage.registry.last_request()

    screen.say(f"A build gets the unchanged Secret {PULL_SECRET} as its auth file, and pushes an image of one file:")
    build.login(secret_data(secret)[DOCKER_CONFIG])
    digest = _done(screen, build, PUSH).rpartition("@")[2]
    screen.say("A pod that names the Secret in its imagePullSecrets pulls it:")
    pod.login(secret_data(secret)[DOCKER_CONFIG])
    _done(screen, pod, PULL)
    came_back = unpack(pod.home / PULLED)
    verify(came_back == {FILE: GREETING}, "what came back is what was pushed")
    screen.check(f"{FILE} was pulled unchanged: {GREETING.decode().strip()}")
    verify(digest == pod.crane("digest", IMAGE).stdout.strip(), "the digest is that of the push")
    screen.check(f"the image's digest is the same on both sides: {digest[:DIGEST_CHARACTERS]}...")
    let_in = _let_in(stage.registry.requests(after=last))
    number = issued(stage, secret).number
    verify({one.token for one in let_in} == {number}, "the registry was shown the stored token alone")
    screen.check(f"the registry rejected {len(turned_away)} requests without a token, with status {UNAUTHORIZED},")
    screen.check(f"then accepted {len(let_in)} requests, all with AWS' token number {number}, which the Secret holds")
    return f"pushed and pulled; {UNAUTHORIZED} without the Secret"


def _refused(screen: Screen, client: Tools, command: Sequence[str]) -> None:
    screen.command(f"crane {' '.join(command)}")
    done = client.crane(*command)
    verify(done.returncode != 0, "crane was refused")
    screen.output(done.stderr.strip().splitlines()[-1])


def _done(screen: Screen, client: Tools, command: Sequence[str]) -> str:
    """What crane printed."""
    screen.command(f"crane {' '.join(command)}")
    done = client.crane(*command)
    verify(done.returncode == 0, f"crane succeeds; it says {done.stderr.strip()}")
    screen.output(done.stdout)
    return done.stdout.strip()


def _let_in(handled: Sequence[Handled]) -> Sequence[Handled]:
    """Requests that were accepted. Clients first send one without credentials, to learn what is required."""
    return [one for one in handled if one.refusal is None]
