import {patch} from "@web/core/utils/patch";

import {PaymentForm} from "@payment/interactions/payment_form";

/** Say which text stood beside *Save*: the server keeps its own copy of it. */
patch(PaymentForm.prototype, {
    /** @override */
    _prepareTransactionRouteParams() {
        const params = super._prepareTransactionRouteParams(...arguments);
        const version = this._getConsentVersion();
        if (params?.tokenization_requested && version) {
            params.consent_version = version;
        }
        return params;
    },

    /** @returns {String|undefined} the version of the text that the chosen method shows */
    _getConsentVersion() {
        const radio = this.el.querySelector("[name='o_payment_radio']:checked");
        const consentEl =
            radio && this._getInlineForm(radio)?.querySelector(".o_token_consent");
        return consentEl?.dataset.consentVersion;
    },
});
