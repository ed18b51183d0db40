import {browser} from "@web/core/browser/browser";
import {formatCurrency} from "@web/core/currency";
import {localization} from "@web/core/l10n/localization";
import {_t} from "@web/core/l10n/translation";
import {patch} from "@web/core/utils/patch";
import {uuid} from "@web/core/utils/strings";

import {PaymentForm} from "@payment/interactions/payment_form";

import {isTooFine, readAmount} from "./amount";

// Who is still writing is not interrupted.
const WRITING_DELAY = 700;

/**
 * The amount that a member chooses, and the credit that pays first. The choice is only
 * a wish: the server checks it.
 */
patch(PaymentForm.prototype, {
    setup() {
        super.setup(...arguments);
        this.memberPaymentEl = this.el.closest(".o_member_payment");
        this.payLabel = this.defaultSubmitButtonLabel;
    },

    start() {
        super.start(...arguments);
        if (this.memberPaymentEl) {
            this.addListener(this.memberPaymentEl, "input", (ev) =>
                this._onMemberPaymentInput(ev)
            );
            this.showAmountErrorSoon = this.debounced(
                () => this._showAmountError(false),
                WRITING_DELAY
            );
            // Not "change": nothing has changed where all was deleted again.
            this.addListener(this.memberPaymentEl, "focusout", (ev) => {
                if (ev.target.name === "o_member_amount_chosen") {
                    this.showAmountErrorSoon.cancel();
                    this._showAmountError(true);
                }
            });
            this._updateMemberPayment();
        }
    },

    // === Choices of the member === //

    _onMemberPaymentInput(ev) {
        if (ev.target.name === "o_member_amount_chosen") {
            this.memberPaymentEl.querySelector("#o_member_amount_choice").checked =
                true;
            this.showAmountErrorSoon();
        }
        if (ev.target.name === "o_owed_line") {
            const {target} = ev;
            this._chooseEarlierOwed(target, (other) =>
                Boolean(
                    target.compareDocumentPosition(other) &
                        Node.DOCUMENT_POSITION_FOLLOWING
                )
            );
        }
        this._updateMemberPayment();
    },

    /**
     * Say why, while the amount that was written cannot be paid.
     *
     * @param {Boolean} isWritten - Whether the field was left, and may not be empty.
     */
    _showAmountError(isWritten) {
        const input = this._getAmountInput();
        const isWrong =
            isNaN(this._getMemberAmount()) && (isWritten || Boolean(input?.value));
        if (input) {
            input.ariaInvalid = isWrong;
            input.classList.toggle("is-invalid", isWrong);
            const errorEl = this.memberPaymentEl.querySelector(
                "#o_member_amount_error"
            );
            const message = isWrong ? this._getAmountRefusal(input) : "";
            if (errorEl.textContent !== String(message)) {
                errorEl.textContent = message;
            }
        }
    },

    /** @returns {String} why the amount that was written cannot be paid */
    _getAmountRefusal({value, dataset}) {
        const rounding = parseFloat(dataset.rounding);
        if (isTooFine(readAmount(value, localization), rounding)) {
            return _t(
                "Too many decimals. The smallest unit is %s.",
                this._formatMemberAmount(rounding)
            );
        }
        return _t("Enter an amount from %(minimum)s to %(maximum)s.", {
            minimum: this._formatMemberAmount(parseFloat(dataset.minimum)),
            maximum: this._formatMemberAmount(parseFloat(dataset.maximum)),
        });
    },

    _getAmountInput() {
        return this.memberPaymentEl.querySelector("[name='o_member_amount_chosen']");
    },

    /** @returns {Element[]} the chosen instalments, on the page of all that is owed */
    _getOwedLines() {
        return [
            ...this.memberPaymentEl.querySelectorAll("[name='o_owed_line']:checked"),
        ];
    },

    /** @returns {Number} the sum of the chosen instalments; NaN if there is none */
    _getOwedAmount() {
        const chosen = this._getOwedLines();
        const digits = parseInt(this.memberPaymentEl.dataset.digits, 10);
        const sum = chosen.reduce(
            (amount, {dataset}) => amount + parseFloat(dataset.amount),
            0
        );
        this.memberPaymentEl
            .querySelector(".o_owe_none")
            .classList.toggle("d-none", chosen.length > 0);
        return chosen.length ? parseFloat(sum.toFixed(digits)) : NaN;
    },

    /** Money pays the first instalment of an invoice first, so that one is chosen too. */
    _chooseEarlierOwed({checked, dataset: {invoice}}, isAfter) {
        const selector = `[name='o_owed_line'][data-invoice='${invoice}']:enabled`;
        for (const other of this.memberPaymentEl.querySelectorAll(selector)) {
            if (isAfter(other) === !checked) {
                other.checked = checked;
            }
        }
    },

    /** @returns {Number} the amount; NaN while none is entered that can be paid */
    _getMemberAmount() {
        if (this.memberPaymentEl.matches(".o_owe")) {
            return this._getOwedAmount();
        }
        const radio = this.memberPaymentEl.querySelector(
            "[name='o_member_amount']:checked"
        );
        if (radio.value !== "choice") {
            return parseFloat(radio.value);
        }
        const {value, dataset} = this._getAmountInput();
        const amount = readAmount(value, localization);
        const isPayable =
            amount >= parseFloat(dataset.minimum) &&
            amount <= parseFloat(dataset.maximum) &&
            !isTooFine(amount, parseFloat(dataset.rounding));
        return isPayable ? amount : NaN;
    },

    /** @returns {Number} the credit that can be used for what is chosen now */
    _getMemberCredit() {
        if (this._isCreditHeldBack()) {
            return 0;
        }
        return parseFloat(this.memberPaymentEl.dataset.credit) || 0;
    },

    /** @returns {Boolean} whether a payment of a chosen invoice is being processed */
    _isCreditHeldBack() {
        return this._getOwedLines().some(({dataset}) => dataset.holdsCreditBack);
    },

    /**
     * @param {Number} amount - What is chosen.
     * @returns {Boolean} whether a part by credit would lose an early-payment discount
     */
    _isDiscountForOnePayment(amount) {
        const discounted = this._getOwedLines().filter(
            ({dataset}) => dataset.hasDiscount
        );
        const forOthers = discounted.reduce(
            (rest, {dataset}) => rest - parseFloat(dataset.amount),
            amount
        );
        const digits = parseInt(this.memberPaymentEl.dataset.digits, 10);
        return (
            discounted.length > 0 &&
            this._getMemberCredit() > parseFloat(forOthers.toFixed(digits))
        );
    },

    /** Offer the methods that fit the amount, and say the amount that each of the two pays. */
    _updateMemberPayment() {
        const amount = this._getMemberAmount();
        const useCredit = this._updateMemberCredit(amount);
        const digits = parseInt(this.memberPaymentEl.dataset.digits, 10);
        const rest = useCredit
            ? parseFloat((amount - this._getMemberCredit()).toFixed(digits))
            : amount;
        this.paymentContext.amount = amount;
        this.paymentContext.useCredit = useCredit;
        if (this._getMemberCredit() >= amount) {
            this._showOtherMethods();
        }
        const radios = [...this.el.querySelectorAll("[name='o_payment_radio']")];
        for (const radio of radios) {
            this._offerMemberOption(radio, rest, useCredit);
        }
        if (
            !radios.some((radio) => this._isOffered(radio) && this._isUnfolded(radio))
        ) {
            this._showOtherMethods();
        }
        this._sayNoMethod(rest, radios);
        const chosen = this.el.querySelector("[name='o_payment_radio']:checked");
        this._labelPayButton(amount, chosen);
        if (!isNaN(amount)) {
            this._showAmountError(false);
        }
        if (isNaN(amount) || !chosen) {
            this._disableButton();
        } else {
            this._enableButton(false);
        }
    },

    /** Say on the button how much is paid. */
    _labelPayButton(amount, chosen) {
        this.defaultSubmitButtonLabel = isNaN(amount)
            ? this.payLabel
            : _t("Pay %s", this._formatMemberAmount(amount));
        this._adaptSubmitButtonLabel(chosen && this._getPaymentMethodCode(chosen));
    },

    /** Unfold the part below the saved methods, which contains the credit. */
    _showOtherMethods() {
        this.el.querySelector("#o_payment_methods")?.classList.add("show");
        this.el
            .querySelector("[name='o_payment_expand_button']")
            ?.classList.add("d-none");
    },

    /** @returns {Boolean} whether the credit pays a part of the amount */
    _updateMemberCredit(amount) {
        const creditEl = this.memberPaymentEl.querySelector(".o_member_use_credit");
        if (!creditEl) {
            return false;
        }
        const credit = this._getMemberCredit();
        const isEnough = credit >= amount;
        const isHeldBack = this._isCreditHeldBack();
        const isKept = !isEnough && this._isDiscountForOnePayment(amount);
        const isOffered = !isEnough && !isHeldBack && !isKept;
        const isUsed = creditEl.querySelector("input").checked && isOffered;
        creditEl.classList.toggle("d-none", !isOffered);
        this._showCreditReason(".o_member_credit_held_back", isHeldBack);
        this._showCreditReason(".o_member_credit_kept", isKept);
        creditEl.querySelector(".o_member_rest").textContent =
            isUsed && !isNaN(amount)
                ? _t("%(credit)s from your credit, %(rest)s by the method below.", {
                      credit: this._formatMemberAmount(credit),
                      rest: this._formatMemberAmount(amount - credit),
                  })
                : "";
        return isUsed;
    },

    /** Say why credit is not offered for what is chosen. */
    _showCreditReason(selector, isShown) {
        this.memberPaymentEl
            .querySelector(selector)
            ?.classList.toggle("d-none", !isShown);
    },

    /** Show a method if it can pay the rest. */
    _offerMemberOption(radio, rest, useCredit) {
        const maximum = parseFloat(radio.dataset.maximumAmount);
        const isCredit = this._getProviderCode(radio) === "credit_balance";
        const isOffered =
            (isNaN(maximum) || isNaN(rest) || rest <= maximum) &&
            !(isCredit && (useCredit || this._isCreditHeldBack()));
        radio
            .closest("[name='o_payment_option']")
            .classList.toggle("d-none", !isOffered);
        if (!isOffered && radio.checked) {
            radio.checked = false;
            this._collapseInlineForms();
        }
    },

    /** Say why there is no method to choose, and the next step, where none fits. */
    _sayNoMethod(rest, radios) {
        const messageEl = this.memberPaymentEl.querySelector(".o_member_no_method");
        const maximum = Math.max(
            ...radios
                .filter((radio) => this._getProviderCode(radio) !== "credit_balance")
                .map(({dataset}) => parseFloat(dataset.maximumAmount))
        );
        const isNone = radios.length > 0 && !radios.some(this._isOffered);
        messageEl.classList.toggle("d-none", !isNone);
        this.el
            .querySelector("#o_payment_form_options")
            .classList.toggle("d-none", isNone);
        const values = {
            amount: this._formatMemberAmount(rest),
            maximum: this._formatMemberAmount(maximum),
        };
        let message = "";
        if (isNone && !isFinite(maximum)) {
            message = _t("No payment method takes %(amount)s.", values);
        } else if (isNone && this._getOwedLines().length > 1) {
            message = _t(
                "No payment method takes %(amount)s at once: %(maximum)s is the most. " +
                    "Choose fewer invoices, and pay the others after them.",
                values
            );
        } else if (isNone) {
            message = _t(
                "No payment method takes %(amount)s at once: %(maximum)s is the most. " +
                    "Pay a smaller amount of this invoice, or contact us.",
                values
            );
        }
        if (messageEl.textContent !== String(message)) {
            messageEl.textContent = message;
        }
    },

    _isUnfolded(radio) {
        return !radio.closest("#o_payment_methods.collapse:not(.show)");
    },

    _isOffered(radio) {
        return !radio.closest("[name='o_payment_option']").classList.contains("d-none");
    },

    _formatMemberAmount(amount) {
        return formatCurrency(amount, Number(this.memberPaymentEl.dataset.currencyId));
    },

    /** @override */
    async selectPaymentOption() {
        await super.selectPaymentOption(...arguments);
        if (this.memberPaymentEl) {
            this._updateMemberPayment();
        }
    },

    // === Request === //

    /**
     * Send the same key for the same request, until it was refused: a request sent twice
     * is done once.
     * @override
     */
    _prepareTransactionRouteParams() {
        const params = super._prepareTransactionRouteParams(...arguments);
        if (!params || !this.paymentContext.transactionRoute.startsWith("/invoice/")) {
            return params;
        }
        if (this.memberPaymentEl) {
            params.use_credit = this.paymentContext.useCredit;
            if (params.use_credit) {
                params.credit_shown = this._getMemberCredit();
            }
            params.link_amount = this.memberPaymentEl.dataset.linkAmount;
            params.link_token = this.memberPaymentEl.dataset.linkToken;
            if (this.memberPaymentEl.matches(".o_owe")) {
                params.owed_line_ids = this._getOwedLines().map(({value}) =>
                    Number(value)
                );
            }
        }
        params.tab = this._getTab();
        const request = JSON.stringify(params);
        if (request !== this.keptRequest) {
            this.keptRequest = request;
            this.idempotencyKey = uuid();
        }
        params.idempotency_key = this.idempotencyKey;
        return params;
    },

    /** @returns {String} an id that stays the same in this tab, also after coming back */
    _getTab() {
        if (!browser.sessionStorage.getItem("invoice_payments_ext.tab")) {
            browser.sessionStorage.setItem("invoice_payments_ext.tab", uuid());
        }
        return browser.sessionStorage.getItem("invoice_payments_ext.tab");
    },

    /**
     * Say it above the methods, where it stays while another one is chosen.
     * @override
     */
    _displayErrorDialog(title, message) {
        this.keptRequest = null;
        const errorEl = this.memberPaymentEl?.querySelector(".o_member_payment_error");
        if (!errorEl) {
            return super._displayErrorDialog(...arguments);
        }
        errorEl.classList.add("alert", "alert-danger");
        errorEl.textContent = message || title;
        errorEl.scrollIntoView({block: "center"});
        this.isErrorShown = true;
    },

    _hideError() {
        this.isErrorShown = false;
        const errorEl = this.memberPaymentEl?.querySelector(".o_member_payment_error");
        if (errorEl) {
            errorEl.classList.remove("alert", "alert-danger");
            errorEl.textContent = "";
        }
    },

    /**
     * Go on with another method after a decline, which is no error of the request.
     * @override
     */
    async _initiatePaymentFlow() {
        this._hideError();
        await super._initiatePaymentFlow(...arguments);
        if (this.isErrorShown && this.paymentContext.flow === "token") {
            await this._leaveDeclinedMethod();
        }
    },

    /** Choose the next method in the place of the declined one, and set the focus there. */
    async _leaveDeclinedMethod() {
        const radios = [...this.el.querySelectorAll("[name='o_payment_radio']")];
        const declined = radios.find((radio) => radio.checked);
        this._showOtherMethods();
        const next = radios.find(
            (radio) => radio !== declined && this._isOffered(radio)
        );
        declined.checked = false;
        if (next) {
            next.checked = true;
            await this.selectPaymentOption({target: next});
            next.focus({preventScroll: true});
        } else {
            this._collapseInlineForms();
            this._updateMemberPayment();
        }
    },

    // === Paid from credit: booked at once, without a page of a provider === //

    /** @override */
    async _prepareInlineForm(providerId, providerCode) {
        if (providerCode === "credit_balance") {
            this._setPaymentFlow("direct");
            return;
        }
        return super._prepareInlineForm(...arguments);
    },

    /** @override */
    _processDirectFlow(providerCode) {
        if (providerCode === "credit_balance") {
            window.location = "/payment/status";
            return;
        }
        return super._processDirectFlow(...arguments);
    },
});
