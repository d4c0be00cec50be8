"""Each layer is needed: with it off, named attacks of the corpus succeed. A corpus that cannot fail proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.errors import SandboxError
from grader.worker.control import Layer
from tests.attacks.test_attacks import source_of
from tests.attacks.world import make_world
from tests.sandbox.places import CONTAINER, LAUNCH, STRICT, Place, private_zygote
from tests.sandbox.student import attempt

# Without a private root, the interpreter must be readable for the worker's user.
STRICT_AND_READABLE = replace(STRICT, launcher=LAUNCH)

NEEDED = [
    (
        STRICT_AND_READABLE,
        (Layer.NAMESPACES, Layer.PRIVATE_ROOT),
        "reading",
        "guess_which_names_exist",
        "learned which names exist",
    ),
    (STRICT, (Layer.RLIMITS,), "killing", "map_shared_memory", "says that it succeeded"),
    (STRICT, (Layer.PRIVILEGES,), "reading", "read_its_own_environment", "CapEff is"),
    (CONTAINER, (Layer.LANDLOCK,), "reading", "read_a_secret_by_path", "leaked the marker"),
    (CONTAINER, (Layer.LANDLOCK,), "escaping", "rewrite_the_gradebook", "changed the folder"),
    (CONTAINER, (Layer.SECCOMP,), "escaping", "send_by_udp", "reached the udp service"),
    (CONTAINER, (Layer.SECCOMP,), "escaping", "change_who_may_write_the_gradebook", "changed the folder"),
    (CONTAINER, (Layer.SECCOMP,), "killing", "limit_others", "changed the bystander"),
    (CONTAINER, (Layer.SECCOMP,), "killing", "fork", "made process"),
]


@pytest.mark.parametrize(
    ("place", "off", "attacks"),
    [
        (place, off, [case[2:] for case in NEEDED if case[:2] == (place, off)])
        for place, off in dict.fromkeys(case[:2] for case in NEEDED)
    ],
    ids=lambda value: " and ".join(value) if isinstance(value, tuple) else None,
)
def test_without_the_layer_attacks_succeed(
    place: Place, off: tuple[Layer, ...], attacks: list[tuple[str, str, str]]
) -> None:
    with private_zygote(place.without(*off)) as zygote:
        for family, attack, expected in attacks:
            with zygote.spawn() as worker, make_world(zygote, worker) as world:
                outcome = attempt(worker, source_of(family), world.described(harmless=True), function=attack, wall_s=4)
                damage = world.damage(outcome)
            assert any(expected in found for found in damage), (attack, damage)


def test_a_filter_is_refused_without_no_new_privs() -> None:
    """It is not quietly left out: the profile that requires it does not start."""
    with private_zygote(STRICT.without(Layer.NO_NEW_PRIVS)) as zygote, pytest.raises(SandboxError) as caught:
        zygote.spawn()
    assert caught.value.layer == Layer.LANDLOCK
