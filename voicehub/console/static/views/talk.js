// Talk: choose an agent, say what it should know, and speak.

import { html, useEffect, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Empty, Fault, Field, Head, Loaded, useRead } from '../parts.js';
import { LivePanel } from '../talk/panel.js';
import { useConversation } from '../talk/use-conversation.js';

/** @param {{api: import('../api.js').Api, place: import('../place.js').Place}} properties */
export function View({ api, place }) {
    const agents = useRead(() => api.get('/v1/agents', { limit: 100 }), []);
    const [agentId, setAgentId] = useState(place.id ? Number(place.id) : null);
    const [notes, setNotes] = useState('');
    const talk = useConversation(api);
    const all = agents.value?.data ?? [];
    const agent = all.find((/** @type {any} */ each) => each.id === agentId) ?? all[0];
    useEffect(() => {
        if (place.id) setAgentId(Number(place.id));
    }, [place.id]);
    if (talk.phase !== 'idle') return html`<${LivePanel} talk=${talk} />`;
    return html`
        <${Head} title="Talk" about="Choose an agent, and speak. Headphones are not needed." />
        <${Loaded} from=${agents}>
            ${() =>
                all.length === 0
                    ? html`<div class="card"><${Empty} title="No agents yet">
                          <p>An agent is a persona with instructions.</p>
                          <a class="button main" href="#/agents/new"><${Icon} name="plus" />Create an agent</a>
                      <//></div>`
                    : html`<form class="stack" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
                          <fieldset class="tiles choice">
                              <legend class="hidden-text">Agent</legend>
                              ${all.map((/** @type {any} */ each) => html`<${AgentCard} agent=${each} isChosen=${each === agent} choose=${() => setAgentId(each.id)} />`)}
                          </fieldset>
                          <${Field} label="What should the agent know?" hint="Optional. It is for this conversation alone and is forgotten after it.">
                              ${(id, described) => html`<textarea id=${id} ...${described} class="input notes" maxlength="8000" value=${notes} onInput=${(/** @type {any} */ event) => setNotes(event.target.value)}></textarea>`}
                          <//>
                          <${Fault} error=${talk.error} />
                          ${talk.error?.code === 'insufficient_quota' && html`<a href="#/usage">See the plan</a>`}
                          <div class="row">
                              <button type="button" class="button main big" disabled=${talk.isOpening} onClick=${() => talk.start(agent, notes, true)}>
                                  <${Icon} name="talk" /><span class="one-line">${talk.isOpening ? 'Connecting…' : `Talk to ${agent.name}`}</span>
                              </button>
                              <button type="button" class="button big" disabled=${talk.isOpening} onClick=${() => talk.start(agent, notes, false)}>Write instead</button>
                          </div>
                      </form>`}
        <//>
    `;
}

/** @param {{agent: any, isChosen: boolean, choose: () => void}} properties */
function AgentCard({ agent, isChosen, choose }) {
    return html`<label class="card agent-card ${isChosen ? 'chosen' : ''}">
        <input type="radio" name="agent" class="hidden-text" checked=${isChosen} onChange=${choose} />
        <span class="face" aria-hidden="true">${[...agent.name][0]?.toUpperCase()}</span>
        <span class="about">
            <b>${agent.name}</b>
            <span class="soft small">${agent.description ?? 'No description'}</span>
            ${agent.is_built_in && html`<span class="badge">Built in</span>`}
        </span>
    </label>`;
}
