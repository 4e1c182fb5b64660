// Tokens by day, as a plot; the same numbers stand in a table for who cannot see it.

import { html, useEffect, useRef } from '../html.js';
import { amount, day } from '../parts.js';

const DAY_S = 86_400;
const HEIGHT = 260;

/** @param {{usage: any}} properties */
export function Plot({ usage }) {
    const box = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        /** @type {any} */
        let plot = null;
        let isWanted = true;
        const fit = new ResizeObserver(() => plot?.setSize({ width: box.current?.clientWidth ?? 0, height: HEIGHT }));
        void load().then((UPlot) => {
            if (!isWanted || !box.current) return;
            plot = new UPlot(optionsFor(box.current), seriesOf(usage), box.current);
            fit.observe(box.current);
        });
        return () => {
            isWanted = false;
            fit.disconnect();
            plot?.destroy();
        };
    }, [usage]);
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
    for (let at = Date.parse(usage.first_day); at <= Date.parse(usage.last_day); at += DAY_S * 1000) {
        const found = byDay.get(new Date(at).toISOString().slice(0, 10));
        series[0].push(at / 1000);
        series[1].push(found?.audio_tokens ?? 0);
        series[2].push(found?.text_tokens ?? 0);
    }
    return series;
}

/** @param {HTMLElement} box */
function optionsFor(box) {
    const style = getComputedStyle(box);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const value = (/** @type {unknown} */ _plot, /** @type {number | null} */ found) => (found === null ? '–' : amount(found));
    const line = (/** @type {string} */ label, /** @type {string} */ name) => ({
        label,
        value,
        stroke: colour(name),
        fill: `color-mix(in srgb, ${colour(name)} 14%, transparent)`,
        width: 2,
        points: { show: true, size: 5 },
    });
    return {
        width: box.clientWidth,
        height: HEIGHT,
        tzDate: (/** @type {number} */ at) => new Date(at * 1000 + new Date().getTimezoneOffset() * 60_000),
        scales: { y: { range: (/** @type {unknown} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(10, high * 1.1)] } },
        axes: [axis, { ...axis, size: 64 }],
        series: [{ value: '{YYYY}-{MM}-{DD}' }, line('Audio tokens', '--accent'), line('Text tokens', '--mine')],
    };
}
