// The words of a conversation as they come: events in, lines out.

const GROWS = /** @type {Record<string, 'user' | 'agent'>} */ ({
    'conversation.item.input_audio_transcription.delta': 'user',
    'response.output_audio_transcript.delta': 'agent',
    'response.output_text.delta': 'agent',
});
const FINISHES = /** @type {Record<string, 'user' | 'agent'>} */ ({
    'conversation.item.input_audio_transcription.completed': 'user',
    'response.output_audio_transcript.done': 'agent',
    'response.output_text.done': 'agent',
});

/**
 * @typedef {object} Line
 * @property {string} item
 * @property {'user' | 'agent'} speaker
 * @property {number} startMs on the session's clock
 * @property {string} text
 * @property {boolean} isFinished
 * @property {boolean} isInterrupted
 * @property {number} [latencyMs] of a reply that was heard, from the end of what was said before
 */

export class Lines {
    constructor() {
        /** @type {Map<string, Line>} */
        this.lines = new Map();
        this.paddingMs = 0;
        this.beganMs = 0;
    }

    /** In the order in which they were said. */
    get all() {
        return [...this.lines.values()].sort((one, other) => one.startMs - other.startMs);
    }

    /**
     * Take an event that came at `atMs` of the session.
     *
     * @param {any} event
     * @param {number} atMs
     * @returns {Line | null} the line that it changed
     */
    take(event, atMs) {
        if (event.type === 'session.created' || event.type === 'session.updated') {
            // `audio_start_ms` includes the padding: the speech begins after it.
            this.paddingMs = event.session.audio?.input?.turn_detection?.prefix_padding_ms ?? 0;
        } else if (event.type === 'input_audio_buffer.speech_started') {
            const startMs = event.audio_start_ms === undefined ? atMs : event.audio_start_ms + this.beganMs;
            this.line('user', event.item_id, startMs + this.paddingMs);
        } else if (event.type === 'conversation.item.truncated') {
            return this.change(event.item_id, { isInterrupted: true });
        } else if (event.type in GROWS) {
            const line = this.line(GROWS[event.type], event.item_id, atMs);
            return this.change(line.item, { text: line.text + (event.delta ?? '') });
        } else if (event.type in FINISHES) {
            const line = this.line(FINISHES[event.type], event.item_id, atMs);
            return this.change(line.item, { text: event.text ?? event.transcript, isFinished: true });
        }
        return null;
    }

    /**
     * What the user wrote instead of saying it.
     *
     * @param {string} item
     * @param {string} text
     * @param {number} atMs
     */
    write(item, text, atMs) {
        this.line('user', item, atMs);
        return this.change(item, { text, isFinished: true });
    }

    /**
     * Another engine hears the caller from `atMs` on, and counts from there.
     *
     * @param {number} atMs
     */
    beginLeg(atMs) {
        this.beganMs = atMs;
    }

    /**
     * @param {'user' | 'agent'} speaker
     * @param {string} item
     * @param {number} startMs
     * @returns {Line}
     */
    line(speaker, item, startMs) {
        const known = this.lines.get(item);
        if (known) return known;
        const line = { item, speaker, startMs, text: '', isFinished: false, isInterrupted: false };
        this.lines.set(item, line);
        return line;
    }

    /**
     * @param {string} item
     * @param {Partial<Line>} change
     */
    change(item, change) {
        const line = this.lines.get(item);
        return line ? Object.assign(line, change) : null;
    }
}
