import {Component, useState} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {formatCurrency} from "@web/core/currency";
import {Dropdown} from "@web/core/dropdown/dropdown";
import {DropdownItem} from "@web/core/dropdown/dropdown_item";
import {
    deserializeDate,
    deserializeDateTime,
    formatDate,
    formatDateTime,
} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

// A longer memo is cut.
const MAX_MEMO = 80;
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
 * The next things to do on a row or a refund, beside its menu.
 */
export class QuickActions extends Component {
    static template = "invoice_payments_ext.QuickActions";
    static props = {row: Object, isRunning: Boolean, onAction: Function};

    get actions() {
        return this.props.row.actions.filter(({is_quick}) => is_quick);
    }

    /**
     * Tell if an action is a way back, and not the next thing to do.
     */
    isQuiet({name}) {
        return ["mistake", "undo_keep"].includes(name);
    }

    onClicked(action) {
        if (!this.props.isRunning) {
            this.props.onAction(this.props.row, action);
        }
    }
}

/**
 * The names of a payment or a refund: its document and attempt, the gateway's reference
 * and the memo.
 */
export class PaymentFacts extends Component {
    static template = "invoice_payments_ext.PaymentFacts";
    static props = {row: Object, onAction: Function};

    setup() {
        this.notification = useService("notification");
        this.state = useState({isOpen: false});
    }

    /**
     * The documents of the row, each with the action that opens it, if the user may.
     */
    get documents() {
        const {row} = this.props;
        const find = (name) => row.actions.find((action) => action.name === name);
        const documents = [
            {name: row.transaction_name, action: find("open_transaction")},
            {name: row.payment_name, action: find("open_payment")},
        ].filter(({name}) => name);
        if (!documents.some(({name}) => name === row.reference) && row.reference) {
            documents.unshift({name: row.reference, action: find("open_entry")});
        }
        return documents;
    }

    get memo() {
        const {memo, reference} = this.props.row;
        return memo === reference ? "" : memo;
    }

    get isLong() {
        return this.memo.length > MAX_MEMO;
    }

    get shownMemo() {
        return this.isLong && !this.state.isOpen
            ? `${this.memo.slice(0, MAX_MEMO).trimEnd()}…`
            : this.memo;
    }

    get copyLabel() {
        return _t("Copy %s", this.props.row.provider_reference);
    }

    async copy() {
        await browser.navigator.clipboard.writeText(this.props.row.provider_reference);
        this.notification.add(_t("Copied"), {type: "success"});
    }
}

/**
 * One attempt, payment or entry, with its reason and its refunds beneath.
 */
export class PaymentRow extends Component {
    static template = "invoice_payments_ext.PaymentRow";
    static components = {PaymentFacts, PaymentMenu, QuickActions};
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

    /**
     * The time of day at which it was started, if that was on its date.
     */
    getTime({date, time}) {
        const moment = time && deserializeDateTime(time);
        return moment && moment.toISODate() === date
            ? moment.toLocaleString({hour: "numeric", minute: "2-digit"})
            : "";
    }

    getMoment({time}) {
        return time ? formatDateTime(deserializeDateTime(time)) : "";
    }
}
