// Where the link for a new password leads: choose it.

import { html, useState } from '../html.js';
import { go } from '../place.js';
import { Fault, useAct } from '../parts.js';
import { Gate, PasswordField } from '../sign-in/gate.js';

/** @param {{api: import('../api.js').Api, token: string | null, done: (said: string) => void}} properties */
export function ResetConfirm({ api, token, done }) {
    const [password, setPassword] = useState('');
    const confirm = useAct(async () => {
        await api.post('/v1/auth/password_resets/confirm', { token, password });
        go('#/talk');
        done('Your password is changed. Sign in with the new one.');
    });
    if (!token) return html`<${Expired} />`;
    const fault = confirm.error?.of?.('password');
    return html`<${Gate} title="A new password" submit=${confirm.run}>
        ${!fault && html`<${Fault} error=${confirm.error} />`}
        <${PasswordField} label="New password" hint="At least 12 characters." fault=${fault} isNew value=${password} change=${setPassword} />
        <button class="button main" disabled=${confirm.isBusy}>${confirm.isBusy ? 'Changing…' : 'Change the password'}</button>
        <a class="aside" href="#/reset">Ask for a new link</a>
    <//>`;
}

/** The token is in no address and no storage: a page that is loaded again has it no more. */
function Expired() {
    return html`<${Gate} title="A new password" submit=${() => go('#/reset')}>
        <p class="note">Open the link in the mail once more, or ask for another.</p>
        <button class="button main">Ask for a new link</button>
        <a class="aside" href="#/sign-in">Back to signing in</a>
    <//>`;
}
