// One's own account: name, password, light or dark, and the ways out.

import { html, useEffect, useState } from '../html.js';
import { Fault, Field, Head, toast, useAct } from '../parts.js';
import { PasswordField } from '../sign-in/gate.js';
import { chooseTheme, chosenTheme } from '../theme.js';

const THEMES = /** @type {const} */ ([
    ['', 'As the system'],
    ['light', 'Light'],
    ['dark', 'Dark'],
]);

/** @param {{api: import('../api.js').Api, user: any, changed: (user: any) => void}} properties */
export function View({ api, user, changed }) {
    return html`
        <${Head} title="Your account" about=${`${user.email} · ${user.team.label}`} />
        <div class="columns">
            <div class="stack wide">
                <${NameCard} api=${api} user=${user} changed=${changed} />
                <${ThemeCard} />
            </div>
            <div class="stack wide">
                <${PasswordCard} api=${api} />
                <${OutCard} api=${api} />
            </div>
        </div>
    `;
}

/** @param {{api: import('../api.js').Api, user: any, changed: (user: any) => void}} properties */
function NameCard({ api, user, changed }) {
    const [name, setName] = useState(user.display_name);
    useEffect(() => setName(user.display_name), [user.display_name]);
    const save = useAct(async () => {
        changed((await api.patch('/v1/me', { display_name: name }, null)).body);
        toast('Your name is changed.');
    });
    const fault = save.error?.of?.('display_name');
    return html`<${Card} title="Name" submit=${save.run}>
        ${!fault && html`<${Fault} error=${save.error} />`}
        <${Field} label="Your name" hint="Your team sees it." fault=${fault}>
            ${(/** @type {string} */ id, /** @type {object} */ described) =>
                html`<input id=${id} ...${described} class="input" name="name" autocomplete="name" required maxlength="255" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />`}
        <//>
        <div class="row"><button class="button" disabled=${save.isBusy || name === user.display_name}>Save the name</button></div>
    <//>`;
}

/** @param {{api: import('../api.js').Api}} properties */
function PasswordCard({ api }) {
    const [old, setOld] = useState('');
    const [fresh, setFresh] = useState('');
    const save = useAct(async () => {
        await api.signIn('/v1/me/password', { old_password: old, new_password: fresh });
        setOld('');
        setFresh('');
        toast('Your password is changed. Wherever else you were signed in, you are out.');
    });
    const [oldFault, freshFault] = ['old_password', 'new_password'].map((name) => save.error?.of?.(name));
    return html`<${Card} title="Password" submit=${save.run}>
        ${!oldFault && !freshFault && html`<${Fault} error=${save.error} />`}
        <${PasswordField} label="Password now" fault=${oldFault} value=${old} change=${setOld} />
        <${PasswordField} label="New password" hint="At least 12 characters." fault=${freshFault} isNew value=${fresh} change=${setFresh} />
        <div class="row"><button class="button" disabled=${save.isBusy}>${save.isBusy ? 'Changing…' : 'Change the password'}</button></div>
    <//>`;
}

function ThemeCard() {
    const [theme, setTheme] = useState(chosenTheme());
    const choose = (/** @type {'' | 'light' | 'dark'} */ name) => {
        chooseTheme(name);
        setTheme(name);
    };
    return html`<${Card} title="Light or dark" submit=${() => {}}>
        <fieldset class="stack-tight plain">
            <legend class="hidden-text">Light or dark</legend>
            ${THEMES.map(
                ([name, label]) => html`<label class="check"><input type="radio" name="theme" checked=${theme === name} onChange=${() => choose(name)} />${label}</label>`,
            )}
        </fieldset>
    <//>`;
}

/** @param {{api: import('../api.js').Api}} properties */
function OutCard({ api }) {
    const leave = useAct(async (/** @type {boolean} */ everywhere) => {
        if (everywhere) await api.post('/v1/auth/logout_everywhere');
        await api.signOut();
    });
    return html`<${Card} title="Sign out" submit=${() => leave.run(false)}>
        <${Fault} error=${leave.error} />
        <p class="soft">Everywhere means each browser and program in which you signed in; it takes up to an hour to reach them all.</p>
        <div class="row">
            <button class="button" disabled=${leave.isBusy}>Sign out here</button>
            <button type="button" class="button danger" disabled=${leave.isBusy} onClick=${() => leave.run(true)}>Sign out everywhere</button>
        </div>
    <//>`;
}

/** @param {{title: string, submit: () => void, children?: any}} properties */
function Card({ title, submit, children }) {
    const send = (/** @type {Event} */ event) => {
        event.preventDefault();
        submit();
    };
    return html`<form class="card padded stack" onSubmit=${send}>
        <h2>${title}</h2>
        ${children}
    </form>`;
}
