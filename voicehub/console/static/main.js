// The console: who is signed in, which page is shown, and the frame around it.

import { Api } from './api.js';
import { Frame } from './frame.js';
import { html, render, useEffect, useState } from './html.js';
import { go, usePlace } from './place.js';
import { isOwnMachine, takeArrival } from './sign-in/arrival.js';
import { applyTheme } from './theme.js';
import { ResetConfirm } from './views/reset-confirm.js';
import { Reset } from './views/reset.js';
import { SignIn } from './views/sign-in.js';

/** Pages of who is not signed in. */
const GATES = ['sign-in', 'reset', 'reset-confirm'];

/** @param {{arrived: import('./sign-in/arrival.js').Arrival | null}} properties what the address brought */
function Console({ arrived }) {
    const place = usePlace();
    const [arrival, setArrival] = useState(arrived);
    /** `undefined` until it is known, null for nobody. */
    const [user, setUser] = useState(/** @type {any} */ (undefined));
    const [said, setSaid] = useState(/** @type {string | null} */ (null));
    const leave = (/** @type {string | null} */ why) => {
        setArrival(null);
        setSaid(why);
        setUser(null);
    };
    const [api] = useState(() => new Api(leave));
    const enter = (/** @type {any} */ found) => {
        setArrival(null);
        setSaid(null);
        setUser(found);
    };
    useArrivals(setArrival);
    useEffect(() => {
        if (isProof(arrival)) {
            api.drop();
            setUser(null);
        } else if (user === undefined) void whoIsIn(api).then(setUser);
    }, [arrival]);
    useEffect(() => {
        if (user && arrival?.kind !== 'reset' && GATES.includes(place.page)) go('#/talk');
    }, [user, place.page]);
    if (arrival?.kind === 'reset') return html`<${ResetConfirm} api=${api} token=${arrival.token} done=${leave} />`;
    if (user === undefined) return html`<p class="loading" role="status">Loading…</p>`;
    if (user) return html`<${Frame} api=${api} user=${user} place=${place} changed=${setUser} />`;
    if (place.page === 'reset') return html`<${Reset} api=${api} />`;
    if (place.page === 'reset-confirm') return html`<${ResetConfirm} api=${api} token=${null} done=${leave} />`;
    return html`<${SignIn} api=${api} done=${enter} arrival=${arrival} said=${said} />`;
}

/** Links that are opened while the console is. @param {(arrival: import('./sign-in/arrival.js').Arrival) => void} take */
function useArrivals(take) {
    useEffect(() => {
        const moved = () => {
            const arrival = takeArrival();
            if (arrival) take(arrival);
        };
        addEventListener('hashchange', moved);
        return () => removeEventListener('hashchange', moved);
    }, []);
}

/** Whether somebody signs in by what the address brought, whoever was signed in before. @param {import('./sign-in/arrival.js').Arrival | null} arrival */
function isProof(arrival) {
    return arrival?.kind === 'google' || (arrival?.kind === 'link' && isOwnMachine);
}

/** @param {Api} api */
async function whoIsIn(api) {
    try {
        return (await api.refresh()) ? await api.get('/v1/me') : null;
    } catch {
        return null;
    }
}

applyTheme();
const app = /** @type {HTMLElement} */ (document.getElementById('app'));
app.textContent = '';
render(html`<${Console} arrived=${takeArrival()} />`, app);
