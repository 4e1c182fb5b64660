// What the pages before the console are made of: one card with a form.

import { html, useEffect, useRef, useState } from '../html.js';
import { Field, useTitle } from '../parts.js';

/** @param {{title: string, isTold?: boolean, submit: () => void, children?: any}} properties `isTold`: the rest tells what it is */
export function Gate({ title, isTold = false, submit, children }) {
    useTitle(title);
    const form = useRef(/** @type {HTMLFormElement | null} */ (null));
    useEffect(() => {
        /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector('input, select'))?.focus();
    }, [title]);
    const send = (/** @type {Event} */ event) => {
        event.preventDefault();
        submit();
    };
    return html`<main class="gate">
        <form class="card" ref=${form} onSubmit=${send}>
            <p class="brand"><img src="console/icon.svg" alt="" />VoiceHub</p>
            <h1 class=${isTold ? 'hidden-text' : ''}>${title}</h1>
            ${children}
        </form>
    </main>`;
}

/** @param {{value: string, change: (value: string) => void}} properties */
export function EmailField({ value, change }) {
    return html`<${Field} label="Email">
        ${(/** @type {string} */ id, /** @type {object} */ described) =>
            html`<input id=${id} ...${described} class="input" type="email" name="email" autocomplete="username" required value=${value} onInput=${(/** @type {any} */ event) => change(event.target.value)} />`}
    <//>`;
}

/**
 * @param {{label?: string, hint?: string, fault?: string, isNew?: boolean, value: string, change: (value: string) => void}} properties
 */
export function PasswordField({ label = 'Password', hint, fault, isNew = false, value, change }) {
    const [isShown, setIsShown] = useState(false);
    return html`
        <${Field} label=${label} hint=${hint} fault=${fault}>
            ${(/** @type {string} */ id, /** @type {object} */ described) =>
                html`<input
                    id=${id}
                    ...${described}
                    class="input"
                    type=${isShown ? 'text' : 'password'}
                    name=${isNew ? 'new-password' : 'password'}
                    autocomplete=${isNew ? 'new-password' : 'current-password'}
                    required
                    minlength=${isNew ? 12 : undefined}
                    value=${value}
                    onInput=${(/** @type {any} */ event) => change(event.target.value)}
                />`}
        <//>
        ${isNew &&
        html`<label class="check"><input type="checkbox" checked=${isShown} onChange=${() => setIsShown(!isShown)} />Show what is typed</label>`}
    `;
}
