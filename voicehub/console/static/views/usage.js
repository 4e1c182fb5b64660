// Usage and plan: what was used, when, by whom, against what the plan allows.

import { html, useState } from '../html.js';
import { Empty, Fault, Head, Loaded, Meter, amount, day, useRead } from '../parts.js';
import { Plan } from '../usage/plan.js';
import { Plot } from '../usage/plot.js';

const GROUPINGS = [
    ['day', 'Day'],
    ['agent', 'Agent'],
    ['user', 'User'],
];
const SPANS = [
    ['', 'This period'],
    ['7', '7 days'],
    ['30', '30 days'],
    ['90', '90 days'],
];

/** @param {{api: import('../api.js').Api, user: any}} properties */
export function View({ api, user }) {
    const [grouping, setGrouping] = useState('day');
    const [span, setSpan] = useState('');
    const subscription = useRead(() => api.get('/v1/subscription').catch(none), []);
    const usage = useRead(() => api.get('/v1/usage', { group_by: grouping, from: firstDay(span) }), [grouping, span]);
    return html`
        <${Head} title="Usage" about="Tokens, and how long people talked." />
        <div class="stack">
            <${Loaded} from=${subscription}>
                ${(/** @type {any} */ found) => html`<${Current} subscription=${found} />`}
            <//>
            <section class="card padded stack">
                <div class="row spread">
                    <${Segments} label="Group by" options=${GROUPINGS} value=${grouping} choose=${setGrouping} />
                    <${Segments} label="Time" options=${SPANS} value=${span} choose=${setSpan} />
                </div>
                <${Loaded} from=${usage}>
                    ${(/** @type {any} */ found) => html`<${Report} api=${api} usage=${found} />`}
                <//>
            </section>
            <${Plan} api=${api} user=${user} subscription=${subscription} />
        </div>
    `;
}

/** A team without a subscription is a fact, and no fault. @param {any} error */
function none(error) {
    if (error.status === 404) return { plan: null };
    throw error;
}

/** @param {string} days */
function firstDay(days) {
    return days ? new Date(Date.now() - (Number(days) - 1) * 86_400_000).toISOString().slice(0, 10) : '';
}

/** @param {{subscription: any}} properties */
function Current({ subscription }) {
    if (!subscription.plan) {
        return html`<div class="note warn"><p>The team has no subscription: nobody can talk until it has one.</p></div>`;
    }
    const { plan, left } = subscription;
    return html`<section class="card padded stack">
        <div class="row spread">
            <h2>${plan.name}</h2>
            <span class="soft small">${day(subscription.current_period_start)} to ${day(subscription.current_period_end)}${subscription.cancel_at_period_end ? ', then it ends' : ''}</span>
        </div>
        <div class="columns">
            <${Meter} label="Audio tokens" used=${plan.max_audio_tokens - left.audio_tokens} max=${plan.max_audio_tokens} />
            <${Meter} label="Text tokens" used=${plan.max_text_tokens - left.text_tokens} max=${plan.max_text_tokens} />
        </div>
        ${subscription.unsettled && subscription.unsettled.audio_tokens > 0 && html`<p class="soft small">Of that, ${amount(subscription.unsettled.audio_tokens)} audio tokens are of conversations that run now.</p>`}
    </section>`;
}

/** @param {{label: string, options: string[][], value: string, choose: (value: string) => void}} properties */
function Segments({ label, options, value, choose }) {
    return html`<div class="segments" role="group" aria-label=${label}>
        ${options.map(([key, name]) => html`<button aria-pressed=${key === value} onClick=${() => choose(key)}>${name}</button>`)}
    </div>`;
}

/** @param {{api: import('../api.js').Api, usage: any}} properties */
function Report({ api, usage }) {
    const { totals, groups } = usage;
    const facts = [
        ['Audio tokens', amount(totals.audio_tokens)],
        ['Text tokens', amount(totals.text_tokens)],
        ['Minutes', amount(totals.minutes)],
        ['Sessions', amount(totals.sessions)],
    ];
    return html`
        <dl class="figures number">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
        ${groups.length === 0 && html`<${Empty} title="Nothing was used"><p>In this time nobody talked to an agent.</p><//>`}
        ${groups.length > 0 && usage.group_by === 'day' && html`<${Plot} usage=${usage} />`}
        ${groups.length > 0 && usage.group_by !== 'day' && html`<${Ranking} api=${api} usage=${usage} />`}
    `;
}

/** @param {{api: import('../api.js').Api, usage: any}} properties */
function Ranking({ api, usage }) {
    const isByAgent = usage.group_by === 'agent';
    const names = useRead(async () => {
        const found = await api.get(isByAgent ? '/v1/agents' : '/v1/users', { limit: 100 });
        return new Map(found.data.map((/** @type {any} */ each) => [each.id, each.name ?? each.display_name]));
    }, [isByAgent]);
    const key = isByAgent ? 'agent_id' : 'user_id';
    const ranked = usage.groups.toSorted((/** @type {any} */ one, /** @type {any} */ other) => other.audio_tokens - one.audio_tokens);
    const most = Math.max(1, ...ranked.map((/** @type {any} */ each) => each.audio_tokens));
    return html`
        <${Fault} error=${names.error} />
        <div class="table-box" tabindex="0" role="region" aria-label="Usage by ${isByAgent ? 'agent' : 'user'}"><table>
            <thead><tr><th>${isByAgent ? 'Agent' : 'User'}</th><th class="wide"><span class="hidden-text">Share</span></th><th class="number">Audio tokens</th><th class="number wide">Text tokens</th><th class="number">Minutes</th><th class="number wide">Sessions</th></tr></thead>
            <tbody>
                ${ranked.map(
                    (/** @type {any} */ each) => html`<tr key=${each[key]}>
                        <td class="name"><div class="clipped">${names.value?.get(each[key]) ?? `${isByAgent ? 'Agent' : 'User'} ${each[key]}`}</div></td>
                        <td class="bar-cell wide"><div class="meter"><i style=${{ width: `${(100 * each.audio_tokens) / most}%` }}></i></div></td>
                        <td class="number">${amount(each.audio_tokens)}</td>
                        <td class="number wide">${amount(each.text_tokens)}</td>
                        <td class="number">${amount(each.minutes)}</td>
                        <td class="number wide">${amount(each.sessions)}</td>
                    </tr>`,
                )}
            </tbody>
        </table></div>
    `;
}
