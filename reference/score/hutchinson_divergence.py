"""score.5: the divergence from random directions (Hutchinson 1990).

E[v^T J v] = tr J where E[v v^T] = I; signs have the least variance, and none where J is diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.families import described, generator
from grader.question import Question
from grader.remote import Student
from grader.sampling import assert_law, frequencies
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.score._fields import (
    CURVED,
    affine,
    change_other_rows,
    fields_at_points,
    mixture,
    network,
    random_gradient,
    signs,
)
from reference.score.divergence import divergence

Field = Callable[[Tensor], Tensor]

question = Question(
    id="score.5", functions=["hutchinson_divergence", "rademacher"], title="The divergence from random directions"
)


@question.oracle
def hutchinson_divergence(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    """From the whole Jacobian; x is [batch, dim], v [samples, batch, dim], the result [batch]."""
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0)


@question.oracle
def rademacher(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    """+1 and -1 in the default dtype."""
    bits = torch.randint(0, 2, tuple(shape), generator=generator, device=generator.device)
    return (2 * bits - 1).to(torch.get_default_dtype())


SAMPLES = (1, 2, 4)

check_values = question.check("value", points=4, description="Is the mean of v^T J v over the directions at a point.")(
    matches_oracle(hutchinson_divergence, fields_at_points(batches=(1,), samples=SAMPLES))
)
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives each point of a batch the estimate from its own directions.",
)(matches_oracle(hutchinson_divergence, fields_at_points(batches=(3, 7), samples=SAMPLES)))


@question.check("value", points=1)
@given(seed=st.integers(0, 2**31))
def check_draws_independent_signs(student: Student, seed: int) -> None:
    """The signs of `rademacher` are +1 and -1, equally likely, and know nothing of one another."""
    signs_drawn = student.rademacher((4096, 3), generator=generator(seed))
    found = {float(value) for value in signs_drawn.unique()}
    shown = "draws_zeros_and_ones" if found == {0, 1} else "draws_normal_numbers" if len(found) > 2 else None
    expect(signs_drawn.abs() == 1, "rademacher draws something else than +1 and -1.", misconception=shown)
    outcomes = ((signs_drawn > 0).long() * torch.tensor([1, 2, 4])).sum(-1)
    assert_law(frequencies(outcomes, torch.full((8,), 0.125)))


question.check("precision", points=0.75, requires=check_values)(
    keeps_precision(hutchinson_divergence, fields_at_points(samples=SAMPLES))
)


@question.check("gradient", points=1.75)
@given(inputs=fields_at_points(samples=SAMPLES), source=numbers())
def check_gradients_reach_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated in the parameters of the field."""
    weights, right = random_gradient(hutchinson_divergence, inputs, source)
    assert_value(student.hutchinson_divergence.vjp(inputs.args, weights)[:-2], right[:-2])


