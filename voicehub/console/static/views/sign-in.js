// Who are you: by password, by Google where the server has it, or by the link that a demo printed.

import { html, useEffect, useState } from '../html.js';
import { go } from '../place.js';
import { Fault, Field, useAct, useTitle } from '../parts.js';

/** @param {{api: import('../api.js').Api, done: (user: any) => void, place: import('../place.js').Place}} properties */
export function SignIn({ api, done, place }) {
    useTitle('Sign in');
    const [email, setEmail] = useState('');
    const [password, setPassword] = useState('');
    const [team, setTeam] = useState('');
    const [teams, setTeams] = useState(/** @type {{name: string, label: string}[]} */ ([]));
    const signIn = useAct(async (/** @type {string} */ path, /** @type {object} */ proof) => {
        try {
            await api.signIn(path, proof);
        } catch (error) {
            const found = /** @type {any} */ (error).problem?.teams;
            if (!found) throw error;
            setTeams(found);
            setTeam(found[0].name);
            return;
        }
        done(await api.get('/v1/me'));
    });
    useLink(place, (proof) => signIn.run('/v1/auth/login', proof));
    const submit = (/** @type {Event} */ event) => {
        event.preventDefault();
        void signIn.run('/v1/auth/login', { email, password, ...(team ? { team } : {}) });
    };
    return html`<main class="gate">
        <form class="card" onSubmit=${submit}>
            <h1 class="brand"><img src="console/icon.svg" alt="" />VoiceHub</h1>
            <${Fault} error=${signIn.error} />
            <${Field} label="Email">
                ${(id, described) => html`<input id=${id} ...${described} class="input" type="email" name="email" autocomplete="username" required value=${email} onInput=${(/** @type {any} */ event) => setEmail(event.target.value)} />`}
            <//>
            <${Field} label="Password">
                ${(id, described) => html`<input id=${id} ...${described} class="input" type="password" name="password" autocomplete="current-password" required value=${password} onInput=${(/** @type {any} */ event) => setPassword(event.target.value)} />`}
            <//>
            ${teams.length > 0 &&
            html`<${Field} label="Team" hint="This address belongs to several teams.">
                ${(id, described) => html`<select id=${id} ...${described} class="input" value=${team} onChange=${(/** @type {any} */ event) => setTeam(event.target.value)}>
                    ${teams.map((each) => html`<option value=${each.name}>${each.label}</option>`)}
                </select>`}
            <//>`}
            <button class="button main" disabled=${signIn.isBusy}>${signIn.isBusy ? 'Signing in…' : 'Sign in'}</button>
        </form>
    </main>`;
}

/**
 * `#/sign-in?email=...&password=...&team=...`, as `voicehub dev` prints it: used once, and gone from the address.
 *
 * @param {import('../place.js').Place} place
 * @param {(proof: object) => void} use
 */
function useLink(place, use) {
    useEffect(() => {
        if (place.page !== 'sign-in' || !place.query.get('password')) return;
        use(Object.fromEntries(place.query));
        history.replaceState(null, '', location.pathname);
        go('#/talk');
    }, []);
}

