"""Clients of a real Odoo server."""

import itertools

import requests

from .waiting import PATIENCE


class RpcError(Exception):
    """The server refused a call; the message is the one that a person would read."""

    def __init__(self, name, message, details=""):
        super().__init__(message)
        self.name = name
        self.message = message
        self.details = details


class ConnectionLost(Exception):
    """The server died, or did not answer."""


class Client:
    """The common parts of both protocols."""

    def __init__(self, url, timeout=PATIENCE):
        self.url = url
        self.timeout = timeout
        self.session = requests.Session()

    def _post(self, path, payload, **kwargs):
        try:
            return self.session.post(
                f"{self.url}{path}", json=payload, timeout=self.timeout, **kwargs
            )
        except (
            requests.ConnectionError,
            requests.Timeout,
            # The server died while its answer was on the way.
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise ConnectionLost(str(error)) from error

    def search_read(self, model, domain, fields, **options):
        return self.call(model, "search_read", domain=domain, fields=fields, **options)

    def read(self, model, ids, fields):
        return self.call(model, "read", ids, fields=fields)

    def call(self, model, method, ids=(), **kwargs):
        """Call a public method on records (or on the model, without ids)."""
        raise NotImplementedError


class JsonRpcClient(Client):
    """The protocol of Odoo's own web client, with a session."""

    _request_ids = itertools.count(1)

    def authenticate(self, database, login, password):
        self._call(
            "/web/session/authenticate",
            {"db": database, "login": login, "password": password},
        )
        return self

    def call(self, model, method, ids=(), **kwargs):
        # Methods of the model itself take no ids.
        args = [list(ids)] if ids else []
        if method == "create":
            args = [kwargs.pop("vals_list")]
        return self.call_kw(model, method, args, kwargs)

    def call_kw(self, model, method, args, kwargs):
        return self._call(
            "/web/dataset/call_kw",
            {"model": model, "method": method, "args": args, "kwargs": kwargs},
        )

    def _call(self, path, params):
        response = self._post(
            path,
            {
                "jsonrpc": "2.0",
                "method": "call",
                "id": next(self._request_ids),
                "params": params,
            },
        )
        try:
            answer = response.json()
        except ValueError:
            raise RpcError(f"HTTP {response.status_code}", response.text) from None
        if error := answer.get("error"):
            data = error.get("data", {})
            raise RpcError(
                data.get("name", ""),
                data.get("message") or error.get("message", ""),
                data.get("debug", ""),
            )
        return answer.get("result")


class Json2Client(Client):
    """The external API, with a key."""

    def __init__(self, url, key, database=None, timeout=PATIENCE):
        super().__init__(url, timeout)
        self.session.headers["Authorization"] = f"Bearer {key}"
        if database:
            self.session.headers["X-Odoo-Database"] = database

    def call(self, model, method, ids=(), **kwargs):
        payload = {**kwargs, "ids": list(ids)} if ids else kwargs
        response = self._post(f"/json/2/{model}/{method}", payload)
        if response.status_code == 200:
            return response.json()
        try:
            error = response.json()
        except ValueError:
            error = {"message": response.text}
        raise RpcError(
            error.get("name", f"HTTP {response.status_code}"),
            error.get("message", ""),
            error.get("debug", ""),
        )
