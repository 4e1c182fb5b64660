// The frame around every page: where one can go, who is signed in, and light or dark.

import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { Fault } from './parts.js';

const PAGES = /** @type {const} */ ([
    ['talk', 'Talk'],
    ['sessions', 'Sessions'],
    ['agents', 'Agents'],
    ['usage', 'Usage'],
    ['admin', 'Admin'],
]);

/** @param {{api: import('./api.js').Api, user: any, place: import('./place.js').Place, changed: (user: any) => void}} properties */
export function Frame({ api, user, place, changed }) {
    const [View, error] = useView(place.page);
    const main = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        main.current?.scrollTo?.(0, 0);
    }, [place.page, place.id]);
    const pages = PAGES.filter(([page]) => page !== 'admin' || user.is_admin);
    return html`<div class="frame">
        <a class="skip" href="#content" onClick=${skip}>To the content</a>
        <div class="side">
            <a class="brand" href="#/talk"><img src="console/icon.svg" alt="" />VoiceHub</a>
            <nav class="tabs" aria-label="Pages">
                ${pages.map(
                    ([page, name]) => html`<a href="#/${page}" aria-current=${page === place.page ? 'page' : undefined}>
                        <${Icon} name=${page} />${name}
                    </a>`,
                )}
            </nav>
            <div class="who">
                <div><b>${user.display_name}</b><small>${user.team.label}</small></div>
                <button class="button plain icon" aria-label="Light or dark" title="Light or dark" onClick=${turnTheme}>
                    <${Icon} name="sun" />
                </button>
                <button class="button plain icon" aria-label="Sign out" title="Sign out" onClick=${() => api.signOut()}>
                    <${Icon} name="out" />
                </button>
            </div>
        </div>
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
        const name = PAGES.some(([known]) => known === page) ? page : 'missing';
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

/** The address stays: it says which page this is. @param {Event} event */
function skip(event) {
    event.preventDefault();
    document.getElementById('content')?.focus();
}

/** The choice is of this browser, and no secret. */
const THEME = 'voicehub.theme';

export function applyTheme() {
    const theme = localStorage.getItem(THEME);
    if (theme) document.documentElement.dataset.theme = theme;
}

function turnTheme() {
    const isDark =
        document.documentElement.dataset.theme === 'dark' ||
        (!document.documentElement.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches);
    localStorage.setItem(THEME, isDark ? 'light' : 'dark');
    applyTheme();
}

applyTheme();
