import {registry} from "@web/core/registry";
import {CharField, charField} from "@web/views/fields/char/char_field";

/**
 * A reason in one line, with usual ones to pick below it.
 *
 * <field name="reason" widget="reason_picks" options="{'picks_field': 'reason_picks'}" />
 */
export class ReasonPicksField extends CharField {
    static template = "invoice_payments_ext.ReasonPicksField";
    static props = {...CharField.props, picksField: String};

    get picks() {
        return this.props.record.data[this.props.picksField] || [];
    }

    pick(reason) {
        return this.props.record.update({[this.props.name]: reason});
    }
}

export const reasonPicksField = {
    ...charField,
    component: ReasonPicksField,
    extractProps: (fieldInfo, dynamicInfo) => ({
        ...charField.extractProps(fieldInfo, dynamicInfo),
        picksField: fieldInfo.options.picks_field,
    }),
};

registry.category("fields").add("reason_picks", reasonPicksField);
