// Whether all is well: the stores, the worker's jobs, and rows that refer to nothing.

import { html } from '../html.js';
import { Fault, Loaded, useAct, useBeat, useRead, when } from '../parts.js';

const LOOK_EVERY_MS = 5000;
const NAMES = /** @type {Record<string, string>} */ ({ postgres: 'Postgres', redis: 'Redis', spaces: 'Spaces' });

/** @param {{api: import('../api.js').Api}} properties */
export function Health({ api }) {
    const ready = useRead(() => api.get('/readyz').catch((error) => (error.problem?.stores ? error.problem : Promise.reject(error))), []);
    const jobs = useRead(() => api.get('/v1/admin/jobs'), []);
    useBeat(() => (ready.again(), jobs.again()), LOOK_EVERY_MS);
    return html`<div class="stack">
        <${Loaded} from=${ready}>${(/** @type {any} */ found) => html`<${Stores} ready=${found} />`}<//>
        <${Loaded} from=${jobs}>${(/** @type {any} */ found) => html`<${Jobs} jobs=${found.data} />`}<//>
        <${Check} api=${api} />
    </div>`;
}

/** @param {{ready: any}} properties */
function Stores({ ready }) {
    return html`<section class="card padded stack">
        <div class="row spread">
            <h2>Stores</h2>
            <span class="badge ${{ ready: 'good', degraded: 'warn', not_ready: 'bad' }[/** @type {'ready'} */ (ready.status)]}">${{ ready: 'Ready', degraded: 'Degraded', not_ready: 'Not ready' }[/** @type {'ready'} */ (ready.status)]}</span>
        </div>
        <ul class="tiles close">
            ${Object.entries(ready.stores).map(
                ([name, store]) => html`<li class="card padded row spread">
                    <b>${NAMES[name] ?? name}</b>
                    <span class="badge ${/** @type {any} */ (store).ok ? 'good' : 'bad'}">${/** @type {any} */ (store).ok ? `${/** @type {any} */ (store).milliseconds} ms` : 'Away'}</span>
                </li>`,
            )}
        </ul>
    </section>`;
}

/** @param {{jobs: any[]}} properties */
function Jobs({ jobs }) {
    return html`<section class="card padded stack">
        <h2>Jobs</h2>
        ${jobs.length === 0 && html`<div class="note warn"><p>No worker has run yet. Start one: <code>voicehub worker</code>.</p></div>`}
        ${jobs.length > 0 &&
        html`<div class="table-box" tabindex="0" role="region" aria-label="Jobs"><table>
            <thead><tr><th>Job</th><th>Last done</th><th class="number wide">Every</th><th class="number wide">Took</th><th>State</th></tr></thead>
            <tbody>
                ${jobs.map(
                    (each) => html`<tr key=${each.name}>
                        <td>${each.name}</td>
                        <td class="time">${when(each.last_success_at)}</td>
                        <td class="number wide">${each.every_seconds} s</td>
                        <td class="number wide">${Math.round(each.last_milliseconds)} ms</td>
                        <td>${each.is_late ? html`<span class="badge bad">Late</span>` : each.last_failed ? html`<span class="badge warn">Failed last</span>` : html`<span class="badge good">On time</span>`}</td>
                    </tr>`,
                )}
            </tbody>
        </table></div>`}
    </section>`;
}

/** @param {{api: import('../api.js').Api}} properties */
function Check({ api }) {
    const found = useRead(() => Promise.resolve(/** @type {any} */ (undefined)), []);
    const looking = useAct(async () => found.set(await api.get('/v1/admin/check')));
    const faults = found.value?.faults;
    return html`<section class="card padded stack">
        <div class="row spread">
            <h2>Rows that do not fit together</h2>
            <button class="button small" disabled=${looking.isBusy} onClick=${() => looking.run()}>${looking.isBusy ? 'Looking…' : 'Look now'}</button>
        </div>
        <${Fault} error=${looking.error} />
        ${faults?.length === 0 && html`<p><span class="badge good">All is whole</span></p>`}
        ${found.value?.is_complete === false && html`<div class="note warn"><p>There was no time to look at every row: <code>voicehub check</code> does.</p></div>`}
        ${faults?.length > 0 &&
        html`<div class="table-box" tabindex="0" role="region" aria-label="What does not fit"><table>
            <thead><tr><th>What</th><th class="number">Rows</th><th>How to mend it</th></tr></thead>
            <tbody>${faults.map((/** @type {any} */ each) => html`<tr><td>${each.what}</td><td class="number">${each.count}</td><td>${each.mend}</td></tr>`)}</tbody>
        </table></div>`}
    </section>`;
}
