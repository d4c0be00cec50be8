"""The pages load nothing, run nothing foreign, hide nothing that matters and show nothing that is for staff."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from grader import reports
from grader.errors import UsageError
from grader.model import SubmissionResult
from grader.reports.audience import Audience, seen_by
from grader.reports.class_view import href
from grader.reports.html_pages import class_page, student_page
from tests.reports.conftest import without_code

Class = list[SubmissionResult]
VOID = {"meta", "link", "input", "br", "rect", "path"}


class Page(HTMLParser):
    """The tags, attributes and text of a page; tags must nest."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def inside(self, tag: str) -> list[str]:
        return [text for parent, text in self.texts if parent == tag]

    @property
    def text(self) -> str:
        return " ".join(text for parent, text in self.texts if parent not in ("style", "script"))


def _of(results: Class, student: str) -> Class:
    return [seen_by(result, Audience.STUDENT) for result in results if result.submission.id == student]


@pytest.fixture
def pages(awkward_class: Class, small_class: Class) -> list[Page]:
    everyone = awkward_class + small_class
    students = {result.submission.id for result in everyone}
    return [Page(class_page(everyone)), *(Page(student_page(_of(everyone, student))) for student in sorted(students))]


def test_the_policy_admits_our_own_script_and_sheet_alone(pages: list[Page]) -> None:
    for page in pages:
        policy = next(value for tag, name, value in page.attributes if (tag, name) == ("meta", "content"))
        assert policy.startswith("default-src 'none'; ")
        for tag in ("style", "script"):
            digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.inside(tag)}
            assert {*re.findall(rf"{tag}-src 'sha256-([^']+)'", policy)} == digests
        assert "unsafe" not in policy


def test_a_page_refers_to_nothing_outside(pages: list[Page]) -> None:
    for page in pages:
        assert not {"img", "link", "iframe", "object", "base"} & {*page.tags}
        for tag, name, value in page.attributes:
            assert not name.startswith("on")
            assert name not in ("style", "src", "srcset", "action")
            if name == "href":
                assert (tag, value[0]) == ("a", "#") or re.fullmatch(r"students/[^/:]+\.html", value)
        assert not re.search(r"url\(|@import|https?:", "".join(page.inside("style") + page.inside("script")))


def test_student_pages_have_no_script(pages: list[Page]) -> None:
    assert [page.tags.count("script") for page in pages] == [1] + [0] * (len(pages) - 1)


def test_hostile_text_is_text(awkward_class: Class) -> None:
    page = Page(student_page(_of(awkward_class, "..")))
    assert "img" not in page.tags
    assert "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\\x1b[2J⟨U+202E⟩gnp.exe⟨U+200B⟩" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_a_student_page_says_what_is_wrong(small_class: Class) -> None:
    result = next(each for each in small_class if any(question.hint for question in each.questions))
    page = Page(student_page(_of(small_class, result.submission.id)))
    for question in result.questions:
        assert question.title in page.text
        assert (question.hint or "") in page.text
        assert (question.answer or "") in page.text
        for check in question.checks:
            assert check.description in page.text
            assert (check.message or "") in page.text
    assert {"passed", "failed", "not run", "marked by a person"} <= {text.strip() for _, text in page.texts}
    assert any(">>> kl_diagonal(" in text for text in page.inside("b"))


def test_what_all_checks_say_alike_is_said_once(small_class: Class) -> None:
    result = without_code(small_class[0])
    page = Page(student_page([replace(result, questions=result.questions[:1])]))
    assert page.text.count("The function still raises NotImplementedError.") == 1
    for check in result.questions[0].checks:
        assert check.description in page.text


def test_a_student_page_has_nothing_for_staff(awkward_class: Class, small_class: Class, tmp_path: Path) -> None:
    reports.write("html", awkward_class + small_class, tmp_path / "report")
    pages = list((tmp_path / "report" / "students").iterdir())
    assert len(pages) == len({result.submission.id for result in awkward_class + small_class})
    for path in pages:
        written = path.read_text(encoding="utf-8")
        assert not re.search(
            r"STAFF-ONLY|SECRET|unbiased-variance|mean-over-latents|std-for-logvar|5eedf1|index\.html", written
        )


