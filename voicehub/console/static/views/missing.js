// A page that is not there.

import { html } from '../html.js';
import { Empty } from '../parts.js';

export function View() {
    return html`<${Empty} title="There is no such page"><p><a href="#/talk">Talk to an agent</a> instead.</p><//>`;
}
