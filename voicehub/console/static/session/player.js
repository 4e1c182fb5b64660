// Plays the recording: both voices drawn along its length, at any second.

import { html, useEffect, useRef, useState } from '../html.js';
import { Icon } from '../icons.js';
import { clock, useBeat, useRead, useTurnOfTheme } from '../parts.js';

const NOT_READY_EVERY_MS = 3000;

/**
 * @param {{api: import('../api.js').Api, session: any, lines: any[], moved: (ms: number) => void,
 *   control: {current: {play: (ms: number) => void} | null}}} properties
 */
export function Player({ api, session, lines, moved, control }) {
    const path = `/v1/sessions/${session.id}/recording`;
    const recording = useRead(() => api.get(path), [session.id]);
    const drawn = useRead(async () => (recording.value ? api.get(`${path}/waveform`) : null), [recording.value !== null]);
    const code = /** @type {any} */ (recording.error)?.code;
    useBeat(() => code === 'recording_not_ready' && recording.again(), NOT_READY_EVERY_MS);
    if (recording.error) return html`<p class="card padded soft" role="status">${WHY[code] ?? recording.error.message}</p>`;
    if (!recording.value) return html`<div class="card bones" role="status" aria-label="Loading the recording"><span></span></div>`;
    return html`<${Deck} recording=${recording.value} again=${recording.again} waveform=${drawn.value} lines=${lines} moved=${moved} control=${control} />`;
}

const WHY = /** @type {Record<string, string>} */ ({
    recording_not_ready: 'The recording is being finished…',
    recording_not_found: 'This session has no recording.',
    recording_unavailable: 'The recording could not be made.',
});

/** @param {any} properties */
function Deck({ recording, again, waveform, lines, moved, control }) {
    const audio = useRef(/** @type {HTMLAudioElement | null} */ (null));
    const [isPlaying, setPlaying] = useState(false);
    const [seconds, setSeconds] = useState(0);
    const [isBroken, setBroken] = useState(false);
    const length = recording.seconds ?? waveform?.seconds ?? 0;
    const tell = () => {
        const at = audio.current?.currentTime ?? 0;
        setSeconds(at);
        moved(at * 1000);
    };
    useFrames(isPlaying, tell);
    const seek = (/** @type {number} */ to) => {
        if (!audio.current) return;
        audio.current.currentTime = Math.max(0, Math.min(length, to));
        tell();
    };
    control.current = {
        play: (/** @type {number} */ ms) => {
            seek(ms / 1000);
            void audio.current?.play().catch(() => setBroken(true));
        },
    };
    const turn = () => (isPlaying ? audio.current?.pause() : void audio.current?.play().catch(() => setBroken(true)));
    return html`<section class="card player" aria-label="Recording">
        <audio
            ref=${audio}
            src=${recording.url}
            preload="metadata"
            onPlay=${() => (setPlaying(true), setBroken(false))}
            onPause=${() => setPlaying(false)}
            onEnded=${() => setPlaying(false)}
            onSeeked=${tell}
            onError=${() => setBroken(true)}
        ></audio>
        <button class="button main icon" aria-label=${isPlaying ? 'Pause' : 'Play'} onClick=${turn}><${Icon} name=${isPlaying ? 'pause' : 'play'} /></button>
        <${Waves} waveform=${waveform} share=${length ? seconds / length : 0} lines=${lines} length=${length} seek=${seek} seconds=${seconds} />
        <span class="number soft">${clock(seconds * 1000)} / ${clock(length * 1000)}</span>
        ${isBroken && html`<p class="note warn">The recording cannot be played, or its address has expired. <button class="button small" onClick=${() => (setBroken(false), again())}>Try again</button></p>`}
    </section>`;
}

/**
 * @param {boolean} isRunning
 * @param {() => void} act
 */
function useFrames(isRunning, act) {
    const latest = useRef(act);
    latest.current = act;
    useEffect(() => {
        if (!isRunning) return undefined;
        let frame = 0;
        const step = () => {
            latest.current();
            frame = requestAnimationFrame(step);
        };
        step();
        return () => cancelAnimationFrame(frame);
    }, [isRunning]);
}

/** @param {any} properties */
function Waves({ waveform, share, length, seek, seconds }) {
    const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
    const draw = () => paint(canvas.current, waveform, share);
    const latest = useRef(draw);
    latest.current = draw;
    useEffect(draw);
    useTurnOfTheme(draw);
    useEffect(() => {
        const fit = new ResizeObserver(() => latest.current());
        fit.observe(/** @type {Element} */ (canvas.current));
        return () => fit.disconnect();
    }, []);
    const at = (/** @type {PointerEvent} */ event) => {
        const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
        seek(((event.clientX - box.left) / box.width) * length);
    };
    const keys = (/** @type {KeyboardEvent} */ event) => {
        const step = { ArrowLeft: -5, ArrowRight: 5, Home: -Infinity, End: Infinity }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        seek(seconds + step);
    };
    return html`<canvas
        ref=${canvas}
        class="waves"
        aria-busy=${!waveform}
        role="slider"
        tabindex="0"
        aria-label="Place in the recording"
        aria-valuemin="0"
        aria-valuemax=${Math.round(length)}
        aria-valuenow=${Math.round(seconds)}
        aria-valuetext="${clock(seconds * 1000)} of ${clock(length * 1000)}"
        onPointerDown=${at}
        onKeyDown=${keys}
    ></canvas>`;
}

/**
 * The user above the middle, the agent below; what was heard already in full colour.
 *
 * @param {HTMLCanvasElement | null} canvas
 * @param {{user: number[], agent: number[]} | null} waveform
 * @param {number} share
 */
function paint(canvas, waveform, share) {
    if (!canvas) return;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const colours = { user: style.getPropertyValue('--mine'), agent: style.getPropertyValue('--accent'), line: style.getPropertyValue('--line') };
    pen.fillStyle = colours.line;
    pen.fillRect(0, height / 2 - 0.5, width, 1);
    for (let x = 0; waveform && x < width; x += 3) {
        pen.globalAlpha = x / width <= share ? 1 : 0.45;
        pen.fillStyle = colours.user;
        const up = (loudest(waveform.user, x / width, (x + 3) / width) * height) / 2;
        pen.fillRect(x, height / 2 - up, 2, up);
        pen.fillStyle = colours.agent;
        pen.fillRect(x, height / 2, 2, (loudest(waveform.agent, x / width, (x + 3) / width) * height) / 2);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = style.color;
    pen.fillRect(Math.min(width - 1.5, share * width), 0, 1.5, height);
}

/**
 * @param {number[]} peaks
 * @param {number} from
 * @param {number} to
 */
function loudest(peaks, from, to) {
    const [first, end] = [Math.floor(from * peaks.length), Math.ceil(to * peaks.length)];
    return Math.sqrt(Math.max(0, ...peaks.slice(first, Math.max(first + 1, end))) / 255);
}
