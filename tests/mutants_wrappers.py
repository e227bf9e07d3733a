"""The table of mutants, continued: what stands around the rules, from clipping to checked.

One section for each wrapper, in the form of mutants_table.py. Most name the test that kills them, so
that each takes seconds.
"""

from tests.mutants_table import instead, mutants


def tests_of(file):
    """A function from names of tests in a file to what kills a mutant."""
    return lambda *names: {"by": tuple(f"{file}::test_{name}" for name in names)}


def bad(*rows):
    """The rows of the table of bad inputs that kill a mutant."""
    return {"by": tuple(f"test_bad_inputs.py::test_bad_input[{row}]" for row in rows)}


# --- Clipping

CLIPPING = "_parts/clipping.py"
clipping = tests_of("test_clipping.py")
IS_CLIP = clipping("clip_is_numpy_clip")
BOTH_PARTS = clipping("clip_keeps_nan_and_clips_both_parts_of_complex_numbers")
CLIP = mutants(
    CLIPPING,
    ("clip",),
    *instead(
        "return jnp.clip(g, -self.max_delta, self.max_delta)",
        ("no lower bound", "return jnp.minimum(g, self.max_delta)", IS_CLIP),
        ("no upper bound", "return jnp.maximum(g, -self.max_delta)", IS_CLIP),
        ("not clipped", "return g", IS_CLIP),
        ("the sign alone", "return self.max_delta * jnp.sign(g)", IS_CLIP),
        (
            "clipped at twice the bound",
            "return jnp.clip(g, -2 * self.max_delta, 2 * self.max_delta)",
            IS_CLIP,
        ),
        ("negative elements lost", "return jnp.clip(g, 0, self.max_delta)", IS_CLIP),
        ("clipped smoothly", "return self.max_delta * jnp.tanh(g / self.max_delta)", IS_CLIP),
        ("outer elements dropped", "return jnp.where(jnp.abs(g) <= self.max_delta, g, 0)", IS_CLIP),
        (
            "NaN taken for the bound",
            "return jnp.where(g < self.max_delta, jnp.maximum(g, -self.max_delta), self.max_delta)",
            BOTH_PARTS,
        ),
        (
            "NaN taken for 0",
            "return jnp.nan_to_num(jnp.clip(g, -self.max_delta, self.max_delta))",
            BOTH_PARTS,
        ),
    ),
    *instead(
        "u = jax.lax.complex(self._clipped(g.real), self._clipped(g.imag))",
        (
            "imaginary part not clipped",
            "u = jax.lax.complex(self._clipped(g.real), g.imag)",
            BOTH_PARTS,
        ),
        ("real part not clipped", "u = jax.lax.complex(g.real, self._clipped(g.imag))", BOTH_PARTS),
        (
            "parts swapped",
            "u = jax.lax.complex(self._clipped(g.imag), self._clipped(g.real))",
            BOTH_PARTS,
        ),
        ("imaginary part lost", "u = jax.lax.complex(self._clipped(g.real), 0 * g.imag)", BOTH_PARTS),
        ("clipped by magnitude", "u = g * jnp.minimum(1, self.max_delta / jnp.abs(g))", BOTH_PARTS),
    ),
    (
        "a negative bound",
        "max_delta: Any = hyperparameter(0)",
        "max_delta: Any = hyperparameter()",
        bad("clip below 0"),
    ),
)

NO_OVERFLOW = clipping("no_overflow_and_no_underflow")
INSIDE = clipping("inside_the_ball_nothing_changes", "random_gradients_inside_the_ball_come_back")
BINDS = clipping("derivatives_where_the_norm_binds")
ONE_BAD = clipping("one_bad_element_makes_every_update_nan")
AT_ZERO = clipping("zero_gradients_give_zero_with_derivative_one")
TWO_LEAVES = clipping("equal_to_optax_where_its_squares_neither_overflow_nor_underflow")
STACKED_NORMS, SCHEDULED_NORMS = clipping("stacked_norms"), clipping("a_schedule_of_norms")
GLOBAL_NORM = mutants(
    CLIPPING,
    ("clip_by_global_norm",),
    *instead(
        "inside, factor = norm <= self.max_norm * unit, self.max_norm / norm",
        (
            "outside for inside",
            "inside, factor = norm >= self.max_norm * unit, self.max_norm / norm",
            STACKED_NORMS,
        ),
        ("always inside", "inside, factor = norm == norm, self.max_norm / norm", STACKED_NORMS),
        ("never inside", "inside, factor = norm > norm, self.max_norm / norm", INSIDE),
        (
            "unit forgotten in the test",
            "inside, factor = norm <= self.max_norm, self.max_norm / norm",
            INSIDE,
        ),
        (
            "divided by the unit in the test",
            "inside, factor = norm <= self.max_norm / unit, self.max_norm / norm",
            INSIDE,
        ),
        (
            "factor inverted",
            "inside, factor = norm <= self.max_norm * unit, norm / self.max_norm",
            BINDS,
        ),
        (
            "divided by the squared norm",
            "inside, factor = norm <= self.max_norm * unit, self.max_norm / norm**2",
            BINDS,
        ),
        ("the norm forgotten", "inside, factor = norm <= self.max_norm * unit, self.max_norm", BINDS),
        ("max_norm forgotten", "inside, factor = norm <= self.max_norm * unit, 1 / norm", BINDS),
        (
            "torch's 1e-6",
            "inside, factor = norm <= self.max_norm * unit, self.max_norm / (norm + 1e-6)",
            BINDS,
        ),
    ),
    *instead(
        "unit = unit_of(jax.tree.leaves(updates), jnp.result_type(self.max_norm))",
        (
            "unit of the first leaf",
            "unit = unit_of(jax.tree.leaves(updates)[:1], jnp.result_type(self.max_norm))",
            ONE_BAD,
        ),
        (
            "no unit",
            "unit = 0 * unit_of(jax.tree.leaves(updates), jnp.result_type(self.max_norm)) + 1",
            NO_OVERFLOW,
        ),
    ),
    *instead(
        "largest = jnp.maximum(largest, _largest(x).astype(dtype))",
        ("largest of the last leaf", "largest = _largest(x).astype(dtype)", ONE_BAD),
        ("sum of the largest", "largest = largest + _largest(x).astype(dtype)", NO_OVERFLOW),
        ("smallest of the largest", "largest = jnp.minimum(largest, _largest(x).astype(dtype))", BINDS),
    ),
    *instead(
        "return jnp.max(jnp.abs(x), initial=0)",
        ("sign forgotten in the largest", "return jnp.max(x, initial=0)", {"by": ("oracle_float64",)}),
        (
            "the first element for the largest",
            "return jnp.abs(x.ravel()[:1]).sum()",
            {"by": ("oracle_float64",)},
        ),
    ),
    ("exponent's sign", "exponent = -jnp.clip(", "exponent = jnp.clip(", NO_OVERFLOW),
    ("unit within 2**60", "most = -2 - jnp.finfo(dtype).minexp", "most = 60", NO_OVERFLOW),
    (
        "infinity not noticed",
        "jnp.where(jnp.isfinite(largest), exponent, jnp.nan)",
        "jnp.where(jnp.isnan(largest), jnp.nan, exponent)",
        ONE_BAD,
    ),
    *instead(
        "u = (scaled * factor).astype(g.dtype)",
        ("unit left out", "u = (g * factor).astype(g.dtype)", NO_OVERFLOW),
        ("factor twice", "u = (scaled * factor * factor).astype(g.dtype)", BINDS),
        ("factor left out", "u = scaled.astype(g.dtype)", BINDS),
    ),
    ("branches swapped", "jnp.where(inside, g, u)", "jnp.where(inside, u, g)", BINDS),
    ("squares clipped at 1", "jnp.clip(x * unit, -16, 16)", "jnp.clip(x * unit, -1, 1)", BINDS),
    (
        "imaginary parts lost",
        "jax.lax.complex(*parts) if",
        "jax.lax.complex(parts[0], 0 * parts[1]) if",
        NO_OVERFLOW,
    ),
    ("imaginary part not in the norm", "((g.real, g.imag) if", "((g.real, g.real) if", NO_OVERFLOW),
    *instead(
        "return jnp.sqrt(jnp.where(total == 0, 1, total))",
        ("derivative of the root at 0", "return jnp.sqrt(total)", AT_ZERO),
        ("no root", "return jnp.where(total == 0, 1, total)", BINDS),
    ),
    *instead(
        "total = sum(parts, jnp.zeros((), dtype))",
        ("norm of the first leaf", "total = sum(list(parts)[:1], jnp.zeros((), dtype))", TWO_LEAVES),
        (
            "norm of the largest leaf",
            "total = jnp.max(jnp.stack([jnp.zeros((), dtype), *parts]))",
            TWO_LEAVES,
        ),
    ),
    *instead(
        "return jnp.sum(jnp.square(x))",
        ("sum of magnitudes", "return jnp.sum(jnp.abs(x))", BINDS),
        ("mean of squares", "return jnp.mean(jnp.square(x))", BINDS),
        ("largest square", "return jnp.max(jnp.square(x), initial=0)", BINDS),
        ("square of the sum", "return jnp.square(jnp.sum(x))", BINDS),
    ),
    (
        "a negative norm",
        "max_norm: Any = hyperparameter(0)",
        "max_norm: Any = hyperparameter(high=10)",
        bad("clip by norm infinite"),
    ),
) + mutants(
    "_core/lift.py",
    ("clip_by_global_norm",),
    *instead(
        "rule = self.rule.at(state.count, widest(updates))",
        (
            "schedules one early",
            "rule = self.rule.at(state.count + 1, widest(updates))",
            SCHEDULED_NORMS,
        ),
        (
            "schedules stand still",
            "rule = self.rule.at(0 * state.count, widest(updates))",
            SCHEDULED_NORMS,
        ),
        ("the norm in float16", "rule = self.rule.at(state.count, jnp.float16)", NO_OVERFLOW),
    ),
    *instead(
        "return updates, new._replace(count=next_count(state.count))",
        ("count not advanced", "return updates, new", SCHEDULED_NORMS),
        (
            "count advanced twice",
            "return updates, new._replace(count=next_count(state.count + 1))",
            SCHEDULED_NORMS,
        ),
    ),
    (
        "count of a weak type",
        "return state._replace(count=jnp.zeros((), jnp.int32))",
        "return state",
        {"by": ("state_is_stable",)},
    ),
)

COUNTS_NANS, SATURATES = clipping("zero_nans_counts_elements"), clipping("the_count_of_nans_saturates")
ZERO_NANS = mutants(
    CLIPPING,
    ("zero_nans",),
    *instead(
        "nans = jax.tree.map(jnp.isnan, updates)",
        ("infinities too", "nans = jax.tree.map(lambda g: ~jnp.isfinite(g), updates)"),
        ("imaginary parts not looked at", "nans = jax.tree.map(lambda g: jnp.isnan(g.real), updates)"),
        ("the others", "nans = jax.tree.map(lambda g: ~jnp.isnan(g), updates)"),
        ("zeros too", "nans = jax.tree.map(lambda g: jnp.isnan(1 / g), updates)"),
        ("whole leaves", "nans = jax.tree.map(lambda g: jnp.isnan(g) | jnp.isnan(g).any(), updates)"),
    ),
    *instead(
        "new = sum((jnp.sum(x, dtype=jnp.int32) for x in jax.tree.leaves(nans)), jnp.int32(0))",
        (
            "leaves counted",
            "new = sum((jnp.any(x).astype(jnp.int32) for x in jax.tree.leaves(nans)), jnp.int32(0))",
        ),
        (
            "first leaf counted",
            "new = sum((jnp.sum(x, dtype=jnp.int32) for x in jax.tree.leaves(nans)[:1]), jnp.int32(0))",
        ),
        ("steps counted", "new = jnp.int32(any(x.size for x in jax.tree.leaves(nans)))"),
        (
            "finite ones counted",
            "new = sum((jnp.sum(~x, dtype=jnp.int32) for x in jax.tree.leaves(nans)), jnp.int32(0))",
        ),
    ),
    *instead(
        "zeroed = jnp.where(s.zeroed > limit - new, limit, s.zeroed + new)",
        ("count overflows", "zeroed = s.zeroed + new", SATURATES),
        ("past forgotten", "zeroed = jnp.where(s.zeroed > limit - new, limit, new)"),
        (
            "stops too early",
            "zeroed = jnp.where(s.zeroed > limit - new, s.zeroed, s.zeroed + new)",
            SATURATES,
        ),
        (
            "stops one early",
            "zeroed = jnp.where(s.zeroed > limit - new - 1, limit - 1, s.zeroed + new)",
            SATURATES,
        ),
        ("counted twice", "zeroed = jnp.where(s.zeroed > limit - new, limit, s.zeroed + 2 * new)"),
    ),
    (
        "saturates at int16",
        "limit = jnp.iinfo(jnp.int32).max",
        "limit = jnp.iinfo(jnp.int16).max",
        SATURATES,
    ),
    *instead(
        "jnp.where(n, 0, g)",
        ("only NaN passes", "jnp.where(n, g, 0)"),
        ("ones", "jnp.where(n, 1, g)"),
        ("-0.0", "jnp.where(n, -0.0, g)"),
        ("multiplied by 0", "jnp.where(n, 0 * g, g)"),
    ),
    ("count lost", "s._replace(zeroed=zeroed)", "s"),
    (
        "count starts at 1",
        "return ZeroNansState(0, jnp.zeros((), jnp.int32))",
        "return ZeroNansState(0, jnp.ones((), jnp.int32))",
    ),
    (
        "a Python count",
        "return ZeroNansState(0, jnp.zeros((), jnp.int32))",
        "return ZeroNansState(0, 0)",
    ),
    (
        "called linear without being told",
        'name = "zero_nans"\n    State = ZeroNansState\n    idle = Idle(linear_in_g=True)',
        'name = "zero_nans"\n    State = ZeroNansState\n    idle = Idle(linear_in_g=True, moves=True)',
        {"by": ("moves_as_declared",)},
    ),
    **COUNTS_NANS,
)

