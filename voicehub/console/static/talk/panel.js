// A live conversation on the page: what is said, who speaks, what it costs, and the few things one can do.

import { html, useEffect, useRef, useState } from '../html.js';
import { Icon } from '../icons.js';
import { amount, clock, useTitle } from '../parts.js';
import { Levels } from './levels.js';
import { plainly } from './sentences.js';

const STATES = {
    connecting: 'Connecting…',
    listening: 'Listening',
    thinking: 'Thinking…',
    speaking: 'Speaking',
    paused: 'Paused',
    reconnecting: 'The connection was lost. Coming back…',
    leaving: 'Ending…',
    ended: 'Ended',
};

/** @param {{talk: import('./use-conversation.js').Talk, isBeside?: boolean}} properties */
export function LivePanel({ talk, isBeside = false }) {
    useTitle(`Talking to ${talk.agent.name}`);
    return html`<section class="live card ${isBeside ? 'beside' : ''}" aria-label="Conversation with ${talk.agent.name}">
        <header class="live-head">
            <span class="face" aria-hidden="true">${[...talk.agent.name][0]?.toUpperCase()}</span>
            <div class="live-name">
                ${isBeside ? html`<h2>${talk.agent.name}</h2>` : html`<h1>${talk.agent.name}</h1>`}
                <p class="state ${talk.state}" role="status">${STATES[talk.state]}</p>
            </div>
            <${Facts} talk=${talk} />
        </header>
        <${Words} talk=${talk} />
        <${Notices} talk=${talk} />
        ${talk.phase === 'over' ? html`<${Over} talk=${talk} />` : html`<${Controls} talk=${talk} />`}
    </section>`;
}

/** @param {{talk: import('./use-conversation.js').Talk}} properties */
function Facts({ talk }) {
    const [, setTick] = useState(0);
    const time = useRef(0);
    const runs = talk.phase === 'live' && talk.state !== 'paused';
    useEffect(() => {
        let last = performance.now();
        const timer = setInterval(() => {
            // A page that is not looked at gets its turns late.
            const now = performance.now();
            if (runs) time.current += now - last;
            last = now;
            setTick((/** @type {number} */ tick) => tick + 1);
        }, 250);
        return () => clearInterval(timer);
    }, [runs]);
    const tokens = (talk.usage?.audio_tokens ?? 0) + (talk.usage?.text_tokens ?? 0);
    const left = talk.plan?.audio_tokens;
    const last = talk.latencies.at(-1);
    return html`<dl class="facts number">
        <div><dt>Time</dt><dd>${clock(time.current)}</dd></div>
        <div><dt>Tokens</dt><dd>${amount(tokens)}</dd></div>
        ${left && html`<div><dt>Left</dt><dd>${left.max > 0 ? `${Math.max(0, Math.round((100 * left.left) / left.max))} %` : '–'}</dd></div>`}
        ${last !== undefined && html`<div><dt>Reply after</dt><dd>${(last / 1000).toFixed(1)} s</dd></div>`}
    </dl>`;
}

/** @param {{talk: import('./use-conversation.js').Talk}} properties */
function Words({ talk }) {
    const box = useRef(/** @type {HTMLElement | null} */ (null));
    const isAtEnd = useRef(true);
    useEffect(() => {
        if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
    });
    const scrolled = () => {
        const { scrollTop, scrollHeight, clientHeight } = /** @type {HTMLElement} */ (box.current);
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
    };
    const lines = talk.lines.filter((line) => line.text);
    return html`<div class="words" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label="What was said">
        ${lines.length === 0 && html`<p class="soft hint">${talk.speaks ? 'Say something. You may interrupt at any time.' : 'Write something.'}</p>`}
        ${lines.map(
            (line) => html`<div key=${line.item} class="said ${line.speaker}">
                <small><b>${line.speaker === 'user' ? 'You' : talk.agent.name}</b> <time class="number" datetime="PT${(Math.max(0, line.startMs) / 1000).toFixed(3)}S">${clock(line.startMs)}</time>${line.latencyMs === undefined ? '' : ` · after ${(line.latencyMs / 1000).toFixed(1)} s`}${line.isInterrupted ? ' · interrupted' : ''}</small>
                <p class=${line.isFinished ? '' : 'growing'}>${line.text}</p>
            </div>`,
        )}
    </div>`;
}

