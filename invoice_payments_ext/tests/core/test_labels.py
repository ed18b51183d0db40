from collections import defaultdict

from lxml.etree import fromstring

from odoo.tests import TransactionCase, tagged

OURS = "invoice_payments_ext"
LANG = "fr_FR"
# Odoo's names of a payment's states, in the place of which the section's words stand.
RENAMED = {"state_draft", "state_in_process"}


@tagged("post_install", "-at_install")
class TestLabels(TransactionCase):
    """Odoo's own words stay Odoo's: their translations are there already."""

    def test_words_on_odoo_s_forms_and_lists(self):
        """They are the same in French with the views of this addon and without."""
        self.env["res.lang"]._activate_lang(LANG)
        modules = ["account", "account_payment", "payment"]
        self.env["ir.module.module"]._load_module_terms(modules, [LANG])
        data = self.env["ir.model.data"].search(
            [("module", "=", OURS), ("model", "=", "ir.ui.view")]
        )
        ours = self.env["ir.ui.view"].browse(data.mapped("res_id"))
        ours = ours.filtered(
            lambda view: (
                view.mode == "extension" and view.type in ("form", "list", "search")
            )
        )
        views = ours.inherit_id - ours
        self.assertGreater(len(views), 5)
        changed = {view: self._read_words(view) for view in views}
        ours.active = False
        compared = 0
        for view in views:
            for key, words in self._read_words(view).items():
                if key in changed[view] and key[1] not in RENAMED:
                    compared += len(words)
                    self.assertLessEqual(words, changed[view][key], (view.name, key))
        self.assertGreater(compared, 100)

    def _read_words(self, view):
        """Return the words of a view in French, by the element that they are on."""
        records = self.env[view.model].with_context(lang=LANG)
        arch = fromstring(records.get_view(view.id, view.type)["arch"])
        words = defaultdict(set)
        for element in arch.iter("button", "field", "filter", "page"):
            if element.get("name") and element.get("string"):
                words[element.tag, element.get("name")].add(element.get("string"))
        return words

    def test_names_of_odoo_s_fields(self):
        """No field of Odoo gets another name."""
        renamed = []
        for model in self.env.registry.values():
            for field in model._fields.values():
                bases = field._base_fields__
                if all(base._module == OURS for base in bases):
                    continue
                renamed += [
                    f"{model._name}.{field.name}"
                    for base in bases
                    if base._module == OURS and "string" in (base._args__ or {})
                ]
        self.assertFalse(renamed)