PREFIX, MASKED_DECAY = clipping("weight_decay_with_a_prefix"), clipping("weight_decay_with_a_mask")
DECAY = mutants(
    "_parts/decay.py",
    ("add_decayed_weights",),
    *instead(
        "    return masked(tx, mask)",
        ("mask ignored", "    return tx", MASKED_DECAY),
        ("mask always True", "    return masked(tx, True)", MASKED_DECAY),
        ("mask always False", "    return masked(tx, False)", MASKED_DECAY),
        (
            "mask inverted",
            "    from jaxopt_slides._parts.masking import partition\n\n    return partition({False: tx, True: lift(AddDecayedWeights(0.0))}, mask)",
            MASKED_DECAY,
        ),
    ),
    *instead(
        "    if mask is None:\n",
        ("a mask of False taken for none", "    if not mask:\n", PREFIX),
        ("functions ignored", "    if mask is None or callable(mask):\n", MASKED_DECAY),
        ("trees ignored", "    if mask is None or not callable(mask):\n", PREFIX),
    ),
    (
        "a wrong mask blamed on masked",
        '    Kind("add_decayed_weights", "mask", (False, True)).static(mask)',
        "    Kind",
        bad("decay mask of strings"),
    ),
    (
        "a mask may not be False",
        '"mask", (False, True)).static(mask)',
        '"mask", (True,)).static(mask)',
        PREFIX,
    ),
    (
        "a negative decay",
        "weight_decay: Any = hyperparameter(0)",
        "weight_decay: Any = hyperparameter()",
        clipping("weight_decay_says_what_it_needs"),
    ),
    (
        "said not to move",
        "idle = Idle(moves=True, linear_in_g=True)",
        "idle = Idle(linear_in_g=True)",
        {"by": ("moves_as_declared",)},
    ),
    (
        "said not to be linear",
        "idle = Idle(moves=True, linear_in_g=True)",
        "idle = Idle(moves=True)",
        {"by": ("coasts_or_refuses",)},
    ),
)

# --- Groups of leaves

MASKING, LABELS = "_parts/masking.py", "_parts/labels.py"
masking = tests_of("test_masking.py")
IS_INNER = masking("masked_is_the_inner_optimizer_on_its_leaves")
LAYERS = masking("a_learning_rate_for_every_layer")
INTEGERS = masking("integers_and_bools_stay_as_they_are")
ELSEWHERE = masking("integers_elsewhere_are_an_error_that_names_the_leaf")
FROZEN, FORMS = masking("frozen_leaves_keep_their_bits"), masking("freeze_takes_every_form_of_mask")
TO_MEMBERS = masking("extra_arguments_reach_the_member_that_wants_them")
WRONG_MASKS, WRONG_LABELS = masking("wrong_masks"), masking("wrong_labels")
MASKS = mutants(
    MASKING,
    ("masking",),
    *instead(
        "label: member.init(only(params, mine))",
        ("every member starts from all leaves", "label: member.init(params)", IS_INNER),
        (
            "members start from the others' leaves",
            "label: member.init(only(params, [not m for m in mine]))",
            IS_INNER,
        ),
    ),
    *instead(
        "step_of(member, only(updates, mine), s, inner)",
        ("members step on all leaves", "step_of(member, updates, s, inner)", IS_INNER),
        (
            "members step on the first updates for all",
            "step_of(member, only(treedef.unflatten(leaves[::-1]), mine), s, inner)",
            LAYERS,
        ),
    ),
    *instead(
        "inner = Context(None if params is None else only(params, mine), dtypes, extra)",
        (
            "members see all params",
            "inner = Context(params, dtypes, extra)",
            clipping("weight_decay_with_a_mask"),
        ),
        (
            "members see no params",
            "inner = Context(None, dtypes, extra)",
            clipping("weight_decay_with_a_mask"),
        ),
    ),
    (
        "the first leaves' dtypes",
        "dtypes = [d for d, m in zip(context.dtypes, mine, strict=True) if m]",
        "dtypes = list(context.dtypes[: sum(mine)])",
        masking("members_see_their_leaves_in_their_dtypes"),
    ),
    *instead(
        "extra = {k: _of(x, mine, treedef) for k, x in context.extra.items()}",
        ("extra arguments dropped", "extra = {}", TO_MEMBERS),
        ("trees handed on whole", "extra = context.extra", masking("an_extra_tree_is_divided_too")),
    ),
    (
        "a metric taken for a tree of one leaf",
        "jax.tree.structure(x) == treedef and not jax.tree_util.treedef_is_leaf(treedef)",
        "jax.tree.structure(x) == treedef",
        masking("an_extra_tree_is_divided_too"),
    ),
    (
        "updates in the wrong places",
        "places = [i for i, m in enumerate(mine) if m]",
        "places = [i for i, m in enumerate(mine) if m][::-1]",
        LAYERS,
    ),
    (
        "members' updates dropped",
        "                new[i] = x\n",
        "                new[i] = leaves[i]\n",
        IS_INNER,
    ),
    (
        "state not advanced",
        "return treedef.unflatten(new), PartitionState(states)",
        "return treedef.unflatten(new), state",
        IS_INNER,
    ),
    (
        "an integer's gradient passes",
        "return x if is_floating(x) else np.zeros(np.shape(x), jax.dtypes.float0)",
        "return x",
        masking("an_integer_update_is_none_whatever_came"),
    ),
    *instead(
        "[label == k and is_floating(x) for label, (_, x) in zip(labels, leaves, strict=True)]",
        (
            "labels swapped",
            "[label != k and is_floating(x) for label, (_, x) in zip(labels, leaves, strict=True)]",
            IS_INNER,
        ),
        (
            "members get integers",
            "[label == k for label, (_, x) in zip(labels, leaves, strict=True)]",
            INTEGERS,
        ),
        (
            "every label gets all",
            "[is_floating(x) for label, (_, x) in zip(labels, leaves, strict=True)]",
            IS_INNER,
        ),
        (
            "labels in the wrong order",
            "[label == k and is_floating(x) for label, (_, x) in zip(labels[::-1], leaves, strict=True)]",
            IS_INNER,
        ),
    ),
    *instead(
        "if not is_floating(x) and not member.inert:",
        ("integers trained silently", "if False:", ELSEWHERE),
        ("integers nowhere", "if not is_floating(x):", INTEGERS),
        ("integers where something is done", "if not is_floating(x) and member.inert:", ELSEWHERE),
    ),
    (
        "the first member asked for all",
        "member = self.members[self.kind.known.index(label)]",
        "member = self.members[0]",
        ELSEWHERE,
    ),
    (
        "integer params behind floating updates",
        "            self._chosen(params, params)  # its",
        "            pass  # its",
        bad("integer params behind a mask"),
    ),
    *instead(
        "like = cast(updates, context.dtypes) if params is None else params",
        (
            "functions see the updates",
            "like = cast(updates, context.dtypes)",
            masking("a_function_sees_the_parameters_as_they_are"),
        ),
        (
            "functions see wide updates",
            "like = updates if params is None else params",
            masking("a_function_sees_the_parameters_as_they_are"),
        ),
    ),
    *instead(
        'Kind("masked", "mask", (False, True)), [chain(), inner], mask)',
        ("mask inverted", 'Kind("masked", "mask", (False, True)), [inner, chain()], mask)', IS_INNER),
        (
            "other leaves frozen",
            'Kind("masked", "mask", (False, True)), [set_to_zero(), inner], mask)',
            IS_INNER,
        ),
        ("mask ignored", 'Kind("masked", "mask", (False, True)), [inner, inner], mask)', IS_INNER),
    ),
    *instead(
        "[chain(), set_to_zero()], mask)",
        ("frozen what is not", "[set_to_zero(), chain()], mask)", FORMS),
        ("nothing frozen", "[chain(), chain()], mask)", FORMS),
        ("everything frozen", "[set_to_zero(), set_to_zero()], mask)", FORMS),
    ),
    (
        "transformations in the wrong order",
        "list(transforms.values()), labels)",
        "list(transforms.values())[::-1], labels)",
        LAYERS,
    ),
    (
        "states by position",
        "return [state.inner_states[str(k)] for k in self.kind.known]",
        "return list(state.inner_states.values())",
        LAYERS,
    ),
    (
        "a state of other labels",
        "        if got != expected:\n",
        "        if False:\n",
        bad("partition with other labels"),
    ),
    (
        "wide updates narrowed",
        "return any(m.keeps_wide for m in self.members)",
        "return all(m.keeps_wide for m in self.members)",
        masking("what_a_member_keeps_wide_stays_wide"),
    ),
    ("integers refused", "    any_dtype = True\n", "    any_dtype = False\n", INTEGERS),
    ("dots in labels", 'if "." in str(k)]', "if False]", masking("a_dot_in_a_label_is_an_error")),
    ("labels alike as text", "if len(set(map(str, known))) < len(known):", "if False:", WRONG_MASKS),
    (
        "no mapping",
        "if not isinstance(transforms, Mapping) or not transforms:",
        "if not transforms:",
        bad("partition of a list"),
    ),
    (
        "an empty mapping",
        "if not isinstance(transforms, Mapping) or not transforms:",
        "if not isinstance(transforms, Mapping):",
        bad("partition of nothing"),
    ),
)
MASKS += (
    mutants(
        LABELS,
        ("masking",),
        *instead(
            "return [label for label, part in pairs for _ in jax.tree.leaves(part)]",
            (
                "a prefix does not spread",
                "return [label for label, part in pairs]",
                masking("a_prefix_holds_for_all_below"),
            ),
            (
                "a label for None",
                "return [label for label, part in pairs for _ in jax.tree.leaves(part) or [0]]",
                masking("masked_in_masked_is_the_conjunction"),
            ),
        ),
        *instead(
            "if callable(labels) and jax.tree_util.all_leaves([labels]):",
            ("modules called", "if callable(labels):", masking("modules_as_parameters_and_as_masks")),
            ("functions taken for labels", "if False:", IS_INNER),
        ),
        *instead(
            "if type(label) in kinds and label in self.known:",
            ("1 for True", "if label in self.known:", WRONG_MASKS),
            ("unknown labels accepted", "if type(label) in kinds:", WRONG_LABELS),
            ("any label accepted", "if True:", WRONG_MASKS),
        ),
        ("NumPy's bools refused", "jax.Array) and label.ndim == 0:", "jax.Array) and False:", IS_INNER),
        (
            "a traced mask",
            "        if isinstance(label, Tracer):\n",
            "        if False:\n",
            WRONG_MASKS,
        ),
        (
            "a mask of elements",
            '        if hasattr(label, "shape"):\n',
            "        if False:\n",
            WRONG_MASKS,
        ),
        (
            "a function's function",
            "            if callable(made) and jax.tree_util.all_leaves([made]):\n",
            "            if False:\n",
            WRONG_MASKS,
        ),
        (
            "a class or a transformation for labels",
            'if isinstance(labels, type) or (hasattr(labels, "init") and hasattr(labels, "update")):',
            "if False:",
            bad("mask that is a class", "freeze of a transformation"),
        ),
        (
            "complex leaves not trained",
            "jnp.result_type(x), jnp.inexact))",
            "jnp.result_type(x), jnp.floating))",
            {"by": ("dtypes",)},
        ),
        (
            "trees compared by identity",
            '    """A tree of labels, static and compared by value."""\n',
            "    __eq__ = object.__eq__\n    __hash__ = object.__hash__\n",
            tests_of("test_static.py")("static_is_hashed_and_compared_by_value"),
        ),
        (
            "lacking and extra keys swapped",
            "if lacking else []",
            "if not lacking else []",
            WRONG_LABELS,
        ),
    )
    + mutants(
        "_parts/scaling.py",
        ("masking",),
        *instead(
            "return nothing_like(g), s",
            ("+0.0", "return -nothing_like(g), s", FORMS),
            ("NaN times 0", "return 0 * g, s", FROZEN),
            ("infinity less itself", "return g - g, s", FROZEN),
        ),
    )
    + mutants(
        "_core/apply.py",
        ("masking",),
        (
            "the leaves that are not chosen",
            "x if c else None for x, c",
            "None if c else x for x, c",
            IS_INNER,
        ),
    )
)

