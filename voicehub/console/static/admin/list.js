// A table that grows by its cursor, as the lists of the administration are.

import { html } from '../html.js';
import { Empty, Loaded, More } from '../parts.js';

/**
 * @param {{list: any, none: string, label: string, columns: [string, (row: any) => any, string?][]}} properties a column is its
 *   name, what stands in it, and its class
 */
export function Rows({ list, none, label, columns }) {
    return html`<${Loaded} from=${list}>
        ${(/** @type {any} */ found) =>
            found.data.length === 0
                ? html`<div class="card"><${Empty} title=${none} /></div>`
                : html`<div class="card table-box" tabindex="0" role="region" aria-label=${label}>
                      <table>
                          <thead><tr>${columns.map(([name, , kind]) => html`<th class=${kind}>${name || html`<span class="hidden-text">What to do</span>`}</th>`)}</tr></thead>
                          <tbody>
                              ${found.data.map((/** @type {any} */ row) => html`<tr key=${row.id}>${columns.map(([, cell, kind]) => html`<td class=${kind}>${kind?.startsWith('name') ? html`<div class="clipped">${cell(row)}</div>` : cell(row)}</td>`)}</tr>`)}
                          </tbody>
                      </table>
                      <${More} list=${list} />
                  </div>`}
    <//>`;
}
