// The types of vendor/htm/preact-standalone.js, as far as the console uses it.

/** What stands in a template; named so that functions in it have types for their parameters. */
type Value = ((...given: any[]) => any) | readonly Value[] | object | string | number | boolean | null | undefined;
export type Node = object;
export type Update<State> = (next: State | ((before: State) => State)) => void;
export interface Context<Value> {
    Provider: (properties: { value: Value; children?: any }) => Node;
}
export function html(strings: TemplateStringsArray, ...values: Value[]): Node;
export function render(node: Node, parent: Element): void;
export function createContext<Value>(initially: Value): Context<Value>;
export function useCallback<Callback extends (...given: any[]) => any>(callback: Callback, inputs: unknown[]): Callback;
export function useContext<Value>(context: Context<Value>): Value;
export function useEffect(effect: () => (() => void) | undefined | void, inputs?: unknown[]): void;
export function useMemo<Value>(make: () => Value, inputs: unknown[]): Value;
export function useRef<Value>(initially: Value): { current: Value };
export function useState<State>(initially: State | (() => State)): [State, Update<State>];
