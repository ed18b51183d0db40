"""A customer at work in the portal: pays, and looks at payments."""

import re

from playwright.sync_api import expect

from .person import NARROW, WIDE, Person

PAY = re.compile(r"^Pay \$\s[\d,.]+$")
OVERFLOW = "element => element.scrollWidth - element.clientWidth"


class Member(Person):
    """A customer at work in the portal."""

    def __init__(self, browser, world, artefacts, name):
        super().__init__(browser, world, artefacts)
        self.partner_id = world.make_customer(name=name, email="nora@example.com")
        login = f"member{self.partner_id}"
        world.make_user(
            login, "base.group_portal", name=name, partner_id=self.partner_id
        )
        self._log_in(login)
        self.page.wait_for_url("**/my**")

    # === PAYING === #

    def open_payment_form(self, invoice_id):
        self.page.goto(f"/my/invoices/{invoice_id}")
        self.page.get_by_role("link", name="Pay Now").locator("visible=true").click()
        expect(self.form).to_be_visible()
        return self.form

    @property
    def form(self):
        return self.page.locator(".o_member_payment")

    def choose_method(self, name):
        # The label covers all of the row.
        self.form.locator("[name='o_payment_option']", has_text=name).locator(
            "label.o_payment_option_label"
        ).click()

    @property
    def pay_button(self):
        """The button, which says how much is paid as soon as that is known."""
        return self.form.locator("button[name='o_payment_submit_button']")

    def press_pay(self):
        expect(self.pay_button).to_have_text(PAY)
        self.pay_button.click()

    # === LOOKING === #

    def keep_screen(self, name):
        """Keep the screen, which must not scroll sideways."""
        assert self.page.locator("html").evaluate(OVERFLOW) <= 0
        self.page.screenshot(path=self.artefacts / f"{name}.png", full_page=True)

    def keep_screens(self, name, locator):
        """Keep the screen on a desktop and on a telephone, which does not scroll."""
        for size in (WIDE, NARROW):
            self.page.set_viewport_size(size)
            expect(locator).to_be_visible()
            assert self.page.locator("html").evaluate(OVERFLOW) <= 0
            assert locator.evaluate(OVERFLOW) <= 0
            path = self.artefacts / f"{name}-{size['width']}.png"
            self.page.screenshot(path=path, full_page=True)
        self.page.set_viewport_size(WIDE)
