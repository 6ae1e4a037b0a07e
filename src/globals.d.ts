// Constants that the build puts in place of these names.

/** Version in package.json. */
declare const __VERSION__: string;

/** Short git hash that was built, or "unknown" outside a git checkout. */
declare const __COMMIT__: string;
