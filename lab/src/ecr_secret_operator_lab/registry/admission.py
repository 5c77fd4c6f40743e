"""The whole decision about a request: its token, its path, and what IAM permits. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..fakeaws.records import Found
from .gate import PUBLIC_HOST, host_of, judge
from .paths import Kind, Start, start_of, target_of
from .permissions import denial
from .records import Refusal
from .requirements import mount_requirement, requirements_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A decision.

    Attributes:
        refusal: why not; None when the request is let in.
        message: IAM's, for what is not allowed.
        token: the number of the token; None when there is none.
        target: path and query to ask the registry behind for.
        starts_upload: the body is a blob, whatever the request says of it.
    """

    refusal: Refusal | None = None
    message: str = ""
    token: int | None = None
    target: str = ""
    starts_upload: bool = False


def admit(found: Found, *, method: str, host: str, target: str) -> Admission:
    """Decides about a request.

    Args:
        found: what AWS knows of its password, and the permissions in force.
        method: of HTTP.
        host: its Host header.
        target: path and query, as they were sent.
    """
    number, name = found.token.number if found.token else None, host_of(host)
    if (refusal := judge(found, name)) is not None:
        return Admission(refusal=refusal, token=number)
    path, _, query = target.partition("?")
    about = target_of(path)
    if about is None:
        return Admission(refusal=Refusal.BAD_PATH, token=number)
    starts = about.kind is Kind.UPLOADS
    start = start_of(query) if starts else Start()
    needed = requirements_of(method, about, start, public=name == PUBLIC_HOST)
    if needed is None:
        return Admission(refusal=Refusal.NOT_SERVED, token=number)
    for one in needed:
        if (message := denial(found, name, one)) is not None:
            return Admission(refusal=Refusal.NOT_ALLOWED, message=message, token=number)
    if start.source and denial(found, name, mount_requirement(start)) is not None:
        start = Start()  # as ECR does when it does not mount, this is then an upload
    wanted = start.query if starts else query
    return Admission(token=number, target=f"{path}?{wanted}" if wanted else path, starts_upload=starts)
