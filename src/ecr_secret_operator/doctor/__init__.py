"""What can be told of an installation and its resources by looking at them: functions of what was seen. Pure.

May import the domain, `crds` and `rbac`. `collect` reads the cluster, with the permissions of the user.
"""
