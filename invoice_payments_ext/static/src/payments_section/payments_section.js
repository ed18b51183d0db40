import {Component, onPatched, status, useEffect, useRef, useState} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {formatCurrency} from "@web/core/currency";
import {_t} from "@web/core/l10n/translation";
import {ConnectionLostError, RPCError} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {KeepLast} from "@web/core/utils/concurrency";
import {useService} from "@web/core/utils/hooks";
import {useDebounced} from "@web/core/utils/timing";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

import {QuestionDialog} from "../back_closes/back_closes";
import {DisabledButton} from "../disabled_button/disabled_button";
import {PaymentRow} from "./payment_row";

const NOTIFICATION = "invoice_payments_ext/changed";
// Several steps of one charge notify within moments: one reading shows them all.
const REFRESH_DELAY = 300;
// The older ones are folded under their number.
const MAX_ROWS = 8;

/**
 * The Payments section of an invoice's form.
 *
 * It is read again whenever the form reads its record, and when the server tells that a
 * payment or attempt of the invoice changed.
 */
export class PaymentsSection extends Component {
    static template = "invoice_payments_ext.PaymentsSection";
    static components = {DisabledButton, PaymentRow};
    static props = {...standardWidgetProps};

    setup() {
        this.action = useService("action");
        this.busService = useService("bus_service");
        this.dialog = useService("dialog");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.root = useRef("root");
        this.state = useState({section: null, isRunning: false, isUnfolded: false});
        this.resId = false;
        // Where the focus goes once a dialog is closed: see `returnFocus`.
        this.focusOn = "";
        onPatched(() => this.returnFocus());

        const refresh = useDebounced(() => this.refresh(), REFRESH_DELAY);
        const onChanged = ({move_id}) => {
            if (move_id === this.props.record.resId) {
                refresh();
            }
        };
        useEffect(
            () => {
                this.busService.subscribe(NOTIFICATION, onChanged);
                return () => this.busService.unsubscribe(NOTIFICATION, onChanged);
            },
            () => []
        );
        useEffect(
            (resId) => {
                if (!resId) {
                    return;
                }
                const channel = `account.move_${resId}`;
                this.busService.addChannel(channel);
                return () => this.busService.deleteChannel(channel);
            },
            () => [this.props.record.resId]
        );
        // The data is another object each time that the record was read.
        useEffect(
            (resId) => {
                if (resId) {
                    this.open(resId);
                }
            },
            () => [this.props.record.resId, this.props.record.data]
        );
    }

    // === READING === //

    /**
     * Read the section. When an invoice is opened, ask as well for the outcomes of its
     * attempts without one.
     *
     * @param {Number} resId
     */
    async open(resId) {
        const isOpening = resId !== this.resId;
        if (isOpening) {
            this.resId = resId;
            this.state.section = null;
            this.state.isUnfolded = false;
        }
        await this.read();
        if (isOpening && this.state.section.needs_resolving) {
            await this.resolve(resId);
        }
    }

    async read() {
        this.state.section = await this.keepLast.add(
            this.orm.call("account.move", "get_payment_section", [
                [this.props.record.resId],
            ])
        );
    }

    async resolve(resId) {
        let isChanged = false;
        try {
            isChanged = await this.orm.silent.call(
                "account.move",
                "resolve_payment_attempts",
                [[resId]]
            );
        } catch (error) {
            // Nobody asked for this: who may not do it, or lost the connection, needs no
            // message about it.
            const isDenied = error.exceptionName === "odoo.exceptions.AccessError";
            if (!isDenied && !(error instanceof ConnectionLostError)) {
                throw error;
            }
        }
        if (isChanged && resId === this.props.record.resId) {
            await this.refresh();
        }
    }

    /**
     * Read the invoice again, and the section with it.
     */
    async refresh() {
        const {record} = this.props;
        if (status(this) === "destroyed") {
            return;
        }
        if (await record.isDirty()) {
            // Reading the record would throw away values that are being entered.
            await this.read();
            return;
        }
        try {
            await record.load();
        } catch (error) {
            // The form may have been left in the meantime.
            if (status(this) !== "destroyed") {
                throw error;
            }
        }
    }

    // === FOCUS === //

    /**
     * Focus the button that opened a dialog, which is closed now, or the menu of its row.
     *
     * The row may have been made anew, or its button be gone with the action.
     */
    returnFocus() {
        const isLost =
            !document.activeElement || document.activeElement === document.body;
        if (!this.focusOn || !isLost || document.querySelector(".modal")) {
            return;
        }
        for (const selector of this.focusOn.split("|")) {
            const element = this.root.el?.querySelector(selector);
            if (element && !element.disabled) {
                element.focus();
                return;
            }
        }
    }

    /**
     * @param {String} selectors the elements to focus, the first that is there
     */
    async closeDialog(selectors) {
        this.focusOn = selectors;
        this.returnFocus();
        await this.refresh();
        this.returnFocus();
    }

    // === ACTING === //

    createPayment() {
        return this.execute(
            "account.move",
            "action_create_payment",
            this.props.record.resId,
            ".o_payments_create_button|#o_payments_title"
        );
    }

    /**
     * @param {Object} row
     * @param {Object} rowAction one of the row's `actions`
     */
    runRowAction(row, rowAction) {
        const focusOn = [
            `[data-row="${row.id}"] [data-action="${rowAction.name}"]`,
            `[data-row="${row.id}"] .o_payment_menu button`,
            "#o_payments_title",
        ].join("|");
        const execute = () =>
            this.execute(rowAction.model, rowAction.method, rowAction.id, focusOn);
        const confirmation = this.getConfirmation(row, rowAction);
        if (confirmation) {
            this.dialog.add(QuestionDialog, {
                ...confirmation,
                confirmLabel: confirmation.confirmLabel || rowAction.label,
                confirm: execute,
                cancel: () => {
                    this.focusOn = focusOn;
                    browser.setTimeout(() => this.returnFocus());
                },
            });
            return;
        }
        return execute();
    }