# --- Accumulation

accumulation = tests_of("test_accumulation.py")
ONE_BATCH = accumulation("microbatches_equal_one_batch")
ONE_RULE = {"by": ("test_accumulation.py::test_microbatches_equal_one_batch[2-momentum]",)}
WITH_DECAY = {"by": ("test_accumulation.py::test_microbatches_equal_one_batch[2-chain]",)}
BETWEEN = {"by": ("test_accumulation.py::test_updates_between_are_minus_zero[eagerly-momentum]",)}
OF_K, INNER_COUNT = (
    accumulation("a_schedule_of_k_counts_updates"),
    accumulation("inner_schedules_count_updates"),
)
NOT_LOST = accumulation("small_microbatches_are_not_lost_in_bfloat16")
BAD_ARGUMENTS = accumulation("bad_arguments")
MULTI_STEPS = mutants(
    "_parts/accumulation.py",
    ("multi_steps",),
    *instead(
        "total = jax.tree.map(_sum, state.acc_grads, updates)",
        (
            "the last gradient alone",
            "total = jax.tree.map(lambda a, g: g, state.acc_grads, updates)",
            ONE_RULE,
        ),
        ("the last gradient forgotten", "total = state.acc_grads", ONE_RULE),
        (
            "the last gradient twice",
            "total = jax.tree.map(lambda a, g: a + 2 * g, state.acc_grads, updates)",
            ONE_RULE,
        ),
        (
            "sum in bfloat16",
            "total = jax.tree.map(lambda a, g: jax.lax.reduce_precision(a + g, 8, 7), state.acc_grads, updates)",
            NOT_LOST,
        ),
        (
            "a difference",
            "total = jax.tree.map(lambda a, g: g - a, state.acc_grads, updates)",
            ONE_RULE,
        ),
    ),
    *instead(
        "mean = jax.tree.map(lambda x: divided(x, n), total)",
        ("sum for the mean", "mean = total", ONE_RULE),
        ("the last gradient for the mean", "mean = updates", ONE_RULE),
        ("mean of k + 1", "mean = jax.tree.map(lambda x: divided(x, n + 1), total)", ONE_RULE),
        (
            "mean of k - 1",
            "mean = jax.tree.map(lambda x: divided(x, state.mini_step), total)",
            ONE_RULE,
        ),
    ),
    (
        "product for the mean",
        "return x / n.astype(real(x.dtype))",
        "return x * n.astype(real(x.dtype))",
        ONE_RULE,
    ),
    *instead(
        "complete = n >= self._k(state.gradient_step)",
        ("one gradient too many", "complete = n > self._k(state.gradient_step)", ONE_RULE),
        ("one gradient too few", "complete = n + 1 >= self._k(state.gradient_step)", ONE_RULE),
        ("k by the microbatches", "complete = n >= self._k(state.mini_step)", OF_K),
        ("k of the next update", "complete = n >= self._k(state.gradient_step + 1)", OF_K),
        (
            "k exactly, so that less than 1 never comes",
            "complete = n == self._k(state.gradient_step)",
            accumulation("a_schedule_below_one_counts_as_one"),
        ),
    ),
    (
        "k rounded down",
        "jnp.round(self.rule.at(gradient_step, float).every_k)",
        "jnp.floor(self.rule.at(gradient_step, float).every_k)",
        {"by": ("oracle_float64",), "on": ("multi_steps-scheduled",)},
    ),
    (
        "k read at the microbatch",
        "        return state.gradient_step\n",
        "        return state.mini_step\n",
        OF_K,
    ),
    *instead(
        "MultiStepsState(jnp.zeros_like(n), next_count(state.gradient_step), new, none)",
        (
            "microbatches not begun anew",
            "MultiStepsState(n, next_count(state.gradient_step), new, none)",
            ONE_RULE,
        ),
        (
            "updates not counted",
            "MultiStepsState(jnp.zeros_like(n), state.gradient_step, new, none)",
            ONE_RULE,
        ),
        (
            "updates overflow",
            "MultiStepsState(jnp.zeros_like(n), state.gradient_step + 1, new, none)",
            accumulation("the_count_of_updates_saturates"),
        ),
        (
            "inner state not advanced",
            "MultiStepsState(jnp.zeros_like(n), next_count(state.gradient_step), inner_state, none)",
            ONE_RULE,
        ),
        (
            "accumulator not reset",
            "MultiStepsState(jnp.zeros_like(n), next_count(state.gradient_step), new, total)",
            ONE_RULE,
        ),
        (
            "the last gradient kept",
            "MultiStepsState(jnp.zeros_like(n), next_count(state.gradient_step), new, updates)",
            ONE_RULE,
        ),
    ),
    *instead(
        "u = jax.tree.map(lambda g: or_nothing(False, g), updates)",
        ("+0.0 between", "u = jax.tree.map(jnp.zeros_like, updates)", BETWEEN),
        ("gradients pass between", "u = updates", BETWEEN),
        ("0 times a gradient between", "u = jax.tree.map(lambda g: -0.0 * g, updates)", BETWEEN),
    ),
    *instead(
        "MultiStepsState(n, state.gradient_step, inner_state, total)",
        (
            "microbatches not counted",
            "MultiStepsState(state.mini_step, state.gradient_step, inner_state, total)",
            ONE_RULE,
        ),
        (
            "calls counted",
            "MultiStepsState(n, next_count(state.gradient_step), inner_state, total)",
            ONE_RULE,
        ),
        (
            "gradients between lost",
            "MultiStepsState(n, state.gradient_step, inner_state, state.acc_grads)",
            ONE_RULE,
        ),
    ),
    (
        "inner steps between too",
        "        def between():\n",
        "        _, inner_state = step_of(self.inner, updates, inner_state, context)\n\n        def between():\n",
        INNER_COUNT,
    ),
    (
        "accumulates in the gradient's dtype",
        "self.inner.init(params), jax.tree.map(full_like, params))",
        "self.inner.init(params), jax.tree.map(jnp.zeros_like, params))",
        NOT_LOST,
    ),
    (
        "accumulates from the params",
        "self.inner.init(params), jax.tree.map(full_like, params))",
        "self.inner.init(params), jax.tree.map(lambda w: full_like(w) + w, params))",
        ONE_RULE,
    ),
    (
        "inner without params",
        "step_of(self.inner, mean, inner_state, context)",
        "step_of(self.inner, mean, inner_state, context._replace(params=None))",
        WITH_DECAY,
    ),
    (
        "inner without extra arguments",
        "step_of(self.inner, mean, inner_state, context)",
        "step_of(self.inner, mean, inner_state, context._replace(extra={}))",
        accumulation("extra_arguments_are_those_of_the_last_call"),
    ),
    (
        "both branches run eagerly",
        "if not is_traced(complete):",
        "if False:",
        accumulation("extra_arguments_of_any_type_reach_foreign_members"),
    ),
    ("no update at all accepted", "if not 1 <= k <=", "if not 0 <= k <=", BAD_ARGUMENTS),
    (
        "no k too large",
        "if not 1 <= k <= jnp.iinfo(jnp.int32).max:",
        "if not 1 <= k:",
        bad("every_k 10**12"),
    ),
    (
        "shapes broadcast",
        '        require_same_shapes(self.name, "updates", updates, "state\'s acc_grads", state.acc_grads)\n',
        "",
        BAD_ARGUMENTS,
    ),
    (
        "other trees",
        '        require_same_tree(self.name, "updates", updates, "state\'s acc_grads", state.acc_grads)\n',
        "",
        BAD_ARGUMENTS,
    ),
    (
        "other dtypes",
        '        require_same_dtypes(self.name, "state\'s acc_grads", state.acc_grads, "updates", dtypes)\n',
        "",
        accumulation("gradients_of_a_wider_dtype_are_an_error"),
    ),
)

# --- Skipping

