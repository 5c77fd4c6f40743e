"""Programs that the laboratory runs beside the operator, found or obtained: who needs one should need no preparation.

`ensure_programs` gives those of the table in `table.py`. The control plane, which has sources of its own, is obtained
by the same parts: `recipe` says what is built from which Go module, `obtain` where programs come from and in which
order, `gobuild` and `debian` make them, `cache` keeps them, `sources` gives other files of their modules. Nothing here
knows what the programs are for.
"""

from .errors import BinariesError
from .table import NAMES, ensure_programs

__all__ = ["NAMES", "BinariesError", "ensure_programs"]
