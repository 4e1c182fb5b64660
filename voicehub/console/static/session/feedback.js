// What somebody makes of a session: stars and words.

import { html, useState } from '../html.js';
import { Icon } from '../icons.js';
import { Fault, toast, useAct, useRead } from '../parts.js';

/** @param {{api: import('../api.js').Api, session: any}} properties */
export function Feedback({ api, session }) {
    const given = useRead(() => api.get('/v1/feedbacks', { session_id: session.id, limit: 20 }), [session.id]);
    const [rating, setRating] = useState(0);
    const [comment, setComment] = useState('');
    const [key, setKey] = useState(() => crypto.randomUUID());
    const giving = useAct(async () => {
        const words = comment.trim();
        await api.create('/v1/feedbacks', { session_id: session.id, rating, ...(words ? { comment: words } : {}) }, key);
        setRating(0);
        setComment('');
        setKey(crypto.randomUUID());
        given.again();
        toast('Thank you.');
    });
    return html`<section class="card padded stack">
        <h2>Feedback</h2>
        ${given.value?.data.map((/** @type {any} */ each) => html`<blockquote key=${each.id}><${Stars} rating=${each.rating ?? 0} /> ${each.comment ?? ''}</blockquote>`)}
        <fieldset class="stars">
            <legend class="small soft">How was it?</legend>
            ${[1, 2, 3, 4, 5].map(
                (stars) => html`<label title="${stars} of 5">
                    <input type="radio" name="rating" class="hidden-text" checked=${rating === stars} onChange=${() => setRating(stars)} />
                    <span class="hidden-text">${stars} of 5 stars</span><${Icon} name="star" filled=${stars <= rating} />
                </label>`,
            )}
        </fieldset>
        <label class="hidden-text" for="comment">Comment</label>
        <textarea id="comment" class="input notes" maxlength="4000" placeholder="What was good, what was not?" value=${comment} onInput=${(/** @type {any} */ event) => setComment(event.target.value)}></textarea>
        <${Fault} error=${giving.error} />
        <button class="button" disabled=${!rating || giving.isBusy} onClick=${() => giving.run()}>Send</button>
    </section>`;
}

/** @param {{rating: number}} properties */
function Stars({ rating }) {
    return html`<span class="given" role="img" aria-label="${rating} of 5 stars">${[1, 2, 3, 4, 5].map((star) => html`<${Icon} name="star" filled=${star <= rating} />`)}</span>`;
}
