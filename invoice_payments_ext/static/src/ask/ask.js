import {registry} from "@web/core/registry";
import {QuestionDialog} from "../back_closes/back_closes";

/**
 * Ask first, then call a method: for the menu of actions of a list, which does not ask.
 *
 * @param {Object} env
 * @param {Object} action - Its `params` are the question and the method to call.
 */
function ask(env, {params}) {
    env.services.dialog.add(QuestionDialog, {
        title: params.title,
        body: params.body,
        confirmLabel: params.confirm_label,
        confirm: async () => {
            const next = await env.services.orm.call(params.model, params.method, [
                params.ids,
            ]);
            await env.services.action.doAction(next);
            await env.services.action.doAction("soft_reload");
        },
        cancel: () => {
            // Nothing was done.
        },
    });
}

registry.category("actions").add("invoice_payments_ext.ask", ask);
