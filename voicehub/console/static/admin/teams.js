// Teams: all of them, a new one, and one with its users, its subscription and what admins did to it.

import { html, useState } from '../html.js';
import { Confirmed, Fault, Field, Head, Loaded, toast, useAct, useList, useRead, when } from '../parts.js';
import { go } from '../place.js';
import { Rows } from './list.js';
import { TeamSubscription } from './subscriptions.js';
import { TeamUsers } from './users.js';

/** @param {{api: import('../api.js').Api}} properties */
export function Teams({ api }) {
    const list = useList((after) => api.get('/v1/teams', { after, limit: 50 }), []);
    const [name, setName] = useState('');
    const [label, setLabel] = useState('');
    const making = useAct(async () => {
        const team = await api.create('/v1/teams', { name, label: label || name }, crypto.randomUUID());
        go(`/admin/team-${team.id}`);
    });
    return html`<div class="stack">
        <form class="card padded fields" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), making.run())}>
            <${Field} label="Name" hint="Small letters and digits; what sign-in asks for" fault=${/** @type {any} */ (making.error)?.of?.('name')}>
                ${(id, described) => html`<input id=${id} ...${described} class="input" required pattern="[a-z0-9][a-z0-9\\-]*" maxlength="255" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />`}
            <//>
            <${Field} label="Label" hint="What people read">
                ${(id, described) => html`<input id=${id} ...${described} class="input" maxlength="255" value=${label} onInput=${(/** @type {any} */ event) => setLabel(event.target.value)} />`}
            <//>
            <div class="field-end"><button class="button main" disabled=${making.isBusy}>New team</button></div>
            <${Fault} error=${making.error} />
        </form>
        <${Rows}
            list=${list}
            none="No teams yet"
            label="Teams"
            columns=${[
                ['Team', (row) => html`<a href="#/admin/team-${row.id}">${row.label}</a>`, 'name'],
                ['Name', (row) => row.name, 'name'],
                ['Since', (row) => when(row.created_at), 'time wide'],
            ]}
        />
    </div>`;
}

/** @param {{api: import('../api.js').Api, id: string}} properties */
export function Team({ api, id }) {
    const team = useRead(() => api.get(`/v1/teams/${id}`), [id]);
    return html`<${Loaded} from=${team}>
        ${(/** @type {any} */ found) => html`
            <${Head} title=${found.label} about="Team ${found.name}" back=${{ to: '#/admin/teams', name: 'Teams' }}>
                <${Removal} api=${api} team=${found} />
            <//>
            <div class="stack">
                <${TeamSubscription} api=${api} team=${found} />
                <${TeamUsers} api=${api} team=${found} />
                <${Audit} api=${api} team=${found} />
            </div>
        `}
    <//>`;
}

/** @param {{api: import('../api.js').Api, team: any}} properties */
function Removal({ api, team }) {
    const remove = async () => {
        await api.remove(`/v1/teams/${team.id}`);
        toast(`Team ${team.label} is gone.`);
        go('/admin/teams');
    };
    return html`<${Confirmed} name="Delete…" title="Delete ${team.label}?" does="Delete" act=${remove}>
        <p>A team that still has users, agents or sessions cannot be deleted.</p>
    <//>`;
}

/** @param {{api: import('../api.js').Api, team: any}} properties */
function Audit({ api, team }) {
    const list = useList((after) => api.get(`/v1/teams/${team.id}/audit`, { after, limit: 20 }), [team.id]);
    return html`<section class="stack">
        <h2>What admins did</h2>
        <${Rows}
            list=${list}
            none="Nothing yet"
            label="What admins did"
            columns=${[
                ['When', (row) => when(row.created_at), 'time'],
                ['Who', (row) => row.actor_email, 'name wide'],
                ['What', (row) => html`<code class="mono">${row.method} ${row.route}</code>`],
                ['Answer', (row) => row.status ?? 'unknown', 'number'],
            ]}
        />
    </section>`;
}
