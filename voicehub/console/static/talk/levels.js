// How loud both sides are, drawn as they speak.

import { html, useEffect, useRef } from '../html.js';

const BARS = 48;
const FLOOR = 0.004; // below, a voice is not told from the room
const FALL = 0.86; // a bar falls by this much a frame

/** @param {{levels: {mine: number, agents: number}, isPaused: boolean}} properties */
export function Levels({ levels, isPaused }) {
    const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
    useEffect(() => draw(/** @type {HTMLCanvasElement} */ (canvas.current), levels, isPaused), [isPaused]);
    return html`<canvas ref=${canvas} class="levels" aria-hidden="true"></canvas>`;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{mine: number, agents: number}} levels
 * @param {boolean} isPaused
 * @returns {() => void} ends the drawing
 */
function draw(canvas, levels, isPaused) {
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const history = Array.from({ length: BARS }, () => ({ mine: 0, agents: 0 }));
    let frame = 0;
    const step = () => {
        const last = history[BARS - 1];
        history.push({
            mine: isPaused ? 0 : Math.max(height(levels.mine), last.mine * FALL - 0.01),
            agents: isPaused ? 0 : Math.max(height(levels.agents), last.agents * FALL - 0.01),
        });
        history.shift();
        paint(canvas, pen, history);
        frame = requestAnimationFrame(step);
    };
    step();
    return () => cancelAnimationFrame(frame);
}

/** Loudness as the ear takes it: by its logarithm. @param {number} level */
function height(level) {
    return level <= FLOOR ? 0 : Math.min(1, Math.log10(level / FLOOR) / Math.log10(0.35 / FLOOR));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2D} pen
 * @param {{mine: number, agents: number}[]} history
 */
function paint(canvas, pen, history) {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: full } = canvas;
    if (canvas.width !== Math.round(width * scale)) {
        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(full * scale);
    }
    const style = getComputedStyle(canvas);
    const [mine, agents] = [style.getPropertyValue('--mine'), style.getPropertyValue('--accent')];
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, full);
    const step = width / BARS;
    const bar = Math.max(2, step * 0.55);
    history.forEach((each, index) => {
        const x = index * step + (step - bar) / 2;
        const [up, down] = [Math.max(1.5, (each.agents * full) / 2), Math.max(1.5, (each.mine * full) / 2)];
        pen.fillStyle = agents;
        pen.fillRect(x, full / 2 - up, bar, up);
        pen.fillStyle = mine;
        pen.fillRect(x, full / 2 + 1, bar, down - 1);
    });
}
