"""The Kubernetes edge: a thin client, and the ports of the domain on top of it. The only place that speaks to it."""