    /**
     * @param {Object} collectionAction one of the `actions` of the banner
     */
    runCollectionAction(collectionAction) {
        const execute = () =>
            this.execute(
                "account.move",
                collectionAction.method,
                this.props.record.resId,
                `.o_payments_collection [data-action="${collectionAction.name}"]`
            );
        if (!collectionAction.confirmation) {
            return execute();
        }
        const question = _t(
            "%s is collected now: credit first, the rest from the saved payment method.",
            this.formatAmount(this.state.section.amount_chargeable)
        );
        this.dialog.add(QuestionDialog, {
            title: _t("Collect now"),
            body: `${question} ${collectionAction.warning}`.trim(),
            confirmLabel: collectionAction.label,
            confirm: execute,
            cancel: () => {
                // Makes the dialog show its cancel button.
            },
        });
    }

    /**
     * Return the question before an action that moves or releases money at once.
     */
    getConfirmation(row, rowAction) {
        const values = {
            amount: formatCurrency(
                row.amount,
                row.currency_id || this.state.section.currency_id
            ),
            method: row.method,
        };
        if (rowAction.name === "capture") {
            return {
                title: _t("Capture the payment"),
                body: _t(
                    "%(amount)s is collected from %(method)s and booked on this invoice.",
                    values
                ),
            };
        }
        if (rowAction.name === "void") {
            return {
                title: _t("Void the authorization"),
                body: _t(
                    "The %(amount)s reserved on %(method)s is released. The customer is not charged, and this cannot be undone.",
                    values
                ),
            };
        }
        if (rowAction.name === "cancel_announced") {
            return {
                title: _t("Cancel the announced payment"),
                confirmLabel: _t("Not expected any more"),
                // "Cancel" would be said of both: the question and the payment.
                cancelLabel: _t("Keep it"),
                body: _t(
                    "The %(amount)s that the customer announced is not expected any more. If it comes all the same, it is recorded as any other payment.",
                    values
                ),
            };
        }
        if (rowAction.name === "approve") {
            return {
                title: _t("Approve it"),
                body: _t("%(amount)s: it is carried out at once.", values),
            };
        }
        if (rowAction.name === "withdraw") {
            return {
                title: _t("Withdraw the request"),
                body: _t("%(amount)s: nothing is carried out.", values),
            };
        }
        if (rowAction.name === "keep") {
            return {
                title: _t("Move to the credit balance"),
                body: _t(
                    "%s is kept as credit of the customer, for later invoices. It can be moved back.",
                    formatCurrency(row.amount_unallocated, row.currency_id)
                ),
            };
        }
        if (rowAction.name === "unmatch") {
            return {
                title: _t("Unreconcile"),
                body: _t(
                    "%s does not pay this invoice any more. It stays open on the account of the customer.",
                    this.formatAmount(row.amount_applied)
                ),
            };
        }
        if (rowAction.name === "undo_write_off") {
            return {
                title: _t("Undo the write-off"),
                body: _t(
                    "An opposite entry of today is booked, and the customer owes the %(amount)s again.",
                    values
                ),
            };
        }
    }

    /**
     * Call a method that may return an action, and show its result.
     *
     * @param {String} model
     * @param {String} method
     * @param {Number|Number[]} id
     * @param {String} focusOn where the focus is afterwards; see `closeDialog`
     */
    async execute(model, method, id, focusOn) {
        if (this.state.isRunning) {
            return;
        }
        this.state.isRunning = true;
        try {
            if (!(await this.props.record.save())) {
                return;
            }
            const action = await this.orm.call(model, method, [[id].flat()]);
            if (action?.type === "ir.actions.act_window") {
                await this.action.doAction(action, {
                    onClose: () => this.closeDialog(focusOn),
                });
                return;
            }
            if (action?.type) {
                await this.action.doAction(action);
            }
            await this.closeDialog(focusOn);
        } catch (error) {
            if (error instanceof RPCError) {
                // The record may have changed since it was read.
                this.refresh();
            }
            throw error;
        } finally {
            this.state.isRunning = false;
        }
    }

    // === SHOWING === //

    get isCreditNote() {
        return this.props.record.data.move_type === "out_refund";
    }

    get amountApplied() {
        return this.state.section.rows.reduce(
            (applied, row) => applied + row.amount_applied,
            0
        );
    }

    get rows() {
        const {rows} = this.state.section;
        return this.state.isUnfolded ? rows : rows.slice(0, MAX_ROWS);
    }

    get foldedLabel() {
        return _t("Show %s more", this.state.section.rows.length - MAX_ROWS);
    }

    get isFolded() {
        return !this.state.isUnfolded && this.state.section.rows.length > MAX_ROWS;
    }

    /**
     * The amount that the rows take off the total; nothing is never shown with a sign.
     */
    get appliedLabel() {
        const label = this.formatAmount(Math.abs(this.amountApplied));
        if (label === this.formatAmount(0)) {
            return label;
        }
        return this.amountApplied > 0 ? `− ${label}` : `+ ${label}`;
    }

    formatAmount(amount) {
        return formatCurrency(amount, this.state.section.currency_id);
    }
}

export const paymentsSection = {
    component: PaymentsSection,
    fieldDependencies: [{name: "move_type", type: "selection"}],
};

registry.category("view_widgets").add("invoice_payments", paymentsSection);
