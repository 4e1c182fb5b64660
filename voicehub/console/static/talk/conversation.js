// One live conversation in the page: devices on one side, the line to the server on the other.

import { Loudspeaker, Microphone } from '../audio/devices.js';
import { RATE_HZ } from '../audio/pcm.js';
import { Lines } from './lines.js';
import { Link } from './link.js';

/**
 * What the page hears of it; every one is optional.
 *
 * @typedef {object} Observer
 * @property {(state: State, fault: {code: string, message: string} | null) => void} [state] with why it ended, where it did not end as one wished
 * @property {(line: import('./lines.js').Line) => void} [line]
 * @property {(mine: number, agents: number) => void} [levels]
 * @property {(usage: any, plan: any) => void} [usage]
 * @property {(warning: any) => void} [quota]
 * @property {(latencyMs: number) => void} [latency] from the end of what was said to the first sound of the reply
 * @property {(fault: {code: string, message: string} | null) => void} [fault] null: it is over
 * @property {(gaps: number) => void} [gaps]
 *
 * @typedef {'connecting' | 'listening' | 'thinking' | 'speaking' | 'paused' | 'reconnecting' | 'leaving' | 'ended'} State
 */

const AUDIBLE = 0.004; // a reply may begin with a breath of silence, which is waited for as well
const ASKED = ''; // a response that has no id yet
const LATE = 'response_cancel_not_active'; // what was to be cancelled was complete: that is as well

export class Conversation {
    /**
     * @param {{renew: () => Promise<import('./link.js').Opening>, end: () => Promise<unknown>}} acts what the REST API does for it
     * @param {Observer} observer
     */
    constructor(acts, observer) {
        this.acts = acts;
        this.observer = observer;
        this.lines = new Lines();
        this.link = new Link(acts.renew, {
            event: (event) => this.take(event),
            audio: ({ item, contentIndex, pcm }) => this.speaker?.play(item, contentIndex, pcm),
            lost: () => this.enter('reconnecting'),
            back: (isContinued) => this.back(isContinued),
            over: (code, fault) => this.over(code, fault),
        });
        /** @type {Microphone | null} */
        this.microphone = null;
        /** @type {Loudspeaker | null} */
        this.speaker = null;
        /** @type {State} */
        this.state = 'connecting';
        this.isMuted = false;
        this.isHeld = false;
        this.isInterruptible = true;
        this.startedAt = performance.now();
        /** @type {number | null} where the session's clock stands, while it does */
        this.stoodMs = null;
        this.saidUntil = 0;
        this.mine = 0;
        this.gaps = 0;
        this.written = 0;
        /** @type {any} */
        this.lastFault = null;
        /** @type {string | null} the response that the server is making */
        this.response = null;
        /** @type {(() => void)[]} who waits until it makes none */
        this.waiting = [];
    }

    /**
     * Begin: the devices first, so that nothing is lost of the first words, and no session is begun without them.
     *
     * @param {() => Promise<import('./link.js').Opening>} begin
     * @param {boolean} speaks false for a conversation in writing
     */
    async open(begin, speaks) {
        this.speaker = await Loudspeaker.open((report) => this.reported(report));
        try {
            if (speaks) await this.listen();
            this.requireWanted();
            const opening = await begin();
            this.requireWanted();
            await this.link.open(opening);
        } catch (error) {
            await this.closeDevices();
            throw error;
        }
    }

    /** Whoever has left the page meanwhile wants no conversation. */
    requireWanted() {
        if (this.state === 'leaving') throw new Error('The conversation was left.');
    }

    /** Take the microphone; also later, in a conversation that began in writing. */
    async listen() {
        this.microphone = await Microphone.open(
            (pcm, level) => this.said(pcm, level),
            () => this.observer.fault?.({ code: 'microphone_gone', message: 'The microphone was disconnected.' }),
        );
        this.microphone.mute(this.isSilent);
    }

    /** @param {boolean} isMuted */
    mute(isMuted) {
        this.isMuted = isMuted;
        this.microphone?.mute(this.isSilent);
    }

    /**
     * Push to talk: heard only while the button is down.
     *
     * @param {boolean} isHeld
     */
    hold(isHeld) {
        this.isHeld = isHeld;
        this.microphone?.mute(this.isSilent);
    }

    get isSilent() {
        return this.isMuted && !this.isHeld;
    }

    /**
     * Say it in writing.
     *
     * @param {string} text
     */
    async write(text) {
        await this.interrupt();
        await this.cancel();
        const id = `item_w${Date.now().toString(36)}${this.written++}`;
        this.link.tell('conversation.item.create', {
            item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
        });
        this.link.tell('response.create');
        this.response = ASKED;
        const line = this.lines.write(id, text, this.nowMs);
        if (line) this.observer.line?.(line);
        this.saidUntil = performance.now();
        this.enter('thinking');
    }

    /** Whether what is written would arrive. */
    get takesWriting() {
        return !this.link.isAway && !this.link.isPaused;
    }

    /** The response that is being made is not wanted; resolves once there is none. */
    async cancel() {
        if (this.response === null) return;
        const done = new Promise((resolve) => this.waiting.push(() => resolve(null)));
        this.link.tell('response.cancel', this.response === ASKED ? {} : { response_id: this.response });
        await done;
    }

    /** No response is being made. */
    rest() {
        this.response = null;
        for (const resolve of this.waiting.splice(0)) resolve();
    }

    pause() {
        this.link.tell('voicehub.session.pause');
    }

    resume() {
        this.link.resume();
    }

