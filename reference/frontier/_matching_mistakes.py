"""Wrong answers to fr.6, each with the sentence that it deserves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reference.frontier._mistakes import Mistake, listed_in
from reference.frontier._velocities import cfm_pair

Pair = tuple[Tensor, Tensor]
Field = Callable[..., Tensor]

PAIR: list[Mistake] = []
"""Of cfm_pair."""
LOSS: list[Mistake] = []
"""Of cfm_loss."""
EULER: list[Mistake] = []
"""Of euler_flow."""


NOISE_FIRST = "At t = 0 your sample should be noise."
THE_ENDS = "Between the ends your velocity is right. What is it at t = 0, and at t = 1?"
SHAPE_OF_T = "One time for each example: which shape must it have to meet [batch, channels, height, width]?"
GUARDED = "Your division is protected against a t of 1. What does that cost everywhere else?"
FROM_THE_FRONT = "Give it a batch of shape [2, 3]: how many times are there, and where in your reshaped t are they?"
PAIRS = "Give it a batch of shape [2, 3]: how many pairs does it have, and by what do you divide?"
MORE_THAN_ONE = "Of Euler's method a step needs one velocity. How many do you ask for, and where?"
ONE_EACH = "Print the times that the field is given: is there one for each example?"


@listed_in(PAIR, NOISE_FIRST)
def swaps_the_weights(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return time * x0 + (1 - time) * x1, x1 - x0


@listed_in(PAIR, NOISE_FIRST)
def runs_time_backwards(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return time * x0 + (1 - time) * x1, x0 - x1


@listed_in(PAIR, "Go a little way from x_t along your u: do you come nearer to the data?")
def points_at_the_noise(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return (1 - time) * x0 + time * x1, x0 - x1


@listed_in(PAIR, THE_ENDS)
def divides_by_the_time_that_is_left(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, (x1 - x_t) / (1 - time)


@listed_in(PAIR, THE_ENDS)
def divides_by_the_time_that_is_gone(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, (x_t - x0) / time


@listed_in(
    PAIR, "At constant speed, is the velocity near the data smaller than at the start? How much time is left there?"
)
def slows_down_on_the_way(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, x1 - x_t


@listed_in(PAIR, "At constant speed, is the velocity at the start zero? How long did the way so far take?")
def speeds_up_on_the_way(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, x_t - x0


@listed_in(PAIR, SHAPE_OF_T)
def does_not_broadcast_time(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    return (1 - t) * x0 + t * x1, x1 - x0


@listed_in(PAIR, SHAPE_OF_T)
def broadcasts_to_vectors_only(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t[..., None]
    return (1 - time) * x0 + time * x1, x1 - x0


@listed_in(PAIR, "Give three examples the times 0, 0.5 and 1: where are the three of them?")
def uses_one_time_for_all(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.flatten()[0] if t.numel() else 0.0
    return (1 - time) * x0 + time * x1, x1 - x0


@listed_in(PAIR, "A quarter of the time on a straight path at constant speed: which part of the way is done?")
def mixes_variances(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return (1 - time).sqrt() * x0 + time.sqrt() * x1, x1 - x0


@listed_in(PAIR, "At t = 1 your sample should be data, without any noise.")
def leaves_some_noise_in_the_data(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return (1 - 0.99 * time) * x0 + time * x1, x1 - 0.99 * x0


@listed_in(PAIR, "Two results: which of the two is a point, and which is a velocity?")
def returns_them_in_the_other_order(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return x1 - x0, (1 - time) * x0 + time * x1


@listed_in(PAIR, "Your values are right and have no gradient. What is cut off?")
def detaches_the_pair(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return ((1 - time) * x0 + time * x1).detach(), (x1 - x0).detach()


@listed_in(PAIR, GUARDED)
def guards_the_division(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, (x1 - x_t) / (1 - time + 1e-5)


@listed_in(PAIR, GUARDED)
def guards_the_division_with_less(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    x_t = (1 - time) * x0 + time * x1
    return x_t, (x1 - x_t) / (1 - time + 1e-6)


@listed_in(PAIR, FROM_THE_FRONT)
def takes_the_first_dimension_for_the_batch(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.view(-1, *[1] * (x0.dim() - 1))
    return (1 - time) * x0 + time * x1, x1 - x0


@listed_in(PAIR, "At t = 1 your sample should be data, without any noise.")
def leaves_a_little_noise_in_the_data(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return (1 - (1 - 1e-4) * time) * x0 + time * x1, x1 - (1 - 1e-4) * x0


@listed_in(PAIR, "At t = 1 your sample should be data, without any noise.")
def leaves_hardly_any_noise_in_the_data(x0: Tensor, x1: Tensor, t: Tensor) -> Pair:
    time = t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))
    return (1 - (1 - 1e-5) * time) * x0 + time * x1, x1 - (1 - 1e-5) * x0


@listed_in(LOSS, "Put two independent copies of a problem side by side: the losses should add up.")
def averages_over_the_event(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().mean()


@listed_in(LOSS, "Repeat every pair: an average should not change.")
def sums_over_the_batch(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().sum()


@listed_in(LOSS, "Double the distance of the field from u: by what factor should the loss grow?")
def forgets_the_square(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    error = (v_fn(x_t, t) - u).square().reshape((*t.shape, -1)).sum(-1)
    return error.sqrt().mean()


@listed_in(LOSS, "A field of zeros and the velocity (1, 2): is your loss 5?")
def takes_half_of_the_square(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return 0.5 * (v_fn(x_t, t) - u).square().sum() / t.numel()


@listed_in(LOSS, "What does your field learn to predict: where the path ends, or which way it goes?")
def aims_the_field_at_the_data(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, _ = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - x1).square().sum() / t.numel()


@listed_in(LOSS, "What does your field learn to predict: where the path began, or which way it goes?")
def aims_the_field_at_the_noise(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, _ = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - x0).square().sum() / t.numel()


@listed_in(LOSS, "Where along the path is the field asked? A sampler will ask it everywhere.")
def asks_the_field_at_the_noise(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    _, u = cfm_pair(x0, x1, t)
    return (v_fn(x0, t) - u).square().sum() / t.numel()


@listed_in(LOSS, "Where along the path is the field asked? A sampler will ask it before the data are there.")
def asks_the_field_at_the_data(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    _, u = cfm_pair(x0, x1, t)
    return (v_fn(x1, t) - u).square().sum() / t.numel()


@listed_in(LOSS, "In which order does the field take its two arguments, and in which do you give them?")
def gives_the_field_the_time_first(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(t, x_t) - u).square().sum() / t.numel()


@listed_in(LOSS, "x_t and t belong together: which time is your field told?")
def tells_the_time_that_is_left(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, 1 - t) - u).square().sum() / t.numel()


@listed_in(LOSS, "The field expects times of shape [batch]; what does it get from you?")
def shapes_the_times_like_the_points(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t.reshape(t.shape + (1,) * (x0.dim() - t.dim()))) - u).square().sum() / t.numel()


@listed_in(LOSS, "Right for vectors, wrong for images: which dimensions of an image do you sum over?")
def sums_over_the_last_dimension(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().sum(-1).mean()


@listed_in(LOSS, "How many losses does one batch have?")
def returns_one_loss_per_pair(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().reshape((*t.shape, -1)).sum(-1)


@listed_in(LOSS, "Your loss is right and trains nothing. What is cut off?")
def detaches_the_field(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t).detach() - u).square().sum() / t.numel()


@listed_in(LOSS, "Which dtype went in, and which came out? A model in float32 cannot use such a loss.")
def returns_the_loss_in_double(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().sum().double() / t.numel()


@listed_in(LOSS, "Double the distance of the field from u: by what factor should the loss grow?")
def adds_absolute_differences(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).abs().sum() / t.numel()


@listed_in(LOSS, PAIRS)
def divides_by_the_first_dimension(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().sum() / (len(x0) if t.dim() else 1)


@listed_in(LOSS, PAIRS)
def divides_by_the_length_of_x0(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().sum() / len(x0)


@listed_in(LOSS, PAIRS)
def flattens_after_the_first_dimension(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) - u).square().flatten(1).sum(1).mean()


@listed_in(LOSS, "For a field that is the right velocity everywhere the loss is 0; what is yours?")
def turns_the_velocity_around(v_fn: Field, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    x_t, u = cfm_pair(x0, x1, t)
    return (v_fn(x_t, t) + u).square().sum() / t.numel()


@listed_in(EULER, "A constant velocity for one unit of time: does the distance depend on your number of steps?")
def forgets_the_length_of_a_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t)
    return x


@listed_in(EULER, "Where does the flow start, at noise or at data? And in which direction does its time run?")
def flows_backwards(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps, 0, -1):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x - v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Where does the flow start, at noise or at data? And in which direction does its time run?")
def counts_the_time_down(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps, 0, -1):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "With one step, at which time is the field asked: where the step begins, or where it ends?")
def asks_at_the_end_of_each_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), (step + 1) / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "With one step, at which time is the field asked: where the step begins, or half-way?")
def asks_in_the_middle_of_each_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), (step + 0.5) / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Count how often your loop runs: does the number of steps decide, or the number of examples?")
def loops_over_examples(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for example in range(len(x0)):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), example / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Print the times that you pass: at which one does the last step begin, and where should it?")
def spreads_the_times_from_0_to_1(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for t in torch.linspace(0, 1, n_steps, dtype=x0.dtype, device=x0.device):
        x = x + v_fn(x, t.expand(x0.shape[0]) if x0.dim() > 1 else t) / n_steps
    return x


@listed_in(EULER, "Add up the lengths of your steps: is that one?")
def takes_one_step_too_many(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps + 1):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Where does your second step begin?")
def starts_again_with_each_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x0 + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Of a field that does not depend on x, only on t, what does your flow make? Print the times.")
def never_moves_the_clock(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x, t = x0, torch.zeros(x0.shape[:1] if x0.dim() > 1 else (), dtype=x0.dtype, device=x0.device)
    for _ in range(n_steps):
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Times run from 0 to 1; what runs from 0 to the number of steps?")
def passes_the_number_of_the_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), float(step), dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, ONE_EACH)
def passes_one_time_for_all(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.tensor(step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, ONE_EACH)
def passes_one_time_for_each_row_of_an_image(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        x = x + v_fn(x, torch.full(x0.shape[:-1], step / n_steps, dtype=x0.dtype, device=x0.device)) / n_steps
    return x


@listed_in(EULER, ONE_EACH)
def passes_a_number(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        x = x + v_fn(x, step / n_steps) / n_steps
    return x


@listed_in(EULER, "A third is not a float32. In which dtype are the times that you pass?")
def passes_times_in_float32(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        shape = x0.shape[:1] if x0.dim() > 1 else ()
        x = x + v_fn(x, torch.full(shape, step / n_steps, dtype=torch.float32, device=x0.device)) / n_steps
    return x


@listed_in(EULER, "Your end point is right and has no gradient. What is switched off on the way?")
def follows_the_field_without_a_graph(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    with torch.no_grad():
        for step in range(n_steps):
            t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
            x = x + v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "Start twice from the same x0: is it still the same?")
def moves_the_start(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    with torch.no_grad():
        for step in range(n_steps):
            t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
            x0 += v_fn(x0, t) / n_steps
    return x0


@listed_in(EULER, "Print the times that you pass: how many are there, and how many steps were asked for?")
def takes_one_step_too_few(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x, times = x0 * 1.0, torch.linspace(0, 1, n_steps, dtype=x0.dtype, device=x0.device)
    for now in times[:-1]:
        x = x + v_fn(x, now.expand(x0.shape[0]) if x0.dim() > 1 else now) / (n_steps - 1)
    return x


@listed_in(EULER, "A velocity of 1 everywhere, for one unit of time: where do you arrive from 0?")
def goes_against_the_velocity(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x - v_fn(x, t) / n_steps
    return x


@listed_in(EULER, "The point has moved: where do you ask for the velocity of the second step?")
def asks_at_the_start_of_the_flow(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        t = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        x = x + v_fn(x0, t) / n_steps
    return x


@listed_in(EULER, MORE_THAN_ONE)
def follows_the_midpoints(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        begin = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        half_way = x + v_fn(x, begin) / (2 * n_steps)
        x = x + v_fn(half_way, begin + 0.5 / n_steps) / n_steps
    return x


@listed_in(EULER, MORE_THAN_ONE)
def averages_both_ends_of_each_step(v_fn: Field, x0: Tensor, n_steps: int) -> Tensor:
    x = x0
    for step in range(n_steps):
        begin = torch.full(x0.shape[:1] if x0.dim() > 1 else (), step / n_steps, dtype=x0.dtype, device=x0.device)
        first = v_fn(x, begin)
        second = v_fn(x + first / n_steps, begin + 1 / n_steps)
        x = x + (first + second) / (2 * n_steps)
    return x
