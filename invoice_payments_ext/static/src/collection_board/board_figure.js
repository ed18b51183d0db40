import {Component} from "@odoo/owl";
import {formatCurrency} from "@web/core/currency";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

// Stands where there is nothing to divide by: it opens no list.
export const NO_VALUE = "–";

/**
 * A figure that opens the list that it sums up.
 */
export class BoardFigure extends Component {
    static template = "invoice_payments_ext.BoardFigure";
    static props = {
        figure: Object,
        currencyId: Number,
        // It is shown: the amount, the number of records, or another text.
        show: {type: String, optional: true},
        text: {type: String, optional: true},
        class: {type: String, optional: true},
    };
    static defaultProps = {show: "amount", class: ""};

    setup() {
        this.action = useService("action");
    }

    get words() {
        const {figure, currencyId, show, text} = this.props;
        if (text !== undefined) {
            return text;
        }
        return show === "count"
            ? String(figure.count)
            : formatCurrency(figure.amount, currencyId);
    }

    get hasValue() {
        return this.words !== NO_VALUE;
    }

    /** The name of the button: it begins with the words that are seen. */
    get name() {
        return _t("%(words)s – %(label)s, open the list", {
            words: this.words,
            label: this.props.figure.label,
        });
    }

    open() {
        return this.action.doAction(this.props.figure.action);
    }
}
