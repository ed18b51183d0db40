"""A person at work in a browser: one page, whose errors are noted."""

import time

from axe_playwright_python.sync_playwright import Axe
from lib.waiting import PATIENCE
from playwright.sync_api import expect

# Odoo's Debian package lacks this script of another addon.
NOT_OURS = "selfie_segmentation"
# The rare first request that compiles something takes long on a busy machine.
TIMEOUT = PATIENCE * 1000
WIDE = {"width": 1280, "height": 1200}
NARROW = {"width": 360, "height": 800}
# What happened is on the page with the frame after the next one.
SHOWN = "() => new Promise((r) => requestAnimationFrame(() => setTimeout(r)))"
ANSWERED_WITHIN = 5  # Seconds.


COUNT_CLICKS = """() => {
    window.clicks = 0;
    if (!window.countsClicks) {
        window.countsClicks = true;
        addEventListener("pointerdown", () => window.clicks++, true);
    }
}"""


class Person:
    """One page of a browser on a world's server."""

    def __init__(self, browser, world, artefacts):
        self.world = world
        self.artefacts = artefacts
        self.errors = []
        # Without motion nothing is looked at while it fades in, its contrast too low.
        self.context = browser.new_context(
            base_url=world.server.url,
            viewport=WIDE,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(TIMEOUT)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note_console)
        self.asked = set()  # The requests to models that wait for their answer.
        self.page.on("request", self._note_request)
        for answered in ("requestfinished", "requestfailed"):
            self.page.on(answered, lambda request: self.asked.discard(request))
        expect.set_options(timeout=TIMEOUT)

    def _note_console(self, message):
        if message.type == "error" and NOT_OURS not in message.text:
            self.errors.append(message.text)

    def _note_request(self, request):
        if "/web/dataset/" in request.url:
            self.asked.add(request)

    def get_errors(self):
        """Return, and forget, the errors that the browser told of."""
        errors, self.errors = self.errors, []
        return errors

    def wait_for_answers(self):
        """Wait until the page has followed what was entered: until then it moves.

        A request that a test holds back is not waited for longer than people would.
        """
        self.page.evaluate(SHOWN)
        deadline = time.monotonic() + ANSWERED_WITHIN
        while self.asked and time.monotonic() < deadline:
            self.page.wait_for_timeout(10)
        self.page.evaluate(SHOWN)

    # === COUNTING === #

    def count_clicks(self):
        """Count the clicks on the page from now on."""
        self.page.evaluate(COUNT_CLICKS)

    def get_clicks(self):
        return self.page.evaluate("window.clicks")

    # === THE KEYBOARD === #

    def tab_to(self, locator):
        """Press Tab until this element has the focus."""
        self._press_until_focused("Tab", locator)

    def arrow_to(self, locator):
        """Press the arrow down until this element of a menu has the focus."""
        expect(locator).to_be_visible()
        self._press_until_focused("ArrowDown", locator)

    def _press_until_focused(self, key, locator):
        for _press in range(80):
            if locator.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} does not lead to {locator}")

    # === LOOKING === #

    def find_barriers(self, selector):
        """Return the barriers that axe-core finds in a part of the page.

        :return: Serious and critical findings, each with the elements.
        """
        results = Axe().run(self.page, context=selector)
        return [
            (finding["id"], [node["html"] for node in finding["nodes"]])
            for finding in results.response["violations"]
            if finding["impact"] in ("serious", "critical")
        ]

    # === THE PAGE === #

    def close(self):
        self.context.close()

    def _log_in(self, login):
        """Log in as a user whose password is the login."""
        self.page.goto("/web/login")
        self.page.fill("input[name=login]", login)
        self.page.fill("input[name=password]", login)
        self.page.press("input[name=password]", "Enter")
