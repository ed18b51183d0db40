from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from ...tools import read_amount, write_amount

THIN, FIXED = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
# What each language reads: decimal point and thousands separator as people write them.
EVERYWHERE = {
    "20": 20,
    "20,5": 20.5,
    "20.50": 20.5,
    " 80 ": 80,
    f"{FIXED}80{THIN}": 80,
    "0": 0,
    "007": 7,
    "1 234": 1234,
    f"1{THIN}234{FIXED}567": 1234567,
    "1'234": 1234,
    "1’234": 1234,
    # The door says that an amount must be above zero.
    "-20": -20,
    "-20,5": -20.5,
    "": None,
    " ": None,
    None: None,
}
NOWHERE = (
    "12,34.50",
    "12.34,50",
    "1,2,3",
    "1e2",
    "1E2",
    "0x20",
    "NaN",
    "inf",
    "Infinity",
    "1_000",
    "+20",
    "--20",
    "- 20",
    "20-",
    "20.",
    "20,",
    ".5",
    ",5",
    ".",
    "-",
    "20 5",
    "1  234",
    "1 2345",
    "1234 567",
    "20.5.5",
    "20,5,5",
    "=2+3",
    "20 %",
    "a hundred",
    "٢٠",
    "²",
    "20\0",
    "9" * 31,
)
LANGUAGES = {
    ("en_US", ".", ","): {
        "1,234": 1234,
        "1,234.56": 1234.56,
        "1,234,567.8": 1234567.8,
        "12,34,567.50": 1234567.5,
        "20.555": 20.555,
        "20,555": 20555,
        "1.000": "refused",
        "1,000.000": "refused",
        "1.234,56": "refused",
        "1.234.567": "refused",
    },
    ("de_DE", ",", "."): {
        "1.234": 1234,
        "1.234,56": 1234.56,
        "1.234.567,8": 1234567.8,
        "20,555": 20.555,
        "20.555": 20555,
        "1,000": "refused",
        "1,234.56": "refused",
        "1,234,567": "refused",
    },
    ("fr_FR", ",", THIN): {
        "1234,56": 1234.56,
        "1 234,56": 1234.56,
        f"1{THIN}234,56": 1234.56,
        f"1{FIXED}234{THIN}567,8": 1234567.8,
        "20,555": 20.555,
        "20.555": "refused",
        "1.234,56": "refused",
        "1,234.56": "refused",
    },
    ("de_CH", ".", "'"): {
        "1'234.56": 1234.56,
        "1’234’567.8": 1234567.8,
        "20.555": 20.555,
        "20,555": "refused",
        "1.234,56": "refused",
        "1,234.56": "refused",
    },
    # Separators that mean something in a pattern, and none at all.
    ("es_ES", ",", ""): {"1234,56": 1234.56, "1.234,56": "refused", "1|234": "refused"},
    ("it_IT", "|", "^"): {"1^234|56": 1234.56, "1.234": "refused"},
}


@tagged("post_install", "-at_install")
class TestReadAmount(TransactionCase):
    """The amounts of forms are read strictly, as the member's language writes them."""

    def _enter_languages(self):
        """Return a currency in each language, and what is read and refused in it."""
        for (code, point, separator), read in LANGUAGES.items():
            language = self.env["res.lang"]._activate_lang(code)
            language.write({"decimal_point": point, "thousands_sep": separator})
            currency = self.env.ref("base.EUR").with_context(lang=code)
            yield code, currency, {**dict.fromkeys(NOWHERE, "refused"), **read}

    def test_each_language(self):
        for code, currency, table in self._enter_languages():
            for text, amount in {**EVERYWHERE, **table}.items():
                with self.subTest(code=code, text=text):
                    try:
                        read = read_amount(currency, text, "The amount")
                    except UserError:
                        read = "refused"
                    self.assertEqual(read, amount)

    def test_what_is_written_is_read(self):
        """In each language, and as Indians group; a field proposes it."""
        amounts = (0.01, 20.5, 1000, 1234567.89)
        for code, currency, _table in self._enter_languages():
            for grouping in ("[3,0]", "[3,2,0]"):
                language = self.env["res.lang"]._lang_get(code)
                language.grouping = grouping
                for amount in amounts:
                    text = write_amount(currency, amount)
                    with self.subTest(code=code, grouping=grouping, text=text):
                        self.assertEqual(read_amount(currency, text, ""), amount)
        self.assertEqual(write_amount(currency, 1234567.89), "12^34^567|89")

    def test_the_refusal(self):
        """It names the field, and shows what was typed and how amounts are written."""
        for code, name, words in (
            ("en_US", "EUR", "The fee: 1e2 is not an amount such as 1,234.56."),
            ("en_US", "JPY", "The fee: 1e2 is not an amount such as 1,235."),
            ("de_DE", "EUR", "The fee: 1e2 is not an amount such as 1.234,56."),
        ):
            self.env["res.lang"]._activate_lang(code)
            currency = self.env.ref(f"base.{name}").with_context(lang=code)
            with self.subTest(words), self.assertRaises(UserError) as caught:
                read_amount(currency, "1e2", "The fee")
            self.assertEqual(caught.exception.args[0], words)
        # Where a thousandth is the smallest unit, three zeros are no thousands.
        dinar = self.env.ref("base.KWD").with_context(lang="en_US")
        self.assertEqual(read_amount(dinar, "1.000", ""), 1)
        with self.assertRaisesRegex(UserError, r"The fee: 9{30} is not"):
            read_amount(currency, "9" * 1000, "The fee")
