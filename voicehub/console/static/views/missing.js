// A page that is not there.

import { html } from '../html.js';
import { Empty, Head } from '../parts.js';

export function View() {
    return html`
        <${Head} title="Not found" />
        <div class="card"><${Empty} title="There is no such page"><p>The address may be mistyped, or the page is gone.</p><a class="button main" href="#/talk">Talk to an agent</a><//></div>
    `;
}
