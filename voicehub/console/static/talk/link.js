// The line to a session, over as many sockets as it takes: it comes back when one breaks.

import { Places } from './places.js';
import { Repeats } from './repeats.js';

const COME_BACK_MS_MAX = 30_000; // then the session is given up; as long as the server waits
const BACKOFF_MS_MIN = 100; // before the first try; doubled with each, half of it by chance
const BACKOFF_MS_MAX = 3_000;
const OPEN_MS_MAX = 25_000; // handshake and greeting of one try
const STEADY_MS = 5_000; // a socket that broke sooner does not count as having been back
const BACKLOG_PIECES_MAX = 25; // 1 s of what was said while the line was dead; the oldest is dropped

const DONE = 1000;
const BROKE = 1006;
const GOING_AWAY = 1012;
const IDLE = 1001;
const TRIED_AGAIN = new Set([BROKE, GOING_AWAY, 1011, 1013]); // of a socket that has not greeted us

/**
 * @typedef {object} Opening
 * @property {number} sessionId
 * @property {string} url
 * @property {string} secret
 *
 * @typedef {object} Listener
 * @property {(event: any) => void} event one event of the protocol
 * @property {(audio: {item: string, contentIndex: number, pcm: ArrayBuffer}) => void} audio
 * @property {(code: number) => void} lost the connection broke; it tries to come back
 * @property {(isContinued: boolean) => void} back `isContinued`: at the same owner, which goes on where it was
 * @property {(code: number, fault: {code: string, message: string}) => void} over
 */

export class Link {
    /**
     * @param {() => Promise<Opening>} renew a fresh secret, where the old one is refused
     * @param {Listener} listener
     */
    constructor(renew, listener) {
        /** @type {Opening | null} */
        this.opening = null;
        this.renew = renew;
        this.listener = listener;
        this.places = new Places();
        this.repeats = new Repeats();
        this.isPaused = false;
        this.isAway = true;
        this.isLeaving = false;
        this.leg = null;
        /** @type {ArrayBuffer[]} */
        this.backlog = [];
        this.lostAt = 0;
        this.backAt = -Infinity;
        this.tries = 0;
        /** @type {WebSocket | null} */
        this.socket = null;
        /** @type {((value?: unknown) => void) | null} */
        this.wake = null;
    }

    /**
     * Open the session. Resolves once it has greeted us.
     *
     * @param {Opening} opening
     */
    async open(opening) {
        this.opening = opening;
        const { greeting, error } = await this.connect();
        if (!greeting) throw error;
        this.note(greeting);
        this.isAway = false;
        this.backlog = []; // the session's clock begins now, and what came before it has no place
        this.listener.event(greeting);
    }

    /**
     * Send a client event now; without a connection it is not sent.
     *
     * @param {string} type
     * @param {object} fields
     */
    tell(type, fields = {}) {
        if (!this.isAway) this.socket?.send(JSON.stringify({ type, ...fields }));
    }

    /**
     * What the caller said. While the line is dead some of it waits; while the session is paused it is dropped.
     *
     * @param {ArrayBuffer} pcm
     */
    append(pcm) {
        if (this.isPaused) return;
        if (!this.isAway && this.socket?.readyState === WebSocket.OPEN) {
            this.socket.send(pcm);
            return;
        }
        this.backlog.push(pcm);
        if (this.backlog.length > BACKLOG_PIECES_MAX) this.backlog.shift();
    }

    /** Go on after a pause, by a new socket where the old one is closed. */
    resume() {
        if (this.isAway) this.wake?.();
        else this.tell('voicehub.session.resume');
    }

    /** Hang up: the session ends. */
    close() {
        this.isLeaving = true;
        this.wake?.();
        if (this.socket && this.socket.readyState < WebSocket.CLOSING) this.socket.close(DONE);
    }

    /**
     * One socket, up to its greeting.
     *
     * @returns {Promise<{greeting?: any, code: number, error: Error & {code: string}}>}
     */
    connect() {
        const opening = /** @type {Opening} */ (this.opening);
        const url = new URL(opening.url);
        if (this.repeats.lastEventId) url.searchParams.set('last_event_id', this.repeats.lastEventId);
        const token = `openai-insecure-api-key.${opening.secret}`;
        const socket = new WebSocket(url, ['voicehub.v1', 'realtime', token]);
        socket.binaryType = 'arraybuffer';
        this.socket = socket;
        return new Promise((resolve) => {
            let greeted = false;
            /** @type {any} */
            let fault = null;
            const late = setTimeout(() => socket.close(), OPEN_MS_MAX);
            socket.onmessage = ({ data }) => {
                if (typeof data !== 'string') {
                    this.hear(data);
                    return;
                }
                const event = JSON.parse(data);
                if (greeted) {
                    this.take(event);
                } else if (event.type === 'session.created') {
                    greeted = true;
                    clearTimeout(late);
                    this.repeats.isRepeat(event);
                    resolve({ greeting: event, code: 0, error: failure('', '') });
                } else if (event.type === 'error') {
                    fault = event.error;
                }
            };
            socket.onclose = ({ code, reason }) => {
                clearTimeout(late);
                if (greeted) this.broke(code, reason);
                else resolve({ code, error: fault ? failure(fault.code, fault.message) : closed(code, reason) });
            };
        });
    }

