"""tiny.3: a question that a person marks."""

from grader.question import RubricItem, WrittenQuestion

question = WrittenQuestion(
    id="tiny.3",
    title="Why a square?",
    rubric=(RubricItem(points=1, text="Says why."), RubricItem(points=2, text="Shows it.")),
)
