/** What stands in manuals, templates and forms in the place of a secret. Judges short texts only. */

const WORDS = new Set(
  "password passwd pass pwd secret token yourpassword your_password your-password changeme change_me example redacted masked hidden removed null none nil undefined true false yes no required optional string text varchar empty default invalid expired incorrect wrong missing reset".split(
    " ",
  ),
);

const BEGINNING = /^(\$\{?[A-Za-z_]|\$\(|<|\{|%[sdv]|%\(|\[|\*|\.{3}|#\{|:[a-z]|@[A-Za-z])/;

/** Whether the first characters, two at least, say so: nobody need read on. */
export function beginsAsPlaceholder(start: string): boolean {
  return BEGINNING.test(start);
}

/** A variable, a format, a name in brackets, one character again and again, or a word that says that there is none. */
export function isPlaceholder(value: string): boolean {
  if (BEGINNING.test(value) || /^(\$\d+|%[A-Z_]+%)$/.test(value)) return true;
  if (WORDS.has(value.toLowerCase()) || /^(your|my|some|the|insert|enter)[ _-]/i.test(value)) return true;
  const [first = ""] = value;
  return value.length > 2 && /^[*x.•_-]$/i.test(first) && [...value].every((character) => character === first);
}
