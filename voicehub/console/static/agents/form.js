// What an agent is made of, as a form; what of its settings the form does not know stays as it is.

import { html } from '../html.js';
import { Fault, Field } from '../parts.js';

/**
 * @typedef {object} Draft
 * @property {{name: string, description: string | null, persona_prompt: string, system_prompt: string}} words
 * @property {string} engine
 * @property {string} voice
 * @property {string} language
 * @property {'' | 'server_vad' | 'semantic_vad' | 'none'} turns
 * @property {boolean} isInterruptible
 */

/**
 * @param {any} agent
 * @returns {Draft}
 */
export function draftOf(agent) {
    const audio = agent.settings?.session?.audio;
    const turns = audio?.input?.turn_detection;
    return {
        words: {
            name: agent.name ?? '',
            description: agent.description ?? null,
            persona_prompt: agent.persona_prompt ?? '',
            system_prompt: agent.system_prompt ?? '',
        },
        engine: agent.settings?.engine ?? '',
        voice: typeof audio?.output?.voice === 'string' ? audio.output.voice : '',
        language: audio?.input?.transcription?.language ?? '',
        turns: turns === null ? 'none' : (turns?.type ?? ''),
        isInterruptible: turns?.interrupt_response !== false,
    };
}

/**
 * The settings that the form means, laid over those that were there.
 *
 * @param {Omit<Draft, 'words'>} draft
 * @param {any} before
 */
export function settingsOf({ engine, voice, language, turns, isInterruptible }, before) {
    const session = structuredClone(before?.session ?? {});
    const audio = (session.audio ??= {});
    const input = (audio.input ??= {});
    set((audio.output ??= {}), 'voice', voice);
    if (language || input.transcription) set((input.transcription ??= {}), 'language', language); // null is a choice too
    if (turns === 'none') input.turn_detection = null;
    else if (turns || !isInterruptible) {
        input.turn_detection = { ...input.turn_detection, type: turns || 'server_vad', interrupt_response: isInterruptible };
    } else delete input.turn_detection;
    for (const [owner, name] of [[audio, 'output'], [input, 'transcription'], [audio, 'input'], [session, 'audio']]) {
        if (owner[name] && !Object.keys(owner[name]).length) delete owner[name];
    }
    return { engine: engine || null, session: Object.keys(session).length ? session : null };
}

/**
 * @param {any} owner
 * @param {string} name
 * @param {string} value
 */
function set(owner, name, value) {
    if (value) owner[name] = value;
    else if (typeof owner[name] !== 'object') delete owner[name];
}

/** @param {{draft: Draft, change: (draft: Draft) => void, error: any, submit: () => void, children?: any}} properties */
export function AgentForm({ draft, change, error, submit, children }) {
    const write = (/** @type {keyof Draft['words']} */ name) => (/** @type {any} */ event) =>
        change({ ...draft, words: { ...draft.words, [name]: event.target.value || (name === 'description' ? null : '') } });
    const choose = (/** @type {string} */ name) => (/** @type {any} */ event) => change({ ...draft, [name]: event.target.value });
    const of = (/** @type {string} */ name) => error?.of?.(name);
    return html`<form class="card padded stack" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), submit())}>
        <${Fault} error=${error} />
        <${Field} label="Name" fault=${of('name')}>
            ${(id, described) => html`<input id=${id} ...${described} class="input" required maxlength="255" value=${draft.words.name} onInput=${write('name')} />`}
        <//>
        <${Field} label="Description" hint="What people read when they choose." fault=${of('description')}>
            ${(id, described) => html`<input id=${id} ...${described} class="input" maxlength="1000" value=${draft.words.description ?? ''} onInput=${write('description')} />`}
        <//>
        <${Field} label="Persona" hint="Who it is: its name, its manner, what it knows." fault=${of('persona_prompt')}>
            ${(id, described) => html`<textarea id=${id} ...${described} class="input" required maxlength="100000" value=${draft.words.persona_prompt} onInput=${write('persona_prompt')}></textarea>`}
        <//>
        <${Field} label="Instructions" hint="What it does, and how it speaks." fault=${of('system_prompt')}>
            ${(id, described) => html`<textarea id=${id} ...${described} class="input" maxlength="100000" value=${draft.words.system_prompt} onInput=${write('system_prompt')}></textarea>`}
        <//>
        <details>
            <summary>Voice and turns</summary>
            <div class="fields">
                <${Field} label="Engine" hint="By its name; empty for the server's own choice." fault=${of('settings/engine')}>
                    ${(id, described) => html`<input id=${id} ...${described} class="input" maxlength="64" value=${draft.engine} onInput=${choose('engine')} />`}
                <//>
                <${Field} label="Voice" hint="A name that the engine knows.">
                    ${(id, described) => html`<input id=${id} ...${described} class="input" maxlength="64" value=${draft.voice} onInput=${choose('voice')} />`}
                <//>
                <${Field} label="Language" hint="As en or de; empty for whatever is spoken.">
                    ${(id, described) => html`<input id=${id} ...${described} class="input" maxlength="16" value=${draft.language} onInput=${choose('language')} />`}
                <//>
                <${Field} label="A turn is over">
                    ${(id) => html`<select id=${id} class="input" value=${draft.turns} onChange=${choose('turns')}>
                        <option value="">as the engine thinks best</option>
                        <option value="server_vad">after a silence</option>
                        <option value="semantic_vad">when the sentence is complete</option>
                        <option value="none">when the client says so</option>
                    </select>`}
                <//>
            </div>
            <label class="check">
                <input type="checkbox" checked=${draft.isInterruptible} disabled=${draft.turns === 'none'} onChange=${(/** @type {any} */ event) => change({ ...draft, isInterruptible: event.target.checked })} />
                The user may interrupt
            </label>
        </details>
        <div class="row">${children}</div>
    </form>`;
}
