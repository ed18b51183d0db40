import {escapeRegExp} from "@web/core/utils/strings";

/**
 * Read an amount that a person wrote, in the person's language.
 *
 * Odoo's own parser drops the separator of thousands wherever it stands: in English it
 * reads `20,5` as 205. Here thousands are grouped by three digits or not at all (by two
 * in India), and the other sign before one or two digits is a decimal point: a telephone
 * may have no other one on its keyboard.
 *
 * @param {String} text
 * @param {Object} language - Its separators, `decimalPoint` and `thousandsSep`.
 * @returns {Number} NaN if it is not an amount.
 */
export function readAmount(text, {decimalPoint, thousandsSep}) {
    const written = text.trim().replace(/\s/g, " ");
    const point = escapeRegExp(decimalPoint || ".");
    const separator = (thousandsSep || "").replace(/\s/g, " ");
    const groups = [" ", "'", "’", separator].filter(Boolean).map(escapeRegExp);
    const inLanguage = new RegExp(
        `^(\\d+|\\d{1,3}(?:(?:${groups.join("|")})\\d{2,3})*` +
            `(?:${groups.join("|")})\\d{3})(?:${point}(\\d+))?$`
    );
    const [, whole, fraction = ""] =
        written.match(inLanguage) || written.match(/^(\d+)[.,](\d{1,2})$/) || [];
    if (whole === undefined) {
        return NaN;
    }
    return parseFloat(`${whole.replace(/\D/g, "")}.${fraction}`);
}

/**
 * Tell if an amount is finer than the smallest unit of its currency.
 *
 * @param {Number} amount
 * @param {Number} rounding - The smallest unit.
 * @returns {Boolean}
 */
export function isTooFine(amount, rounding) {
    const units = amount / rounding;
    return Math.abs(units - Math.round(units)) >= 1e-4;
}
