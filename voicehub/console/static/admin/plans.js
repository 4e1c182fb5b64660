// Plans: what can be bought, and a new one.

import { html, useState } from '../html.js';
import { Confirmed, Fault, Field, amount, toast, useAct, useList } from '../parts.js';
import { Rows } from './list.js';

const NEW = { name: '', description: '', max_audio_tokens: '', max_text_tokens: '', monthly_price: '0', annual_price: '0' };
const NUMBERS = /** @type {const} */ ([
    ['max_audio_tokens', 'Audio tokens'],
    ['max_text_tokens', 'Text tokens'],
    ['monthly_price', 'A month'],
    ['annual_price', 'A year'],
]);

/** @param {{api: import('../api.js').Api}} properties */
export function Plans({ api }) {
    const list = useList((after) => api.get('/v1/plans', { after, limit: 50 }), []);
    const [draft, setDraft] = useState(NEW);
    const making = useAct(async () => {
        const amounts = Object.fromEntries(NUMBERS.map(([name]) => [name, Number(draft[name])]));
        await api.create('/v1/plans', { name: draft.name, description: draft.description || null, ...amounts }, crypto.randomUUID());
        setDraft(NEW);
        list.again();
    });
    const remove = async (/** @type {any} */ plan) => {
        await api.remove(`/v1/plans/${plan.id}`);
        toast(`The plan ${plan.name} is gone.`);
        list.again();
    };
    const write = (/** @type {string} */ name) => (/** @type {any} */ event) => setDraft((/** @type {any} */ before) => ({ ...before, [name]: event.target.value }));
    return html`<div class="stack">
        <form class="card padded stack" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), making.run())}>
            <div class="fields roomy">
                <${Field} label="Name">${(id) => html`<input id=${id} class="input" required maxlength="255" value=${draft.name} onInput=${write('name')} />`}<//>
                <${Field} label="Description">${(id) => html`<input id=${id} class="input" maxlength="1000" value=${draft.description} onInput=${write('description')} />`}<//>
                ${NUMBERS.map(([name, label]) => html`<${Field} label=${label}>${(/** @type {string} */ id) => html`<input id=${id} class="input" type="number" min="0" step="any" required value=${draft[name]} onInput=${write(name)} />`}<//>`)}
            </div>
            <${Fault} error=${making.error} />
            <div><button class="button main" disabled=${making.isBusy}>New plan</button></div>
        </form>
        <${Rows}
            list=${list}
            none="No plans yet"
            label="Plans"
            columns=${[
                ['Plan', (row) => row.name, 'name'],
                ['Audio tokens', (row) => amount(row.max_audio_tokens), 'number'],
                ['Text tokens', (row) => amount(row.max_text_tokens), 'number wide'],
                ['A month', (row) => amount(row.monthly_price), 'number wide'],
                ['A year', (row) => amount(row.annual_price), 'number wide'],
                ['', (row) => html`<${Confirmed} key=${row.id} name="Delete" title="Delete the plan ${row.name}?" does="Delete" isSmall=${true} act=${() => remove(row)}><p>Nobody can choose it any more. A plan that a team has cannot be deleted.</p><//>`, 'act'],
            ]}
        />
    </div>`;
}
