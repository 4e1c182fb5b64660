// The team's plan: what there is to choose from, and what one may do with a subscription.

import { html, useRef, useState } from '../html.js';
import { Fault, amount, day, toast, useAct, useRead } from '../parts.js';

/** @param {{api: import('../api.js').Api, user: any, subscription: any}} properties */
export function Plan({ api, user, subscription }) {
    const plans = useRead(() => api.get('/v1/plans', { limit: 100, order: 'asc' }), []);
    const changes = useRead(
        () => (subscription.value?.id ? api.get(`/v1/subscriptions/${subscription.value.id}/changes`, { limit: 20 }) : Promise.resolve({ data: [] })),
        [subscription.value?.id, subscription.value?.updated_at],
    );
    const current = subscription.value;
    const act = useAct(async (/** @type {string} */ path, /** @type {object} */ body, /** @type {string} */ said) => {
        await api.post(teamPath(user, path), body, { 'Idempotency-Key': crypto.randomUUID() });
        toast(said);
        subscription.again();
    });
    if (!plans.value || !current) return html`<${Fault} error=${plans.error} again=${plans.again} />`;
    const own = current.id && `/subscriptions/${current.id}`;
    return html`<section class="card padded stack">
        <h2>Plan</h2>
        <${Fault} error=${act.error} />
        <ul class="tiles plans">
            ${plans.value.data.toSorted((/** @type {any} */ one, /** @type {any} */ other) => one.monthly_price - other.monthly_price).map(
                (/** @type {any} */ plan) => html`<${PlanTile}
                    key=${plan.id}
                    plan=${plan}
                    isCurrent=${plan.id === current.plan_id}
                    isBusy=${act.isBusy}
                    choose=${() => (own ? act.run(`${own}/change_plan`, { plan_id: plan.id }, `The plan is ${plan.name} now.`) : act.run('/subscriptions', { plan_id: plan.id }, `The plan is ${plan.name}.`))}
                />`,
            )}
        </ul>
        ${own && html`<${Ending} current=${current} act=${act} own=${own} />`}
        ${changes.value?.data.length > 0 && html`<${Changes} changes=${changes.value.data} />`}
    </section>`;
}

/** An admin does it as one: a paid plan is not for everybody to take. @param {any} user @param {string} path */
function teamPath(user, path) {
    return user.is_admin ? `/v1/teams/${user.team.id}${path}` : `/v1${path}`;
}

/** @param {any} properties */
function PlanTile({ plan, isCurrent, isBusy, choose }) {
    return html`<li class="plan ${isCurrent ? 'current' : ''}">
        <h3>${plan.name}</h3>
        <p class="price number">${plan.monthly_price > 0 ? html`<b>${amount(plan.monthly_price)}</b> a month` : html`<b>Free</b>`}</p>
        <p class="soft small about">${plan.description ?? ''}</p>
        <ul class="small number">
            <li>${amount(plan.max_audio_tokens)} audio tokens</li>
            <li>${amount(plan.max_text_tokens)} text tokens</li>
        </ul>
        ${isCurrent
            ? html`<p class="badge good">Your plan</p>`
            : html`<button class="button small" aria-label="Choose ${plan.name}" disabled=${isBusy} onClick=${choose}>Choose</button>`}
    </li>`;
}

/** @param {any} properties */
function Ending({ current, act, own }) {
    const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const [isNow, setNow] = useState(false);
    if (current.cancel_at_period_end) {
        return html`<div class="note warn">
            <p>It ends on ${day(current.current_period_end)}.</p>
            <button class="button small" disabled=${act.isBusy} onClick=${() => act.run(`${own}/reactivate`, undefined, 'The subscription goes on.')}>Keep it</button>
        </div>`;
    }
    const cancel = async () => {
        await act.run(`${own}/cancel`, { at_period_end: !isNow }, 'The subscription was cancelled.');
        dialog.current?.close();
    };
    return html`<div>
        <button class="button plain danger small" onClick=${() => dialog.current?.showModal()}>Cancel the subscription…</button>
        <dialog ref=${dialog} aria-labelledby="cancelling">
            <div class="stack">
                <h2 id="cancelling">Cancel the subscription?</h2>
                <p>Without one nobody in the team can talk to an agent.</p>
                <label class="check"><input type="radio" name="end" checked=${!isNow} onChange=${() => setNow(false)} />At the end of the period, ${day(current.current_period_end)}</label>
                <label class="check"><input type="radio" name="end" checked=${isNow} onChange=${() => setNow(true)} />Now: conversations that run are ended</label>
                <div class="row">
                    <button class="button danger" disabled=${act.isBusy} onClick=${cancel}>Cancel it</button>
                    <button class="button" onClick=${() => dialog.current?.close()}>Keep it</button>
                </div>
            </div>
        </dialog>
    </div>`;
}

const CHANGES = /** @type {Record<string, string>} */ ({
    created: 'Began',
    plan_changed: 'Another plan',
    cancelled: 'Cancelled',
    cancelled_at_end: 'Cancelled, at the end of the period',
    reactivated: 'Kept after all',
    adjusted: 'Adjusted',
});

/** @param {{changes: any[]}} properties */
function Changes({ changes }) {
    return html`<details>
        <summary>Changes</summary>
        <div class="table-box" tabindex="0" role="region" aria-label="Changes of the plan"><table>
            <thead><tr><th>When</th><th>What</th><th>Plan</th><th class="wide">Who</th><th class="wide">Why</th></tr></thead>
            <tbody>
                ${changes.map((each) => html`<tr key=${each.id}><td class="time">${day(each.created_at)}</td><td>${CHANGES[each.change] ?? each.change}</td><td class="name">${each.plan_name}</td><td class="wide">${each.actor}</td><td class="wide name">${each.reason ?? ''}</td></tr>`)}
            </tbody>
        </table></div>
    </details>`;
}
