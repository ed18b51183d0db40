from lxml import etree

from odoo.tests import TransactionCase, tagged

ADDON = "invoice_payments_ext"
STRICT = {
    "monetary": ("payment_amount", "optional_monetary"),
    "float": ("payment_quantity",),
}


@tagged("post_install", "-at_install")
class TestAmountFields(TransactionCase):
    """Each amount that a person enters in a dialog is read strictly."""

    def test_entered_amounts_are_read_strictly(self):
        dialogs = [
            name
            for name, model in self.env.registry.items()
            if model._transient and model._original_module == ADDON
        ]
        views = self.env["ir.ui.view"].search(
            [("model", "in", dialogs), ("type", "=", "form")]
        )
        found = 0
        for name in {*views.mapped("model"), "res.config.settings"}:
            model = self.env[name]
            arch = etree.fromstring(model.get_view(view_type="form")["arch"])
            for node in arch.iter("field"):
                field = self._get_field(model, node)
                if not self._is_entered(field, node):
                    continue
                with self.subTest(str(field)):
                    self.assertIn(node.get("widget"), STRICT[field.type], str(field))
                found += 1
        self.assertGreaterEqual(found, 15)

    def test_no_page_has_a_number_field(self):
        """In one, the browser decides about the comma: `20,5` became 205."""
        data = self.env["ir.model.data"].search(
            [("module", "=", ADDON), ("model", "=", "ir.ui.view")]
        )
        pages = self.env["ir.ui.view"].browse(data.mapped("res_id"))
        pages = pages.filtered(lambda view: view.type == "qweb")
        self.assertGreater(len(pages), 20)
        for page in pages:
            inputs = etree.fromstring(page.arch_db).xpath("//input[@type='number']")
            self.assertFalse(inputs, page.key)

    def _get_field(self, model, node):
        """Return the field of a node, which may stand in the rows of another."""
        for parent in node.iterancestors("field"):
            model = self.env[model._fields[parent.get("name")].comodel_name]
            break
        return model._fields.get(node.get("name"))

    def _is_entered(self, field, node):
        """Tell if people enter an amount or a number of this addon here."""
        return (
            field is not None
            and field.type in STRICT
            and ADDON in field._modules
            and not field.readonly
            and node.get("readonly") not in ("1", "True")
            and node.get("invisible") != "1"
            and node.get("column_invisible") != "1"
        )
