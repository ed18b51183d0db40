import {Component} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {uniqueId} from "@web/core/utils/functions";
import {standardFieldProps} from "@web/views/fields/standard_field_props";

/**
 * The choice of how a payment is made, from the options that the server computed on the
 * same record. A method that cannot be chosen is listed too, with the reason.
 */
export class PaymentMethodChoice extends Component {
    static template = "invoice_payments_ext.PaymentMethodChoice";
    static props = {...standardFieldProps};

    setup() {
        this.id = uniqueId("payment_method_choice_");
    }

    get options() {
        return this.props.record.data.method_options || [];
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    /** Tell if the name of a group stands above an option. */
    isFirstOfGroup(option) {
        const sameGroup = this.options.filter(({group}) => group === option.group);
        return option.group && sameGroup[0] === option;
    }

    onChange(option) {
        this.props.record.update({[this.props.name]: option.value});
    }
}

export const paymentMethodChoice = {
    component: PaymentMethodChoice,
    displayName: _t("Payment method choice"),
    supportedTypes: ["char"],
    fieldDependencies: [{name: "method_options", type: "json"}],
};

registry.category("fields").add("payment_method_choice", paymentMethodChoice);
