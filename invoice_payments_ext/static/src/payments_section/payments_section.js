import {Component, status, useEffect, useState} from "@odoo/owl";
import {ConfirmationDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {formatCurrency} from "@web/core/currency";
import {_t} from "@web/core/l10n/translation";
import {ConnectionLostError, RPCError} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {KeepLast} from "@web/core/utils/concurrency";
import {useService} from "@web/core/utils/hooks";
import {useDebounced} from "@web/core/utils/timing";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

import {PaymentRow} from "./payment_row";

const NOTIFICATION = "invoice_payments_ext/changed";
// Several steps of one charge notify within moments: one reading shows them all.
const REFRESH_DELAY = 300;

/**
 * The Payments section of an invoice's form.
 *
 * It is read again whenever the form reads its record, and when the server tells that a
 * payment or attempt of the invoice changed.
 */
export class PaymentsSection extends Component {
    static template = "invoice_payments_ext.PaymentsSection";
    static components = {PaymentRow};
    static props = {...standardWidgetProps};

    setup() {
        this.action = useService("action");
        this.busService = useService("bus_service");
        this.dialog = useService("dialog");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.state = useState({section: null, isRunning: false});
        this.resId = false;

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
        } else {
            await record.load();
        }
    }

    // === ACTING === //

    createPayment() {
        return this.execute(
            "account.move",
            "action_create_payment",
            this.props.record.resId
        );
    }

    /**
     * @param {Object} row
     * @param {Object} rowAction one of the row's `actions`
     */
    runRowAction(row, rowAction) {
        const execute = () =>
            this.execute(rowAction.model, rowAction.method, rowAction.id);
        const confirmation = this.getConfirmation(row, rowAction);
        if (confirmation) {
            this.dialog.add(ConfirmationDialog, {
                ...confirmation,
                confirmLabel: confirmation.confirmLabel || rowAction.label,
                confirm: execute,
                cancel: () => {
                    // Makes the dialog show its cancel button.
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
                this.props.record.resId
            );
        if (!collectionAction.confirmation) {
            return execute();
        }
        this.dialog.add(ConfirmationDialog, {
            title: _t("Collect now"),
            body: _t(
                "%s is collected now: credit first, the rest from the saved payment method.",
                this.formatAmount(this.state.section.amount_chargeable)
            ),
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
            amount: formatCurrency(row.amount, row.currency_id),
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
                body: _t(
                    "The %(amount)s that the customer announced is not expected any more. If it comes all the same, it is recorded as any other payment.",
                    values
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
     */
    async execute(model, method, id) {
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
                await this.action.doAction(action, {onClose: () => this.refresh()});
                return;
            }
            if (action?.type) {
                await this.action.doAction(action);
            }
            await this.refresh();
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

    formatAmount(amount) {
        return formatCurrency(amount, this.state.section.currency_id);
    }
}

export const paymentsSection = {
    component: PaymentsSection,
    fieldDependencies: [{name: "move_type", type: "selection"}],
};

registry.category("view_widgets").add("invoice_payments", paymentsSection);
