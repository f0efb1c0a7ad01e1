/** Vectors by file name, as lines of JSON: `{ cell, find: { detector: [text, …] } }`. */
export declare function makeVectors(): Record<string, string>;
