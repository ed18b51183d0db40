import {Component} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {uniqueId} from "@web/core/utils/functions";
import {standardFieldProps} from "@web/views/fields/standard_field_props";

/**
 * The parts of an invoice that a payment may be for, as buttons that enter the amount.
 * The server computed them on the same record.
 */
export class PaymentAmountChoice extends Component {
    static template = "invoice_payments_ext.PaymentAmountChoice";
    static props = {...standardFieldProps};

    setup() {
        this.id = uniqueId("payment_amount_choice_");
    }

    get choices() {
        return this.props.record.data.amount_choices || [];
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    onChange(choice) {
        this.props.record.update({[this.props.name]: choice.value});
    }
}

registry.category("fields").add("payment_amount_choice", {
    component: PaymentAmountChoice,
    displayName: _t("Choice of an amount"),
    supportedTypes: ["char"],
    fieldDependencies: [{name: "amount_choices", type: "json"}],
});
