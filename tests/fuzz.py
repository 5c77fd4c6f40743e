"""JSON that is almost what is expected: the right names with the wrong things in them."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = st.sampled_from((
    "",
    "x",
    "pull",
    "team-a",
    "True",
    "False",
    "Ready",
    "Linked",
    "Refreshed",
    "Suspended",
    "nonsense",
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "123456789012.dkr.ecr.us-east-2.amazonaws.com",
    "10h",
    "e30=",
    "{}",
))  # fmt: skip

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | TEXTS
)


def json_of(*names: str) -> st.SearchStrategy[object]:
    """Any JSON, in which objects have these names more often than others."""
    keys = (st.sampled_from(names) | st.text(max_size=8)) if names else st.text(max_size=8)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=8),
        max_leaves=24,
    )


def object_of(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """An object with any of these names, and any JSON in them."""
    return st.fixed_dictionaries({}, optional={name: json_of(*names) for name in names})
