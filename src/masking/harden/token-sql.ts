/**
 * The token function and its keys, as `postern harden` installs them: HMAC-SHA-256 (RFC 2104) out of the server's own sha256(), so that no
 * extension is needed. Each domain has a key of its own, made by the server and readable by the functions' owner alone.
 */

/** Bytes of a SHA-256 block, which keys are padded to. */
const BLOCK = 64;

/**
 * @param domains labels whose mask is `token`. @param owner quoted. @returns statements, each ended; the same again changes nothing:
 * keys stay, and so do tokens.
 */
export function tokenStatements(domains: readonly string[], owner: string): readonly string[] {
  return [
    `-- Keys of tokens, each as the two blocks that HMAC begins its hashes with. Nobody but the owner reads them; they are in dumps of the database.
CREATE TABLE IF NOT EXISTS postern.token_keys (
  domain pg_catalog.text PRIMARY KEY,
  inner_pad pg_catalog.bytea NOT NULL,
  outer_pad pg_catalog.bytea NOT NULL,
  made_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now());`,
    `ALTER TABLE postern.token_keys OWNER TO ${owner};`,
    "REVOKE ALL ON TABLE postern.token_keys FROM PUBLIC;",
    `-- \`key XOR byte\`, padded to a block. Used while a key is made.
CREATE OR REPLACE FUNCTION postern.key_pad(key pg_catalog.bytea, fill pg_catalog.int4) RETURNS pg_catalog.bytea
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $pad$
DECLARE
  block bytea := CASE WHEN length(key) > ${BLOCK} THEN sha256(key) ELSE key END;
  pad bytea := decode(repeat(lpad(to_hex(fill), 2, '0'), ${BLOCK}), 'hex');
BEGIN
  FOR i IN 0 .. length(block) - 1 LOOP
    pad := set_byte(pad, i, get_byte(block, i) # fill);
  END LOOP;
  RETURN pad;
END $pad$;`,
    `ALTER FUNCTION postern.key_pad(pg_catalog.bytea, pg_catalog.int4) OWNER TO ${owner};`,
    "REVOKE ALL ON FUNCTION postern.key_pad(pg_catalog.bytea, pg_catalog.int4) FROM PUBLIC;",
    ...domains.map(
      (domain) => `-- 256 bits of the server's own randomness (gen_random_uuid() is 122 each), hashed together.
INSERT INTO postern.token_keys (domain, inner_pad, outer_pad)
SELECT '${domain}', postern.key_pad(key, 54), postern.key_pad(key, 92)
FROM (SELECT pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
  OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())) AS key OFFSET 0) AS made
ON CONFLICT (domain) DO NOTHING;`,
    ),
    `-- The token of a value. NULL for NULL, and where the domain has no key. It reads its key as its owner; the query that does is not shown
-- to the session, whose gateway would take it for the agent's.
CREATE OR REPLACE FUNCTION postern.token(domain pg_catalog.text, value pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET debug_print_rewritten = off SET debug_print_parse = off SET debug_print_plan = off AS $token$
  SELECT 'tok_' || left(encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(value, 'UTF8'))), 'hex'), 32)
  FROM postern.token_keys AS k WHERE k.domain = token.domain
$token$;`,
    `ALTER FUNCTION postern.token(pg_catalog.text, pg_catalog.text) OWNER TO ${owner};`,
    "REVOKE ALL ON FUNCTION postern.token(pg_catalog.text, pg_catalog.text) FROM PUBLIC;",
  ];
}
