// Sessions: what was talked about, by whom, and what runs now.

import { html, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Empty, Field, Head, Loaded, More, Status, amount, clock, useBeat, useList, useRead, when } from '../parts.js';
import { go } from '../place.js';
import { SessionPage } from '../session/page.js';

const LOOK_EVERY_MS = 4000; // at the sessions that run

/** @param {{api: import('../api.js').Api, user: any, place: import('../place.js').Place}} properties */
export function View({ api, user, place }) {
    if (place.id) return html`<${SessionPage} key=${place.id} api=${api} user=${user} id=${place.id} />`;
    return html`<${SessionList} api=${api} place=${place} />`;
}

/** @param {{api: import('../api.js').Api, place: import('../place.js').Place}} properties */
function SessionList({ api, place }) {
    const [filters, setFilters] = useState({ q: place.query.get('q') ?? '', status: '', agent_id: '' });
    const agents = useRead(() => api.get('/v1/agents', { limit: 100 }), []);
    const list = useList((after) => api.get('/v1/sessions', { ...filters, after, limit: 30 }), Object.values(filters));
    const names = new Map((agents.value?.data ?? []).map((/** @type {any} */ each) => [each.id, each.name]));
    const isAnyOpen = list.value?.data.some((/** @type {any} */ each) => ['in_progress', 'paused', 'created'].includes(each.status));
    useBeat(() => void renew(api, filters, list), isAnyOpen ? LOOK_EVERY_MS : LOOK_EVERY_MS * 4);
    const change = (/** @type {object} */ part) => setFilters((/** @type {any} */ before) => ({ ...before, ...part }));
    const isFiltered = Object.values(filters).some(Boolean);
    return html`
        <${Head} title="Sessions" about="Every conversation, with its words, its recording and what it used." />
        <${Filters} filters=${filters} change=${change} names=${names} />
        <${Loaded} from=${list}>
            ${(/** @type {any} */ found) =>
                found.data.length === 0
                    ? html`<div class="card"><${NoSessions} isFiltered=${isFiltered} /></div>`
                    : html`<div class="card table-box" tabindex="0" role="region" aria-label="Sessions"><${Table} sessions=${found.data} names=${names} /><${More} list=${list} /></div>`}
        <//>
    `;
}

/**
 * The newest page again, and what was shown beyond it as it was: a list that grew keeps its length.
 *
 * @param {import('../api.js').Api} api
 * @param {any} filters
 * @param {ReturnType<typeof useList>} list
 */
async function renew(api, filters, list) {
    if (!list.value) return;
    const fresh = await api.get('/v1/sessions', { ...filters, limit: 30 }).catch(() => null);
    if (!fresh || !list.value) return;
    const known = new Set(fresh.data.map((/** @type {any} */ each) => each.id));
    const lowest = fresh.last_id ?? Infinity;
    const rest = list.value.data.filter((each) => !known.has(each.id) && each.id < lowest);
    const isLonger = rest.length > 0;
    list.set({ ...fresh, data: [...fresh.data, ...rest], ...(isLonger && { last_id: list.value.last_id, has_more: list.value.has_more }) });
}

/** @param {{filters: any, change: (part: object) => void, names: Map<number, string>}} properties */
function Filters({ filters, change, names }) {
    const [words, setWords] = useState(filters.q);
    return html`<form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), change({ q: words.trim() }))}>
        <${Field} label="Words that were said">
            ${(id) => html`<div class="searching"><${Icon} name="search" /><input id=${id} class="input" type="search" maxlength="200" placeholder="Search in transcripts" value=${words} onInput=${(/** @type {any} */ event) => (setWords(event.target.value), event.target.value || change({ q: '' }))} /></div>`}
        <//>
        <${Field} label="Status">
            ${(id) => html`<select id=${id} class="input" value=${filters.status} onChange=${(/** @type {any} */ event) => change({ status: event.target.value })}>
                <option value="">All</option>
                <option value="in_progress">Live</option>
                <option value="paused">Paused</option>
                <option value="completed">Completed</option>
                <option value="failed">Failed</option>
                <option value="created">Not opened</option>
            </select>`}
        <//>
        <${Field} label="Agent">
            ${(id) => html`<select id=${id} class="input" value=${filters.agent_id} onChange=${(/** @type {any} */ event) => change({ agent_id: event.target.value })}>
                <option value="">All</option>
                ${[...names].map(([agentId, name]) => html`<option value=${agentId}>${name}</option>`)}
            </select>`}
        <//>
    </form>`;
}

/** @param {{isFiltered: boolean}} properties */
function NoSessions({ isFiltered }) {
    if (isFiltered) return html`<${Empty} title="Nothing found"><p>No session fits. Try other words, or fewer of them.</p><//>`;
    return html`<${Empty} title="No sessions yet"><p>Talk to an agent: the session then stands here.</p><a class="button main" href="#/talk">Talk</a><//>`;
}

/** The lines that have the words that were looked for. @param {{session: any}} properties */
function Matches({ session }) {
    return html`<tr class="link matches" onClick=${() => go(`/sessions/${session.id}`)}>
        <td colspan="6">
            <ul class="small soft">${session.matches.map((/** @type {any} */ line) => html`<li><span class="number">${clock(line.start_ms ?? 0)}</span><span>${line.transcript}</span></li>`)}</ul>
        </td>
    </tr>`;
}

/** @param {{sessions: any[], names: Map<number, string>}} properties */
function Table({ sessions, names }) {
    return html`<table>
        <thead>
            <tr><th>Session</th><th>Agent</th><th>Status</th><th>Began</th><th class="number wide">Minutes</th><th class="number wide">Tokens</th></tr>
        </thead>
        <tbody>
            ${sessions.map(
                (each) => html`<tr key=${each.id} class="link ${each.matches?.length ? 'found' : ''}" onClick=${() => go(`/sessions/${each.id}`)}>
                        <td><a href="#/sessions/${each.id}">#${each.id}</a></td>
                        <td class="name"><div class="clipped">${names.get(each.agent_id) ?? `Agent ${each.agent_id}`}</div></td>
                        <td><${Status} status=${each.status} /></td>
                        <td class="time">${when(each.started_at)}</td>
                        <td class="number wide">${amount(each.duration_minutes)}</td>
                        <td class="number wide">${amount((each.usage.audio_tokens ?? 0) + (each.usage.text_tokens ?? 0))}</td>
                    </tr>
                    ${each.matches?.length > 0 && html`<${Matches} key="words-${each.id}" session=${each} />`}`,
            )}
        </tbody>
    </table>`;
}