finiteness = tests_of("test_finiteness.py")
COUNTERS = finiteness("the_counters_and_what_goes_through_agree_with_optax")
ONCE = {"by": ("test_finiteness.py::test_a_skipped_step_changes_no_bit[momentum]",)}
AMONG = {"by": ("test_finiteness.py::test_one_bad_gradient_among_a_thousand[momentum-inf]",)}
GIVES_UP = finiteness("after_too_many_in_a_row_a_gradient_goes_through")
COUNTS_SATURATE = finiteness("counters_saturate")
FINITE = mutants(
    "_parts/finiteness.py",
    ("apply_if_finite",),
    *instead(
        "finite = all_finite(updates)",
        ("always finite", "finite = all_finite(updates) | True"),
        ("never finite", "finite = all_finite(updates) & False"),
        ("inverted", "finite = ~all_finite(updates)"),
        ("the params looked at", "finite = all_finite(context.params)", ONCE),
    ),
    *instead(
        "    for x in jax.tree.leaves(tree):\n",
        ("only the first leaf looked at", "    for x in jax.tree.leaves(tree)[:1]:\n", AMONG),
        ("only the last leaf looked at", "    for x in jax.tree.leaves(tree)[-1:]:\n", ONCE),
    ),
    (
        "the last leaf decides",
        "        finite &= is_finite(x)\n",
        "        finite = is_finite(x)\n",
        ONCE,
    ),
    (
        "one finite leaf is enough",
        "    finite = jnp.ones((), bool)\n",
        "    finite = jnp.zeros((), bool)\n",
    ),
    *instead(
        "in_a_row = jnp.where(finite, 0, next_count(state.notfinite_count))",
        (
            "bad ones in a row never reset",
            "in_a_row = jnp.where(finite, state.notfinite_count, next_count(state.notfinite_count))",
        ),
        ("reset at a bad one", "in_a_row = jnp.where(finite, next_count(state.notfinite_count), 0)"),
        ("not counted in a row", "in_a_row = jnp.where(finite, 0, state.notfinite_count)"),
        (
            "a row overflows",
            "in_a_row = jnp.where(finite, 0, state.notfinite_count + 1)",
            COUNTS_SATURATE,
        ),
    ),
    *instead(
        "total = jnp.where(finite, state.total_notfinite, next_count(state.total_notfinite))",
        ("total reset", "total = jnp.where(finite, 0, next_count(state.total_notfinite))"),
        (
            "finite ones counted",
            "total = jnp.where(finite, next_count(state.total_notfinite), state.total_notfinite)",
        ),
        ("all counted", "total = next_count(state.total_notfinite)"),
        (
            "total overflows",
            "total = jnp.where(finite, state.total_notfinite, state.total_notfinite + 1)",
            COUNTS_SATURATE,
        ),
    ),
    *instead(
        "taken = finite | (in_a_row > self.max_consecutive_errors)",
        ("gives up one early", "taken = finite | (in_a_row >= self.max_consecutive_errors)"),
        ("gives up one late", "taken = finite | (in_a_row > self.max_consecutive_errors + 1)"),
        ("never gives up", "taken = finite"),
        ("gives up for good", "taken = finite | (total > self.max_consecutive_errors)"),
        (
            "gives up by the row before",
            "taken = finite | (state.notfinite_count >= self.max_consecutive_errors + 1)",
        ),
    ),
    *instead(
        "seen = jax.tree.map(lambda g: either(taken, g, 0), updates)",
        (
            "the inner one sees NaN",
            "seen = updates",
            {
                "by": (
                    "test_finiteness.py::test_hypergradients_through_a_skipped_step_are_finite[momentum]",
                )
            },
        ),
        ("the inner one sees 0 always", "seen = jax.tree.map(lambda g: either(False, g, 0), updates)"),
        (
            "the inner one sees what is finite",
            "seen = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0), updates)",
            GIVES_UP,
        ),
    ),
    *instead(
        "u = jax.tree.map(lambda x: or_nothing(taken, x), u)",
        ("+0.0 for a skipped step", "u = jax.tree.map(lambda x: either(taken, x, 0), u)", ONCE),
        ("the update of a zero gradient", "u = u", ONCE),
        (
            "only bad leaves skipped",
            "u = jax.tree.map(lambda x, g: or_nothing(is_finite(g), x), u, updates)",
            ONCE,
        ),
        (
            "only bad elements skipped",
            "u = jax.tree.map(lambda x, g: or_nothing(jnp.isfinite(g), x), u, updates)",
            ONCE,
        ),
        ("skips what is finite", "u = jax.tree.map(lambda x: or_nothing(~taken, x), u)"),
        ("skips though it gives up", "u = jax.tree.map(lambda x: or_nothing(finite, x), u)", GIVES_UP),
    ),
    *instead(
        "new = jax.tree.map(lambda a, b: either(taken, a, b), new, inner_state)",
        ("state not restored", "new = new", ONCE),
        ("state never advanced", "new = inner_state"),
        (
            "state restored when taken",
            "new = jax.tree.map(lambda a, b: either(taken, b, a), new, inner_state)",
        ),
        (
            "state restored though it gives up",
            "new = jax.tree.map(lambda a, b: either(finite, a, b), new, inner_state)",
        ),
    ),
    (
        "taken for finite in the state",
        "ApplyIfFiniteState(in_a_row, finite, total, new)",
        "ApplyIfFiniteState(in_a_row, taken, total, new)",
    ),
    (
        "counters swapped",
        "ApplyIfFiniteState(in_a_row, finite, total, new)",
        "ApplyIfFiniteState(total, finite, in_a_row, new)",
    ),
    (
        "nothing was finite yet",
        "ApplyIfFiniteState(in_a_row, jnp.ones((), bool), total",
        "ApplyIfFiniteState(in_a_row, jnp.zeros((), bool), total",
        finiteness("before_the_first_gradient_the_last_was_finite"),
    ),
    (
        "fewer than none accepted",
        "if not 0 <= most <=",
        "if not -1 <= most <=",
        finiteness("bad_arguments"),
    ),
    by=COUNTERS["by"],
) + mutants(
    "_core/dtypes.py",
    ("apply_if_finite",),
    *instead(
        "return jnp.isfinite(x).all()",
        ("one finite element is enough", "return jnp.isfinite(x).any()", AMONG),
        ("infinities pass", "return ~jnp.isnan(x).any()", AMONG),
        ("NaN passes", "return ~jnp.isinf(x).any()", ONCE),
        (
            "imaginary parts not looked at",
            "return jnp.isfinite(x.real).all()",
            finiteness("complex_and_zero_size_leaves"),
        ),
    ),
    ("+0.0 for no change", "none = -jnp.zeros_like(x)", "none = jnp.zeros_like(x)", ONCE),
    (
        "what is skipped chosen",
        "return jnp.where(chosen, x, nothing_like(x))",
        "return jnp.where(chosen, nothing_like(x), x)",
        ONCE,
    ),
)

# --- Averages of the parameters

averages = tests_of("test_parameter_average.py")
CLOSED = {
    "by": tuple(
        f"test_parameter_average.py::test_against_the_closed_form_over_ten_thousand_steps[{d}]"
        for d in (0.9, 0.9999)
    )
}
DIGITS = averages("the_product_of_decays_keeps_its_digits")
CONSTANT, WARM_UP = (
    averages("a_constant_stays_itself"),
    averages("a_scheduled_decay_against_a_numpy_loop"),
)
AS_INNER, ROUNDED = (
    averages("updates_are_those_of_the_inner_optimizer"),
    averages("bfloat16_parameters_are_averaged_in_float32"),
)
TWICE = averages("the_average_is_of_the_parameters_as_the_caller_has_them")
AVERAGE = mutants(
    "_parts/parameter_average.py",
    ("average_params",),
    *instead(
        "change = self.decay.log() + rest",
        ("what rounding kept out forgotten", "change = self.decay.log()", DIGITS),
        ("what rounding kept out subtracted", "change = self.decay.log() - rest", DIGITS),
        ("the decay for its logarithm", "change = self.decay.offset + rest", CLOSED),
        ("logarithm doubled", "change = 2 * self.decay.log() + rest", CLOSED),
    ),
    *instead(
        "return new, change - (new - log_decay)",
        ("nothing kept of rounding", "return new, 0 * new", DIGITS),
        ("rounding with the wrong sign", "return new, (new - log_decay) - change", DIGITS),
        ("product not followed", "return change, 0 * new", CLOSED),
    ),
    *instead(
        "total = -jnp.expm1(log_decay)",
        (
            "1 - beta^t loses its digits",
            "total = 1 - jnp.exp(log_decay)",
            averages("the_bias_correction_keeps_its_digits"),
        ),
        ("no bias correction", "total = 1 + 0 * log_decay", CLOSED),
        ("beta^t for 1 - beta^t", "total = jnp.exp(log_decay)", CLOSED),
    ),
    *instead(
        "return (1 - self.decay) / jnp.where(total > 0, total, 1)",
        ("correction left out", "return (1 - self.decay) + 0 * total", CLOSED),
        ("correction multiplied", "return (1 - self.decay) * jnp.where(total > 0, total, 1)", CLOSED),
        ("share of the past", "return self.decay * (1 / jnp.where(total > 0, total, 1))", CLOSED),
        (
            "0/0 while the decay is 1",
            "return (1 - self.decay) / total",
            averages("a_decay_of_one_at_first_has_finite_derivatives"),
        ),
    ),
    *instead(
        "a + share * (w - a))",
        ("share of the past for the newest", "w + share * (a - w))", CLOSED),
        ("1 - share loses its digits", "(1 - share) * a + share * w)", CONSTANT),
        ("away from the newest", "a - share * (w - a))", CLOSED),
        ("the past kept whole", "a + share * w)", CLOSED),
        ("the newest alone", "w)", CLOSED),
        ("the newest left out", "a)", CLOSED),
    ),
    *instead(
        "first = state.log_decay == 0",
        ("always the first", "first = state.log_decay <= 0", CLOSED),
        ("the second for the first", "first = state.count == 1", CLOSED),
    ),
    *instead(
        "self.rule.at(state.count, d).share(log_decay.astype(d))",
        (
            "correction one step late",
            "self.rule.at(state.count, d).share(state.log_decay.astype(d))",
            CLOSED,
        ),
        (
            "decay one step early",
            "self.rule.at(state.count + 1, d).share(log_decay.astype(d))",
            WARM_UP,
        ),
        (
            "decay of the first step",
            "self.rule.at(0 * state.count, d).share(log_decay.astype(d))",
            WARM_UP,
        ),
    ),
    *instead(
        "rule = self.rule.at(state.count, state.log_decay.dtype)",
        (
            "product one step early",
            "rule = self.rule.at(state.count + 1, state.log_decay.dtype)",
            WARM_UP,
        ),
        (
            "product of the first decay",
            "rule = self.rule.at(0 * state.count, state.log_decay.dtype)",
            WARM_UP,
        ),
    ),
    (
        "product by the decay of now",
        "average = self._averaged(state, decays[0], params)",
        "average = self._averaged(state, rule.decay.log() * next_count(state.count), params)",
        averages("changing_the_decay_on_the_way"),
    ),
    *instead(
        "params = jax.tree.map(_moved, context.params, given)",
        ("old parameters", "params = jax.tree.map(widen, context.params)", AS_INNER),
        ("updates averaged", "params = jax.tree.map(widen, given)", AS_INNER),
        (
            "parameters less the update",
            "params = jax.tree.map(lambda w, u: _moved(w, -u), context.params, given)",
            AS_INNER,
        ),
        ("gradients added", "params = jax.tree.map(_moved, context.params, updates)", AS_INNER),
    ),
    (
        "updates not rounded first",
        "given = u if self.keeps_wide else cast(u, context.dtypes)",
        "given = u",
        TWICE,
    ),
    (
        "wide updates rounded",
        "given = u if self.keeps_wide else cast(u, context.dtypes)",
        "given = cast(u, context.dtypes)",
        averages("wide_updates_are_not_rounded_before_the_average"),
    ),
    *instead(
        "return widen(_rounded(add_update(w, _rounded(u))))",
        ("parameters not rounded", "return widen(w) + widen(u)", ROUNDED),
        ("the sum not held together", "return widen(add_update(w, u))", TWICE),
    ),
    *instead(
        "return u, AverageParamsState(next_count(state.count), *decays, average, inner_state)",
        (
            "count not advanced",
            "return u, AverageParamsState(state.count, *decays, average, inner_state)",
            CLOSED,
        ),
        (
            "product not kept",
            "return u, AverageParamsState(next_count(state.count), state.log_decay, decays[1], average, inner_state)",
            CLOSED,
        ),
        (
            "rest not kept",
            "return u, AverageParamsState(next_count(state.count), decays[0], state.log_decay_rest, average, inner_state)",
            DIGITS,
        ),
        (
            "average not kept",
            "return u, AverageParamsState(next_count(state.count), *decays, state.average, inner_state)",
            CLOSED,
        ),
        (
            "the way to the average for updates",
            "return jax.tree.map(lambda a, w: a - widen(w), average, context.params), AverageParamsState(next_count(state.count), *decays, average, inner_state)",
            AS_INNER,
        ),
    ),
    ("inner state not advanced", "u, inner_state = step_of(", "u, _ = step_of(", AS_INNER),
    *instead(
        "average, inner = jax.tree.map(copy_of, params), self.inner.init(params)",
        (
            "starts from 0",
            "average, inner = jax.tree.map(lambda w: 0 * copy_of(w), params), self.inner.init(params)",
            averages("before_the_first_step_it_is_a_copy_of_the_parameters"),
        ),
        (
            "starts from the parameters' own buffer",
            "average, inner = jax.tree.map(widen, params), self.inner.init(params)",
            averages("before_the_first_step_it_is_a_copy_of_the_parameters"),
        ),
        (
            "narrow average",
            "average, inner = jax.tree.map(lambda w: jnp.array(w, copy=True), params), self.inner.init(params)",
            ROUNDED,
        ),
    ),
    (
        "a decay of 1",
        '        require_below_one(self.name, "the bias correction", self.decay)\n',
        "        pass\n",
        averages("bad_arguments"),
    ),
    (
        "a decay above 1",
        "decay: Any = hyperparameter(0, 1, near_one=True)",
        "decay: Any = hyperparameter(0, near_one=True)",
        averages("bad_arguments"),
    ),
    (
        "digits of 1 - beta lost",
        "decay: Any = hyperparameter(0, 1, near_one=True)",
        "decay: Any = hyperparameter(0, 1)",
        averages("bad_arguments"),
    ),
    (
        "shapes broadcast",
        '        require_same_shapes(self.name, "params", context.params, "state\'s average", state.average)\n',
        "",
        averages("bad_arguments"),
    ),
)

# --- Plateaus

