"""Faults to plant where nonsense is refused and named: see plant_faults.py."""

from tests.faults import Fault

DOOR, OPTIONS, TREE = "minigrad/door.py", "minigrad/options.py", "minigrad/nn/tree.py"
EACH_CALL = "engine/garbage::every_error_names_its_function"
EACH_NUMBER = "engine/nonsense::each_number_is_taken_or_refused"

FAULTS = [
    # ---- functions ----
    Fault(
        "an error without the function's name",
        DOOR,
        "raise _explained(error, function.__name__, args, settings) from error",
        "raise",
        (EACH_CALL, "engine/garbage::what_was_given_is_told"),
    ),
    Fault(
        "an error without what was given",
        DOOR,
        "given = [_shown(x) for x in args] + ",
        "given = ",
        ("engine/garbage::what_was_given_is_told",),
    ),
    Fault(
        "an attribute that is missing inside, told as one",
        "minigrad/messages.py",
        "    return TypeError if found is AttributeError else found",
        "    return found",
        ("engine/garbage::what_was_given_is_told",),
    ),
    Fault(
        "a name that only begins like the function's",
        DOOR,
        r'rf"([\w.]+\.)?_?{name}\b"',
        r'rf"([\w.]+\.)?_?{name[:1]}"',
        (EACH_CALL,),
    ),
    Fault(
        "keys that are missing inside, not named",
        DOOR,
        "except (*KINDS, KeyError, RuntimeError) as error:",
        "except (*KINDS, RuntimeError) as error:",
        ("engine/garbage::missing_keys_are_named_too",),
    ),
    # ---- classes ----
    Fault(
        "a NaN among the numbers",
        OPTIONS,
        "    if not least <= found <= most or math.isinf(found):",
        "    if found < least or found > most or math.isinf(found):",
        (EACH_NUMBER, "optim/optimizers::wrong_options_are_named"),
    ),
    Fault(
        "an infinite number taken",
        OPTIONS,
        "    if not least <= found <= most or math.isinf(found):",
        "    if not least <= found <= most:",
        (EACH_NUMBER, "engine/garbage::what_was_taken_in_silence"),
    ),
    Fault(
        "a size one too small",
        OPTIONS,
        "    if not least <= operator.index(value) <= most:",
        "    if not least - 1 <= operator.index(value) <= most:",
        (EACH_NUMBER, "engine/garbage::what_was_taken_in_silence"),
    ),
    Fault(
        "a size without an end",
        OPTIONS,
        "    if not least <= operator.index(value) <= most:",
        "    if not least <= operator.index(value):",
        (EACH_NUMBER,),
    ),
    Fault(
        "a bool taken for an int",
        OPTIONS,
        "    return not isinstance(value, bool)",
        "    return True",
        ("engine/nonsense::a_bool_is_no_size",),
    ),
    Fault(
        "an infinite scale, of which NaN comes",
        "minigrad/distributions/normal.py",
        "(self.scale > 0) & mg.isfinite(self.scale)",
        "self.scale > 0",
        (EACH_NUMBER,),
    ),
    Fault(
        "an ascent of one step, divided by 0",
        "minigrad/optim/lr_scheduler/cycles.py",
        " if end != start else 1.0",
        "",
        (EACH_NUMBER, "optim/schedules::one_cycle_may_begin_at_its_top"),
    ),
    # ---- modules that are nested deep ----
    Fault(
        "children after their parent",
        TREE,
        "            waiting.append((True, path, module))\n",
        "            waiting.insert(0, (True, path, module))\n",
        ("nn/module::apply_goes_through_children_first",),
    ),
    Fault(
        "the depth of the innermost module only",
        "minigrad/nn/module.py",
        'error.modules = getattr(error, "modules", 0) + 1',
        "error.modules = 1",
        ("nn/nesting::computing_with_modules_that_are_nested_too_deep_says_how_deep",),
    ),
]
