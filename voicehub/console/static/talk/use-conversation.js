// A conversation as a page's state: what it is in, what was said, what it used, and what went wrong.

import { useEffect, useMemo, useRef, useState } from '../html.js';
import { Conversation } from './conversation.js';

/**
 * @typedef {object} Talk
 * @property {'idle' | 'live' | 'over'} phase
 * @property {import('./conversation.js').State} state
 * @property {string} detail why it ended, where it did not end as one wished
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
 * @property {Error | null} error why it did not begin
 * @property {{mine: number, agents: number}} levels changes forty times a second without telling anybody
 * @property {Conversation | null} conversation
 * @property {(agent: any, notes: string, speaks: boolean) => Promise<void>} start
 * @property {() => void} leave
 */

/** @type {Omit<Talk, 'levels' | 'conversation' | 'start' | 'leave'>} */
const NOTHING = {
    phase: 'idle',
    state: 'connecting',
    detail: '',
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
        try {
            const context = notes.trim() ? { notes: notes.trim() } : {};
            const session = await api.create('/v1/sessions', { agent_id: agent.id, context }, crypto.randomUUID());
            const renew = async () => openingOf(await api.post(`/v1/sessions/${session.id}/resume`));
            const made = new Conversation(openingOf(session), renew, observer);
            conversation.current = made;
            await made.open(speaks);
            show({ phase: 'live', isOpening: false, sessionId: session.id });
        } catch (error) {
            conversation.current = null;
            show({ isOpening: false, error });
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
        state: (state, detail = '') => show(state === 'ended' ? { phase: 'over', state, detail } : { state }),
        line: () => show({ lines: conversation.current?.lines.all ?? [] }),
        levels: (mine, agents) => Object.assign(levels, { mine, agents }),
        usage: (usage, plan) => show((/** @type {any} */ before) => ({ usage, plan: plan ?? before.plan })),
        latency: (latency) => show((/** @type {any} */ before) => ({ latencies: [...before.latencies, latency] })),
        quota: (warning) => show({ warning }),
        fault: (fault) => show({ fault }),
    };
}

/**
 * @param {any} session
 * @returns {import('./link.js').Opening}
 */
function openingOf(session) {
    return { sessionId: session.id, url: session.url, secret: session.client_secret.value };
}
