// One session: its words beside its sound, what happened in it, what it used, and what one makes of it.

import { html, useEffect, useRef, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Empty, Fault, Head, Loaded, Status, amount, clock, useAct, useBeat, useRead, when } from '../parts.js';
import { go } from '../place.js';
import { Feedback } from './feedback.js';
import { happenings } from './happenings.js';
import { Player } from './player.js';

const OPEN = ['created', 'in_progress', 'paused'];
const LIVE_EVERY_MS = 2000;
const FORMATS = [
    ['json', 'JSON'],
    ['text', 'Text'],
    ['srt', 'SRT'],
    ['vtt', 'WebVTT'],
    ['vcon', 'vCon'],
];

/** @param {{api: import('../api.js').Api, user: any, id: string}} properties */
export function SessionPage({ api, user, id }) {
    const session = useRead(() => api.get(`/v1/sessions/${id}`), [id]);
    const isOpen = OPEN.includes(session.value?.status);
    useBeat(() => isOpen && session.again(), LIVE_EVERY_MS);
    return html`<${Loaded} from=${session}>
        ${(/** @type {any} */ found) => html`<${Whole} api=${api} user=${user} session=${found} again=${session.again} />`}
    <//>`;
}

/** @param {{api: import('../api.js').Api, user: any, session: any, again: () => void}} properties */
function Whole({ api, user, session, again }) {
    const agent = useRead(() => api.get(`/v1/agents/${session.agent_id}`).catch(() => ({ name: `Agent ${session.agent_id}` })), [session.agent_id]);
    const [atMs, setAtMs] = useState(0);
    const player = useRef(/** @type {{play: (ms: number) => void} | null} */ (null));
    const lines = session.data.transcript ?? [];
    const name = agent.value?.name ?? '…';
    const isOpen = OPEN.includes(session.status);
    const isMine = session.user_id === user.id;
    return html`
        <${Head} title="Session #${session.id}" back=${{ to: '#/sessions', name: 'Sessions' }} about=${html`<${Status} status=${session.status} /> ${when(session.started_at)} with <bdi>${name}</bdi>`}>
            ${isOpen && isMine && html`<${Ending} api=${api} session=${session} again=${again} />`}
            ${!isOpen && html`<${Exports} api=${api} session=${session} />`}
        <//>
        <div class="session">
            <div class="stack">
                ${!isOpen && html`<${Player} api=${api} session=${session} lines=${lines} moved=${setAtMs} control=${player} />`}
                <${Words} lines=${lines} name=${name} atMs=${isOpen ? -1 : atMs} isOpen=${isOpen} play=${(/** @type {number} */ ms) => player.current?.play(ms)} />
            </div>
            <div class="stack">
                <${Usage} session=${session} />
                <${Events} session=${session} />
                ${!isOpen && html`<${Feedback} api=${api} session=${session} />`}
                ${!isOpen && isMine && html`<${Removal} api=${api} session=${session} />`}
            </div>
        </div>
    `;
}

/** @param {{lines: any[], name: string, atMs: number, isOpen: boolean, play: (ms: number) => void}} properties */
function Words({ lines, name, atMs, isOpen, play }) {
    const now = lines.findLastIndex((line) => line.start_ms <= atMs);
    const current = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        current.current?.scrollIntoView?.({ block: 'nearest', behavior: 'smooth' });
    }, [now]);
    if (!lines.length) {
        return html`<section class="card"><${Empty} title=${isOpen ? 'Nothing was said yet' : 'Nothing was said'} /></section>`;
    }
    return html`<section class="card transcript" aria-label="Transcript" tabindex="0">
        ${lines.map(
            (line, index) => html`<button
                key=${line.item_id ?? index}
                ref=${index === now ? current : null}
                class="line ${line.speaker} ${index === now && atMs <= line.end_ms + 400 ? 'now' : ''}"
                disabled=${isOpen}
                onClick=${() => play(line.start_ms)}
            >
                <span class="number soft">${clock(line.start_ms)}</span>
                <b>${line.speaker === 'user' ? 'User' : name}</b>
                <span>${line.transcript}${line.interrupted ? html` <em class="soft">(interrupted)</em>` : ''}</span>
            </button>`,
        )}
    </section>`;
}

/** @param {{session: any}} properties */
function Usage({ session }) {
    const { usage } = session;
    const facts = [
        ['Time', clock(session.duration_minutes * 60_000)],
        ['Audio tokens', amount(usage.audio_tokens ?? 0)],
        ['Text tokens', amount(usage.text_tokens ?? 0)],
        ['Responses', amount(usage.responses ?? 0)],
        ['User spoke', clock((usage.user_audio_seconds ?? 0) * 1000)],
        ['Agent spoke', clock((usage.agent_audio_seconds ?? 0) * 1000)],
    ];
    return html`<section class="card padded">
        <h2>Usage</h2>
        <dl class="pairs number">${facts.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    </section>`;
}

/** @param {{session: any}} properties */
function Events({ session }) {
    return html`<section class="card padded">
        <h2>What happened</h2>
        <ol class="events">
            ${happenings(session).map((each) => html`<li><span class="number soft">${clock(each.atMs)}</span> ${each.text}</li>`)}
        </ol>
    </section>`;
}

/** @param {{api: import('../api.js').Api, session: any}} properties */
function Exports({ api, session }) {
    const fetching = useAct(async (/** @type {string} */ format) => save(await api.download(`/v1/sessions/${session.id}/transcript?format=${format}`)));
    return html`<div class="row exports">
        <span class="soft small" id="exports">Save the words as</span>
        <div class="segments" role="group" aria-labelledby="exports">
            ${FORMATS.map(([format, name]) => html`<button disabled=${fetching.isBusy} onClick=${() => fetching.run(format)}>${name}</button>`)}
        </div>
        <${Fault} error=${fetching.error} />
    </div>`;
}

/** @param {{name: string, content: Blob}} file */
function save({ name, content }) {
    const url = URL.createObjectURL(content);
    const link = Object.assign(document.createElement('a'), { href: url, download: name });
    link.click();
    URL.revokeObjectURL(url);
}

/** @param {{api: import('../api.js').Api, session: any, again: () => void}} properties */
function Ending({ api, session, again }) {
    const ending = useAct(async () => {
        await api.post(`/v1/sessions/${session.id}/end`);
        again();
    });
    return html`<${Fault} error=${ending.error} /><button class="button danger" disabled=${ending.isBusy} onClick=${() => ending.run()}><${Icon} name="end" />End it</button>`;
}

/** @param {{api: import('../api.js').Api, session: any}} properties */
function Removal({ api, session }) {
    const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const removing = useAct(async () => {
        await api.remove(`/v1/sessions/${session.id}`);
        go('/sessions');
    });
    return html`<div>
        <button class="button plain danger small" onClick=${() => dialog.current?.showModal()}>Delete this session…</button>
        <dialog ref=${dialog} aria-labelledby="removal">
            <div class="stack">
                <h2 id="removal">Delete session #${session.id}?</h2>
                <p>Its words and its recording are erased for good. The tokens that it used stay on the plan.</p>
                <${Fault} error=${removing.error} />
                <div class="row">
                    <button class="button danger" disabled=${removing.isBusy} onClick=${() => removing.run()}>Delete</button>
                    <button class="button" onClick=${() => dialog.current?.close()}>Keep it</button>
                </div>
            </div>
        </dialog>
    </div>`;
}
