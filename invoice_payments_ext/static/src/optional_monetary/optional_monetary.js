import {registry} from "@web/core/registry";

import {PaymentAmountField, paymentAmountField} from "../payment_amount/payment_amount";

/** An amount that may be empty, which is something else than zero. */
export class OptionalMonetaryField extends PaymentAmountField {
    parse(value) {
        return value.trim() ? super.parse(value) : false;
    }
}

registry.category("fields").add("optional_monetary", {
    ...paymentAmountField,
    component: OptionalMonetaryField,
});
