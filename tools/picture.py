"""A recorded terminal as a picture: `docs/images/terminal.txt`, with its colours, becomes an SVG.

`python -m tools.terminal` records the commands again.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

RECORD = Path("docs/images/terminal.txt")
PICTURE = RECORD.with_suffix(".svg")
COLUMNS = 90

# rich's own format loads its font from another host. This one takes what the reader has.
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<title>ecr-secret-operator kubectl get ecr, and a finding of doctor with its remedy, as a terminal shows them</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg(record: str) -> str:
    """The picture of a record."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False)
    console.print(Text.from_ansi(record))
    return console.export_svg(title="", theme=MONOKAI, code_format=_FORMAT, unique_id="terminal") + "\n"
