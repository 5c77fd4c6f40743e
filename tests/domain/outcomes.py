"""Resources and outcomes that the tests of status and events placement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, events
from ecr_secret_operator.domain.status.outcome import Outcome, Status
from ecr_secret_operator.domain.tokens.schedule import due_at
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import NOW, a_resource, a_spec, a_token, spec_of, stored_tokens

TOKEN = a_token()
HELD = stored_tokens(token=TOKEN)
NEW = a_resource(status={})
SUSPENDED = a_resource(spec=a_spec(suspend=True), status={})
INVALID = a_resource(spec=InvalidSpec("spec.frequency: 'banana' is not a duration"), status={})
DUE = due_at(TOKEN, spec_of(NEW).interval, seed=NEW.uid)
SOON = NOW + timedelta(hours=1)

SERVED = Outcome(stored=HELD, written=True, refreshed=True)
UNCHANGED = Outcome(stored=HELD)
THROTTLED = Failure(Reason.AWS_UNAVAILABLE, "ECR in us-east-2 failed")
DENIED = Failure(Reason.AWS_ACCESS_DENIED, "AWS refused it")
TAKEN = Failure(Reason.SECRET_CONFLICT, "Secret ecr-pull exists")
BAD_SPEC = Failure(Reason.INVALID_SPEC, "spec.frequency: 'banana' is not a duration")


def with_status(resource: Resource, status: Status) -> Resource:
    return replace(resource, status=status)


def after(resource: Resource, *outcomes: Outcome, now: datetime = NOW) -> Resource:
    """The resource as it is stored after these outcomes, one after the other."""
    for outcome in outcomes:
        resource = with_status(resource, next_status(resource, outcome, now=now))
    return resource


def told(resource: Resource, outcome: Outcome, *, now: datetime = NOW) -> list[Event]:
    return list(events(resource, next_status(resource, outcome, now=now), outcome))
