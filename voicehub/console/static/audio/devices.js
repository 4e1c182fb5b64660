// The microphone and the loudspeaker of this machine, as two nodes that take and give 16-bit samples at 24 kHz.

import { RATE_HZ } from './pcm.js';

/** What the microphone must not do to be of use in a conversation. */
export class DeviceError extends Error {
    /**
     * @param {string} code `denied`, `missing`, `busy` or `unsupported`
     * @param {string} message
     */
    constructor(code, message) {
        super(message);
        this.code = code;
    }
}

const REASONS = /** @type {const} */ ({
    NotAllowedError: ['denied', 'The browser does not let this page use the microphone. Allow it beside the address, or write instead.'],
    NotFoundError: ['missing', 'No microphone was found. Connect one, or write instead of speaking.'],
    NotReadableError: ['busy', 'The microphone is in use by another program.'],
    OverconstrainedError: ['missing', 'The chosen microphone is gone. Choose another one.'],
});

export class Microphone {
    /**
     * @param {MediaStream} source
     * @param {AudioContext} audio
     * @param {AudioWorkletNode} node
     */
    constructor(source, audio, node) {
        this.source = source;
        this.audio = audio;
        this.node = node;
    }

    /**
     * Ask for the microphone and begin to listen.
     *
     * @param {(pcm: ArrayBuffer, level: number) => void} heard every 40 ms
     * @param {() => void} gone the device was taken away
     * @returns {Promise<Microphone>}
     */
    static async open(heard, gone) {
        if (!navigator.mediaDevices) {
            throw new DeviceError('unsupported', 'Microphones work on pages that come by https or from this machine.');
        }
        const source = await navigator.mediaDevices.getUserMedia({ audio: WANTED }).catch(explain);
        // At the device's own rate: Firefox connects a microphone to no other.
        const audio = new AudioContext();
        await audio.audioWorklet.addModule(new URL('./microphone.worklet.js', import.meta.url));
        const node = new AudioWorkletNode(audio, 'microphone', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
        node.port.onmessage = ({ data }) => heard(data.pcm, data.level);
        audio.createMediaStreamSource(source).connect(node);
        source.getAudioTracks()[0].addEventListener('ended', gone);
        return new Microphone(source, audio, node);
    }

    /** @param {boolean} isMuted */
    mute(isMuted) {
        this.node.port.postMessage({ isMuted });
    }

    async close() {
        for (const track of this.source.getTracks()) track.stop();
        await this.audio.close();
    }
}

export class Loudspeaker {
    /**
     * @param {AudioContext} audio
     * @param {AudioWorkletNode} node
     */
    constructor(audio, node) {
        this.audio = audio;
        this.node = node;
        /** @type {((cut: import('./playout.js').Cut | null) => void)[]} */
        this.waiting = [];
    }

    /**
     * @param {(report: Report) => void} reported every 40 ms, and when it begins or falls silent
     * @returns {Promise<Loudspeaker>}
     */
    static async open(reported) {
        const audio = new AudioContext({ latencyHint: 'interactive', ...(choosesRates() ? { sampleRate: RATE_HZ } : {}) });
        await audio.audioWorklet.addModule(new URL('./speaker.worklet.js', import.meta.url));
        const node = new AudioWorkletNode(audio, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] });
        const speaker = new Loudspeaker(audio, node);
        node.port.onmessage = ({ data }) => {
            if (data.kind === 'cut') speaker.waiting.shift()?.(data.cut);
            else reported(data);
        };
        node.connect(audio.destination);
        await audio.resume();
        return speaker;
    }

    /**
     * @param {string} item
     * @param {number} contentIndex
     * @param {ArrayBuffer} pcm given away
     */
    play(item, contentIndex, pcm) {
        this.node.port.postMessage({ kind: 'audio', item, contentIndex, pcm }, [pcm]);
    }

    /** @param {string} item */
    end(item) {
        this.node.port.postMessage({ kind: 'end', item });
    }

    /**
     * Fall silent at once.
     *
     * @returns {Promise<import('./playout.js').Cut | null>} what was being heard
     */
    async cut() {
        const cut = await new Promise((resolve) => {
            this.waiting.push(resolve);
            this.node.port.postMessage({ kind: 'cut' });
        });
        // What the device still holds will not be heard before the caller's own words. Safari does not tell how much.
        const heldMs = (this.audio.outputLatency || 0) * 1000;
        return cut && { ...cut, heardMs: Math.max(0, Math.round(cut.heardMs - heldMs)) };
    }

    async close() {
        await this.audio.close();
        for (const resolve of this.waiting.splice(0)) resolve(null); // a closed worklet answers no more
    }
}

/**
 * @typedef {object} Report
 * @property {number} level
 * @property {boolean} isPlaying
 * @property {string | null} item
 * @property {number} heardMs
 * @property {number} queuedMs
 * @property {number} gaps
 */

const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * Whether the loudspeaker may run at the server's rate. Firefox, which knows no rates of microphones, cancels the
 * echo of what is played at the device's own rate alone; there the worklet changes the rate.
 */
function choosesRates() {
    return navigator.mediaDevices?.getSupportedConstraints().sampleRate === true;
}

/**
 * @param {DOMException} error
 * @returns {never}
 */
function explain(error) {
    const [code, message] = REASONS[/** @type {keyof typeof REASONS} */ (error.name)] ?? ['busy', 'The microphone could not be opened.'];
    throw new DeviceError(code, message);
}
