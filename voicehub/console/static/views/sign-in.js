// Who are you: by password, by Google where the server has it, or by the link that a demo printed.

import { html, useEffect, useState } from '../html.js';
import { Fault, Field, useAct, useRead } from '../parts.js';
import { isOwnMachine } from '../sign-in/arrival.js';
import { EmailField, Gate, PasswordField } from '../sign-in/gate.js';
import { goToGoogle } from '../sign-in/google.js';

/**
 * @typedef {{path: string, proof: object, teams: {name: string, label: string}[]}} Choice what was proven, and the teams
 *     that it fits; it stays in memory until one is chosen
 */

/**
 * @param {{
 *     api: import('../api.js').Api,
 *     done: (user: any) => void,
 *     arrival: import('../sign-in/arrival.js').Arrival | null,
 *     said: string | null,
 * }} properties `said` is why nobody is signed in any more
 */
export function SignIn({ api, done, arrival, said }) {
    const [choice, setChoice] = useState(/** @type {Choice | null} */ (null));
    const signIn = useAct(async (/** @type {string} */ path, /** @type {object} */ proof) => {
        try {
            await api.signIn(path, proof);
        } catch (error) {
            const teams = /** @type {any} */ (error).problem?.teams;
            if (!teams) throw error;
            setChoice({ path, proof, teams });
            return;
        }
        done(await api.get('/v1/me'));
    });
    useEffect(() => {
        if (arrival?.kind === 'google' && arrival.proof) void signIn.run('/v1/auth/google', arrival.proof);
        if (arrival?.kind === 'link' && isOwnMachine) void signIn.run('/v1/auth/login', arrival.proof);
    }, [arrival]);
    const failed = signIn.error ?? (arrival?.kind === 'google' && !signIn.isBusy ? arrival.error : null);
    if (choice) return html`<${TeamChoice} choice=${choice} signIn=${signIn} back=${() => setChoice(null)} />`;
    return html`<${PasswordForm} api=${api} given=${arrival?.kind === 'link' ? arrival.proof : null} signIn=${signIn} failed=${failed} said=${said} />`;
}

/** @param {{api: import('../api.js').Api, given: any, signIn: any, failed: Error | null, said: string | null}} properties */
function PasswordForm({ api, given, signIn, failed, said }) {
    const methods = useRead(() => api.get('/v1/auth/methods'), []);
    const [email, setEmail] = useState(given?.email ?? '');
    const [password, setPassword] = useState(given?.password ?? '');
    const google = methods.value?.google;
    const submit = () => signIn.run('/v1/auth/login', { email, password, ...(given?.team ? { team: given.team } : {}) });
    return html`<${Gate} title="Sign in" isTold submit=${submit}>
        ${failed ? html`<${Fault} error=${failed} />` : said && html`<p class="note" role="status">${said}</p>`}
        <${EmailField} value=${email} change=${setEmail} />
        <${PasswordField} value=${password} change=${setPassword} />
        <button class="button main" disabled=${signIn.isBusy}>${signIn.isBusy ? 'Signing in…' : 'Sign in'}</button>
        ${google &&
        html`<p class="or">or</p>
            <button type="button" class="button" disabled=${signIn.isBusy} onClick=${() => goToGoogle(google)}>Continue with Google</button>`}
        <a class="aside" href="#/reset">Forgotten your password?</a>
    <//>`;
}

/** @param {{choice: Choice, signIn: any, back: () => void}} properties */
function TeamChoice({ choice, signIn, back }) {
    const [team, setTeam] = useState(choice.teams[0].name);
    return html`<${Gate} title="Choose a team" submit=${() => signIn.run(choice.path, { ...choice.proof, team })}>
        <${Fault} error=${signIn.error} />
        <${Field} label="Team" hint="You belong to several: which one is it?">
            ${(/** @type {string} */ id, /** @type {object} */ described) =>
                html`<select id=${id} ...${described} class="input" value=${team} onChange=${(/** @type {any} */ event) => setTeam(event.target.value)}>
                    ${choice.teams.map((each) => html`<option value=${each.name}>${each.label}</option>`)}
                </select>`}
        <//>
        <button class="button main" disabled=${signIn.isBusy}>${signIn.isBusy ? 'Signing in…' : 'Sign in'}</button>
        <button type="button" class="button plain" onClick=${back}>Sign in as somebody else</button>
    <//>`;
}
