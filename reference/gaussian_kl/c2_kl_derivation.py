"""C2: the derivation behind kl.1, marked by a person."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="C2",
    title="Where the closed form comes from",
    rubric=(
        RubricItem(
            points=2,
            text="E_q[z^2] = mu^2 + sigma^2, with a reason (variance plus squared mean, or the integral), gives the "
            "cross-entropy -E_q[log p(z)] = 1/2 (log 2 pi + mu^2 + sigma^2). One point without the reason.",
        ),
        RubricItem(points=1, text="The entropy of q: -E_q[log q(z)] = 1/2 (log 2 pi + 1 + log sigma^2)."),
        RubricItem(
            points=1,
            text="Assembles KL = cross-entropy - entropy to 1/2 (mu^2 + sigma^2 - 1 - log sigma^2), with the signs and "
            "the cancelled log 2 pi shown, and the sum over independent latents.",
        ),
        RubricItem(
            points=1,
            text="Zero if and only if mu = 0 and sigma = 1: mu^2 >= 0 and s - 1 - log s >= 0, equal at s = 1 alone, "
            "because it is strictly convex with its minimum there (or by Jensen's inequality with its equality case). "
            "Checking that the KL vanishes at that one point is not enough.",
        ),
    ),
)
