// What went wrong, in plain words, with a way on.

const SENTENCES = /** @type {Record<string, string>} */ ({
    insufficient_quota: "The plan's tokens are used up. An admin can change the plan; what was said is kept.",
    session_limit_exceeded: 'Too many conversations are open. End one, and try again.',
    server_draining: 'The server is being replaced. The conversation goes on in a moment.',
    server_overloaded: 'The server is full at the moment. Try again in a minute.',
    engine_failed: 'The speech engine failed. What was said until then is kept; try again.',
    session_replaced: 'The conversation goes on in another window.',
    session_expired: 'The longest time of a conversation is over.',
    session_idle: 'Nothing was said for a long time, so the conversation was ended.',
    microphone_gone: 'The microphone was disconnected. Write instead, or end and begin again.',
    not_opened: 'The server did not open the conversation. Try again in a moment.',
    unreachable: 'The server cannot be reached. Look at your network, and try again.',
});

/** @param {{code: string, message: string}} fault */
export function plainly(fault) {
    return SENTENCES[fault.code] ?? fault.message;
}
