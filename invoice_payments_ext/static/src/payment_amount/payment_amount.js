import {localization} from "@web/core/l10n/localization";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {useEffect, useState} from "@odoo/owl";
import {escapeRegExp} from "@web/core/utils/strings";
import {insertThousandsSep} from "@web/core/utils/numbers";
import {useDebounced} from "@web/core/utils/timing";
import {formatMonetary} from "@web/views/fields/formatters";
import {FloatField, floatField} from "@web/views/fields/float/float_field";
import {MonetaryField, monetaryField} from "@web/views/fields/monetary/monetary_field";
import {InvalidNumberError, parseMonetary} from "@web/views/fields/parsers";

const EXAMPLE = 1234.56;
// Long enough for the next key, short enough to see the effect before the button.
const TYPING_DELAY = 300;

/** What is written is a number, but finer than the currency's amounts. */
class TooManyDecimalsError extends InvalidNumberError {}

/**
 * Read an amount as the language of the user writes it, and in no other way.
 *
 * Odoo's own parser drops each separator of thousands, wherever it stands: `10,5` is read
 * as 105 in English. Here a separator counts only where the language puts it.
 *
 * @param {String} text a number without a sum in it
 * @param {Number|undefined} decimals how many digits the currency has after the point
 * @returns {Number}
 */
function parseStrictly(text, decimals) {
    const {decimalPoint, grouping, thousandsSep} = localization;
    const point = escapeRegExp(decimalPoint);
    const [, sign, whole, fraction] =
        text.match(new RegExp(`^([-+]?)([^${point}]*)(?:${point}(\\d*))?$`)) || [];
    // All blanks are alike: nobody types the one that does not break.
    const plain = (value) => value.replace(/\s/g, " ");
    const digits = (whole || "").replace(/\D/g, "");
    const spellings = [
        digits,
        plain(insertThousandsSep(digits, thousandsSep, grouping)),
    ];
    if (
        whole === undefined ||
        !(digits || fraction) ||
        !spellings.includes(plain(whole))
    ) {
        throw new InvalidNumberError(`"${text}" is not an amount`);
    }
    if (decimals !== undefined && (fraction || "").length > decimals) {
        throw new TooManyDecimalsError(`"${text}" has too many decimals`);
    }
    return Number(`${sign}${digits || 0}.${fraction || 0}`);
}

/**
 * Read an amount that a person typed: a number, or a sum that begins with `=`.
 *
 * @param {String} value
 * @param {Object} [options]
 * @param {String} [options.symbol] the currency's, which may stand beside the number
 * @param {Number} [options.decimals] how many digits the currency has after the point
 * @returns {Number}
 */
export function parseAmount(value, {symbol, decimals} = {}) {
    let text = value.trim();
    if (symbol && text.startsWith(symbol)) {
        text = text.slice(symbol.length);
    } else if (symbol && text.endsWith(symbol)) {
        text = text.slice(0, -symbol.length);
    }
    text = text.trim();
    if (!text.startsWith("=")) {
        return text ? parseStrictly(text, decimals) : 0;
    }
    const numbers = text.slice(1).split(/[-+*/()^]/);
    numbers.map((each) => each.trim() && parseStrictly(each.trim()));
    const result = parseMonetary(text);
    if (!isFinite(result)) {
        throw new InvalidNumberError(`"${text}" is not an amount`);
    }
    return result;
}

/**
 * An amount that moves money: it is read strictly, and the rest of the dialog follows
 * while it is typed. So the preview and the button say how it was understood.
 */
export class PaymentAmountField extends MonetaryField {
    static template = "invoice_payments_ext.PaymentAmountField";

    setup() {
        super.setup();
        this.state = useState({hasTooManyDecimals: false});
        this.follow = useDebounced((text) => this.update(text), TYPING_DELAY);
        useEffect(() => this.nameInput());
        // Who leaves the field enters it: from then on nothing follows it.
        useEffect(
            (element) => {
                const leave = () => this.follow.cancel();
                element?.addEventListener("change", leave);
                return () => element?.removeEventListener("change", leave);
            },
            () => [this.inputRef.el]
        );
    }

    /** In a line of a list no label stands beside the input. */
    nameInput() {
        const element = this.inputRef.el;
        if (element && !element.labels.length) {
            const {name, record} = this.props;
            element.setAttribute("aria-label", record.fields[name].string);
        }
    }

    get inputOptions() {
        return {...super.inputOptions, parse: (value) => this.parse(value)};
    }

    parse(value) {
        try {
            return parseAmount(value, {
                symbol: this.currencySymbol,
                decimals: this.currency?.digits[1],
            });
        } catch (error) {
            this.state.hasTooManyDecimals = error instanceof TooManyDecimalsError;
            throw error;
        }
    }

    get isInvalid() {
        return this.props.record.isFieldInvalid(this.props.name);
    }

    get hint() {
        return this.state.hasTooManyDecimals
            ? _t("Too many decimals. Write the amount as %s.", this.example)
            : _t("Write the amount as %s.", this.example);
    }

    get example() {
        const digits = this.currencyDigits || [16, 2];
        return formatMonetary(EXAMPLE, {digits, noSymbol: true});
    }

    onInput(ev) {
        super.onInput(ev);
        this.follow(ev.target.value);
    }

    /**
     * Let the record follow the input, as long as it can be read.
     *
     * While the server is asked, Odoo shows the amount of before again: what the input
     * holds is read only if it is what the person typed.
     *
     * @param {String} text
     */
    async update(text) {
        const {name, record} = this.props;
        const element = this.inputRef.el;
        if (!element || this.props.readonly || element.value !== text) {
            return;
        }
        let amount = 0;
        try {
            amount = this.parse(text);
        } catch {
            return; // It may be half a number. Leaving the field tells.
        }
        if (amount !== record.data[name]) {
            await record.update({[name]: amount});
        }
    }
}

export const paymentAmountField = {
    ...monetaryField,
    component: PaymentAmountField,
    supportedTypes: ["monetary"],
};

registry.category("fields").add("payment_amount", paymentAmountField);

/** A quantity that an amount follows from. */
export class PaymentQuantityField extends FloatField {
    parse(value) {
        return parseAmount(value);
    }
}

registry.category("fields").add("payment_quantity", {
    ...floatField,
    component: PaymentQuantityField,
});
