"""What the control plane consists of: the Go module in `gomod/` is the one place that pins it."""

from importlib.resources import files

from ..programs.recipe import Recipe

ASSETS = "KUBEBUILDER_ASSETS"
ETCD = "go.etcd.io/etcd/server/v3"

RECIPE = Recipe(
    name="controlplane",
    product="Kubernetes",
    module="k8s.io/kubernetes",
    packages={
        "etcd": ETCD,
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    },
    directory=files(__package__).joinpath("gomod"),
    override=ASSETS,
    stamps={
        "k8s.io/component-base/version.gitVersion": "{version}",
        "k8s.io/component-base/version.gitMajor": "{major}",
        "k8s.io/component-base/version.gitMinor": "{minor}",
    },
)
