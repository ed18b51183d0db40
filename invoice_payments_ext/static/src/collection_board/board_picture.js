/* global Chart */
import {Component, onWillStart, useEffect, useRef, useState} from "@odoo/owl";
import {loadBundle} from "@web/core/assets";
import {cookie} from "@web/core/browser/cookie";
import {getColor, getCustomColor} from "@web/core/colors/colors";
import {formatCurrency} from "@web/core/currency";
import {useService} from "@web/core/utils/hooks";

import {BoardFigure} from "./board_figure";

const colorScheme = cookie.get("color_scheme");
const LABEL_COLOR = getCustomColor(colorScheme, "#111827", "#E4E4E4");
const GRID_COLOR = getCustomColor(
    colorScheme,
    "rgba(0,0,0,.1)",
    "rgba(255,255,255,.15)"
);

// On a telephone, not more of a name fits beside the bars.
const NAME_LENGTH = 16;

/**
 * The name of a bar in lines that fit beside it; a word that is longer is cut.
 *
 * @this {Chart.Scale}
 * @param {Number} value the place of the bar
 * @returns {String[]}
 */
function breakName(value) {
    const lines = [];
    for (const word of this.getLabelForValue(value).split(/\s+/)) {
        const line = lines.length ? `${lines.at(-1)} ${word}` : word;
        if (lines.length && line.length <= NAME_LENGTH) {
            lines.pop();
            lines.push(line);
        } else {
            lines.push(
                word.length > NAME_LENGTH ? `${word.slice(0, NAME_LENGTH - 1)}…` : word
            );
        }
    }
    return lines;
}

/**
 * Bars that open their lists, with Odoo's own chart library, and the same as a table.
 *
 * The picture is for the eye and the mouse. Keyboards and screen readers use the table.
 */
export class BoardPicture extends Component {
    static template = "invoice_payments_ext.BoardPicture";
    static components = {BoardFigure};
    static props = {
        title: String,
        picture: Object,
        currencyId: Number,
        show: {type: String, optional: true},
        // Whether the table is long, and is opened by a button.
        isFolded: {type: Boolean, optional: true},
        isHorizontal: {type: Boolean, optional: true},
    };
    static defaultProps = {show: "amount"};

    setup() {
        this.action = useService("action");
        this.canvas = useRef("canvas");
        this.state = useState({isOpen: !this.props.isFolded});
        onWillStart(() => loadBundle("web.chartjs_lib"));
        useEffect(
            (picture, canvas) => {
                if (!canvas) {
                    return;
                }
                const chart = new Chart(canvas, this.getConfig(picture));
                return () => chart.destroy();
            },
            () => [this.props.picture, this.canvas.el]
        );
    }

    // === SHOWING === //

    get series() {
        return this.props.picture.series;
    }

    get isEmpty() {
        return !this.series.some(({bars}) => bars.some((bar) => bar.count));
    }

    /** The lines of the table: a folded one leaves out where nothing is. */
    get lines() {
        const lines = (this.series[0]?.bars || []).map(({label}, index) => ({
            label,
            figures: this.series.map(({bars}) => bars[index]),
        }));
        return this.props.isFolded
            ? lines.filter(({figures}) => figures.some((figure) => figure.count))
            : lines;
    }

    get height() {
        return this.props.isHorizontal
            ? 60 + 36 * Math.max(2, this.series[0].bars.length)
            : 220;
    }

    format(value) {
        return this.props.show === "count"
            ? String(value)
            : formatCurrency(value, this.props.currencyId);
    }

    getConfig({series}) {
        const values = this.props.isHorizontal ? "x" : "y";
        const labels = values === "x" ? "y" : "x";
        return {
            type: "bar",
            data: {
                labels: series[0].bars.map(({label}) => label),
                datasets: series.map(({label, bars}, index) => ({
                    label,
                    data: bars.map((bar) => bar[this.props.show]),
                    backgroundColor: getColor(index, colorScheme, "odoo"),
                    maxBarThickness: 48,
                    stack: "one",
                })),
            },
            options: {
                indexAxis: labels,
                animation: false,
                maintainAspectRatio: false,
                // Low bars too are found: all of the place above them counts.
                interaction: {mode: "nearest", axis: labels, intersect: false},
                onClick: (event, elements, chart) => {
                    const hit = chart.getElementsAtEventForMode(
                        event.native,
                        "nearest",
                        {intersect: true},
                        true
                    );
                    this.openBar([...hit, ...elements]);
                },
                onHover: (event, elements) => {
                    event.native.target.style.cursor = elements.length
                        ? "pointer"
                        : "default";
                },
                plugins: {
                    legend: {
                        display: series.length > 1,
                        labels: {color: LABEL_COLOR},
                    },
                    tooltip: {
                        callbacks: {
                            label: (item) =>
                                `${item.dataset.label}: ${this.format(item.raw)}`,
                        },
                    },
                },
                scales: {
                    [labels]: {
                        stacked: true,
                        grid: {display: false},
                        ticks: {
                            color: LABEL_COLOR,
                            ...(this.props.isHorizontal && {callback: breakName}),
                        },
                    },
                    [values]: {
                        stacked: true,
                        beginAtZero: true,
                        grid: {color: GRID_COLOR},
                        ticks: {
                            color: LABEL_COLOR,
                            maxTicksLimit: 5,
                            precision: this.props.show === "count" ? 0 : undefined,
                        },
                    },
                },
            },
        };
    }

    // === ACTING === //

    toggle() {
        this.state.isOpen = !this.state.isOpen;
    }

    /**
     * @param {Object[]} elements the bars at the place: the first that is not empty counts
     */
    openBar(elements) {
        const bar = elements
            .map(({datasetIndex, index}) => this.series[datasetIndex].bars[index])
            .find(({count}) => count);
        if (bar) {
            return this.action.doAction(bar.action);
        }
    }
}
