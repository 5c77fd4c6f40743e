"""What can be told of an installation and its resources by looking at them: functions of what was seen. Pure.

May import the domain, the definitions and the rights. `survey` does the looking, with the rights of whoever asks.
"""
