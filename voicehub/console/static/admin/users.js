// Users: of all teams by their address, and those of one team, with new ones.

import { html, useState } from '../html.js';
import { Confirmed, Fault, Field, toast, useAct, useList, useNames, when } from '../parts.js';
import { Rows } from './list.js';

/** @param {{api: import('../api.js').Api}} properties */
export function Users({ api }) {
    const [email, setEmail] = useState('');
    const list = useList((after) => api.get('/v1/admin/users', { email: email.trim(), after, limit: 50 }), [email.trim()]);
    const teams = useNames(api, '/v1/teams', 'label');
    return html`<div class="stack">
        <${Field} label="Email">
            ${(id) => html`<input id=${id} class="input" type="search" autocomplete="off" placeholder="The whole address" value=${email} onInput=${(/** @type {any} */ event) => setEmail(event.target.value)} />`}
        <//>
        <${Rows} list=${list} none="No such user" label="Users" columns=${[...COLUMNS, ['Team', (row) => html`<a href="#/admin/team-${row.team_id}">${teams.get(row.team_id) ?? `Team ${row.team_id}`}</a>`, 'name']]} />
    </div>`;
}

/** @type {[string, (row: any) => any, string?][]} */
const COLUMNS = [
    ['Name', (row) => row.display_name, 'name'],
    ['Email', (row) => row.email, 'name'],
    ['Since', (row) => when(row.created_at), 'time wide'],
];

/** @param {{api: import('../api.js').Api, team: any}} properties */
export function TeamUsers({ api, team }) {
    const path = `/v1/teams/${team.id}/users`;
    const list = useList((after) => api.get(path, { after, limit: 50 }), [team.id]);
    const [draft, setDraft] = useState({ email: '', display_name: '', password: '' });
    const adding = useAct(async () => {
        const { password, ...rest } = draft;
        await api.create(path, password ? draft : rest, crypto.randomUUID());
        setDraft({ email: '', display_name: '', password: '' });
        list.again();
    });
    const remove = async (/** @type {any} */ user) => {
        await api.remove(`${path}/${user.id}`);
        toast(`${user.display_name} is gone.`);
        list.again();
    };
    const write = (/** @type {string} */ name) => (/** @type {any} */ event) => setDraft((/** @type {any} */ before) => ({ ...before, [name]: event.target.value }));
    return html`<section class="stack">
        <h2>Users</h2>
        <form class="card padded fields" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), adding.run())}>
            <${Field} label="Email">${(id) => html`<input id=${id} class="input" type="email" autocomplete="off" required value=${draft.email} onInput=${write('email')} />`}<//>
            <${Field} label="Name">${(id) => html`<input id=${id} class="input" autocomplete="off" required maxlength="255" value=${draft.display_name} onInput=${write('display_name')} />`}<//>
            <${Field} label="Password" hint="Empty: by Google, or by a reset">${(id, described) => html`<input id=${id} ...${described} class="input" type="password" autocomplete="new-password" minlength="12" value=${draft.password} onInput=${write('password')} />`}<//>
            <div class="field-end"><button class="button main" disabled=${adding.isBusy}>Add</button></div>
            <${Fault} error=${adding.error} />
        </form>
        <${Rows} list=${list} none="No users yet" label="Users of the team" columns=${[...COLUMNS, ['', (row) => html`<${Confirmed} key=${row.id} name="Remove" title="Remove ${row.display_name}?" does="Remove" isSmall=${true} act=${() => remove(row)}><p>Nobody signs in as ${row.email} any more. Who has sessions cannot be removed.</p><//>`, 'act']]} />
    </section>`;
}
