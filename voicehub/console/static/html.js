// How pages are written: Preact by tagged templates. What is put into one is text, whatever it holds.

export {
    html,
    render,
    createContext,
    useCallback,
    useContext,
    useEffect,
    useMemo,
    useRef,
    useState,
} from './vendor/htm/preact-standalone.js';
