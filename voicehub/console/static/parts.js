// What several pages are made of: loading, failing, empty and full lists, fields, messages, times and amounts.

import { html, useCallback, useEffect, useRef, useState } from './html.js';

/**
 * What `read` gives, read again whenever one of `inputs` changes.
 *
 * @template T
 * @param {() => Promise<T>} read
 * @param {unknown[]} inputs
 * @returns {{value: T | null, error: Error | null, again: () => void, set: (value: T) => void}}
 */
export function useRead(read, inputs) {
    const [state, setState] = useState(/** @type {{value: T | null, error: any}} */ ({ value: null, error: null }));
    const [round, setRound] = useState(0);
    useEffect(() => {
        let isWanted = true;
        read().then(
            (value) => isWanted && setState({ value, error: null }),
            (error) => isWanted && setState((before) => ({ value: before.value, error })),
        );
        return () => {
            isWanted = false;
        };
    }, [...inputs, round]);
    const again = useCallback(() => setRound((/** @type {number} */ before) => before + 1), []);
    const set = useCallback((/** @type {T} */ value) => setState({ value, error: null }), []);
    return { ...state, again, set };
}

/**
 * Something that a button does: whether it is being done, and what went wrong.
 *
 * @param {(...given: any[]) => Promise<unknown>} act
 */
export function useAct(act) {
    const [state, setState] = useState({ isBusy: false, error: /** @type {any} */ (null) });
    const run = async (/** @type {any[]} */ ...given) => {
        setState({ isBusy: true, error: null });
        try {
            await act(...given);
            setState({ isBusy: false, error: null });
        } catch (error) {
            setState({ isBusy: false, error });
        }
    };
    return { ...state, run };
}

/**
 * Do something every so often while the page is looked at.
 *
 * @param {() => void} act
 * @param {number} everyMs
 */
export function useBeat(act, everyMs) {
    const latest = useRef(act);
    latest.current = act;
    useEffect(() => {
        const timer = setInterval(() => {
            if (!document.hidden) latest.current();
        }, everyMs);
        return () => clearInterval(timer);
    }, [everyMs]);
}

/** A page's own title, for the browser and for who listens to it. @param {string} title */
export function useTitle(title) {
    useEffect(() => {
        document.title = `${title} · VoiceHub`;
    }, [title]);
}

/**
 * What was read, or why it was not, or that it is on its way.
 *
 * @param {{from: {value: any, error: Error | null, again: () => void}, children: (value: any) => any}} properties
 */
export function Loaded({ from, children }) {
    if (from.value !== null) {
        return html`${from.error && html`<${Fault} error=${from.error} again=${from.again} />`}${children(from.value)}`;
    }
    if (from.error) return html`<${Fault} error=${from.error} again=${from.again} />`;
    return html`<div class="card bones" role="status" aria-label="Loading"><span></span><span></span><span></span></div>`;
}

/** @param {{error: Error | null, again?: () => void}} properties */
export function Fault({ error, again }) {
    if (!error) return null;
    return html`<div class="note bad" role="alert">
        <p>${error.message}</p>
        ${again && html`<button class="button small" onClick=${again}>Try again</button>`}
    </div>`;
}

/** @param {{title: string, children?: any}} properties */
export function Empty({ title, children }) {
    return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}

/** @param {{title: string, about?: any, back?: {to: string, name: string}, children?: any}} properties */
export function Head({ title, about, back, children }) {
    useTitle(title);
    return html`<header class="page-head">
        <div>
            ${back && html`<a class="crumb" href=${back.to}>← ${back.name}</a>`}
            <h1>${title}</h1>
            ${about && html`<p>${about}</p>`}
        </div>
        <div class="row">${children}</div>
    </header>`;
}

let fieldCount = 0;

/**
 * A labelled input with what is wrong with it.
 *
 * @param {{label: string, hint?: string, fault?: string, children: (id: string, described: object) => any}} properties
 */
export function Field({ label, hint, fault, children }) {
    const id = useRef(`field-${++fieldCount}`).current;
    const described = { 'aria-invalid': fault ? 'true' : undefined, 'aria-describedby': fault || hint ? `${id}-note` : undefined };
    return html`<div class="field">
        <label for=${id}>${label}</label>
        ${children(id, described)}
        ${(fault || hint) && html`<small id="${id}-note" class=${fault ? 'fault' : ''}>${fault ?? hint}</small>`}
    </div>`;
}

/**
 * A button that asks first: what it does cannot be taken back.
 *
 * @param {{name: string, title: string, does: string, isSmall?: boolean, act: () => Promise<unknown>, children?: any}} properties
 *   `name` stands on the button, `title` and the children in the question, `does` on the answer that does it
 */
