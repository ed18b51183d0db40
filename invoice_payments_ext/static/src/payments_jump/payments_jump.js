import {Component} from "@odoo/owl";
import {formatCurrency} from "@web/core/currency";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

/**
 * The amount that remains, where the eye is first: it leads to the Payments section.
 */
export class PaymentsJump extends Component {
    static template = "invoice_payments_ext.PaymentsJump";
    static props = {...standardWidgetProps};

    get remaining() {
        const {amount_residual, currency_id} = this.props.record.data;
        return formatCurrency(amount_residual, currency_id && currency_id.id);
    }

    get label() {
        return _t("%s remaining: go to the payments", this.remaining);
    }

    jump() {
        const section = document.querySelector(".o_payments_section");
        section?.scrollIntoView({block: "start"});
        section?.querySelector("#o_payments_title")?.focus({preventScroll: true});
    }
}

export const paymentsJump = {
    component: PaymentsJump,
    fieldDependencies: [
        {name: "amount_residual", type: "monetary"},
        {name: "currency_id", type: "many2one"},
    ],
};

registry.category("view_widgets").add("payments_jump", paymentsJump);
