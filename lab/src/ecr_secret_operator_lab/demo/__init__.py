"""The demo: the operator's main job and its promises, shown on a real control plane and checked from outside.

`stage` starts and stops what is needed, `story` is the table of steps, the steps themselves are in `serving`,
`using`, `refusing` and `refreshing`, and `screen` alone knows how it looks.
"""

from .screen import Screen, at_most_wide
from .stage import Stage, seed
from .story import STEPS, Step, StepFailed, keep_open, play_yourself, tell

__all__ = [
    "STEPS",
    "Screen",
    "Stage",
    "Step",
    "StepFailed",
    "at_most_wide",
    "keep_open",
    "play_yourself",
    "seed",
    "tell",
]