plateau = tests_of("test_plateau.py")
LOOP = plateau("positive_metrics_agree_with_optax_and_the_loop")
BELOW_0, NO_NUMBER = (
    plateau("below_zero_optax_takes_a_worse_metric_for_a_better_one"),
    plateau("metrics_that_are_not_finite"),
)
COOLDOWN, LEAST_SCALE = plateau("cooldown_by_hand"), plateau("min_scale_by_hand")
PLATEAU = mutants(
    "_parts/plateau.py",
    ("reduce_on_plateau",),
    *instead(
        "improved = value < jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value - least)",
        (
            "higher is better",
            "improved = value > jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value - least)",
        ),
        (
            "as good is better",
            "improved = value <= jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value - least)",
            NO_NUMBER,
        ),
        (
            "a little worse is better",
            "improved = value < jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value + least)",
        ),
        ("nothing improves on the first best", "improved = value < s.best_value - least", NO_NUMBER),
        (
            "NaN improves",
            "improved = ~(value >= jnp.where(s.best_value == jnp.inf, jnp.inf, s.best_value - least))",
            NO_NUMBER,
        ),
        ("any fall improves", "improved = value < s.best_value"),
        ("always improves", "improved = value == value"),
    ),
    *instead(
        "least = self.rtol * jnp.abs(s.best_value) + self.atol",
        ("optax's comparison below 0", "least = self.rtol * s.best_value + self.atol", BELOW_0),
        ("rtol ignored", "least = self.atol", plateau("negative_metrics_agree_with_the_loop")),
        ("atol ignored", "least = self.rtol * jnp.abs(s.best_value)"),
        ("atol relative too", "least = (self.rtol + self.atol) * jnp.abs(s.best_value)"),
        (
            "relative to the metric",
            "least = self.rtol * jnp.abs(value) + self.atol",
            plateau("improvement_is_relative_to_the_best"),
        ),
    ),
    *instead(
        "waited = jnp.where(improved, 0, s.plateau_count + 1)",
        ("never begun anew", "waited = jnp.where(improved, s.plateau_count, s.plateau_count + 1)"),
        ("begun anew at 1", "waited = jnp.where(improved, 1, s.plateau_count + 1)"),
        ("improvements counted", "waited = jnp.where(improved, s.plateau_count + 1, 0)"),
        ("every step counted", "waited = s.plateau_count + 1"),
    ),
    *instead(
        "cut = ~cooling & (waited >= self.patience)",
        ("one step more", "cut = ~cooling & (waited > self.patience)"),
        ("one step less", "cut = ~cooling & (waited + 1 >= self.patience)"),
        (
            "cut while cooling",
            "cut = waited >= self.patience",
            plateau("a_cooldown_longer_than_the_patience"),
        ),
        ("cut only while cooling", "cut = cooling & (waited >= self.patience)"),
        ("cut by the count before", "cut = ~cooling & (s.plateau_count >= self.patience)"),
    ),
    *instead(
        "jnp.maximum(s.scale * self.factor, self.min_scale)",
        ("no least scale", "s.scale * self.factor", LEAST_SCALE),
        ("a largest scale", "jnp.minimum(s.scale * self.factor, self.min_scale)", LEAST_SCALE),
        ("least scale added", "s.scale * self.factor + self.min_scale", LEAST_SCALE),
        ("not multiplied up", "jnp.maximum(self.factor, self.min_scale)", LEAST_SCALE),
        ("factor squared", "jnp.maximum(s.scale * self.factor**2, self.min_scale)", LEAST_SCALE),
        ("factor subtracted", "jnp.maximum(s.scale - self.factor, self.min_scale)", LEAST_SCALE),
        ("least of all metrics", "jnp.maximum(s.scale, self.min_scale)", LEAST_SCALE),
    ),
    ("cut when it improves", "scale = jnp.where(cut,", "scale = jnp.where(improved,"),
    *instead(
        "best_value=jnp.where(improved, value, s.best_value)",
        ("best not updated", "best_value=s.best_value"),
        ("the last for the best", "best_value=value"),
        (
            "best without improvement",
            "best_value=jnp.minimum(value, s.best_value)",
            plateau("improvement_is_relative_to_the_best"),
        ),
        ("best when it is worse", "best_value=jnp.where(improved, s.best_value, value)"),
    ),
    *instead(
        "plateau_count=jnp.where(cooling | cut, 0, waited)",
        ("counted while cooling", "plateau_count=jnp.where(cut, 0, waited)", COOLDOWN),
        ("goes on after a cut", "plateau_count=jnp.where(cooling, 0, waited)", LOOP),
        ("never counted", "plateau_count=jnp.where(cooling | cut, 0, 0 * waited)", COOLDOWN),
        ("begun anew while improving only", "plateau_count=waited", COOLDOWN),
    ),
    *instead(
        "cooldown_count=jnp.where(cooling, s.cooldown_count - 1, jnp.where(cut, self.cooldown, 0))",
        (
            "never cool",
            "cooldown_count=jnp.where(cooling, s.cooldown_count, jnp.where(cut, self.cooldown, 0))",
            COOLDOWN,
        ),
        ("no cooldown", "cooldown_count=jnp.where(cooling, s.cooldown_count - 1, 0)", COOLDOWN),
        (
            "cooldown one longer",
            "cooldown_count=jnp.where(cooling, s.cooldown_count - 1, jnp.where(cut, self.cooldown + 1, 0))",
            COOLDOWN,
        ),
        (
            "cooldown one shorter",
            "cooldown_count=jnp.where(cooling, s.cooldown_count - 1, jnp.where(cut, self.cooldown - 1, 0))",
            COOLDOWN,
        ),
        (
            "cooldown without a cut",
            "cooldown_count=jnp.where(cooling, s.cooldown_count - 1, self.cooldown)",
            COOLDOWN,
        ),
    ),
    *instead(
        "new.scale.astype(real(g.dtype)) * g",
        ("scaled one step late", "s.scale.astype(real(g.dtype)) * g"),
        ("scale not applied", "g"),
        ("divided by the scale", "g / new.scale.astype(real(g.dtype))"),
    ),
    *instead(
        "ReduceOnPlateauState(0, one, jnp.inf * one, waited, cooldown)",
        ("best starts at 0", "ReduceOnPlateauState(0, one, 0 * one, waited, cooldown)"),
        ("scale starts at 0", "ReduceOnPlateauState(0, 0 * one, jnp.inf * one, waited, cooldown)"),
        (
            "starts after one step",
            "ReduceOnPlateauState(0, one, jnp.inf * one, waited + 1, cooldown)",
            NO_NUMBER,
        ),
    ),
    (
        "metric in float16",
        "value = jnp.asarray(value).astype(s.best_value.dtype)",
        "value = jnp.asarray(value).astype(jnp.float16).astype(s.best_value.dtype)",
    ),
    (
        "any metric accepted",
        "if value is None or not real_number or shape:",
        "if value is None:",
        bad("metric a vector", "metric complex"),
    ),
    (
        "True for a metric",
        "dtype = None if isinstance(value, bool) else dtype_of(value)",
        "dtype = dtype_of(int(value) if isinstance(value, bool) else value)",
        bad("metric True"),
    ),
    (
        "integer metrics refused",
        "KINDS = (jnp.floating, jnp.integer)",
        "KINDS = (jnp.floating,)",
        plateau("an_integer_is_a_metric_too"),
    ),
    (
        "no patience at all",
        '("patience", patience, 1)',
        '("patience", patience, 0)',
        plateau("bad_arguments"),
    ),
    (
        "patience and cooldown swapped",
        "steps = int(patience), int(cooldown)",
        "steps = int(cooldown), int(patience)",
        LOOP,
    ),
    by=LOOP["by"],
)

# --- Narrow parameters and narrow state

precision = tests_of("test_precision.py")
BY_BIT = {"by": ("test_precision.py::test_params_are_their_masters_rounded_bit_for_bit[jos-bfloat16]",)}
ADD_UP, NO_CHANGE = precision("small_updates_add_up"), precision("no_update_is_no_change_bit_for_bit")
LARGEST, EDGES = (
    precision("a_parameter_stays_at_float16s_largest_number_and_comes_back"),
    precision("at_float16s_edges_both_signs_fare_alike"),
)
SEES, MEAN = (
    precision("the_inner_transformation_sees_float32_weights_and_takes_new_numbers"),
    precision("the_mean_is_exact_and_only_neighbours_come"),
)
ITS_SEED, HELD = (
    precision("a_stochastic_run_moves_on_average_and_is_its_seeds"),
    precision("what_the_dtype_holds_stays"),
)
FOREIGN_INSIDE, REFUSED = (
    precision("foreign_members_see_float32_inside"),
    precision("what_makes_no_sense_is_refused"),
)
DONATED = precision("params_and_state_are_donated_together")
MIXED = mutants(
    "_parts/precision.py",
    ("mixed_precision",),
    *instead(
        "new = [w + x for w, x in",
        ("updates subtracted", "new = [w - x for w, x in", BY_BIT),
        ("updates forgotten", "new = [w + 0 * x for w, x in", BY_BIT),
        ("updates twice", "new = [w + 2 * x for w, x in", BY_BIT),
        ("weights forgotten", "new = [0 * w + x for w, x in", BY_BIT),
        (
            "added to the rounded weights",
            "new = [widen(w) + x for w, x in zip(narrow, jax.tree.leaves(u), strict=True)]\n            _ = [w + x for w, x in",
            BY_BIT,
        ),
    ),
    *instead(
        "            pairs = zip(new, narrow, strict=True)\n",
        ("master not updated", "            pairs = zip(weights, narrow, strict=True)\n", BY_BIT),
        ("master rounded", "            pairs = zip(targets, narrow, strict=True)\n", BY_BIT),
        (
            "masters in the wrong order",
            "            pairs = zip(new[::-1], narrow, strict=True)\n",
            BY_BIT,
        ),
    ),
    (
        "a master for wide weights too",
        "treedef.unflatten(n if is_narrow(w) else None for n, w in pairs)",
        "treedef.unflatten(n for n, w in pairs)",
        BY_BIT,
    ),
    *instead(
        "return [next(masters) if is_narrow(w) else widen(w) for w in leaves]",
        ("masters ignored", "return [widen(w) for w in leaves]", ADD_UP),
        ("masters for wide weights", "return [next(masters, widen(w)) for w in leaves]", DONATED),
    ),
    *instead(
        "step_between(widen(w), t) if is_narrow(w) else x",
        ("zeros' signs lost", "t - widen(w) if is_narrow(w) else x", NO_CHANGE),
        ("the inner update itself", "x", ADD_UP),
        ("the weight for its difference", "t if is_narrow(w) else x", ADD_UP),
        ("wide weights rounded too", "step_between(widen(w), t)", {"by": ("oracle_float64",)}),
    ),
    *instead(
        "return wide(dtype) != dtype",
        (
            "float16 is wide",
            "return dtype == jnp.bfloat16",
            {
                "by": (
                    "test_precision.py::test_params_are_their_masters_rounded_bit_for_bit[jos-float16]",
                )
            },
        ),
        ("bfloat16 is wide", "return dtype == jnp.float16", BY_BIT),
        ("all are narrow", "return bool(dtype)", BY_BIT),
        ("none is narrow", "return not dtype", BY_BIT),
    ),
    *instead(
        "inside = Context(wide_params, dtypes_of(wide_params), context.extra)",
        (
            "the inner one sees narrow weights",
            "inside = Context(context.params, dtypes_of(wide_params), context.extra)",
            precision("the_inner_transformation_sees_the_masters"),
        ),
        (
            "updates narrowed inside",
            "inside = Context(wide_params, context.dtypes, context.extra)",
            FOREIGN_INSIDE,
        ),
        (
            "the inner one sees no extra arguments",
            "inside = Context(wide_params, dtypes_of(wide_params), {})",
            precision("the_inner_transformation_is_given_the_metric"),
        ),
    ),
    (
        "the inner one starts from narrow weights",
        "inner = self.inner.init(jax.tree.map(widen, params))",
        "inner = self.inner.init(params)",
        FOREIGN_INSIDE,
    ),
    (
        "updates narrowed",
        "    def keeps_wide(self) -> bool:\n        return True\n",
        "    def keeps_wide(self) -> bool:\n        return False\n",
        SEES,
    ),
    (
        "a master for every weight at first",
        "lambda w: copy_of(w) if is_narrow(w) else None, params)",
        "copy_of, params)",
        BY_BIT,
    ),
    (
        "a master of 0 at first",
        "lambda w: copy_of(w) if is_narrow(w) else None, params)",
        "lambda w: 0 * copy_of(w) if is_narrow(w) else None, params)",
        BY_BIT,
    ),
    ("seed ignored", "jax.random.PRNGKey(self.seed or 0)", "jax.random.PRNGKey(0)", ITS_SEED),
    *instead(
        "            key, now = jax.random.split(key)\n",
        ("key kept", "            _, now = jax.random.split(key)\n", ITS_SEED),
        (
            "key never drawn from anew",
            "            key, now = jax.random.split(key)\n            now = jax.random.PRNGKey(0)\n",
            ITS_SEED,
        ),
    ),
    (
        "a seed beyond 32 bits",
        "if seed is None or not 0 <= seed < 2**32:",
        "if seed is None or not 0 <= seed:",
        precision("a_seed_has_32_bits"),
    ),
    (
        "a seed below 0",
        "if seed is None or not 0 <= seed < 2**32:",
        "if seed is None or not seed < 2**32:",
        bad("a seed below 0"),
    ),
    ("a seed for masters", "    if mode == MASTER and seed is not None:\n", "    if False:\n", REFUSED),
    (
        "a state of the other mode",
        "        if getattr(state, other) is not None:\n",
        "        if False:\n",
        bad("a state of stochastic rounding"),
    ),
    (
        "any mode",
        "if not isinstance(mode, str) or mode not in (MASTER, STOCHASTIC):",
        "if False:",
        REFUSED,
    ),
) + mutants(
    "_parts/rounding.py",
    ("mixed_precision",),
    *instead(
        "return jnp.where((w == 0) & (r == 0), r, r - w)",
        ("difference reversed", "return jnp.where((w == 0) & (r == 0), r, w - r)", ADD_UP),
        (
            "no way from or to 0",
            "return jnp.where((w == 0) | (r == 0), r, r - w)",
            precision("a_weight_goes_to_zero_and_comes_back"),
        ),
        ("between zeros +0.0", "return jnp.where((w == 0) & (r == 0), 0.0, r - w)", NO_CHANGE),
    ),
    *instead(
        "return _rounded(_in_range(x, dtype), dtype).astype(x.dtype)",
        ("to infinity", "return _rounded(x, dtype).astype(x.dtype)", LARGEST),
        ("rounded down", "return jnp.floor(x * 256) / 256", BY_BIT),
        (
            "rounded towards 0",
            "return _rounded(_in_range(x * (1 - float(jnp.finfo(dtype).eps) / 2), dtype), dtype).astype(x.dtype)",
            BY_BIT,
        ),
        (
            "rounded to bfloat16",
            "return _rounded(_in_range(x, dtype), jnp.bfloat16).astype(x.dtype)",
            {
                "by": (
                    "test_precision.py::test_params_are_their_masters_rounded_bit_for_bit[jos-float16]",
                )
            },
        ),
    ),
    *instead(
        "return jnp.where(jnp.isfinite(x), jnp.clip(x, -most, most), x)",
        ("infinity in range", "return jnp.clip(x, -most, most)", precision("an_infinity_stays_one")),
        ("bounded above only", "return jnp.where(jnp.isfinite(x), jnp.minimum(x, most), x)", LARGEST),
        ("bounded below only", "return jnp.where(jnp.isfinite(x), jnp.maximum(x, -most), x)", LARGEST),
        ("0 out of range", "return jnp.where(jnp.abs(x) <= most, x, 0)", LARGEST),
    ),
    (
        "one key for all shapes",
        "jax.random.fold_in(key, n), (len(members)",
        "key, (len(members)",
        ITS_SEED,
    ),
    (
        "one drawing for leaves of a shape",
        "for i, draw in zip(members, draws, strict=True):",
        "for i, draw in zip(members, draws[:1].repeat(len(members), 0), strict=True):",
        precision("leaves_of_one_shape_draw_on_their_own"),
    ),
    (
        "one drawing for a leaf",
        "(len(members), *shape), dtype)",
        "(len(members), *(1 for _ in shape)), dtype)",
        precision("leaves_of_one_shape_draw_on_their_own"),
    ),
    (
        "the derivative of a step",
        "jnp.where(exact, x, x + (step - jax.lax.stop_gradient(x)))",
        "jnp.where(exact, x, step)",
        precision("the_derivative_of_stochastic_rounding_is_one"),
    ),
    *instead(
        "exact = (step == x) | ~jnp.isfinite(x)",
        ("what the dtype holds rounded", "exact = ~jnp.isfinite(x)", HELD),
        ("nothing rounded", "exact = x == x", MEAN),
    ),
    *instead(
        "return jnp.where(draw < share, high, low)",
        ("share inverted", "return jnp.where(draw < share, low, high)", MEAN),
        ("a coin", "return jnp.where(draw < 0.5, high, low)", MEAN),
        ("always up", "return high", MEAN),
        ("always down", "return low", MEAN),
        ("nearest", "return jnp.where(share > 0.5, high, low)", MEAN),
        ("two apart", "return jnp.where(draw < share, high + (high - low), low)", MEAN),
    ),
    *instead(
        "share = (x - low) / jnp.where(high > low, high - low, 1)",
        (
            "share of the upper distance",
            "share = (high - x) / jnp.where(high > low, high - low, 1)",
            MEAN,
        ),
        ("share halved", "share = (x - low) / (2 * jnp.where(high > low, high - low, 1))", MEAN),
        ("share of the number", "share = (x - low) / jnp.where(x > low, x, 1)", MEAN),
    ),
    (
        "the neighbour on the wrong side",
        "jnp.where(below, nearest, jnp.nextafter(nearest, down))",
        "jnp.where(below, nearest, jnp.nextafter(nearest, up))",
        MEAN,
    ),
    ("neighbours of infinity", "    x = _in_range(x, dtype)\n    nearest", "    nearest", EDGES),
)

