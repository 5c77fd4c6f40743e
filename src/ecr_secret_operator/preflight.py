"""What has to be true of the cluster before the operator starts: it answers, and it serves the custom resources."""

from __future__ import annotations

import structlog

from .api.fields import GROUP
from .domain.identity.access_policy import POLICY_PLURAL
from .domain.kinds import KINDS
from .errors import UNREACHABLE, ApiError, Forbidden, NoCredentials, OperatorError, Unavailable
from .kube.client import Client
from .kube.resources import served_kinds

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class CannotStart(OperatorError):
    """The operator lacks something that it needs; the message says what, and what to do."""


async def check_cluster(client: Client) -> None:
    """Checks that the API server answers and serves the required kinds. Logs which optional kinds are missing.

    Raises:
        CannotStart: it does not.
    """
    try:
        served = await served_kinds(client)
    except NoCredentials as error:
        raise CannotStart(str(error)) from error
    except Unavailable as error:
        raise CannotStart(f"{error} ({client.server}). {UNREACHABLE}") from error
    except Forbidden as error:
        raise CannotStart(f"the API server {client.server} refused the operator's credentials: {error}") from error
    except ApiError as error:
        raise CannotStart(f"the API server {client.server} answered: {error}") from error
    absent = [kind for kind in KINDS.values() if kind.plural not in served]
    missing = [f"{kind.plural}.{GROUP}" for kind in absent if not kind.clustered]
    if missing:
        raise CannotStart(
            f"the cluster lacks the custom resource definitions {', '.join(missing)}. Install them:"
            " ecr-secret-operator crds | kubectl apply --server-side -f -"
        )
    if POLICY_PLURAL not in served:
        log.warning("the kind AccessPolicy is not installed: no policy limits who may use the operator")
    for kind in absent:
        log.warning("a kind is not installed: nothing of it is served", kind=kind.name)
