import {patch} from "@web/core/utils/patch";

import {PaymentForm} from "@payment/interactions/payment_form";

/** Say which text stood beside *Save*, of which the server has a copy, and for whom. */
patch(PaymentForm.prototype, {
    /** @override */
    _prepareTransactionRouteParams() {
        const params = super._prepareTransactionRouteParams(...arguments);
        if (params?.tokenization_requested) {
            const version =
                this._findInChosenForm(".o_token_consent")?.dataset.consentVersion;
            if (version) {
                params.consent_version = version;
            }
            const owner = this._findInChosenForm(".o_token_owner input:checked");
            if (owner) {
                params.save_for = owner.value;
            }
        }
        return params;
    },

    /** @returns {Element|null} the element of this kind in the chosen method's form */
    _findInChosenForm(selector) {
        const radio = this.el.querySelector("[name='o_payment_radio']:checked");
        return (radio && this._getInlineForm(radio)?.querySelector(selector)) || null;
    },
});
