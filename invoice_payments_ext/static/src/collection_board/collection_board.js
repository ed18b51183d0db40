import {Component, onWillStart, useState, useSubEnv} from "@odoo/owl";
import {formatCurrency} from "@web/core/currency";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {useSetupAction} from "@web/search/action_hook";
import {Layout} from "@web/search/layout";
import {formatFloat, formatPercentage} from "@web/views/fields/formatters";
import {getDefaultConfig} from "@web/views/view";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {BoardFigure, NO_VALUE} from "./board_figure";
import {BoardPicture} from "./board_picture";

/**
 * The collection board: figures and pictures, each of which opens its list.
 */
export class CollectionBoard extends Component {
    static template = "invoice_payments_ext.CollectionBoard";
    static components = {BoardFigure, BoardPicture, Layout};
    static props = {...standardActionServiceProps};

    setup() {
        useSubEnv({config: {...getDefaultConfig(), ...this.env.config}});
        useSetupAction();
        this.orm = useService("orm");
        this.state = useState({board: null});
        onWillStart(() => this.read());
    }

    async read() {
        this.state.board = await this.orm.call(
            "account.collection.board",
            "get_board",
            []
        );
    }

    get board() {
        return this.state.board;
    }

    get figures() {
        return this.board.figures;
    }

    /** A rate in words: none where there is nothing to divide by. */
    formatRate(rate) {
        return this.isKnown(rate)
            ? formatPercentage(rate, {digits: [16, 1]})
            : NO_VALUE;
    }

    formatDays(days) {
        return this.isKnown(days)
            ? _t("%s days", formatFloat(days, {digits: [16, 1]}))
            : NO_VALUE;
    }

    formatAmount(amount) {
        return formatCurrency(amount, this.board.currency_id);
    }

    isKnown(value) {
        return typeof value === "number";
    }
}

registry
    .category("actions")
    .add("invoice_payments_ext.collection_board", CollectionBoard);