@question.check("gradient", points=1.25)
@given(inputs=fields_at_points(makers=CURVED, samples=SAMPLES), source=numbers())
def check_gradients_reach_the_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated in x, where x requires a gradient."""
    weights, right = random_gradient(hutchinson_divergence, inputs, source)
    assert_value(student.hutchinson_divergence.vjp(inputs.args, weights)[-2], right[-2])


@question.check("law", points=1)
@given(source=numbers(), dim=st.sampled_from((2, 3, 5)))
def check_averages_to_the_divergence(student: Student, source: Numbers, dim: int) -> None:
    """The mean over all 2^D vectors of signs is the divergence, and that of a sum of fields is the sum of theirs."""
    first, second, x = mixture(source, dim), network(source, dim), source.normal((1, dim))
    both = described("sum_of_fields", first=first, second=second)
    exact = answer(divergence, Arguments((first, x))) + answer(divergence, Arguments((second, x)))
    got, again = (student.hutchinson_divergence(both, x, signs(dim)[:, None]) for _ in range(2))
    expect(
        (got == again) | got.isnan(),
        "the same arguments give two different estimates.",
        misconception="draws_its_directions_anew",
    )
    assert_value(got, exact)


@question.check("law", points=0.75)
@given(source=numbers(), dim=st.sampled_from((2, 5)))
def check_is_exact_for_diagonal_jacobians(student: Student, source: Numbers, dim: int) -> None:
    """One vector of signs is enough where no dimension acts on another."""
    growth, choice = source.normal((dim,)), source.integers((1, 3), low=0, high=2**dim)
    field = described("affine_field", matrix=torch.diag(growth), offset=source.normal((dim,)))
    x = source.normal((3, dim))
    assert_value(student.hutchinson_divergence(field, x, signs(dim)[choice]), growth.sum().expand(3))


def change_others(inputs: Arguments, source: Numbers) -> Arguments:
    """Other points and other directions for every row but the first."""
    field, x, v = change_other_rows(inputs, source).args
    others = source.normal((v.shape[0], v.shape[1] - 1, v.shape[2]))
    return Arguments((field, x, torch.cat((v[:, :1], others), dim=1)))


question.check("law", points=0.5, requires=check_values)(
    ignores_other_examples(fields_at_points(batches=(2, 3), samples=SAMPLES), change_others)
)


@question.check("stress", points=0.5, requires=check_draws_independent_signs)
@given(seed=st.integers(0, 2**31))
def check_the_generator_decides(student: Student, seed: int) -> None:
    """The same generator gives the same signs, another one gives others."""
    first = student.rademacher((3, 2, 5), generator=generator(seed))
    assert_value(student.rademacher((3, 2, 5), generator=generator(seed)), first)
    others = torch.stack([student.rademacher((64,), generator=generator(seed + more)) for more in (1, 2)])
    expect((others[0] != others[1]).any(), "two different generators give the same signs.")


@question.check("stress", points=0.25, requires=check_draws_independent_signs)
@given(shape=st.sampled_from(((), (0, 3), (1,), (2, 3, 5))), seed=st.integers(0, 2**31))
def check_draws_any_shape(student: Student, shape: Shape, seed: int) -> None:
    """`rademacher` draws any shape, and leaves the global random generators alone."""
    seen = student.rademacher.observe(shape, generator=generator(seed))
    expect(not seen.generators, "rademacher draws from, or seeds, a global random generator.")
    expect(seen.value.abs() == 1, "rademacher draws something else than +1 and -1.")


question.check("stress", points=0.5, requires=check_values, examples=4)(
    accurate_in(torch.float32, hutchinson_divergence, fields_at_points(batches=(3,), samples=SAMPLES))
)
THREE = fields_at_points(batches=(3,), samples=SAMPLES)
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(THREE))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(hutchinson_divergence, THREE))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(fields_at_points(batches=(0,), samples=SAMPLES), hutchinson_divergence)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(THREE))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(THREE))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A linear field in five dimensions at this many points, two directions each."""
    return fields_at_points(makers=(affine,), batches=(count,), dims=(5,), samples=(2,))


question.check("behaviour", points=0.5, requires=check_values)(does_constant_work(rows(3), rows(300)))

NO_GRAPH = "Your values are right; now train with them. What does your estimate still depend on?"


@question.misconception("Averaging over all directions you get tr/D.")
def normalises_the_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    unit = v / v.norm(dim=-1, keepdim=True)
    return torch.einsum("sbi,bij,sbj->sb", unit, jacobian, unit).mean(0)


@question.misconception("Take twice as many directions: why does your estimate double?")
def sums_over_the_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->b", v, jacobian, v)


@question.misconception("Which directions does your second point use, its own or those of the first?")
def shares_the_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    shared = v[:, :1].expand_as(v)
    return torch.einsum("sbi,bij,sbj->sb", shared, jacobian, shared).mean(0)


