-- {word}, {digits} and {step} differ from world to world, and show in labelled columns only; lengths and what masks show are the same.
SET search_path = twin;
CREATE FUNCTION pg_temp.secret(tag text, i int) RETURNS text LANGUAGE sql AS
  $$ SELECT substr(md5('{word}' || tag || i), 1, 8) || '{word}' $$;
INSERT INTO countries VALUES ('de', 'Germany', 'eu'), ('fr', 'France', 'eu'), ('us', 'United States', 'us'), ('jp', 'Japan', 'as');
INSERT INTO customers
SELECT i, i % 3, (ARRAY['de', 'fr', 'us', 'jp'])[i % 4 + 1], date '2020-01-01' + i * 5, i * 13 % 29,
  pg_temp.secret('name', i), pg_temp.secret('mail', i) || '@' || pg_temp.secret('host', i % 5) || '.example',
  CASE WHEN (i + {step}) % 10 = 0 THEN NULL ELSE pg_temp.secret('ssn', i) END, pg_temp.secret('tel', i),
  translate(substr(md5('{word}card' || i), 1, 6), 'abcdef', '012345') || '{digits}' || lpad(i::text, 4, '0'),
  make_date(1950 + i, 1, 1) + {step} * i % 300, {digits} + {step} * i % 41, {digits} + {step} * i % 37, {digits}::bigint * 1000000 + {step} * i % 43,
  {digits} + ({step} * i % 31) / 10.0, ({step} * i % 13) < 6, jsonb_build_object('mail', pg_temp.secret('json', i), 'n', {step} * i % 90 + 10),
  json_build_object('raw', pg_temp.secret('raw', i)), ARRAY[pg_temp.secret('tag', i), pg_temp.secret('tag', i + 1)],
  ROW(pg_temp.secret('street', i), pg_temp.secret('town', i))::address, substr(md5('{word}pin' || i), 1, 8),
  convert_to(pg_temp.secret('photo', i), 'UTF8'), (ARRAY['bronze', 'silver', 'gold', 'iron'])[{step} * i % 11 % 4 + 1]::grade,
  daterange(date '2000-01-01' + {step} * i % 90, date '2001-01-01' + {step} * i % 90),
  timestamptz '2021-01-01 00:00Z' + interval '1 hour' * ({step} * i % 900), md5('{word}key' || i)::uuid,
  ('10.0.' || {step} * i % 90 + 10 || '.7')::inet, array_to_tsvector(ARRAY[pg_temp.secret('word', i)])
FROM generate_series(1, 40) i;
INSERT INTO orders SELECT i, i * 7 % 40 + 1, i * 1.5, date '2022-01-01' + i, (ARRAY['open', 'paid'])[i % 2 + 1], pg_temp.secret('note', i)
FROM generate_series(1, 80) i;
INSERT INTO payments SELECT i, (ARRAY['eu', 'us'])[i % 2 + 1], i % 40 + 1, i * 3, pg_temp.secret('account', i) FROM generate_series(1, 40) i;
INSERT INTO people SELECT i, pg_temp.secret('nick', i) FROM generate_series(1, 5) i;
INSERT INTO staff SELECT i, pg_temp.secret('nick', i), pg_temp.secret('badge', i) FROM generate_series(6, 9) i;
INSERT INTO vault SELECT i, CASE WHEN i < 4 THEN 'twin_app' ELSE 'postgres' END, pg_temp.secret('vault', i) FROM generate_series(1, 6) i;
INSERT INTO guesses VALUES (1, substr(md5('xal' || 'phassn7'), 1, 8)), (2, 'none');
REFRESH MATERIALIZED VIEW kept;
DROP FUNCTION pg_temp.secret;
ANALYZE;
