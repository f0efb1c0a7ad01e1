/**
 * Reads a script for psql as psql does: what it would send to the server, each with what psql would do with the answer. Backslash
 * commands and rows of COPY are cut out; `\if` is followed where its condition is a constant, and is false otherwise.
 * Source: src/fe_utils/psqlscan.l and src/bin/psql/mainloop.c of PostgreSQL 18. Sends nothing.
 */

/** Commands that send what was written before them. */
const SENDING = new Set(["g", "gx", "gset", "gdesc", "gexec", "crosstabview", "watch", "sendpipeline", "parse"]);
/** A variable that only the answer to a statement gives: between these two characters, as the script writes it. */
export const VARIABLE = { open: "⟦", close: "⟧" };

/** @param text of the script. @param variables that psql would have, by name; changed by \set. */
export function readPsqlScript(text, variables) {
  return new Script(text, variables).read();
}

class Script {
  #at = 0;
  #buffer = "";
  #parens = 0;
  #begins = 0;
  #words = [];
  #wordCount = 0;
  #standardStrings = true;
  #binds = null;
  /** Of \if, innermost last: whether its branch is taken, and whether one was. */
  #branches = [];
  #ended = false;
  #items = [];
  #text;
  #variables;

  constructor(text, variables) {
    this.#text = text;
    this.#variables = variables;
  }

  read() {
    while (this.#at < this.#text.length && !this.#ended) this.#step();
    return this.#items;
  }

  get #isActive() {
    return this.#branches.every(({ taken }) => taken);
  }

