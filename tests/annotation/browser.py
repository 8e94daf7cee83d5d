"""An annotator at the screen: a real Chromium that Playwright controls."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from annotation.label_studio.access import Access
from tests.annotation.workspaces import Film

if TYPE_CHECKING:  # Playwright is loaded where a browser is started, not where tests are collected
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-pings",
]
PATIENCE = 60_000
PICTURES = os.environ.get("V2XUM_TEST_PICTURES")
TITLE = "<img src=x onerror=\"alert('title')\"> $captions[0].text {{title}}"
FIVE = Film(
    "five",
    {1: "A star rests.", 3: "A circle grows.", 5: "A square grows.", 8: "A cross moves.", 10: "Nothing at all."},
    sentences=(((1.0, 3.0), "A star meets a circle."), ((5.0,), "A square grows."), ((8.0, 10.0), "A cross leaves.")),
)


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()


class Annotator:
    """An annotator with a browser. `strangers`: the pages' requests to other hosts; `dialogs`: messages of dialogs."""

    def __init__(self, browser: Browser, url: str, size: tuple[int, int] = (1440, 900)) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.strangers: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", self._seen)
        self.page.on("dialog", self._dialog)

    def _seen(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.strangers.append(request.url)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def log_in(self, email: str, password: str) -> None:
        self.page.goto(f"{self.url}/user/login/")
        self._enter(email, password)

    def sign_up(self, invitation: str, email: str, password: str) -> None:
        self.page.goto(invitation if invitation.startswith("http") else f"{self.url}{invitation}")
        self._enter(email, password)

    def _enter(self, email: str, password: str) -> None:
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit], input[type=submit]")
        self.page.wait_for_url(lambda url: "/user/" not in url)

    def open(self, project: int, task: int) -> None:
        """Open a task of a project as the list of tasks does."""
        self.page.goto(f"{self.url}/projects/{project}/data?task={task}")
        self.settled()

    def label_all(self, project: int) -> None:
        """Do as "Label All Tasks": open the task that the server chose."""
        self.page.goto(f"{self.url}/projects/{project}/data?labeling=1")
        self.settled()

    def settled(self) -> None:
        self.page.wait_for_selector("[data-testid=textarea-region]")
        self.page.wait_for_function("() => [...document.images].every(image => image.complete)")
        self.page.wait_for_timeout(1500)

    def instructions(self) -> str:
        """Read and close the guidelines, which are behind a button."""
        self.page.get_by_role("button", name="Instructions").click()
        modal = self.page.locator(".lsf-modal-ls_visible", has_text="Instructions")
        modal.wait_for()
        text = str(modal.inner_text())
        modal.locator("button").first.click()
        modal.wait_for(state="hidden")
        return text

    def area(self, text: str) -> Any:
        """The editable text area that shows a text."""
        return self.page.locator("[data-testid=textarea-region]", has_text=text).first

    def select(self, place: int) -> None:
        """Select a keyframe by a click on its caption."""
        self.page.locator(".script").get_by_test_id(f"phrase:{place}").locator(".htx-highlight").first.click()
        self.page.wait_for_timeout(250)

    def select_line(self, place: int) -> None:
        """Select a line of the transcript by a click on its words."""
        self.page.locator(".spoken").get_by_test_id(f"phrase:{place}").locator(".htx-highlight").first.click()
        self.page.wait_for_timeout(400)

    def selected(self) -> list[int]:
        """The places of the keyframes that look selected."""
        marked = self.page.locator('.script [data-testid^="phrase:"]:has([style*="0.8)"])')
        return [int(str(one.get_attribute("data-testid")).removeprefix("phrase:")) for one in marked.all()]

    def counter(self) -> str:
        """What the corner of the screen says of the person's progress."""
        return str(self.page.locator(".lsf-current-task__task-count").inner_text())

    def rewrite(self, old: str, new: str) -> None:
        """Correct a text: click it, write, and leave it."""
        area = self.area(old)
        area.scroll_into_view_if_needed()
        area.hover()
        area.get_by_test_id("htx-textbox-edit-button").click()
        self.page.wait_for_timeout(200)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(new)
        self.page.keyboard.press("Shift+Enter")
        self.area(new.splitlines()[0]).wait_for()

    def mark_missed(self, share: float) -> None:
        """Press m and draw a short part of the time line, at a share of its visible width from the left."""
        self.press("m")
        box = self.page.locator(".lsf-timeline-frames__background").bounding_box()
        rows = self.page.locator(".lsf-timeline-frames__scroll").bounding_box()
        assert box is not None and rows is not None
        left, height = box["x"] + share * box["width"], rows["y"] + rows["height"] - 8
        self.page.mouse.move(left - 6, height)
        self.page.mouse.down()
        self.page.mouse.move(left, height, steps=3)
        self.page.mouse.move(left + 6, height, steps=3)
        self.page.mouse.up()
        self.page.wait_for_timeout(400)

    def write_missed(self, text: str) -> None:
        """Name missed keyframes in words."""
        self.edit(".missed")
        self.page.keyboard.type(text)  # with every key, so that a key of the screen's that does something here shows
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_timeout(300)

    def edit(self, part: str) -> None:
        """Open the editor of a text: the one in this part of the screen."""
        self.page.locator(part).get_by_test_id("htx-textbox-edit-button").click()
        self.page.wait_for_timeout(300)

    def press(self, *keys: str) -> None:
        """Press keys while no element has the focus."""
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(250)

    def submit(self) -> None:
        """Press Ctrl+Enter and wait until the server has stored the annotation."""
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        with self.page.expect_response(
            lambda answer: "/annotations" in answer.url and answer.request.method in ("POST", "PATCH")
        ) as answered:
            self.page.keyboard.press("Control+Enter")
        assert answered.value.ok, answered.value.text()
        self.page.wait_for_timeout(500)

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)


def picture(annotator: Annotator, name: str) -> None:
    """Save a picture of the screen when V2XUM_TEST_PICTURES names a folder."""
    if PICTURES:
        annotator.picture(Path(PICTURES) / f"review-{name}.png")


def task_of(access: Access, project: int) -> int:
    headers = {"Authorization": f"Token {access.token}"}
    found = httpx.get(f"{access.url}/api/tasks/", params={"project": project}, headers=headers).json()
    (task,) = found["tasks"]
    return int(task["id"])


def newcomer(browser: Browser, access: Access) -> Annotator:
    """A person who signs up by the invitation link."""
    headers = {"Authorization": f"Token {access.token}"}
    link = httpx.get(f"{access.url}/api/invite", headers=headers).json()["invite_url"]
    somebody = Annotator(browser, access.url)
    somebody.sign_up(link, f"{secrets.token_hex(5)}@annotators.example", secrets.token_urlsafe(12))
    return somebody
