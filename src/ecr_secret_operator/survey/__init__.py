"""Looks at a cluster for people, with the rights of their kubeconfig, which may be few. `refreshing` alone writes."""
