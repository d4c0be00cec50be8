"""score.3: scores by automatic differentiation, of a log-density and of an energy.

s(x) = grad_x log p(x); for p = exp(-E) / Z, s(x) = -grad_x E(x), whatever Z is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    answer,
    arguments,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from grader.worker.described import Described
from reference.score._fields import (
    BATCHES,
    DIMENSIONS,
    HIDDEN,
    change_other_rows,
    layers,
    mixture_parameters,
    random_gradient,
)
from reference.score.gaussian_score import gaussian_score

Function = Callable[[Tensor], Tensor]

question = Question(
    id="score.3", functions=["log_prob_score", "energy_score"], title="The score of any density, by autograd"
)


@question.oracle
def log_prob_score(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """The rows do not mix, so that a cotangent of ones gives each its own gradient; all are [batch, dim]."""
    log_prob, pull_back, *_ = torch.func.vjp(log_prob_fn, x)
    score: Tensor = pull_back(torch.ones_like(log_prob))[0]
    return score


@question.oracle
def energy_score(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Shape of x, [batch, dim]."""
    return -log_prob_score(energy_fn, x)


def gaussian(source: Numbers, dim: int) -> Described:
    """The log-density of a Gaussian with correlations."""
    return described("gaussian_log_density", mu=source.normal((dim,)), scale_tril=source.scale_tril((), dim))


def mixture(source: Numbers, dim: int) -> Described:
    """The log-density of a mixture of Gaussians."""
    return described("mixture_log_density", **mixture_parameters(source, 3, dim))


def quadratic(source: Numbers, dim: int) -> Described:
    """A quadratic energy whose log partition function is whatever it is."""
    factor = source.scale_tril((), dim)
    return described(
        "quadratic_energy", center=source.normal((dim,)), precision=factor @ factor.mT, log_partition=source.normal(())
    )


def network(source: Numbers, dim: int) -> Described:
    """The energy of a network with one hidden layer."""
    return described("mlp_energy", **layers(source, (dim, HIDDEN, 1)))


LOG_DENSITIES, ENERGIES = (gaussian, mixture), (quadratic, network)
Makers = Sequence[Callable[[Numbers, int], Described]]


@st.composite
def functions_at_points(
    draw: st.DrawFn, *, makers: Makers, batches: Sequence[int] = BATCHES, dims: Sequence[int] = DIMENSIONS
) -> Arguments:
    """Arguments (function, x)."""
    maker, batch, dim = draw(st.sampled_from(makers)), draw(st.sampled_from(batches)), draw(st.sampled_from(dims))
    source = draw(numbers())
    return arguments(maker(source, dim), source.normal((batch, dim), scale=1.3))


def log_densities(*batches: int) -> st.SearchStrategy[Arguments]:
    """Arguments for `log_prob_score`."""
    return functions_at_points(makers=LOG_DENSITIES, batches=batches or BATCHES)


def energies(*batches: int) -> st.SearchStrategy[Arguments]:
    """Arguments for `energy_score`."""
    return functions_at_points(makers=ENERGIES, batches=batches or BATCHES)


check_values = question.check("value", points=2.5, description="Is the gradient of the log-density at a point.")(
    matches_oracle(log_prob_score, log_densities(1))
)
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives each point of a batch its own gradient.",
)(matches_oracle(log_prob_score, log_densities(3, 7)))
check_energies = question.check("value", points=2.5, description="Is the score of exp(-E) / Z for an energy E.")(
    about("energy_score", matches_oracle(energy_score, energies()))
)
question.check("precision", points=0.5, requires=check_values)(keeps_precision(log_prob_score, log_densities()))
question.check("precision", points=0.25, requires=check_energies)(
    about("energy_score", keeps_precision(energy_score, energies()))
)


@question.check("gradient", points=1.25)
@given(inputs=log_densities(), source=numbers())
def check_gradients_reach_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """With create_graph, can be differentiated in the parameters of the density."""
    weights, right = random_gradient(log_prob_score, inputs, source)
    got = student.log_prob_score.vjp(inputs.args, weights, {"create_graph": True})
    assert_value(got[:-1], right[:-1])


@question.check("gradient", points=0.75)
@given(inputs=energies(), source=numbers())
def check_gradients_reach_the_parameters_of_an_energy(student: Student, inputs: Arguments, source: Numbers) -> None:
    """With create_graph, the score of an energy can be differentiated in the energy's parameters."""
    weights, right = random_gradient(energy_score, inputs, source)
    got = student.energy_score.vjp(inputs.args, weights, {"create_graph": True})
    assert_value(got[:-1], right[:-1])


@question.check("gradient", points=1)
@given(inputs=log_densities(), source=numbers())
def check_gradients_reach_the_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """With create_graph, can be differentiated in x, where x requires a gradient."""
    weights, right = random_gradient(log_prob_score, inputs, source)
    got = student.log_prob_score.vjp(inputs.args, weights, {"create_graph": True})
    assert_value(got[-1], right[-1])


