"""The table of mutants, continued: tables, their stamps, and what their rows coast."""

from tests.mutants_table import instead, mutants

EXACT = {"by": ("test_rows_exact.py",)}
READ = {"by": ("test_rows.py",)}
COPIES = {"by": ("test_rows.py::test_no_copy_of_a_table_or_of_its_stamps",)}
READING, WHOLE, LAZY = "rows/_reading.py", "rows/_whole.py", "rows/_lazy.py"

TABLE = [
    *mutants(
        "rows/_ids.py",
        ("rows",),
        ("cast before the range is tested", "if ids.dtype.itemsize < 4:", "if True:", READ),
        ("negative ids are none", "ids >= -size", "ids >= 0", READ),
        ("one id too few", "inside = ids < size", "inside = ids < size - 1", READ),
        ("negatives from the wrong end", "ids + size, ids)", "-ids, ids)", READ),
    ),
    *mutants(
        READING,
        ("rows",),
        *instead(
            "first = taken(slots, ids, -1) == places",
            (
                "duplicates are written too",
                "first = jnp.ones(ids.shape, bool)",
                READ,
            ),
        ),
        (
            "the gap of one step more",
            "state.clock, stamps, raw, states)",
            "state.clock + 1, stamps, raw, states)",
            EXACT,
        ),
        ("nothing coasts", "state.clock, stamps, raw, states)", "stamps, stamps, raw, states)", EXACT),
        (
            "states do not coast",
            "new = [x.astype(s.dtype) for x, s in zip(new, states, strict=True)]",
            "new = states",
            EXACT,
        ),
        (
            "the weight does not coast",
            "return moved if way.moves else None, new",
            "return None, new",
            EXACT,
        ),
        (
            "no dependency of the places",
            "later = places + jnp.minimum(state.clock - stamps, 0)",
            "later = places",
            COPIES,
        ),
        ("no rotation", "if own.next_row is not None:", "if False:", EXACT),
    ),
    *mutants(
        "rows/_updates.py",
        ("rows",),
        (
            "decay by the rows before they coasted",
            "return wide if view.moved is None else wide + view.moved",
            "return wide",
            EXACT,
        ),
        (
            "the displacement is forgotten",
            "change = u if view.moved is None else view.moved + u",
            "change = u",
            EXACT,
        ),
        (
            "the view of another step is used",
            "jnp.where(fresh[part.name], u, jnp.nan)",
            "u",
            {"by": ("test_rows.py::test_the_view_of_another_step_is_not_used_silently",)},
        ),
    ),
    *mutants(
        LAZY,
        ("rows",),
        (
            "stamps one too small",
            "state.clock + 1 + _maps.opaque_zero(g, count)",
            "state.clock + _maps.opaque_zero(g, count)",
            EXACT,
        ),
        (
            "stamps one too large",
            "state.clock + 1 + _maps.opaque_zero(g, count)",
            "state.clock + 2 + _maps.opaque_zero(g, count)",
            EXACT,
        ),
        ("the clock stands", "LazyState(state.clock + 1,", "LazyState(state.clock,", EXACT),
        (
            "the states are not written",
            "written(leaves[i], view.target, new_leaves[i])",
            "leaves[i]",
            EXACT,
        ),
    ),
    *mutants(
        "rows/_maps.py",
        ("rows",),
        (
            "the ring in the wrong order",
            "_composed(pattern, tuple(x[None] for x in now), table.maps)",
            "_composed(pattern, table.maps, tuple(x[None] for x in now))",
            EXACT,
        ),
        ("the ring's new place is kept", "m.at[at].set(x[0])", "m", EXACT),
        ("lost digits are not kept", "            added = added + lost[n]\n", "", EXACT),
        (
            "the ring's place one off",
            "at = (clock + 1) & (length - 1)",
            "at = clock & (length - 1)",
            EXACT,
        ),
        (
            "a change of the map is overlooked",
            "jnp.where(unchanged, table.since, clock)",
            "table.since",
            {"by": ("test_rows_changes.py::test_a_change_without_a_flush_is_never_silent",)},
        ),
        (
            "lost rows are not marked",
            "tuple(jnp.where(lost, jnp.nan, x) for x in found), lost",
            "found, lost",
            {"by": ("test_rows_changes.py::test_a_change_without_a_flush_is_never_silent",)},
        ),
        ("a ring of any length", "return 1 << (horizon - 1).bit_length()", "return horizon", EXACT),
    ),
    *mutants(
        WHOLE,
        ("rows",),
        (
            "the last rows are left out",
            "-(-rows // some), body, start",
            "rows // some, body, start",
            {"by": ("test_rows.py::test_a_flush_in_parts",)},
        ),
        (
            "a flush does not move the weights",
            "        if moved is not None:\n",
            "        if False:\n",
            EXACT,
        ),
        ("a flush does not stamp", "written(stamps, ids, now), lost", "stamps, lost", EXACT),
    ),
    *mutants(
        "rows/_table.py",
        ("rows",),
        (
            "an undeclared id reads another row",
            "return jnp.where(known & (at < len(self.slots)), place, count)",
            "return jnp.where(at < len(self.slots), place % count, count)",
            READ,
        ),
        (
            "a lagging table is read",
            "jnp.where(self.lag > 0, jnp.full_like(found, jnp.nan), found)",
            "found",
            READ,
        ),
    ),
]
SUBJECTS = {"rows": ("rows", "test_rows_exact.py", "test_rows.py")}
