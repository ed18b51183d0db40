"""How long a provider waits for an answer: the delays are written in Odoo's code."""

import threading

import requests

# Seconds: Odoo's ten are few where a gateway, its server and others share a processor.
USUAL = 120


class Patience(threading.local):
    """How long the next request of a thread waits, if not as its module says."""

    seconds = 0.0


_patience = Patience()
_request = requests.Session.request


def set_patience(env, name):
    """Let the next request of this thread wait as long as a test wants.

    :param str name: The system parameter with the seconds.
    """
    # In superuser mode: system parameters are readable by administrators only.
    seconds = env["ir.config_parameter"].sudo().get_param(name)
    _patience.seconds = float(seconds or USUAL)


def _request_in_time(self, *args, **kwargs):
    if _patience.seconds:
        kwargs["timeout"] = _patience.seconds
    return _request(self, *args, **kwargs)


requests.Session.request = _request_in_time
