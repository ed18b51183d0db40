from lxml.etree import fromstring

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import convert_file

from ..common import InvoicePaymentsCommon
from ..credit.common_credit import CreditCommon

RECORD = "invoice_payments_ext.group_payment_record"
REFUND = "invoice_payments_ext.group_payment_refund"

CREDIT_NOTE = "account.credit.note.create"
JOINT_PAYMENT = "account.payment.create.joint"


@tagged("post_install", "-at_install")
class TestRights(InvoicePaymentsCommon):
    """The levels of the privilege *Invoice payments*, and the rights of each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write_off_account_id = cls.env["account.account"].create(
            {"name": "Bad debt", "code": "BADDEBT", "account_type": "expense"}
        )

    def setUp(self):
        super().setUp()
        self.attempt = self.start_attempt("done", amount=500.0)
        self.payment = self.attempt.sudo().payment_id
        self.entry = self.invoice.with_user(self.supervisor).write_off(10.0, "Small")
        self.gateway.requests.clear()
        self._keep()

    # === HELPERS === #

    def _take_level(self, group, level):
        """Take from a group the level that the installation gave to it."""
        self.env.ref(group).implied_ids = [Command.unlink(self.env.ref(level).id)]
        self._keep()

    def _get_lower_doors(self, user):
        """Return the doors of *Record and charge*, as this user sees them."""
        invoice = self.invoice.with_user(user)
        attempt = self.attempt.with_user(user)
        return {
            "charge": lambda: invoice.charge(self.token.id, amount=1.0),
            "record": lambda: invoice.record_external_payment(amount=1.0),
            "issue": lambda: (
                self.make_invoice(post=False)
                .with_user(user)
                .issue_and_charge(self.token.id)
            ),
            "retry": attempt.retry,
            "capture": attempt.capture,
            "void": attempt.void,
            "resolve": lambda: attempt.resolve(True, "Seen"),
        }

    def _get_upper_doors(self, user):
        """Return the doors of *Refund and credit*, as this user sees them."""
        invoice = self.invoice.with_user(user)
        payment = self.payment.with_user(user)
        return {
            "refund": lambda: payment.refund(1.0, reason="Wrong"),
            "refund outside": lambda: payment.refund(1.0, "outside", reason="Wrong"),
            "write-off": lambda: invoice.write_off(1.0, "Small"),
            "undo": lambda: self.entry.with_user(user).undo_write_off(),
            "action": lambda: self.entry.with_user(user).action_undo_write_off(),
        }

    def _assert_refused_all(self, doors, user):
        for name, door in doors.items():
            with (
                self.subTest(name, user=user.login),
                self.assertRefused("", AccessError),
            ):
                door()

    def test_auditors_open_the_records_of_the_tie_out(self):
        user = self.make_user(
            "ip_auditor", "base.group_user,account.group_account_readonly"
        )
        for model in ("payment.transaction", "account.payment", "account.move"):
            records = self.env[model].with_user(user)
            self.assertTrue(records.has_access("read"))
            self.assertFalse(records.has_access("write"))

    # === WHO HAS WHICH LEVEL === #

    def test_levels_given_on_installation(self):
        for group, has_record, has_refund in (
            ("account.group_account_invoice", True, False),
            ("account.group_account_manager", True, True),
            ("account.group_account_readonly", False, False),
            ("base.group_user", False, False),
            ("base.group_portal", False, False),
            ("base.group_public", False, False),
        ):
            with self.subTest(group):
                levels = self.env.ref(group).all_implied_ids
                self.assertEqual(self.env.ref(RECORD) in levels, has_record)
                self.assertEqual(self.env.ref(REFUND) in levels, has_refund)

    def test_higher_level_has_the_lower_one(self):
        self.assertIn(self.env.ref(RECORD), self.env.ref(REFUND).all_implied_ids)

    def test_user_form_offers_the_levels(self):
        privilege = self.env.ref(
            "invoice_payments_ext.res_groups_privilege_invoice_payments"
        )
        self.assertEqual(
            privilege.group_ids.sorted("sequence").mapped("full_name"),
            [
                "Invoice payments / Record and charge",
                "Invoice payments / Refund and credit",
            ],
        )
        user = self.make_user("ip_offered", "base.group_user")
        offered = self.env["res.groups"]._get_view_group_hierarchy()
        section = next(
            category
            for category in offered["categories"]
            if privilege.id in category["privilege_ids"]
        )
        self.assertEqual(section["name"], "Accounting")
        self.assertEqual(
            [
                offered["groups"][group_id]["name"]
                for group_id in offered["privileges"][privilege.id]["group_ids"]
            ],
            ["Record and charge", "Refund and credit"],
        )
        user.group_ids = [Command.link(self.env.ref(REFUND).id)]
        self.assertTrue(user.has_group(RECORD))

    def test_portal_users_cannot_be_given_a_level(self):
        for level in (RECORD, REFUND):
            user = self.make_user(f"ip_member_{level[-6:]}", "base.group_portal")
            with self.subTest(level), self.assertRefused("", ValidationError):
                user.group_ids = [Command.link(self.env.ref(level).id)]

    # === RIGHTS OF THE LEVELS === #

    def test_users_without_a_level(self):
        self._take_level("account.group_account_invoice", RECORD)
        for login, groups in (
            ("ip_invoicing", "account.group_account_invoice"),
            ("ip_employee", "base.group_user"),
            ("ip_member", "base.group_portal"),
            ("ip_admin", "base.group_user,base.group_system"),
        ):
            user = self.make_user(login, groups)
            self._keep()
            self.assertFalse(user.has_group(RECORD))
            self._assert_refused_all(self._get_lower_doors(user), user)
            self._assert_refused_all(self._get_upper_doors(user), user)
        self.assertFalse(self.gateway.requests)

    def test_user_without_a_level_is_told(self):
        self._take_level("account.group_account_invoice", RECORD)
        self.assertFalse(self.accountant.has_group(RECORD))
        with self.assertRefused("level Record and charge", AccessError):
            self.invoice.charge(self.token.id)
        section = self.invoice.get_payment_section()
        self.assertFalse(section["can_create"])
        self.assertIn("level Record and charge", section["create_blocked_reason"])
        for row in section["rows"]:
            for action in row["actions"]:
                self.assertIn(action["name"], ("receipt", "open_entry"))

    def test_lower_level_cannot_give_back(self):
        self._assert_refused_all(
            self._get_upper_doors(self.accountant), self.accountant
        )
        with self.assertRefused("level Refund and credit", AccessError):
            self.invoice.write_off(1.0, "Small")
        for row in self.rows().values():
            for action in row["actions"]:
                if action["name"] in ("refund", "undo_write_off"):
                    self.assertFalse(action["enabled"])
                    self.assertIn("level Refund and credit", action["reason"])

    def test_lower_level_cannot_open_the_dialogs(self):
        for model, values in (
            ("account.write.off.create", {"move_id": self.invoice.id}),
            ("account.payment.refund", {"payment_id": self.payment.id}),
            ("account.payment.approval.reject", {"reason": "No"}),
        ):
            with self.subTest(model), self.assertRefused("", AccessError):
                self.env[model].with_user(self.accountant).create(values)

    def test_lower_level_can_charge_and_record(self):
        doors = self._get_lower_doors(self.accountant)
        doors["charge"]()
        doors["record"]()
        self.assertEqual(self.invoice.amount_residual, 488.0)

    def test_higher_level_can_do_all(self):
        doors = {
            **self._get_lower_doors(self.supervisor),
            **self._get_upper_doors(self.supervisor),
        }
        for name in ("charge", "record", "refund", "refund outside", "write-off"):
            doors[name]()
        doors["undo"]()
        self.assertEqual(self.invoice.amount_residual, 500.0 - 1.0)

    def test_level_that_was_taken_away(self):
        manager = self.make_user("ip_manager", "account.group_account_manager")
        self._keep()
        self._get_upper_doors(manager)["write-off"]()
        self._take_level("account.group_account_manager", REFUND)
        self.assertTrue(manager.has_group(RECORD), "As one of the invoicing staff.")
        self._assert_refused_all(self._get_upper_doors(manager), manager)
        self._get_lower_doors(manager)["record"]()

    def test_update_does_not_give_it_back(self):
        group = self.env.ref("account.group_account_manager")
        level = self.env.ref(REFUND)
        for mode, is_given in (("update", False), ("init", True)):
            with self.subTest(mode):
                self._take_level("account.group_account_manager", REFUND)
                convert_file(
                    self.env,
                    "invoice_payments_ext",
                    "security/invoice_payments_ext_security.xml",
                    {},
                    mode=mode,
                )
                self.assertEqual(level in group.all_implied_ids, is_given)

    def test_level_without_invoicing(self):
        for level in (RECORD, REFUND):
            user = self.make_user(f"ip_{level[-6:]}", level)
            self._keep()
            self._assert_refused_all(self._get_lower_doors(user), user)
            self._assert_refused_all(self._get_upper_doors(user), user)


@tagged("post_install", "-at_install")
class TestDialogRights(CreditCommon):
    """A dialog tells nothing of records that its user cannot read."""

    def setUp(self):
        super().setUp()
        payment = self.charge(400)
        self.own_company = self.make_other_company(name="Other")["company"]
        self.stranger = new_test_user(
            self.env,
            login="ip_stranger",
            groups=f"account.group_account_invoice,{REFUND}",
            company_id=self.own_company.id,
            company_ids=[Command.set(self.own_company.ids)],
        )
        # It waits for a second person.
        self.company.payment_approval_limit = 5
        request = self.invoice.with_user(self.supervisor).issue_credit_note(
            amount=10, reason="Less"
        )
        invoice = {"move_id": self.invoice.id}
        balance = {"balance_id": self._balance().id}
        self.given = {
            "account.credit.balance.adjust": {
                "partner_id": self.partner.id,
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
            },
            "account.credit.balance.pay.out": balance,
            "account.credit.balance.statement": balance,
            "account.payment.create": invoice,
            "account.payment.create.joint": {
                "move_ids": [Command.set(self.invoice.ids)]
            },
            "account.payment.create.joint.line": invoice,
            "account.write.off.create": invoice,
            "account.credit.note.create": invoice,
            "account.credit.note.create.line": {
                "move_line_id": self.invoice.invoice_line_ids[:1].id
            },
            "account.credit.note.create.payment": {"payment_id": payment.id},
            "account.payment.refund": {"payment_id": payment.id},
            "account.payment.approval.reject": {"approval_id": request.id},
            "payment.attempt.resolve": {
                "transaction_id": payment.sudo().payment_transaction_id.id
            },
        }
        self._keep()

    def _get_dialog(self, model, **context):
        """Return the model, as the stranger, and the fields that a form asks for."""
        dialogs = self.env[model].with_user(self.stranger).with_context(**context)
        names = dialogs.fields_get(attributes=[]).keys() - {"id"}
        spec = {
            name: {"fields": {"display_name": {}}}
            if dialogs._fields[name].type == "many2one"
            else {}
            for name in names
        }
        return dialogs, spec

    def _get_ways_in(self, model, given):
        """Return the ways in which a client may ask a dialog about a record."""
        reason = {"reason": "x"} if "reason" in self.env[model]._fields else {}
        defaults = {f"default_{name}": value for name, value in given.items()}
        dialogs, spec = self._get_dialog(model)
        by_default = self._get_dialog(model, **defaults)[0]
        return {
            "create": lambda: dialogs.create({**given, **reason}),
            "default": lambda: by_default.create(reason),
            "web_save": lambda: dialogs.web_save({**given, **reason}, spec),
            "opened": lambda: by_default.onchange({}, [], spec),
            "given": lambda: dialogs.onchange(dict(given), [], spec),
            "changed": lambda: dialogs.onchange(dict(given), [*given], spec),
        }

    def test_record_of_another_company(self):
        for model, given in self.given.items():
            for name, ask in self._get_ways_in(model, given).items():
                with self.subTest(model, way=name), self.assertRefused("", AccessError):
                    ask()

    def test_rows_of_another_company(self):
        for dialog, name, model in (
            (CREDIT_NOTE, "line_ids", f"{CREDIT_NOTE}.line"),
            (CREDIT_NOTE, "payment_ids", f"{CREDIT_NOTE}.payment"),
            (JOINT_PAYMENT, "line_ids", f"{JOINT_PAYMENT}.line"),
        ):
            dialogs, spec = self._get_dialog(dialog)
            rows = [Command.create(self.given[model])]
            spec[name] = {"fields": self._get_dialog(model)[1]}
            with self.subTest(name), self.assertRefused("", AccessError):
                dialogs.onchange({name: rows}, [name], spec)

    def test_contact_of_another_company(self):
        self.partner.company_id = self.company
        self._keep()
        dialogs, spec = self._get_dialog("account.credit.balance.adjust")
        given = {"partner_id": self.partner.id}
        with self.assertRefused("", AccessError):
            dialogs.create({**given, "amount": 1, "reason": "x"})
        with self.assertRefused("", AccessError):
            dialogs.onchange(given, [], spec)

    def test_dialog_of_ones_own_is_not_turned_to_another_company(self):
        dialogs, spec = self._get_dialog("account.credit.balance.adjust")
        dialog = dialogs.create(
            {"partner_id": self.partner.id, "amount": 1, "reason": "x"}
        )
        self.assertEqual(dialog.company_id, self.own_company)
        self.assertEqual((dialog.balance, dialog.balance_after), (0, 1))
        values = {"company_id": self.company.id}
        self._keep()
        with self.assertRefused("", AccessError):
            dialog.write(values)
        with self.assertRefused("", AccessError):
            dialog.onchange(values, ["company_id"], spec)

    def test_readable_records_are_shown(self):
        self.stranger.write(
            {
                "company_id": self.company.id,
                "company_ids": [Command.set(self.company.ids)],
            }
        )
        for model, given in self.given.items():
            dialogs, spec = self._get_dialog(model)
            with self.subTest(model):
                shown = dialogs.onchange(dict(given), [], spec)["value"]
                for name, value in given.items():
                    if isinstance(value, list):  # Many records.
                        ids = [record_id for _command, record_id, _value in shown[name]]
                        self.assertEqual(ids, self.invoice.ids)
                    else:
                        self.assertEqual(shown[name]["id"], value)


@tagged("post_install", "-at_install")
class TestSalesperson(InvoicePaymentsCommon):
    """Who may read invoices, but not payments, as `sale` lets its users."""

    # The groups of `sale`, and the records that each employee may read.
    READABLE = (
        "account.account",
        "account.journal",
        "account.move",
        "account.move.line",
        "account.partial.reconcile",
        "account.payment.term",
        "account.tax",
        "account.tax.group",
    )

    def setUp(self):
        super().setUp()
        group = self.env["res.groups"].create({"name": "Salespeople"})
        self.env["ir.model.access"].create(
            [
                {
                    "name": f"{model} of salespeople",
                    "model_id": self.env["ir.model"]._get_id(model),
                    "group_id": group.id,
                    "perm_read": True,
                }
                for model in self.READABLE
            ]
        )
        self.salesperson = self.make_user("ip_salesperson", "base.group_user")
        self.salesperson.group_ids |= group

    def open_form(self, move):
        """Read the fields of the form; in the web client that is one request."""
        move = move.with_user(self.salesperson)
        self.env.invalidate_all()
        view = move.get_view(view_type="form")
        shown = fromstring(view["arch"]).xpath("//field[not(ancestor::field)]/@name")
        self.assertIn("refund_status", shown)
        [values] = move.web_read({name: {} for name in shown})
        return values

    def test_opens_and_finds_all_invoices(self):
        """Of each kind: a draft, paid and refunded, credited, written off."""
        draft = self.make_invoice(post=False)
        payment = self.start_attempt("done", amount=500.0).sudo().payment_id
        payment.with_user(self.supervisor).refund(100, reason="Wrong")
        entry = self.invoice.with_user(self.supervisor).issue_credit_note(
            200, reason="Wrong"
        )
        paid = self.make_invoice(100)
        excess = paid.record_external_payment(100)
        excess.sudo().move_id.line_ids.remove_move_reconcile()
        for move in (draft, self.invoice, entry, paid, excess.move_id):
            with self.subTest(move.sudo().name):
                values = self.open_form(move)
                self.assertEqual(values["id"], move.id)
        self.assertEqual(
            self.open_form(self.invoice)["refund_status"], "partially_refunded"
        )
        moves = self.env["account.move"].with_user(self.salesperson)
        found = moves.search([("refund_status", "=", "partially_refunded")])
        self.assertEqual(found, self.invoice)
        moves.browse(paid.id).get_payment_rows()
