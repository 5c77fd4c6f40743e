"""Everything that can go wrong, drawn once. The edges raise these; only the controller turns them into queue policy.

OperatorError
├── InvalidField        a value in a resource or a setting that cannot mean anything
├── TokenError          AWS or the identity gave no token (reason, message, when to ask again)
├── Superseded          what was judged is no longer what is stored or wanted, by a check of the operator itself
└── ApiError            the Kubernetes API server refused or did not answer
    ├── NotFound            404
    ├── AlreadyExists       409 on create
    ├── Conflict            409 on anything else: the API server refused a write because the object has changed
    ├── Forbidden           403
    │   └── Unauthorized        401: the credentials are invalid or expired
    ├── Invalid             422 and 400
    ├── Expired             410: the watch's resource version is gone
    └── Unavailable         429, 5xx, no answer: perhaps done, perhaps not; read again
        ├── Internal            500: something behind it failed, a webhook as a rule
        └── NoCredentials       nothing was sent: there is nothing to authenticate with at the moment
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .reasons import Failure, Reason

if TYPE_CHECKING:
    from datetime import datetime

UNREACHABLE = "Check that it runs, the kubeconfig, and in a cluster the NetworkPolicies of the operator's namespace"
"""What to do when the API server does not answer at start. In the status of a Pod, `doctor` knows the problem by it."""

SHOWN_CHARACTERS = 80
"""How much of a rejected value a message repeats: enough to find it, too little to flood a status."""


def shown(value: object) -> str:
    """Quotes a rejected value for a message, cut after 80 characters."""
    text = str(value)
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


class OperatorError(Exception):
    """The base of all errors that this project raises on purpose; `str()` of each is one plain sentence."""


class InvalidField(OperatorError, ValueError):
    """A field's value cannot mean anything. A ValueError too, so that pydantic reports it with its location."""


class TokenError(OperatorError):
    """No token could be had.

    Attributes:
        reason: one of the closed list, for the condition.
        cause: what makes it the same failure as another one (see `Failure`); empty when the message does.
        retry_at: when asking again makes sense (UTC); None until the token source has decided it.
        of_limit: whether the limit of the token is the cause, so that another limit may succeed.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason,
        cause: str = "",
        retry_at: datetime | None = None,
        of_limit: bool = False,
    ) -> None:
        super().__init__(message)
        self.of_limit = of_limit
        self.reason = reason
        self.cause = cause
        self.retry_at = retry_at

    @property
    def failure(self) -> Failure:
        """This error, for the conditions of a resource."""
        return Failure(self.reason, str(self), (self.cause,) if self.cause else ())

    def again(self, retry_at: datetime | None = None) -> TokenError:
        """A copy without a traceback, and with this time to ask again if one is given."""
        return TokenError(
            str(self),
            reason=self.reason,
            cause=self.cause,
            retry_at=retry_at or self.retry_at,
            of_limit=self.of_limit,
        )


class Superseded(OperatorError):
    """What was judged is no longer what is stored or wanted. Read again and decide again.

    The operator finds this out itself, by a read or from its caches. When the API server refuses a write for this
    reason (409), the error is a Conflict.
    """


class ApiError(OperatorError):
    """The API server refused a request or did not answer it.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
        retry_after: seconds that the server asked to wait for; None when it did not.
        cause: the machine-readable cause, such as `NamespaceTerminating`, where the server gave one.
        admission: the admission webhook or policy that the server names; empty for none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        cause: str = "",
        admission: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.cause = cause
        self.admission = admission

    def worded(self, message: str) -> Self:
        """The same error in other words."""
        return type(self)(
            message,
            status=self.status,
            retry_after=self.retry_after,
            cause=self.cause,
            admission=self.admission,
        )

    @property
    def failure(self) -> Failure:
        """This error, for the conditions of a resource."""
        return Failure(Reason.KUBERNETES_ERROR, str(self), (self.identity,))

    @property
    def identity(self) -> str:
        """What makes this error the same as another one, whatever the words of the server or of a webhook are."""
        return "/".join(filter(None, (type(self).__name__, str(self.status), self.cause, self.admission)))


class NotFound(ApiError):
    """The object, or its kind, does not exist."""


class AlreadyExists(ApiError):
    """An object of this name exists already."""


class Conflict(ApiError):
    """The API server refused a write: the object changed since it was read, or is another one of the same name."""


class Forbidden(ApiError):
    """The operator's ServiceAccount may not do this, or the namespace is terminating."""

    @property
    def by_rbac(self) -> bool:
        """Whether a permission is lacking, and no admission policy, webhook or state of the namespace is the cause."""
        return not self.admission and not self.cause and "forbidden: User " in str(self)


class Unauthorized(Forbidden):
    """The API server does not take the operator's credentials: so it says nothing of what they may do."""


class Invalid(ApiError):
    """The API server refused the content."""


class Expired(ApiError):
    """The resource version is too old to watch from."""


class Unavailable(ApiError):
    """No usable answer. A write may or may not have happened."""


class Internal(Unavailable):
    """Something behind the API server failed, such as an admission webhook that cannot be reached."""


class NoCredentials(Unavailable):
    """Nothing was sent: the kubeconfig's exec plugin or a file gives nothing to authenticate with at the moment."""
