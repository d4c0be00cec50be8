"""C4: forward against reverse KL, marked by a person."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="C4",
    title="Two directions, two fits",
    rubric=(
        RubricItem(
            points=1, text="Forward, KL(p || q): where p > 0 and q is nearly 0 the penalty grows without bound."
        ),
        RubricItem(
            points=1, text="Reverse, KL(q || p): where q > 0 and p is nearly 0 the penalty grows without bound."
        ),
        RubricItem(
            points=1,
            text="The right way round: forward covers all modes and puts mass between them, reverse settles on one.",
        ),
        RubricItem(
            points=1,
            text="Maximum likelihood minimises the forward KL, which depends on q by an average over data; the reverse "
            "KL needs log p at samples of q, and p is known only through data.",
        ),
        RubricItem(
            points=1,
            text="Argues the choice for sampling with a consequence (missing modes, or samples between the modes). "
            "Either side earns the point; a preference without a consequence does not.",
        ),
    ),
)
