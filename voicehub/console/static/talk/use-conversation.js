// A conversation as a page's state: what it is in, what was said, what it used, and what went wrong.

import { useEffect, useMemo, useRef, useState } from '../html.js';
import { Conversation } from './conversation.js';
import { plainly } from './sentences.js';

/**
 * @typedef {object} Talk
 * @property {'idle' | 'live' | 'over'} phase
 * @property {import('./conversation.js').State} state
 * @property {{code: string, message: string} | null} why why it ended, where it did not end as one wished
 * @property {any} agent
 * @property {number | null} sessionId
 * @property {import('./lines.js').Line[]} lines
 * @property {any} usage
 * @property {any} plan
 * @property {number[]} latencies milliseconds, one a turn
 * @property {any} warning
 * @property {{code: string, message: string} | null} fault
 * @property {boolean} isOpening
 * @property {boolean} speaks
 * @property {(Error & {code: string}) | null} error why it did not begin, in plain words
 * @property {{mine: number, agents: number}} levels changes forty times a second without telling anybody
 * @property {Conversation | null} conversation
 * @property {(agent: any, notes: string, speaks: boolean) => Promise<void>} start
 * @property {() => void} leave
 */

/** @type {Omit<Talk, 'levels' | 'conversation' | 'start' | 'leave'>} */
const NOTHING = {
    phase: 'idle',
    state: 'connecting',
    why: null,
    agent: null,
    sessionId: null,
    lines: [],
    usage: null,
    plan: null,
    latencies: [],
    warning: null,
    fault: null,
    isOpening: false,
    speaks: true,
    error: null,
};

/**
 * @param {import('../api.js').Api} api
 * @returns {Talk}
 */
export function useConversation(api) {
    const [shown, setShown] = useState(NOTHING);
    const levels = useRef({ mine: 0, agents: 0 }).current;
    const conversation = useRef(/** @type {Conversation | null} */ (null));
    const show = (/** @type {any} */ change) =>
        setShown((/** @type {any} */ before) => ({ ...before, ...(typeof change === 'function' ? change(before) : change) }));
    useEffect(() => () => conversation.current?.end(), []);
    const observer = useMemo(() => observing(show, levels, conversation), []);

    async function start(/** @type {any} */ agent, /** @type {string} */ notes, /** @type {boolean} */ speaks) {
        show({ ...NOTHING, isOpening: true, agent, speaks });
        /** @type {number | null} */
        let sessionId = null;
        const begin = async () => {
            const context = notes.trim() ? { notes: notes.trim() } : {};
            const session = await api.create('/v1/sessions', { agent_id: agent.id, context }, crypto.randomUUID());
            sessionId = session.id;
            return openingOf(session);
        };
        const renew = async () => openingOf(await api.post(`/v1/sessions/${sessionId}/resume`));
        const end = async () => sessionId !== null && api.post(`/v1/sessions/${sessionId}/end`);
        const made = new Conversation({ renew, end }, observer);
        conversation.current = made;
        try {
            await made.open(begin, speaks);
            show({ phase: 'live', isOpening: false, sessionId });
        } catch (error) {
            conversation.current = null;
            end().catch(() => {}); // a session that nobody is in counts as an open one
            const fault = await explained(api, sessionId, /** @type {any} */ (error));
            show({ isOpening: false, error: Object.assign(new Error(plainly(fault)), { code: fault.code }) });
        }
    }

    const leave = () => {
        conversation.current = null;
        setShown(NOTHING);
    };
    return { ...shown, levels, conversation: conversation.current, start, leave };
}

/**
 * @param {(change: any) => void} show
 * @param {{mine: number, agents: number}} levels
 * @param {{current: Conversation | null}} conversation
 * @returns {import('./conversation.js').Observer}
 */
function observing(show, levels, conversation) {
    return {
        state: (state, why) => show(state === 'ended' ? { phase: 'over', state, why } : { state }),
        line: () => show({ lines: conversation.current?.lines.all ?? [] }),
        levels: (mine, agents) => Object.assign(levels, { mine, agents }),
        usage: (usage, plan) => show((/** @type {any} */ before) => ({ usage, plan: plan ?? before.plan })),
        latency: (latency) => show((/** @type {any} */ before) => ({ latencies: [...before.latencies, latency] })),
        quota: (warning) => show({ warning }),
        fault: (fault) => show({ fault }),
    };
}

/**
 * Why the session could not be opened. A browser does not tell why a handshake was refused: its row may know.
 *
 * @param {import('../api.js').Api} api
 * @param {number | null} sessionId
 * @param {Error & {code: string}} fault
 * @returns {Promise<{code: string, message: string}>}
 */
async function explained(api, sessionId, fault) {
    if (fault.code !== 'closed_1006' || sessionId === null) return fault;
    const session = await api.get(`/v1/sessions/${sessionId}`).catch(() => null);
    const code = session?.data.ended_reason === 'engine' ? 'engine_failed' : 'not_opened';
    return { code, message: fault.message };
}

/**
 * @param {any} session
 * @returns {import('./link.js').Opening}
 */
function openingOf(session) {
    return { sessionId: session.id, url: session.url, secret: session.client_secret.value };
}
