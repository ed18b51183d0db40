from odoo import fields


class OptionalMonetary(fields.Monetary):
    """An amount of money that may be empty, which is something else than zero.

    It reads as `None` where it is empty. For Odoo's own `Monetary` both are zero. The
    client shows and stores an empty one with the widget `optional_monetary`.
    """

    falsy_value = None

    def convert_to_column_insert(self, value, record, values=None, validate=True):
        if value is None or value is False:
            return None
        return super().convert_to_column_insert(value, record, values, validate)

    def convert_to_cache(self, value, record, validate=True):
        if value is None or value is False:
            return None
        return super().convert_to_cache(value, record, validate)

    def convert_to_record(self, value, record):
        return value

    def convert_to_read(self, value, record, use_display_name=True):
        return False if value is None else value

    def convert_to_export(self, value, record):
        return "" if value is None else value
