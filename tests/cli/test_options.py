"""Arguments that several commands take."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from ecr_secret_operator.cli.options import DurationType
from ecr_secret_operator.cli.refresh import refresh


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), ("0s", 0), ("90", 90), ("0", 0)]
)
def test_a_time_to_wait_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert DurationType().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1 m", "5d", "1.5", "٣"])
def test_what_is_no_time_to_wait_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        DurationType().convert(text, None, None)


def test_refresh_waits_a_minute_unless_told_otherwise() -> None:
    (option,) = [one for one in refresh.params if one.name == "timeout"]
    context = click.Context(refresh)
    assert option.type_cast_value(context, option.get_default(context)) == timedelta(minutes=1)