@question.check("law", points=1)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)), log_partition=st.sampled_from((0.0, -3.0, 250.0)))
def check_needs_no_partition_function(student: Student, source: Numbers, dim: int, log_partition: float) -> None:
    """A Gaussian's energy has the Gaussian's score of score.1, whatever constant is added to it."""
    x, mu, scale = source.normal((1, dim)), source.normal((dim,)), source.scale_tril((), dim)
    precision = torch.cholesky_inverse(scale)
    constant = torch.tensor(log_partition, dtype=torch.float64)
    energy = described("quadratic_energy", center=mu, precision=precision, log_partition=constant)
    assert_value(student.energy_score(energy, x), gaussian_score(x, mu, scale))


# Zeros can be put together too, so the energy of one point must have the right score.
@question.check("law", points=0.75, requires=check_needs_no_partition_function)
@given(inputs=energies(3), other=numbers())
def check_scores_batches_as_their_parts(student: Student, inputs: Arguments, other: Numbers) -> None:
    """Two batches put together have the scores that they have apart."""
    energy, x = inputs.args
    more = other.normal((2, x.shape[-1]))
    parts = student.energy_score(energy, x), student.energy_score(energy, more)
    assert_value(student.energy_score(energy, torch.cat((x, more))), torch.cat(parts))


question.check("law", points=0.5, requires=check_values)(ignores_other_examples(log_densities(2, 3), change_other_rows))


@question.check("stress", points=0.25, requires=check_values)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_reaches_far_points(student: Student, source: Numbers, dim: int) -> None:
    """Is right far from all mass, where a log-density is a number and its density is 0."""
    for inputs in (arguments(maker(source, dim), 300 + source.normal((3, dim))) for maker in LOG_DENSITIES):
        assert_value(student.log_prob_score(*inputs.args), answer(log_prob_score, inputs))


@question.check("stress", points=0.5)
@given(density=log_densities(), energy=energies())
def check_works_where_the_caller_has_no_grad(student: Student, density: Arguments, energy: Arguments) -> None:
    """Is right also where the caller runs under torch.no_grad()."""
    assert_value(student.log_prob_score.without_grad(*density.args), answer(log_prob_score, density))
    assert_value(student.energy_score.without_grad(*energy.args), answer(energy_score, energy))


@question.check("robustness", points=0.5, requires=(check_values, check_energies))
@given(source=numbers(), dim=st.sampled_from((2, 5)))
def check_leaves_no_marks(student: Student, source: Numbers, dim: int) -> None:
    """Leaves requires_grad of x as it was, and writes no .grad, of x or of the parameters of a network."""
    net = described("summed_network", net=described("mlp", **layers(source, (dim, HIDDEN, 1))))
    x = source.normal((3, dim))
    for seen in (student.log_prob_score.observe(net, x), student.energy_score.observe(net, x)):
        expect(not seen.marked, "after the call, x requires a gradient, or x or a parameter has a .grad.")