    end() {
        const isThere = this.takesWriting;
        this.enter('leaving');
        this.link.close();
        // Nobody hears the socket close: then it is said aloud. Offline the session ends by itself, as lost.
        if (!isThere) this.acts.end().catch(() => {});
    }

    get nowMs() {
        return performance.now() - this.startedAt;
    }

    /**
     * @param {ArrayBuffer} pcm
     * @param {number} level
     */
    said(pcm, level) {
        this.mine = level;
        this.link.append(pcm);
    }

    /** @param {any} event */
    take(event) {
        switch (event.type) {
            case 'session.created':
            case 'session.updated':
            case 'voicehub.session.resumed':
                this.greeted(event);
                break;
            case 'input_audio_buffer.speech_started':
                this.saidUntil = 0;
                if (this.isInterruptible) void this.interrupt();
                this.enter('listening');
                break;
            case 'input_audio_buffer.speech_stopped':
                this.saidUntil = performance.now() - this.silenceMs;
                this.enter('thinking');
                break;
            case 'response.output_audio.delta':
                this.speaker?.play(event.item_id, event.content_index, bytes(event.delta));
                break;
            case 'response.output_audio.done':
                this.speaker?.end(event.item_id);
                break;
            case 'response.created':
                this.response = event.response.id;
                this.forget();
                break;
            case 'response.done':
                this.rest();
                if (this.state === 'thinking') this.enter('listening');
                break;
            case 'voicehub.usage.updated':
                this.observer.usage?.(event.usage, event.plan);
                break;
            case 'voicehub.quota.warning':
                this.observer.quota?.(event);
                break;
            case 'voicehub.session.paused':
                void this.interrupt();
                this.stoodMs = event.at_ms;
                this.enter('paused');
                break;
            case 'error':
                this.fail(event.error);
                break;
        }
        const line = this.lines.take(event, this.nowMs);
        if (line) this.observer.line?.(line);
    }

    /** @param {any} fault */
    fail(fault) {
        if (fault.code === LATE) {
            this.rest();
            return;
        }
        this.lastFault = fault;
        this.observer.fault?.(fault);
    }

    /** What went wrong is over: the agent answers again. */
    forget() {
        if (this.lastFault) this.observer.fault?.(null);
        this.lastFault = null;
    }

    /** @param {any} event */
    greeted(event) {
        const detection = event.session.audio?.input?.turn_detection;
        this.isInterruptible = detection?.interrupt_response !== false;
        this.silenceMs = detection?.silence_duration_ms ?? 0;
        if (event.type === 'session.created' && !event.session.voicehub?.resumed) this.startedAt = performance.now();
        if (event.type === 'session.updated') return;
        this.goOn();
        this.enter('listening');
    }

    /** After a pause another engine hears the caller, and the clock goes on where it stood. */
    goOn() {
        if (this.stoodMs === null) return;
        this.startedAt = performance.now() - this.stoodMs;
        this.lines.beginLeg(this.stoodMs);
        this.rest();
        this.stoodMs = null;
    }

    /** The caller speaks: the agent falls silent, and the server learns how much of it was heard. */
    async interrupt() {
        const cut = await this.speaker?.cut();
        if (!cut) return;
        this.link.tell('voicehub.playout.reported', { item_id: cut.item, heard_ms: cut.heardMs });
        this.link.tell('conversation.item.truncate', {
            item_id: cut.item,
            content_index: cut.contentIndex,
            audio_end_ms: cut.heardMs,
        });
    }

    /**
     * The first sound of a reply is heard.
     *
     * @param {string | null} item
     * @param {number} latencyMs
     */
    answered(item, latencyMs) {
        this.observer.latency?.(latencyMs);
        const line = item === null ? null : this.lines.change(item, { latencyMs });
        if (line) this.observer.line?.(line);
    }

    /** @param {import('../audio/devices.js').Report} report */
    reported(report) {
        this.observer.levels?.(this.isSilent ? 0 : this.mine, report.level);
        if (report.gaps !== this.gaps) this.observer.gaps?.((this.gaps = report.gaps));
        if (this.saidUntil && report.isPlaying && report.level > AUDIBLE) {
            this.answered(report.item, performance.now() - this.saidUntil);
            this.saidUntil = 0;
        }
        if (report.isPlaying && this.state !== 'speaking') {
            if (this.state === 'listening' || this.state === 'thinking') this.enter('speaking');
        } else if (!report.isPlaying && this.state === 'speaking') {
            this.enter('listening');
        }
    }

    /** @param {boolean} isContinued */
    back(isContinued) {
        if (isContinued) return;
        this.lines.beginLeg(this.nowMs);
        this.rest();
    }

    /**
     * @param {number} code
     * @param {{code: string, message: string}} fault why, where the server has not said it before
     */
    async over(code, fault) {
        this.rest();
        await this.closeDevices();
        this.enter('ended', code === 1000 ? null : (this.lastFault ?? fault));
    }

    async closeDevices() {
        await Promise.all([this.microphone?.close(), this.speaker?.close()]);
        this.microphone = null;
        this.speaker = null;
    }

    /**
     * @param {State} state
     * @param {{code: string, message: string} | null} [fault] why it ended, where it did not end as one wished
     */
    enter(state, fault = null) {
        if (this.state === 'ended' || (this.state === 'leaving' && state !== 'ended')) return;
        this.state = state;
        this.observer.state?.(state, fault);
    }
}

/** @param {string} base64 */
function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
}

export { RATE_HZ };
