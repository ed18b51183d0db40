import {Component} from "@odoo/owl";
import {usePopover} from "@web/core/popover/popover_hook";
import {registry} from "@web/core/registry";
import {Tooltip} from "@web/core/tooltip/tooltip";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

/**
 * A button that cannot be pressed and says why.
 *
 * A `disabled` button of the browser cannot be focused and shows no tooltip, so nobody who
 * uses the keyboard would learn the reason.
 *
 * <widget name="disabled_button" string="Charge" title="There is nothing to charge." />
 */
export class DisabledButton extends Component {
    static template = "invoice_payments_ext.DisabledButton";
    static props = {
        ...standardWidgetProps,
        string: String,
        reason: String,
        className: {type: String, optional: true},
    };

    setup() {
        this.popover = usePopover(Tooltip, {animation: false, position: "bottom"});
    }

    showReason(ev) {
        if (!this.popover.isOpen) {
            this.popover.open(ev.currentTarget, {tooltip: this.props.reason});
        }
    }

    hideReason() {
        this.popover.close();
    }
}

export const disabledButton = {
    component: DisabledButton,
    extractProps: ({attrs}) => ({string: attrs.string, reason: attrs.title}),
    supportedAttributes: [
        {label: "Label", name: "string", type: "string"},
        {label: "Reason", name: "title", type: "string"},
    ],
};

registry.category("view_widgets").add("disabled_button", disabledButton);
