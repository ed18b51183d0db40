"""Builds the asset bundles that the addon changed; executed by `odoo shell`."""

env["ir.qweb"]._pregenerate_assets_bundles()  # noqa: F821
env.cr.commit()  # noqa: F821
