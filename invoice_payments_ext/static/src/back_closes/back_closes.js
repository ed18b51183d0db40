import {onMounted, onWillUnmount, useEffect} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {router} from "@web/core/browser/router";
import {patch} from "@web/core/utils/patch";
import {ConfirmationDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {ActionDialog} from "@web/webclient/actions/action_dialog";

// The dialogs of this addon.
const OUR_DIALOGS = /^(account\.(payment|credit|write|collection)|payment\.attempt)\./;

let lastId = 0;
// The entries of the browser's history that are being taken away after a dialog closed.
let leaving = 0;
// The dialogs that are open, the topmost last.
const open = [];

/**
 * Keep Odoo from loading the page behind the dialogs again with the next step back.
 */
function keepPage() {
    router.skipLoad = open.length + leaving > 0;
}

browser.addEventListener("popstate", () => {
    if (leaving) {
        leaving -= 1;
    } else {
        const top = open.at(-1);
        if (top && browser.history.state?.dialogId !== top.id) {
            top.isLeft = true;
            top.close();
        }
    }
    keepPage();
});

/**
 * Let the browser's Back button close a dialog, and stay on the page behind it.
 *
 * The dialog has an entry of its own in the browser's history, which goes with it.
 *
 * @param {Function} close
 */
export function useBackCloses(close) {
    const entry = {id: (lastId += 1), close, isLeft: false};
    onMounted(() => {
        open.push(entry);
        const state = {...browser.history.state, dialogId: entry.id};
        browser.history.pushState(state, "", browser.location.href);
        keepPage();
    });
    onWillUnmount(() => {
        open.splice(open.indexOf(entry), 1);
        // Another page may have come in its place, which Back leads to.
        if (!entry.isLeft && browser.history.state?.dialogId === entry.id) {
            leaving += 1;
            browser.history.back();
        }
        keepPage();
    });
}

/**
 * Give the topmost dialog its title as the name that a screen reader says.
 *
 * @param {Function} getTitle
 */
function useDialogName(getTitle) {
    useEffect(
        (title) => {
            const dialogs = document.querySelectorAll(".modal[role=dialog]");
            [...dialogs].at(-1)?.setAttribute("aria-label", title);
        },
        () => [String(getTitle() || "")]
    );
}

patch(ActionDialog.prototype, {
    setup() {
        super.setup();
        if (OUR_DIALOGS.test(this.props.actionProps?.resModel || "")) {
            useBackCloses(() => this.dismiss());
            useDialogName(() => this.props.title);
        }
    },
});

/**
 * A question that Back answers with no.
 */
export class QuestionDialog extends ConfirmationDialog {
    setup() {
        super.setup();
        useBackCloses(() => this._cancel());
        useDialogName(() => this.props.title);
    }
}
