/** Version of Postern, as `postern version` and gateway.started say it; the same as in package.json, which a test compares. */
export const VERSION = "0.1.0";