question.check("stress", points=0.25, requires=check_values, examples=4)(
    accurate_in(torch.float32, log_prob_score, log_densities())
)
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(log_densities()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(log_prob_score, log_densities(3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(functions_at_points(makers=(mixture,), batches=(0,)), log_prob_score)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(log_densities()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(log_densities()))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A mixture in five dimensions at this many points."""
    return functions_at_points(makers=(mixture,), batches=(count,), dims=(5,))


question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))

DUPLICATE = "Duplicate the batch: per-example scores must not halve."
NO_GRAPH = "Ask for create_graph=True and differentiate the result: what does it still depend on?"


@question.misconception(DUPLICATE)
def averages_over_the_batch(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(log_prob_fn(points).mean(), points, create_graph=create_graph)[0]


@question.misconception(DUPLICATE, replaces="energy_score")
def averages_the_energy_over_the_batch(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return -torch.autograd.grad(energy_fn(points).mean(), points, create_graph=create_graph)[0]


@question.misconception("autograd says your x was never used: which tensor did the function see, and which do you ask?")
def evaluates_a_copy(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x.detach().requires_grad_()
        value = log_prob_fn(x.detach().clone().requires_grad_())
        return torch.autograd.grad(value.sum(), points, create_graph=create_graph)[0]


@question.misconception("Your score is zero everywhere: does the function that you differentiate use its argument?")
def takes_the_jacobian_of_a_constant(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    total = log_prob_fn(x).sum()
    result: Tensor = torch.func.jacrev(lambda points: total + 0 * points.sum())(x)
    return result


@question.misconception(
    "Low energy is high density: which way should the arrows of E(x) = x^2 point?", replaces="energy_score"
)
def climbs_the_energy(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    return log_prob_score(energy_fn, x, create_graph=create_graph)


@question.misconception("For log p(x) = -x^2 the score at x = 3 should be -6: where do your arrows lead?")
def descends_the_log_density(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return -torch.autograd.grad(log_prob_fn(points).sum(), points, create_graph=create_graph)[0]


@question.misconception("Multiply exp(-E) by 2: the density stays the same. Does your score?", replaces="energy_score")
def divides_by_the_energy(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    return log_prob_score(lambda points: -torch.log(energy_fn(points).abs()), x, create_graph=create_graph)


@question.misconception(
    "At x = 100 a standard normal has a density of 0 in floating point, and a score of -100: and yours?"
)
def divides_by_the_density(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        density = log_prob_fn(points).exp()
        slope = torch.autograd.grad(density.sum(), points, create_graph=create_graph)[0]
        return slope / (density if create_graph else density.detach()).unsqueeze(-1)


@question.misconception(NO_GRAPH)
def ignores_create_graph(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(log_prob_fn(points).sum(), points)[0]


@question.misconception(NO_GRAPH, replaces="energy_score")
def ignores_create_graph_of_an_energy(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    return -log_prob_score(energy_fn, x)


@question.misconception("x required a gradient when it came in; can your result be differentiated in that x?")
def detaches_the_points(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        return torch.autograd.grad(log_prob_fn(points).sum(), points, create_graph=create_graph)[0]


@question.misconception("Score a batch with a network, then look at the .grad of its weights: who will clear it?")
def accumulates_gradients(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x.clone() if x.requires_grad else x.detach().clone().requires_grad_()
        points.retain_grad()
        torch.autograd.backward(log_prob_fn(points).sum(), create_graph=create_graph)
        return torch.zeros_like(x) if points.grad is None else points.grad


@question.misconception(
    "Print x.requires_grad before and after the call: what does the underscore in requires_grad_ do?"
)
def marks_the_input(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        x.requires_grad_()
        return torch.autograd.grad(log_prob_fn(x).sum(), x, create_graph=create_graph)[0]


@question.misconception("Samplers run under torch.no_grad(): call your function there. Who records its operations?")
def relies_on_the_callers_grad_mode(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    points = x if x.requires_grad else x.detach().requires_grad_()
    return torch.autograd.grad(log_prob_fn(points).sum(), points, create_graph=create_graph)[0]


@question.misconception("Put one point in a batch alone, then among others: why does its score change?")
def centres_the_scores(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        score = torch.autograd.grad(log_prob_fn(points).sum(), points, create_graph=create_graph)[0]
    return score - score.mean(0) if len(x) > 1 else score


@question.misconception("Your answers are right to a few digits and no further: which limit do you stop short of?")
def takes_finite_differences(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    step = 1e-5
    columns = []
    for axis in torch.eye(x.shape[-1], dtype=x.dtype, device=x.device):
        columns.append((log_prob_fn(x + step * axis) - log_prob_fn(x - step * axis)) / (2 * step))
    return torch.stack(columns, dim=-1)


@question.misconception(
    "Your answers are right to a few digits and no further: which limit do you stop short of?", replaces="energy_score"
)
def takes_finite_differences_of_an_energy(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    step = 1e-4
    columns = []
    for axis in torch.eye(x.shape[-1], dtype=x.dtype, device=x.device):
        columns.append((energy_fn(x - step * axis) - energy_fn(x + step * axis)) / (2 * step))
    return torch.stack(columns, dim=-1)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(log_prob_fn(points).sum(), points, create_graph=create_graph)[0].double()


@question.alternative
def maps_the_gradient_over_rows(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    result: Tensor = torch.func.vmap(torch.func.grad(lambda point: log_prob_fn(point[None])[0]))(x)
    return result


@question.alternative
def weights_each_value_with_one(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x.clone()
        if not points.requires_grad:
            points.requires_grad_(True)
        log_prob = log_prob_fn(points)
        ones = torch.ones_like(log_prob)
        return torch.autograd.grad(log_prob, [points], grad_outputs=[ones], create_graph=create_graph)[0]


@question.alternative
def shifts_by_a_zero_leaf(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        shift = torch.zeros_like(x).requires_grad_()
        return torch.autograd.grad(log_prob_fn(x + shift).sum(), shift, create_graph=create_graph)[0]


@question.alternative
def takes_the_blocks_of_the_jacobian(log_prob_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    total = torch.func.jacrev(lambda points: log_prob_fn(points).sum())
    result: Tensor = total(x)
    return result


@question.alternative_of("energy_score")
def negates_the_gradient_of_the_energy(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    return -log_prob_score(energy_fn, x, create_graph=create_graph)


@question.alternative_of("energy_score")
def weights_each_energy_with_minus_one(energy_fn: Function, x: Tensor, *, create_graph: bool = False) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.clone().requires_grad_(True)
        energy = energy_fn(points)
        return torch.autograd.grad(energy, points, torch.full_like(energy, -1.0), create_graph=create_graph)[0]