def test_a_grader_error_is_said_to_be_ours(awkward_class: Class) -> None:
    text = Page(student_page(_of(awkward_class, "-rf"))).text
    assert "This is our fault, not yours" in text
    assert "No total yet" in text


def test_the_class_page_shows_everyone_and_what_needs_a_person(awkward_class: Class, small_class: Class) -> None:
    page = Page(class_page(awkward_class + small_class))
    links = {value for _, name, value in page.attributes if name == "href"}
    assert {href(result.submission.id) for result in awkward_class + small_class} <= links
    assert "SECRET-flag" in page.text
    assert "1 of 14 submissions ran without a sandbox" in page.text
    assert "Grader errors: no score was given" in page.text
    questions = [question for result in small_class for question in result.questions if question.misconception]
    assert questions
    assert all(f"{question.misconception}" in page.text for question in questions)


def test_every_link_of_the_class_page_leads_somewhere(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("html", awkward_class, tmp_path / "report")
    page = Page((tmp_path / "report" / "index.html").read_text(encoding="utf-8"))
    ids = {value for _, name, value in page.attributes if name == "id"}
    for value in {value for tag, name, value in page.attributes if (tag, name) == ("a", "href")}:
        assert value[1:] in ids if value.startswith("#") else (tmp_path / "report" / value).is_file()


def test_ids_are_unique_and_tables_have_headers(pages: list[Page]) -> None:
    for page in pages:
        ids = [value for _, name, value in page.attributes if name == "id"]
        assert len(ids) == len({*ids})
        assert sum(name == "scope" for tag, name, _ in page.attributes if tag == "th") == page.tags.count("th")


def test_the_golden_pages(awkward_class: Class, tmp_path: Path, golden: Callable[[Path], None]) -> None:
    """One page of each kind, without style and script, which change for other reasons than the content."""
    for name, page in (
        ("class.html", class_page(awkward_class)),
        ("student.html", student_page(_of(awkward_class, ".."))),
    ):
        bare = re.sub(r"(?s)<(style|script)>.*?</\1>|sha256-[^']+", "", page)
        (tmp_path / name).write_text(bare, encoding="utf-8")
        golden(tmp_path / name)


def test_a_student_gets_no_class_page(small_class: Class, tmp_path: Path) -> None:
    sentences = reports.write("html", small_class, tmp_path / "report", audience=Audience.STUDENT)
    assert not (tmp_path / "report" / "index.html").exists()
    assert "for instructors only" in sentences[0]


def test_a_path_that_names_a_file_is_a_sentence(small_class: Class, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder of pages; name a folder, as in --report html=mine"):
        reports.write("html", small_class, tmp_path / "mine.html")


def test_writing_again_follows_a_change(small_class: Class, tmp_path: Path) -> None:
    reports.write("html", small_class, tmp_path)
    changed = [replace(result, notes=("Graded again.",)) for result in small_class]
    reports.write("html", changed, tmp_path)
    assert all("Graded again." in path.read_text(encoding="utf-8") for path in (tmp_path / "students").iterdir())


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_runs_our_script_and_no_other(awkward_class: Class, tmp_path: Path) -> None:
    reports.write("html", awkward_class, tmp_path / "report")
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=2000 --dump-dom"
    )
    address = (tmp_path / "report" / "index.html").as_uri() + "#review"
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [str(CHROMIUM), *switches.split(), profile, address]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Content Security Policy" not in run.stderr
    assert 'role="tablist"' in run.stdout
    shown = {
        panel
        for panel, rest in re.findall(r'<section class="panel" id="([^"]+)"([^>]*)>', run.stdout)
        if "hidden" not in rest
    }
    assert shown == {"review"}
