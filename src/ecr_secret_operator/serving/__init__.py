"""The HTTP servers for metrics and probes: certificates, access to the metrics, bounds on connections."""
