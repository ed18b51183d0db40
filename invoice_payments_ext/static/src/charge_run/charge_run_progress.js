import {
    Component,
    onWillStart,
    onWillUnmount,
    status,
    useEffect,
    useState,
} from "@odoo/owl";
import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {getFieldsSpec} from "@web/model/relational_model/utils";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

// The run goes on without the page: it is only asked for its figures.
const POLL_DELAY = 2000;

/** Whether lines of a run went on since its figures were read before. */
function hasMoved(before, after) {
    return JSON.stringify(before?.groups) !== JSON.stringify(after.groups);
}

/**
 * How far a charge run is, read again every two seconds while it runs.
 */
export class ChargeRunProgress extends Component {
    static template = "invoice_payments_ext.ChargeRunProgress";
    static props = {...standardWidgetProps};

    setup() {
        this.orm = useService("orm");
        this.state = useState({progress: null});
        this.timer = null;
        onWillStart(() => this.read());
        onWillUnmount(() => clearTimeout(this.timer));
        // The data is another object each time that the record was read.
        useEffect(
            () => {
                this.read();
            },
            () => [this.props.record.resId, this.props.record.data.state]
        );
    }

    async read() {
        clearTimeout(this.timer);
        const {record} = this.props;
        if (!record.resId || ["draft", "waiting"].includes(record.data.state)) {
            return;
        }
        try {
            const args = [[record.resId]];
            const before = this.state.progress;
            const progress = await this.orm.silent.call(
                record.resModel,
                "get_progress",
                args
            );
            this.state.progress = progress;
            if (this.isShownOtherwise(progress)) {
                await record.load();
            } else if (progress.state === "running" && hasMoved(before, progress)) {
                await this.readLines();
            }
        } catch {
            // It is asked again: the connection may come back. Or the page was left.
        }
        if (status(this) === "destroyed") {
            return;
        }
        const {progress} = this.state;
        clearTimeout(this.timer);
        if (!progress || progress.state === "running") {
            this.timer = setTimeout(() => this.read(), POLL_DELAY);
        }
    }

    /** Read the lines that are on the page again: these only, of a run of thousands. */
    async readLines() {
        const {line_ids: list} = this.props.record.data;
        const specification = getFieldsSpec(
            list.activeFields,
            list.fields,
            list.evalContext
        );
        const shown = Object.fromEntries(
            list.records.map((line) => [line.resId, line])
        );
        const rows = await this.orm.silent.webRead(
            list.resModel,
            Object.keys(shown).map(Number),
            {specification}
        );
        for (const row of rows) {
            shown[row.id]._applyValues(row);
        }
    }

    /** Whether the form shows another state than the server has. */
    isShownOtherwise(progress) {
        const {data} = this.props.record;
        return progress.state !== data.state || progress.is_stalled !== data.is_stalled;
    }

    get shownGroups() {
        return this.state.progress.groups.filter((group) => group.count);
    }

    get done() {
        const {total, left} = this.state.progress;
        return total - left;
    }

    getWidth(group) {
        const {total} = this.state.progress;
        return total ? (100 * group.count) / total : 0;
    }

    get bars() {
        return this.shownGroups.filter(
            (group) => !["skipped", "left", "proposed"].includes(group.key)
        );
    }

    get end() {
        return formatDateTime(deserializeDateTime(this.state.progress.end), {
            format: "HH:mm",
        });
    }
}

export const chargeRunProgress = {
    component: ChargeRunProgress,
    fieldDependencies: [
        {name: "state", type: "selection"},
        {name: "is_stalled", type: "boolean"},
    ],
};

registry.category("view_widgets").add("charge_run_progress", chargeRunProgress);
