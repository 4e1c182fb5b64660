// What happened in a session, in time: made of its row.

import { clock } from '../parts.js';

const REASONS = /** @type {Record<string, string>} */ ({
    client_close: 'Ended by the user',
    idle: 'Ended: nothing was said for a long time',
    max_duration: 'Ended: the longest time was over',
    quota: 'Ended: the plan was used up',
    drain: 'Ended: the server went away',
    engine: 'Ended: the speech engine failed',
    admin: 'Ended by an admin',
    lost: 'Ended: the connection was lost',
});

/**
 * @param {any} session
 * @returns {{atMs: number, text: string}[]}
 */
export function happenings(session) {
    const { transcript = [], legs = [], recording, ended_reason: reason, paused_at_ms: pausedAtMs } = session.data;
    const found = [{ atMs: 0, text: 'Began' }];
    for (const leg of legs.slice(1)) found.push({ atMs: leg.at_ms, text: 'Went on after a pause or a lost server' });
    for (const line of transcript) {
        if (line.interrupted) found.push({ atMs: line.end_ms, text: 'The user interrupted the agent' });
    }
    if (session.status === 'paused' && pausedAtMs !== undefined) found.push({ atMs: pausedAtMs, text: 'Paused' });
    if (session.ended_at) {
        const atMs = Math.max(session.duration_minutes * 60_000, ...found.map((each) => each.atMs));
        found.push({ atMs, text: REASONS[reason] ?? 'Ended' });
        if (recording?.lost_ms) found.push({ atMs, text: `The recording lacks ${clock(recording.lost_ms)}` });
    }
    return found.sort((one, other) => one.atMs - other.atMs);
}
