// The console: who is signed in, which page is shown, and the frame around it.

import { Api } from './api.js';
import { Frame } from './frame.js';
import { html, render, useEffect, useState } from './html.js';
import { usePlace } from './place.js';
import { SignIn } from './views/sign-in.js';

function Console() {
    const place = usePlace();
    /** `undefined` until it is known, null for nobody. */
    const [user, setUser] = useState(/** @type {any} */ (undefined));
    const [api] = useState(() => new Api(() => setUser(null)));
    useEffect(() => {
        api.refresh()
            .then((isIn) => (isIn ? api.get('/v1/me') : null))
            .catch(() => null)
            .then(setUser);
    }, []);
    if (user === undefined) return html`<p class="loading" role="status">Loading…</p>`;
    if (user === null) return html`<${SignIn} api=${api} done=${setUser} place=${place} />`;
    return html`<${Frame} api=${api} user=${user} place=${place} changed=${setUser} />`;
}

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
app.textContent = '';
render(html`<${Console} />`, app);
