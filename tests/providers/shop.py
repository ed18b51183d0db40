"""A company in a running Odoo whose providers talk to the fake APIs."""

import json
from pathlib import Path

from lib import database, settings
from lib.odoo_server import OdooServer, run_odoo
from lib.template import get_facts, get_template
from lib.world import World

from .api import ApiServer
from .comparison import Comparison

ADDON = "payment_fake_apis"
BATCH = 12
FOLDER = Path(__file__).parent


def get_providers_template(apis):
    """Return the template with the providers' modules, switched on; build it if needed.

    :param apis: The fakes; their providers are prepared.
    """
    template = get_template()
    setup = {
        api.code: {"currency": api.currency, "values": api.provider_values}
        for api in apis
    }
    script = (
        f"import json\nPROVIDERS = json.loads({json.dumps(setup)!r})\n"
        + (FOLDER / "prepare/prepare.py").read_text()
    )
    fingerprint = database.get_fingerprint(
        FOLDER / "addons" / ADDON, salt=f"{template}\n{script}"
    )
    prefix = f"{settings.PREFIX}_providers_"
    name = f"{prefix}{fingerprint}"
    with database.exclusive():
        if not database.exists(name):
            database.drop_others(prefix, name)
            building = f"{settings.PREFIX}_building_providers"
            database.clone(template, building)
            run_odoo(
                "server",
                building,
                f"--init={ADDON}",
                "--stop-after-init",
                "--no-http",
                "--max-cron-threads=0",
            )
            run_odoo("shell", building, "--no-http", script=script)
            database.rename(building, name)
    return name


class Shop(World):
    """A world with the fake APIs in the place of the gateway."""

    timeout_parameter = f"{ADDON}.timeout"

    def __init__(self, api_classes):
        super().__init__(get_providers_template(api_classes))
        record = Path(self.folder.name) / "record.jsonl"
        self.apis = {cls.code: cls(record) for cls in api_classes}
        self.api_server = ApiServer(self.apis.values())
        self.cases = {}

    def start(self, **environment):
        """Override of :class:`World` to start no gateway."""
        database.clone(self.template, self.database)
        self.facts = get_facts(self.database)
        self.facts["providers"] = get_facts(self.database, f"{ADDON}.facts")
        self.server = OdooServer(
            self.database, log_path=Path(self.folder.name) / "odoo.log"
        )
        self.query(
            "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)",
            f"{ADDON}.url",
            self.api_server.url,
        )
        for api in self.apis.values():
            api.shop_url = self.server.url
        self.referee = Comparison(self)
        self.start_server(**environment)
        return self

    def close(self):
        """Override of :class:`World` to end the fake APIs."""
        super().close()
        self.api_server.close()

    def write_provider(self, code, **values):
        """Change the provider of a code."""
        provider_id = self.facts["providers"][code]["provider_id"]
        self.admin.call("payment.provider", "write", [provider_id], vals=values)

    # === RECORDS === #

    def take_case(self, api):
        """Return a new invoice over 100 and a saved method, made many at a time.

        :rtype: tuple[int, int]
        """
        cases = self.cases.setdefault(api.code, [])
        if not cases:
            facts = self.facts["providers"][api.code]
            partner_ids = self.make_customers(BATCH, **api.partner_values)
            invoice_ids = self.make_invoices(
                partner_ids, currency_id=facts["currency_id"]
            )
            token_ids = self.make_tokens(
                partner_ids, provider_id=facts["provider_id"], **api.token_values
            )
            cases += zip(invoice_ids, token_ids, strict=True)
        return cases.pop()