    /** @param {any} event */
    take(event) {
        if (this.repeats.isRepeat(event)) return;
        this.places.learn(event);
        this.note(event);
        this.listener.event(event);
    }

    /** @param {ArrayBuffer} message */
    hear(message) {
        const audio = this.places.audio(message);
        if (audio) this.listener.audio(audio);
    }

    /** @param {any} event */
    note(event) {
        if (event.type === 'session.created' || event.type === 'voicehub.session.resumed') {
            this.leg = event.session.voicehub?.leg ?? null;
        }
        if (event.type === 'voicehub.session.paused') this.isPaused = true;
        if (event.type === 'voicehub.session.resumed') this.isPaused = false;
    }

    /**
     * @param {number} code
     * @param {string} reason
     */
    async broke(code, reason) {
        this.isAway = true;
        const comesBack = code === BROKE || code === GOING_AWAY || (this.isPaused && code === IDLE);
        if (this.isLeaving || !comesBack) {
            this.listener.over(code, closed(code, reason));
            return;
        }
        const now = performance.now();
        if (this.isPaused) {
            // To come back would be to go on: that is for whoever paused to say.
            await this.woken();
            this.tries = 0;
            this.lostAt = performance.now();
        } else if (now - this.backAt > STEADY_MS) {
            this.tries = 0;
            this.lostAt = now;
        }
        if (!this.isLeaving) this.listener.lost(code);
        const end = await this.comeBack();
        if (end) this.listener.over(this.isLeaving ? DONE : end.code, end.error);
    }

    /** @returns {Promise<{code: number, error: {code: string, message: string}} | null>} how it ended, where nothing helped */
    async comeBack() {
        const former = this.leg;
        while (performance.now() - this.lostAt < COME_BACK_MS_MAX && !this.isLeaving) {
            const wait = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.tries++);
            await this.woken(wait * (0.5 + Math.random() / 2));
            const { greeting, code, error } = await this.connect();
            if (greeting) {
                this.arrive(greeting, former);
                return null;
            }
            if (this.isLeaving) break;
            // A browser does not tell why a handshake was refused: the REST API knows.
            const refusal = code === BROKE ? await this.refusal() : null;
            if (refusal) return { code, error: refusal };
            if (!TRIED_AGAIN.has(code)) return { code, error };
        }
        return { code: BROKE, error: failure('not_restored', 'The connection could not be restored in time.') };
    }

    /**
     * Why the session may not be opened any more; null where it may, as far as anybody can tell.
     *
     * @returns {Promise<any>}
     */
    async refusal() {
        try {
            this.opening = await this.renew();
            return null;
        } catch (error) {
            const status = /** @type {any} */ (error).status;
            return !status || status === 429 || status >= 500 ? null : error; // the network, or a busy server
        }
    }

    /**
     * @param {any} greeting
     * @param {number | null} former
     */
    arrive(greeting, former) {
        this.note(greeting);
        this.backAt = performance.now();
        const isContinued = this.leg !== null && this.leg === former;
        const wasPaused = this.isPaused;
        this.isPaused = false;
        this.isAway = false;
        for (const pcm of this.backlog) this.socket?.send(pcm);
        this.backlog = [];
        if (isContinued) this.repeats.expect();
        this.listener.back(isContinued && !wasPaused);
        this.listener.event(greeting);
    }

    /** @param {number} [afterMs] */
    woken(afterMs) {
        return new Promise((resolve) => {
            this.wake = resolve;
            if (afterMs !== undefined) setTimeout(resolve, afterMs);
        });
    }
}

/**
 * @param {string} code
 * @param {string} message
 */
function failure(code, message) {
    return Object.assign(new Error(message), { code });
}

/**
 * @param {number} code of the socket
 * @param {string} reason
 */
function closed(code, reason) {
    return failure(`closed_${code}`, reason || 'The connection was closed.');
}
