"""fr.6: flow matching (Lipman et al. 2023, section 4; Liu et al. 2023, equation 1).

x_t = (1 - t) x0 + t x1,  u = x1 - x0,  loss = E |v(x_t, t) - u|^2,  x_{t + 1/n} = x_t + v(x_t, t) / n
"""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    cotangents_like,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.frontier import _built_on_cfm_pair
from reference.frontier._matching_mistakes import EULER, LOSS, PAIR
from reference.frontier._velocities import (
    IMAGES,
    OTHERS,
    ROWS,
    affine,
    cfm_pair,
    constant,
    entrywise,
    fields_from,
    fields_on_pairs,
    network,
    pairs,
)

Pair = tuple[Tensor, Tensor]
Field = Callable[..., Tensor]

question = Question(
    id="fr.6", functions=["cfm_pair", "cfm_loss", "euler_flow"], title="Flow matching", builds_on=["fr.6"]
)

ONE = torch.ones((), dtype=torch.float64)


question.oracle(cfm_pair)


@question.oracle
def cfm_loss(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """A 0-dim tensor."""
    return _built_on_cfm_pair.cfm_loss(v_fn, x0, x1, t, cfm_pair=cfm_pair)


question.composed(_built_on_cfm_pair.cfm_loss)


@question.oracle
def euler_flow(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    """Of x0's shape, [batch, *event] or [dim]; v_fn gets t of shape [batch] or []."""
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


check_pair = question.check(
    "value", points=1.25, name="pair", description="Gives the point on the straight path, and the path's velocity."
)(matches_oracle(cfm_pair, pairs()))
question.check(
    "value",
    points=0.5,
    name="pair_of_any_shape",
    description="One time for each example serves batches and events of any shape, such as images.",
)(matches_oracle(cfm_pair, pairs(shapes=OTHERS)))
question.check("precision", points=0.25, name="pair_keeps_float64_precision")(keeps_precision(cfm_pair, pairs()))
question.check("gradient", points=0.5, name="pair_gradients")(gradients_match(cfm_pair, pairs()))


@question.check("law", points=0.5)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_goes_from_noise_to_data(student: Student, source: Numbers, dim: int) -> None:
    """The path starts at the noise, ends at the data, and moves by (t' - t) u from one time to the next."""
    x0, x1 = source.normal((3, dim)), source.normal((3, dim), loc=1.0)
    first, last = source.uniform((2, 3), high=0.9)
    at_start, u_at_start = student.cfm_pair(x0, x1, torch.zeros_like(first))
    at_end, u_at_end = student.cfm_pair(x0, x1, torch.ones_like(first))
    assert_value((at_start, at_end), (x0, x1))
    (earlier, u), (later, same) = student.cfm_pair(x0, x1, first), student.cfm_pair(x0, x1, last)
    for other in (same, u_at_start, u_at_end):
        assert_value(other, u)
    assert_value(later - earlier, (last - first)[:, None] * u)


@question.check("law", points=0.25)
@given(inputs=pairs())
def check_can_be_walked_backwards(student: Student, inputs: Arguments) -> None:
    """With x0 and x1 exchanged, at 1 - t, the point is the same and the velocity is turned round."""
    x0, x1, t = inputs.args
    x_t, u = student.cfm_pair(x0, x1, t)
    assert_value(student.cfm_pair(x1, x0, 1 - t), (x_t, -u))
    # Which zeros do too; the points at t and at 1 - t have the middle of the path between them.
    opposite, _ = student.cfm_pair(x0, x1, 1 - t)
    assert_value(x_t + opposite, x0 + x1)
    # Neither t = 1/2 nor x0 = x1, where a right path has the same point too.
    early, _ = student.cfm_pair(x0, x0 + 1, t / 3)
    late, _ = student.cfm_pair(x0, x0 + 1, 1 - t / 3)
    expect(bool((early != late).any()), "the point at 1 - t is the point at t.")


question.check("robustness", points=0.25, requires=check_pair)(
    accepts_any_strides(cfm_pair, pairs(shapes=(*ROWS[:1], *IMAGES)))
)
question.check("robustness", points=0.25, requires=check_pair)(
    accepts_empty_batches(pairs(shapes=(((0,), (5,)), ((0, 3), (2,)))), cfm_pair)
)

losses = fields_on_pairs()
check_loss = question.check(
    "value",
    points=1.25,
    name="loss",
    description="Is the squared distance of the field from u, summed over the event and averaged over the batch.",
)(about("cfm_loss", matches_oracle(cfm_loss, losses)))
question.check(
    "value",
    points=0.25,
    requires=check_loss,
    name="loss_of_any_shape",
    description="Sums over all dimensions that t does not have, and averages over all that it has.",
)(about("cfm_loss", matches_oracle(cfm_loss, fields_on_pairs(makers=(entrywise,), shapes=OTHERS))))


@question.check("gradient", points=0.75)
@given(inputs=losses)
def check_loss_trains_the_field(student: Student, inputs: Arguments) -> None:
    """The loss has the right gradient in the parameters of the field."""
    got = student.cfm_loss.vjp(inputs.args, ONE)
    assert_value(got[:-3], oracle_vjp(cfm_loss, inputs, ONE)[:-3])


# What has no gradient is at rest everywhere.
@question.check("law", points=0.25, requires=check_loss)
@given(source=numbers(), time=st.sampled_from((0.2, 0.5, 0.7)))
def check_is_least_at_the_mean_velocity(student: Student, source: Numbers, time: float) -> None:
    """Between two Gaussians, of all linear fields the one that is least is the mean velocity, in closed form."""
    mean, std = source.normal((1,), loc=1.0), source.uniform((1,), low=0.5, high=1.8)
    # Four pairs with the means, variances and the missing correlation of the Gaussians: all that a square asks for.
    x0 = torch.tensor([[-1.0], [1.0], [-1.0], [1.0]], dtype=torch.float64)
    x1 = mean + std * torch.tensor([[-1.0], [-1.0], [1.0], [1.0]], dtype=torch.float64)
    t = torch.full((4,), time, dtype=torch.float64)
    slope = (time * std.square() - (1 - time)) / ((1 - time) ** 2 + (time * std).square())
    still = torch.zeros_like(mean)
    field = described("affine_velocity", matrix=slope[:, None], drift=still, offset=mean * (1 - time * slope))
    in_matrix, _, in_offset, *_ = student.cfm_loss.vjp((field, x0, x1, t), ONE)
    assert_value((in_matrix, in_offset), (still[:, None], still))


@question.check("behaviour", points=0.25, requires=check_loss)
@given(inputs=losses)
def check_asks_with_a_time_for_each_example(student: Student, inputs: Arguments) -> None:
    """The field is given the points and their times, in the shapes that they came in."""
    seen = student.cfm_loss.observe(*inputs.args)
    _, x0, _, t = inputs.args
    for x, time in _given(seen.asked[0].args):
        expect(x.shape == x0.shape and time.shape == t.shape, "the field is asked with other shapes than x and t have.")


question.check("stress", points=0.25, requires=check_loss, examples=4)(
    about("cfm_loss", accurate_in(torch.float32, cfm_loss, losses))
)

flows = fields_from() | fields_from(makers=(entrywise,), shapes=IMAGES)
check_flow = question.check(
    "value",
    points=1,
    name="flow",
    description="Takes steps of equal length, each with the velocity where, and when, it begins.",
)(about("euler_flow", matches_oracle(euler_flow, flows)))
question.check("precision", points=0.25, name="flow_keeps_float64_precision")(
    about("euler_flow", keeps_precision(euler_flow, flows))
)


@question.check("gradient", points=0.5)
@given(inputs=flows, source=numbers())
def check_flow_can_be_trained_through(student: Student, inputs: Arguments, source: Numbers) -> None:
    """The end point has the right gradient in the start, and in the parameters of the field."""
    weights = cotangents_like(inputs.args[1], source)
    assert_value(student.euler_flow.vjp(inputs.args, weights), oracle_vjp(euler_flow, inputs, weights))


@question.check("law", points=0.25)
@given(source=numbers(), steps=st.sampled_from((1, 3, 8)))
def check_follows_known_paths(student: Student, source: Numbers, steps: int) -> None:
    """Of a constant field any number of steps is exact; of the field between two Gaussians twice as many err half."""
    velocity, x0 = source.normal((2,)), source.normal((3, 2))
    assert_value(student.euler_flow(constant(velocity), x0, steps), x0 + velocity)
    mean, std = source.normal((2,), loc=1.0), source.uniform((2,), low=1.4, high=2.0)
    field = described("gaussian_velocity", mean=mean, std=std)
    coarse, fine = (student.euler_flow(field, x0, count) - (mean + std * x0) for count in (32, 64))
    expect((fine - 0.5 * coarse).abs() <= 0.1 * coarse.abs(), "with twice as many steps the error is not about half.")


@question.check("behaviour", points=0.25, requires=check_flow)
@given(inputs=fields_from(makers=(entrywise,), shapes=(((3,), (2, 4, 5)), ((7,), (2,)), ((), (5,)))))
def check_passes_one_time_for_each_example(student: Student, inputs: Arguments) -> None:
    """The field is given times as a tensor: one for each example, and a 0-dim one for a single vector."""
    _, x0, _ = inputs.args
    batch = x0.shape[:1] if x0.dim() > 1 else ()
    seen = student.euler_flow.observe(*inputs.args)
    for x, time in _given(seen.asked[0].args):
        expect(x.shape == x0.shape, "the field is asked with points of another shape than x0 has.")
        expect(time.shape == batch, "the field is asked with times of another shape than the batch has.")
        expect(time.dtype == x0.dtype, "the field is asked with times of another dtype than x0 has.")


def _given(asked: tuple[tuple[object, ...], ...]) -> list[Pair]:
    """The point and the time of each call.

    Raises:
        CheckFailed: Where a call had something else.
    """
    given = []
    for args in asked:
        match args:
            case (Tensor() as x, Tensor() as time):
                given.append((x, time))
            case _:
                expect(False, "the field is asked with something else than two tensors, x and t.")
    return given


question.check("robustness", points=0.25, requires=check_flow)(about("euler_flow", leaves_inputs_unchanged(flows)))
question.check("behaviour", points=0.25, requires=check_flow)(
    about("euler_flow", runs_on_other_devices(fields_from(makers=(affine, network))))
)
question.check("behaviour", points=0.25, requires=check_flow)(about("euler_flow", keeps_generators(flows)))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """Three steps of an affine field in five dimensions."""
    return fields_from(makers=(affine,), shapes=(((count,), (5,)),), steps=(3,))


question.check("behaviour", points=0.25, requires=check_flow)(
    about("euler_flow", does_constant_work(rows(3), rows(300)))
)

for sentence, wrong in PAIR:
    question.misconception(sentence)(wrong)
for sentence, wrong in LOSS:
    question.misconception(sentence, replaces="cfm_loss")(wrong)
for sentence, wrong in EULER:
    question.misconception(sentence, replaces="euler_flow")(wrong)


@question.alternative
def goes_on_from_the_noise(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    while t.dim() < x0.dim():
        t = t.unsqueeze(-1)
    return torch.lerp(x0, x1, t), torch.sub(x1, x0)


@question.alternative
def moves_the_noise_along(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    left = 1 - t.view(*t.shape, *(1 for _ in range(x0.ndim - t.ndim)))
    return left * x0 + (1 - left) * x1, -(x0 - x1)


@question.alternative
def broadcasts_from_the_other_end(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    turn = tuple(reversed(range(x0.dim())))
    time = t.permute(tuple(reversed(range(t.dim()))))
    x_t = x0.permute(turn) * (1 - time) + x1.permute(turn) * time
    return x_t.permute(turn), x1.add(x0, alpha=-1)


@question.alternative_of("cfm_loss")
def flattens_each_event(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    with torch.no_grad():
        x_t, u = cfm_pair(x0, x1, t)
    error = v_fn(x_t, t) - u
    events = error.reshape(t.numel(), -1)
    return torch.einsum("bi,bi->b", events, events).mean()


@question.alternative_of("cfm_loss")
def scales_the_mean_square(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, target = cfm_pair(x0, x1, t)
    entries = x0.numel() // t.numel()
    return torch.nn.functional.mse_loss(v_fn(x_t, t), target) * entries


@question.alternative_of("euler_flow")
def adds_up_the_time(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    dt = 1.0 / n_steps
    x, t = x0.clone(), torch.zeros_like(x0.flatten(1)[:, 0] if x0.dim() > 1 else x0.sum())
    for _ in range(n_steps):
        x = torch.add(x, v_fn(x, t), alpha=dt)
        t = t + dt
    return x


@question.alternative_of("euler_flow")
def reads_times_off_a_line(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    times = torch.linspace(0, 1, n_steps + 1, dtype=x0.dtype, device=x0.device)
    x = x0
    for now in times[:-1]:
        x = x + times[1] * v_fn(x, now.expand(x0.shape[0]) if x0.dim() > 1 else now)
    return x


@question.alternative_of("euler_flow")
def calls_itself(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    def after(step: int) -> Tensor:
        if step == 0:
            return x0
        x = after(step - 1)
        t = x0.new_full(x0.shape[: max(0, min(1, x0.dim() - 1))], (step - 1) / n_steps)
        return x + v_fn(x, t).div(n_steps)

    return after(n_steps)
