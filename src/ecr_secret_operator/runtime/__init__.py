"""A small level-triggered runtime: cache, reflector, queue, controller, leader.

Knows neither ECR nor HTTP: sources and clients come in as protocols. Imports the domain only for its errors.
"""
