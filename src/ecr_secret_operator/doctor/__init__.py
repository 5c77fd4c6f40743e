"""Judges an installation and its resources: functions of what was read. Pure.

May import the domain, `crds` and `rbac`. `collect` reads the cluster, with the permissions of the user.
"""
