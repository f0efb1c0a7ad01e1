/** What stands in manuals, templates and forms in the place of a secret. Judges short texts only. */

const WORDS = new Set(
  "password passwd pass pwd secret token yourpassword your_password your-password changeme change_me example redacted masked hidden removed null none nil undefined true false yes no required optional string text varchar empty default invalid expired incorrect wrong missing reset".split(
    " ",
  ),
);

/** A variable, a format, a name in brackets, one character again and again, or a word that says that there is none. */
export function isPlaceholder(value: string): boolean {
  if (/^(\$\{?[A-Za-z_]|\$\(|<|\{|%[sdv]|%\(|%[A-Z_]+%$|\[|\*|\.{3}|#\{|\$\d|:[a-z]|@[A-Za-z])/.test(value))
    return true;
  if (WORDS.has(value.toLowerCase()) || /^(your|my|some|the|insert|enter)[ _-]/i.test(value)) return true;
  const [first = ""] = value;
  return value.length > 2 && /^[*x.•_-]$/i.test(first) && [...value].every((character) => character === first);
}
