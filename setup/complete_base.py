"""Completes the base database; executed by `odoo shell`, which gives `env`."""

from odoo.tools.misc import file_path

# Debian's build leaves out a minified script that the backend bundle lists. Without it
# every page logs a console error, for which Odoo's browser tests fail.
MISSING_SCRIPT = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
try:
    file_path(MISSING_SCRIPT)
except FileNotFoundError:
    env["ir.asset"].create(  # noqa: F821
        {
            "name": "Not in this build of Odoo",
            "bundle": "web.assets_backend",
            "directive": "remove",
            "path": MISSING_SCRIPT,
        }
    )
env["ir.qweb"]._pregenerate_assets_bundles()  # noqa: F821
env.cr.commit()  # noqa: F821
