import {registry} from "@web/core/registry";

import {PaymentAmountField, paymentAmountField} from "../payment_amount/payment_amount";

/** An amount that may be empty, which is something else than zero. */
export class OptionalMonetaryField extends PaymentAmountField {
    parse(value) {
        return value.trim() ? super.parse(value) : false;
    }

    /**
     * Enter the change between empty and zero at once.
     *
     * Odoo takes both for the same when Tab or Enter is pressed, and would put back what
     * was there before.
     */
    onInput(ev) {
        super.onInput(ev);
        if (!this.value) {
            this.update(ev.target.value);
        }
    }
}

registry.category("fields").add("optional_monetary", {
    ...paymentAmountField,
    component: OptionalMonetaryField,
});
