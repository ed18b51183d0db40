import {Component} from "@odoo/owl";
import {formatCurrency} from "@web/core/currency";
import {Dropdown} from "@web/core/dropdown/dropdown";
import {DropdownItem} from "@web/core/dropdown/dropdown_item";
import {deserializeDate, formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

// By the color of the state; others have none of their own.
const REASON_ICONS = {
    warning: "fa-question-circle text-warning",
    danger: "fa-times-circle text-danger",
};

/**
 * The actions on a row or a refund now; a blocked one is listed with its reason.
 */
export class PaymentMenu extends Component {
    static template = "invoice_payments_ext.PaymentMenu";
    static components = {Dropdown, DropdownItem};
    static props = {
        row: Object,
        label: String,
        isRunning: Boolean,
        onAction: Function,
    };

    getItemAttributes(action) {
        return action.enabled ? {} : {"aria-disabled": "true"};
    }

    onSelected(action) {
        if (action.enabled && !this.props.isRunning) {
            this.props.onAction(this.props.row, action);
        }
    }
}

/**
 * One attempt, payment or entry, with its reason and its refunds beneath.
 */
export class PaymentRow extends Component {
    static template = "invoice_payments_ext.PaymentRow";
    static components = {PaymentMenu};
    static props = {
        row: Object,
        currencyId: Number,
        isRunning: Boolean,
        onAction: Function,
    };

    get isApplied() {
        return Boolean(this.props.row.amount_applied);
    }

    getReasonIcon({state_color}) {
        return REASON_ICONS[state_color] || "fa-info-circle text-muted";
    }

    /**
     * The names of the payment: the document's number, the memo.
     */
    getFacts({memo, reference}) {
        return [reference, memo !== reference && memo].filter(Boolean).join(" · ");
    }

    /**
     * The origin of the payment: its kind, who started it and where.
     */
    get origin() {
        const {kind_label, method, provider, user, channel} = this.props.row;
        return [kind_label !== method && kind_label, provider, channel, user]
            .filter(Boolean)
            .join(" · ");
    }

    get retryOf() {
        return _t("Retry of %s", this.props.row.retry_of);
    }

    /** The most frequent action on a row has a button of its own. */
    get retryAction() {
        return this.props.row.actions.find(
            ({name, enabled}) => name === "retry" && enabled
        );
    }

    retry() {
        if (!this.props.isRunning) {
            this.props.onAction(this.props.row, this.retryAction);
        }
    }

    get menuLabel() {
        return _t("Actions for %(method)s, %(amount)s, %(state)s", {
            method: this.props.row.method,
            amount: this.amount,
            state: this.props.row.state_label,
        });
    }

    getRefundMenuLabel(refund) {
        if (refund.kind === "taken_back") {
            return _t("Actions for %(amount)s taken back, %(state)s", {
                amount: this.formatAmount(refund.amount),
                state: refund.state_label,
            });
        }
        return _t("Actions for the refund of %(amount)s, %(state)s", {
            amount: this.formatAmount(refund.amount),
            state: refund.state_label,
        });
    }

    get amount() {
        return this.formatAmount(this.props.row.amount);
    }

    formatAmount(amount, currencyId = this.props.row.currency_id) {
        return formatCurrency(amount, currencyId);
    }

    formatDate(date) {
        return date ? formatDate(deserializeDate(date)) : "";
    }
}
