"""What is installed beside the rights and definitions, and the forms in which it is: Helm chart, kustomize, OLM bundle.

`values` says what can be chosen, `workload` what runs. The forms are written from these, from `rights` and from `crds`;
only the chart's own templates are written by hand, and `tests/e2e/test_chart.py` compares them with `workload`.
"""