@question.misconception("Averaged over all signs, J v is zero: what must it be multiplied with before it is summed?")
def sums_the_product_without_the_direction(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bij,sbj->sb", jacobian, v).mean(0)


@question.misconception("Averaged over all signs, v^T J is zero: what must it be multiplied with before it is summed?")
def sums_the_row_without_the_direction(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij->sb", v, jacobian).mean(0)


@question.misconception("Change the second of your directions: does the estimate notice?")
def takes_the_first_direction_alone(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("bi,bij,bj->b", v[0], jacobian, v[0])


@question.misconception("Is v^T s differentiated in x or in v? Try a constant field: its divergence is zero.")
def differentiates_in_the_direction(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    with torch.enable_grad():
        direction = v if v.requires_grad else v.detach().requires_grad_()
        product = torch.autograd.grad((score_fn(x) * direction).sum(), direction, create_graph=True)[0]
        return (product * direction).sum(-1).mean(0)


@question.misconception("The mean of squares is not the square of the mean: when do you average the directions?")
def averages_the_directions_first(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    mean = v.mean(0)
    return torch.einsum("bi,bij,bj->b", mean, jacobian, mean)


@question.misconception("With A = [[1, 2], [3, 4]] and v = [1, 1] the answer is 10: what are you given v for?")
def computes_the_exact_trace(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    return divergence(score_fn, x) + 0 * v.sum()


@question.misconception("Give it two different sets of directions: do you use them, or others of your own?")
def draws_its_own_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    drawn = rademacher(v.shape, generator=torch.Generator(device="cpu").manual_seed(0)).to(v)
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", drawn, jacobian, drawn).mean(0)


@question.misconception("Give it two different sets of directions: do you use them, or others of your own?")
def draws_its_directions_anew(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    drawn = torch.randn_like(v)
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", drawn, jacobian, drawn).mean(0)


@question.misconception("For s(x) = x and v of signs in D dimensions the answer is D; what is yours?")
def averages_over_the_dimensions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return (torch.einsum("sbi,bij->sbj", v, jacobian) * v).mean(-1).mean(0)


@question.misconception("Three points need three estimates; which of them is yours?")
def averages_over_the_batch(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    estimates = torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0)
    return estimates.mean().expand(len(x))


@question.misconception(NO_GRAPH)
def keeps_the_graph_but_makes_none(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x if x.requires_grad else x.detach().requires_grad_()
        score = score_fn(points)
        products = [torch.autograd.grad(score, points, one, retain_graph=True)[0] for one in v]
    return (torch.stack(products) * v).sum(-1).mean(0)


@question.misconception(NO_GRAPH)
def detaches_the_estimate(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0).detach()


@question.misconception("x required a gradient when it came in; can your result be differentiated in that x?")
def detaches_the_points(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        score = score_fn(points)
        products = [torch.autograd.grad(score, points, one, create_graph=True)[0] for one in v]
    return (torch.stack(products) * v).sum(-1).mean(0)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0).double()


@question.misconception("How many of 1000 of your signs are -1?", replaces="rademacher")
def draws_zeros_and_ones(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, tuple(shape), generator=generator, device=generator.device).to(torch.get_default_dtype())


@question.misconception(
    "Print the smallest and the largest of 1000 of your signs. Does randint ever draw the end of its range?",
    replaces="rademacher",
)
def draws_minus_ones_and_zeros(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    bits = torch.randint(-1, 1, tuple(shape), generator=generator, device=generator.device)
    return bits.to(torch.get_default_dtype())


@question.misconception("A sign has two values; how many different ones do you draw?", replaces="rademacher")
def draws_normal_numbers(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


@question.misconception(
    "Print one row of signs: does its second entry ever differ from its first?", replaces="rademacher"
)
def draws_one_sign_a_row(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    leading = (*shape[:-1], 1)
    bits = torch.randint(0, 2, leading, generator=generator, device=generator.device)
    return (2 * bits - 1).to(torch.get_default_dtype()).expand(tuple(shape)).clone()


@question.misconception(
    "Draw twice with one seed, then with another: which source of randomness do you use?", replaces="rademacher"
)
def draws_from_the_global_generator(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, tuple(shape)).mul(2).sub(1).to(torch.get_default_dtype())


@question.misconception("Estimate twice with two generators: why are the two estimates equal?", replaces="rademacher")
def draws_with_a_fixed_seed(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    mine = torch.Generator(device=generator.device).manual_seed(0)
    bits = torch.randint(0, 2, tuple(shape), generator=mine, device=generator.device)
    return (2 * bits - 1).to(torch.get_default_dtype())


@question.misconception(
    "Ask for a tensor with 3 rows and 5 columns, and for one with no entry: what comes back?", replaces="rademacher"
)
def draws_at_least_one(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    bits = torch.randint(0, 2, tuple(shape) or (1,), generator=generator, device=generator.device)
    return (2 * bits - 1).to(torch.get_default_dtype())


@question.misconception(
    "Give it v and -v: what does one call of grad return for the product with both, and for each of them?"
)
def sums_the_rows_of_all_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,tbj->tb", v, jacobian, v).mean(0)


LENGTH = "v = [2, 0] is a direction too: at which length do you use it, and at which length was it given?"


@question.misconception(LENGTH)
def rescales_the_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    scaled = v / v.norm(dim=-1, keepdim=True) * x.shape[-1] ** 0.5
    return torch.einsum("sbi,bij,sbj->sb", scaled, jacobian, scaled).mean(0)


@question.misconception(LENGTH)
def takes_the_signs_of_the_directions(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    signs = v.sign()
    return torch.einsum("sbi,bij,sbj->sb", signs, jacobian, signs).mean(0)


@question.misconception("For s(x) = -x the divergence is -D. Can your estimate be negative?")
def squares_the_rows(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij->sbj", v, jacobian).square().sum(-1).mean(0)


@question.misconception("Double a batch by repeating it: why do your estimates halve?")
def differentiates_the_mean_of_the_batch(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0) / max(len(x), 1)


@question.misconception("Three points need three estimates; which of them is yours?")
def adds_up_the_batch(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->s", v, jacobian, v).mean(0).expand(len(x))


@question.misconception("Three points need three estimates; which of them is yours?")
def returns_one_mean(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(score_fn))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean()


@question.misconception("Your answers are right to a few digits and no further: which limit do you stop short of?")
def takes_a_finite_step(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    step = 1e-3
    start = score_fn(x)
    return torch.stack([((score_fn(x + step * one) - start) * one).sum(-1) for one in v]).mean(0) / step


@question.misconception(
    "Multiply your signs with a score: which dtype have they, and which one was asked for?", replaces="rademacher"
)
def draws_integers(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    return 2 * torch.randint(0, 2, tuple(shape), generator=generator, device=generator.device) - 1


@question.misconception("Print two rows of signs: does the second ever differ from the first?", replaces="rademacher")
def draws_one_row_for_all(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    bits = torch.randint(0, 2, tuple(shape[-1:]), generator=generator, device=generator.device)
    return (2 * bits - 1).to(torch.get_default_dtype()).expand(tuple(shape)).clone()


@question.misconception("A sign is +1 or -1. What is the mean of the squares of yours?", replaces="rademacher")
def draws_halves(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    bits = torch.randint(0, 2, tuple(shape), generator=generator, device=generator.device)
    return bits.to(torch.get_default_dtype()) - 0.5


@question.alternative
def contracts_the_jacobian(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: score_fn(point[None])[0]))(x)
    return torch.einsum("sbi,bij,sbj->sb", v, jacobian, v).mean(0)


@question.alternative
def pushes_the_directions_forward(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    total = 0.0 * x.sum(-1)
    for direction in v:
        _, slope, *_ = torch.func.jvp(score_fn, (x,), (direction,))
        total = total + (direction * slope).sum(-1)
    return total / v.shape[0]


@question.alternative
def repeats_the_points_for_every_direction(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    samples, batch, dim = v.shape
    with torch.enable_grad():
        leaf = torch.zeros(samples * batch, dim, dtype=x.dtype, device=x.device).requires_grad_()
        flat = v.reshape(samples * batch, dim)
        score = score_fn(x.repeat(samples, 1) + leaf)
        (product,) = torch.autograd.grad((score * flat).sum(), leaf, create_graph=True)
        return (product * flat).sum(dim=1).view(samples, batch).mean(dim=0)


@question.alternative
def takes_batched_gradients(score_fn: Field, x: Tensor, v: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x.clone() if x.requires_grad else x.clone().requires_grad_()
        score = score_fn(points)
        products = [
            torch.autograd.grad((score * one).sum(), points, create_graph=True, retain_graph=True)[0] for one in v
        ]
        result: Tensor = sum((one * product).sum(-1) for one, product in zip(v, products, strict=True)) / len(v)
        return result


@question.alternative_of("rademacher")
def compares_uniform_numbers(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(tuple(shape), generator=generator, device=generator.device)
    return torch.where(uniform < 0.5, -torch.ones_like(uniform), torch.ones_like(uniform))


@question.alternative_of("rademacher")
def flips_fair_coins(shape: Sequence[int], *, generator: torch.Generator) -> Tensor:
    probability = torch.full(tuple(shape), 0.5, device=generator.device)
    return 2 * torch.bernoulli(probability, generator=generator) - 1
