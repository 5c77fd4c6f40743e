"""What is installed beside the permissions and definitions, as Helm chart, kustomize base and OLM bundle.

`values` says what can be chosen, `workload` what runs. The forms are written from these, from `rbac` and from `crds`;
only the chart's own templates are written by hand, and `tests/e2e/test_chart.py` compares them with `workload`.
"""
