import {X2ManyField, x2ManyField} from "@web/views/fields/x2many/x2many_field";
import {ListRenderer} from "@web/views/list/list_renderer";
import {registry} from "@web/core/registry";
import {useEffect} from "@odoo/owl";

/**
 * Lines whose amounts are reached by the Tab key, and changed after Enter.
 *
 * A person gets into Odoo's own list by a click only, where no line can be added.
 */
export class TabbableLinesRenderer extends ListRenderer {
    setup() {
        super.setup();
        useEffect(() => {
            const tabIndex = this.props.list.editedRecord ? -1 : 0;
            const cells = this.tableRef.el.querySelectorAll(
                ".o_data_row .o_data_cell[name=amount]"
            );
            for (const cell of cells) {
                cell.tabIndex = tabIndex;
            }
        });
    }
}

export class TabbableLinesField extends X2ManyField {
    static components = {
        ...X2ManyField.components,
        ListRenderer: TabbableLinesRenderer,
    };
}

registry.category("fields").add("tabbable_lines", {
    ...x2ManyField,
    component: TabbableLinesField,
});
