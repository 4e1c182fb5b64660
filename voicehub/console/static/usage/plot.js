// Tokens by day, as a plot; the same numbers stand in a table for who cannot see it.

import { html, useEffect, useRef, useState } from '../html.js';
import { amount, day, useTurnOfTheme } from '../parts.js';

const DAY_S = 86_400;
const HEIGHT = 260;
const DAYS_MIN = 7; // that the plot shows: a single one would have no scale
const LABEL_WIDTH = 72;
const STEPS = [1, 2, 5].flatMap((digit) => [...Array(12).keys()].map((zeros) => digit * 10 ** zeros)).toSorted((one, other) => one - other);
const SHORT = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });
const COMPACT = new Intl.NumberFormat(undefined, { notation: 'compact' });

/** @param {{usage: any}} properties */
export function Plot({ usage }) {
    const box = useRef(/** @type {HTMLElement | null} */ (null));
    const [turns, setTurns] = useState(0);
    useTurnOfTheme(() => setTurns((/** @type {number} */ before) => before + 1));
    useEffect(() => {
        /** @type {any} */
        let plot = null;
        let isWanted = true;
        const fit = new ResizeObserver(() => plot?.setSize({ width: box.current?.clientWidth ?? 0, height: HEIGHT }));
        void load().then((UPlot) => {
            if (!isWanted || !box.current) return;
            const series = seriesOf(usage);
            plot = new UPlot(optionsFor(box.current, series[0], UPlot), series, box.current);
            fit.observe(box.current);
        });
        return () => {
            isWanted = false;
            fit.disconnect();
            plot?.destroy();
        };
    }, [usage, turns]);
    return html`<div class="plot" ref=${box} aria-hidden="true"></div>
        <table class="hidden-text">
            <caption>Tokens by day</caption>
            <thead><tr><th>Day</th><th>Audio tokens</th><th>Text tokens</th></tr></thead>
            <tbody>${usage.groups.map((/** @type {any} */ each) => html`<tr><td>${day(each.day)}</td><td>${amount(each.audio_tokens)}</td><td>${amount(each.text_tokens)}</td></tr>`)}</tbody>
        </table>`;
}

/** The library and its style, when a plot is first wanted. @returns {Promise<any>} */
async function load() {
    const style = document.createElement('link');
    Object.assign(style, { rel: 'stylesheet', href: 'console/vendor/uplot/uplot.css' });
    if (!document.querySelector(`link[href="${style.getAttribute('href')}"]`)) document.head.append(style);
    return (await import('../vendor/uplot/uplot.js')).default;
}

/** Every day of the range, those included on which nobody talked. @param {any} usage */
function seriesOf(usage) {
    const byDay = new Map(usage.groups.map((/** @type {any} */ each) => [each.day, each]));
    /** @type {number[][]} */
    const series = [[], [], []];
    const last = Date.parse(usage.last_day);
    const first = Math.min(Date.parse(usage.first_day), last - (DAYS_MIN - 1) * DAY_S * 1000);
    for (let at = first; at <= last; at += DAY_S * 1000) {
        const found = byDay.get(new Date(at).toISOString().slice(0, 10));
        series[0].push(at / 1000);
        series[1].push(found?.audio_tokens ?? 0);
        series[2].push(found?.text_tokens ?? 0);
    }
    return series;
}

/**
 * @param {HTMLElement} box
 * @param {number[]} days
 * @param {any} UPlot
 */
function optionsFor(box, days, UPlot) {
    const style = getComputedStyle(box);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour('--soft'), font: `12px ${style.fontFamily}`, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const value = (/** @type {unknown} */ _plot, /** @type {number | null} */ found) => (found === null ? '–' : amount(found));
    const bars = (/** @type {string} */ label, /** @type {string} */ name, /** @type {1 | -1} */ align) => ({
        label,
        value,
        fill: colour(name),
        width: 0,
        points: { show: false },
        paths: UPlot.paths.bars({ size: [0.36, 26], align, radius: [0.25, 0] }),
    });
    return {
        width: box.clientWidth,
        height: HEIGHT,
        cursor: { points: { show: false }, drag: { x: false, y: false } },
        scales: {
            x: { time: false, range: [days[0] - DAY_S / 2, days[days.length - 1] + DAY_S / 2] },
            y: { range: (/** @type {unknown} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(5, high * 1.1)] },
        },
        axes: [
            { ...axis, grid: { show: false }, splits: (/** @type {any} */ plot) => some(days, plot.width), values: (/** @type {unknown} */ _plot, /** @type {number[]} */ at) => at.map((each) => SHORT.format(each * 1000)) },
            { ...axis, size: 52, incrs: STEPS, values: (/** @type {unknown} */ _plot, /** @type {number[]} */ at) => at.map((each) => COMPACT.format(each)) },
        ],
        series: [
            { label: 'Day', value: (/** @type {unknown} */ _plot, /** @type {number | null} */ at) => (at === null ? '–' : SHORT.format(at * 1000)) },
            bars('Audio tokens', '--accent', -1),
            bars('Text tokens', '--mine', 1),
        ],
    };
}

/**
 * As many of the days as their names have room for; the last one is always among them.
 *
 * @param {number[]} days
 * @param {number} width
 */
function some(days, width) {
    const every = Math.max(1, Math.ceil((days.length * LABEL_WIDTH) / width));
    return days.filter((_, index) => (days.length - 1 - index) % every === 0);
}
