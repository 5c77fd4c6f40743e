"""Reads a cluster for the commands, with the permissions of the user's kubeconfig. Only `refreshing` writes."""
