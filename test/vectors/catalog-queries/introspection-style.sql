-- Written by hand in the manner of schema introspection of TypeScript and Rust ORMs (Prisma and its like) and of database browsers: the same catalogs, joins and functions.

SELECT n.nspname AS namespace, obj_description(n.oid, 'pg_namespace') AS remarks FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' ORDER BY 1;

-- parameters: ["{shop,public}"]
SELECT t.relname AS "table", s.nspname AS namespace, t.relhassubclass AND t.relkind = 'p' AS partitioned, t.relrowsecurity AS rls, t.reloptions,
  obj_description(t.oid, 'pg_class') AS remarks
FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
WHERE t.relkind IN ('r', 'p', 'f') AND s.nspname = ANY ($1) ORDER BY 2, 1;

-- parameters: ["{shop}"]
SELECT v.viewname, v.schemaname, v.definition FROM pg_views v WHERE v.schemaname = ANY ($1) AND v.viewname <> 'mixed' ORDER BY 1;

-- parameters: ["{shop}"]
SELECT c.table_schema, c.table_name, c.column_name, c.is_nullable, c.udt_schema, c.udt_name, c.column_default, c.identity_generation, c.is_generated,
  format_type(a.atttypid, a.atttypmod) AS full_type, col_description(a.attrelid, a.attnum) AS remarks, pg_get_expr(d.adbin, d.adrelid) AS default_text
FROM information_schema.columns c
JOIN pg_namespace n ON n.nspname = c.table_schema
JOIN pg_class r ON r.relname = c.table_name AND r.relnamespace = n.oid
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = c.column_name
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.table_schema = ANY ($1) AND c.table_name <> 'tied' ORDER BY 1, 2, c.ordinal_position;

-- parameters: ["{shop}"]
SELECT k.oid AS id, k.conname, child.relname AS child, parent.relname AS parent, parent_schema.nspname AS parent_schema,
  child_column.attname AS child_column, parent_column.attname AS parent_column, k.confdeltype, k.confupdtype
FROM (SELECT oid, conname, conrelid, confrelid, confdeltype, confupdtype, unnest(conkey) AS here, unnest(confkey) AS there, generate_subscripts(conkey, 1) AS n
  FROM pg_constraint WHERE contype = 'f') k
JOIN pg_class child ON child.oid = k.conrelid JOIN pg_namespace s ON s.oid = child.relnamespace
JOIN pg_class parent ON parent.oid = k.confrelid JOIN pg_namespace parent_schema ON parent_schema.oid = parent.relnamespace
JOIN pg_attribute child_column ON child_column.attrelid = k.conrelid AND child_column.attnum = k.here
JOIN pg_attribute parent_column ON parent_column.attrelid = k.confrelid AND parent_column.attnum = k.there
WHERE s.nspname = ANY ($1) ORDER BY k.conname, k.n;

-- parameters: ["{shop}"]
WITH keys AS (SELECT indrelid, indexrelid, indisunique, indisprimary, unnest(indkey) AS attribute, generate_subscripts(indkey, 1) AS place,
    unnest(indclass) AS class, unnest(indoption) AS option FROM pg_index WHERE indpred IS NULL AND NOT indisexclusion)
SELECT s.nspname, i.relname AS index, t.relname AS "table", a.attname, keys.indisunique, keys.indisprimary, keys.place, o.opcname, o.opcdefault, m.amname,
  keys.option & 1 AS descending, k.condeferrable
FROM keys JOIN pg_class t ON t.oid = keys.indrelid JOIN pg_class i ON i.oid = keys.indexrelid JOIN pg_namespace s ON s.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = keys.attribute JOIN pg_am m ON m.oid = i.relam
LEFT JOIN pg_opclass o ON o.oid = keys.class LEFT JOIN pg_constraint k ON k.conindid = keys.indexrelid AND k.contype <> 'f'
WHERE s.nspname = ANY ($1) AND t.relname <> 'tied' ORDER BY 1, 3, 2, 7;

-- parameters: ["{shop}"]
SELECT s.nspname, t.relname, k.conname, k.contype, pg_get_constraintdef(k.oid) AS definition FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace s ON s.oid = t.relnamespace
WHERE s.nspname = ANY ($1) AND k.contype NOT IN ('p', 'u', 'f') ORDER BY 1, 2, 3;

-- parameters: ["{shop}"]
SELECT t.typname AS name, e.enumlabel AS value, n.nspname, obj_description(t.oid, 'pg_type') AS remarks FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid
JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY ($1) ORDER BY e.enumsortorder;

-- parameters: ["{shop}"]
SELECT p.proname, n.nspname, CASE WHEN p.prokind = 'a' THEN p.proname::text ELSE pg_get_functiondef(p.oid) END AS definition, pg_get_function_result(p.oid) AS result,
  (SELECT string_agg(format_type(a, NULL), ',') FROM unnest(p.proargtypes) a) AS arguments
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = ANY ($1) ORDER BY 1;

-- parameters: ["{shop}"]
SELECT s.sequence_name, s.start_value, s.minimum_value, s.increment, q.seqcache FROM information_schema.sequences s
JOIN pg_class c ON c.relname = s.sequence_name JOIN pg_sequence q ON q.seqrelid = c.oid WHERE s.sequence_schema = ANY ($1) ORDER BY 1;

SELECT e.extname, e.extversion, n.nspname, e.extrelocatable FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1;

SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'customers') AS known, to_regclass('shop.customers') IS NOT NULL AS found;

SELECT c.oid, c.relname, c.xmin::text::bigint AS version, c.tableoid::regclass AS kind, pg_total_relation_size(c.oid) > -1 AS sized, age(c.relfrozenxid) > 0 AS aged
FROM pg_catalog.pg_class c WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' AND c.relname = 'customers';

SELECT 'shop.customers'::regclass::oid = c.oid AS same, pg_size_pretty(pg_table_size('shop.customers')) IS NOT NULL AS sized FROM pg_class c WHERE c.oid = 'shop.customers'::regclass;
