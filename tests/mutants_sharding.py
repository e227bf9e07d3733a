"""The table of mutants, continued: where states lie, ZeRO-1, and what each device holds."""

from tests.mutants_table import mutants


def by(file, test):
    """The test that should notice."""
    return {"by": (f"test_{file}.py::test_{test}",)}


EIGHTH = by("zero1", "each_device_holds_an_eighth_of_the_state")
STAY = by("zero1", "updates_and_parameters_stay_on_every_device")
INSIDE = by("zero1", "what_is_inside_sees_parts")
NOTHING = by("zero1", "a_state_that_depends_on_no_array")
AXIS = by("zero1", "the_axis_that_is_divided")
OTHERS = by("zero1", "parameters_on_another_axis_keep_it")
LIES = by("sharding_bytes", "a_state_lies_as_its_parameters")
HELD = by("sharding_bytes", "bytes_are_those_of_the_shards")
ASSERTED = by("sharding_bytes", "asserting_bytes")
FULLEST = by("sharding_bytes", "the_fullest_device_counts")

TABLE = [
    *mutants(
        "sharding/_zero1.py",
        ("sharding",),
        ("the state is left to the compiler", "if self.place.axis in _names(s)", "if False", NOTHING),
        ("updates stay divided", "self._gathered(self._spread(u, specs), specs)", "u", STAY),
        ("parameters stay whole", "params=self._spread(context.params, specs)", "params=like", INSIDE),
        (
            "gradients stay whole",
            "self.inner, self._spread(updates, specs), state",
            "self.inner, updates, state",
            INSIDE,
        ),
        (
            "whole state in init",
            "self._kept(self.inner.init(self._spread(params, specs)), params, specs)",
            "self.inner.init(params)",
            EIGHTH,
        ),
        (
            "any place of the parameters",
            "        self._require_declared(params, specs)\n",
            "",
            by("zero1", "params_that_lie_elsewhere_than_declared"),
        ),
    ),
    *mutants(
        "sharding/_place.py",
        ("sharding",),
        ("the last axis", "(i for i in able if not entries[i])", "iter(able[::-1])", AXIS),
        ("axes that are taken", "(i for i in able if not entries[i])", "iter(able)", AXIS),
        ("uneven parts", "if n and n % pieces[i] == 0", "if n", AXIS),
        ("twice over one axis", "not able or any(axis in e for e in entries)", "not able", AXIS),
        ("types are not asked", "explicit_spec(x) if can_be_parted(x) else None", "None", OTHERS),
        (
            "inside shard_map",
            "if self.axis in around.manual_axes:",
            "if False:",
            by("zero1", "inside_shard_map"),
        ),
    ),
    *mutants(
        "sharding/_types.py",
        ("sharding",),
        ("all replicated", 'getattr(x.sharding, "spec", ())', "()", LIES),
        (
            "under the caller's mesh",
            "with use_abstract_mesh(meshes[0]):",
            "if True:",
            by("zero1", "the_mesh_that_the_caller_has_set"),
        ),
    ),
    *mutants(
        "_core/coasting.py",
        ("sharding",),
        (
            "maps under the caller's trace and mesh",
            "alone.submit(Transition(tuple(rules), self.idle).change, counts, jnp.float32)",
            "alone.submit(np.asarray, Transition(tuple(rules), self.idle).change(counts, jnp.float32))",
            by("sharding_bytes", "tables_of_rows"),
        ),
    ),
    *mutants(
        "sharding/_bytes.py",
        ("sharding",),
        ("one shard too few", "in x.addressable_shards]", "in x.addressable_shards[1:]]", HELD),
        ("whole arrays are planned", "math.prod(x.sharding.shard_shape(x.shape))", "x.size", HELD),
        ("not at the limit", "if most <= limit:", "if most < limit:", ASSERTED),
        ("the emptiest device", "device, most = max(", "device, most = min(", FULLEST),
        ("small leaves first", "x.reason), key=lambda x: -x", "x.reason), key=lambda x: x", ASSERTED),
    ),
]
SUBJECTS = {"sharding": ("test_sharding_bytes.py", "test_zero1.py")}
