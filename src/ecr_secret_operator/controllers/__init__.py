"""The reconcilers, one package each. They see the cluster and AWS through the ports of the domain."""
