"""Step 5: a tenant's token is limited to its repositories, and AWS enforces it."""

from __future__ import annotations

from ..cluster import secret_data
from ..registry import DEFAULT_HOST, Refusal, Tools
from .evidence import a_resource, issued, there, verify
from .screen import Screen
from .stage import READY, Stage
from .using import BUILD, DOCKER_CONFIG, IMAGE

REGION = "us-east-2"
TENANT, RESOURCE, SECRET = "team-a", "limited", "limited-token"
OWN, OTHER = (f"{DEFAULT_HOST}/{team}/hello:1" for team in ("team-a", "team-b"))
LIMIT = {"access": "pull", "repositories": [f"{TENANT}/*"]}


def limit_a_token(stage: Stage, screen: Screen) -> str:
    """Pulls with a limited token inside and outside its limit, and tries to push."""
    build = stage.client(BUILD)
    for image in (OWN, OTHER):
        verify(build.crane("copy", IMAGE, image).returncode == 0, f"a build copies the image to {image}")
    screen.say("Both teams have an image. A resource of team-a limits its token to pulling from its own repositories:")
    stage.plane.kubectl("create", "namespace", TENANT)
    stage.apply(a_resource(RESOURCE, TENANT, REGION, aws=LIMIT))
    stage.wait_condition(TENANT, RESOURCE, READY)
    secret = there(stage.secret(TENANT, SECRET), "the limited Secret")
    shown = there(stage.resource(TENANT, RESOURCE), "the resource")["status"]["tokenLimit"]
    screen.check(f"status.tokenLimit: {shown}")
    verify("repository/team-a/*" in issued(stage, secret).policy, "AWS issued the token under a session policy")

    pod, last = stage.client("tenant"), stage.registry.last_request()
    pod.login(secret_data(secret)[DOCKER_CONFIG])
    screen.command(f"crane digest {OWN}")
    pulled = pod.crane("digest", OWN)
    verify(pulled.returncode == 0, f"crane succeeds; it says {pulled.stderr.strip()}")
    screen.output(pulled.stdout)
    for command in (("manifest", OTHER), ("copy", OWN, f"{OWN}-changed")):
        _denied(screen, pod, command)
    handled = stage.registry.requests(after=last)
    denied = [one for one in handled if one.refusal is Refusal.NOT_ALLOWED]
    verify(denied, "the registry refused requests because of the session policy")
    screen.check(f"the registry refused {len(denied)} requests with this token, because no session policy allows them")
    return "team-a pulls team-a/hello; not team-b/hello, and no push"


def _denied(screen: Screen, client: Tools, command: tuple[str, ...]) -> None:
    screen.command(f"crane {' '.join(command)}")
    done = client.crane(*command)
    verify(done.returncode != 0, "crane was refused")
    screen.output(done.stderr.strip().splitlines()[-1])
