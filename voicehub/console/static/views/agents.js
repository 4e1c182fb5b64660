// Agents: who they are and what they are told; written here, and tried beside.

import { html, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Empty, Fault, Head, Loaded, More, useAct, useList } from '../parts.js';
import { AgentPage, NewAgentPage } from '../agents/page.js';

/** @param {{api: import('../api.js').Api, user: any, place: import('../place.js').Place}} properties */
export function View({ api, user, place }) {
    if (place.id === 'new') return html`<${NewAgentPage} api=${api} />`;
    if (place.id) return html`<${AgentPage} key=${place.id} api=${api} id=${place.id} />`;
    return html`<${AgentList} api=${api} user=${user} />`;
}

/** @param {{api: import('../api.js').Api, user: any}} properties */
function AgentList({ api, user }) {
    const [areDeleted, setDeleted] = useState(false);
    const list = useList((after) => api.get('/v1/agents', { after, limit: 50 }), []);
    return html`
        <${Head} title="Agents" about="A persona and its instructions. Everybody in the team may talk to them.">
            <a class="button main" href="#/agents/new"><${Icon} name="plus" />New agent</a>
        <//>
        <${Loaded} from=${list}>
            ${(/** @type {any} */ found) =>
                found.data.length === 0
                    ? html`<div class="card"><${Empty} title="No agents yet"><p>Write the first one, and talk to it at once.</p><//></div>`
                    : html`<ul class="tiles">${found.data.map((/** @type {any} */ each) => html`<${Tile} key=${each.id} agent=${each} />`)}</ul><${More} list=${list} />`}
        <//>
        ${user.is_admin &&
        html`<section class="deleted">
            <button class="button plain small" aria-expanded=${areDeleted} onClick=${() => setDeleted(!areDeleted)}>Deleted agents</button>
            ${areDeleted && html`<${Deleted} api=${api} user=${user} restored=${list.again} />`}
        </section>`}
    `;
}

/** @param {{agent: any}} properties */
function Tile({ agent }) {
    return html`<li>
        <a class="card agent-card plain" href="#/agents/${agent.id}">
            <span class="face" aria-hidden="true">${[...agent.name][0]?.toUpperCase()}</span>
            <span class="about">
                <b>${agent.name}</b>
                <span class="soft small">${agent.description ?? 'No description'}</span>
                ${agent.is_built_in && html`<span class="badge">Built in</span>`}
            </span>
        </a>
    </li>`;
}

/** @param {{api: import('../api.js').Api, user: any, restored: () => void}} properties */
function Deleted({ api, user, restored }) {
    const list = useList((after) => api.get('/v1/admin/agents', { after, limit: 50, is_deleted: true, team_id: user.team.id }), []);
    const restoring = useAct(async (/** @type {any} */ agent) => {
        await api.post(`/v1/teams/${agent.team_id}/agents/${agent.id}/restore`);
        list.again();
        restored();
    });
    return html`<${Fault} error=${restoring.error} />
        <${Loaded} from=${list}>
            ${(/** @type {any} */ found) =>
                found.data.length === 0
                    ? html`<p class="soft">None.</p>`
                    : html`<ul class="stack card padded">
                          ${found.data.map(
                              (/** @type {any} */ each) => html`<li class="row spread" key=${each.id}>
                                  <span>${each.name}</span>
                                  <button class="button small" disabled=${restoring.isBusy} onClick=${() => restoring.run(each)}>Restore</button>
                              </li>`,
                          )}
                      </ul>`}
        <//>`;
}