  #match(pattern) {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  /** Takes the text that is there, as part of the statement. */
  #take(found) {
    this.#at += found.length;
    this.#buffer += found;
  }

  #step() {
    const white = this.#match(/[ \t\r\n\f\v]+|--[^\n]*/y);
    if (white !== undefined) {
      if (this.#buffer === "") this.#at += white.length;
      else this.#take(white);
      return;
    }
    const next = this.#text[this.#at];
    if (next === "\\") return this.#command();
    if (this.#text.startsWith("/*", this.#at)) return this.#take(this.#comment());
    const quoted = this.#quoted();
    if (quoted !== undefined) return this.#take(quoted);
    const word = this.#match(/[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*/y);
    if (word !== undefined) {
      this.#word(word);
      return this.#take(word);
    }
    if (next === ":") return this.#variable();
    if (next === "(") this.#parens++;
    if (next === ")" && this.#parens > 0) this.#parens--;
    if (next === ";" && this.#parens === 0 && this.#begins === 0) {
      this.#at++;
      return this.#send({});
    }
    this.#take(this.#match(/\$?[0-9]+[0-9A-Za-z_.$]*|[\s\S]/y));
  }

  #comment() {
    let depth = 0;
    const pattern = /\/\*|\*\//g;
    pattern.lastIndex = this.#at;
    for (let found = pattern.exec(this.#text); found !== null; found = pattern.exec(this.#text)) {
      depth += found[0] === "/*" ? 1 : -1;
      if (depth === 0) return this.#text.slice(this.#at, pattern.lastIndex);
    }
    return this.#text.slice(this.#at);
  }

  #quoted() {
    const tag = this.#match(/\$(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?\$/y);
    if (tag !== undefined) {
      const end = this.#text.indexOf(tag, this.#at + tag.length);
      return this.#text.slice(this.#at, end === -1 ? undefined : end + tag.length);
    }
    const escaped = this.#standardStrings ? /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y : /[eE]?'(?:[^'\\]|\\[\s\S]|'')*'/y;
    return (
      this.#match(escaped) ??
      this.#match(/(?:[uU]&|[bBxXnN])?'(?:[^']|'')*'/y) ??
      this.#match(/(?:[uU]&)?"(?:[^"]|"")*"/y)
    );
  }

  /** psql's guess at BEGIN … END in the body of a function. */
  #word(word) {
    const lower = word.toLowerCase();
    if (["create", "function", "procedure", "or", "replace"].includes(lower) && this.#wordCount < 4) {
      this.#words[this.#wordCount] = lower[0];
    }
    this.#wordCount++;
    const [first, second, third, fourth] = this.#words;
    const isRoutine = (letter) => letter === "f" || letter === "p";
    if (first !== "c" || this.#parens > 0) return;
    if (!isRoutine(second) && !(second === "o" && third === "r" && isRoutine(fourth))) return;
    if (lower === "begin" || (lower === "case" && this.#begins > 0)) this.#begins++;
    else if (lower === "end" && this.#begins > 0) this.#begins--;
  }

  #variable() {
    const [written, quote, name] = this.#named();
    if (name === undefined) return this.#take(this.#match(/::|:=|:/y));
    this.#at += written.length;
    const value = this.#variables.get(name);
    if (value === undefined) this.#buffer += `${VARIABLE.open}${written}${VARIABLE.close}`;
    else this.#buffer += quoteAs(quote, value);
  }

  #named() {
    const pattern = /:(?:'([A-Za-z0-9_]+)'|"([A-Za-z0-9_]+)"|([A-Za-z0-9_]+))/y;
    pattern.lastIndex = this.#at;
    const found = this.#text.startsWith("::", this.#at) ? null : pattern.exec(this.#text);
    if (found === null) return [];
    const quote = found[1] !== undefined ? "'" : found[2] !== undefined ? '"' : "";
    return [found[0], quote, found[1] ?? found[2] ?? found[3]];
  }

  #send(how) {
    const sql = this.#buffer.trimEnd();
    this.#reset();
    const binds = this.#binds;
    this.#binds = null;
    const takesRows = /^\s*copy\s[^;]*\sfrom\s+stdin\b/is.test(sql) && !("describes" in how);
    const rows = takesRows ? this.#rows() : undefined;
    if (sql === "" || !this.#isActive) return;
    const switched = /^\s*(?:set|reset)\s+standard_conforming_strings\b(.*)/is.exec(sql);
    if (switched !== null) this.#standardStrings = !/off|false|0/i.test(switched[1]);
    const item = { sql, ...how, ...(rows === undefined ? {} : { rows }), ...(binds === null ? {} : { binds }) };
    this.#items.push(Object.keys(item).length === 1 ? sql : item);
  }

  #reset() {
    this.#buffer = "";
    this.#parens = 0;
    this.#begins = 0;
    this.#words = [];
    this.#wordCount = 0;
  }

  /** Behind the line of the COPY, up to a line `\.`; undefined where there is none before the next statement. */
  #rows() {
    const start = this.#text.indexOf("\n", this.#at) + 1;
    const end = /^\\\.\r?$\n?/gm;
    end.lastIndex = start;
    const found = end.exec(this.#text);
    if (start === 0 || found === null) return undefined;
    const rows = this.#text.slice(start, found.index);
    if (/^\s*(?:select|insert|drop|create|copy|alter|begin|rollback)\b.*;\s*$/im.test(rows)) return undefined;
    this.#at = end.lastIndex;
    return rows;
  }

  #command() {
    const forced = this.#match(/\\[;:]/y);
    if (forced !== undefined) {
      this.#at += 2;
      this.#buffer += forced[1];
      return;
    }
    const name = (this.#match(/\\(?:[^\s\\;|]+|\S?)/y) ?? "\\").slice(1);
    this.#at += name.length + 1;
    const branch = ["if", "elif", "else", "endif"].includes(name);
    if (name === "copy") return this.#copy();
    const args = this.#arguments(branch);
    if (branch) return this.#branch(name, args);
    if (!this.#isActive) return SENDING.has(name) ? this.#reset() : undefined;
    if (SENDING.has(name)) return this.#send(howOf(name, args));
    this.#run(name, args);
  }

  #run(name, args) {
    if (name === "r" || name === "reset") this.#reset();
    else if (name === "q" || name === "quit") this.#ended = true;
    else if (name === "bind") this.#binds = args;
    else if (name === "set" && args.length > 1) this.#variables.set(args[0], args.slice(1).join(""));
    else if (name === "unset") this.#variables.delete(args[0]);
    else if (name === "c" || name === "connect") {
      const role = args.find((arg, index) => index === 1 && arg !== "-");
      this.#items.push({ connect: role ?? "" });
    }
  }

  /** \copy takes its line as it is, and is a COPY of the server's. */
  #copy() {
    const line = this.#match(/[^\n]*/y);
    this.#at += line.length;
    const kept = this.#buffer;
    this.#buffer = `COPY${line.replace(/;\s*$/, "")}`;
    this.#send({});
    this.#buffer = kept;
  }

  /** Up to the end of the line or the next command. Quotes are taken off, variables replaced where they are known. */
  #arguments(isBranch) {
    const args = [];
    for (;;) {
      const white = this.#match(/[ \t\r\f\v]+/y);
      if (white !== undefined) this.#at += white.length;
      const next = this.#text[this.#at];
      if (next === undefined || next === "\n") return args;
      if (next === "\\") {
        if (this.#text[this.#at + 1] === "\\") this.#at += 2;
        return args;
      }
      let arg = "";
      for (let part = this.#part(); part !== undefined; part = this.#part()) arg += part;
      args.push(arg);
      if (isBranch && args.length > 20) return args;
    }
  }

  #part() {
    const quoted = this.#match(/'(?:[^'\\\n]|\\.|'')*'|"[^"\n]*"|`[^`\n]*`/y);
    if (quoted !== undefined) {
      this.#at += quoted.length;
      return quoted.slice(1, -1).replaceAll("''", "'");
    }
    const [written, quote, name] = this.#named();
    if (name !== undefined) {
      this.#at += written.length;
      const value = this.#variables.get(name);
      return value === undefined ? written : quoteAs(quote, value);
    }
    const plain = this.#match(/[^\s\\]/y);
    if (plain !== undefined) this.#at += plain.length;
    return plain;
  }

  #branch(name, args) {
    const isTrue = /^(?:true|tru|tr|t|on|yes|ye|y|1)$/i.test(args[0] ?? "") && args.length === 1;
    const branch = this.#branches.at(-1);
    if (name === "if") this.#branches.push({ taken: isTrue, done: isTrue });
    else if (name === "endif") this.#branches.pop();
    else if (branch !== undefined) {
      branch.taken = !branch.done && (name === "else" || isTrue);
      branch.done ||= branch.taken;
    }
  }
}

function quoteAs(quote, value) {
  return quote === "" ? value : `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;
}

function howOf(name, args) {
  if (name === "gset") return { sets: args[0] ?? "" };
  if (name === "gexec") return { executes: true };
  return name === "gdesc" || name === "parse" ? { describes: true } : {};
}
