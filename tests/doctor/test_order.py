"""The first finding is the one to fix first: others follow from it."""

from __future__ import annotations

from ecr_secret_operator.doctor.access_review import AccessReview

from .installations import ACCOUNT, a_case, a_deployment, an_installation, causes, found
from .objects import a_condition, a_status, an_object

LEASES = "coordination.k8s.io"


def test_missing_permissions_come_before_the_pods_that_wait_for_them() -> None:
    lacking = {AccessReview(LEASES, "leases", "create", "ecr-secret-operator"): False}
    seen = an_installation(deployments=[a_deployment(available=0)], lease={}, permissions=lacking)
    assert causes(found(seen)) == ["operator-permissions-lacking", "operator-unavailable", "leader-none"]


def test_the_quota_that_is_exceeded_is_the_one_to_raise() -> None:
    failed = a_condition("Ready", "False", "KubernetesError", "exceeded quota: small")
    (one,) = (one for one in found(None, a_case(an_object(status=a_status(failed)))) if one.remedy)
    assert one.remedy == "Raise the quota: kubectl describe resourcequotas -n team-a"
    trouble = {"namespace": "team-b", "reason": "KubernetesError", "message": "exceeded quota: small"}
    many = an_object("ClusterPullSecret", status=a_status(failed, failingNamespaces=[trouble], phase="Error"))
    (one,) = (one for one in found(None, a_case(many)) if one.remedy)
    assert one.remedy == "Raise the quota: kubectl describe resourcequotas -n team-b"


def test_a_namespace_is_watched_after_the_commands_of_the_remedy() -> None:
    watched = [{"name": "WATCH_NAMESPACE", "value": "team-b"}]
    (one,) = (one for one in found(an_installation(deployments=[a_deployment(env=watched)]), a_case()) if one.remedy)
    assert one.remedy == (
        "Add it (watchNamespaces of the chart): ecr-secret-operator rbac --roles-only --watch-namespace team-b,team-a"
        f" | kubectl apply -f -; kubectl set env deployment/{ACCOUNT} -n ecr-secret-operator"
        " WATCH_NAMESPACE=team-b,team-a"
    )
    flags = a_deployment("--watch-namespace=team-b")
    (one,) = (one for one in found(an_installation(deployments=[flags]), a_case(an_object())) if one.remedy)
    assert one.remedy.endswith(f"kubectl edit deployment {ACCOUNT} -n ecr-secret-operator (--watch-namespace)")
