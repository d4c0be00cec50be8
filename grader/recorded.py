"""A submission's answers to the inputs that a whole class meets, fetched in one exchange where that works out.

What the checks of a question have accepted before is told by the bytes alone, of a check or of the whole exchange,
and is neither read nor judged again (`accepted.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.accepted import Accepted, digest, digest_of_all
from grader.errors import WorkerFailure
from grader.examples import Recording
from grader.link import Batch, Link
from grader.received import Received
from grader.replies import is_too_large
from grader.transports import Call
from grader.worker.frames import WireError
from grader.worker.messages import Answer, Raised

Answers = Sequence[tuple[Call, Answer]]
"""Calls, each with its answer."""


class RecordedAnswers:
    """The answers of one submission to one question's recorded calls.

    Args:
        recordings: Of all checks of the question, in order.
        everything: The calls of all of them.
        link: The submission in its worker.
        accepted: What the question's checks have accepted in this process.
        forbidden_uses: What the static scan found for this question, on which verdicts depend as well.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        everything: Batch,
        link: Link,
        accepted: Accepted,
        forbidden_uses: Sequence[str],
    ) -> None:
        self._recordings = recordings
        self._everything = everything
        self._link = link
        self._accepted = accepted
        self._forbidden_uses = forbidden_uses
        self._by_check: dict[str, Answers] = {}
        self._has_asked = False
        self._unread: Received | None = None
        """The answers to everything, where every check has accepted the same bytes before."""
        self._whole: bytes | None = None
        """Digest of the answers to everything, where they came in one exchange and nothing was raised."""
        self._digests: dict[str, bytes | None] = {}
        self._accepting: set[str] = set()

    @property
    def by_check(self) -> Mapping[str, Answers]:
        """All that is there, by the name of the check."""
        self._read()
        return self._by_check

    def of(self, recording: Recording) -> list[Answer]:
        """The answers to a check's calls.

        Raises:
            CheckFailed: As `Link.perform_all` does.
            WireError: Likewise.
        """
        self._ask()
        self._read()
        name = recording.check.name
        if name not in self._by_check:
            answers = self._link.perform_all(Batch(recording.calls))
            self.note(recording, list(zip(recording.calls, answers, strict=True)))
        return [answer for _, answer in self._by_check[name]]

    def note(self, recording: Recording, answers: Answers) -> None:
        """Keep what a check was answered that asks for itself."""
        self._by_check[recording.check.name] = answers

    def are_accepted(self, recording: Recording) -> bool:
        """Whether the check has accepted the same answers before."""
        self._ask()
        if self._unread is not None:
            return True
        if self._digest(recording) not in self._accepted:
            return False
        self._note_accepting(recording)
        return True

    def accept(self, recording: Recording) -> None:
        """Remember that the check accepts the answers, from which alone that follows."""
        seen = self._digest(recording)
        if seen is not None:
            self._accepted.add(seen)
            self._note_accepting(recording)

    def _digest(self, recording: Recording) -> bytes | None:
        name = recording.check.name
        if name not in self._digests:
            self._digests[name] = digest(name, self._forbidden_uses, self.of(recording))
        return self._digests[name]

    def _note_accepting(self, recording: Recording) -> None:
        """Once every check accepts its part of an exchange, the bytes of it need not be read again."""
        self._accepting.add(recording.check.name)
        if {each.check.name for each in self._recordings} <= self._accepting:
            self._accepted.add(self._whole)

    def _ask(self) -> None:
        """Ask everything in one exchange, once; where that does not work out, each check asks for itself."""
        if self._has_asked or self._link.deaths or not self._everything.calls:
            return
        self._has_asked = True
        try:
            received = self._link.reply_to(self._everything, self._is_known)
        except (WorkerFailure, WireError):
            return
        if self._is_known(received):
            self._unread = received
        else:
            self._share_out(received)

    def _is_known(self, received: Received) -> bool:
        return digest_of_all(self._forbidden_uses, received) in self._accepted

    def _read(self) -> None:
        """Read what was accepted unread: a diagnosis goes by the answers that passed, too."""
        unread, self._unread = self._unread, None
        if unread is not None:
            self._share_out(unread)

    def _share_out(self, received: Received) -> None:
        answers = received.read()
        if any(is_too_large(answer) for answer in answers):
            return
        # What was raised is told with the text of the line, which is not in the bytes.
        if not any(isinstance(answer, Raised) for answer in answers):
            self._whole = digest_of_all(self._forbidden_uses, received)
        rest = iter(answers)
        for recording in self._recordings:
            self.note(recording, [(call, next(rest)) for call in recording.calls])
