from odoo import models
from odoo.http import request


class IrHttp(models.AbstractModel):
    """Messages on money taken back, read before the route of the provider's module."""

    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        """Read the message; the module's route then reads the rest of it, if any."""
        if request.httprequest.method == "POST":
            providers = request.env["payment.provider"].sudo()
            answer = providers._read_taken_back_request(request)
            if answer is not None:
                return request.make_json_response(answer)
        return super()._dispatch(endpoint)
