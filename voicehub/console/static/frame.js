// The frame around every page: where one can go, who is signed in, and light or dark.

import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { Fault, toast, useBeat } from './parts.js';
import { turnTheme } from './theme.js';

const PAGES = /** @type {const} */ ([
    ['talk', 'Talk'],
    ['sessions', 'Sessions'],
    ['agents', 'Agents'],
    ['usage', 'Usage'],
    ['admin', 'Admin'],
]);

/** How often it is asked whether the user is still there, and what of the plan is left. */
const ASK_MS = 60_000;

/** @param {{api: import('./api.js').Api, user: any, place: import('./place.js').Place, changed: (user: any) => void}} properties */
export function Frame({ api, user, place, changed }) {
    const [View, error] = useView(place.page);
    const main = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        main.current?.scrollTo?.(0, 0);
    }, [place.page, place.id]);
    useBeat(() => void api.get('/v1/me').then((me) => api.token && changed(me), () => {}), ASK_MS);
    const pages = PAGES.filter(([page]) => page !== 'admin' || user.is_admin);
    return html`<div class="frame">
        <a class="skip" href="#content" onClick=${skip}>To the content</a>
        <header class="side">
            <a class="brand" href="#/talk"><img src="console/icon.svg" alt="" />VoiceHub</a>
            <nav class="tabs" aria-label="Pages">
                ${pages.map(
                    ([page, name]) => html`<a href="#/${page}" aria-current=${page === place.page ? 'page' : undefined}>
                        <${Icon} name=${page} />${name}
                    </a>`,
                )}
            </nav>
            <div class="who">
                <a class="me" href="#/account" aria-current=${place.page === 'account' ? 'page' : undefined}>
                    <${Icon} name="agents" />
                    <span><b>${user.display_name}</b><small>${user.team.label}</small></span>
                    <span class="hidden-text">Your account</span>
                </a>
                <button class="button plain icon" aria-label="Light or dark" title="Light or dark" onClick=${turnTheme}>
                    <${Icon} name="sun" />
                </button>
                <button class="button plain icon" aria-label="Sign out" title="Sign out" onClick=${() => leave(api)}>
                    <${Icon} name="out" />
                </button>
            </div>
        </header>
        <main id="content" class="page" tabindex="-1" ref=${main}>
            ${error && html`<${Fault} error=${error} />`}
            ${View && html`<${View} key=${place.page} api=${api} user=${user} place=${place} changed=${changed} />`}
        </main>
        <div id="toast" class="toast" role="status"></div>
    </div>`;
}

/**
 * The page's own module, fetched when it is first wanted.
 *
 * @param {string} page
 * @returns {[any, Error | null]}
 */
function useView(page) {
    const [state, setState] = useState({ page: '', View: null, error: null });
    useEffect(() => {
        let isWanted = true;
        const name = page === 'account' || PAGES.some(([known]) => known === page) ? page : 'missing';
        import(`./views/${name}.js`).then(
            ({ View }) => isWanted && setState({ page, View, error: null }),
            (error) => isWanted && setState({ page, View: null, error }),
        );
        return () => {
            isWanted = false;
        };
    }, [page]);
    return state.page === page ? [state.View, state.error] : [null, null];
}

/** @param {import('./api.js').Api} api */
function leave(api) {
    api.signOut().catch((error) => toast(`You are still signed in. ${error.message}`));
}

/** The address stays: it says which page this is. @param {Event} event */
function skip(event) {
    event.preventDefault();
    document.getElementById('content')?.focus();
}
