"""How the registry refuses, in ECR's words.

Sources: OCI Distribution Specification, "Error Codes"; messages that clients of ECR report, such as "denied: User: ...
is not authorized to perform: ecr:InitiateLayerUpload on resource: ... because no identity-based policy allows the ...
action" (aws-actions/amazon-ecr-login, issue 232), and "denied: Your authorization token has expired."
"""

from __future__ import annotations

from aiohttp import hdrs, web

from .gate import challenge
from .records import Refusal

EXPIRED = "Your authorization token has expired. Reauthenticate and try again."
ANSWERS = {
    Refusal.NOT_ALLOWED: (403, "DENIED", ""),
    Refusal.BAD_PATH: (404, "NAME_INVALID", "The path is not that of a repository."),
    Refusal.NOT_SERVED: (405, "UNSUPPORTED", "The operation is unsupported."),
    Refusal.EXPIRED: (401, "DENIED", EXPIRED),
}
UNAUTHORIZED = (401, "UNAUTHORIZED", "Not Authorized")


def refused(request: web.Request, refusal: Refusal, message: str = "") -> web.Response:
    """The answer.

    Args:
        request: that is refused.
        refusal: why.
        message: IAM's, for what is not allowed.
    """
    status, code, text = ANSWERS.get(refusal, UNAUTHORIZED)
    headers = {hdrs.WWW_AUTHENTICATE: challenge(request.host)} if status == UNAUTHORIZED[0] else None
    return web.json_response({"errors": [{"code": code, "message": message or text}]}, status=status, headers=headers)