IN_FLOAT32 = precision("steps_are_taken_in_float32_from_a_narrow_state")
INSIDE_TOO = precision("every_rule_inside_is_narrowed_and_wrappers_keep_their_own")
SOME = {"by": ("test_preset_details.py::test_adam_s_mean_alone_is_narrowed",)}
STALLS = precision("a_bfloat16_mean_of_squares_stalls_at_a_quarter")
NARROWED = (
    mutants(
        "_parts/precision.py",
        ("accumulator_dtype",),
        *instead(
            "return dataclasses.replace(node, narrow=dtype, fields=fields)",
            ("not narrowed", "return node", STALLS),
            (
                "narrowed to float16",
                "return dataclasses.replace(node, narrow=jnp.float16, fields=fields)",
                STALLS,
            ),
        ),
        (
            "rules inside left alone",
            "return node.with_children([_narrowed(child, dtype, fields) for _, child in node.children()])",
            "return node",
            INSIDE_TOO,
        ),
        (
            "only the first rule inside",
            "_narrowed(child, dtype, fields) for _, child in node.children()]",
            "_narrowed(child, dtype, fields) if i == 0 else child for i, (_, child) in enumerate(node.children())]",
            INSIDE_TOO,
        ),
        (
            "another library's left alone",
            "    if isinstance(node, Foreign):\n",
            "    if False:\n",
            REFUSED,
        ),
        ("fields forgotten", "narrow=dtype, fields=fields)", "narrow=dtype)", SOME),
        *instead(
            "return transformation(_narrowed(of_init, narrow, fields), _narrowed(of_update, narrow, fields))",
            (
                "fields of init alone",
                "return transformation(_narrowed(of_init, narrow, fields), _narrowed(of_update, narrow, None))",
                SOME,
            ),
            (
                "fields of update alone",
                "return transformation(_narrowed(of_init, narrow, None), _narrowed(of_update, narrow, fields))",
                SOME,
            ),
            (
                "only init",
                "return transformation(_narrowed(of_init, narrow, fields), of_update)",
                IN_FLOAT32,
            ),
            (
                "only update",
                "return transformation(of_init, _narrowed(of_update, narrow, fields))",
                IN_FLOAT32,
            ),
        ),
    )
    + mutants(
        "_core/lift.py",
        ("accumulator_dtype",),
        (
            "computed narrow",
            "return rule, self._started(dtype), self.expected_state(dtype)",
            "return rule, self.expected_state(dtype), self.expected_state(dtype)",
            IN_FLOAT32,
        ),
        (
            "kept wide",
            "return rule, self._started(dtype), self.expected_state(dtype)",
            "return rule, self._started(dtype), self._started(dtype)",
            IN_FLOAT32,
        ),
        (
            "not narrowed after a step",
            "steps.append((u, self._in_dtypes(s, kept)))",
            "steps.append((u, s))",
            IN_FLOAT32,
        ),
        (
            "not widened before a step",
            "_step(rule, g, self._in_dtypes(s, computed), w)",
            "_step(rule, g, s, w)",
            IN_FLOAT32,
        ),
        (
            "starts wide",
            "states = [self._in_dtypes(s, kept) for s, kept in started]",
            "states = [s for s, kept in started]",
            IN_FLOAT32,
        ),
        (
            "the update narrowed too",
            "steps.append((u, self._in_dtypes(s, kept)))",
            "u = u if self.narrow is None else u.astype(self.narrow).astype(u.dtype)\n            steps.append((u, self._in_dtypes(s, kept)))",
            IN_FLOAT32,
        ),
        (
            "the gradient narrowed too",
            "            rule, computed, kept = at[g.dtype]\n",
            "            rule, computed, kept = at[g.dtype]\n            g = g if self.narrow is None else g.astype(self.narrow).astype(g.dtype)\n",
            IN_FLOAT32,
        ),
        (
            "complex states forced",
            "if any(jnp.issubdtype(getattr(s, f).dtype, jnp.complexfloating) for f in fields):",
            "if False:",
            REFUSED,
        ),
        (
            "complex leaves refused",
            "if any(jnp.issubdtype(getattr(s, f).dtype, jnp.complexfloating) for f in fields):",
            "if jnp.issubdtype(dtype, jnp.complexfloating):",
            precision("real_states_of_complex_leaves_can_be_narrow"),
        ),
        *instead(
            "fields = s._fields[1:] if self.fields is None else self.fields",
            ("all fields narrowed", "fields = s._fields[1:]", SOME),
            (
                "the other fields narrowed",
                "fields = tuple(f for f in s._fields[1:] if f not in (self.fields or ()))",
                SOME,
            ),
            ("none narrowed", "fields = self.fields or ()", STALLS),
        ),
        (
            "fields that are not kept narrowed",
            "fields = [f for f in fields if getattr(s, f) is not None]",
            "fields = list(fields)",
            STALLS,
        ),
    )
    + mutants(
        "_core/dtypes.py",
        ("accumulator_dtype",),
        (
            "complex dtypes",
            "if not jnp.issubdtype(found, jnp.floating):",
            "if not jnp.issubdtype(found, jnp.inexact):",
            REFUSED,
        ),
        ("any dtype", "if not jnp.issubdtype(found, jnp.floating):", "if False:", REFUSED),
        (
            "None for float64",
            "unnamed = dtype is None or isinstance",
            "unnamed = isinstance",
            bad("accumulators of None"),
        ),
        (
            "float64 while it is off",
            "    if jax.dtypes.canonicalize_dtype(found) != found:\n",
            "    if False:\n",
            bad("accumulators of float64 while it is off"),
        ),
    )
)

# --- Without leaves, and with arrays alone