/** @param {{talk: import('./use-conversation.js').Talk}} properties */
function Notices({ talk }) {
    const { warning, fault } = talk;
    return html`
        ${warning && html`<p class="note warn" role="status">${warning.percent} % of the plan's ${warning.kind === 'text_tokens' ? 'text' : 'audio'} tokens are used up.</p>`}
        ${fault && talk.phase === 'live' && html`<p class="note bad" role="alert">${plainly(fault)}</p>`}
    `;
}

/** @param {{talk: import('./use-conversation.js').Talk}} properties */
function Over({ talk }) {
    return html`<footer class="over">
        <p role="status">${talk.why ? plainly(talk.why) : 'The conversation has ended.'}</p>
        <div class="row">
            <a class="button" href="#/sessions/${talk.sessionId}">See what happened</a>
            ${talk.why?.code === 'insufficient_quota' && html`<a class="button" href="#/usage">See the plan</a>`}
            <button class="button main" onClick=${talk.leave}>Talk again</button>
        </div>
    </footer>`;
}

/** @param {{talk: import('./use-conversation.js').Talk}} properties */
function Controls({ talk }) {
    const { conversation } = talk;
    const [isMuted, setMuted] = useState(false);
    const [text, setText] = useState('');
    const isPaused = talk.state === 'paused';
    const mute = (/** @type {boolean} */ muted) => {
        setMuted(muted);
        conversation?.mute(muted);
    };
    const press = (/** @type {MouseEvent} */ event) => {
        mute(!isMuted);
        // Pressed by a pointer: the space bar that comes next is to talk, not to press it again.
        if (event.detail > 0) /** @type {HTMLElement} */ (event.currentTarget).blur();
    };
    useSpaceToTalk(isMuted, (isHeld) => conversation?.hold(isHeld));
    const send = (/** @type {Event} */ event) => {
        event.preventDefault();
        if (!text.trim() || !conversation?.takesWriting) return;
        void conversation.write(text.trim());
        setText('');
    };
    return html`<footer class="controls">
        <${Levels} levels=${talk.levels} isPaused=${isPaused} />
        <div class="row keys">
            ${talk.speaks &&
            html`<button class="button" aria-pressed=${isMuted} onClick=${press}>
                <${Icon} name=${isMuted ? 'muted' : 'talk'} />${isMuted ? 'Muted' : 'Mute'}
            </button>`}
            ${talk.speaks &&
            isMuted &&
            html`<button class="button hold" onPointerDown=${() => conversation?.hold(true)} onPointerUp=${() => conversation?.hold(false)} onPointerLeave=${() => conversation?.hold(false)}>
                Hold to talk
            </button>`}
            <button class="button" disabled=${talk.state === 'reconnecting'} onClick=${() => (isPaused ? conversation?.resume() : conversation?.pause())}>
                <${Icon} name=${isPaused ? 'play' : 'pause'} />${isPaused ? 'Resume' : 'Pause'}
            </button>
            <button class="button danger" onClick=${() => conversation?.end()}><${Icon} name="end" />End</button>
        </div>
        <form class="row write" onSubmit=${send}>
            <label class="hidden-text" for="write">Write to the agent</label>
            <input id="write" class="input" autocomplete="off" placeholder="Or write…" maxlength="4000" disabled=${isPaused} value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
            <button class="button icon" aria-label="Send" disabled=${isPaused || talk.state === 'reconnecting' || !text.trim()}><${Icon} name="send" /></button>
        </form>
    </footer>`;
}

/**
 * With the microphone muted the space bar is a button to talk, but for who writes or presses another button.
 *
 * @param {boolean} isMuted
 * @param {(isHeld: boolean) => void} hold
 */
function useSpaceToTalk(isMuted, hold) {
    useEffect(() => {
        if (!isMuted) return undefined;
        const pressed = (/** @type {KeyboardEvent} */ event) => {
            if (event.code !== 'Space' || event.repeat || isControl(event.target)) return;
            event.preventDefault();
            hold(event.type === 'keydown');
        };
        const left = () => hold(false); // the release would be another window's
        addEventListener('keydown', pressed);
        addEventListener('keyup', pressed);
        addEventListener('blur', left);
        return () => {
            removeEventListener('keydown', pressed);
            removeEventListener('keyup', pressed);
            removeEventListener('blur', left);
            hold(false);
        };
    }, [isMuted]);
}

/** @param {EventTarget | null} target */
function isControl(target) {
    return target instanceof Element && target.matches('input, textarea, select, button:not(.hold), a');
}
