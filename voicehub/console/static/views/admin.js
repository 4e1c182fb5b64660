// Administration of the platform: what runs, who is there, and whether all is well.

import { html, useEffect, useRef } from '../html.js';
import { Head } from '../parts.js';
import { Health } from '../admin/health.js';
import { LiveSessions } from '../admin/live.js';
import { Plans } from '../admin/plans.js';
import { Subscriptions } from '../admin/subscriptions.js';
import { Team, Teams } from '../admin/teams.js';
import { Users } from '../admin/users.js';

const TABS = /** @type {const} */ ([
    ['health', 'Health', Health],
    ['live', 'Live sessions', LiveSessions],
    ['teams', 'Teams', Teams],
    ['users', 'Users', Users],
    ['plans', 'Plans', Plans],
    ['subscriptions', 'Subscriptions', Subscriptions],
]);

/** @param {{api: import('../api.js').Api, user: any, place: import('../place.js').Place}} properties */
export function View({ api, user, place }) {
    const team = /^team-(\d+)$/.exec(place.id ?? '');
    if (team) return html`<${Team} key=${team[1]} api=${api} id=${team[1]} />`;
    const [id, , Tab] = TABS.find(([each]) => each === place.id) ?? TABS[0];
    const tabs = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        tabs.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
    }, [id]);
    return html`
        <${Head} title="Admin" />
        <nav class="subtabs" aria-label="Administration" ref=${tabs}>
            ${TABS.map(([each, name]) => html`<a href="#/admin/${each}" aria-current=${each === id ? 'page' : undefined}>${name}</a>`)}
        </nav>
        <${Tab} key=${id} api=${api} user=${user} />
    `;
}
