// One agent: the form on the left, a conversation with it on the right.

import { html, useRef, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Fault, Head, Loaded, toast, useAct, useRead } from '../parts.js';
import { go } from '../place.js';
import { LivePanel } from '../talk/panel.js';
import { useConversation } from '../talk/use-conversation.js';
import { AgentForm, draftOf, settingsOf } from './form.js';

const BACK = { to: '#/agents', name: 'Agents' };

/** @param {{api: import('../api.js').Api}} properties */
export function NewAgentPage({ api }) {
    const [draft, setDraft] = useState(() => draftOf({ settings: {} }));
    const [key] = useState(() => crypto.randomUUID());
    const saving = useAct(async () => {
        const { words, ...chosen } = draft;
        const made = await api.create('/v1/agents', { ...words, settings: settingsOf(chosen, {}) }, key);
        toast(`${made.name} was created.`);
        go(`/agents/${made.id}`);
    });
    return html`
        <${Head} title="New agent" back=${BACK} />
        <div class="editor">
            <${AgentForm} draft=${draft} change=${setDraft} error=${saving.error} submit=${() => saving.run()}>
                <button class="button main" disabled=${saving.isBusy}>${saving.isBusy ? 'Creating…' : 'Create'}</button>
            <//>
            <section class="card padded stack trial">
                <h2>Try it</h2>
                <p class="soft">Create it first: then you talk to it here, beside its form.</p>
            </section>
        </div>
    `;
}

/** @param {{api: import('../api.js').Api, id: string}} properties */
export function AgentPage({ api, id }) {
    const agent = useRead(() => api.tagged(`/v1/agents/${id}`), [id]);
    return html`<${Loaded} from=${agent}>
        ${({ body, etag }) => html`<${Editor} key=${etag} api=${api} agent=${body} etag=${etag} again=${agent.again} />`}
    <//>`;
}

/** @param {{api: import('../api.js').Api, agent: any, etag: string | null, again: () => void}} properties */
function Editor({ api, agent, etag, again }) {
    const [draft, setDraft] = useState(() => draftOf(agent));
    const isOurs = agent.settings !== null && !agent.is_built_in;
    const saving = useAct(async (/** @type {{body: any, etag: string | null}} */ over) => {
        const { words, ...chosen } = draft;
        await api.patch(`/v1/agents/${agent.id}`, { ...words, settings: settingsOf(chosen, over.body.settings) }, over.etag);
        toast('Saved. It holds from the next conversation on.');
        again();
    });
    const save = () => saving.run({ body: agent, etag });
    const saveOver = async () => saving.run(await api.tagged(`/v1/agents/${agent.id}`).catch(() => ({ body: agent, etag })));
    const isChanged = JSON.stringify(draft) !== JSON.stringify(draftOf(agent));
    return html`
        <${Head} title=${agent.name} back=${BACK} about=${isOurs ? null : 'Built in: every team has it, and nobody in the team can change it.'}>
            ${isOurs && html`<${Removal} api=${api} agent=${agent} />`}
        <//>
        <div class=${isOurs ? 'editor' : 'editor alone'}>
            ${isOurs &&
            html`<${AgentForm} draft=${draft} change=${setDraft} error=${saving.error} submit=${save}>
                <button class="button main" disabled=${saving.isBusy || !isChanged}>${saving.isBusy ? 'Saving…' : 'Save'}</button>
                ${saving.error?.code === 'precondition_failed' && html`
                    <button type="button" class="button" onClick=${again}>Show what is there now</button>
                    <button type="button" class="button danger" onClick=${saveOver}>Save mine over it</button>
                `}
            <//>`}
            <${Trial} api=${api} agent=${agent} isChanged=${isChanged && isOurs} />
        </div>
    `;
}

/** @param {{api: import('../api.js').Api, agent: any, isChanged: boolean}} properties */
function Trial({ api, agent, isChanged }) {
    const talk = useConversation(api);
    if (talk.phase !== 'idle') return html`<${LivePanel} talk=${talk} isBeside=${true} />`;
    return html`<section class="card padded stack trial">
        <h2>Try it</h2>
        <p class="soft">${isChanged ? 'Save first: the agent speaks as it was saved.' : 'Talk to it as your users will.'}</p>
        <${Fault} error=${talk.error} />
        <div class="row">
            <button class="button main" disabled=${talk.isOpening} onClick=${() => talk.start(agent, '', true)}><${Icon} name="talk" />${talk.isOpening ? 'Connecting…' : 'Talk'}</button>
            <button class="button" disabled=${talk.isOpening} onClick=${() => talk.start(agent, '', false)}>Write</button>
        </div>
    </section>`;
}

/** @param {{api: import('../api.js').Api, agent: any}} properties */
function Removal({ api, agent }) {
    const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const removing = useAct(async () => {
        await api.remove(`/v1/agents/${agent.id}`);
        toast(`${agent.name} was deleted. Its sessions stay.`);
        go('/agents');
    });
    return html`
        <button class="button danger" onClick=${() => dialog.current?.showModal()}>Delete…</button>
        <dialog ref=${dialog} aria-labelledby="removal">
            <div class="stack">
                <h2 id="removal">Delete ${agent.name}?</h2>
                <p>Nobody can talk to it any more. Its sessions stay, and an admin can bring it back.</p>
                <${Fault} error=${removing.error} />
                <div class="row">
                    <button class="button danger" disabled=${removing.isBusy} onClick=${() => removing.run()}>Delete</button>
                    <button class="button" onClick=${() => dialog.current?.close()}>Keep it</button>
                </div>
            </div>
        </dialog>
    `;
}