static = tests_of("test_static.py")
BY_VALUE, NO_LEAVES = (
    static("static_is_hashed_and_compared_by_value"),
    static("static_has_no_leaves_and_the_same_states_and_updates"),
)
CHANGED, NO_VALUE = (
    static("hyperparameters_are_read_and_changed_by_name"),
    static("what_has_no_value_cannot_be_static"),
)
ARRAYS, SHOWN = (
    static("arrays_have_arrays_for_leaves_and_the_same_results"),
    static("static_says_what_it_is"),
)
WHOLE_NUMBERS = static("whole_numbers_in_a_schedule_become_floating_arrays")
A_KEY = static("a_static_optimizer_is_a_key_by_value")
STATIC = mutants(
    "_parts/static.py",
    ("static",),
    *instead(
        "    by_value = True\n",
        ("compared by identity", "    by_value = False\n", A_KEY),
    ),
    (
        "arrays as static numbers",
        'tuple(x.item() if hasattr(x, "item") else x for x in leaves)',
        "tuple(leaves)",
        A_KEY,
    ),
    (
        "numbers rounded",
        'tuple(x.item() if hasattr(x, "item") else x for x in leaves)',
        "tuple(round(float(x), 1) for x in leaves)",
        static("static_optimizers_are_static_arguments"),
    ),
    (
        "numbers in the wrong order",
        "return self.structure.unflatten(self.numbers)",
        "return self.structure.unflatten(self.numbers[::-1])",
        NO_LEAVES,
    ),
    ("changes lost", "        return frozen(children[0])\n", "        return self\n", CHANGED),
    *instead(
        "return transformation(frozen(of_init), frozen(of_update))",
        ("init's half has leaves", "return transformation(of_init, frozen(of_update))", SHOWN),
        ("update's half has leaves", "return transformation(frozen(of_init), of_update)", NO_LEAVES),
        ("halves alike", "return transformation(frozen(of_update), frozen(of_update))", NO_LEAVES),
    ),
    (
        "static twice",
        "    if isinstance(node, Static):\n        return node\n",
        "    if False:\n        return node\n",
        SHOWN,
    ),
    ("traced numbers", "    if is_traced(leaves):\n", "    if False:\n", NO_VALUE),
    (
        "stacks",
        "    if stacked := [jnp.shape(x) for x in leaves if jnp.shape(x)]:\n",
        "    if stacked := []:\n",
        NO_VALUE,
    ),
    (
        "what is no floating leaf refused",
        "    hands_on_any_dtype = True\n",
        "    hands_on_any_dtype = False\n",
        INTEGERS,
    ),
    (
        "state not advanced",
        "        return step_of(self.inner, updates, state, context)",
        "        return step_of(self.inner, updates, state, context)[0], state",
        NO_LEAVES,
    ),
    (
        "params not handed on",
        "        return step_of(self.inner, updates, state, context)",
        "        return step_of(self.inner, updates, state, context._replace(params=None))",
        {"by": ("test_static.py::test_static_has_no_leaves_and_the_same_states_and_updates[wrapped]",)},
    ),
    (
        "states not read by name",
        "        return [state]\n",
        "        return [self.structure]\n",
        static("hyperparams_at_a_state"),
    ),
    *instead(
        "return transformation(jax.tree.map(_array, of_init), jax.tree.map(_array, of_update))",
        (
            "floats stay in init",
            "return transformation(of_init, jax.tree.map(_array, of_update))",
            ARRAYS,
        ),
        (
            "floats stay in update",
            "return transformation(jax.tree.map(_array, of_init), of_update)",
            ARRAYS,
        ),
    ),
    *instead(
        "return x if isinstance(x, jax.Array) else jnp.asarray(x, float)",
        (
            "whole numbers stay integers",
            "return x if isinstance(x, jax.Array) else jnp.asarray(x)",
            WHOLE_NUMBERS,
        ),
        ("float16", "return x if isinstance(x, jax.Array) else jnp.asarray(x, jnp.float16)", ARRAYS),
        (
            "float32 always",
            "return x if isinstance(x, jax.Array) else jnp.asarray(x, jnp.float32)",
            static("arrays_in_float64"),
        ),
        (
            "arrays copied",
            "return jnp.array(x, float, copy=True)",
            static("arrays_of_arrays_of_tracers_and_of_stacks"),
        ),
        (
            "NumPy's arrays",
            "return x if isinstance(x, jax.Array) else __import__('numpy').asarray(x)",
            ARRAYS,
        ),
        (
            "numbers halved",
            "return x if isinstance(x, jax.Array) else jnp.asarray(x / 2, float)",
            ARRAYS,
        ),
    ),
) + mutants(
    "_core/pair.py",
    ("static",),
    *instead(
        "return isinstance(other, StaticPartial) and (self.func, self.args) == (other.func, other.args)",
        ("all are equal", "return isinstance(other, StaticPartial)", BY_VALUE),
        ("only itself is equal", "return self is other", A_KEY),
        (
            "halves not told apart",
            "return isinstance(other, StaticPartial) and self.args == other.args",
            static("the_halves_of_one_optimizer_differ"),
        ),
    ),
    (
        "another hash every time",
        "return hash((self.func, self.args))",
        "return object.__hash__(self)",
        A_KEY,
    ),
    (
        "never static",
        "partial = StaticPartial if update_half.by_value else Partial",
        "partial = Partial",
        A_KEY,
    ),
    (
        "always static",
        "partial = StaticPartial if update_half.by_value else Partial",
        "partial = StaticPartial",
        static("arrays_of_arrays_of_tracers_and_of_stacks"),
    ),
)

# --- Assertions

checked = tests_of("test_checked.py")
VALUES = checked("values_are_asserted_and_named")
STEP, OFF = (
    checked("the_step_counts_on"),
    checked("switched_off_the_program_is_that_of_the_bare_transformation"),
)
RATES = checked("numbers_that_no_constructor_could_check")
NO_ALARM = checked("a_skipped_step_is_no_alarm")
BARE = checked("updates_and_state_are_those_of_the_bare_transformation")
TRAINING = checked("make_step_checks_when_it_is_asked_to")
SEVERAL = checked("a_leaf_among_leaves_of_several_shapes_is_named")


def value(*names):
    """The rows of test_checked.VALUES that kill a mutant, eagerly."""
    return {
        "by": tuple(f"test_checked.py::test_values_are_asserted_and_named[{n}-eagerly]" for n in names)
    }


GRADIENT = value("updates-of-a-fine-gradient", "updates-of-a-bad-gradient")
CHECKED = mutants(
    "_parts/checked.py",
    ("checked",),
    (
        "ranges not asserted",
        "        require(owner, in_range,",
        "        require(owner, in_range._replace(ok=in_range.ok | True),",
        value("accumulator-negative"),
    ),
    (
        "finiteness not asserted",
        "        require(owner, finite,",
        "        require(owner, finite._replace(ok=finite.ok | True),",
        value("params"),
    ),
    *instead(
        "self._require(Seen(context.params, updates, new, before, after), state.count)",
        (
            "params not looked at",
            "self._require(Seen(None, updates, new, before, after), state.count)",
            value("params"),
        ),
        (
            "gradients for updates",
            "self._require(Seen(context.params, updates, updates, before, after), state.count)",
            value("updates-of-a-fine-gradient"),
        ),
        (
            "updates for gradients",
            "self._require(Seen(context.params, new, new, before, after), state.count)",
            value("updates-of-a-fine-gradient"),
        ),
        (
            "the state before",
            "self._require(Seen(context.params, updates, new, before, before), state.count)",
            value("accumulator-infinite"),
        ),
        (
            "schedules after the step",
            "self._require(Seen(context.params, updates, new, after, after), state.count)",
            value("scheduled-rate"),
        ),
        (
            "the next step named",
            "self._require(Seen(context.params, updates, new, before, after), state.count + 1)",
            value("params"),
        ),
        ("always step 0", "self._require(Seen(context.params, updates, new, before, after), 0)", STEP),
        (
            "params after the step",
            "self._require(Seen(jax.tree.map(lambda w, u: w + u, context.params, new), updates, new, before, after), state.count)",
            value("updates-of-a-bad-gradient"),
        ),
    ),
    *instead(
        "        if enabled():\n",
        ("never asserted", "        if False:\n", value("params")),
        ("asserted though it is off", "        if True:\n", OFF),
        (
            "not when traced",
            "        if enabled() and not is_traced(updates):\n",
            checked("in_a_scan_inside_a_chexified_step"),
        ),
        ("only when traced", "        if enabled() and is_traced(updates):\n", value("params")),
    ),
    *instead(
        "return enabled() or self.inner.in_python",
        (
            "what was compiled while off is called",
            "return self.inner.in_python",
            checked("what_was_compiled_while_off_is_not_silent_later_nor_the_reverse"),
        ),
        ("never one call", "return True", checked("switched_off_an_eager_update_is_one_call")),
    ),
    *instead(
        "return new, CheckedState(next_count(state.count), after)",
        ("steps not counted", "return new, CheckedState(state.count, after)", STEP),
        ("state not advanced", "return new, CheckedState(next_count(state.count), before)", BARE),
        ("gradients returned", "return updates, CheckedState(next_count(state.count), after)", BARE),
    ),
    (
        "the state not looked at",
        "return [(p, x) for p, x in floating(state) if not belongs_to(",
        "return [(p, x) for p, x in floating(state) if False and not belongs_to(",
        value("velocity-infinite"),
    ),
    (
        "no best value yet is an alarm",
        'if not belongs_to("may_be_infinite", state, p)]',
        "if p]",
        NO_ALARM,
    ),
    *instead(
        'if belongs_to("non_negative", state, p)]',
        ("accumulators not looked at", "if not p]", value("accumulator-negative")),
        ("velocities too", "if p]", value("velocities-are-signed")),
    ),
    *instead(
        "jnp.isfinite(v) & (v >= r.low) & (v <= r.high)",
        ("no lower bound", "jnp.isfinite(v) & (v <= r.high)", value("scheduled-rate")),
        ("no upper bound", "jnp.isfinite(v) & (v >= r.low)", value("scheduled-mu")),
        (
            "bounds excluded",
            "jnp.isfinite(v) & (v > r.low) & (v < r.high)",
            checked("the_ends_of_a_range_are_no_alarm"),
        ),
        ("only finiteness", "jnp.isfinite(v)", value("scheduled-rate", "scheduled-mu")),
        ("infinite numbers", "(v >= r.low) & (v <= r.high)", checked("an_infinite_number_is_an_alarm")),
    ),
    (
        "no hyperparameter looked at",
        "for f in fields_at(node, seen.before)]",
        "for f in [*fields_at(node, seen.before)][:0]]",
        value("scheduled-mu"),
    ),
    (
        "another hyperparameter named",
        "    for f in fields_of(node):\n",
        "    for f in reversed([*fields_of(node)]):\n",
        RATES,
    ),
    ("finite and not swapped", '" if value else "', '" if not value else "', GRADIENT),
    (
        "the first gradients for all",
        "values = values.at[begin : begin + len(gradients.ok)].set(",
        "values = values.at[: len(gradients.ok)].set(",
        GRADIENT,
    ),
    (
        "complex leaves not looked at",
        "if is_floating(x)]",
        "if jnp.issubdtype(jnp.result_type(x), jnp.floating)]",
        checked("narrow_and_complex_leaves_are_asserted_too"),
    ),
    (
        "braces in keys",
        'return text.replace("{", "{{").replace("}", "}}")',
        "return text",
        value("braces-in-a-key"),
    ),
    *instead(
        'if getattr(path[-1], "name", None) == "count":',
        (
            "the first whole number is the count",
            "if jnp.issubdtype(x.dtype, jnp.integer):",
            checked("the_count_is_found_behind_other_numbers"),
        ),
        ("no count is found", "if False:", TRAINING),
    ),
    (
        "an uncounted step is step 0",
        "return jnp.full((), -1, jnp.int32)",
        "return jnp.full((), 0, jnp.int32)",
        TRAINING,
    ),
    (
        "halves mixed up",
        "return transformation(Checked(of_init), Checked(of_update))",
        "return transformation(of_init, Checked(of_update))",
        BARE,
    ),
    (
        "the owner's name",
        'owner = f"checked({self.inner.name})"',
        'owner = "checked"',
        value("params"),
    ),
)
CHECKED += mutants(
    "_core/assertions.py",
    ("checked",),
    *instead(
        "first = int(jnp.argmin(self.flags.ok))",
        ("the first that is well", "first = int(jnp.argmax(self.flags.ok))", value("params")),
        ("always the first", "first = 0", value("params")),
        ("the last", "first = len(self.texts) - 1 - int(jnp.argmin(self.flags.ok[::-1]))", SEVERAL),
    ),
    (
        "the first value",
        "value=float(self.flags.value[first])",
        "value=float(self.flags.value[0])",
        value("scheduled-mu", "accumulator-negative"),
    ),
    *instead(
        "ok = flags.ok.all()",
        ("one good leaf is enough", "ok = flags.ok.any()", value("params")),
        ("all is well", "ok = flags.ok.all() | True", value("params")),
    ),
    *instead(
        "lambda x: jnp.isfinite(x).all(), leaves, bool)",
        (
            "one finite element is enough",
            "lambda x: jnp.isfinite(x).any(), leaves, bool)",
            value("params"),
        ),
        ("infinities pass", "lambda x: ~jnp.isnan(x).any(), leaves, bool)", value("params")),
        (
            "NaN passes",
            "lambda x: ~jnp.isinf(x).any(), leaves, bool)",
            value("updates-of-a-bad-gradient"),
        ),
    ),
    *instead(
        "return Flags(~(least < 0), least)",
        (
            "0 is an alarm",
            "return Flags(least > 0, least)",
            checked("the_ends_of_a_range_are_no_alarm"),
        ),
        (
            "NaN is a negative number",
            "return Flags(least >= 0, least)",
            checked("a_nan_accumulator_is_not_finite_rather_than_negative"),
        ),
        ("positive ones are an alarm", "return Flags(~(least > 0), least)", value("nothing")),
    ),
    (
        "largest for the smallest",
        "jnp.min(x, initial=jnp.inf)",
        "jnp.max(x, initial=-jnp.inf)",
        value("accumulator-negative"),
    ),
    (
        "leaves named in groups",
        "*(x.astype(dtype) for x in numbers)])[place]",
        "*(x.astype(dtype) for x in numbers)])",
        SEVERAL,
    ),
    (
        "only the outermost state",
        "        state = _child(state, key)\n    return False",
        "        return False\n    return False",
        checked("accumulators_inside_a_chain_are_looked_at"),
    ),
    (
        "an uncounted step counted",
        'step = f"step {int(self.step)}" if self.step >= 0 else "an uncounted step"',
        'step = f"step {int(self.step)}"',
        TRAINING,
    ),
    (
        "always enabled",
        "    except AssertionError:\n        return True\n    return False",
        "    except AssertionError:\n        return True\n    return True",
        OFF,
    ),
)

