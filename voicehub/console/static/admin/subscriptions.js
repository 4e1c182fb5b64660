// Subscriptions: of all teams, and one team's.

import { html, useState } from '../html.js';
import { Fault, Meter, amount, day, toast, useAct, useList, useNames, useRead } from '../parts.js';
import { Rows } from './list.js';

const KINDS = /** @type {Record<string, string>} */ ({ active: 'good', free: 'good', cancelled: 'warn', expired: 'bad' });
const STATES = /** @type {Record<string, string>} */ ({ active: 'Active', free: 'Free', cancelled: 'Cancelled', expired: 'Expired' });

/** @param {{api: import('../api.js').Api}} properties */
export function Subscriptions({ api }) {
    const list = useList((after) => api.get('/v1/admin/subscriptions', { after, limit: 50 }), []);
    const teams = useNames(api, '/v1/teams', 'label');
    const plans = useNames(api, '/v1/plans', 'name');
    return html`<${Rows}
        list=${list}
        none="No subscriptions yet"
        label="Subscriptions"
        columns=${[
            ['Team', (row) => html`<a href="#/admin/team-${row.team_id}">${teams.get(row.team_id) ?? `Team ${row.team_id}`}</a>`, 'name'],
            ['Plan', (row) => plans.get(row.plan_id) ?? `Plan ${row.plan_id}`, 'name'],
            ['Status', (row) => html`<span class="badge ${KINDS[row.status]}">${STATES[row.status] ?? row.status}</span>`],
            ['Until', (row) => day(row.current_period_end), 'time wide'],
            ['Audio tokens', (row) => amount(row.total_audio_tokens_used), 'number'],
            ['Text tokens', (row) => amount(row.total_text_tokens_used), 'number wide'],
        ]}
    />`;
}

/** @param {{api: import('../api.js').Api, team: any}} properties */
export function TeamSubscription({ api, team }) {
    const path = `/v1/teams/${team.id}`;
    const current = useRead(() => api.get(`${path}/subscription`).catch((error) => (error.status === 404 ? { plan: null } : Promise.reject(error))), [team.id]);
    const plans = useRead(() => api.get('/v1/plans', { limit: 100, order: 'asc' }), []);
    const [planId, setPlanId] = useState('');
    const choosing = useAct(async () => {
        const own = current.value?.id;
        await api.post(own ? `${path}/subscriptions/${own}/change_plan` : `${path}/subscriptions`, { plan_id: Number(planId) }, { 'Idempotency-Key': crypto.randomUUID() });
        toast('The plan was changed.');
        current.again();
    });
    const found = current.value;
    return html`<section class="card padded stack">
        <h2>Subscription</h2>
        <${Fault} error=${current.error} again=${current.again} />
        ${found?.plan === null && html`<p class="soft">None: nobody in the team can talk.</p>`}
        ${found?.plan &&
        html`<p>${found.plan.name}, until ${day(found.current_period_end)}</p>
            <div class="columns">
                <${Meter} label="Audio tokens" used=${found.plan.max_audio_tokens - found.left.audio_tokens} max=${found.plan.max_audio_tokens} />
                <${Meter} label="Text tokens" used=${found.plan.max_text_tokens - found.left.text_tokens} max=${found.plan.max_text_tokens} />
            </div>`}
        <div class="row">
            <label class="hidden-text" for="plan">Plan</label>
            <select id="plan" class="input compact" value=${planId} onChange=${(/** @type {any} */ event) => setPlanId(event.target.value)}>
                <option value="">Choose a plan…</option>
                ${plans.value?.data.map((/** @type {any} */ each) => html`<option value=${each.id}>${each.name}</option>`)}
            </select>
            <button class="button" disabled=${!planId || choosing.isBusy} onClick=${() => choosing.run()}>Give this plan</button>
        </div>
        <${Fault} error=${choosing.error} />
    </section>`;
}
