import {registry} from "@web/core/registry";
import {MonetaryField, monetaryField} from "@web/views/fields/monetary/monetary_field";

/** An amount that may be empty, which is something else than zero. */
export class OptionalMonetaryField extends MonetaryField {
    get inputOptions() {
        const options = super.inputOptions;
        return {
            ...options,
            parse: (value) => (value.trim() ? options.parse(value) : false),
        };
    }
}

registry.category("fields").add("optional_monetary", {
    ...monetaryField,
    component: OptionalMonetaryField,
    supportedTypes: ["monetary"],
});
