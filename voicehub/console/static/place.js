// Where the console is: the address behind the `#`, so that no server needs to know of its pages.

import { useEffect, useState } from './html.js';

/**
 * @typedef {object} Place
 * @property {string} page
 * @property {string | null} id
 * @property {URLSearchParams} query
 */

/** @returns {Place} */
export function usePlace() {
    const [place, setPlace] = useState(here);
    useEffect(() => {
        const moved = () => setPlace(here());
        addEventListener('hashchange', moved);
        return () => removeEventListener('hashchange', moved);
    }, []);
    return place;
}

/** @param {string} hash `#/sessions/12` */
export function go(hash) {
    location.hash = hash;
}

/** Go there as if one had never been here. @param {string} hash */
export function goInstead(hash) {
    history.replaceState(null, '', location.pathname + hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
}

/** @returns {Place} */
function here() {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
    const [page, id] = path.split('/');
    return { page: page || 'talk', id: id ? decodeURIComponent(id) : null, query: new URLSearchParams(query) };
}
