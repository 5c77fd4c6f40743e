"""The laboratory: a real local control plane and a fake AWS, shared by the demo, `dev` and the tests.

Nothing here runs in production. It imports nothing of the operator: it drives the installed command, as a user does.
"""
