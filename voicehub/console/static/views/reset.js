// A forgotten password: ask for the link that lets one choose another.

import { html, useState } from '../html.js';
import { Fault, useAct, useRead } from '../parts.js';
import { EmailField, Gate } from '../sign-in/gate.js';

/** @param {{api: import('../api.js').Api}} properties */
export function Reset({ api }) {
    const methods = useRead(() => api.get('/v1/auth/methods'), []);
    const [email, setEmail] = useState('');
    const [isAsked, setIsAsked] = useState(false);
    const ask = useAct(async () => {
        await api.post('/v1/auth/password_resets', { email });
        setIsAsked(true);
    });
    const isMailed = methods.value?.password.reset_by_mail ?? true;
    return html`<${Gate} title="A new password" submit=${ask.run}>
        ${isMailed ? html`<${Question} ask=${ask} email=${email} setEmail=${setEmail} isAsked=${isAsked} />` : html`<${NoMail} />`}
        <a class="aside" href="#/sign-in">Back to signing in</a>
    <//>`;
}

/** @param {{ask: any, email: string, setEmail: (email: string) => void, isAsked: boolean}} properties */
function Question({ ask, email, setEmail, isAsked }) {
    // The same sentence for every address: whether somebody has an account is nobody else's business.
    if (isAsked) return html`<p class="note" role="status">If this address has an account, a mail with a link is on its way to it.</p>`;
    return html`
        <p class="soft">We mail you a link. With it you choose a new password.</p>
        <${Fault} error=${ask.error} />
        <${EmailField} value=${email} change=${setEmail} />
        <button class="button main" disabled=${ask.isBusy}>${ask.isBusy ? 'Asking…' : 'Mail me a link'}</button>
    `;
}

function NoMail() {
    return html`<p class="note">This server sends no mails. Ask whoever administers it for a link: with it you choose a new password.</p>`;
}