export function Confirmed({ name, title, does, isSmall = false, act, children }) {
    const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const id = useRef(`question-${++fieldCount}`).current;
    const doing = useAct(async () => {
        await act();
        dialog.current?.close();
    });
    return html`
        <button type="button" class="button danger ${isSmall ? 'small' : ''}" onClick=${() => dialog.current?.showModal()}>${name}</button>
        <dialog ref=${dialog} aria-labelledby=${id}>
            <div class="stack">
                <h2 id=${id}>${title}</h2>
                ${children}
                <${Fault} error=${doing.error} />
                <div class="row">
                    <button type="button" class="button danger" disabled=${doing.isBusy} onClick=${() => doing.run()}>${does}</button>
                    <button type="button" class="button" onClick=${() => dialog.current?.close()}>Cancel</button>
                </div>
            </div>
        </dialog>
    `;
}

/**
 * What the rows of a list are called, by their ids, for tables that refer to them: the newest hundred.
 *
 * @param {import('./api.js').Api} api
 * @param {string} path
 * @param {string} member
 * @returns {Map<number, string>}
 */
export function useNames(api, path, member) {
    const found = useRead(() => api.get(path, { limit: 100 }), [path]);
    return new Map((found.value?.data ?? []).map((/** @type {any} */ each) => [each.id, each[member]]));
}

/**
 * Do something whenever the page turns light or dark: what is drawn by hand does not turn by itself.
 *
 * @param {() => void} act
 */
export function useTurnOfTheme(act) {
    const latest = useRef(act);
    latest.current = act;
    useEffect(() => {
        const turned = () => latest.current();
        const system = matchMedia('(prefers-color-scheme: dark)');
        const chosen = new MutationObserver(turned);
        chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
        system.addEventListener('change', turned);
        return () => {
            chosen.disconnect();
            system.removeEventListener('change', turned);
        };
    }, []);
}

/** @param {{status: string}} properties */
export function Status({ status }) {
    const [kind, name] = STATES[/** @type {keyof typeof STATES} */ (status)] ?? ['', status];
    return html`<span class="badge ${kind}">${name}</span>`;
}

const STATES = {
    created: ['', 'Not opened'],
    in_progress: ['good running', 'Live'],
    paused: ['warn', 'Paused'],
    completed: ['', 'Completed'],
    failed: ['bad', 'Failed'],
};

/**
 * How much of a plan is used: a bar, and words for it.
 *
 * @param {{label: string, used: number, max: number}} properties
 */
export function Meter({ label, used, max }) {
    const share = max > 0 ? Math.min(1, used / max) : 1;
    const kind = share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : '';
    return html`<div class="stack-tight">
        <div class="row spread small"><span>${label}</span><span class="number soft">${amount(used)} of ${amount(max)}</span></div>
        <div class="meter ${kind}" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax=${max} aria-valuenow=${Math.min(used, max)}>
            <i style=${{ width: `${share * 100}%` }}></i>
        </div>
    </div>`;
}

/**
 * A list that grows by its cursor.
 *
 * @param {(after: number | null) => Promise<{data: any[], last_id: number | null, has_more: boolean}>} readPage
 * @param {unknown[]} inputs
 */
export function useList(readPage, inputs) {
    const list = useRead(() => readPage(null), inputs);
    const more = useAct(async () => {
        if (!list.value) return;
        const next = await readPage(list.value.last_id);
        list.set({ ...next, data: [...list.value.data, ...next.data] });
    });
    return { ...list, more };
}

/** @param {{list: ReturnType<typeof useList>}} properties */
export function More({ list }) {
    if (!list.value?.has_more) return null;
    return html`<div class="row more">
        <button class="button" disabled=${list.more.isBusy} onClick=${() => list.more.run()}>Show more</button>
        <${Fault} error=${list.more.error} />
    </div>`;
}

const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const WHEN_THIS_YEAR = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const DAY_IN_UTC = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });

/** @param {number} value */
export const amount = (value) => NUMBER.format(value);

/** @param {string | null} iso */
export function when(iso) {
    if (!iso) return '–';
    const then = new Date(iso);
    return (then.getFullYear() === new Date().getFullYear() ? WHEN_THIS_YEAR : WHEN).format(then);
}

/** @param {string | null} iso a moment, or a day alone, which is the same wherever one reads it */
export function day(iso) {
    if (!iso) return '–';
    return (iso.includes('T') ? DAY : DAY_IN_UTC).format(new Date(iso));
}

/**
 * 75000 as `1:15`, hours where there are some.
 *
 * @param {number} milliseconds
 */
export function clock(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const tail = `${String(s).padStart(2, '0')}`;
    return h ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

/**
 * A message that comes and goes by itself, read out where somebody listens.
 *
 * @param {string} text
 */
export function toast(text) {
    const box = document.getElementById('toast');
    if (!box) return;
    box.textContent = text;
    clearTimeout(Number(box.dataset.timer));
    box.dataset.timer = String(setTimeout(() => (box.textContent = ''), 6000));
}
