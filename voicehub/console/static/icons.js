// Line drawings of 24 by 24, in the colour of the text around them.

import { html } from './html.js';

const PATHS = {
    talk: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM5 11a7 7 0 0 0 14 0M12 18v3',
    muted: 'M9 9v2a3 3 0 0 0 5 2.2M15 10V6a3 3 0 0 0-6-.5M5 11a7 7 0 0 0 11 5.7M19 11a7 7 0 0 1-.7 3M12 18v3M4 3l16 18',
    sessions: 'M4 6h16M4 12h16M4 18h10',
    agents: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 20c1-4 4-5.5 8-5.5s7 1.5 8 5.5',
    usage: 'M5 20v-7M12 20V5M19 20v-10',
    admin: 'M12 3l8 3v6c0 5-3.5 8-8 9-4.500-1-8-4-8-9V6l8-3ZM9 12l2 2 4-4',
    pause: 'M9 5v14M15 5v14',
    play: 'M8 5l11 7-11 7V5Z',
    end: 'M6 6l12 12M18 6L6 18',
    send: 'M4 12l16-8-6 16-3-7-7-1Z',
    sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2M12 20v2M4.900 4.900l1.400 1.400M17.700 17.700l1.400 1.400M2 12h2M20 12h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400',
    out: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h10',
    plus: 'M12 5v14M5 12h14',
    search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM16.500 16.500L21 21',
    download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
    star: 'M12 3.500l2.600 5.400 5.900.8-4.300 4.100 1 5.900-5.200-2.800-5.200 2.800 1-5.900L3.500 9.700l5.900-.8L12 3.500Z',
};

/** @param {{name: keyof typeof PATHS, filled?: boolean}} properties */
export function Icon({ name, filled = false }) {
    return html`<svg
        viewBox="0 0 24 24"
        fill=${filled ? 'currentColor' : 'none'}
        stroke="currentColor"
        stroke-width="1.9"
        stroke-linecap="round"
        stroke-linejoin="round"
        aria-hidden="true"
    >
        <path d=${PATHS[name]} />
    </svg>`;
}