# --- Arguments on the way, updates that are none, and training

HANDED_ON = tests_of("test_interop.py")("extra_arguments_reach_the_members_that_take_them")
UNKNOWN = {"by": ("test_accumulation.py::test_extra_arguments_are_those_of_the_last_call",)}
METRIC = plateau("through_chain_in_every_dtype")
AROUND = {
    "by": ("test_checked.py::test_inside_and_around_every_wrapper[reduce_on_plateau-outside-eagerly]",)
}
EXTRAS = (
    mutants(
        "_core/pair.py",
        ("extras",),
        *instead(
            'return {n: x for n, x in extra.items() if n in node.extras or "*" in node.extras}',
            (
                "unknown arguments handed on",
                "return extra",
                tests_of("test_interop.py")("extra_arguments_reach_only_who_takes_them"),
            ),
            ("all dropped", "return {}", METRIC),
            (
                "no one takes all",
                "return {n: x for n, x in extra.items() if n in node.extras}",
                HANDED_ON,
            ),
            ("everyone takes all or nothing", 'return extra if "*" in node.extras else {}', METRIC),
            (
                "others than asked for",
                "return {n: x for n, x in extra.items() if n not in node.extras}",
                METRIC,
            ),
        ),
        (
            "a member's arguments dropped",
            "return _jitted_member(node, updates, state, context.params, dtypes, extra)",
            "return _jitted_member(node, updates, state, context.params, dtypes, {})",
            AROUND,
        ),
        (
            "a member's params dropped",
            "return _jitted_member(node, updates, state, context.params, dtypes, extra)",
            "return _jitted_member(node, updates, state, None, dtypes, extra)",
            {
                "by": (
                    "test_checked.py::test_inside_and_around_every_wrapper[average_params-outside-eagerly]",
                )
            },
        ),
        (
            "functions go into jit",
            "    return all(isinstance(x, kinds) for x in jax.tree.leaves(extra))",
            "    return True",
            HANDED_ON,
        ),
        (
            "arguments dropped on the way to Python",
            "        return _update(node, updates, state, params, extra)\n    try:",
            "        return _update(node, updates, state, params, {})\n    try:",
            HANDED_ON,
        ),
        (
            "arguments dropped on the way to jit",
            "return _jitted_update(node, updates, state, params, extra)",
            "return _jitted_update(node, updates, state, params, {})",
            METRIC,
        ),
        (
            "params dropped",
            "return _jitted_update(node, updates, state, params, extra)",
            "return _jitted_update(node, updates, state, None, extra)",
            clipping("weight_decay_is_added"),
        ),
    )
    + mutants(
        "_core/foreign.py",
        ("extras",),
        (
            "unknown arguments to another library",
            "extra = wanted(self, context.extra)",
            "extra = context.extra",
            {"by": ("test_interop.py::test_extra_arguments_reach_only_who_takes_them",)},
        ),
        ("none to another library", "extra = wanted(self, context.extra)", "extra = {}", HANDED_ON),
        (
            "who takes all gets none",
            '        return frozenset("*")\n',
            "        return frozenset()\n",
            HANDED_ON,
        ),
        (
            "everyone gets all",
            "    if any(p.kind is p.VAR_KEYWORD for p in parameters):\n",
            "    if True:\n",
            {"by": ("test_interop.py::test_extra_arguments_reach_only_who_takes_them",)},
        ),
        (
            "the fourth argument forgotten",
            "for p in parameters[3:] if",
            "for p in parameters[4:] if",
            {"by": ("test_interop.py::test_extra_arguments_reach_only_who_takes_them",)},
        ),
        (
            "wide updates to another library",
            "narrow = cast(updates, context.dtypes)",
            "narrow = updates",
            tests_of("test_interop.py")("foreign_members_see_narrow_updates_in_their_dtype"),
        ),
        (
            "no params to another library",
            "self.function(narrow, state, context.params, **extra)",
            "self.function(narrow, state, None, **extra)",
            tests_of("test_interop.py")("optax_inside_our_chain"),
        ),
        (
            "narrow updates from another library",
            "return jax.tree.map(widen, new), state",
            "return new, state",
            tests_of("test_interop.py")("what_a_foreign_member_returns_is_widened_again"),
        ),
    )
    + mutants(
        "_core/node.py",
        ("extras",),
        (
            "the last member's arguments alone",
            "frozenset().union(*(m.extras for m in self.members))",
            "frozenset().union(*(m.extras for m in self.members[-1:]))",
            HANDED_ON,
        ),
        (
            "the first member's arguments alone",
            "frozenset().union(*(m.extras for m in self.members))",
            "frozenset().union(*(m.extras for m in self.members[:1]))",
            METRIC,
        ),
        (
            "all but the first member's arguments",
            "frozenset().union(*(m.extras for m in self.members))",
            "frozenset().union(*(m.extras for m in self.members[1:]))",
            TO_MEMBERS,
        ),
    )
    + mutants(
        "_core/pytree.py",
        ("extras",),
        (
            "structures of one name for all classes",
            "default=cls, repr=False",
            "default=None, repr=False",
            tests_of("test_structure.py")("cases_of_different_classes_have_different_structures"),
        ),
    )
    + mutants(
        "_core/chain.py",
        ("extras",),
        (
            "wide updates narrowed",
            "return bool(self.members) and self.members[-1].keeps_wide",
            "return False",
            {"by": ("test_precision.py::test_the_last_of_a_chain_keeps_its_updates_wide",)},
        ),
        (
            "wide though it is not the last",
            "return bool(self.members) and self.members[-1].keeps_wide",
            "return any(m.keeps_wide for m in self.members)",
            {"by": ("test_precision.py::test_the_last_of_a_chain_keeps_its_updates_wide",)},
        ),
    )
    + mutants(
        "_core/node.py",
        ("extras",),
        (
            "a wrapper asks for nothing",
            "        return self.inner.extras\n",
            "        return frozenset()\n",
            UNKNOWN,
        ),
        (
            "a wrapper narrows",
            "        return self.inner.keeps_wide\n",
            "        return False\n",
            averages("wide_updates_are_not_rounded_before_the_average"),
        ),
    )
    + mutants(
        "_core/lift.py",
        ("extras",),
        (
            "a rule asks for nothing",
            "        return self.rule.extras\n",
            "        return frozenset()\n",
            METRIC,
        ),
    )
)

NONE = mutants(
    "_core/apply.py",
    ("apply_updates",),
    *instead(
        "any(map(is_none, jax.tree.leaves(updates))):",
        ("none only if all are", "all(map(is_none, jax.tree.leaves(updates))):"),
        ("none is an error", "False:"),
    ),
    ("whatever is none applied", "changed = [not is_none(u) for", "changed = [is_none(u) for"),
    *instead(
        "next(new) if c else w for w, c in",
        ("the first parameters for those left alone", "next(new) if c else leaves[0] for w, c in"),
        ("the parameters left alone lost", "next(new) if c else None for w, c in"),
        ("nothing changed", "w if c else w for w, c in"),
    ),
    (
        "every floating update is none",
        'getattr(u, "dtype", None) == jax.dtypes.float0',
        'getattr(u, "dtype", None) != jax.dtypes.float0',
    ),
    by=INTEGERS["by"],
)

training = tests_of("test_training.py")
GIVEN = training("a_step_hands_on_the_loss_its_gradient_and_itself")
FIT_CHECKS = {"by": ("test_checked.py::test_fit_checks_when_it_is_asked_to[sgd-False]",)}
STEP_CHECKS = {"by": ("test_checked.py::test_make_step_checks_when_it_is_asked_to[sgd-False]",)}
WHILE_OFF = checked("what_was_compiled_while_off_is_not_silent_later_nor_the_reverse")
LOOPS = mutants(
    "training/step.py",
    ("training",),
    *instead(
        'extra = {"value": value, "grad": gradient, "value_fn": lambda w: _value(program, w, batch)}',
        ("no extra arguments", "extra = {}", plateau("make_step_and_fit_give_it_the_loss")),
        (
            "no value",
            'extra = {"grad": gradient, "value_fn": lambda w: _value(program, w, batch)}',
            plateau("make_step_and_fit_give_it_the_loss"),
        ),
        (
            "no gradient",
            'extra = {"value": value, "value_fn": lambda w: _value(program, w, batch)}',
            GIVEN,
        ),
        ("no objective", 'extra = {"value": value, "grad": gradient}', GIVEN),
        (
            "the objective at the params",
            'extra = {"value": value, "grad": gradient, "value_fn": lambda w: _value(program, params, batch)}',
            GIVEN,
        ),
        (
            "params for the gradient",
            'extra = {"value": value, "grad": params, "value_fn": lambda w: _value(program, w, batch)}',
            GIVEN,
        ),
        (
            "the value's sign",
            'extra = {"value": -value, "grad": gradient, "value_fn": lambda w: _value(program, w, batch)}',
            GIVEN,
        ),
    ),
    *instead(
        "    value = program.loss(params, *batch)\n",
        ("an objective without the batch", "    value = program.loss(params)\n", GIVEN),
    ),
    (
        "an objective with what is beside it",
        "return value[0] if program.has_aux else value\n",
        "return value\n",
        GIVEN,
    ),
    ("not checked", "    if not program.checked:\n", "    if True:\n", STEP_CHECKS),
    (
        "always checked",
        "    if not program.checked:\n",
        "    if False:\n",
        training("step_follows_the_slides_loop"),
    ),
    (
        "checked from step 0",
        "asserted = CheckedState(step_count(state), state)",
        "asserted = CheckedState(jnp.int32(0), state)",
        STEP_CHECKS,
    ),
    (
        "checked state returned",
        "updates, (_, new_state) = asserting(tx)",
        "updates, new_state = asserting(tx)",
        STEP_CHECKS,
    ),
    (
        "what was compiled while off is called",
        "Fixed((fixed, enabled()))",
        "Fixed((fixed, True))",
        WHILE_OFF,
    ),
    ("not chexified", "return chex.chexify(inner, async_check=False)", "return inner", STEP_CHECKS),
    (
        "extra arguments not handed to the checked one",
        "asserting(tx).update(gradient, asserted, params, **extra)",
        "asserting(tx).update(gradient, asserted, params)",
        training("a_checked_step_hands_on_the_loss_too"),
    ),
    (
        "params not handed to the checked one",
        "asserting(tx).update(gradient, asserted, params, **extra)",
        "asserting(tx).update(gradient, asserted, **extra)",
        {"by": ("test_training.py::test_a_checked_step_hands_on_the_loss_too",)},
    ),
) + mutants(
    "training/fit.py",
    ("training",),
    ("fit does not check", "    if program.checked:\n", "    if False:\n", FIT_CHECKS),
)

TABLE = [
    *CLIP,
    *GLOBAL_NORM,
    *ZERO_NANS,
    *DECAY,
    *MASKS,
    *MULTI_STEPS,
    *FINITE,
    *AVERAGE,
    *PLATEAU,
    *MIXED,
    *NARROWED,
    *STATIC,
    *CHECKED,
    *EXTRAS,
    *NONE,
    *LOOPS,
]

SUBJECTS = {
    "clip": ("clip", "test_clipping.py"),
    "clip_by_global_norm": ("clip_by_global_norm", "test_clipping.py"),
    "zero_nans": ("zero_nans", "test_clipping.py"),
    "masking": ("masked", "partition", "freeze", "test_masking.py"),
    "multi_steps": ("multi_steps", "test_accumulation.py"),
    "apply_if_finite": ("apply_if_finite", "test_finiteness.py"),
    "average_params": ("average_params", "test_parameter_average.py"),
    "reduce_on_plateau": ("reduce_on_plateau", "test_plateau.py"),
    "mixed_precision": ("mixed_precision", "test_precision.py"),
    "accumulator_dtype": ("accumulator_dtype", "test_precision.py"),
    "static": ("as_static", "as_arrays", "test_static.py"),
    "checked": ("test_checked.py",),
    "extras": ("reduce_on_plateau", "test_interop.py"),
}
