"""Serves `localstripe`, a Stripe that others wrote, in a process of its own.

It is as its authors ship it, but for the fields of an intent that it does not know and
Odoo's module sends, and for its file in the folder for temporary files.

    python localstripe_server.py PORT
"""

import logging
import sys

from aiohttp import web
from localstripe import server
from localstripe.resources import PaymentIntent, store

_initialise = PaymentIntent.__init__


def _initialise_described(self, description=None, shipping=None, **data):
    _initialise(self, **data)
    self.description = description
    self.shipping = shipping


def _keep_in_memory(_store):
    """It would write all that it knows into one file that all runs share."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    PaymentIntent.__init__ = _initialise_described
    type(store).dump_to_disk = _keep_in_memory
    root = web.Application()
    # As the fakes: the code of the provider comes before the path.
    root.add_subapp("/stripe/", server.app)
    web.run_app(root, host="127.0.0.1", port=int(sys.argv[1]), print=None)
