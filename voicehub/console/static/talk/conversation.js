// One live conversation in the page: devices on one side, the line to the server on the other.

import { Loudspeaker, Microphone } from '../audio/devices.js';
import { RATE_HZ } from '../audio/pcm.js';
import { Lines } from './lines.js';
import { Link } from './link.js';

/**
 * What the page hears of it; every one is optional.
 *
 * @typedef {object} Observer
 * @property {(state: State, detail?: string) => void} [state]
 * @property {(line: import('./lines.js').Line) => void} [line]
 * @property {(mine: number, agents: number) => void} [levels]
 * @property {(usage: any, plan: any) => void} [usage]
 * @property {(warning: any) => void} [quota]
 * @property {(latencyMs: number) => void} [latency] from the end of what was said to the first sound of the reply
 * @property {(fault: {code: string, message: string}) => void} [fault]
 * @property {(gaps: number) => void} [gaps]
 *
 * @typedef {'connecting' | 'listening' | 'thinking' | 'speaking' | 'paused' | 'reconnecting' | 'leaving' | 'ended'} State
 */

export class Conversation {
    /**
     * @param {import('./link.js').Opening} opening
     * @param {() => Promise<import('./link.js').Opening>} renew
     * @param {Observer} observer
     */
    constructor(opening, renew, observer) {
        this.observer = observer;
        this.lines = new Lines();
        this.link = new Link(opening, renew, {
            event: (event) => this.take(event),
            audio: ({ item, contentIndex, pcm }) => this.speaker?.play(item, contentIndex, pcm),
            lost: () => this.enter('reconnecting'),
            back: (isContinued) => this.back(isContinued),
            over: (code, reason) => this.over(code, reason),
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
        this.saidUntil = 0;
        this.mine = 0;
        this.gaps = 0;
        this.written = 0;
        /** @type {any} */
        this.lastFault = null;
    }

    /**
     * Begin: the devices first, so that nothing is lost of the first words.
     *
     * @param {boolean} speaks false for a conversation in writing
     */
    async open(speaks) {
        this.speaker = await Loudspeaker.open((report) => this.reported(report));
        try {
            if (speaks) await this.listen();
            await this.link.open();
        } catch (error) {
            await this.closeDevices();
            throw error;
        }
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
        const id = `item_w${Date.now().toString(36)}${this.written++}`;
        this.link.tell('conversation.item.create', {
            item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
        });
        this.link.tell('response.create');
        const line = this.lines.write(id, text, this.nowMs);
        if (line) this.observer.line?.(line);
        this.saidUntil = performance.now();
        this.enter('thinking');
    }

    pause() {
        this.link.tell('voicehub.session.pause');
    }

    resume() {
        this.link.resume();
    }

    end() {
        this.enter('leaving');
        this.link.close();
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
            case 'response.done':
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
                this.enter('paused');
                break;
            case 'error':
                this.lastFault = event.error;
                this.observer.fault?.(event.error);
                break;
        }
        const line = this.lines.take(event, this.nowMs);
        if (line) this.observer.line?.(line);
    }

    /** @param {any} event */
    greeted(event) {
        const detection = event.session.audio?.input?.turn_detection;
        this.isInterruptible = detection?.interrupt_response !== false;
        this.silenceMs = detection?.silence_duration_ms ?? 0;
        if (event.type === 'session.created' && !event.session.voicehub?.resumed) this.startedAt = performance.now();
        if (event.type !== 'session.updated') this.enter('listening');
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

    /** @param {import('../audio/devices.js').Report} report */
    reported(report) {
        this.observer.levels?.(this.isSilent ? 0 : this.mine, report.level);
        if (report.gaps !== this.gaps) this.observer.gaps?.((this.gaps = report.gaps));
        if (report.isPlaying && this.state !== 'speaking') {
            if (this.saidUntil) this.observer.latency?.(performance.now() - this.saidUntil);
            this.saidUntil = 0;
            if (this.state === 'listening' || this.state === 'thinking') this.enter('speaking');
        } else if (!report.isPlaying && this.state === 'speaking') {
            this.enter('listening');
        }
    }

    /** @param {boolean} isContinued */
    back(isContinued) {
        if (!isContinued) this.lines.beginLeg(this.nowMs);
    }

    /**
     * @param {number} code
     * @param {string} reason
     */
    async over(code, reason) {
        await this.closeDevices();
        this.enter('ended', code === 1000 ? '' : (this.lastFault?.message ?? reason));
    }

    async closeDevices() {
        await Promise.all([this.microphone?.close(), this.speaker?.close()]);
        this.microphone = null;
        this.speaker = null;
    }

    /**
     * @param {State} state
     * @param {string} [detail]
     */
    enter(state, detail) {
        if (this.state === 'ended' || (this.state === 'leaving' && state !== 'ended')) return;
        this.state = state;
        this.observer.state?.(state, detail);
    }
}

/** @param {string} base64 */
function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
}

export { RATE_HZ };
