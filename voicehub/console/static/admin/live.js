// The sessions that run now, on whichever process, each with a button to end it.

import { html } from '../html.js';
import { Fault, Status, toast, useAct, useBeat, useList, useNames, when } from '../parts.js';
import { Rows } from './list.js';

const LOOK_EVERY_MS = 3000;

/** @param {{api: import('../api.js').Api}} properties */
export function LiveSessions({ api }) {
    const list = useList((after) => api.get('/v1/admin/sessions', { status: 'in_progress', after, limit: 50 }), []);
    useBeat(list.again, LOOK_EVERY_MS);
    const teams = useNames(api, '/v1/teams', 'label');
    const ending = useAct(async (/** @type {any} */ session) => {
        await api.post(`/v1/teams/${session.team_id}/sessions/${session.id}/end`);
        toast(`Session #${session.id} was ended.`);
        list.again();
    });
    return html`<${Fault} error=${ending.error} />
        <${Rows}
            list=${list}
            none="Nobody is talking"
            label="Live sessions"
            columns=${[
                ['Session', (row) => `#${row.id}`],
                ['Team', (row) => html`<a href="#/admin/team-${row.team_id}">${teams.get(row.team_id) ?? `Team ${row.team_id}`}</a>`, 'name'],
                ['User', (row) => `User ${row.user_id}`, 'wide'],
                ['Status', (row) => html`<${Status} status=${row.status} />`],
                ['Began', (row) => when(row.started_at), 'time wide'],
                ['', (row) => html`<button class="button small danger" disabled=${ending.isBusy} onClick=${() => ending.run(row)}>End</button>`, 'act'],
            ]}
        />`;
}
