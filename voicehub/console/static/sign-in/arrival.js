// What an address may bring that must not stay in it: a password, an ID token, a token for a new password.

import { goInstead } from '../place.js';
import { forgetQuestion, readAnswer } from './google.js';

/**
 * @typedef {{kind: 'link', proof: {email: string, password: string, team?: string}}
 *     | {kind: 'google', proof: {id_token: string, nonce: string} | null, error: Error | null}
 *     | {kind: 'reset', token: string}} Arrival
 */

/**
 * Taken before anything is shown; then neither the address nor the history has it any more.
 *
 * @returns {Arrival | null}
 */
export function takeArrival() {
    const hash = location.hash.slice(1);
    return takeLink(hash) ?? takeAnswer(hash) ?? takeToken(hash);
}

/**
 * A link that holds a password signs in by itself on the reader's own machine alone: elsewhere anybody could send one,
 * and have others talk as somebody whom they do not take for themselves.
 */
export const isOwnMachine = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);

/**
 * `/sign-in?email=...&password=...`, as `voicehub dev` prints it.
 *
 * @param {string} hash
 * @returns {Arrival | null}
 */
function takeLink(hash) {
    const [path, query] = hash.split('?');
    const { email, password, team } = Object.fromEntries(new URLSearchParams(query));
    if (path !== '/sign-in' || !email || !password) return null;
    goInstead('#/talk');
    return { kind: 'link', proof: { email, password, ...(team ? { team } : {}) } };
}

/**
 * @param {string} hash
 * @returns {Arrival | null}
 */
function takeAnswer(hash) {
    const answer = new URLSearchParams(hash);
    if (!answer.has('id_token') && !(answer.has('error') && answer.has('state'))) {
        forgetQuestion();
        return null;
    }
    const { place, ...read } = readAnswer(answer);
    goInstead(place);
    return { kind: 'google', ...read };
}

/**
 * `token=...`, which the mail's link adds to the address of the page.
 *
 * @param {string} hash
 * @returns {Arrival | null}
 */
function takeToken(hash) {
    const token = /^(?:\/reset-confirm#?)?token=(.+)$/.exec(hash)?.[1];
    if (!token) return null;
    goInstead('#/reset-confirm');
    return { kind: 'reset', token };
}
