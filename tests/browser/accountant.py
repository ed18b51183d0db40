"""An accountant at work: opens invoices, presses buttons, reads the page."""

import re

from playwright.sync_api import expect

from .person import NARROW, WIDE, Person

# Odoo's own: the pale labels of a form on a telephone, its tags and list of choices.
ODOOS = [[".o_form_label"], [".o_tag"], [".o_select_menu"]]
OURS_OF_DIALOG = {"include": [[".modal-content"]], "exclude": ODOOS}
SPACES = re.compile(r"[\s\u00a0]+")


class Accountant(Person):
    """An accountant at work in the web client."""

    def log_in(self, login):
        self._log_in(login)
        self.page.wait_for_selector(".o_web_client .o_main_navbar")

    def start_again(self):
        """Close the dialogs and notifications that the last test left open."""
        self.page.set_viewport_size(WIDE)
        if self.page.locator(".modal, .o_notification").count():
            self.page.goto("/odoo")
            self.page.wait_for_selector(".o_web_client .o_main_navbar")
        self.get_errors()

    # === INVOICES === #

    def open_invoice(self, invoice_id, among=None):
        """Open an invoice as a click in a list of invoices does.

        :param list[int] among: The invoices that the pager goes through.
        """
        self.page.evaluate(
            """([resId, resIds]) => {
                const {action} = odoo.__WOWL_DEBUG__.root.env.services;
                return action.doAction(
                    {
                        type: "ir.actions.act_window",
                        res_model: "account.move",
                        views: [[false, "form"]],
                        context: {default_move_type: "out_invoice"},
                    },
                    {clearBreadcrumbs: true, props: {resId, resIds}}
                );
            }""",
            [invoice_id, among or [invoice_id]],
        )
        return self

    def open_list(self, model, domain):
        """Open a list of records."""
        self.page.evaluate(
            """([resModel, domain]) => {
                const {action} = odoo.__WOWL_DEBUG__.root.env.services;
                return action.doAction({
                    type: "ir.actions.act_window",
                    res_model: resModel,
                    views: [[false, "list"]],
                    domain,
                });
            }""",
            [model, domain],
        )

    @property
    def section(self):
        return self.page.locator(".o_payments_section")

    @property
    def rows(self):
        return self.section.locator(".o_payment_row")

    @property
    def create_button(self):
        return self.section.get_by_role("button", name="Create payment")

    @property
    def dialog(self):
        return self.page.locator(".modal .o_payment_create")

    def press(self, name):
        """Press a button of the dialog that is open; an amount may follow its name."""
        self.wait_for_answers()
        name = re.compile(rf"^{re.escape(name)}(\s\$[\s\d.,]+.*)?$")
        self.page.locator(".modal").get_by_role("button", name=name).click()

    def press_create(self):
        self.create_button.click()
        expect(self.dialog).to_be_visible()

    def choose_method(self, label):
        self.dialog.locator(".o_payment_method_option", has_text=label).click()

    def enter(self, field, value):
        """Enter a value in a field of the dialog."""
        element = self.page.locator(
            f".modal [name={field}] input, .modal [name={field}] textarea"
        ).first
        element.fill(value)
        element.press("Tab")

    def choose(self, field, label):
        """Choose a record in a field of the dialog."""
        self.page.locator(f".modal [name={field}] input").first.fill(label)
        self.page.get_by_role("option", name=label).first.click()

    def pick(self, label):
        """Choose one of the radio buttons of the dialog by its label."""
        self.page.locator(".modal").get_by_role("radio", name=label).check()

    def open_refund(self, row=0):
        """Open the dialog that refunds a row."""
        self.choose_action("Refund", row)
        expect(self.page.locator(".modal .o_payment_refund")).to_be_visible()

    def open_credit_note(self):
        """Open the dialog that issues a credit note of the invoice."""
        self.page.get_by_role("button", name="Credit note", exact=True).click()
        expect(self.page.locator(".modal .o_credit_note_create")).to_be_visible()

    def open_menu(self, row=0):
        self.rows.nth(row).locator(".o_payment_main .o_payment_menu button").click()

    def choose_action(self, label, row=0):
        """Choose an action from a row's menu."""
        self.open_menu(row)
        self.page.get_by_role("menuitem", name=label, exact=True).click()

    def get_text(self, locator):
        """Return a text as a person reads it, with plain blanks."""
        return SPACES.sub(" ", locator.inner_text()).strip()

    # === EXPECTATIONS === #

    def expect_remaining(self, amount):
        expect(self.section.locator(".o_payments_remaining dd")).to_have_text(
            _as_pattern(amount)
        )

    def expect_row(self, state, *texts, row=0):
        """Expect a row to reach a state, and to contain texts."""
        element = self.rows.nth(row)
        badge = ".o_payment_main .badge:not(.o_payment_test)"
        expect(element.locator(badge)).to_have_text(state)
        for text in texts:
            expect(element).to_contain_text(_as_pattern(text))

    def expect_notification(self, title, *texts):
        """Expect a message, and close it without taking the focus from where it is."""
        notification = self.page.locator(".o_notification", has_text=title)
        expect(notification).to_be_visible()
        for text in texts:
            expect(notification).to_contain_text(_as_pattern(text))
        expect(self.page.locator(".modal")).to_have_count(0)
        notification.locator(".o_notification_close").dispatch_event("click")
        expect(notification).to_have_count(0)

    def expect_sum(self):
        """Expect that the applied amounts and the remaining amount make the total."""

        def read(locator):
            number = re.sub(r"[^\d.-]", "", self.get_text(locator).replace("−", "-"))
            return round(float(number or 0) * 100)

        foot = self.section.locator(".o_payments_sum tr")
        total, applied, remaining = (
            read(foot.nth(line).locator("td").first) for line in range(3)
        )
        cells = self.rows.locator(".o_payment_main .o_payment_applied").all()
        assert -applied == sum(
            read(cell) for cell in cells if "–" not in cell.text_content()
        )
        assert total + applied == remaining
        assert remaining == read(self.section.locator(".o_payments_remaining dd"))

    def expect_preview(self, *texts):
        """Expect these texts in the preview of the dialog."""
        for text in texts:
            expect(self.page.locator(".modal [name=preview]")).to_contain_text(
                _as_pattern(text)
            )

    def expect_refund(self, state, *texts, row=0, refund=0):
        """Expect a refund beneath a row, and to contain texts."""
        element = self.rows.nth(row).locator(".o_payment_refund").nth(refund)
        badge = element.locator(".badge:not(.o_payment_test)")
        expect(badge).to_have_text(state)
        for text in texts:
            expect(element).to_contain_text(_as_pattern(text))

    # === SCREENSHOTS === #

    def keep_screen(self, name):
        name = re.sub(r"\W+", "-", name).strip("-")
        self.page.screenshot(path=self.artefacts / f"{name}.png")

    def keep_section(self, name):
        self.section.screenshot(path=self.artefacts / f"{name}.png")

    def narrow(self):
        self.page.set_viewport_size(NARROW)

    def keep_dialog(self, name):
        """Keep the dialog on a desktop and on a telephone; it keeps nobody out."""
        for size in (WIDE, NARROW):
            self.page.set_viewport_size(size)
            self.keep_screen(f"{name}-{size['width']}")
            barriers = self.find_barriers(OURS_OF_DIALOG)
            assert not barriers, barriers
        self.page.set_viewport_size(WIDE)


def _as_pattern(text):
    """Return a pattern for a text, in which a blank is any blank."""
    return re.compile(r"[\s\u00a0]*".join(re.escape(part) for part in text.split()))
